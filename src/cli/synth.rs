//! `bitsmith synth`

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::ValueEnum;

use super::{print, stop_flag};
use crate::data::Trained;
use crate::fpga::device::Device;
use crate::fpga::network::Stream;
use crate::fpga::row::Row;
use crate::fpga::subject::Subject;
use crate::fpga::synth::{Flow, Stage};
use crate::fpga::{Mvau, Parameters};
use crate::input::read_text;
use crate::layer::{NETWORKS, Network};
use crate::record::Table;
use crate::scheme;

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Designs by name; parts that are left out have their defaults. Or a built-in network that has weights, as one stream
    #[arg(value_name = "DESIGN")]
    designs: Vec<String>,
    /// Of a network: its number format
    #[arg(long, value_name = "S")]
    scheme: Option<String>,
    /// Of a network: clock cycles from image to image, at most
    #[arg(long, value_name = "CYCLES")]
    interval: Option<u64>,
    /// File of designs, one a line
    #[arg(long, value_name = "FILE")]
    designs_of: Option<PathBuf>,
    /// FPGA: a name from `bitsmith targets`, or a TOML file
    #[arg(long, value_name = "T")]
    target: String,
    /// How far to go; place and route only where an open one is known
    #[arg(long, value_enum, default_value = "route")]
    until: Until,
    /// Seeds of place and route, whose median counts
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Seconds that one tool may take of one design
    #[arg(long, default_value_t = 900.0)]
    limit: f64,
    /// Table to which rows are appended; designs that it has are not run again
    #[arg(long, value_name = "FILE.csv")]
    table: Option<PathBuf>,
    /// Keep what the tools wrote, in a folder for each design
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Until {
    /// Simulate the RTL: answers and clock cycles
    Sim,
    /// Synthesize, and simulate the netlist: cells
    Synth,
    /// Place and route: cells and clock
    Route,
}

const EXAMPLES: &str = "\
Weights of units are drawn by chance, always the same for a design; a network has its own.

Examples:
  bitsmith synth mvau.w8a8.r32c64.pe4.simd8 --target ecp5-45k
  bitsmith synth digits --scheme w4a4 --interval 600 --target ecp5-45k
  bitsmith synth mvau.w4a4.r8c16.pe2.simd4.lut.dist --target xc7z020 --until synth --json
  bitsmith synth --designs-of sweep.txt --target ecp5-45k --until synth --table sweep.csv";

pub fn run(args: &Args) -> Result<()> {
    let stop = stop_flag()?;
    let device = Device::find(&args.target)?;
    let designs = designs(args)?;
    ensure!(args.seeds > 0, "--seeds is 0; it must be at least 1");
    ensure!(args.limit > 0.0, "--limit must be above 0 s");
    let until = match args.until {
        Until::Sim => Stage::Simulated,
        Until::Synth => Stage::Synthesized,
        Until::Route => Stage::Routed,
    };
    let mut flow = Flow::open(&device, until).map_err(|e| anyhow!("target {}: {e}", device.name))?;
    flow.seeds = (1..=args.seeds).collect();
    flow.limits.seconds = args.limit;
    let (table, known) = args.table.as_deref().map(Table::open::<Row>).transpose()?.unzip();
    let (mut table, known) = (table, known.unwrap_or_default());
    let tools = flow.versions();
    let mut rows = Vec::new();
    for (i, given) in designs.iter().enumerate() {
        let name = given.name();
        if let Some(old) = known.iter().find(|r| r.same(&name, &device.name, &tools) && reached(r, until, &flow)) {
            rows.push(old.clone());
            continue;
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
        eprintln!("{}/{} {name}", i + 1, designs.len());
        let Some(row) = one(args, &flow, given, until, stop)? else { break };
        if let Some(table) = &mut table {
            table.append(&row)?;
        }
        if !args.json {
            print(&line(&row))?;
        }
        rows.push(row);
    }
    if args.json {
        let document = serde_json::json!({ "device": device.name, "designs": rows });
        print(&format!("{}\n", serde_json::to_string_pretty(&document)?))?;
    }
    Ok(())
}

fn reached(row: &Row, until: Stage, flow: &Flow) -> bool {
    use crate::fpga::Evidence::{PnrOpen, Rtlsim, SynthOpen};
    let wanted = match until {
        Stage::Simulated => Rtlsim,
        Stage::Routed if flow.routes() => PnrOpen,
        _ => SynthOpen,
    };
    row.evidence >= wanted || row.outcome.is_some_and(|o| !o.right())
}

/// What is synthesized.
enum Given {
    Unit(Mvau),
    /// Its name and its scheme's, and images of its test split.
    Network {
        name: String,
        stream: Box<Stream>,
        frames: Vec<Vec<i32>>,
    },
}

/// Images that a network's RTL and netlist are held to.
const FRAMES: usize = 4;

impl Given {
    fn name(&self) -> String {
        match self {
            Given::Unit(unit) => unit.to_string(),
            Given::Network { name, .. } => name.clone(),
        }
    }

    fn of(name: &str, args: &Args) -> Result<Self> {
        if !NETWORKS.iter().any(|(n, _)| *n == name) {
            return Ok(Given::Unit(name.parse()?));
        }
        let scheme = args.scheme.as_deref().context("--scheme is missing; name a number format, such as w4a4")?;
        let interval =
            args.interval.context("--interval is missing; give clock cycles from image to image, such as 600")?;
        let network = Network::built_in(name)?;
        let trained = Trained::load(&network)?.with_context(|| {
            format!("{name} has no trained weights here; synthesize its units by name, or take digits")
        })?;
        let stream = Stream::of(&network, &trained, &scheme::find(scheme)?, interval)?;
        let frames = trained.test.x.iter().take(FRAMES).map(|x| stream.frame(x)).collect();
        Ok(Given::Network { name: format!("{name}.{scheme}.i{interval}"), stream: Box::new(stream), frames })
    }
}

fn designs(args: &Args) -> Result<Vec<Given>> {
    let text = args.designs_of.as_deref().map(read_text).transpose()?.unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    let names = args.designs.iter().map(String::as_str).chain(lines);
    let designs: Vec<Given> = names.map(|n| Given::of(n, args)).collect::<Result<_>>()?;
    let network = designs.iter().any(|d| matches!(d, Given::Network { .. }));
    ensure!(
        network || (args.scheme.is_none() && args.interval.is_none()),
        "a unit's name says its bits and its folding; leave --scheme and --interval out"
    );
    if designs.is_empty() {
        bail!("no design is named; for example mvau.w8a8.r32c64.pe4.simd8");
    }
    Ok(designs)
}

/// None where the user stopped it.
fn one(args: &Args, flow: &Flow, given: &Given, until: Stage, stop: &AtomicBool) -> Result<Option<Row>> {
    let scratch = Scratch::new(args.keep.as_deref().map(|k| k.join(given.name())))?;
    let tools = flow.versions();
    let figures = match given {
        Given::Unit(unit) => flow.run(unit, &numbers(unit)?, until, &scratch.0, stop),
        Given::Network { stream, frames, .. } => {
            flow.run_subject(&Subject::of_chain(&stream.chain, frames.clone())?, until, &scratch.0, stop)
        }
    };
    match (figures, given) {
        (Ok(figures), Given::Unit(unit)) => Ok(Some(Row::of(unit, &flow.device, 1, &figures, &tools))),
        (Ok(figures), Given::Network { name, stream, .. }) => {
            let mut row = Row::of_chain(name, &stream.chain, &flow.device, &figures, &tools)?;
            row.scheme = args.scheme.clone().unwrap_or_default();
            Ok(Some(row))
        }
        (Err(crate::fpga::tool::Failure::Stopped), _) => Ok(None),
        (Err(e), _) => Err(anyhow!("{e}")),
    }
}

/// Numbers by chance. The accumulator stays that of the name: wide enough for any weights.
fn numbers(unit: &Mvau) -> Result<Parameters> {
    let (_, mut own) = Parameters::synthetic(unit, 0);
    if own.accumulator(unit) > unit.accumulator {
        own.init.fill(0);
    }
    own.check(unit).with_context(|| format!("design `{unit}`"))?;
    Ok(own)
}

/// A folder that is removed unless the user wants it.
struct Scratch(PathBuf, bool);

impl Scratch {
    fn new(keep: Option<PathBuf>) -> Result<Self> {
        let kept = keep.is_some();
        let own = || std::env::temp_dir().join(format!("bitsmith-synth-{}", std::process::id()));
        let path = keep.unwrap_or_else(own);
        std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(Self(path, kept))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.1 {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

fn line(row: &Row) -> String {
    let resources = row.resources();
    let clock = match (row.fmax_mhz, row.fmax_low, row.fmax_high) {
        (Some(mhz), Some(low), Some(high)) => {
            format!(", {mhz:.1} MHz ({low:.1} to {high:.1} over {} seeds)", row.seeds)
        }
        _ => String::new(),
    };
    let state = row.outcome.map_or("modelled".into(), |o| format!("{o:?}"));
    let cycles = row.cycles.map_or(String::new(), |c| format!(", {c} cycles"));
    let why = if row.message.is_empty() { String::new() } else { format!(": {}", row.message) };
    // of a network what users of it want to know
    let pace = match (row.scheme.is_empty(), row.fmax_mhz, row.call_ns) {
        (false, Some(mhz), Some(ns)) => {
            format!(
                ", {:.0} images/s, {:.2} us from first pixel to last answer",
                mhz * 1e6 / row.interval as f64,
                ns * 1e-3
            )
        }
        _ => String::new(),
    };
    format!(
        "{} {} [{state}, {}] {resources}{cycles}, II {}{clock}{pace}{why}\n",
        row.device,
        row.design,
        row.evidence.name(),
        row.interval
    )
}
