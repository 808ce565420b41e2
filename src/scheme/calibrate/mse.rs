//! The range with the least squared error: a coarse search over clips of the whole range, then a fine one about the best.

use std::sync::Arc;

use super::{Calibrator, Kind, Range, whole};

pub const KIND: Kind = Kind {
    pattern: "mse",
    about: "the clip with the least squared error",
    parse: |name| (name == "mse").then(|| Arc::new(Mse) as Arc<dyn Calibrator>),
    examples: &["mse"],
};

const COARSE: usize = 40;
const FINE: usize = 12;

struct Mse;

/// The share of 0..=1 with the least error.
fn best_share(error: impl Fn(f32) -> f64) -> f32 {
    let least = |shares: &mut dyn Iterator<Item = f32>, start: (f32, f64)| {
        shares.map(|s| (s, error(s))).fold(start, |a, b| if b.1 < a.1 { b } else { a })
    };
    let coarse = least(&mut (1..COARSE).map(|i| i as f32 / COARSE as f32), (1.0, error(1.0)));
    let unit = 1.0 / (COARSE * FINE) as f32;
    let near = (1..2 * FINE).map(|i| coarse.0 - 1.0 / COARSE as f32 + i as f32 * unit).filter(|s| *s > 0.0 && *s < 1.0);
    least(&mut { near }, coarse).0
}

impl Calibrator for Mse {
    fn name(&self) -> String {
        "mse".into()
    }
    fn range(&self, batches: &[&[f32]], symmetric: bool, _levels: usize, error: &dyn Fn(Range) -> f64) -> Range {
        let all = whole(batches, symmetric);
        if symmetric {
            return Range::symmetric(all.high * best_share(|s| error(Range::symmetric(all.high * s))));
        }
        // either end in turn
        let all = Range { low: all.low.min(0.0), high: all.high.max(0.0) };
        let both = best_share(|s| error(Range { low: all.low * s, high: all.high * s }));
        let high = all.high * best_share(|s| error(Range { low: all.low * both, high: all.high * s }));
        let low = all.low * best_share(|s| error(Range { low: all.low * s, high }));
        Range { low, high }
    }
}
