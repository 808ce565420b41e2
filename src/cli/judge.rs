//! `bitsmith judge`

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use indicatif::ProgressBar;

use super::{print, read_plan};
use crate::bench::build::cache_folder;
use crate::bench::probe::Roofs;
use crate::bench::{Bench, Device};
use crate::candidate::Schedule;
use crate::certificate::{Group, group_of};
use crate::record::{Modelled, Record};
use crate::run::Run;
use crate::study::{Job, Plan};
use crate::target::{Core, Reads};
use crate::timing::Model;
use crate::timing::judge::{self, Judged};

#[derive(clap::Args)]
#[command(after_help = "Example:\n  bitsmith judge results/x86-avx2/2026-01-31-1 --cpu znver4")]
pub struct Args {
    /// Folders of runs
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// LLVM's name of this machine's core, or of the nearest one that it has a scheduling model of
    #[arg(long)]
    cpu: Option<String>,
    /// Instructions it takes up in a cycle, where it is wider than that core
    #[arg(long, default_value_t = 0)]
    dispatch: u32,
    /// Moves between its vector registers need no execution unit
    #[arg(long)]
    free_moves: bool,
    /// Kernels of each layer x scheme, drawn by chance
    #[arg(long, default_value_t = 200)]
    sample: usize,
    /// Seed of the draw
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for judged.csv and, per kernel, judged-kernels.csv [default: none is written]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Kernels that are counted in one program.
const BATCH: usize = 24;

pub fn run(args: &Args) -> Result<()> {
    let mut rows = Vec::new();
    let mut kernels = Vec::new();
    for dir in &args.runs {
        judge_run(dir, args, &mut rows, &mut kernels).with_context(|| format!("{}", dir.display()))?;
    }
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
        write_csv(&out.join("judged.csv"), &rows)?;
        write_csv(&out.join("judged-kernels.csv"), &kernels)?;
    }
    print(&table(&rows))
}

/// One kernel, measured and modelled.
#[derive(serde::Serialize)]
struct Kernel {
    layer: String,
    candidate: String,
    model: String,
    measured_ns: f64,
    modelled_ns: f64,
    cycles: f64,
    bound: String,
    instructions: f64,
}

fn judge_run(dir: &Path, args: &Args, rows: &mut Vec<Judged>, kernels: &mut Vec<Kernel>) -> Result<()> {
    let (run, plan) = (Run::load(dir)?, read_plan(dir)?);
    let provenance = run.provenance.as_ref().context("host.toml is missing; it says where the run was measured")?;
    let roofs = provenance.roofs.as_ref().context("nothing was measured in this run")?;
    let cache = cache_folder()?;
    let device = Device::open(plan.target.clone(), &cache)?;
    ensure!(
        device.host.fingerprint() == provenance.host.fingerprint(),
        "measured on another machine ({}); kernels are counted on the machine that measured them",
        provenance.host.cpu
    );
    let device = device.with_roofs(&cache, plan.threads)?;
    let reads = device.roofs.as_ref().unwrap_or(roofs);
    let mut model = Model::of(&device, core(args, &plan, roofs, reads)?)?;
    let groups = groups(&run);
    for (group, records) in &groups {
        let timed = records.len();
        let mut records = records.clone();
        fastrand::Rng::with_seed(args.seed).shuffle(&mut records);
        records.truncate(args.sample);
        let pairs = pairs(&plan, group, &records, &mut model)?;
        ensure!(!pairs.is_empty(), "none of {timed} timed kernels of {} is emitted as it was", group.0);
        let figures = judge::figures(&pairs.iter().map(|(r, m)| (r.0, m.0)).collect::<Vec<_>>());
        let Some(f) = figures else { continue };
        let round = |x: f64| (x * 1e4).round() / 1e4;
        rows.push(Judged {
            date: jiff::Timestamp::now().strftime("%F").to_string(),
            machine: provenance.host.cpu.clone(),
            target: group.3.clone(),
            compiler: device.builder.id.clone(),
            model: model.name(),
            layer: group.0.clone(),
            scheme: group.1.clone(),
            contract: group.2.name().into(),
            kernels: pairs.len(),
            median_error: round(f.median_error),
            p95_error: round(f.p95_error),
            ratio: round(f.ratio),
            tau: f.tau.map(round),
            regret: round(f.regret),
        });
        kernels.extend(pairs.into_iter().map(|((measured_ns, r), (modelled_ns, m))| Kernel {
            layer: r.layer.clone(),
            candidate: r.candidate.clone(),
            model: m.model.clone(),
            measured_ns,
            modelled_ns,
            cycles: m.cycles.unwrap_or_default(),
            bound: m.bound,
            instructions: m.instructions.unwrap_or_default(),
        }));
    }
    Ok(())
}

/// Kernels that were timed more than once, by competition.
fn groups(run: &Run) -> Vec<(Group, Vec<&Record>)> {
    let mut groups: Vec<(Group, Vec<&Record>)> = Vec::new();
    for r in run.records.iter().filter(|r| r.outcome.right() && r.samples >= 3 && r.median_ns.is_some()) {
        let group = group_of(r);
        match groups.iter_mut().find(|(g, _)| *g == group) {
            Some((_, all)) => all.push(r),
            None => groups.push((group, vec![r])),
        }
    }
    groups
}

/// This machine's core: its clock as the run found it, and what it reads from each cache, as measured on itself.
fn core(args: &Args, plan: &Plan, run: &Roofs, here: &Roofs) -> Result<Core> {
    let cpu = args.cpu.clone().or(plan.target.model.as_ref().map(|m| m.cpu.clone()));
    let Some(cpu) = cpu else { bail!("target {} names no core; give --cpu, such as znver4", plan.target.name) };
    let per_cycle = |gb_per_s: f64| gb_per_s / here.clock_ghz;
    let read = &here.read_gb_per_s;
    Ok(Core {
        cpu,
        dispatch: args.dispatch,
        free_moves: args.free_moves,
        clock_ghz: run.clock_ghz,
        read_bytes_per_cycle: Reads { l2: per_cycle(read.l2), l3: per_cycle(read.l3), memory: per_cycle(read.memory) },
        source: "measured on this machine".into(),
        ..Core::default()
    })
}

type Pair<'a> = ((f64, &'a Record), (f64, Modelled));

/// Those whose kernels are still the ones that were timed.
fn pairs<'a>(plan: &Plan, group: &Group, records: &[&'a Record], model: &mut Model) -> Result<Vec<Pair<'a>>> {
    let layer = plan.layers.iter().find(|l| l.key() == group.0).context("study.json does not have its layer")?;
    let job = Job { layer: layer.clone(), scheme: group.1.clone() };
    let device = model.device();
    let mut bench = Bench::new(device, plan.task(&job, device)?, &group.0, group.4, plan.seed, Instant::now())?;
    let schedule = |r: &&'a Record| Some((*r, r.schedule.parse::<Schedule>().ok()?));
    let same = |(r, s): &(&Record, Schedule)| bench.task().emit(s).is_ok_and(|t| t.hash() == r.source_hash);
    let same: Vec<(&Record, Schedule)> = records.iter().filter_map(schedule).filter(same).collect();
    let bar = ProgressBar::new(same.len() as u64);
    let mut all = Vec::new();
    for batch in same.chunks(BATCH) {
        let schedules: Vec<Schedule> = batch.iter().map(|(_, s)| s.clone()).collect();
        let rows = model.rows(bench.problem(), &group.0, group.4, &schedules)?;
        for ((r, _), m) in batch.iter().zip(rows) {
            match (r.median_ns, m.ns) {
                (Some(measured), Some(modelled)) => all.push(((measured, *r), (modelled, m))),
                _ => bar.println(format!("{}: {}", r.candidate, m.message)),
            }
        }
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    Ok(all)
}

fn table(rows: &[Judged]) -> String {
    let mut text = format!(
        "{:<28} {:<8} {:<36} {:>7} {:>8} {:>8} {:>7} {:>6} {:>7}\n",
        "layer", "scheme", "model", "kernels", "median", "p95", "ratio", "tau", "regret"
    );
    for r in rows {
        text += &format!(
            "{:<28} {:<8} {:<36} {:>7} {:>7.1}% {:>7.1}% {:>7.3} {:>6} {:>6.1}%\n",
            r.layer,
            r.scheme,
            r.model,
            r.kernels,
            r.median_error * 100.0,
            r.p95_error * 100.0,
            r.ratio,
            r.tau.map_or("-".into(), |t| format!("{t:.2}")),
            r.regret * 100.0,
        );
    }
    text + "ratio: modelled / measured; regret: what the kernel that the model would choose takes more than the fastest\n"
}

fn write_csv<T: serde::Serialize>(path: &Path, rows: &[T]) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    rows.iter().try_for_each(|row| writer.serialize(row))?;
    let bytes = writer.into_inner().map_err(|e| e.into_error())?;
    crate::run::write_file(path, &String::from_utf8_lossy(&bytes))
}
