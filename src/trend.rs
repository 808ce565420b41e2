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
/// logarithms. Noise is estimated from differences, spikes are clipped at 4 of its standard deviations around a running
/// median, and the penalty grows with the noise's correlation rho from night to night by (1 + rho) / (1 - rho), as the
/// variance of a mean does under AR(1). Changes below `least` (0.01 is 1 %) are none.
pub fn changes(values: &[f64], least: f64) -> Vec<Change> {
    let logs: Vec<f64> = values.iter().map(|v| v.ln()).collect();
    let n = logs.len();
    if n < 2 * LEAST {
        return vec![];
    }
    let smooth = running_median(&logs);
    let rest: Vec<f64> = logs.iter().zip(&smooth).map(|(a, b)| a - b).collect();
    let sigma = spread(&rest).max(spread(&differences(&logs)) / std::f64::consts::SQRT_2).max(5e-4);
    let clipped: Vec<f64> =
        logs.iter().zip(&smooth).map(|(x, m)| m + (x - m).clamp(-4.0 * sigma, 4.0 * sigma)).collect();
    // correlation left around the levels of a first, generous segmentation
    let first = segment(&clipped, PENALTY * sigma * sigma * (n as f64).ln());
    let (levels, rho) = (levels(&clipped, &first), |levels: &[f64]| correlation(&clipped, levels));
    let rho = rho(&levels).clamp(0.0, 0.8);
    let cuts = segment(&clipped, PENALTY * sigma * sigma * (n as f64).ln() * (1.0 + rho) / (1.0 - rho));
    real(&clipped, cuts, least)
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

fn differences(v: &[f64]) -> Vec<f64> {
    v.windows(2).map(|w| w[1] - w[0]).collect()
}

/// Standard deviation by the median absolute deviation.
fn spread(v: &[f64]) -> f64 {
    let middle = median(v);
    1.4826 * median(&v.iter().map(|x| (x - middle).abs()).collect::<Vec<_>>())
}

fn levels(v: &[f64], cuts: &[usize]) -> Vec<f64> {
    let mut out = Vec::with_capacity(v.len());
    let ends: Vec<usize> = cuts.iter().copied().chain([v.len()]).collect();
    for end in ends {
        let from = out.len();
        let mean = v[from..end].iter().sum::<f64>() / (end - from).max(1) as f64;
        out.extend(std::iter::repeat_n(mean, end - from));
    }
    out
}

/// Of neighbours, around the levels.
fn correlation(v: &[f64], levels: &[f64]) -> f64 {
    let rest: Vec<f64> = v.iter().zip(levels).map(|(a, b)| a - b).collect();
    let square: f64 = rest.iter().map(|r| r * r).sum();
    if square > 0.0 { rest.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / square } else { 0.0 }
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
