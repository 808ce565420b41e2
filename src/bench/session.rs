//! One batch on the device: loads operands, checks every kernel, races the right ones. A kernel that takes the program
//! with it costs only itself.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};

use super::counters::{Counters, Counts};
use super::harness::{Failure, Harness};
use super::outcome_of;
use super::problem::Problem;
use super::race::{Parts, Rules, Series, race};
use super::runner::Runner;
use super::watch::{Retaken, Watch};
use crate::candidate::{Regime, Schedule};
use crate::record::Outcome;

/// Buffers of the harness: the output, the columns, then activations by set and weights by packing.
const OUT: usize = 0;
const COLUMNS: usize = 1;
const LHS: usize = 2;
const RHS: usize = 128;

pub struct Session<'a> {
    runner: Arc<dyn Runner>,
    watch: Arc<Watch>,
    program: PathBuf,
    problem: &'a mut Problem,
    /// By kernel.
    schedules: Vec<&'a Schedule>,
    limit: Duration,
    harness: Harness,
    /// Has the device started anew since this began?
    restarted: bool,
    /// Weights on the device, by packing.
    loaded: HashMap<String, usize>,
}

/// A raced kernel's samples and counters, and which rounds had to be taken again; or why it has none.
type Raced = std::result::Result<(Series, Option<Counts>, Retaken), Failure>;

impl<'a> Session<'a> {
    /// Starts `program` and loads what all its kernels share; `schedules` are those of its kernels, in table order.
    /// # Errors
    /// A program that does not start. (Inside: operands that the device cannot hold.)
    pub fn start(
        runner: Arc<dyn Runner>,
        program: PathBuf,
        problem: &'a mut Problem,
        schedules: Vec<&'a Schedule>,
    ) -> Result<std::result::Result<Self, Failure>> {
        let limit = time_limit(problem.task.shape.macs()) * runner.patience();
        let harness = Harness::start(runner.command(&program, problem.task.threads)?, limit)?;
        let mut session = Self {
            runner,
            watch: Arc::default(),
            program,
            problem,
            schedules,
            limit,
            harness,
            restarted: false,
            loaded: HashMap::new(),
        };
        Ok(session.load_shared().map(|()| session))
    }

    /// Under a watch that knows the device from before.
    #[must_use]
    pub fn watched(self, watch: Arc<Watch>) -> Self {
        Self { watch, ..self }
    }

    fn load_shared(&mut self) -> std::result::Result<(), Failure> {
        self.harness.alloc(OUT, self.problem.task.shape.out_len() * self.problem.task.out_width())?;
        self.harness.load(COLUMNS, &self.problem.columns)?;
        self.problem.inputs.iter().enumerate().try_for_each(|(i, x)| self.harness.load(LHS + i, &x.lhs))
    }

    /// A fresh program after one has died.
    fn restart(&mut self) -> Result<()> {
        self.harness = Harness::start(self.runner.command(&self.program, self.problem.task.threads)?, self.limit)?;
        self.loaded.clear();
        self.look_for_restart();
        self.load_shared().map_err(|f| anyhow!("cannot load the layer's operands again: {f}"))
    }

    /// What was known of a device that has started anew is forgotten.
    fn look_for_restart(&mut self) {
        if self.runner.restarted() {
            self.watch.reset();
            self.restarted = true;
        }
    }

    /// Ties a kernel to its weights and to one set of activations.
    fn bind(&mut self, kernel: usize, set: usize) -> Result<std::result::Result<(), Failure>> {
        let key = self.problem.task.pack_key(self.schedules[kernel]);
        let next = RHS + self.loaded.len();
        let buffer = *self.loaded.get(&key).unwrap_or(&next);
        if buffer == next {
            if let Err(f) = self.harness.load(next, self.problem.pack(self.schedules[kernel])?) {
                return Ok(Err(f));
            }
            self.loaded.insert(key, next);
        }
        let zeros = [self.problem.inputs[set].zero, self.problem.inputs[set].out_zero];
        Ok(self.harness.bind(kernel, [LHS + set, buffer, COLUMNS, OUT], zeros, self.problem.task.threads))
    }

    /// What is wrong with a kernel, if anything.
    pub fn check(&mut self, kernel: usize) -> Result<Option<(Outcome, String)>> {
        // one set flush left shows reads before a buffer; every set flush right shows reads past one
        let runs = std::iter::once((0, "left")).chain((0..self.problem.inputs.len()).map(|set| (set, "right")));
        for (set, side) in runs.collect::<Vec<_>>() {
            if let Err(f) = self.bind(kernel, set)? {
                return self.failed(f);
            }
            let hash = match self.harness.check(kernel, side) {
                Ok(hash) => hash,
                Err(f) => return self.failed(f),
            };
            let right = &self.problem.inputs[set].expected;
            if right.proves(hash) {
                continue;
            }
            let out = match self.harness.dump() {
                Ok(out) => out,
                Err(f) => return self.failed(f),
            };
            if let Some(wrong) = right.first_wrong(&out, self.problem.task.shape.n()) {
                return Ok(Some((Outcome::WrongAnswer, format!("input {set}: {wrong}"))));
            }
        }
        Ok(None)
    }

    fn failed(&mut self, failure: Failure) -> Result<Option<(Outcome, String)>> {
        if self.harness.is_dead() {
            self.restart()?;
        }
        Ok(Some((outcome_of(&failure), failure.to_string())))
    }

    /// Races the kernels; one that fails while it is timed is left out and the race is run again.
    pub fn race_all(
        &mut self,
        kernels: &[usize],
        parts: Parts,
        rules: &Rules,
        regime: (Regime, u64),
        seed: u64,
    ) -> Result<Vec<(usize, Raced)>> {
        let mut left = kernels.to_vec();
        let mut ended: Vec<(usize, Raced)> = Vec::new();
        let mut together = 0;
        while !left.is_empty() {
            let mut retaken = Retaken::default();
            self.look_for_restart();
            let raced = match self.prepare(&left, regime)? {
                Ok(()) => {
                    let (watch, harness) = (self.watch.clone(), &mut self.harness);
                    race(&left, parts, rules, seed, &mut |groups| watch.time(harness, groups, &mut retaken))
                }
                Err(failure) => Err(failure),
            };
            let failure = match raced {
                Ok(series) => {
                    retaken.restarted = self.restarted;
                    let counts = self.count(&left, &series, regime.0);
                    ended.extend(
                        left.iter().zip(series).zip(counts).map(|((k, s), c)| (*k, Ok((s, c, retaken.clone())))),
                    );
                    break;
                }
                Err(failure) => failure,
            };
            if let Failure::Throttled(_) = failure {
                ended.extend(left.drain(..).map(|k| (k, Err(failure.clone())))); // the device's doing, not a kernel's
                break;
            }
            match self.find_failing(&left, regime)? {
                Some((bad, why)) => {
                    left.retain(|k| *k != bad);
                    ended.push((bad, Err(why)));
                }
                // nobody fails alone: once may be the machine's doing, twice is theirs together
                None if together == 0 => together += 1,
                None => {
                    ended.extend(left.drain(..).map(|k| (k, Err(failure.clone()))));
                }
            }
        }
        Ok(ended)
    }

    /// Ties kernels to their operands, under a regime and the pool of its cold buffers.
    pub fn prepare(
        &mut self,
        kernels: &[usize],
        (regime, pool): (Regime, u64),
    ) -> Result<std::result::Result<(), Failure>> {
        if self.harness.is_dead() {
            self.restart()?;
        }
        for k in kernels {
            if let Err(f) = self.bind(*k, 0)? {
                return Ok(Err(f));
            }
        }
        Ok(self.harness.regime(regime, pool))
    }

    /// Nanoseconds of so many calls of a kernel that was prepared.
    pub fn time(&mut self, kernel: usize, calls: u64) -> std::result::Result<f64, Failure> {
        let watch = self.watch.clone();
        Ok(watch.time(&mut self.harness, &[(kernel, calls)], &mut Retaken::default())?.iter().sum())
    }

    /// The kernel that fails when timed alone, if one does.
    fn find_failing(&mut self, kernels: &[usize], regime: (Regime, u64)) -> Result<Option<(usize, Failure)>> {
        for k in kernels {
            if let Err(f) = self.prepare(&[*k], regime)? {
                return Ok(Some((*k, f)));
            }
            for _ in 0..3 {
                if let Err(f) = self.harness.time(&[(*k, 12)]) {
                    return Ok(Some((*k, f)));
                }
            }
        }
        Ok(None)
    }

    /// Cycles and instructions per call of the survivors, where the kernel counts them.
    fn count(&mut self, kernels: &[usize], series: &[Series], regime: Regime) -> Vec<Option<Counts>> {
        let none = vec![None; kernels.len()];
        if self.problem.task.threads > 1 {
            return none; // a process is counted by its first thread
        }
        if !self.runner.is_here() {
            return self.count_there(kernels, series);
        }
        let Some(mut counters) = Counters::of_process(self.harness.pid) else { return none };
        let each = kernels.iter().zip(series).map(|(k, s)| {
            let calls = counted(s)?;
            let made = calls + u64::from(regime == Regime::Hot); // with the one that warms up
            (!s.eliminated).then(|| counters.count(made, || self.harness.time(&[(*k, calls)]).is_ok()))?
        });
        each.collect()
    }

    /// The same on another machine, by the harness itself.
    fn count_there(&mut self, kernels: &[usize], series: &[Series]) -> Vec<Option<Counts>> {
        let mut counts = vec![None; kernels.len()];
        for ((count, kernel), s) in counts.iter_mut().zip(kernels).zip(series).filter(|(_, s)| !s.eliminated) {
            let Some(calls) = counted(s) else { continue };
            match self.harness.count(*kernel, calls) {
                Ok(counted) => *count = Some(counted),
                Err(_) => break, // it will not count the others either
            }
        }
        counts
    }
}

/// Calls of a kernel that are counted: some 0.2 ms of them.
fn counted(series: &Series) -> Option<u64> {
    Some((2e5 / series.samples.last()?.max(1.0)).ceil().clamp(1.0, 1e5) as u64)
}

/// Time one call to the harness may take, for a layer of so many multiply-accumulates: generous for portable C on a slow
/// core, short for an endless loop.
pub fn time_limit(macs: u64) -> Duration {
    Duration::from_secs_f64(3.0 + macs as f64 / 1e8)
}
