//! From the least to the greatest number of any batch: nothing is clipped.

use std::sync::Arc;

use super::{Calibrator, Kind, Range, whole};

pub const KIND: Kind = Kind {
    pattern: "minmax",
    about: "from the least to the greatest number",
    parse: |name| (name == "minmax").then(|| Arc::new(MinMax) as Arc<dyn Calibrator>),
    examples: &["minmax"],
};

pub struct MinMax;

impl Calibrator for MinMax {
    fn name(&self) -> String {
        "minmax".into()
    }
    fn range(&self, batches: &[&[f32]], symmetric: bool, _levels: usize, _error: &dyn Fn(Range) -> f64) -> Range {
        whole(batches, symmetric)
    }
}
