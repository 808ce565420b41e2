//! Bias correction.

use super::{Correction, Draft};
use crate::scheme::lattice::Quantized;
use crate::scheme::observed::Observed;

/// Takes the mean error of every output off its bias: b -= (W^ - W) E[x], with E[x] from calibration (Nagel et al.,
/// Data-Free Quantization, 2019, section 4.2).
pub struct BiasCorrection;

impl Correction for BiasCorrection {
    fn name(&self) -> &'static str {
        "biascorr"
    }
    fn about(&self) -> &'static str {
        "takes the mean error that quantized weights make of every output off its bias"
    }
    fn after(&self, layer: &mut Draft, quantized: &Quantized, observed: &Observed) {
        let k = observed.k;
        let mut means = observed.column_means(0);
        let rows = quantized.values.chunks_exact(k).zip(layer.weights.chunks_exact(k));
        for (n, ((got, weights), bias)) in rows.zip(&mut layer.bias).enumerate() {
            if observed.own_inputs() {
                means = observed.column_means(n);
            }
            let error = got.iter().zip(weights).map(|(g, w)| f64::from(*g) - f64::from(*w));
            let mean: f64 = error.zip(&means).map(|(e, m)| e * f64::from(*m)).sum();
            let corrected = (f64::from(*bias) - mean) as f32;
            if corrected.is_finite() {
                *bias = corrected;
            }
        }
    }
}
