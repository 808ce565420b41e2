//! `bitsmith tune`

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::builder::PossibleValuesParser;
use serde_json::json;

use super::choice::Choice;
use super::choose::choose;
use super::fpga;
use super::model::ModelArgs;
use super::network::{Asked, Goals, Network};
use super::progress::Bar;
use super::{new_run_folder, print, read_plan, report, stop_flag};
use crate::appraisal::{ACCURACY, appraise};
use crate::bench::build::cache_folder;
use crate::bench::{Device, energy::Meter};
use crate::certificate::{Group, Winner, group_of};
use crate::fpga::device::Device as Fpga;
use crate::record::{Accuracy, Energy, Table, read_table};
use crate::run::{Provenance, Run, Tool, read_provenance, write_file};
use crate::scheme;
use crate::search;
use crate::study::memory::runs_of;
use crate::study::{Budget, Cost, Plan, Progress, Study, Tables};
use crate::target::Target;
use crate::timing::Model;

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Target to tune for: a name from `bitsmith targets`, a TOML file, or `host`; may be repeated
    #[arg(long = "target", value_name = "T")]
    targets: Vec<String>,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    goals: Goals,
    /// What the whole run may spend, shared among its layers: 60s, 10m, 200trials [default: 5s for each layer x scheme]
    #[arg(long, value_name = "60s|200trials")]
    budget: Option<Budget>,
    /// Search strategy
    #[arg(long, value_name = "NAME", default_value = search::STRATEGIES[0].name,
          value_parser = PossibleValuesParser::new(search::STRATEGIES.iter().map(|s| s.name)))]
    strategy: String,
    /// Sessions of each winner beside its final, each in a program of its own: with some, runs can be compared
    #[arg(long, value_name = "N", default_value_t = 2)]
    repeats: usize,
    /// Learn nothing from earlier runs below results
    #[arg(long)]
    cold: bool,
    /// Seed of everything random
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder of the run [default: results/TARGET/DATE-N]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with an interrupted run; every other choice is the run's own
    #[arg(long, value_name = "DIR", conflicts_with_all = ["targets", "networks", "layers", "gemm", "conv", "schemes", "out", "model"])]
    resume: Option<PathBuf>,
    /// One JSON document on stdout: the winner of every layer x scheme
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Without --network, --layers, --gemm or --conv the built-in layers are tuned: a small CNN with trained weights
(digits), keyword spotting (tiny-kws) and BERT-base.

Examples:
  bitsmith tune --gemm 512x512x512 --contract int8 --budget 60s
  bitsmith tune --conv 56x56x64x64x3x3s1p1 --scheme w8a8 --budget 200trials
  bitsmith tune --network llama-7b --regime weights-cold --threads 2 --budget 10m
  bitsmith tune --layers mine.toml --json > winners.json
  bitsmith tune --model m.onnx --data x.npy --labels y.npy --scheme f32 --scheme w8a8 --scheme w4a8 --max-drop 1%
  bitsmith tune --resume results/x86-avx2/2026-01-31-1";

pub fn run(args: &Args) -> Result<()> {
    let stop = stop_flag()?;
    let mut documents = Vec::new();
    match &args.resume {
        Some(dir) => documents.push(resume(dir, args, stop)?),
        None if args.model.model.is_some() => {
            ensure!(args.targets.len() < 2, "--model takes one --target: schemes are chosen for one device");
            ensure!(
                !args.choice.names_layers(),
                "--model stands alone; leave out --network, --layers, --gemm and --conv"
            );
            let target = Target::find(args.targets.first().map_or("host", String::as_str))?;
            target.require()?;
            let asked =
                Asked { model: args.model.clone(), goals: args.goals.clone(), schemes: Some(args.choice.schemes()?) };
            documents.push(tune_model(&asked, target, args, stop)?);
        }
        None => {
            let targets = if args.targets.is_empty() { vec!["host".to_string()] } else { args.targets.clone() };
            let (mut fpgas, mut others) = (vec![], vec![]);
            for name in targets {
                match Fpga::named(&name)? {
                    Some(device) => fpgas.push(device),
                    None => others.push(name),
                }
            }
            let targets = others;
            ensure!(
                targets.is_empty() || args.goals.max_drop().is_none(),
                "--max-drop is for --model and for FPGAs; {} has neither",
                targets.join(", ")
            );
            let targets: Vec<Target> = targets.iter().map(|t| Target::find(t)).collect::<Result<_>>()?;
            targets.iter().try_for_each(Target::require)?;
            let plans: Vec<Plan> = targets.iter().map(|t| plan(args, t)).collect::<Result<_>>()?;
            for (target, plan) in targets.into_iter().zip(plans) {
                documents.push(tune(&plan, target, None, args, stop)?);
            }
            for device in fpgas {
                let plan = fpga_plan(args, device)?;
                documents.push(fpga::tune(&plan, &new_folder(args, &plan.device.name)?, args.json, stop)?);
            }
        }
    }
    if args.json {
        let document = if documents.len() == 1 { documents.remove(0) } else { json!({ "runs": documents }) };
        print(&format!("{}\n", serde_json::to_string_pretty(&document)?))?;
    }
    Ok(())
}

fn plan(args: &Args, target: &Target) -> Result<Plan> {
    let mut plan = args.choice.plan(target, vec![])?;
    (plan.strategy, plan.seed, plan.repeats) = (args.strategy.clone(), args.seed, args.repeats);
    plan.budget = args.budget.unwrap_or(plan.budget);
    plan.learned_from = if args.cold { vec![] } else { runs_of(&target.name) };
    Ok(plan)
}

/// Designs of an FPGA in place of kernels: what has integers on one grid.
fn fpga_plan(args: &Args, device: Fpga) -> Result<fpga::Plan> {
    let layers = args.choice.layers(vec![])?;
    let schemes: Vec<String> =
        if args.choice.names_schemes() { args.choice.schemes()? } else { vec!["w8a8".into(), "w4a4".into()] };
    let seconds = fpga::seconds(args.budget, layers.len())?;
    Ok(fpga::Plan { device, layers, schemes, seconds, seeds: 3, max_drop: args.goals.max_drop().unwrap_or(0.01) })
}

/// A whole network: what its layers do to it, their times, the choice, and the network that was chosen.
fn tune_model(asked: &Asked, target: Target, args: &Args, stop: &AtomicBool) -> Result<serde_json::Value> {
    let network = Network::new(asked, args.choice.contract(), &args.choice.schemes()?, stop)?;
    let dir = new_folder(args, &target.name)?;
    write_file(&dir.join("model.json"), &format!("{}\n", serde_json::to_string_pretty(asked)?))?;
    let mut plan = args.choice.plan(&target, network.layers(&dir)?)?;
    plan.schemes = network.schemes().to_vec();
    (plan.strategy, plan.seed, plan.repeats) = (args.strategy.clone(), args.seed, args.repeats);
    plan.budget = args.budget.unwrap_or(plan.budget);
    write_file(&dir.join("study.json"), &format!("{}\n", serde_json::to_string_pretty(&plan)?))?;
    go_on_with(&network, &plan, target, &dir, args, stop)
}

fn go_on_with(
    network: &Network,
    plan: &Plan,
    target: Target,
    dir: &Path,
    args: &Args,
    stop: &AtomicBool,
) -> Result<serde_json::Value> {
    let again = format!("stopped early; go on with: bitsmith tune --resume {}\n", dir.display());
    let tell = |text: &str| {
        if args.json {
            eprint!("{text}");
            return Ok(());
        }
        print(text)
    };
    match network.sensitivities(dir) {
        Err(_) if stop.load(Ordering::Relaxed) => {
            tell(&again)?;
            return Ok(serde_json::Value::Null);
        }
        outcome => outcome?,
    }
    let mut document = tune(plan, target, Some(dir), args, stop)?;
    if stop.load(Ordering::Relaxed) {
        return Ok(document);
    }
    let (text, chosen) = match choose(network, dir, &Run::load(dir)?, plan) {
        Err(_) if stop.load(Ordering::Relaxed) => {
            tell(&again)?;
            return Ok(document);
        }
        outcome => outcome?,
    };
    // the page says what was chosen
    report::finish(&Run::load(dir)?)?;
    if let Some(fields) = document.as_object_mut() {
        fields.insert("network".into(), chosen);
    } else {
        print(&text)?;
    }
    Ok(document)
}

/// A folder that no run has used yet.
fn new_folder(args: &Args, target: &str) -> Result<PathBuf> {
    let make = |dir: &Path| fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()));
    if let Some(out) = &args.out {
        let dir = if args.targets.len() > 1 { out.join(target) } else { out.clone() };
        if dir.join("records.csv").exists() || fpga::is_run(&dir) {
            bail!("{} already holds a run; go on with it by `--resume {0}`, or give another --out", dir.display());
        }
        make(&dir)?;
        return Ok(dir);
    }
    new_run_folder(&Path::new("results").join(target))
}

fn resume(dir: &Path, args: &Args, stop: &AtomicBool) -> Result<serde_json::Value> {
    if fpga::is_run(dir) {
        let mut plan = fpga::Plan::read(dir)?;
        plan.seconds = args.budget.map_or(Ok(plan.seconds), |b| fpga::seconds(Some(b), 1))?;
        return fpga::tune(&plan, dir, args.json, stop);
    }
    let mut plan = read_plan(dir)?;
    if let Some(budget) = args.budget {
        plan.budget = budget;
    }
    if let Ok(text) = fs::read_to_string(dir.join("model.json")) {
        let asked: Asked =
            serde_json::from_str(&text).with_context(|| format!("{}/model.json is damaged", dir.display()))?;
        let network = Network::new(&asked, plan.contract, &plan.schemes, stop)?;
        return go_on_with(&network, &plan, plan.target.clone(), dir, args, stop);
    }
    tune(&plan, plan.target.clone(), Some(dir), args, stop)
}

/// Runs a plan in a new folder, or goes on in `old`. Nothing is written before the device is known to work.
fn tune(plan: &Plan, target: Target, old: Option<&Path>, args: &Args, stop: &AtomicBool) -> Result<serde_json::Value> {
    let place = |device: &Device| old.map_or_else(|| new_folder(args, &device.target.name), |dir| Ok(dir.into()));
    let (dir, costs) = carry_out(plan, target, place, &mut Bar::new(), stop)?;
    let run = Run::load(&dir)?;
    let text = report::finish(&run)?;
    if args.json {
        return Ok(document(&run, &costs));
    }
    print(&text)?;
    if stop.load(Ordering::Relaxed) {
        print(&format!("stopped early; go on with: bitsmith tune --resume {}\n", dir.display()))?;
    }
    Ok(serde_json::Value::Null)
}

/// Runs a plan in the folder that `place` gives once the device is known to work; goes on with what the folder holds.
pub fn carry_out(
    plan: &Plan,
    target: Target,
    place: impl FnOnce(&Device) -> Result<PathBuf>,
    bar: &mut Bar,
    stop: &AtomicBool,
) -> Result<(PathBuf, HashMap<Group, Cost>)> {
    let cache = cache_folder()?;
    let device = Device::open(target, &cache)?;
    device.has_cpus(plan.threads)?;
    let _lock = device.lock(&cache, |text| bar.note(text))?;
    let device = device.with_roofs(&cache, plan.threads)?;
    let dir = &place(&device)?;
    let model = modelled(&device, plan, bar);
    let mut tables = Tables::open(dir, model.is_some())?;
    if Meter::of(&device).is_ok() {
        tables.energy = Some(Table::open::<Energy>(&dir.join("energy.csv"))?.0);
    }
    write_file(&dir.join("study.json"), &format!("{}\n", serde_json::to_string_pretty(plan)?))?;
    for scheme in plan.schemes.iter().map(|s| scheme::find(s)).collect::<Result<Vec<_>>>()? {
        let kernels = scheme.on_device();
        if kernels.compressions.len() < scheme.compressions.len() {
            let kernels = kernels.without_idle();
            bar.note(&format!("{scheme} is no faster than {kernels}: its kernels, which are dense, are timed once"));
        }
    }
    let provenance = provenance(&device, dir)?;
    if !provenance.counters.is_empty() {
        bar.note(&format!("hardware counters: none ({}); times only", provenance.counters));
    }
    write_file(&dir.join("host.toml"), &toml::to_string_pretty(&provenance)?)?;
    measure_accuracy(plan, dir, stop)?;
    tables.accuracy = read_table(&dir.join("accuracy.csv"))?;
    let mut study = Study::new(plan, &device, tables, stop);
    study.model = model;
    let costs = study.run(bar)?;
    Ok((dir.clone(), costs))
}

/// The model of a device that gives no times, where its target describes one and this machine has what it takes.
fn modelled<'a>(device: &'a Device, plan: &Plan, bar: &mut Bar) -> Option<Model<'a>> {
    if device.times() || device.target.model.is_none() {
        return None;
    }
    let model = match plan.threads {
        1 => Model::new(device),
        _ => Err(anyhow!("only kernels of one thread are modelled")),
    };
    model.map_err(|why| bar.note(&format!("no modelled times: {why:#}"))).ok()
}

/// Where the figures come from; a run that goes on keeps the command and the date that it began with.
pub fn provenance(device: &Device, dir: &Path) -> Result<Provenance> {
    let before = read_provenance(dir)?;
    let quote = |a: String| if a.contains([' ', '*', '"']) { format!("'{a}'") } else { a };
    let command: Vec<String> = std::env::args().skip(1).map(quote).collect();
    let command = format!("bitsmith {}", command.join(" "));
    let (command, started) =
        before.map_or_else(|| (command, jiff::Timestamp::now().to_string()), |p| (p.command, p.started));
    Ok(Provenance {
        schema: 1,
        tool: Tool::this(),
        command,
        started,
        target: device.target.name.clone(),
        target_title: device.target.title.clone(),
        compiler: device.builder.id.clone(),
        compiler_flags: device.target.compiler.flags.clone(),
        counters: device.why_no_counters(),
        energy: Meter::of(device).err().unwrap_or_default(),
        host: device.host.clone(),
        roofs: device.roofs.clone(),
    })
}

/// Accuracy belongs to layer x scheme and is measured once, before anything is timed.
fn measure_accuracy(plan: &Plan, dir: &Path, stop: &AtomicBool) -> Result<()> {
    let (mut table, old) = Table::open::<Accuracy>(&dir.join("accuracy.csv"))?;
    let key = |a: &Accuracy| (a.network.clone(), a.layer.clone(), a.scheme.clone());
    let known: HashSet<_> = old.iter().map(key).collect();
    let wanted = |network: &str, layer: &str, scheme: &str| {
        !stop.load(Ordering::Relaxed) && !known.contains(&(network.into(), layer.into(), scheme.into()))
    };
    appraise(&ACCURACY, &plan.layers, &plan.schemes, plan.contract, wanted, |rows| table.append_all(&rows))
}

fn document(run: &Run, costs: &HashMap<Group, Cost>) -> serde_json::Value {
    let layers: Vec<_> = run.winners.iter().map(|w| entry(run, w, costs.get(&group_of(&w.record)))).collect();
    let target = run.winners.first().map(|w| w.record.target.clone());
    let target = target.or(run.provenance.as_ref().map(|p| p.target.clone()));
    json!({ "run": run.dir, "target": target, "layers": layers })
}

fn entry(run: &Run, w: &Winner, cost: Option<&Cost>) -> serde_json::Value {
    let r = &w.record;
    let accuracy = run.accuracy_of(r).map(|a| json!({ "sqnr_db": a.sqnr_db, "cosine": a.cosine, "data": a.data }));
    json!({
        "layer": r.layer, "scheme": r.scheme, "contract": r.contract, "m": r.m, "n": r.n, "k": r.k,
        "candidate": r.candidate, "regime": r.regime, "threads": r.threads, "evidence": w.evidence(),
        "median_ns": w.median_ns, "ci_ns": w.ci_ns.map(|(low, high)| [low, high]),
        "gmacs": w.gmacs, "roof_share": w.roof_share, "p_best": w.p_best, "ties": w.ties, "accuracy": accuracy,
        "modelled": w.modelled.as_ref().map(|m| json!({
            "ns": m.ns, "cycles": m.cycles, "gmacs": m.gmacs, "bound": m.bound, "peak_share": m.peak_share, "model": m.model,
        })),
        "measured": w.tried, "space": cost.map(|c| c.space), "seconds": cost.map(|c| c.seconds),
    })
}
