//! What a job ends in: the final among its best, or the one record of a job that is not searched.

use std::time::Duration;

use anyhow::Result;

use super::job::{JobSearch, best};
use super::{Budget, Job, LOW_ROOF, Study};
use crate::bench::{Duel, FINAL};
use crate::candidate::{Knob, Name, Schedule};
use crate::certificate::{Group, chosen};
use crate::emit::Source;
use crate::record::{Accuracy, Final, Outcome, Record};

/// Finalists, and how far behind the best one may be to be one.
const FINALISTS: usize = 8;
const FINAL_MARGIN: f64 = 1.06;
/// Share of a job's time that is kept for its final.
pub const FINAL_SHARE: f64 = 0.1;
/// Family and schedule of the one record of a job that is not searched.
pub const NO_FAMILY: &str = "none";

/// Seconds of a final of a job with this budget.
pub fn seconds(budget: Budget) -> f64 {
    match budget {
        Budget::Seconds(s) => (s * FINAL_SHARE).clamp(0.2, 10.0),
        Budget::Trials(_) => 3.0,
    }
}

/// What candidates of a competition, in order, came to side by side, as of now.
pub fn rows(group: &Group, candidates: &[&str], duel: &Duel) -> Vec<Final> {
    let held = std::time::UNIX_EPOCH.elapsed().map_or(0, |d| d.as_millis() as u64);
    let total = duel.series.iter().map(|(_, samples)| samples.len()).sum();
    let row = |candidate: &str, source: &Source, round: usize, ns: f64| Final {
        layer: group.0.clone(),
        scheme: group.1.clone(),
        contract: group.2,
        target: group.3.clone(),
        regime: group.4,
        threads: group.5,
        candidate: candidate.into(),
        source_hash: source.hash(),
        source_bytes: source.text.len(),
        round,
        ns: (ns * 100.0).round() / 100.0,
        held,
        rows: total,
        roof_ns: duel.roof_ns.get(round).map(|ns| (ns * 100.0).round() / 100.0),
    };
    let pairs = candidates.iter().zip(&duel.series);
    pairs
        .flat_map(|(c, (source, samples))| samples.iter().enumerate().map(move |(i, ns)| row(c, source, i, *ns)))
        .collect()
}

impl Study<'_> {
    /// A balanced comparison of the best, in rounds; what decides.
    pub fn hold_final(&mut self, search: &mut JobSearch, budget: Budget) -> Result<()> {
        let (bench, group, measured) = (&mut search.bench, &search.group, &search.tried);
        let Some((leader, ns)) = best(measured).and_then(|r| Some((r.corrected_ns?, r.median_ns?))) else {
            return Ok(());
        };
        let mut close: Vec<&Record> = measured.iter().filter(|r| r.outcome == Outcome::Measured).collect();
        close.retain(|r| r.corrected_ns.is_some_and(|ns| ns <= leader * FINAL_MARGIN));
        close.sort_by(|a, b| a.corrected_ns.partial_cmp(&b.corrected_ns).unwrap_or(std::cmp::Ordering::Equal));
        close.truncate(FINALISTS);
        let rules = FINAL.lasting(seconds(budget), close.iter().map(|_| ns));
        let schedules: Vec<Schedule> = close.iter().map(|r| r.schedule.parse()).collect::<Result<_>>()?;
        let duel = bench.duel(&schedules, &rules)?;
        let names: Vec<&str> = close.iter().map(|r| r.candidate.as_str()).collect();
        let rows = rows(group, &names, &duel);
        self.tables.finals.append_all(&rows)?;
        search.winner = chosen(&rows.iter().collect::<Vec<_>>()).map(String::from);
        Ok(())
    }

    /// Why a job is not worth tuning: another scheme of its layer is at least as accurate, and was measured faster than anything
    /// that the roof allows this one.
    pub fn dominated(&self, job: &Job, searches: &[JobSearch]) -> Result<Option<String>> {
        let Some(roofs) = &self.device.roofs else { return Ok(None) };
        let task = self.plan.task(job, self.device)?;
        let bound = roofs.least_ns(&task, self.plan.regime, self.device.caches()) * (1.0 - LOW_ROOF);
        let sqnr = |scheme: &str| {
            let same = |a: &&Accuracy| {
                (&a.network, &a.layer, a.scheme.as_str(), a.contract)
                    == (&job.layer.network, &job.layer.name, scheme, self.plan.contract)
            };
            self.tables.accuracy.iter().find(same)?.sqnr_db
        };
        let Some(own) = sqnr(&job.scheme) else { return Ok(None) };
        let rivals = searches.iter().filter(|s| s.job.layer.key() == job.layer.key() && s.roof_holds());
        let measured =
            rivals.filter_map(|s| Some((s.job.scheme.as_str(), best(&s.tried)?.median_ns?, sqnr(&s.job.scheme)?)));
        Ok(beaten((bound, own), measured))
    }

    /// A job that is not searched is one record that says why.
    pub fn unsearched(&mut self, job: &Job, outcome: Outcome, why: &str) -> Result<()> {
        let shape = &job.layer.shape;
        let name = Name {
            op: shape.op.name().into(),
            scheme: job.scheme.clone(),
            isa: self.device.isa.name.clone(),
            family: NO_FAMILY.into(),
            schedule: Schedule(vec![Knob::word(NO_FAMILY)]),
        };
        self.tables.records.append(&Record {
            candidate: name.to_string(),
            layer: job.layer.key(),
            op: name.op,
            m: shape.m(),
            n: shape.n(),
            k: shape.k(),
            scheme: name.scheme,
            contract: self.plan.contract,
            target: self.device.target.name.clone(),
            family: name.family,
            schedule: name.schedule.to_string(),
            regime: self.plan.regime,
            threads: self.plan.threads,
            outcome,
            evidence: self.device.target.runner.evidence,
            samples: 0,
            min_ns: None,
            median_ns: None,
            ci_low_ns: None,
            ci_high_ns: None,
            gmacs: None,
            roof_share: None,
            source_hash: String::new(),
            compiler: self.device.builder.id.clone(),
            host: self.device.host.fingerprint(),
            message: why.into(),
            cycles: None,
            instructions: None,
            at_s: Duration::as_secs_f64(&self.started.elapsed()),
            corrected_ns: None,
        })
    }
}

/// Is there a scheme, measured at so many nanoseconds and so many dB, that is better in both than a bound and an accuracy?
fn beaten<'a>((bound, own): (f64, f64), measured: impl IntoIterator<Item = (&'a str, f64, f64)>) -> Option<String> {
    let (scheme, ns, sqnr) = measured.into_iter().find(|(_, ns, sqnr)| *ns < bound && *sqnr >= own)?;
    let (ns, bound) = (ns / 1e3, bound / 1e3);
    Some(format!(
        "not tuned: {scheme} is as accurate ({sqnr:.1} dB, {own:.1} dB here) and was measured at {ns:.2} us; the roof allows {bound:.2} us here"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_loses_in_both_is_not_worth_tuning() {
        let measured = [("fast", 100.0, 10.0), ("good", 300.0, 30.0)];
        assert_eq!(beaten((90.0, 5.0), measured), None); // it may be faster than all
        assert_eq!(beaten((200.0, 20.0), measured), None); // and here more accurate than what is faster
        assert!(beaten((200.0, 10.0), measured).unwrap().contains("fast is as accurate (10.0 dB, 10.0 dB here)"));
        assert!(beaten((301.0, 20.0), measured).unwrap().contains("good"));
    }
}
