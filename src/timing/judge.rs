//! How good the model is: its times beside measured ones, kernel by kernel, where both can be had. What came of it is kept in
//! `judged.csv`, beside this, and stands wherever a modelled time is shown.

use serde::{Deserialize, Serialize};

use crate::stats::{kendall_tau_b, median};

/// One space of kernels, measured and modelled. One row of `judged.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// UTC.
    pub date: String,
    /// The machine that measured.
    pub machine: String,
    pub target: String,
    pub compiler: String,
    /// `llvm-mca 19.1.7 znver4`.
    pub model: String,
    pub layer: String,
    pub scheme: String,
    pub contract: String,
    pub kernels: usize,
    /// Median and 95th percentile of |modelled / measured - 1|.
    pub median_error: f64,
    pub p95_error: f64,
    /// Median of modelled / measured: above 1 the model is too slow.
    pub ratio: f64,
    /// Kendall's tau-b of modelled with measured times.
    pub tau: Option<f64>,
    /// How much slower than the fastest kernel, of those compared, is the one that the model would choose.
    pub regret: f64,
}

/// Error, rank correlation and regret of (measured, modelled) times in ns.
pub struct Figures {
    pub median_error: f64,
    pub p95_error: f64,
    pub ratio: f64,
    pub tau: Option<f64>,
    pub regret: f64,
}

/// None of no pairs.
pub fn figures(pairs: &[(f64, f64)]) -> Option<Figures> {
    let mut errors: Vec<f64> = pairs.iter().map(|(measured, modelled)| (modelled / measured - 1.0).abs()).collect();
    errors.sort_by(f64::total_cmp);
    let ratios: Vec<f64> = pairs.iter().map(|(measured, modelled)| modelled / measured).collect();
    let fastest = pairs.iter().map(|p| p.0).reduce(f64::min)?;
    let chosen = pairs.iter().min_by(|a, b| a.1.total_cmp(&b.1))?.0;
    Some(Figures {
        median_error: median(&errors),
        p95_error: errors[(errors.len() * 95).div_ceil(100).max(1) - 1],
        ratio: median(&ratios),
        tau: kendall_tau_b(pairs),
        regret: chosen / fastest - 1.0,
    })
}

/// The judgements that this version of the tool was released with.
pub fn judged() -> Vec<Judged> {
    let mut reader = csv::Reader::from_reader(include_str!("judged.csv").as_bytes());
    reader.deserialize().filter_map(Result::ok).collect()
}

/// One line, to stand beside every modelled time.
pub fn verdict() -> String {
    let rows = judged();
    let range = |f: fn(&Judged) -> f64| {
        let values = rows.iter().map(f);
        (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max))
    };
    let Some(first) = rows.first() else { return "model: never held against measured times".into() };
    let (least, most) = range(|r| r.median_error * 100.0);
    let (_, p95) = range(|r| r.p95_error * 100.0);
    let (low, high) = range(|r| r.tau.unwrap_or(0.0));
    let kernels: usize = rows.iter().map(|r| r.kernels).sum();
    format!(
        "model: against {kernels} kernels measured on {} in {} spaces, median error {least:.0}-{most:.0} %, p95 up to {p95:.0} %, \
         Kendall's tau {low:.2}-{high:.2}; on no ARM core was it ever held against hardware",
        first.machine,
        rows.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_known_model() {
        let exact: Vec<(f64, f64)> = (1..=100).map(|i| (f64::from(i), f64::from(i) * 1.1)).collect();
        let f = figures(&exact).unwrap();
        assert!(
            (f.median_error - 0.1).abs() < 1e-9 && (f.p95_error - 0.1).abs() < 1e-9 && (f.ratio - 1.1).abs() < 1e-9
        );
        assert_eq!((f.tau, f.regret), (Some(1.0), 0.0));
        let reversed: Vec<(f64, f64)> = (1..=100).map(|i| (f64::from(i), f64::from(101 - i))).collect();
        let f = figures(&reversed).unwrap();
        assert_eq!((f.tau, f.regret), (Some(-1.0), 99.0));
        assert!(figures(&[]).is_none());
    }

    #[test]
    fn the_verdict_comes_from_the_table() {
        assert!(!judged().is_empty());
        assert_eq!(include_str!("judged.csv").lines().count(), judged().len() + 1, "a row that cannot be read");
        assert!(verdict().contains("median error") && verdict().contains("no ARM core"));
    }
}
