//! `bitsmith baseline`

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, ensure};

use super::choice::Choice;
use super::progress::Bar;
use super::{new_run_folder, print, read_plan, report, stop_flag, tune};
use crate::baseline::Contest;
use crate::bench::Device;
use crate::bench::build::cache_folder;
use crate::bench::peer::Peer;
use crate::record::{Baseline, Table};
use crate::run::{Run, read_provenance, write_file};
use crate::study::{Plan, Progress};
use crate::target::Target;

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The peer: onnxruntime, onednn, or a command that speaks the protocol of native/baselines/README.md
    #[arg(long, value_name = "PEER")]
    with: String,
    /// Folder of a tuned run, whose winners are timed in turns with the peer; every other choice is the run's own
    #[arg(conflicts_with_all = ["target", "networks", "layers", "gemm", "conv", "schemes", "contract", "threads",
                                "regime", "out"])]
    run: Option<PathBuf>,
    /// Target of our kernels: a name from `bitsmith targets`, a TOML file, or `host`
    #[arg(long, value_name = "T", default_value = "host")]
    target: String,
    #[command(flatten)]
    choice: Choice,
    /// Folder to record in; of a tuned run to compare only some of its layers [default: results/TARGET/DATE-N]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Measure again what is recorded already; the latest counts
    #[arg(long)]
    again: bool,
}

const EXAMPLES: &str = "\
A peer is timed in turns with our winner of the same layer, so tune first. What a run has no winner for, or a folder
without a run, gets the peer's time alone.

onnxruntime needs a Python with the packages onnxruntime, onnx and numpy (`python3`, or $BITSMITH_PYTHON); onednn needs
oneDNN 3 (by pkg-config, or in the folder $BITSMITH_ONEDNN) and c++.

Examples:
  bitsmith tune --network digits --contract int8 --scheme w8a8 --out run
  bitsmith baseline --with onnxruntime run
  bitsmith baseline --with onednn run
  bitsmith baseline --with './mypeer --fast' --gemm 512x512x512 --scheme f32";

pub fn run(args: &Args) -> Result<()> {
    let stop = stop_flag()?;
    let plan = match &args.run {
        Some(dir) => read_plan(dir)?,
        None => args.choice.plan(&Target::find(&args.target)?, vec![])?,
    };
    let cache = cache_folder()?;
    let mut bar = Bar::plain();
    let device = Device::open(plan.target.clone(), &cache)?;
    ensure!(device.times(), "target {} gives no times; a peer can be timed beside none", device.target.name);
    ensure!(device.runner.is_here(), "target {} is not this machine, where peers run", device.target.name);
    let old = args.run.as_ref().or(args.out.as_ref());
    old.map_or(Ok(()), |dir| same_machine(dir, &device))?;
    device.has_cpus(plan.threads)?;
    let _lock = device.lock(&cache, |text| bar.note(text))?;
    let peer = Peer::start(&args.with, &cache, plan.threads)?;
    let dir =
        old.map_or_else(|| new_run_folder(&Path::new("results").join(&plan.target.name)), |dir| Ok(dir.clone()))?;
    make_ready(&dir, &plan, &device)?;
    let (mut table, known) = Table::open::<Baseline>(&dir.join("baselines.csv"))?;
    let known = if args.again { vec![] } else { known };
    let winners = Run::load(&dir)?.winners;
    let mut contest = Contest::new(&plan, &device, &winners, (&args.with, &cache), peer);
    let kept = contest.run(&mut table, &known, stop, &mut bar)?;
    bar.done();
    if kept > 0 {
        bar.note(&format!("{kept} of {} comparisons were recorded before; --again repeats them", plan.jobs().len()));
    }
    print(&report::finish(&Run::load(&dir)?)?)?;
    if stop.load(Ordering::Relaxed) {
        print(&format!("stopped early; go on with: bitsmith baseline --with '{}' {}\n", args.with, dir.display()))?;
    }
    Ok(())
}

/// Winners of another machine say nothing here.
fn same_machine(dir: &Path, device: &Device) -> Result<()> {
    let Some(before) = read_provenance(dir)? else { return Ok(()) };
    ensure!(
        before.host.fingerprint() == device.host.fingerprint(),
        "{} was made on another machine ({}, {} CPUs allowed); tune on this one first",
        dir.display(),
        before.host.cpu,
        before.host.cpus
    );
    Ok(())
}

/// Makes a folder one of a run, where it is none yet: `tune --resume` can then tune the same plan in it.
fn make_ready(dir: &Path, plan: &Plan, device: &Device) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    if dir.join("study.json").is_file() {
        return Ok(());
    }
    write_file(&dir.join("host.toml"), &toml::to_string_pretty(&tune::provenance(device, dir)?)?)?;
    write_file(&dir.join("study.json"), &format!("{}\n", serde_json::to_string_pretty(plan)?))
}
