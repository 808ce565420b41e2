//! Racing: kernels that compete are timed in interleaved rounds, so that what disturbs the machine disturbs them alike,
//! and a kernel leaves when paired samples show that it cannot be the best.

use crate::stats::{lower_bound, median};

/// How long and how hard to race.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// A sample repeats the call until it takes about this long.
    pub sample_ns: f64,
    /// Rounds at most.
    pub rounds: usize,
    /// Rounds before anybody can leave.
    pub least: usize,
    /// Error probability of all eliminations of the race together; 0 keeps everybody.
    pub alpha: f64,
    /// Nobody that is this many times slower than the best at the first look is timed again.
    pub hopeless: f64,
}

impl Rules {
    /// With as many rounds as fit so many seconds, but 15 at least, among kernels of which a call takes about so long.
    pub fn lasting(self, seconds: f64, ns: impl IntoIterator<Item = f64>) -> Self {
        let round_s = ns.into_iter().map(|ns| (2.0 * ns).max(self.sample_ns + ns)).sum::<f64>() / 1e9;
        Self { rounds: ((seconds / round_s) as usize).clamp(15, self.rounds), ..self }
    }
}

/// Kernels of a race that have a part of their own, and race to the end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Parts<'a> {
    /// Others are measured by them.
    pub held: &'a [usize],
    /// They compete with nobody: what they take says how fast the machine is.
    pub beside: &'a [usize],
}

/// Samples of one kernel: nanoseconds of one call, by round.
#[derive(Clone, Debug, Default)]
pub struct Series {
    pub samples: Vec<f64>,
    pub eliminated: bool,
}

/// Times one round of (kernel, calls); nanoseconds of each group.
pub type Time<'a, E> = dyn FnMut(&[(usize, u64)]) -> Result<Vec<f64>, E> + 'a;

/// Races `kernels`; the order within a round is drawn anew each time, so that no kernel always follows the same one. Those
/// that have a part of their own race to the end.
/// # Errors
/// Passes on the first error of `time`.
pub fn race<E>(
    kernels: &[usize],
    parts: Parts,
    rules: &Rules,
    seed: u64,
    time: &mut Time<E>,
) -> Result<Vec<Series>, E> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut series = vec![Series::default(); kernels.len()];
    let beside: Vec<bool> = kernels.iter().map(|k| parts.beside.contains(k)).collect();
    let has_part = |k: &usize| parts.held.contains(k) || parts.beside.contains(k);
    let may_leave: Vec<bool> = kernels.iter().map(|k| rules.alpha > 0.0 && !has_part(k)).collect();
    let calls = first_look(kernels, (&may_leave, &beside), rules, &mut series, time)?;
    // Bonferroni: every kernel is looked at after every round from the least on
    let looks = kernels.len() * (rules.rounds + 1).saturating_sub(rules.least).max(1);
    let alpha = rules.alpha / looks.max(1) as f64;
    for round in 0..rules.rounds {
        let mut order: Vec<usize> = (0..kernels.len()).filter(|i| !series[*i].eliminated).collect();
        rng.shuffle(&mut order);
        let groups: Vec<_> = order.iter().map(|i| (kernels[*i], calls[*i])).collect();
        for (i, ns) in order.iter().zip(time(&groups)?) {
            series[*i].samples.push(ns / calls[*i] as f64);
        }
        if round + 1 < rules.least || alpha == 0.0 {
            continue;
        }
        eliminate(&mut series, &order, (&may_leave, &beside), alpha);
        let left = series.iter().zip(&beside).filter(|(s, beside)| !s.eliminated && !**beside).count();
        if kernels.len() > 1 && left == 1 && round + 1 >= rules.least * 2 {
            break;
        }
    }
    Ok(series)
}

/// One warm-up call and one timed call each, to set the number of calls of a sample. The hopeless leave here, with the
/// least of two calls as their only sample: a single one may have been disturbed.
fn first_look<E>(
    kernels: &[usize],
    (may_leave, beside): (&[bool], &[bool]),
    rules: &Rules,
    series: &mut [Series],
    time: &mut Time<E>,
) -> Result<Vec<u64>, E> {
    let once: Vec<_> = kernels.iter().map(|k| (*k, 1)).collect();
    time(&once)?;
    let mut first = time(&once)?;
    // a call of less than a microsecond says more about the clock than about the kernel
    let best =
        first.iter().zip(beside).filter(|(_, beside)| !**beside).map(|(ns, _)| *ns).fold(f64::INFINITY, f64::min);
    let bar = rules.hopeless * best.max(1000.0);
    let slow: Vec<usize> = (0..kernels.len()).filter(|i| may_leave[*i] && first[*i] > bar).collect();
    let again = if slow.is_empty() { vec![] } else { time(&slow.iter().map(|i| once[*i]).collect::<Vec<_>>())? };
    for (i, ns) in slow.into_iter().zip(again) {
        first[i] = first[i].min(ns);
        if first[i] > bar {
            series[i] = Series { samples: vec![first[i]], eliminated: true };
        }
    }
    Ok(first.iter().map(|ns| (rules.sample_ns / ns.max(1.0)).ceil().clamp(1.0, 1e6) as u64).collect())
}

/// Those leave whose paired samples against the leader's are, beyond doubt, longer.
fn eliminate(series: &mut [Series], order: &[usize], (may_leave, beside): (&[bool], &[bool]), alpha: f64) {
    let medians: Vec<_> = order.iter().filter(|i| !beside[**i]).map(|i| (*i, median(&series[*i].samples))).collect();
    let Some((leader, _)) = medians.into_iter().min_by(|a, b| a.1.total_cmp(&b.1)) else { return };
    let reference = series[leader].samples.clone();
    for i in order.iter().filter(|i| **i != leader && may_leave[**i]) {
        let ratios: Vec<f64> = series[*i].samples.iter().zip(&reference).map(|(a, b)| (a / b).ln()).collect();
        series[*i].eliminated = lower_bound(&ratios, alpha) > 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { sample_ns: 1e5, rounds: 20, least: 3, alpha: 0.01, hopeless: 3.0 };

    /// A machine whose speed drifts by 30 % and jitters by 2 %.
    fn simulate(true_ns: &[f64], rules: &Rules, seed: u64) -> Vec<Series> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut clock = 0.0f64;
        let kernels: Vec<usize> = (0..true_ns.len()).collect();
        let mut time = |groups: &[(usize, u64)]| {
            let sample = |(k, calls): &(usize, u64)| {
                clock += 0.02;
                true_ns[*k] * *calls as f64 * (1.0 + 0.3 * clock.sin().abs()) * (1.0 + 0.02 * rng.f64())
            };
            Ok::<_, ()>(groups.iter().map(sample).collect())
        };
        race(&kernels, Parts::default(), rules, seed, &mut time).unwrap()
    }

    #[test]
    fn the_best_survives_and_losers_leave_early() {
        for seed in 0..50 {
            let series = simulate(&[1e4, 1.03e4, 1.2e4, 2e4, 1e5], &RULES, seed);
            assert!(!series[0].eliminated, "seed {seed}");
            assert!(series[3].eliminated && series[3].samples.len() <= 8, "seed {seed}: {}", series[3].samples.len());
            assert_eq!(series[4].samples.len(), 1);
        }
    }

    #[test]
    fn equals_are_rarely_dropped() {
        let dropped = (0..100).filter(|s| simulate(&[1e4, 1e4, 1e4], &RULES, *s).iter().any(|s| s.eliminated)).count();
        assert!(dropped <= 10, "{dropped} of 100 races dropped an equal");
    }

    /// Calls of the first look that a machine disturbs, each alone: the kernels stay.
    #[test]
    fn one_disturbed_call_is_not_hopeless() {
        for disturbed in 0..3 {
            let mut calls = [0; 3];
            let mut time = |groups: &[(usize, u64)]| {
                let sample = |(k, n): &(usize, u64)| {
                    calls[*k] += 1;
                    let stall = if *k == disturbed && calls[*k] == 2 { 5e5 } else { 0.0 };
                    1e4 * *n as f64 + stall
                };
                Ok::<_, ()>(groups.iter().map(sample).collect())
            };
            let series = race(&[0, 1, 2], Parts::default(), &RULES, 1, &mut time).unwrap();
            assert!(series.iter().all(|s| s.samples.len() == 20), "{disturbed}");
        }
    }

    #[test]
    fn what_has_a_part_races_to_the_end_and_what_is_beside_beats_nobody() {
        let mut time = |groups: &[(usize, u64)]| {
            Ok::<_, ()>(groups.iter().map(|(k, n)| [1e4, 1.2e4, 1e5, 1e5, 100.0][*k] * *n as f64).collect())
        };
        let parts = Parts { held: &[1, 2], beside: &[4] };
        let series = race(&[0, 1, 2, 3, 4], parts, &RULES, 1, &mut time).unwrap();
        assert!([0, 1, 2, 4].iter().all(|i| series[*i].samples.len() == 20 && !series[*i].eliminated));
        assert_eq!(series[3].samples.len(), 1);
    }

    #[test]
    fn without_alpha_everybody_stays() {
        let rules = Rules { alpha: 0.0, ..RULES };
        assert!(simulate(&[1e4, 9e4], &rules, 0).iter().all(|s| s.samples.len() == 20 && !s.eliminated));
    }
}
