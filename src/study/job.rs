//! The search of one job, a batch at a time: it can be left and taken up again.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;

use super::{BATCH, Job, LEAST_BATCH, LOW_ROOF, Plan, Progress};
use crate::bench::{Batch, Bench, Device};
use crate::candidate::Schedule;
use crate::certificate::{EQUAL, Group};
use crate::kernel::Task;
use crate::kernel::estimate::{self, Speeds};
use crate::record::{Outcome, Record};
use crate::search::{self, Field, Past, Search};

/// Batches that a job has before it is weighed against others, and tries before it may be called done.
pub const OPENING: usize = 2;
const PATIENCE: usize = 64;

/// Times, in ns by schedule, of kernels that were checked and not timed.
pub type Guess<'a> = dyn FnMut(&mut Bench, &[Record]) -> Result<HashMap<String, f64>> + 'a;

/// A job under way.
pub struct JobSearch<'a> {
    pub job: Job,
    pub group: Group,
    pub index: usize,
    pub bench: Bench<'a>,
    pub speeds: Speeds,
    pub tried: Vec<Record>,
    /// The candidate that its final chose.
    pub winner: Option<String>,
    /// Seconds of its batches.
    pub spent: f64,
    field: Arc<Field>,
    strategy: Box<dyn Search>,
    /// Earlier records that still hold, by schedule.
    known: HashMap<String, Record>,
    batches: usize,
    /// The least modelled time and its schedule, where nobody can measure.
    least: Option<(f64, String)>,
    /// Does the roof rule points out?
    bounded: bool,
    /// Points that were not tried, as the roof does not allow them to win.
    pub beaten: usize,
    /// The strategy has no more, or nothing better is to be expected.
    ended: bool,
}

/// Points that a job asked for.
#[derive(Clone)]
pub struct Asked {
    pub points: Vec<usize>,
    pub schedules: Vec<Schedule>,
    /// Those of which there is no record.
    pub new: Vec<Schedule>,
    pub along: Vec<Schedule>,
}

impl<'a> JobSearch<'a> {
    pub fn new(
        (plan, job, index): (&Plan, &Job, usize),
        device: &'a Device,
        (old, past): (Vec<Record>, Past),
        started: Instant,
    ) -> Result<Self> {
        let (task, group) = (plan.task(job, device)?, plan.group(job));
        let speeds = device.roofs.as_ref().map_or_else(|| Speeds::unknown(&task), |r| r.speeds(&task));
        let field = Arc::new(field(&task, &speeds, past)?);
        let mut bench = Bench::new(device, task, &group.0, plan.regime, plan.seed, started)?;
        let known = still_hold(&bench, device, old);
        if let Some(leader) = best(&known) {
            bench.set_leader(leader.schedule.parse()?, leader.corrected_ns.unwrap_or(f64::INFINITY));
        }
        let strategy = (search::find(&plan.strategy)?.make)(&field, plan.seed);
        let bounded = device.roofs.is_some() && !strategy.wants_all();
        let known = known.into_iter().map(|r| (r.schedule.clone(), r)).collect();
        let job = job.clone();
        Ok(Self {
            job,
            group,
            index,
            bench,
            speeds,
            tried: vec![],
            winner: None,
            spent: 0.0,
            field,
            strategy,
            known,
            batches: 0,
            least: None,
            bounded,
            beaten: 0,
            ended: false,
        })
    }

    /// Where the search stands.
    pub fn tell(&self, jobs: usize, progress: &mut dyn Progress) {
        progress.job(self.index, jobs, &self.job, self.points());
        match &self.least {
            Some((ns, schedule)) => progress.modelled(self.tried.len(), Some((*ns, schedule.as_str()))),
            None => progress.batch(self.tried.len(), best(&self.tried)),
        }
    }

    pub fn points(&self) -> usize {
        self.field.space.len()
    }

    pub fn end(&mut self) {
        self.ended = true;
    }

    pub fn has_ended(&self) -> bool {
        self.ended
    }

    pub fn is_opening(&self) -> bool {
        self.openings_left() > 0
    }

    pub fn openings_left(&self) -> usize {
        OPENING.saturating_sub(self.batches)
    }

    /// Seconds that a candidate takes, all told; none before the first batch.
    pub fn pace(&self) -> Option<f64> {
        (!self.tried.is_empty()).then(|| self.spent / self.tried.len() as f64)
    }

    /// Candidates that fit so many seconds; the first batch always has some.
    pub fn room(&self, seconds: f64) -> usize {
        let fits = self.pace().map_or(BATCH, |pace| (seconds.max(0.0) / pace.max(1e-6)) as usize);
        if self.batches == 0 { fits.clamp(LEAST_BATCH, BATCH) } else { fits.min(BATCH) }
    }

    /// What the network may gain by a second of this search, in nanoseconds: how often the layer occurs, times what is hoped
    /// for. Where the strategy has no hope to tell, gains are taken to fall off like 1 / batches.
    pub fn gain(&mut self) -> f64 {
        let usual = 1.0 / self.batches.max(1) as f64;
        // without times jobs take turns
        let Some(ns) = best(&self.tried).and_then(|r| r.corrected_ns) else { return f64::MAX * usual };
        let hoped = self.strategy.hope().map_or(usual, |hope| (1.0 - hope / ns).clamp(0.0, usual));
        self.job.layer.count as f64 * ns * hoped / self.pace().unwrap_or(1.0).max(1e-6)
    }

    /// Is no kernel clearly faster than its roof? One that is shows that the roof was measured too low to rule anything out.
    pub fn roof_holds(&self) -> bool {
        self.tried.iter().all(|r| r.roof_share.is_none_or(|share| share < 1.0 + LOW_ROOF / 2.0))
    }

    /// Points of which the strategy asks and that may win; none when there are no more. Those that the roof does not allow as
    /// fast as the best so far are not tried.
    fn likely(&mut self, count: usize) -> Vec<usize> {
        let best = best(&self.tried).and_then(|r| r.corrected_ns).filter(|_| self.bounded && self.roof_holds());
        let best = best.unwrap_or(f64::INFINITY);
        loop {
            let asked = self.strategy.ask(count);
            let (lost, open): (Vec<usize>, Vec<usize>) =
                asked.into_iter().partition(|p| self.field.view(*p).least_ns * (1.0 - LOW_ROOF) > best);
            if lost.is_empty() {
                return open;
            }
            self.beaten += lost.len();
            self.strategy.tell(&lost.into_iter().map(|p| (p, None)).collect::<Vec<_>>());
            if !open.is_empty() {
                return open;
            }
        }
    }

    /// The next points; none when there are no more.
    pub fn ask(&mut self, count: usize) -> Option<Asked> {
        let points = self.likely(count);
        if points.is_empty() {
            self.ended = true;
            return None;
        }
        let schedules: Vec<Schedule> = points.iter().map(|p| self.field.space.at(*p)).collect();
        let new = schedules.iter().filter(|s| !self.known.contains_key(&s.to_string())).cloned().collect();
        self.batches += 1;
        Some(Asked { points, schedules, new, along: self.bench.along() })
    }

    /// Measures a batch and tells the strategy, of what was not timed what `modelled` says; the records that are new.
    pub fn answer(&mut self, asked: &Asked, batch: Option<Batch>, modelled: &mut Guess) -> Result<Vec<Record>> {
        let begun = Instant::now();
        let new = batch.map_or(Ok(vec![]), |batch| self.bench.measure(batch))?;
        self.known.extend(new.iter().map(|r| (r.schedule.clone(), r.clone())));
        let records: Vec<Record> =
            asked.schedules.iter().filter_map(|s| self.known.get(&s.to_string()).cloned()).collect();
        let guessed = modelled(&mut self.bench, &records)?;
        let time =
            |r: &Record| r.corrected_ns.or_else(|| guessed.get(&r.schedule).copied()).filter(|_| r.outcome.right());
        self.strategy.tell(&asked.points.iter().copied().zip(records.iter().map(time)).collect::<Vec<_>>());
        self.tried.extend(records);
        let guessed = guessed.into_iter().map(|(schedule, ns)| (ns, schedule));
        self.least = guessed.chain(self.least.take()).min_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        self.spent += begun.elapsed().as_secs_f64();
        if self.tried.len() >= PATIENCE && !self.may_gain() {
            self.ended = true;
        }
        Ok(new)
    }

    /// Is a kernel to be expected that is more than a tie faster?
    fn may_gain(&mut self) -> bool {
        let ns = best(&self.tried).and_then(|r| r.corrected_ns);
        !ns.zip(self.strategy.hope()).is_some_and(|(ns, hope)| hope > ns * (1.0 - EQUAL))
    }
}

/// What the strategy may know of a space.
fn field(task: &Task, speeds: &Speeds, past: Past) -> Result<Field> {
    let (task, speeds) = (task.clone(), speeds.clone());
    let space = task.space()?;
    let view = move |s: &Schedule| estimate::view(&task, s, &speeds).expect("a point of the task's space");
    let mut field = Field::new(space, view);
    field.past = past;
    Ok(field)
}

/// Earlier records that still hold: same text, compiler and host.
fn still_hold(bench: &Bench, device: &Device, old: Vec<Record>) -> Vec<Record> {
    let host = device.host.fingerprint();
    let holds = |r: &Record| {
        let source = r.schedule.parse::<Schedule>().and_then(|s| bench.task().emit(&s));
        r.host == host && r.compiler == device.builder.id && source.is_ok_and(|s| s.hash() == r.source_hash)
    };
    old.into_iter().filter(holds).collect()
}

/// The fastest right record.
pub fn best(records: &[Record]) -> Option<&Record> {
    let timed = records.iter().filter(|r| r.outcome == Outcome::Measured && r.corrected_ns.is_some());
    timed.min_by(|a, b| a.corrected_ns.partial_cmp(&b.corrected_ns).unwrap_or(std::cmp::Ordering::Equal))
}
