//! Building, checking and timing candidates on a device.

pub mod build;
pub mod counters;
pub mod harness;
pub mod peer;
pub mod probe;
pub mod problem;
pub mod process;
pub mod race;
pub mod replay;
pub mod runner;
pub mod session;
mod versus;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use crate::candidate::{Regime, Schedule};
use crate::emit::Source;
use crate::host::{Caches, Host};
use crate::kernel::{Task, amx, bitserial, chain16, lut, roof};
use crate::native::Isa;
use crate::record::{Outcome, Record};
use crate::stats::{median, median_interval};
use crate::target::{Evidence, Target};
use build::Builder;
use counters::Counts;
use harness::Failure;
use probe::Roofs;
use problem::Problem;
use race::{Rules, Series};
use runner::Runner;
use session::Session;
pub use versus::Side;

/// Where candidates get their records from: a device, or what was recorded of one.
pub trait Evaluate {
    /// One record per schedule, in order. A candidate's failure is a record.
    fn evaluate(&mut self, schedules: &[Schedule]) -> Result<Vec<Record>>;
}

/// A target made ready: its compiler found, its roofs known.
pub struct Device {
    pub target: Target,
    pub isa: Arc<Isa>,
    pub host: Host,
    pub runner: Arc<dyn Runner>,
    pub builder: Builder,
    /// None before [`Device::with_roofs`], and where the target gives no times.
    pub roofs: Option<Roofs>,
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
        Ok(Self { target, isa, host, runner, builder, roofs: None })
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
    /// The fastest so far, which races along in every batch, and its corrected time: what the machine's pace is known by.
    incumbent: Option<(Schedule, f64)>,
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

    fn raced(series: Series, counts: Option<Counts>) -> Self {
        let outcome = if series.eliminated { Outcome::Eliminated } else { Outcome::Measured };
        Self { outcome, message: String::new(), series, counts }
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
        Ok(Self { device, problem, layer: layer.into(), regime, started, seed, incumbent: None, batches: 0 })
    }

    /// What the fastest so far is, and its corrected time, where that was found out elsewhere.
    pub fn set_incumbent(&mut self, schedule: Schedule, corrected_ns: f64) {
        self.incumbent = Some((schedule, corrected_ns));
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
        let sources: Vec<(Schedule, Source)> = schedules.iter().map(emit).collect::<Result<_>>()?;
        let roofs = self.products();
        let along: Vec<&Source> = roofs.iter().map(|(source, _)| source).collect();
        let mut trials = self.trials(&sources, &along, rules)?;
        let raced = trials.split_off(sources.len());
        let roof_ns = self.roof_ns(&roofs, &raced);
        let series = sources.into_iter().zip(trials).map(|((_, source), t)| (source, t.series.samples)).collect();
        Ok(Duel { series, roof_ns })
    }

    /// The products that the task's roof is measured with, and the multiply-accumulates of one call.
    fn products(&self) -> Vec<(Source, u64)> {
        let (task, isa) = (self.task(), &self.device.isa);
        let mut all: Vec<_> = isa
            .tiles_of(task.products())
            .filter(|t| !t.scaled())
            .map(|tile| roof::products(isa, tile, probe::PRODUCTS))
            .collect();
        let tiles = isa.tiles_of(amx::FAMILY.tiles).filter(|tile| (amx::FAMILY.serves)(task, tile));
        all.extend(tiles.map(|tile| roof::tiles(isa, tile, probe::TILES)));
        let chained = isa.tiles_of(chain16::FAMILY.tiles).filter(|tile| (chain16::FAMILY.serves)(task, tile));
        all.extend(chained.map(|tile| roof::chains(isa, tile, chain16::longest(task, tile), probe::PRODUCTS)));
        let planes = isa.tiles_of(bitserial::FAMILY.tiles).filter(|tile| (bitserial::FAMILY.serves)(task, tile));
        all.extend(planes.map(|tile| {
            let (source, work) = roof::bits(isa, tile, probe::PRODUCTS);
            (source, work / bitserial::products(task) as u64)
        }));
        let tables = isa.tiles_of(lut::FAMILY.tiles).filter(|tile| (lut::FAMILY.serves)(task, tile));
        all.extend(tables.map(|tile| {
            let (source, work) = roof::tables(isa, tile, lut::longest(task, tile), probe::PRODUCTS);
            (source, work / lut::products(task) as u64)
        }));
        all
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
        self.batches += 1;
        let seed = self.seed.wrapping_add(self.batches);
        let texts: Vec<&Source> = sources.iter().map(|(_, s)| s).chain(along.iter().copied()).collect();
        let mut trials: Vec<Option<Trial>> = texts.iter().map(|_| None).collect();
        let (programs, blamed) = self.device.builder.build(&texts)?;
        for (i, message) in blamed {
            trials[i] = Some(Trial::ended(Outcome::BuildFailed, message));
        }
        for (program, kernels) in programs {
            // what races along is bound to anybody's operands
            let schedules = kernels.iter().map(|i| &sources[(*i).min(sources.len() - 1)].0).collect();
            let runner = self.device.runner.clone();
            let mut session = match Session::start(runner, program, &mut self.problem, schedules)? {
                Ok(session) => session,
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
            for (k, raced) in session.race_all(&right, rules, (self.regime, pool), seed)? {
                trials[kernels[k]] = Some(raced.map_or_else(
                    |failure| Trial::ended(outcome_of(&failure), failure.to_string()),
                    |(series, counts)| Trial::raced(series, counts),
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

impl Evaluate for Bench<'_> {
    fn evaluate(&mut self, schedules: &[Schedule]) -> Result<Vec<Record>> {
        let mut sources = Vec::with_capacity(schedules.len() + 1);
        for schedule in schedules {
            sources.push((schedule.clone(), self.task().emit(schedule)?));
        }
        let along = self.incumbent.clone();
        if let Some((best, _)) = along.as_ref().filter(|(i, _)| !schedules.contains(i)) {
            sources.push((best.clone(), self.task().emit(best)?));
        }
        let trials = self.trials(&sources, &[], &BATCH)?;
        let pace =
            along.and_then(|(best, ns)| Some((&trials[sources.iter().position(|(s, _)| *s == best)?].series, ns)));
        let corrected: Vec<Option<f64>> = trials.iter().map(|t| at_pace(&t.series, pace)).collect();
        let mut records = Vec::with_capacity(sources.len());
        for ((schedule, source), (trial, corrected)) in sources.iter().zip(trials.into_iter().zip(&corrected)) {
            let record = self.record(schedule, &source.hash(), trial)?;
            records.push(Record { corrected_ns: corrected.map(|ns| (ns * 100.0).round() / 100.0), ..record });
        }
        let measured = records.iter().enumerate().filter(|(_, r)| r.outcome == Outcome::Measured);
        let fastest = measured.filter_map(|(i, r)| Some((i, r.corrected_ns?))).min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((i, ns)) = fastest {
            self.incumbent = Some((sources[i].0.clone(), ns));
        }
        records.truncate(schedules.len());
        Ok(records)
    }
}

/// The time of a series at the pace at which another, raced along with it, takes so many nanoseconds: a machine's speed
/// may change by a third from batch to batch, and only what was timed side by side compares. Without another, or rounds
/// in common, the median as it is.
fn at_pace(series: &Series, pace: Option<(&Series, f64)>) -> Option<f64> {
    let own = (!series.samples.is_empty()).then(|| median(&series.samples))?;
    let Some((other, ns)) = pace.filter(|(s, _)| !s.samples.is_empty()) else { return Some(own) };
    let rounds = series.samples.len().min(other.samples.len());
    if rounds < BATCH.least {
        return Some(own / median(&other.samples) * ns); // it left at the first look
    }
    let ratios: Vec<f64> = series.samples.iter().zip(&other.samples).map(|(a, b)| a / b).collect();
    Some(median(&ratios) * ns)
}

/// How a candidate, or a peer, ended.
pub fn outcome_of(failure: &Failure) -> Outcome {
    match failure {
        Failure::TimedOut(_) => Outcome::TimedOut,
        Failure::Crashed(_) => Outcome::Crashed,
        Failure::Unsupported(_) => Outcome::Unsupported,
        Failure::Refused(why) if why.starts_with("out of memory") => Outcome::Unsupported,
        Failure::Refused(_) => Outcome::WrongAnswer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_brought_to_the_pace_of_the_incumbent() {
        let series = |samples: &[f64]| Series { samples: samples.to_vec(), eliminated: false };
        // the machine is half as fast as when the incumbent took 100, and slower still in the second round
        let (other, own) = (series(&[200.0, 300.0, 200.0]), series(&[220.0, 330.0, 221.0]));
        assert!((at_pace(&own, Some((&other, 100.0))).unwrap() - 110.0).abs() < 1e-9);
        assert_eq!(at_pace(&own, None), Some(221.0));
        assert_eq!(at_pace(&series(&[400.0]), Some((&other, 100.0))), Some(200.0));
        assert_eq!(at_pace(&series(&[]), Some((&other, 100.0))), None);
        assert_eq!(at_pace(&own, Some((&series(&[]), 100.0))), Some(221.0));
    }
}
