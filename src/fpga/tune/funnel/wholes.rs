//! Networks as a whole, after their layers.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use rayon::prelude::*;

use super::{Tuner, poisoned};
use crate::fpga::Evidence;
use crate::fpga::synth::Stage;
use crate::fpga::tool::Failure;
use crate::fpga::tune::whole::Whole;
use crate::fpga::tune::work::limits;
use crate::record::Outcome;

impl Tuner<'_> {
    pub(super) fn model_wholes(&self, wholes: &[Whole]) -> Result<()> {
        let fresh = {
            let rows = self.rows.lock().map_err(|_| poisoned())?;
            !wholes.iter().any(|w| rows.iter().any(|r| r.layer == w.network))
        };
        if !fresh || wholes.is_empty() {
            return Ok(());
        }
        self.keep(wholes.iter().map(|w| w.modelled(&self.plan.device)).collect::<Result<_>>()?)
    }

    /// Each to the end of the flow, for as long as the budget lasts.
    pub(super) fn try_wholes(&self, wholes: &[Whole]) -> Result<()> {
        let Some(flow) = &self.flow else { return Ok(()) };
        let tools = flow.versions();
        let known: Vec<bool> = {
            let rows = self.rows.lock().map_err(|_| poisoned())?;
            wholes.iter().map(|w| rows.iter().any(|r| w.is_of(r) && r.tools == tools)).collect()
        };
        let todo: Vec<&Whole> = wholes.iter().zip(known).filter(|(_, known)| !known).map(|(w, _)| w).collect();
        self.tell("whole networks", todo.len());
        let until = if flow.routes() { Stage::Routed } else { Stage::Synthesized };
        let one = |w: &&Whole| {
            let left = self.left();
            if self.stopped() || left <= 0.0 {
                return Ok(());
            }
            let mut flow = flow.clone();
            flow.limits = limits(flow.limits, self.patience(Evidence::SynthOpen));
            flow.deadline = Some(Instant::now() + Duration::from_secs_f64(left));
            flow.seeds = (1..=self.plan.seeds).collect();
            match w.run(&flow, until, &self.work, self.stop) {
                Ok(row) if row.outcome == Some(Outcome::TimedOut) && self.left() <= 0.2 => Ok(()),
                Ok(row) => self.keep(vec![row]),
                Err(Failure::Stopped) => Ok(()),
                Err(e) => Err(anyhow!("{e}")),
            }
        };
        todo.par_iter().with_max_len(1).map(one).collect::<Result<Vec<()>>>().map(drop)
    }
}
