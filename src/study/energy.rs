//! What each winner takes, where the device's counters say it.

use std::sync::atomic::Ordering;

use anyhow::Result;

use super::Study;
use super::job::JobSearch;
use crate::bench::energy::Meter;
use crate::candidate::Schedule;
use crate::record::Energy;

impl Study<'_> {
    /// Runs each winner alone under the meter; about a second each, beside the budget.
    pub fn meter(&mut self, searches: &mut [JobSearch]) -> Result<()> {
        let Some(table) = &mut self.tables.energy else { return Ok(()) };
        let Ok(meter) = Meter::of(self.device) else { return Ok(()) };
        for search in searches {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            let Some(winner) = search.winner.clone() else { continue };
            let Some(record) = search.tried.iter().rfind(|r| r.candidate == winner) else { continue };
            let schedule: Schedule = record.schedule.parse()?;
            let Some(spent) = search.bench.energy(&schedule, &meter)? else { continue };
            table.append(&Energy {
                layer: record.layer.clone(),
                scheme: record.scheme.clone(),
                contract: record.contract,
                target: record.target.clone(),
                regime: record.regime,
                threads: record.threads,
                candidate: record.candidate.clone(),
                source_hash: record.source_hash.clone(),
                calls: spent.calls,
                seconds: spent.seconds,
                joules: spent.joules,
                idle_watts: spent.idle_watts,
            })?;
        }
        Ok(())
    }
}
