//! Building, checking and timing candidates on a device.

pub mod build;
pub mod counters;
pub mod energy;
pub mod harness;
mod pace;
pub mod peer;
pub mod probe;
pub mod problem;
pub mod process;
pub mod race;
pub mod runner;
pub mod session;
mod versus;
pub mod watch;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::candidate::{Regime, Schedule};
use crate::emit::Source;
use crate::host::{Caches, Host};
use crate::kernel::Task;
use crate::native::Isa;
use crate::record::{Outcome, Record};
use crate::stats::{median, median_interval};
use crate::target::{Evidence, Target};
use build::{Blame, Builder, Program};
use counters::{Counters, Counts};
use harness::Failure;
use pace::Pace;
use probe::Roofs;
use problem::Problem;
use race::{Parts, Rules, Series};
use runner::Runner;
use session::Session;
pub use versus::Side;
use watch::{Retaken, Watch};

/// A target made ready: its compiler found, its roofs known.
pub struct Device {
    pub target: Target,
    pub isa: Arc<Isa>,
    pub host: Host,
    pub runner: Arc<dyn Runner>,
    pub builder: Builder,
    /// None before [`Device::with_roofs`], and where the target gives no times.
    pub roofs: Option<Roofs>,
    /// Is it as fast as it was when the run began?
    pub watch: Arc<Watch>,
}

impl Device {
    /// # Errors
    /// A target that this machine or the device cannot run, a device that cannot be reached, or a missing compiler.
    pub fn open(target: Target, cache: &Path) -> Result<Self> {
        target.require()?;
        let isa = Arc::new(target.isa()?);
        let builder = Builder::new(&target, cache)?;
        builder.trim();
        let runner = runner::of(&target);
        let machine = runner.machine().with_context(|| format!("target {}", target.name))?;
        if let Some(what) = target.lacking(&machine) {
            bail!("target {}: the device lacks {what}", target.name);
        }
        let host = machine.host(target.caches);
        Ok(Self { target, isa, host, runner, builder, roofs: None, watch: Arc::default() })
    }

    /// With its roofs, which are measured where they are not known yet.
    pub fn with_roofs(mut self, cache: &Path, threads: usize) -> Result<Self> {
        if self.times() {
            self.roofs = Some(probe::kept_or_measured(&self, cache, threads)?);
        }
        Ok(self)
    }

    /// Does this target give times?
    pub fn times(&self) -> bool {
        self.target.runner.evidence == Evidence::Measured
    }

    /// Why no cycles and instructions are counted, as far as it is known before: a device elsewhere is asked with each kernel.
    pub fn why_no_counters(&self) -> String {
        if self.runner.is_here() { Counters::why_not().unwrap_or_default() } else { String::new() }
    }

    pub fn caches(&self) -> Caches {
        self.host.caches
    }

    /// Fails where a kernel's threads would not each have a cpu.
    pub fn has_cpus(&self, threads: usize) -> Result<()> {
        let cpus = self.host.cpus;
        ensure!(threads <= cpus, "--threads {threads} is more than the {cpus} cpus of {}", self.host.name);
        Ok(())
    }

    /// One run at a time measures on a device; says so when it has to wait.
    pub fn lock(&self, cache: &Path, mut say: impl FnMut(&str)) -> Result<Option<File>> {
        self.runner.lock(cache, &mut |why| say(&format!("waiting to measure {}: {why}", self.target.name)))
    }
}

/// Racing of one batch.
pub const BATCH: Rules = Rules { sample_ns: 200_000.0, rounds: 8, least: 3, alpha: 0.05, hopeless: 2.5 };
/// The final: everybody stays, samples are longer.
pub const FINAL: Rules = Rules { sample_ns: 1e6, rounds: 41, least: 41, alpha: 0.0, hopeless: f64::INFINITY };
/// Bytes that cold buffers rotate through, in last-level caches.
const COLD_POOL: u64 = 3;

/// One layer x scheme on a device: everything that its candidates share.
pub struct Bench<'a> {
    device: &'a Device,
    problem: Problem,
    layer: String,
    regime: Regime,
    started: Instant,
    seed: u64,
    /// The fastest so far, which races along in every batch: what the machine's pace is known by.
    pace: Pace,
    batches: u64,
}

/// What became of one source.
struct Trial {
    outcome: Outcome,
    message: String,
    series: Series,
    counts: Option<Counts>,
}

impl Trial {
    fn ended(outcome: Outcome, message: impl Into<String>) -> Self {
        Self { outcome, message: message.into(), series: Series::default(), counts: None }
    }

    fn raced(series: Series, counts: Option<Counts>, retaken: &Retaken) -> Self {
        let outcome = if series.eliminated { Outcome::Eliminated } else { Outcome::Measured };
        Self { outcome, message: retaken.message(), series, counts }
    }
}

/// What a final came to.
pub struct Duel {
    /// Of each schedule: what was emitted for it, and its samples by round.
    pub series: Vec<(Source, Vec<f64>)>,
    /// By round; empty where there is no roof.
    pub roof_ns: Vec<f64>,
}

impl<'a> Bench<'a> {
    pub fn new(
        device: &'a Device,
        task: Task,
        layer: &str,
        regime: Regime,
        seed: u64,
        started: Instant,
    ) -> Result<Self> {
        let problem = Problem::new(task, seed)?;
        Ok(Self { device, problem, layer: layer.into(), regime, started, seed, pace: Pace::default(), batches: 0 })
    }

    /// Who leads, and its corrected time, where that was found out elsewhere.
    pub fn set_leader(&mut self, schedule: Schedule, corrected_ns: f64) {
        self.pace = Pace::led_by(schedule, corrected_ns);
    }

    pub fn task(&self) -> &Task {
        &self.problem.task
    }

    pub fn problem(&mut self) -> &mut Problem {
        &mut self.problem
    }

    /// Builds, checks and races sources that were emitted for these schedules; one record each.
    pub fn try_sources(&mut self, sources: &[(Schedule, Source)], rules: &Rules) -> Result<Vec<Record>> {
        let trials = self.trials(sources, &[], rules)?;
        sources.iter().zip(trials).map(|((s, source), t)| self.record(s, &source.hash(), t)).collect()
    }

    /// Interleaved samples, by round, of the best: the final. One series each; empty for one that failed. And the task's
    /// least time as the device was in each round, by the roof's own products, which race along.
    pub fn duel(&mut self, schedules: &[Schedule], rules: &Rules) -> Result<Duel> {
        let emit = |s: &Schedule| Ok((s.clone(), self.task().emit(s)?));
        self.duel_of(schedules.iter().map(emit).collect::<Result<_>>()?, rules)
    }

    /// The same of kernels that were emitted already.
    pub fn duel_of(&mut self, sources: Vec<(Schedule, Source)>, rules: &Rules) -> Result<Duel> {
        let roofs = probe::products(self.task(), &self.device.isa);
        let along: Vec<&Source> = roofs.iter().map(|(source, _)| source).collect();
        let mut trials = self.trials(&sources, &along, rules)?;
        let raced = trials.split_off(sources.len());
        let roof_ns = self.roof_ns(&roofs, &raced);
        let series = sources.into_iter().zip(trials).map(|((_, source), t)| (source, t.series.samples)).collect();
        Ok(Duel { series, roof_ns })
    }

    fn roof_ns(&self, products: &[(Source, u64)], raced: &[Trial]) -> Vec<f64> {
        let Some(roofs) = &self.device.roofs else { return vec![] };
        let task = self.task();
        let read = roofs.read_ns(task, self.regime, self.device.caches());
        let macs = task.shape.macs() as f64 / task.threads as f64;
        let rounds = raced.iter().map(|t| t.series.samples.len()).min().unwrap_or(0);
        let product = |round: usize| {
            let each = products.iter().zip(raced).map(|((_, work), t)| t.series.samples[round] / *work as f64);
            macs * each.fold(f64::INFINITY, f64::min)
        };
        (0..rounds).map(|round| product(round).max(read)).collect()
    }

    /// Builds, checks and races sources; those `along` are raced but not checked, as they compute nothing.
    fn trials(&mut self, sources: &[(Schedule, Source)], along: &[&Source], rules: &Rules) -> Result<Vec<Trial>> {
        let texts: Vec<&Source> = sources.iter().map(|(_, s)| s).chain(along.iter().copied()).collect();
        let built = self.device.builder.build(&texts)?;
        self.race(sources, (texts.len(), Parts::default()), built, rules)
    }

    /// Checks and races what was built of sources, which may be followed by others that are only raced, `all` told. Those that
    /// have a part race to the end.
    fn race(
        &mut self,
        sources: &[(Schedule, Source)],
        (all, parts): (usize, Parts),
        (programs, blamed): (Vec<Program>, Vec<Blame>),
        rules: &Rules,
    ) -> Result<Vec<Trial>> {
        self.batches += 1;
        let seed = self.seed.wrapping_add(self.batches);
        let mut trials: Vec<Option<Trial>> = (0..all).map(|_| None).collect();
        for (i, message) in blamed {
            trials[i] = Some(Trial::ended(Outcome::BuildFailed, message));
        }
        for (program, kernels) in programs {
            // what races along is bound to anybody's operands
            let schedules = kernels.iter().map(|i| &sources[(*i).min(sources.len() - 1)].0).collect();
            let (runner, watch) = (self.device.runner.clone(), self.device.watch.clone());
            let mut session = match Session::start(runner, program, &mut self.problem, schedules)? {
                Ok(session) => session.watched(watch),
                Err(failure) => {
                    let all = || Trial::ended(outcome_of(&failure), failure.to_string());
                    kernels.iter().for_each(|i| trials[*i] = Some(all()));
                    continue;
                }
            };
            for (k, i) in kernels.iter().enumerate().filter(|(_, i)| **i < sources.len()) {
                trials[*i] = session.check(k)?.map(|(outcome, message)| Trial::ended(outcome, message));
            }
            if !self.device.times() {
                continue;
            }
            let pool = COLD_POOL * self.device.caches().last();
            let right: Vec<usize> = (0..kernels.len()).filter(|k| trials[kernels[*k]].is_none()).collect();
            let here =
                |part: &[usize]| -> Vec<usize> { (0..kernels.len()).filter(|k| part.contains(&kernels[*k])).collect() };
            let (held, beside) = (here(parts.held), here(parts.beside));
            let parts = Parts { held: &held, beside: &beside };
            for (k, raced) in session.race_all(&right, parts, rules, (self.regime, pool), seed)? {
                trials[kernels[k]] = Some(raced.map_or_else(
                    |failure| Trial::ended(outcome_of(&failure), failure.to_string()),
                    |(series, counts, retaken)| Trial::raced(series, counts, &retaken),
                ));
            }
        }
        Ok(trials.into_iter().map(|t| t.unwrap_or(Trial::ended(Outcome::Checked, ""))).collect())
    }

    fn record(&self, schedule: &Schedule, source_hash: &str, trial: Trial) -> Result<Record> {
        let task = self.task();
        let name = task.name(schedule)?;
        let samples = &trial.series.samples;
        let middle = (!samples.is_empty()).then(|| median(samples));
        let interval = (!samples.is_empty()).then(|| median_interval(samples));
        let macs = task.shape.macs() as f64;
        let roof = self.device.roofs.as_ref().map(|r| r.least_ns(task, self.regime, self.device.caches()));
        let short = |ns: f64| (ns * 100.0).round() / 100.0;
        Ok(Record {
            candidate: name.to_string(),
            layer: self.layer.clone(),
            op: name.op,
            m: task.shape.m(),
            n: task.shape.n(),
            k: task.shape.k(),
            scheme: name.scheme,
            contract: task.contract,
            target: self.device.target.name.clone(),
            family: name.family,
            schedule: schedule.to_string(),
            regime: self.regime,
            threads: task.threads,
            outcome: trial.outcome,
            evidence: self.device.target.runner.evidence,
            samples: samples.len(),
            min_ns: samples.iter().copied().reduce(f64::min).map(short),
            median_ns: middle.map(short),
            ci_low_ns: interval.map(|i| short(i.0)),
            ci_high_ns: interval.map(|i| short(i.1)),
            gmacs: middle.map(|ns| (macs / ns * 1000.0).round() / 1000.0),
            roof_share: middle.zip(roof).map(|(ns, roof)| (roof / ns * 1e4).round() / 1e4),
            source_hash: source_hash.into(),
            compiler: self.device.builder.id.clone(),
            host: self.device.host.fingerprint(),
            message: trial.message.replace('\n', " "),
            cycles: trial.counts.map(|c| c.cycles),
            instructions: trial.counts.map(|c| c.instructions),
            at_s: (self.started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
            corrected_ns: middle.map(short),
        })
    }
}

/// Candidates that were built together and wait to be measured.
pub struct Batch {
    sources: Vec<(Schedule, Source)>,
    /// So many of them were asked for; the others race along.
    asked: usize,
    /// With the products in registers, which race along where there are times.
    all: usize,
    built: (Vec<Program>, Vec<Blame>),
}

impl Device {
    /// Emits and builds schedules of a task, and those that race along. Needs no device at hand, so it can go on while another
    /// batch is measured.
    pub fn build(&self, task: &Task, schedules: &[Schedule], along: &[Schedule]) -> Result<Batch> {
        let others = along.iter().filter(|s| !schedules.contains(s));
        let emit = |s: &Schedule| Ok((s.clone(), task.emit(s)?));
        let sources: Vec<(Schedule, Source)> = schedules.iter().chain(others).map(emit).collect::<Result<_>>()?;
        let steady = if self.times() { probe::products(task, &self.isa).into_iter().next() } else { None };
        let texts: Vec<&Source> =
            sources.iter().map(|(_, source)| source).chain(steady.iter().map(|(s, _)| s)).collect();
        let built = self.builder.build(&texts)?;
        Ok(Batch { asked: schedules.len(), all: texts.len(), sources, built })
    }
}

impl Bench<'_> {
    /// Who should race along in the next batch.
    pub fn along(&self) -> Vec<Schedule> {
        self.pace.along().cloned().collect()
    }

    /// Checks and races a batch: a record of each candidate that was asked for, in order.
    pub fn measure(&mut self, batch: Batch) -> Result<Vec<Record>> {
        let sources = batch.sources;
        let along: Vec<&Schedule> = self.pace.along().collect();
        let held: Vec<usize> = (0..sources.len()).filter(|i| along.contains(&&sources[*i].0)).collect();
        let beside: Vec<usize> = (sources.len()..batch.all).collect();
        let parts = Parts { held: &held, beside: &beside };
        let mut trials = self.race(&sources, (batch.all, parts), batch.built, &BATCH)?;
        let steady = trials.split_off(sources.len()).pop().map_or(vec![], |t| t.series.samples);
        let raced = sources.iter().zip(&trials).map(|((s, _), t)| (s, &t.series, t.outcome == Outcome::Measured));
        let corrected = self.pace.correct(&raced.collect::<Vec<_>>(), &steady);
        let at_s = (self.started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0; // of all of them
        let mut records = Vec::with_capacity(sources.len());
        for ((schedule, source), (trial, corrected)) in
            sources.iter().zip(trials.into_iter().zip(&corrected)).take(batch.asked)
        {
            let record = self.record(schedule, &source.hash(), trial)?;
            let corrected_ns = corrected.map(|ns| (ns * 100.0).round() / 100.0);
            records.push(Record { corrected_ns, at_s, ..record });
        }
        Ok(records)
    }
}

/// How a candidate, or a peer, ended.
pub fn outcome_of(failure: &Failure) -> Outcome {
    match failure {
        Failure::TimedOut(_) => Outcome::TimedOut,
        Failure::Throttled(_) => Outcome::Throttled,
        Failure::Crashed(_) => Outcome::Crashed,
        Failure::Unsupported(_) => Outcome::Unsupported,
        Failure::Refused(why) if why.starts_with("out of memory") => Outcome::Unsupported,
        Failure::Refused(_) => Outcome::WrongAnswer,
    }
}
