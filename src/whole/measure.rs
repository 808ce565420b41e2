//! A network on the device: is it right, and what does it take, as a whole and step by step?

use std::sync::Arc;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::{Kind, Whole};
use crate::bench::harness::{Failure, Harness};
use crate::bench::race::{Parts, Rules, race};
use crate::bench::session::time_limit;
use crate::bench::watch::Retaken;
use crate::bench::{Device, FINAL, outcome_of};
use crate::candidate::Regime;
use crate::record::Outcome;
use crate::stats::{median, median_interval};
use crate::target::Evidence;

/// Buffers of the harness.
const INPUT: usize = 0;
const WEIGHTS: usize = 1;
const COLUMNS: usize = 2;
const OUT: usize = 3;
const STAMPS: usize = 4;
/// Places of the network and of the network with times in the table.
const NETWORK: usize = 0;
const STAMPED: usize = 1;
const ALONE: usize = 2;
/// Times that are read from within one network.
const STAMP_ROUNDS: usize = 15;

/// A sample, what the reference makes of it, and how far an answer may be from that.
pub struct Case {
    pub input: Vec<f32>,
    pub right: Vec<f32>,
    pub bound: f32,
}

/// What was asked beside the network.
#[derive(Clone, Copy, Debug)]
pub struct How {
    pub regime: Regime,
    pub threads: usize,
    /// Programs that are started, one after the other: times of one program are alike.
    pub sessions: usize,
    /// Of one session.
    pub seconds: f64,
    pub seed: u64,
    /// Multiply-accumulates, by which a call's time is limited.
    pub macs: u64,
}

/// A median with its interval, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Time {
    pub ns: f64,
    pub low: f64,
    pub high: f64,
}

/// A row of `steps.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    pub assignment: String,
    pub step: String,
    /// `kernel`, or the operation between layers.
    pub kind: String,
    pub scheme: String,
    pub candidate: String,
    /// Called again and again, alone.
    pub alone_ns: f64,
    /// Between its neighbours, in the network.
    pub in_place_ns: f64,
}

/// What became of a network.
#[derive(Clone, Debug)]
pub struct Measured {
    pub outcome: Outcome,
    pub message: String,
    pub checked: usize,
    /// The largest distance from the reference, as a share of the sample's largest output.
    pub worst: f32,
    /// Rounds of all sessions.
    pub rounds: usize,
    pub whole: Time,
    /// The sum of all steps, each called alone, in the same rounds.
    pub alone: Time,
    /// Whole over alone, by round.
    pub ratio: Time,
    /// By step: alone, in place.
    pub steps: Vec<(f64, f64)>,
}

impl Measured {
    fn ended(outcome: Outcome, message: String) -> Self {
        let none = Time::default();
        Self {
            outcome,
            message,
            checked: 0,
            worst: 0.0,
            rounds: 0,
            whole: none,
            alone: none,
            ratio: none,
            steps: vec![],
        }
    }

    /// Is the whole something else than the sum of its parts, beyond what the rounds differ by?
    pub fn interacts(&self) -> bool {
        self.rounds > 0 && (self.ratio.low > 1.0 || self.ratio.high < 1.0)
    }

    /// Of the steps of one kind, alone and in place.
    pub fn sums(&self, whole: &Whole, kernels: bool) -> (f64, f64) {
        let of = whole.steps.iter().zip(&self.steps).filter(|(s, _)| matches!(s.kind, Kind::Kernel(_)) == kernels);
        of.fold((0.0, 0.0), |sum, (_, t)| (sum.0 + t.0, sum.1 + t.1))
    }
}

/// The median of sessions' medians; its interval holds that of all samples and every session's median.
fn over_sessions(sessions: &[Vec<f64>]) -> Time {
    let all: Vec<f64> = sessions.iter().flatten().copied().collect();
    if all.is_empty() {
        return Time::default();
    }
    let medians: Vec<f64> = sessions.iter().filter(|s| !s.is_empty()).map(|s| median(s)).collect();
    let (low, high) = median_interval(&all);
    Time {
        ns: median(&medians),
        low: medians.iter().copied().fold(low, f64::min),
        high: medians.iter().copied().fold(high, f64::max),
    }
}

/// Checks a network on every case and, where the device gives times, measures it. A network that fails is an outcome.
/// # Errors
/// A compiler that cannot be run, a device that is lost.
pub fn measure(device: &Device, whole: &Whole, cases: &[Case], how: &How) -> Result<Measured> {
    let sources: Vec<_> = whole.sources.iter().collect();
    let (programs, blamed) = device.builder.build(&sources)?;
    let program = match programs.first() {
        Some((program, kernels)) if kernels.len() == sources.len() => program,
        _ => {
            let why = blamed.into_iter().next().map_or_else(|| "no program".into(), |(_, why)| why);
            return Ok(Measured::ended(Outcome::BuildFailed, why));
        }
    };
    let limit = time_limit(how.macs * 4) * device.runner.patience();
    let mut seen = Seen::default();
    let sessions = if device.times() { how.sessions.max(1) } else { 1 };
    for session in 0..sessions {
        let command = device.runner.command(program, how.threads)?;
        let mut harness = Harness::start(command, limit)?;
        if device.runner.restarted() {
            device.watch.reset();
        }
        let mut run = Run { device, whole, how, harness: &mut harness, seen: &mut seen };
        let done = run.load().and_then(|()| if session == 0 { run.check(cases) } else { Ok(()) });
        let done = done.and_then(|()| if device.times() { run.time(session as u64) } else { Ok(()) });
        if let Err(failure) = done {
            return Ok(Measured {
                checked: seen.checked,
                ..Measured::ended(outcome_of(&failure), failure.to_string())
            });
        }
    }
    Ok(seen.measured(device, whole))
}

/// What the sessions have given so far.
#[derive(Default)]
struct Seen {
    checked: usize,
    worst: f32,
    whole: Vec<Vec<f64>>,
    alone: Vec<Vec<f64>>,
    ratios: Vec<Vec<f64>>,
    /// By step, of every session: its median alone, and in place.
    steps_alone: Vec<Vec<f64>>,
    steps_in_place: Vec<Vec<f64>>,
    retaken: Retaken,
}

impl Seen {
    fn measured(self, device: &Device, whole: &Whole) -> Measured {
        let outcome = if device.times() { Outcome::Measured } else { Outcome::Checked };
        let middle = |sessions: &[Vec<f64>], i: usize| median(&sessions.iter().map(|s| s[i]).collect::<Vec<_>>());
        let steps = if device.times() {
            (0..whole.steps.len()).map(|i| (middle(&self.steps_alone, i), middle(&self.steps_in_place, i))).collect()
        } else {
            vec![]
        };
        Measured {
            outcome,
            message: self.retaken.message(),
            checked: self.checked,
            worst: self.worst,
            rounds: self.whole.iter().map(Vec::len).sum(),
            whole: over_sessions(&self.whole),
            alone: over_sessions(&self.alone),
            ratio: over_sessions(&self.ratios),
            steps,
        }
    }
}

/// One program of a network.
struct Run<'a> {
    device: &'a Device,
    whole: &'a Whole,
    how: &'a How,
    harness: &'a mut Harness,
    seen: &'a mut Seen,
}

type Done = std::result::Result<(), Failure>;

fn bytes(x: &[f32]) -> Vec<u8> {
    x.iter().flat_map(|v| v.to_le_bytes()).collect()
}

impl Run<'_> {
    fn load(&mut self) -> Done {
        let whole = self.whole;
        self.harness.load(WEIGHTS, &whole.weights)?;
        self.harness.load(COLUMNS, &whole.columns)?;
        self.harness.alloc(OUT, whole.outputs * 4)?;
        self.harness.alloc(STAMPS, whole.outputs * 4 + (whole.steps.len() + 1) * 8)?;
        self.harness.load(INPUT, &vec![0; whole.inputs * 4])?;
        for kernel in 0..whole.sources.len() {
            let out = if kernel == STAMPED { STAMPS } else { OUT };
            self.harness.bind(kernel, [INPUT, WEIGHTS, COLUMNS, out], [0, 0], self.how.threads)?;
        }
        Ok(())
    }

    /// Runs every case; one with its buffers flush left of an inaccessible page, all others flush right.
    fn check(&mut self, cases: &[Case]) -> Done {
        for (i, case) in cases.iter().enumerate() {
            self.harness.load(INPUT, &bytes(&case.input))?;
            self.harness.check(NETWORK, if i == 0 { "left" } else { "right" })?;
            let out = self.harness.dump()?;
            let got = out.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
            let most = case.right.iter().fold(f32::MIN_POSITIVE, |m, v| m.max(v.abs()));
            for (o, (got, right)) in got.zip(&case.right).enumerate() {
                let error = (got - right).abs();
                let good = error <= case.bound || got.to_bits() == right.to_bits();
                if !good {
                    let why = format!("sample {i}, output {o}: {got}, should be {right} +- {:.1e}", case.bound);
                    return Err(Failure::Refused(why));
                }
                self.seen.worst = self.seen.worst.max(error / most);
            }
            self.seen.checked += 1;
        }
        Ok(())
    }

    fn time(&mut self, session: u64) -> Done {
        let pool = 3 * self.device.caches().last();
        self.harness.regime(self.how.regime, pool)?;
        let all: Vec<usize> = std::iter::once(NETWORK).chain(ALONE..self.whole.sources.len()).collect();
        let once: Vec<(usize, u64)> = all.iter().map(|k| (*k, 1)).collect();
        self.harness.time(&once)?;
        let first = self.harness.time(&once)?;
        let rules: Rules = FINAL.lasting(self.how.seconds, first);
        let (watch, harness, retaken) = (self.device.watch.clone(), &mut *self.harness, &mut self.seen.retaken);
        let seed = self.how.seed.wrapping_add(session);
        let series = race(&all, Parts::default(), &rules, seed, &mut |groups| watch.time(harness, groups, retaken))?;
        let rounds = series.iter().map(|s| s.samples.len()).min().unwrap_or(0);
        let alone: Vec<f64> = (0..rounds).map(|r| series[1..].iter().map(|s| s.samples[r]).sum()).collect();
        let network = series[0].samples[..rounds].to_vec();
        self.seen.ratios.push(network.iter().zip(&alone).map(|(a, b)| a / b).collect());
        self.seen.steps_alone.push(series[1..].iter().map(|s| median(&s.samples)).collect());
        let calls = (1e6 / median(&network).max(1.0)).ceil().clamp(1.0, 1e5) as u64;
        self.seen.whole.push(network);
        self.seen.alone.push(alone);
        self.in_place(calls)
    }

    /// What each step takes between its neighbours, by a clock that is read between them.
    fn in_place(&mut self, calls: u64) -> Done {
        let steps = self.whole.steps.len();
        let mut samples: Vec<Vec<f64>> = vec![vec![]; steps];
        let tell = |harness: &mut Harness, telling: i32| {
            harness.bind(STAMPED, [INPUT, WEIGHTS, COLUMNS, STAMPS], [telling, 0], self.how.threads)
        };
        // what all calls so far took; telling it is no call
        let taken = |harness: &mut Harness| -> std::result::Result<Vec<f64>, Failure> {
            tell(harness, 1)?;
            harness.check(STAMPED, "right")?;
            let out = harness.dump()?;
            tell(harness, 0)?;
            let tail = out[self.whole.outputs * 4..].chunks_exact(8);
            Ok(tail.map(|b| u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f64).collect())
        };
        let watch: Arc<_> = self.device.watch.clone();
        for _ in 0..STAMP_ROUNDS {
            let before = taken(self.harness)?;
            let mut retaken = Retaken::default();
            watch.time(self.harness, &[(STAMPED, calls)], &mut retaken)?;
            let after = taken(self.harness)?;
            if retaken.rounds > 0 {
                continue; // calls of rounds that do not count are among them
            }
            // a hot group begins with a call that warms up
            let made = (calls + u64::from(self.how.regime == Regime::Hot)) as f64;
            let own = |i: usize| after[i] - before[i];
            let clock = own(steps) / made;
            samples.iter_mut().enumerate().for_each(|(i, s)| s.push((own(i) / made - clock).max(0.0)));
        }
        if samples.iter().any(Vec::is_empty) {
            return Err(Failure::Throttled("no round within the network counted".into()));
        }
        self.seen.steps_in_place.push(samples.iter().map(|s| median(s)).collect());
        Ok(())
    }
}

/// A row of `network.csv`: a network as one program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkTime {
    pub network: String,
    /// `chosen-N`, or `all-SCHEME`; its schemes by layer are in `steps.csv`.
    pub assignment: String,
    pub target: String,
    pub regime: Regime,
    pub threads: usize,
    pub outcome: Outcome,
    pub evidence: Evidence,
    pub checked: usize,
    pub exact: bool,
    pub worst_error: f32,
    pub sessions: usize,
    pub rounds: usize,
    pub median_ns: Option<f64>,
    pub ci_low_ns: Option<f64>,
    pub ci_high_ns: Option<f64>,
    pub predicted_ns: Option<f64>,
    pub predicted_low_ns: Option<f64>,
    pub predicted_high_ns: Option<f64>,
    pub ratio: Option<f64>,
    pub ratio_low: Option<f64>,
    pub ratio_high: Option<f64>,
    pub layers_ns: Option<f64>,
    pub glue_ns: Option<f64>,
    pub layers_in_place_ns: Option<f64>,
    pub glue_in_place_ns: Option<f64>,
    pub arena_bytes: usize,
    pub weight_bytes: usize,
    pub source_hash: String,
    pub compiler: String,
    pub host: String,
    pub message: String,
}
