//! Did something change? Tests for many comparisons at once, where each has few samples. Sources are named at each.

use std::collections::BTreeMap;

use statrs::distribution::{Beta, Binomial, ChiSquared, ContinuousCDF, DiscreteCDF, Normal, StudentsT};
use statrs::function::gamma::digamma;

/// Two-sided p-value of the Mann-Whitney U test (Mann and Whitney, 1947) by the normal approximation with corrections for
/// ties and continuity. 1 where one side is empty or all values are equal.
pub fn mann_whitney(a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (a.len() as f64, b.len() as f64);
    let mut all: Vec<(f64, bool)> = a.iter().map(|x| (*x, true)).chain(b.iter().map(|x| (*x, false))).collect();
    all.sort_by(|x, y| x.0.total_cmp(&y.0));
    let (mut ranks, mut ties, mut i) = (0.0, 0.0, 0);
    while i < all.len() {
        let same = all[i..].iter().take_while(|x| x.0 == all[i].0).count();
        let rank = i as f64 + (same as f64 + 1.0) / 2.0;
        ranks += rank * all[i..i + same].iter().filter(|x| x.1).count() as f64;
        ties += (same as f64).powi(3) - same as f64;
        i += same;
    }
    let total = n + m;
    let variance = n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if n == 0.0 || m == 0.0 || variance.is_nan() || variance <= 0.0 {
        return 1.0;
    }
    let u = ranks - n * (n + 1.0) / 2.0;
    let z = ((u - n * m / 2.0).abs() - 0.5).max(0.0) / variance.sqrt();
    (2.0 * (1.0 - Normal::standard().cdf(z))).min(1.0)
}

/// Adjusted p-values (q-values) that control the false discovery rate over all of `p` (Benjamini and Hochberg, 1995), in
/// the order of `p`. Where nothing at all changed, the chance that any is below `q` is at most `q`.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    let (mut least, mut adjusted) = (1.0f64, vec![1.0; p.len()]);
    for (i, at) in order.iter().enumerate() {
        least = least.min(p[*at] * p.len() as f64 / (p.len() - i) as f64);
        adjusted[*at] = least;
    }
    adjusted
}

/// The noise of many comparisons, each of which knows little of its own: a prior variance and the degrees of freedom that
/// it is worth (Smyth, "Linear models and empirical Bayes methods", 2004).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    pub variance: f64,
    /// Infinite where all comparisons are equally noisy.
    pub freedom: f64,
}

/// Two values can agree by chance, and clocks have steps: no standard deviation is taken to be below 0.05 %.
const LEAST_VARIANCE: f64 = 0.0005 * 0.0005;

impl Prior {
    /// From (variance, degrees of freedom) of each; None where nothing has any.
    pub fn of(all: &[(f64, f64)]) -> Option<Self> {
        let known: Vec<(f64, f64)> = all.iter().filter(|(_, d)| *d > 0.0).copied().collect();
        if known.is_empty() {
            return None;
        }
        let freedom: f64 = known.iter().map(|k| k.1).sum();
        let pooled = (known.iter().map(|(v, d)| v * d).sum::<f64>() / freedom).max(LEAST_VARIANCE);
        if known.len() < 10 {
            return Some(Self { variance: pooled, freedom }); // too few to say how they differ
        }
        let z = |(v, d): &(f64, f64)| v.max(LEAST_VARIANCE).ln() - digamma(d / 2.0) + (d / 2.0).ln();
        let n = known.len() as f64;
        let mean = known.iter().map(z).sum::<f64>() / n;
        let spread = known.iter().map(|k| (z(k) - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let excess = spread - known.iter().map(|k| trigamma(k.1 / 2.0)).sum::<f64>() / n;
        if excess <= 0.0 {
            return Some(Self { variance: pooled, freedom: f64::INFINITY });
        }
        let half = inverse_trigamma(excess);
        let variance = (mean + digamma(half) - half.ln()).exp();
        // heavy tails pull the geometric mean below the noise that is there: never below the pooled one
        Some(Self { variance: variance.max(pooled), freedom: 2.0 * half })
    }

    /// Variance and degrees of freedom of one comparison that has some of its own.
    pub fn with(&self, variance: f64, freedom: f64) -> (f64, f64) {
        if self.freedom.is_infinite() {
            return (self.variance, f64::INFINITY);
        }
        let all = self.freedom + freedom;
        ((self.freedom * self.variance + freedom * variance.max(LEAST_VARIANCE)) / all, all)
    }
}

/// The variance that most comparisons have, from (variance, degrees of freedom) of each: the median over them, each divided by
/// what chance makes of the median of one of 1. A few that are far noisier do not move it. None where nothing has any.
pub fn typical_variance(all: &[(f64, f64)]) -> Option<f64> {
    // Wilson and Hilferty, 1931: the median of chi squared over its degrees of freedom
    let scaled = |(v, d): &(f64, f64)| v / (1.0 - 2.0 / (9.0 * d)).powi(3);
    let known: Vec<f64> = all.iter().filter(|(_, d)| *d > 0.0).map(scaled).collect();
    (!known.is_empty()).then(|| crate::stats::median(&known).max(LEAST_VARIANCE))
}

/// The probability that a variance with so many degrees of freedom comes out as large by chance, where the true one is `typical`.
pub fn too_noisy((variance, freedom): (f64, f64), typical: f64) -> f64 {
    ChiSquared::new(freedom).map_or(1.0, |c| c.sf(variance * freedom / typical))
}

/// Are these noisier than those, as a whole? Of the p-values of single comparisons the median, and the probability that it is as
/// small where nothing changed: half of them must be noisier, one alone says nothing.
pub fn median_p(p: &[f64]) -> f64 {
    let mut sorted = p.to_vec();
    sorted.sort_by(f64::total_cmp);
    let k = sorted.len().div_ceil(2);
    let Some(median) = k.checked_sub(1).map(|i| sorted[i]) else { return 1.0 };
    Beta::new(k as f64, (sorted.len() - k + 1) as f64).map_or(1.0, |b| b.cdf(median.clamp(0.0, 1.0)))
}

/// Of Student's distribution, or the normal one where the degrees of freedom are very many.
fn upper(freedom: f64, t: f64) -> f64 {
    let by_normal = || 1.0 - Normal::standard().cdf(t);
    if freedom > 1e6 {
        by_normal()
    } else {
        StudentsT::new(0.0, 1.0, freedom).map_or_else(|_| by_normal(), |s| s.sf(t))
    }
}

/// Two-sided p-value of Student's t.
pub fn student(t: f64, freedom: f64) -> f64 {
    (2.0 * upper(freedom, t.abs())).min(1.0)
}

/// The value that Student's t exceeds with probability `p`.
pub fn quantile(p: f64, freedom: f64) -> f64 {
    if freedom > 1e6 {
        return Normal::standard().inverse_cdf(1.0 - p);
    }
    StudentsT::new(0.0, 1.0, freedom).map_or(f64::INFINITY, |s| s.inverse_cdf(1.0 - p))
}

/// 95 % interval of the median ratio of two sides, each of some sessions of some samples: bootstrap in two stages (Davison
/// and Hinkley, 1997, 3.8): sessions are drawn, and then the rounds of each.
pub fn bootstrap_ratio(base: &[Vec<f64>], new: &[Vec<f64>], draws: usize, seed: u64) -> (f64, f64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let (base, new) = (Resampled::of(base), Resampled::of(new));
    let mut ratios: Vec<f64> = (0..draws.max(1)).map(|_| new.draw(&mut rng) / base.draw(&mut rng)).collect();
    ratios.sort_by(f64::total_cmp);
    let tail = ratios.len() * 25 / 1000;
    (ratios[tail], ratios[ratios.len() - 1 - tail])
}

/// Sessions with their samples sorted, and how likely each rank is to be the median of a resample.
struct Resampled(Vec<(Vec<f64>, Vec<f64>)>);

impl Resampled {
    fn of(sessions: &[Vec<f64>]) -> Self {
        let mut known: BTreeMap<usize, Vec<f64>> = BTreeMap::new(); // most sessions have as many rounds
        let one = |samples: &Vec<f64>| {
            let mut sorted = samples.clone();
            sorted.sort_by(f64::total_cmp);
            let below = known.entry(sorted.len()).or_insert_with(|| median_ranks(sorted.len() as u64)).clone();
            (sorted, below)
        };
        Self(sessions.iter().filter(|s| !s.is_empty()).map(one).collect())
    }

    /// Geometric mean of the sessions' medians.
    fn draw(&self, rng: &mut fastrand::Rng) -> f64 {
        let one = |_| {
            let (sorted, below) = &self.0[rng.usize(0..self.0.len())];
            let at = rng.f64();
            sorted[below.partition_point(|p| *p < at).min(sorted.len() - 1)].ln()
        };
        let all: f64 = (0..self.0.len()).map(one).sum();
        (all / self.0.len().max(1) as f64).exp()
    }
}

/// The chance that the median of a resample of `n` is at most each rank: that more than half of the draws are.
fn median_ranks(n: u64) -> Vec<f64> {
    let below = |r: u64| {
        Binomial::new((r + 1) as f64 / n as f64, n).map_or(1.0, |b| 1.0 - b.cdf(n.div_ceil(2).saturating_sub(1)))
    };
    (0..n).map(below).collect()
}

/// Second derivative of ln Gamma, for x > 0: the recurrence up to 6, then the asymptotic series (Abramowitz and Stegun,
/// 6.4.12).
fn trigamma(mut x: f64) -> f64 {
    let mut sum = 0.0;
    while x < 6.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let y = 1.0 / (x * x);
    sum + 1.0 / x + y / 2.0 + y / x * (1.0 / 6.0 - y * (1.0 / 30.0 - y * (1.0 / 42.0 - y / 30.0)))
}

/// By bisection: trigamma falls from infinity to 0.
fn inverse_trigamma(value: f64) -> f64 {
    let (mut low, mut high) = (1e-4f64, 1e8f64);
    for _ in 0..200 {
        let middle = (low * high).sqrt();
        if trigamma(middle) > value { low = middle } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_test_agrees_with_tables() {
        // U = 0 of 5 and 5: exact two-sided p is 0.0079; the approximation gives 0.0122
        let p = mann_whitney(&[1.0, 2.0, 3.0, 4.0, 5.0], &[6.0, 7.0, 8.0, 9.0, 10.0]);
        assert!((p - 0.0122).abs() < 2e-4, "{p}");
        assert_eq!(mann_whitney(&[1.0, 1.0], &[1.0, 1.0]), 1.0);
        assert_eq!(mann_whitney(&[], &[1.0]), 1.0);
    }

    #[test]
    fn rates_of_false_discovery_are_those_of_the_paper() {
        // the fifteen p-values of the paper's example: four are rejected at 0.05
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528,
            0.7590, 1.0,
        ];
        let q = benjamini_hochberg(&p);
        assert_eq!(q.iter().filter(|q| **q <= 0.05).count(), 4);
        assert!((q[3] - 0.035625).abs() < 1e-9);
        assert!(benjamini_hochberg(&[]).is_empty());
    }

    #[test]
    fn trigamma_and_its_inverse() {
        assert!((trigamma(1.0) - std::f64::consts::PI.powi(2) / 6.0).abs() < 1e-8);
        assert!((trigamma(0.5) - std::f64::consts::PI.powi(2) / 2.0).abs() < 1e-8);
        assert!((inverse_trigamma(trigamma(2.5)) - 2.5).abs() < 1e-6);
    }

    #[test]
    fn priors_know_equal_and_unequal_noise() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut square = |freedom: usize| (0..freedom).map(|_| normal(&mut rng).powi(2)).sum::<f64>() / freedom as f64;
        let equal: Vec<(f64, f64)> = (0..500).map(|_| (1e-4 * square(5), 5.0)).collect();
        let prior = Prior::of(&equal).unwrap();
        assert!((prior.variance / 1e-4 - 1.0).abs() < 0.1 && prior.freedom > 50.0, "{prior:?}");
        let unequal: Vec<(f64, f64)> =
            (0..500).map(|i| (if i % 2 == 0 { 1e-4 } else { 4e-3 } * square(5), 5.0)).collect();
        let prior = Prior::of(&unequal).unwrap();
        assert!(prior.freedom < 3.0, "{prior:?}");
        assert!(Prior::of(&[(1.0, 0.0)]).is_none());
    }

    #[test]
    fn intervals_of_ratios_cover() {
        let mut rng = fastrand::Rng::with_seed(5);
        let covered = (0..300).filter(|i| {
            let mut side = |scale: f64| -> Vec<Vec<f64>> {
                let sessions = (0..6).map(|_| (0.005 * normal(&mut rng)).exp()).collect::<Vec<_>>();
                sessions
                    .iter()
                    .map(|s| (0..21).map(|_| scale * s * (1.0 + 0.01 * normal(&mut rng))).collect())
                    .collect()
            };
            let (low, high) = bootstrap_ratio(&side(100.0), &side(105.0), 500, *i);
            low <= 1.05 && 1.05 <= high
        });
        let count = covered.count();
        assert!((265..=300).contains(&count), "{count}");
    }

    fn normal(rng: &mut fastrand::Rng) -> f64 {
        (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos()
    }
}
