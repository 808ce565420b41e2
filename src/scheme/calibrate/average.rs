//! Moving average of the batches' ranges (Jacob et al., 2018, section 3.1): one odd batch counts for little.

use std::sync::Arc;

use super::{Calibrator, Kind, Range};

pub const KIND: Kind = Kind {
    pattern: "avg",
    about: "moving average of the batches' least and greatest numbers, momentum 0.9",
    parse: |name| (name == "avg").then(|| Arc::new(Average) as Arc<dyn Calibrator>),
    examples: &["avg"],
};

/// Weight of what came before.
const MOMENTUM: f32 = 0.9;

struct Average;

impl Calibrator for Average {
    fn name(&self) -> String {
        "avg".into()
    }
    fn range(&self, batches: &[&[f32]], symmetric: bool, _levels: usize, _error: &dyn Fn(Range) -> f64) -> Range {
        let mut ranges = batches.iter().map(|b| Range::of(*b));
        let first = ranges.next().unwrap_or(Range { low: 0.0, high: 0.0 });
        let moved = |a: f32, b: f32| MOMENTUM * a + (1.0 - MOMENTUM) * b;
        let r = ranges.fold(first, |a, b| Range { low: moved(a.low, b.low), high: moved(a.high, b.high) });
        if symmetric { Range::symmetric(r.peak()) } else { Range { low: r.low.min(0.0), high: r.high } }
    }
}
