//! How often verdicts are wrong, on simulated noise: unchanged nights, and nights with a slowdown that is there. The table
//! is printed by `cargo test --test verdicts -- --nocapture`; `BITSMITH_NIGHTS` makes it longer.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bitsmith::sessions::{Environment, Key, Session, Side};
use bitsmith::verdict::{Finding, Rules, compare};

const KEYS: usize = 500;
const ROUNDS: usize = 15;
const SESSIONS: usize = 2;
const BASE: usize = 7;

/// Rounds have a standard deviation of 1 %, sessions one of 0.3 % beside it; what else there is, each kind says.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Noise {
    White,
    /// Rounds follow an AR(1) process with rho = 0.9.
    Slow,
    /// Three of ten sessions are 1.5 % slower (page colours).
    TwoModes,
    /// The device drifts by 0.3 % from night to night; a third of the kernels wait for memory and do not.
    Drift,
    /// One of twenty rounds takes up to twice as long.
    Spikes,
    /// Sessions have one of 2 %: chance passes the gate in many kernels of every night, and nothing but the tests stops it.
    Loud,
}

const KINDS: [Noise; 6] = [Noise::White, Noise::Slow, Noise::TwoModes, Noise::Drift, Noise::Spikes, Noise::Loud];

struct Machine {
    rng: fastrand::Rng,
    kind: Noise,
    pace: f64,
}

impl Machine {
    fn new(kind: Noise, seed: u64) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), kind, pace: 0.0 }
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * (1.0 - self.rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * self.rng.f64()).cos()
    }

    fn session(&mut self, ns: f64, pace: f64) -> Vec<f64> {
        let two = self.kind == Noise::TwoModes && self.rng.f64() < 0.3;
        let spread = if self.kind == Noise::Loud { 0.02 } else { 0.003 };
        let level = pace + spread * self.normal() + if two { 0.015 } else { 0.0 };
        let rho: f64 = if self.kind == Noise::Slow { 0.9 } else { 0.0 };
        let mut noise = self.normal();
        let mut round = |m: &mut Self| {
            noise = rho * noise + (1.0 - rho * rho).sqrt() * m.normal();
            let spike = m.kind == Noise::Spikes && m.rng.f64() < 0.05;
            ns * (level + 0.01 * noise).exp() * if spike { 1.0 + m.rng.f64() } else { 1.0 }
        };
        (0..ROUNDS).map(|_| round(self)).collect()
    }

    /// A night of every key; those below `slow` take 3 % longer.
    fn night(&mut self, side: &mut Side, slow: usize) {
        let night = side.nights.len();
        if self.kind == Noise::Drift {
            self.pace += 0.003 * self.normal();
        }
        side.nights
            .push((PathBuf::from(night.to_string()), Environment { host: "h".into(), ..Environment::default() }));
        for i in 0..KEYS {
            for _ in 0..SESSIONS {
                let ns = 1e4 * (1 + i % 7) as f64 * if i < slow { 1.03 } else { 1.0 };
                let waits = i % 3 == 0;
                let samples = self.session(ns, if waits { 0.0 } else { self.pace });
                side.sessions.push(Session {
                    key: key(i),
                    night,
                    held: 0,
                    candidate: "k".into(),
                    source_hash: self.rng.u64(..).to_string(), // everything was touched
                    samples,
                    roof_ns: (!waits).then(|| 100.0 * (self.pace + 0.002 * self.normal()).exp()),
                    rivals: BTreeMap::new(),
                });
            }
        }
    }
}

fn key(i: usize) -> Key {
    Key {
        layer: format!("net/l{i}"),
        scheme: "w8a8".into(),
        contract: "int8".into(),
        target: "t".into(),
        regime: "hot".into(),
        threads: 1,
    }
}

/// Unchanged nights with an alarm, comparisons that ended `Same`, and slow keys found in the first and within two nights.
fn trial(kind: Noise, nights: u64, rules: &Rules) -> (usize, f64, f64, f64) {
    let (mut alarms, mut same, mut first, mut second) = (0, 0, 0, 0);
    const SLOW: usize = 25;
    for seed in 0..nights {
        let mut machine = Machine::new(kind, 1000 + seed);
        let (mut base, mut new) = (Side::default(), Side::default());
        (0..BASE).for_each(|_| machine.night(&mut base, 0));
        machine.night(&mut new, 0);
        let quiet = compare(&base, &new, rules);
        alarms += usize::from(quiet.count(Finding::Regression) > 0);
        same += quiet.count(Finding::Same) + quiet.count(Finding::Better);
        let mut slower = Side::default();
        let found = |report: &bitsmith::verdict::Report| {
            let slow = |c: &&bitsmith::verdict::Comparison| {
                c.finding == Finding::Regression && c.key.layer[5..].parse::<usize>().is_ok_and(|i| i < SLOW)
            };
            report.comparisons.iter().filter(slow).map(|c| c.key.layer.clone()).collect::<Vec<_>>()
        };
        machine.night(&mut slower, SLOW);
        let mut names = found(&compare(&base, &slower, rules));
        first += names.len();
        machine.night(&mut slower, SLOW);
        names.extend(found(&compare(&base, &slower, rules)));
        names.sort();
        names.dedup();
        second += names.len();
    }
    let share = |n: usize, of: usize| n as f64 / (of as u64 * nights) as f64;
    (alarms, share(same, KEYS), share(first, SLOW), share(second, SLOW))
}

#[test]
fn false_alarms_are_rare_and_slowdowns_are_found() {
    let nights = std::env::var("BITSMITH_NIGHTS").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    let rules = Rules { draws: 40, ..Rules::default() };
    println!("noise      nights  with a false alarm  shown the same  3 % found at once  within two nights");
    let mut total = 0;
    for kind in KINDS {
        let (alarms, same, first, second) = trial(kind, nights, &rules);
        println!("{:<10} {nights:>6} {alarms:>19} {same:>15.4} {first:>18.3} {second:>18.3}", format!("{kind:?}"));
        // three standard errors below 95 %, of 25 slow kernels a night
        let least = 0.95 - 3.0 * (0.95 * 0.05 / (25 * nights) as f64).sqrt();
        assert!(second >= least || kind == Noise::Loud, "{kind:?}: {second}");
        total += alarms;
    }
    // three standard errors above 5 % of all nights
    let all = (nights as usize * KINDS.len()) as f64;
    assert!(total as f64 <= 0.05 * all + 3.0 * (0.05 * 0.95 * all).sqrt(), "{total} of {all} unchanged nights");
}
