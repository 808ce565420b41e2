//! IEEE binary32 weights and activations: the baseline.

use super::{Scheme, Weights};
use crate::candidate::Contract;

pub struct F32;

impl Scheme for F32 {
    fn name(&self) -> &'static str {
        "f32"
    }
    fn about(&self) -> &'static str {
        "32-bit floats: the baseline"
    }
    fn weight_bits(&self) -> f64 {
        32.0
    }
    fn float_activations(&self) -> bool {
        true
    }
    fn contracts(&self) -> &'static [Contract] {
        &[Contract::F32io]
    }
    fn quantize(&self, weights: &[f32], _k: usize) -> Weights {
        Weights::Float(weights.to_vec())
    }
}
