//! The importance of columns.

use super::{Correction, Draft};
use crate::scheme::Scheme;
use crate::scheme::observed::Observed;

/// Weighs every column's error by the mean square of its input when a calibrator looks for the best range: the expected
/// squared error of an output whose inputs are independent (llama.cpp's importance matrix). Calibrators that measure errors (`-mse`)
/// look at it, and pruning: a weight's size times the root of it (Sun et al., Wanda, 2023). In a depthwise layer it is the mean over the outputs, tap by tap.
pub struct Importance;

impl Correction for Importance {
    fn name(&self) -> &'static str {
        "importance"
    }
    fn about(&self) -> &'static str {
        "weighs errors by mean squared activations where a calibrator measures them (-mse), and sizes where weights are pruned (Wanda)"
    }
    fn before(&self, layer: &mut Draft, observed: &Observed, _scheme: &Scheme) {
        let squares = observed.mean_squares();
        let useful = squares.iter().all(|s| s.is_finite()) && squares.iter().any(|s| *s > 0.0);
        layer.importance = useful.then_some(squares);
    }
}
