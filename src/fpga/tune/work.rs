//! What is done with one design at a time: C simulation with others, RTL simulation, synthesis, place and route. Whatever
//! becomes of it is a row.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::job::Job;
use crate::emit::short_hash;
use crate::fpga::Evidence;
use crate::fpga::design::{Design, Trial, Vectors, unit_vectors};
use crate::fpga::device::Device;
use crate::fpga::ir::Mvau;
use crate::fpga::resources::Resources;
use crate::fpga::row::Row;
use crate::fpga::sim::{Simulator, Within, simulator};
use crate::fpga::synth::{Figures, Flow, Stage};
use crate::fpga::tool::{self, Failure, Limits};
use crate::fpga::vendor::Tool;
use crate::record::Outcome;

/// Vectors of a C simulation, the extreme ones first.
const VECTORS: usize = 6;

/// A design of a job.
#[derive(Clone)]
pub struct Candidate<'a> {
    pub job: &'a Job,
    pub unit: Mvau,
    /// What it should take, and how long its period should be about.
    pub guess: Resources,
    pub period: f64,
    /// Hash of everything that is built of it.
    pub source: String,
}

impl<'a> Candidate<'a> {
    /// # Errors
    /// Numbers that the unit cannot hold.
    pub fn new(job: &'a Job, unit: Mvau, guess: Resources, period: f64) -> anyhow::Result<Self> {
        let design = Design::of_unit("unit", &unit, &job.own)?;
        let rtl = design.rtl.iter().map(|(_, text)| text.as_str());
        let text: String = rtl.chain([design.hls.as_str()]).collect();
        Ok(Self { job, unit, guess, period, source: short_hash(text.as_bytes()) })
    }

    /// A row of which nothing but the design is known.
    pub fn row(&self, device: &Device, evidence: Evidence) -> Row {
        let row = Row::new(&self.unit, device, self.job.vectors, evidence);
        self.named(row)
    }

    fn named(&self, row: Row) -> Row {
        let (layer, scheme, source) = (self.job.layer.clone(), self.job.scheme.clone(), self.source.clone());
        Row { layer, scheme, source, ..row }
    }

    /// Is this row of the very same design?
    pub fn is_of(&self, row: &Row) -> bool {
        row.layer == self.job.layer && row.scheme == self.job.scheme && row.source == self.source
    }

    /// Its own folder below one that candidates share.
    pub fn folder(&self, work: &Path) -> PathBuf {
        let key = format!("{} {} {}", self.job.layer, self.job.scheme, self.source);
        work.join(short_hash(key.as_bytes()))
    }

    /// Brings it to a stage. `known` is its row of synthesis, where there is one.
    /// # Errors
    /// What concerns every design.
    pub fn advance(
        &self,
        flow: &Flow,
        known: Option<&Row>,
        until: Stage,
        work: &Path,
        stop: &AtomicBool,
    ) -> Result<Row, Failure> {
        let folder = self.folder(work);
        let ready = known.filter(|_| folder.join("netlist.json").is_file());
        let figures = match ready {
            Some(row) => Figures::synthesized(&self.unit, row.resources()),
            None => {
                // what a killed run left
                let _ = fs::remove_dir_all(&folder);
                Figures::none()
            }
        };
        fs::create_dir_all(&folder).map_err(|e| match e.kind() {
            std::io::ErrorKind::StorageFull => Failure::DiskFull(work.display().to_string()),
            _ => Failure::Missing(format!("cannot create {}: {e}", folder.display())),
        })?;
        let figures = flow.go_on(figures, &self.unit, &self.job.own, until, &folder, stop);
        let goes_on = until == Stage::Synthesized && matches!(&figures, Ok(f) if f.outcome == Outcome::Checked);
        if !goes_on {
            let _ = fs::remove_dir_all(&folder);
        }
        let mut row = Row::of(&self.unit, &flow.device, self.job.vectors, &figures?, &flow.versions());
        if let (Outcome::Checked, Some(lacks)) =
            (row.outcome.unwrap_or(Outcome::Checked), flow.device.lacks(&row.resources()))
        {
            (row.outcome, row.message) = (Some(Outcome::BuildFailed), format!("does not fit: {lacks}"));
        }
        Ok(self.named(row))
    }
}

impl Candidate<'_> {
    /// One step of a vendor's tool.
    /// # Errors
    /// What concerns every design.
    pub fn ask(
        &self,
        tool: &Tool,
        device: &Device,
        work: &Path,
        limits: Limits,
        stop: &AtomicBool,
    ) -> Result<Row, Failure> {
        let folder = self.folder(work).with_extension(tool.step.name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).map_err(|e| match e.kind() {
            std::io::ErrorKind::StorageFull => Failure::DiskFull(work.display().to_string()),
            _ => Failure::Missing(format!("cannot create {}: {e}", folder.display())),
        })?;
        let row = tool.run((device, &self.unit, &self.job.own), self.job.vectors, &folder, limits, stop);
        let _ = fs::remove_dir_all(&folder);
        Ok(self.named(row?))
    }
}

/// Simulates the C++ of some candidates in one program; one that breaks it is found by halves. Rows in their order.
/// # Errors
/// What concerns every design.
pub fn csim(some: &[&Candidate], device: &Device, work: &Path, within: &Within) -> Result<Vec<Row>, Failure> {
    let simulator = simulator("csim").map_err(|e| Failure::Missing(format!("{e:#}")))?;
    let tools = tool::find(&["g++"], &["--version"], "apt install g++")?.version;
    let begun = Instant::now();
    let designs: Vec<(Design, Vectors)> = some
        .iter()
        .enumerate()
        .map(|(i, c)| {
            let design = Design::of_unit(&format!("unit_{i}"), &c.unit, &c.job.own);
            design.map(|d| (d, unit_vectors(&c.unit, &c.job.own, VECTORS, 1)))
        })
        .collect::<anyhow::Result<_>>()
        .map_err(|e| Failure::Failed(format!("{e:#}")))?;
    let trials: Vec<Trial> = designs.iter().map(|(design, vectors)| Trial { design, vectors, seed: 0 }).collect();
    let ended = halves(simulator, &work.join("csim"), &trials, within)?;
    let seconds = begun.elapsed().as_secs_f64() / some.len().max(1) as f64;
    let row = |(c, (outcome, message)): (&&Candidate, (Outcome, String))| Row {
        outcome: Some(outcome),
        message,
        cycles: None,
        seconds: (seconds * 10.0).round() / 10.0,
        tools: tools.clone(),
        ..c.row(device, Evidence::Csim)
    };
    Ok(some.iter().zip(ended).map(row).collect())
}

fn halves(
    simulator: &Simulator,
    folder: &Path,
    trials: &[Trial],
    within: &Within,
) -> Result<Vec<(Outcome, String)>, Failure> {
    let _ = fs::remove_dir_all(folder);
    let ended = simulator.verdicts_within(folder, trials, within);
    let _ = fs::remove_dir_all(folder);
    match ended {
        Ok(verdicts) => Ok(verdicts
            .iter()
            .map(|v| match v.wrong {
                0 => (Outcome::Checked, String::new()),
                wrong => (Outcome::WrongAnswer, format!("{wrong} of {} outputs wrong", v.outputs)),
            })
            .collect()),
        Err(e @ (Failure::Missing(_) | Failure::DiskFull(_) | Failure::Stopped)) => Err(e),
        Err(e) if trials.len() == 1 => Ok(vec![(outcome_of(&e), e.to_string())]),
        Err(_) => {
            let (first, second) = trials.split_at(trials.len() / 2);
            let mut all = halves(simulator, folder, first, within)?;
            all.extend(halves(simulator, folder, second, within)?);
            Ok(all)
        }
    }
}

fn outcome_of(failure: &Failure) -> Outcome {
    match failure {
        Failure::TimedOut(_) => Outcome::TimedOut,
        Failure::TooLarge(_) => Outcome::Crashed,
        _ => Outcome::BuildFailed,
    }
}

/// What tools may take of one design, and never longer than this.
pub fn limits(most: Limits, seconds: f64) -> Limits {
    Limits { seconds: most.seconds.min(seconds.max(0.1)), ..most }
}
