//! Vendors' tools, where there are any, behind the open ones.

use anyhow::{Result, anyhow};
use rayon::prelude::*;

use super::{KEPT, Tuner};
use crate::fpga::row::Row;
use crate::fpga::synth::LIMITS;
use crate::fpga::tool::Failure;
use crate::fpga::tune::lane::Lane;
use crate::fpga::tune::rank;
use crate::fpga::tune::work::{Candidate, limits};
use crate::fpga::vendor::Tool;
use crate::record::Outcome;

impl Tuner<'_> {
    /// The most promising designs of each layer through every step of vendors' tools, the quickest step first.
    pub(super) fn ask_vendors(&self, lanes: &[Lane]) -> Result<()> {
        for tool in &self.vendors {
            self.tell(tool.step.name, lanes.len() * KEPT[3]);
            for _ in 0..KEPT[3] {
                let todo: Vec<&Candidate> = lanes.iter().filter_map(|l| self.to_ask(l, tool)).collect();
                let ended: Vec<Result<()>> = todo.par_iter().with_max_len(1).map(|c| self.ask(c, tool)).collect();
                ended.into_iter().collect::<Result<Vec<()>>>()?;
            }
        }
        Ok(())
    }

    /// The next of a lane that a tool has not seen.
    fn to_ask<'l>(&self, lane: &'l Lane, tool: &Tool) -> Option<&'l Candidate<'l>> {
        let own = |r: &Row| r.evidence == tool.step.evidence && r.tools == tool.version();
        let seen: Vec<String> = {
            let rows = self.rows.lock().ok()?;
            rows.iter().filter(|r| r.layer == lane.layer && own(r)).map(|r| r.source.clone()).collect()
        };
        if seen.len() >= KEPT[3] {
            return None;
        }
        let right: Vec<&Candidate> = lane
            .candidates
            .iter()
            .filter(|c| self.known(c).and_then(|r| r.outcome).is_none_or(Outcome::right))
            .collect();
        let device = &self.plan.device;
        let share = |c: &Candidate| self.known(c).and_then(|r| r.share).unwrap_or_else(|| device.share(&c.guess));
        let figures: Vec<[f64; 3]> = right.iter().map(|c| [c.time(), share(c), lane.noise_of(&c.job.scheme)]).collect();
        rank::order(&figures, usize::MAX).into_iter().map(|i| right[i]).find(|c| !seen.contains(&c.source))
    }

    fn ask(&self, c: &Candidate, tool: &Tool) -> Result<()> {
        let left = self.left();
        if self.stopped() || left <= 0.0 {
            return Ok(());
        }
        let limits = limits(LIMITS, left.min(self.patience(tool.step.evidence)));
        match c.ask(tool, &self.plan.device, &self.work, limits, self.stop) {
            Ok(row) if row.outcome == Some(Outcome::TimedOut) && self.left() <= 0.2 => Ok(()),
            Ok(row) => self.keep(vec![row]),
            Err(Failure::Stopped) => Ok(()),
            Err(e) => Err(anyhow!("{e}")),
        }
    }
}
