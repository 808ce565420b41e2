//! The statistics of samples. All of it distribution-free but the elimination bound, which is Student's on log ratios.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// The middle of the sorted values; the mean of the two middle ones.
/// # Panics
/// On no values.
pub fn median(values: &[f64]) -> f64 {
    let mut v = values.to_vec();
    v.sort_by(f64::total_cmp);
    let mid = v.len() / 2;
    if v.len() % 2 == 1 { v[mid] } else { (v[mid - 1] + v[mid]) / 2.0 }
}

/// An interval between order statistics that holds the median with at least 95 % probability, where there are six or
/// more values; the whole range below that (its probability is 1 - 2^(1-n)).
pub fn median_interval(values: &[f64]) -> (f64, f64) {
    let mut v = values.to_vec();
    v.sort_by(f64::total_cmp);
    let n = v.len();
    // the largest r with P(Binomial(n, 1/2) < r) <= 2.5 %
    let (mut below, mut term, mut r) = (0.0, 0.5f64.powi(n.min(1000) as i32), 0);
    while r < n / 2 && below + term <= 0.025 {
        below += term;
        term *= (n - r) as f64 / (r + 1) as f64;
        r += 1;
    }
    let r = r.saturating_sub(1);
    (v[r], v[n - 1 - r])
}

/// Lower confidence bound, at error probability `alpha`, of the mean of paired log ratios. Never more certain than a
/// spread of 0.1 % allows: a few samples can agree by chance.
pub fn lower_bound(log_ratios: &[f64], alpha: f64) -> f64 {
    let n = log_ratios.len();
    if n < 2 {
        return f64::NEG_INFINITY;
    }
    let mean = log_ratios.iter().sum::<f64>() / n as f64;
    let variance = log_ratios.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1) as f64;
    let quantile = StudentsT::new(0.0, 1.0, (n - 1) as f64).map_or(f64::INFINITY, |t| t.inverse_cdf(1.0 - alpha));
    mean - quantile * variance.sqrt().max(1e-3) / (n as f64).sqrt()
}

/// Probability that each of the paired series has the smallest median: bootstrap over rounds, which are resampled whole.
pub fn best_probability(series: &[Vec<f64>], seed: u64) -> Vec<f64> {
    const DRAWS: usize = 1000;
    let mut rng = fastrand::Rng::with_seed(seed);
    let rounds = series.iter().map(Vec::len).min().unwrap_or(0);
    if rounds == 0 {
        return vec![0.0; series.len()];
    }
    let mut wins = vec![0usize; series.len()];
    for _ in 0..DRAWS {
        let picks: Vec<usize> = (0..rounds).map(|_| rng.usize(0..rounds)).collect();
        let medians = series.iter().map(|s| median(&picks.iter().map(|p| s[*p]).collect::<Vec<_>>()));
        let best = medians.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((i, _)) = best {
            wins[i] += 1;
        }
    }
    wins.into_iter().map(|w| w as f64 / DRAWS as f64).collect()
}

/// Kendall's rank correlation, tau-b, of pairs: 1 where both rank alike, -1 where one is the other's reverse; ties in
/// either are allowed for. None where one side is all ties, or a value is no number.
pub fn kendall_tau_b(pairs: &[(f64, f64)]) -> Option<f64> {
    let sign = |a: f64, b: f64| a.partial_cmp(&b).map(|o| o as i64);
    let (mut score, mut left, mut right) = (0i64, 0i64, 0i64);
    for (i, a) in pairs.iter().enumerate() {
        for b in &pairs[i + 1..] {
            let (x, y) = (sign(a.0, b.0)?, sign(a.1, b.1)?);
            score += x * y;
            left += x.abs();
            right += y.abs();
        }
    }
    (left > 0 && right > 0).then(|| score as f64 / ((left as f64) * (right as f64)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_intervals() {
        assert_eq!(median(&[3.0, 1.0, 2.0, 10.0]), 2.5);
        let v: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(median_interval(&v), (6.0, 15.0)); // the table value for n = 20
        assert_eq!(median_interval(&[1.0, 2.0, 3.0]), (1.0, 3.0));
    }

    #[test]
    fn intervals_cover() {
        let mut rng = fastrand::Rng::with_seed(1);
        let covered = (0..2000).filter(|_| {
            let v: Vec<f64> = (0..15).map(|_| rng.f64()).collect();
            let (lo, hi) = median_interval(&v);
            lo <= 0.5 && 0.5 <= hi
        });
        let share = covered.count() as f64 / 2000.0;
        assert!((0.94..0.99).contains(&share), "{share}");
    }

    #[test]
    fn elimination_rarely_drops_an_equal() {
        let mut rng = fastrand::Rng::with_seed(2);
        let dropped = (0..2000).filter(|_| {
            let v: Vec<f64> = (0..5).map(|_| rng.f64() - 0.5).collect();
            lower_bound(&v, 0.01) > 0.0
        });
        assert!(dropped.count() < 40);
        assert!(lower_bound(&[0.3, 0.31, 0.29], 0.01) > 0.0);
    }

    #[test]
    fn the_faster_series_is_best() {
        let a: Vec<f64> = (0..20).map(|i| 100.0 + f64::from(i % 5)).collect();
        let b: Vec<f64> = a.iter().map(|x| x * 1.05).collect();
        let p = best_probability(&[a, b], 0);
        assert!(p[0] > 0.99);
    }
}
