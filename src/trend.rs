//! Where a series of nights changes its level: penalised segmentation of logarithms, which does not take slow noise for a
//! change.

use crate::stats::median;

/// The level changed between `at - 1` and `at`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    pub at: usize,
    /// New level over the old one.
    pub ratio: f64,
}

/// Nights that a level must last: one alone is a spike.
const LEAST: usize = 3;
/// Penalty of a change, in ln n times the noise's variance (Yao, 1988, has 1; Zhang and Siegmund, 2007, come to 3).
const PENALTY: f64 = 4.0;

/// The best segmentation into constant levels by dynamic programming (Jackson et al., 2005), with the sum of squares of
/// logarithms. Spikes are clipped around a running median, and a change costs in units of the noise's long-run variance,
/// which under AR(1) is its variance times (1 + rho) / (1 - rho): see [`Noise`]. Changes below `least` (0.01 is 1 %) are none.
pub fn changes(values: &[f64], least: f64) -> Vec<Change> {
    let logs: Vec<f64> = values.iter().map(|v| v.ln()).collect();
    let n = logs.len();
    if n < 2 * LEAST {
        return vec![];
    }
    let noise = Noise::of(&logs);
    let reach = SPIKE * noise.variance.sqrt();
    let clipped: Vec<f64> =
        logs.iter().zip(running_median(&logs)).map(|(x, m)| m + (x - m).clamp(-reach, reach)).collect();
    let cuts = segment(&clipped, PENALTY * noise.long_run() * (n as f64).ln());
    real(&clipped, cuts, least)
}

/// Beyond so many standard deviations from a running median, a night is a spike.
const SPIKE: f64 = 4.0;

/// AR(1) noise around levels that are not known yet. It is estimated from differences alone: those of nights `h` apart have
/// the variance 2 v (1 - rho^h), and a change of level disturbs only `h` of them. Residuals around fitted levels would not
/// do: levels that follow slow noise leave it white.
struct Noise {
    variance: f64,
    rho: f64,
}

impl Noise {
    fn of(logs: &[f64]) -> Self {
        let apart = |h: usize| robust_square(&(h..logs.len()).map(|i| logs[i] - logs[i - h]).collect::<Vec<_>>());
        let (one, two) = (apart(1).max(LEAST_SQUARE), apart(2).max(LEAST_SQUARE));
        // (1 - rho^2) / (1 - rho)
        let rho = (two / one - 1.0).clamp(0.0, MOST_RHO);
        Self { variance: one / 2.0 / (1.0 - rho), rho }
    }

    fn long_run(&self) -> f64 {
        self.variance * (1.0 + self.rho) / (1.0 - self.rho)
    }
}

/// Nights repeat to 0.05 % at best.
const LEAST_SQUARE: f64 = 2.0 * 5e-4 * 5e-4;
/// Slower noise cannot be told from changes of level.
const MOST_RHO: f64 = 0.8;

/// Mean square, without the weight of outliers: those beyond 3 standard deviations, by the median absolute value, are cut.
fn robust_square(v: &[f64]) -> f64 {
    let most = 3.0 * 1.4826 * median(&v.iter().map(|x| x.abs()).collect::<Vec<_>>());
    v.iter().map(|x| x.abs().min(most).powi(2)).sum::<f64>() / v.len().max(1) as f64
}

/// Drops changes that are too small, the smallest first, until none is left.
fn real(logs: &[f64], mut cuts: Vec<usize>, least: f64) -> Vec<Change> {
    loop {
        let ends = |i: usize| (if i == 0 { 0 } else { cuts[i - 1] }, cuts.get(i + 1).copied().unwrap_or(logs.len()));
        let step = |i: usize| {
            let (from, to) = ends(i);
            median(&logs[cuts[i]..to]) - median(&logs[from..cuts[i]])
        };
        let steps: Vec<f64> = (0..cuts.len()).map(step).collect();
        let smallest = (0..cuts.len()).min_by(|a, b| steps[*a].abs().total_cmp(&steps[*b].abs()));
        match smallest {
            Some(i) if steps[i].abs() < least => drop(cuts.remove(i)),
            _ => return cuts.iter().zip(steps).map(|(at, s)| Change { at: *at, ratio: s.exp() }).collect(),
        }
    }
}

/// Of five, fewer at the ends.
fn running_median(v: &[f64]) -> Vec<f64> {
    (0..v.len()).map(|i| median(&v[i.saturating_sub(2)..(i + 3).min(v.len())])).collect()
}

/// Starts of all segments but the first, for the least sum of squares plus `penalty` per change.
fn segment(v: &[f64], penalty: f64) -> Vec<usize> {
    let n = v.len();
    let (mut sum, mut squares) = (vec![0.0; n + 1], vec![0.0; n + 1]);
    for (i, x) in v.iter().enumerate() {
        (sum[i + 1], squares[i + 1]) = (sum[i] + x, squares[i] + x * x);
    }
    let cost = |from: usize, to: usize| {
        let s = sum[to] - sum[from];
        squares[to] - squares[from] - s * s / (to - from) as f64
    };
    let (mut best, mut from) = (vec![f64::INFINITY; n + 1], vec![0; n + 1]);
    best[0] = -penalty;
    for to in LEAST..=n {
        for start in (0..=to - LEAST).filter(|s| *s == 0 || *s >= LEAST) {
            let total = best[start] + cost(start, to) + penalty;
            if total < best[to] {
                (best[to], from[to]) = (total, start);
            }
        }
    }
    let (mut cuts, mut at) = (vec![], n);
    while from[at] > 0 {
        at = from[at];
        cuts.push(at);
    }
    cuts.reverse();
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// AR(1) noise of standard deviation `sd`, with a step of `ratio` at `at`.
    fn nights(n: usize, (sd, rho): (f64, f64), (at, ratio): (usize, f64), seed: u64) -> Vec<f64> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut normal = || (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos();
        let mut noise = normal();
        let one = |i: usize| {
            noise = rho * noise + (1.0 - rho * rho).sqrt() * normal();
            100.0 * (sd * noise).exp() * if i >= at { ratio } else { 1.0 }
        };
        (0..n).map(one).collect()
    }

    #[test]
    fn a_step_is_found_where_it_is() {
        let right = |seed: u64| {
            let found = changes(&nights(60, (0.005, 0.0), (37, 1.03), seed), 0.01);
            found.len() == 1 && found[0].at.abs_diff(37) <= 1 && (found[0].ratio - 1.03).abs() < 0.006
        };
        assert!((0..100).filter(|s| right(*s)).count() >= 95);
    }

    #[test]
    fn quiet_series_have_no_change_even_where_noise_is_slow() {
        for (rho, most) in [(0.0, 3), (0.3, 5), (0.6, 12)] {
            let alarms = (0..100).filter(|s| !changes(&nights(90, (0.01, rho), (0, 1.0), *s), 0.01).is_empty()).count();
            assert!(alarms <= most, "rho {rho}: {alarms} of 100");
        }
    }

    #[test]
    fn spikes_and_short_series_are_no_change() {
        let mut spiked = nights(60, (0.003, 0.0), (0, 1.0), 1);
        spiked[20] *= 1.4;
        spiked[40] *= 0.7;
        assert!(changes(&spiked, 0.01).is_empty());
        assert!(changes(&[1.0, 1.0, 2.0, 2.0], 0.01).is_empty() && changes(&[], 0.01).is_empty());
        let two = [vec![100.0; 10], vec![110.0; 10], vec![100.0; 10]].concat();
        assert_eq!(changes(&two, 0.01).iter().map(|c| c.at).collect::<Vec<_>>(), [10, 20]);
    }
}
