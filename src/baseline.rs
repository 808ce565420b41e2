//! Peers beside our winners: each layer x scheme of a plan timed in turns with a peer's kernel of it, and recorded.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, UNIX_EPOCH};

use anyhow::Result;

use crate::bench::peer::{Peer, layer_words};
use crate::bench::process::Failure;
use crate::bench::race::{Parts, Rules, race};
use crate::bench::{Bench, Device, FINAL, Side, outcome_of};
use crate::candidate::Schedule;
use crate::certificate::{Winner, group_of};
use crate::kernel::Task;
use crate::record::{Baseline, Outcome, Table};
use crate::stats::{median, median_interval};
use crate::study::{Job, Plan};
use crate::target::Evidence;

/// Seconds that the rounds of one comparison may take; 15 rounds are held even where they take longer.
const SECONDS: f64 = 3.0;

/// What a run tells whoever watches it.
pub trait Progress {
    fn job(&mut self, index: usize, jobs: usize, job: &Job);
    fn row(&mut self, row: &Baseline);
}

/// A peer, and what it is compared with.
pub struct Contest<'a> {
    pub plan: &'a Plan,
    pub device: &'a Device,
    /// The winners of the run.
    pub winners: &'a [Winner],
    /// What the peer is started by, again where it has died, and where its program is kept.
    pub with: &'a str,
    pub cache: &'a Path,
    /// None where it has died.
    peer: Option<Peer>,
    name: String,
    call_ns: Option<f64>,
}

/// Our kernel of a job.
struct Own {
    schedule: Schedule,
    candidate: String,
    hash: String,
    /// What a call takes, about.
    ns: f64,
}

/// Samples by round, of the peer and of ours.
struct Sampled {
    peer: Vec<f64>,
    own: Vec<f64>,
    /// Why there are none of ours although the run has a winner.
    note: String,
}

impl<'a> Contest<'a> {
    pub fn new(
        plan: &'a Plan,
        device: &'a Device,
        winners: &'a [Winner],
        (with, cache): (&'a str, &'a Path),
        peer: Peer,
    ) -> Self {
        let (name, call_ns) = (peer.name.clone(), peer.call_ns);
        Self { plan, device, winners, with, cache, peer: Some(peer), name, call_ns }
    }

    /// Compares and records every job that is not in `known`; ends early when `stop` is set. Returns how many were known.
    /// # Errors
    /// What makes going on pointless: a table that cannot be written, a compiler that is gone. What happens to the peer is
    /// a record.
    pub fn run(
        &mut self,
        table: &mut Table,
        known: &[Baseline],
        stop: &AtomicBool,
        progress: &mut dyn Progress,
    ) -> Result<usize> {
        let mut wanted = Vec::new();
        let jobs = self.plan.jobs();
        for job in &jobs {
            let task = self.plan.task(job, self.device)?;
            let own = self.own(job, &task);
            let row = self.row(job, own.as_ref());
            if !known.iter().any(|k| k.same(&row)) {
                wanted.push((job, task, own, row));
            }
        }
        let count = wanted.len();
        for (i, (job, task, own, row)) in wanted.into_iter().enumerate() {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            progress.job(i, count, job);
            let row = match self.compare(&task, own)? {
                Ok(sampled) => timed(row, &sampled),
                Err(failure) => Baseline { outcome: outcome_of(&failure), message: failure.to_string(), ..row },
            };
            table.append(&row)?;
            progress.row(&row);
        }
        Ok(jobs.len() - count)
    }

    /// The run's winner of a job, if its kernel can still be emitted.
    fn own(&self, job: &Job, task: &Task) -> Option<Own> {
        let group = self.plan.group(job);
        let record = &self.winners.iter().find(|w| group_of(&w.record) == group)?.record;
        let schedule: Schedule = record.schedule.parse().ok()?;
        let hash = task.emit(&schedule).ok()?.hash();
        Some(Own { hash, schedule, candidate: record.candidate.clone(), ns: record.median_ns? })
    }

    /// A row without times.
    fn row(&self, job: &Job, own: Option<&Own>) -> Baseline {
        let shape = &job.layer.shape;
        Baseline {
            peer: self.name.clone(),
            layer: job.layer.key(),
            op: shape.op.name().into(),
            m: shape.m(),
            n: shape.n(),
            k: shape.k(),
            scheme: job.scheme.clone(),
            contract: self.plan.contract,
            target: self.device.target.name.clone(),
            regime: self.plan.regime,
            threads: self.plan.threads,
            outcome: Outcome::Measured,
            evidence: Evidence::Measured,
            rounds: 0,
            median_ns: None,
            ci_low_ns: None,
            ci_high_ns: None,
            gmacs: None,
            call_ns: self.call_ns,
            own: own.map_or(String::new(), |o| o.candidate.clone()),
            own_hash: own.map_or(String::new(), |o| o.hash.clone()),
            own_ns: None,
            ratio: None,
            ratio_low: None,
            ratio_high: None,
            compiler: self.device.builder.id.clone(),
            host: self.device.host.fingerprint(),
            held: UNIX_EPOCH.elapsed().map_or(0, |d| d.as_millis() as u64),
            message: String::new(),
            samples: String::new(),
            own_samples: String::new(),
        }
    }

    /// Starts the peer anew where it has died, and sees to it that one which failed is started anew.
    fn compare(&mut self, task: &Task, own: Option<Own>) -> Result<std::result::Result<Sampled, Failure>> {
        let mut peer = match self.peer.take().map_or_else(|| Peer::start(self.with, self.cache, self.plan.threads), Ok)
        {
            Ok(peer) => peer,
            Err(e) => return Ok(Err(Failure::Crashed(format!("{e:#}")))),
        };
        let sampled = self.sample(task, own, &mut peer)?;
        if matches!(sampled, Ok(_) | Err(Failure::Unsupported(_))) {
            self.peer = Some(peer);
        }
        Ok(sampled)
    }

    fn sample(&self, task: &Task, own: Option<Own>, peer: &mut Peer) -> Result<std::result::Result<Sampled, Failure>> {
        let (plan, macs) = (self.plan, task.shape.macs());
        let words = layer_words(&task.shape, &task.scheme, plan.contract, plan.regime, plan.threads);
        let ready = peer.load(&words, macs).and_then(|()| peer.time(1, macs)).and_then(|_| peer.time(1, macs));
        let first = match ready {
            Ok(ns) => ns,
            Err(failure) => return Ok(Err(failure)),
        };
        let mut time = |calls: u64| peer.time(calls, macs);
        let mut note = String::new();
        if let Some(own) = own {
            let rules = FINAL.lasting(SECONDS, [first, own.ns]);
            let mut bench = Bench::new(self.device, task.clone(), "", plan.regime, plan.seed, Instant::now())?;
            match bench.versus(&own.schedule, &rules, &mut time)? {
                Ok([own, peer]) => return Ok(Ok(Sampled { peer, own, note })),
                Err((Side::Peer, failure)) => return Ok(Err(failure)),
                Err((Side::Own, failure)) => note = format!("our kernel: {failure}"),
            }
        }
        let alone = alone(&FINAL.lasting(SECONDS, [first]), plan.seed, &mut time);
        Ok(alone.map(|peer| Sampled { peer, own: vec![], note }))
    }
}

/// Rounds of a peer that has nobody beside it.
fn alone(
    rules: &Rules,
    seed: u64,
    time: &mut dyn FnMut(u64) -> std::result::Result<f64, Failure>,
) -> std::result::Result<Vec<f64>, Failure> {
    let series = race(&[0], Parts::default(), rules, seed, &mut |groups| {
        groups.iter().map(|(_, calls)| time(*calls)).collect()
    })?;
    Ok(series.into_iter().flat_map(|s| s.samples).collect())
}

/// A row with what its rounds came to.
fn timed(row: Baseline, sampled: &Sampled) -> Baseline {
    let short = |ns: f64| (ns * 100.0).round() / 100.0;
    let fine = |ratio: f64| (ratio * 1e4).round() / 1e4;
    let list = |all: &[f64]| all.iter().map(|ns| short(*ns).to_string()).collect::<Vec<_>>().join(";");
    let ratios: Vec<f64> = sampled.peer.iter().zip(&sampled.own).map(|(peer, own)| peer / own).collect();
    let (ns, (low, high)) = (median(&sampled.peer), median_interval(&sampled.peer));
    let both = (!ratios.is_empty()).then(|| median_interval(&ratios));
    let macs = row.m as f64 * row.n as f64 * row.k as f64;
    Baseline {
        rounds: sampled.peer.len(),
        median_ns: Some(short(ns)),
        ci_low_ns: Some(short(low)),
        ci_high_ns: Some(short(high)),
        gmacs: Some((macs / ns * 1000.0).round() / 1000.0),
        own_ns: both.map(|_| short(median(&sampled.own))),
        ratio: both.map(|_| fine(median(&ratios))),
        ratio_low: both.map(|b| fine(b.0)),
        ratio_high: both.map(|b| fine(b.1)),
        message: sampled.note.clone(),
        samples: list(&sampled.peer),
        own_samples: list(&sampled.own),
        ..row
    }
}
