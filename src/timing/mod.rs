//! Times that nobody measured: what a kernel's own instructions would take on a core of which only documents are at hand.
//!
//! ```text
//! compiler's assembly -> basic blocks -> how often each runs (counted) x its cycles (llvm-mca)    core
//! loops of the schedule -> bytes from behind each cache / what the core reads in a cycle           caches
//! time = the sum of these
//! ```

mod blocks;
mod count;
pub mod judge;
mod mca;

use std::collections::HashMap;

use anyhow::{Context, Result, bail};

use crate::bench::Device;
use crate::bench::problem::Problem;
use crate::candidate::{Regime, Schedule};
use crate::emit::Source;
use crate::host::Caches;
use crate::kernel::Task;
use crate::record::Modelled;
use crate::target::{Core, Evidence, Family};
use count::Counts;
use mca::Mca;

/// Cycles of a call of a library's function, which is not looked into: it copies or clears some hundred bytes.
const CALL: f64 = 20.0;

/// A model of a device's core.
pub struct Model<'a> {
    device: &'a Device,
    core: Core,
    mca: Mca,
}

/// What one call comes to.
struct Estimate {
    cycles: f64,
    bound: &'static str,
    instructions: f64,
    calls: f64,
    message: String,
}

impl<'a> Model<'a> {
    /// The model that a device's target describes.
    /// # Errors
    /// A target without one, or `llvm-mca` missing.
    pub fn new(device: &'a Device) -> Result<Self> {
        let core = device.target.model.clone();
        let core = core.with_context(|| format!("target {} has no model", device.target.name))?;
        Self::of(device, core)
    }

    /// The model of another core that runs a device's instructions.
    pub fn of(device: &'a Device, core: Core) -> Result<Self> {
        let triple = match device.target.family {
            Family::X86 => "x86_64-linux-gnu",
            Family::Arm => "aarch64-linux-gnu",
            Family::Fpga => bail!("no model of times for this family"),
        };
        let mca =
            Mca::new(triple, &core.cpu, core.dispatch).with_context(|| format!("target {}", device.target.name))?;
        Ok(Self { device, core, mca })
    }

    pub fn device(&self) -> &'a Device {
        self.device
    }

    /// `llvm-mca 19.1.7 neoverse-n1`
    pub fn name(&self) -> String {
        let wide = if self.core.dispatch > 0 { format!(" dispatch {}", self.core.dispatch) } else { String::new() };
        let moves = if self.core.free_moves { " free moves" } else { "" };
        format!("{} {}{wide}{moves}", self.mca.version, self.mca.cpu)
    }

    /// One row for each schedule, in order. What cannot be modelled has no time and says why.
    /// # Errors
    /// What makes going on pointless: `llvm-mca` gone.
    pub fn rows(
        &mut self,
        problem: &mut Problem,
        layer: &str,
        regime: Regime,
        schedules: &[Schedule],
    ) -> Result<Vec<Modelled>> {
        let emit = |s: &Schedule| Ok((s.clone(), problem.task.emit(s)?));
        let sources: Vec<(Schedule, Source)> = schedules.iter().map(emit).collect::<Result<_>>()?;
        let mut rows = Vec::with_capacity(sources.len());
        let counts = match problem.task.threads {
            1 => count::counts(self.device, problem, &sources),
            _ => Err(anyhow::anyhow!("only kernels of one thread are modelled")),
        };
        let free_moves = self.core.free_moves;
        let free = |(block, runs): (blocks::Block, u64)| (block.with_free_moves(), runs);
        let counts: Vec<_> = counts.unwrap_or_else(|e| sources.iter().map(|_| Err(format!("{e:#}"))).collect());
        let counts = counts.into_iter().map(|c| match free_moves {
            true => c.map(|c| c.into_iter().map(free).collect()),
            false => c,
        });
        for ((schedule, source), counts) in sources.iter().zip(counts) {
            let estimate = match counts {
                Ok(counts) => Ok(self.estimate(&problem.task, schedule, regime, &counts)?),
                Err(why) => Err(why),
            };
            rows.push(self.row(&problem.task, layer, regime, (schedule, source), estimate)?);
        }
        Ok(rows)
    }

    fn estimate(&mut self, task: &Task, schedule: &Schedule, regime: Regime, counts: &Counts) -> Result<Estimate> {
        let cycles: HashMap<&str, f64> =
            self.mca.cycles(counts.iter().map(|(b, _)| b.text.as_str()).filter(|t| !t.is_empty()))?;
        let (mut core, mut unknown) = (0.0, 0.0);
        for (block, runs) in counts {
            let runs = *runs as f64;
            match cycles.get(block.text.as_str()) {
                Some(cycles) => core += cycles * runs,
                None if block.text.is_empty() => {}
                None => unknown += runs * block.instructions as f64,
            }
            core += CALL * block.calls.len() as f64 * runs;
        }
        let instructions: f64 = counts.iter().map(|(b, n)| b.instructions as f64 * *n as f64).sum();
        let calls = counts.iter().map(|(b, n)| b.calls.len() as f64 * *n as f64).sum();
        let Caches { l1, l2, l3 } = self.device.caches();
        let reads = self.core.read_bytes_per_cycle;
        let last = l1.max(l2).max(l3);
        let levels = [("l2", l1, reads.l2), ("l3", l2, reads.l3), ("memory", last, reads.memory)];
        let mut parts = vec![("core", core)];
        for (name, cache, speed) in levels.into_iter().filter(|(_, cache, speed)| *cache > 0 && *speed > 0.0) {
            parts.push((name, task.traffic(schedule, cache, regime)? / speed));
        }
        let cycles = parts.iter().map(|p| p.1).sum();
        let bound = parts.iter().max_by(|a, b| a.1.total_cmp(&b.1)).map_or("", |p| p.0);
        let message = match unknown / instructions.max(1.0) {
            share if share > 0.01 => format!("{:.0} % of its instructions are unknown to the model", share * 100.0),
            _ => String::new(),
        };
        Ok(Estimate { cycles, bound, instructions, calls, message })
    }

    fn row(
        &self,
        task: &Task,
        layer: &str,
        regime: Regime,
        (schedule, source): (&Schedule, &Source),
        estimate: std::result::Result<Estimate, String>,
    ) -> Result<Modelled> {
        let name = task.name(schedule)?;
        let (estimate, message) = match estimate {
            Ok(e) => (Some((e.cycles, e.bound, e.instructions, e.calls)), e.message),
            Err(why) => (None, why),
        };
        let macs = task.shape.macs() as f64;
        let cycles = estimate.map(|e| e.0.round());
        let ns = cycles.map(|c| (c / self.core.clock_ghz * 100.0).round() / 100.0);
        let peak = self.core.peak.get(task.tiles(schedule)?);
        Ok(Modelled {
            candidate: name.to_string(),
            layer: layer.into(),
            scheme: name.scheme,
            contract: task.contract,
            target: self.device.target.name.clone(),
            regime,
            threads: task.threads,
            source_hash: source.hash(),
            compiler: self.device.builder.id.clone(),
            evidence: Evidence::Modelled,
            model: self.name(),
            clock_ghz: self.core.clock_ghz,
            cycles,
            ns,
            bound: estimate.map_or("", |e| e.1).into(),
            gmacs: ns.map(|ns| (macs / ns * 1000.0).round() / 1000.0),
            peak_share: cycles.zip(peak).map(|(c, peak)| (macs / c / peak * 1e4).round() / 1e4),
            instructions: estimate.map(|e| e.2),
            calls: estimate.map(|e| e.3),
            message,
        })
    }
}
