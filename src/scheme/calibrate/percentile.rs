//! The range that so many percent of the numbers lie in: `p99_9`. Symmetric, it is that of their sizes; otherwise as much
//! is cut off at either end.

use std::sync::Arc;

use super::{Calibrator, Kind, Range};

pub const KIND: Kind = Kind {
    pattern: "pN_N (for example p99_9)",
    about: "the range that N.N percent of the numbers lie in",
    parse: |name| {
        let text = name.strip_prefix('p')?;
        let percent: f64 = text.replacen('_', ".", 1).parse().ok().filter(|p| (50.0..=100.0).contains(p))?;
        Some(Arc::new(Percentile { text: text.into(), percent }))
    },
    examples: &["p99", "p99_9", "p99_99", "p99_999"],
};

struct Percentile {
    text: String,
    percent: f64,
}

impl Calibrator for Percentile {
    fn name(&self) -> String {
        format!("p{}", self.text)
    }
    fn range(&self, batches: &[&[f32]], symmetric: bool, _levels: usize, _error: &dyn Fn(Range) -> f64) -> Range {
        let mut all: Vec<f32> =
            batches.iter().copied().flatten().map(|v| if symmetric { v.abs() } else { *v }).collect();
        if all.is_empty() {
            return Range { low: 0.0, high: 0.0 };
        }
        let last = (all.len() - 1) as f64;
        let outside = (100.0 - self.percent) / 100.0;
        if symmetric {
            let at = (last * (1.0 - outside)).round() as usize;
            return Range::symmetric(*all.select_nth_unstable_by(at, f32::total_cmp).1);
        }
        let mut at = |share: f64| *all.select_nth_unstable_by((last * share).round() as usize, f32::total_cmp).1;
        let (low, high) = (at(outside / 2.0), at(1.0 - outside / 2.0));
        Range { low: low.min(0.0), high: high.max(0.0) }
    }
}
