//! Repeats: each winner timed again, alone, in a program of its own and some time after its final. Their spread is how much two
//! sessions of one kernel differ on this device now: the A/A test that verdicts rest on.

use std::sync::atomic::Ordering;

use anyhow::Result;

use super::finals::{rows, seconds};
use super::job::JobSearch;
use super::{Budget, Study};
use crate::bench::FINAL;
use crate::candidate::Schedule;

impl Study<'_> {
    /// As many sessions of each winner as the plan has; of all jobs in turns, so that those of one lie apart.
    pub fn hold_repeats(&mut self, searches: &mut [JobSearch], budget: Budget) -> Result<()> {
        for _ in 0..self.plan.repeats {
            for search in searches.iter_mut() {
                if self.stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let Some(winner) = search.winner.clone() else { continue };
                let Some(record) = search.tried.iter().rfind(|r| r.candidate == winner) else { continue };
                let schedule: Schedule = record.schedule.parse()?;
                let rules = FINAL.lasting(seconds(budget) / self.plan.repeats as f64, record.median_ns);
                let duel = search.bench.duel(&[schedule], &rules)?;
                self.tables.repeats.append_all(&rows(&search.group, &[&winner], &duel))?;
            }
        }
        Ok(())
    }
}
