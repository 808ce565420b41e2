//! `bitsmith tune` for an FPGA, and its report.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::print;
use crate::appraisal::{ACCURACY, appraise};
use crate::candidate::Contract;
use crate::fpga::Evidence;
use crate::fpga::design::{Design, symbol, unit_vectors};
use crate::fpga::device::Device;
use crate::fpga::export::{self, Synthesis};
use crate::fpga::ir::Mvau;
use crate::fpga::model::calibrated;
use crate::fpga::row::Row;
use crate::fpga::synth::{Flow, Stage};
pub use crate::fpga::tune::Plan;
use crate::fpga::tune::choose::{Layer, Objective, choose, pace};
use crate::fpga::tune::job::{Job, jobs};
use crate::fpga::tune::plan::FILE;
use crate::fpga::tune::profile::profile;
use crate::fpga::tune::{Progress, Tuner};
use crate::fpga::vendor;
use crate::record::{Accuracy, Outcome, Table, read_table};
use crate::report::format::{self, known};
use crate::report::fpga::{Data, write};
use crate::run::write_file;

/// Was this folder made by a run on an FPGA?
pub fn is_run(dir: &Path) -> bool {
    dir.join(FILE).is_file()
}

/// Carries a plan out in a folder, or goes on with what that holds; the document for `--json`.
pub fn tune(plan: &Plan, dir: &Path, as_json: bool, stop: &AtomicBool) -> Result<serde_json::Value> {
    let mut bar = Bar::new();
    let flow = flow(&plan.device, &mut bar)?;
    write_file(&dir.join(FILE), &format!("{}\n", serde_json::to_string_pretty(plan)?))?;
    measure_accuracy(plan, dir, stop)?;
    let accuracy: Vec<Accuracy> = read_table(&dir.join("accuracy.csv"))?;
    if !stop.load(Ordering::Relaxed) {
        let (jobs, refused) = jobs(plan)?;
        let vendors = vendor::tools(&plan.device);
        vendors.iter().for_each(|t| bar.note(&format!("{}: {}", t.step.name, t.version())));
        Tuner::open(plan, flow, vendors, dir, stop, &mut bar)?.run(&jobs, &refused, &accuracy)?;
        write_designs(plan, dir, &jobs, &accuracy)?;
    }
    bar.done();
    let text = finish(dir)?;
    if as_json {
        return document(plan, dir);
    }
    print(&text)?;
    if stop.load(Ordering::Relaxed) {
        print(&format!("stopped early; go on with: bitsmith tune --resume {}\n", dir.display()))?;
    }
    Ok(serde_json::Value::Null)
}

/// The tools for a device; none where there are none, which is said.
fn flow(device: &Device, bar: &mut Bar) -> Result<Option<Flow>> {
    match Flow::open(device, Stage::Routed) {
        Ok(flow) if flow.routes() => Ok(Some(flow)),
        Ok(flow) => {
            bar.note(&format!("no open place and route for {}: cells and cycles, and no clock", device.name));
            Ok(Some(flow))
        }
        Err(why) => match Flow::open(device, Stage::Synthesized) {
            Ok(flow) => {
                bar.note(&format!("no place and route, so no clock: {why}"));
                Ok(Some(flow))
            }
            Err(why) => {
                bar.note(&format!("no synthesis: {why}; designs are modelled and simulated in C++ alone"));
                Ok(None)
            }
        },
    }
}

/// Accuracy belongs to layer x scheme; f32 is what schemes are compared with.
fn measure_accuracy(plan: &Plan, dir: &Path, stop: &AtomicBool) -> Result<()> {
    let (mut table, old) = Table::open::<Accuracy>(&dir.join("accuracy.csv"))?;
    let known: HashSet<_> = old.iter().map(|a| (a.network.clone(), a.layer.clone(), a.scheme.clone())).collect();
    let wanted = |network: &str, layer: &str, scheme: &str| {
        !stop.load(Ordering::Relaxed) && !known.contains(&(network.into(), layer.into(), scheme.into()))
    };
    appraise(&ACCURACY, &plan.layers, &plan.schemes, Contract::Int8, wanted, |rows| table.append_all(&rows))?;
    let whole = |network: &str, layer: &str, scheme: &str| layer.is_empty() && wanted(network, layer, scheme);
    appraise(&ACCURACY, &plan.layers, &["f32".into()], Contract::F32io, whole, |rows| table.append_all(&rows))
}

/// Golden vectors of a design that is written.
const VECTORS: usize = 16;

/// The fastest design of each layer, with its numbers, as an engineer takes it on: `designs/LAYER`.
fn write_designs(plan: &Plan, dir: &Path, jobs: &[Job], accuracy: &[Accuracy]) -> Result<()> {
    let rows: Vec<Row> = read_table(&dir.join("fpga.csv"))?;
    for layer in choose(&rows, accuracy, plan.max_drop) {
        let fastest = layer.best.iter().find(|(o, _)| *o == Objective::Throughput).map(|(_, r)| *r);
        let job = |r: &Row| jobs.iter().find(|j| j.layer == r.layer && j.scheme == r.scheme);
        // networks as one stream have no job: `bitsmith export` writes them
        let Some((row, job)) = fastest.and_then(|r| Some((r, job(r)?))) else { continue };
        let unit: Mvau = row.design.parse()?;
        let design = Design::of_unit(&symbol(&row.layer), &unit, &job.own)?;
        let vectors = unit_vectors(&unit, &job.own, VECTORS, 1);
        let clock_ns = 1e3 / row.fmax_mhz.unwrap_or(plan.device.clock_mhz);
        let synthesis = Synthesis { part: plan.device.part.clone(), clock_ns: (clock_ns * 1e3).round() / 1e3 };
        let folder = dir.join("designs").join(format::slug(layer.name));
        export::write(&folder, &design, &vectors, unit.interval(), &synthesis, &[])?;
    }
    Ok(())
}

/// Writes what follows from the records; the text for the terminal.
pub fn finish(dir: &Path) -> Result<String> {
    let plan = Plan::read(dir)?;
    let rows: Vec<Row> = read_table(&dir.join("fpga.csv"))?;
    let accuracy: Vec<Accuracy> = read_table(&dir.join("accuracy.csv"))?;
    write_file(&dir.join("profile.toml"), &profile(&plan, &rows, &accuracy)?)?;
    let layers = choose(&rows, &accuracy, plan.max_drop);
    let mut text = format!("{} ({})\n", plan.device.name, plan.device.title);
    layers.iter().for_each(|l| text += &summary(l, &accuracy));
    let chosen: Vec<&str> = layers.iter().map(|l| l.name).collect();
    let none: BTreeSet<&str> = rows.iter().map(|r| r.layer.as_str()).filter(|l| !chosen.contains(l)).collect();
    for layer in none {
        let why = rows
            .iter()
            .find(|r| r.layer == layer && !r.message.is_empty())
            .map_or("only modelled; a larger --budget takes it further", |r| r.message.as_str());
        text += &format!("\n{layer}\n  no design: {why}\n");
    }
    let page = write(&Data::read(dir)?)?;
    let model = match calibrated::error(plan.device.fabric()) {
        Some(error) => format!("modelled look-up tables: {error}, by {} units that were synthesized", error.rows),
        None => "modelled look-up tables: by formulas that were held against nothing on this fabric".into(),
    };
    text += &format!("\n{}\n{model}\nreport: {}\n", tally(&rows), page.display());
    Ok(text)
}

fn summary(layer: &Layer, accuracy: &[Accuracy]) -> String {
    let clock =
        if layer.best.iter().any(|(_, r)| r.fmax_mhz.is_some()) { "" } else { "; cycles, as no clock is known" };
    let mut text = format!("\n{}  [{}, best of {}{clock}]\n", layer.name, layer.evidence.name(), layer.of);
    for (objective, r) in &layer.best {
        let top1 =
            crate::fpga::tune::choose::top1(accuracy, r).map(|(hits, of)| format!(", {}", format::top1(hits, of)));
        text += &format!("  {:<11} {}{}\n", objective.name(), line(r), top1.unwrap_or_default());
        text += &format!("              {}\n", r.design);
    }
    text
}

/// A row for people.
fn line(r: &Row) -> String {
    let speed = match (r.fmax_mhz, r.fmax_low, r.fmax_high) {
        (Some(mhz), Some(low), Some(high)) => {
            format!("{} a call at {mhz:.1} MHz ({low:.1} to {high:.1})", format::time(pace(r)))
        }
        // an estimate before synthesis
        (Some(mhz), ..) => format!("{} a call at {mhz:.1} MHz", format::time(pace(r))),
        _ => format!("{} cycles a call", r.interval * r.vectors),
    };
    let share = known(r.share, |s| format::percent(s, 0));
    format!("{}  {speed}, {}, {share} of what it may take", r.scheme, r.resources())
}

/// How many designs came how far.
fn tally(rows: &[Row]) -> String {
    let of = |evidence: Evidence| {
        let own: Vec<&Row> = rows.iter().filter(|r| r.evidence == evidence && !r.design.is_empty()).collect();
        let failed = own.iter().filter(|r| r.outcome.is_some_and(|o| !o.right())).count();
        (!own.is_empty()).then(|| match failed {
            0 => format!("{} {}", own.len(), evidence.name()),
            n => format!("{} {} ({n} failed)", own.len(), evidence.name()),
        })
    };
    use Evidence::{Cosim, Csim, Csynth, Impl, Modelled, PnrOpen, Rtlsim, SynthOpen};
    let all = [Modelled, Csim, Rtlsim, SynthOpen, PnrOpen, Csynth, Cosim, Impl];
    format!("rows: {}", all.into_iter().filter_map(of).collect::<Vec<_>>().join(", "))
}

fn document(plan: &Plan, dir: &Path) -> Result<serde_json::Value> {
    let rows: Vec<Row> = read_table(&dir.join("fpga.csv"))?;
    let accuracy: Vec<Accuracy> = read_table(&dir.join("accuracy.csv"))?;
    let layers: Vec<_> = choose(&rows, &accuracy, plan.max_drop)
        .iter()
        .map(|l| {
            let best: serde_json::Map<_, _> = l.best.iter().map(|(o, r)| (o.name().into(), json!(r))).collect();
            json!({ "layer": l.name, "evidence": l.evidence, "best": best, "front": l.front, "of": l.of })
        })
        .collect();
    Ok(json!({ "run": dir, "target": plan.device.name, "layers": layers }))
}

/// Progress on stderr: a bar, and a line for every design that was synthesized or routed.
struct Bar {
    bar: ProgressBar,
    terminal: bool,
}

impl Bar {
    fn new() -> Self {
        use std::io::IsTerminal;
        let terminal = std::io::stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{prefix} [{bar:24}] {pos}/{len}  {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        Self { bar, terminal }
    }

    fn done(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Bar {
    fn stage(&mut self, what: &str, todo: usize) {
        self.bar.reset();
        self.bar.set_length(todo as u64);
        self.bar.set_prefix(what.to_string());
        if !self.terminal && todo > 0 {
            eprintln!("{what}: {todo}");
        }
    }

    fn row(&mut self, row: &Row) {
        self.bar.inc(1);
        let failed = row.outcome.is_some_and(|o| !o.right() && o != Outcome::Unsupported);
        if failed {
            self.note(&format!(
                "{} {} [{}] {}: {}",
                row.layer,
                row.design,
                row.evidence.name(),
                row.scheme,
                row.message
            ));
        } else if row.evidence >= Evidence::SynthOpen {
            self.note(&format!("{} [{}] {}  {}", row.layer, row.evidence.name(), line(row), row.design));
        }
    }

    fn note(&mut self, text: &str) {
        if self.terminal {
            self.bar.println(text);
        } else {
            eprintln!("{text}");
        }
    }
}

/// # Errors
/// A budget that is none of time.
pub fn seconds(budget: Option<crate::study::Budget>, jobs: usize) -> Result<f64> {
    match budget {
        Some(crate::study::Budget::Seconds(s)) => Ok(s),
        Some(crate::study::Budget::Trials(_)) => {
            Err(anyhow!("--budget of an FPGA is a time, such as 10m: its stages take seconds to minutes each"))
        }
        None => Ok(120.0 * jobs as f64),
    }
}
