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

/// Probability that no other of the paired series is faster than `chosen` by more than the share `equal`: bootstrap over
/// rounds, which are resampled whole, of the medians of paired log ratios. `between` is the standard deviation of what a kernel's
/// time differs by from session to session, as a share: rounds of one session do not show it.
pub fn equal_probability(series: &[Vec<f64>], chosen: usize, equal: f64, between: f64, seed: u64) -> f64 {
    const DRAWS: usize = 1000;
    let mut rng = fastrand::Rng::with_seed(seed);
    let rounds = series.iter().map(Vec::len).min().unwrap_or(0);
    if rounds == 0 {
        return 0.0;
    }
    let ratios = |s: &Vec<f64>| -> Vec<f64> { (0..rounds).map(|r| (series[chosen][r] / s[r]).ln()).collect() };
    let others: Vec<Vec<f64>> = (0..series.len()).filter(|i| *i != chosen).map(|i| ratios(&series[i])).collect();
    let mut normal = move || (-2.0 * rng.f64().max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos();
    let mut picks = fastrand::Rng::with_seed(seed ^ 1);
    let mut held = 0;
    for _ in 0..DRAWS {
        let rows: Vec<usize> = (0..rounds).map(|_| picks.usize(0..rounds)).collect();
        let own = normal() * between;
        let behind = |other: &Vec<f64>, its: f64| {
            median(&rows.iter().map(|r| other[*r]).collect::<Vec<_>>()) + own - its > (1.0 + equal).ln()
        };
        held += usize::from(!others.iter().any(|other| behind(other, normal() * between)));
    }
    held as f64 / DRAWS as f64
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
    fn the_faster_series_is_best_and_an_equal_one_is_as_good() {
        let a: Vec<f64> = (0..20).map(|i| 100.0 + f64::from(i % 5)).collect();
        let times = |by: f64| a.iter().map(|x| x * by).collect::<Vec<f64>>();
        let p = |by: f64, chosen| equal_probability(&[a.clone(), times(by)], chosen, 0.005, 0.002, 0);
        assert!(p(1.05, 0) > 0.99 && p(1.05, 1) < 0.01);
        assert!(p(1.0, 0) > 0.9 && p(1.0, 1) > 0.9);
        // at the margin nobody knows
        assert!((0.4..0.6).contains(&p(1.005, 1)), "{}", p(1.005, 1));
    }

    /// Finals of kernels that truly differ by up to 1 %, on a machine that is noisy within a session and between sessions: where
    /// P(best) is at least 95 %, the chosen one is within the margin in at least 95 % of the cases.
    #[test]
    fn what_is_said_to_be_best_is() {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut normal = || (-2.0 * rng.f64().max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * rng.f64()).cos();
        let (mut sure, mut right) = (0, 0);
        for case in 0..300 {
            let truth: Vec<f64> = (0..5).map(|i| 1.0 + 0.0025 * i as f64).collect();
            let session: Vec<f64> = truth.iter().map(|t| t * (0.002 * normal()).exp()).collect();
            let drift: Vec<f64> = (0..25).map(|r| 1.0 + 0.1 * (r as f64 / 4.0).sin()).collect();
            let series: Vec<Vec<f64>> =
                session.iter().map(|s| drift.iter().map(|d| s * d * (0.01 * normal()).exp()).collect()).collect();
            let medians: Vec<f64> = series.iter().map(|s| median(s)).collect();
            let chosen = (0..5).min_by(|a, b| medians[*a].total_cmp(&medians[*b])).unwrap();
            if equal_probability(&series, chosen, 0.005, 0.002, case) >= 0.95 {
                sure += 1;
                right += usize::from(truth[chosen] <= 1.005);
            }
        }
        assert!(sure >= 30 && right as f64 >= 0.95 * sure as f64, "{right} of {sure}");
    }
}
