//! Tools of vendors, where the path has them: what each step is started with, and what its reports say of a design.

mod bambu;
mod vitis;
mod vivado;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::Evidence;
use super::design::{Design, Trial, Vectors, csim_main, unit_vectors};
use super::device::Device;
use super::hls;
use super::ir::Mvau;
use super::parameters::Parameters;
use super::reports::Report;
use super::row::Row;
use super::rtl;
use super::tool::{self, Failure, Limits, Program};
use crate::record::Outcome;

/// One step of one vendor's tool.
pub struct Step {
    pub name: &'static str,
    pub evidence: Evidence,
    /// Names of the program, the preferred first; how it tells its version; what brings it.
    pub programs: &'static [&'static str],
    pub version: &'static [&'static str],
    pub install: &'static str,
    /// Fabrics that it makes designs for.
    pub fabrics: &'static [&'static str],
    /// The script, by its name, and the arguments of the program.
    script: fn(&Asked) -> (&'static str, String, Vec<String>),
    /// What the reports in the folder say.
    read: fn(&Asked) -> anyhow::Result<Found>,
}

/// Every step: one row each, the quickest first.
pub static STEPS: &[Step] = &[vitis::CSYNTH, bambu::SYNTHESIS, vivado::IMPLEMENTATION, vitis::COSIM];

/// A design that a step is asked about, in a folder of its own.
struct Asked<'a> {
    device: &'a Device,
    unit: &'a Mvau,
    design: &'a Design,
    vectors: &'a Vectors,
    folder: &'a Path,
}

/// What a step found.
struct Found {
    report: Report,
    /// Clock cycles from vector to vector, and those that come once: of `vectors` together `vectors * interval + once`.
    cycles: Option<(u64, u64)>,
    /// What was wrong with the answers.
    wrong: Option<String>,
}

/// A step whose program is here.
#[derive(Clone)]
pub struct Tool {
    pub step: &'static Step,
    program: Program,
}

/// The module and the top function.
const TOP: &str = "unit";
/// Golden vectors of a co-simulation, the extreme ones first.
const VECTORS: usize = 8;

/// The steps that this machine has programs for, of those that serve the device.
pub fn tools(device: &Device) -> Vec<Tool> {
    let serving = STEPS.iter().filter(|s| s.fabrics.contains(&device.fabric.as_str()));
    serving
        .filter_map(|step| Some(Tool { step, program: tool::find(step.programs, step.version, step.install).ok()? }))
        .collect()
}

impl Tool {
    pub fn version(&self) -> &str {
        &self.program.version
    }

    /// One design through this step, in an empty folder. Whatever becomes of it is in the row.
    /// # Errors
    /// What concerns every design: the disk is full, the user stopped it.
    pub fn run(
        &self,
        (device, unit, own): (&Device, &Mvau, &Parameters),
        vectors: u64,
        folder: &Path,
        limits: Limits,
        stop: &AtomicBool,
    ) -> Result<Row, Failure> {
        let begun = Instant::now();
        let design = Design::of_unit(TOP, unit, own).map_err(|e| Failure::Failed(format!("{e:#}")))?;
        let golden = unit_vectors(unit, own, VECTORS, 1);
        // the tool runs elsewhere
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.into());
        let asked = Asked { device, unit, design: &design, vectors: &golden, folder: &folder };
        let ended = self.ended(&asked, limits, stop);
        let mut row = Row::new(unit, device, vectors, self.step.evidence);
        (row.cycles, row.tools) = (None, self.program.version.clone());
        let found = match ended {
            Ok(found) => found,
            Err(e @ (Failure::DiskFull(_) | Failure::Stopped)) => return Err(e),
            Err(e) => {
                row.outcome = Some(match &e {
                    Failure::TimedOut(_) => Outcome::TimedOut,
                    Failure::TooLarge(_) => Outcome::Crashed,
                    _ => Outcome::BuildFailed,
                });
                row.message = format!("{}: {e}", self.step.name);
                row.seconds = tenths(begun);
                return Ok(row);
            }
        };
        row.outcome = Some(if found.wrong.is_some() { Outcome::WrongAnswer } else { Outcome::Checked });
        row.message = found.wrong.unwrap_or_default();
        if let Some((interval, once)) = found.cycles {
            (row.interval, row.cycles) = (interval, Some(vectors * interval + once));
        }
        if found.report.resources.lut.is_some() {
            row = row.with_resources(device, &found.report.resources);
        }
        if let Some(mhz) = found.report.fmax_mhz {
            row = row.with_clock(unit, mhz);
            if !self.step.evidence.is_estimate() {
                (row.fmax_low, row.fmax_high, row.seeds) = (row.fmax_mhz, row.fmax_mhz, 1);
            }
        }
        row.seconds = tenths(begun);
        if let (false, Some(lacks)) = (self.step.evidence.is_estimate(), device.lacks(&row.resources())) {
            (row.outcome, row.message) = (Some(Outcome::BuildFailed), format!("does not fit: {lacks}"));
        }
        Ok(row)
    }

    fn ended(&self, asked: &Asked, limits: Limits, stop: &AtomicBool) -> Result<Found, Failure> {
        let write = |name: &str, text: &str| {
            fs::write(asked.folder.join(name), text).map_err(|e| match e.kind() {
                std::io::ErrorKind::StorageFull => Failure::DiskFull(asked.folder.display().to_string()),
                _ => Failure::Failed(format!("cannot write {name}: {e}")),
            })
        };
        let design = asked.design;
        hls::HEADERS.iter().chain(rtl::MODULES).try_for_each(|(name, text)| write(name, text))?;
        design.rtl.iter().try_for_each(|(name, text)| write(name, text))?;
        write(&format!("{TOP}.cpp"), &design.hls)?;
        let trial = [Trial { design, vectors: asked.vectors, seed: 0 }];
        write("testbench.cpp", &csim_main(&trial))?;
        design.vector_files(asked.vectors).iter().try_for_each(|(name, text)| write(name, text))?;
        let (name, script, arguments) = (self.step.script)(asked);
        write(name, &script)?;
        let mut command = Command::new(&self.program.path);
        let ended = tool::run(command.args(arguments), asked.folder, "tool.log", limits, stop);
        // some end without success for want of a licence of something else: the report counts where there is one
        match (ended, (self.step.read)(asked)) {
            (Ok(_) | Err(Failure::Failed(_)), Ok(found)) => Ok(found),
            (Err(e), _) => Err(e),
            (Ok(_), Err(e)) => Err(Failure::Failed(format!("{e:#}"))),
        }
    }
}

impl Evidence {
    /// Is it a tool's guess of what another tool will make of the design?
    fn is_estimate(self) -> bool {
        matches!(self, Evidence::Modelled | Evidence::Csynth)
    }
}

fn tenths(begun: Instant) -> f64 {
    (begun.elapsed().as_secs_f64() * 10.0).round() / 10.0
}

/// Clock cycles by the innermost loop of an HLS report, which takes a word of weights in every turn.
fn by_loop(unit: &Mvau, interval: Option<u64>, depth: Option<u64>) -> Option<(u64, u64)> {
    interval.map(|ii| (ii * unit.interval(), depth.unwrap_or(0)))
}
