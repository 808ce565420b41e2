//! 8-bit weights, symmetric per output channel in the narrow range -127..127; 8-bit affine activations.

use super::{Scheme, Weights};
use crate::candidate::Contract;

pub struct W8A8;

impl Scheme for W8A8 {
    fn name(&self) -> &'static str {
        "w8a8"
    }
    fn about(&self) -> &'static str {
        "s8 weights per output channel, u8 affine activations (static per tensor for int8, dynamic per row or image for f32io)"
    }
    fn weight_bits(&self) -> f64 {
        8.0
    }
    fn float_activations(&self) -> bool {
        false
    }
    fn contracts(&self) -> &'static [Contract] {
        &Contract::ALL
    }
    fn quantize(&self, weights: &[f32], k: usize) -> Weights {
        let mut codes = Vec::with_capacity(weights.len());
        let mut scales = Vec::with_capacity(weights.len() / k);
        for row in weights.chunks_exact(k) {
            let peak = row.iter().fold(0f32, |a, w| a.max(w.abs()));
            // a row of zeros, or one too small to invert, has codes of zero under any scale
            let scale = if peak >= f32::MIN_POSITIVE * 256.0 { peak / 127.0 } else { 1.0 };
            codes.extend(row.iter().map(|w| (w / scale).round_ties_even().clamp(-127.0, 127.0) as i8));
            scales.push(scale);
        }
        Weights::Int { codes, scales }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn error_is_half_a_step(weights in proptest::collection::vec(-1e3f32..1e3, 24)) {
            let Weights::Int { codes, scales } = W8A8.quantize(&weights, 8) else { unreachable!() };
            for (i, w) in weights.iter().enumerate() {
                let back = scales[i / 8] * f32::from(codes[i]);
                prop_assert!((w - back).abs() <= scales[i / 8] * 0.5001);
                prop_assert!(codes[i] != -128);
            }
        }
    }

    #[test]
    fn zero_channels_stay_zero() {
        let Weights::Int { codes, scales } = W8A8.quantize(&[0.0, 0.0, 1.0, -2.0], 2) else { unreachable!() };
        assert_eq!(codes, [0, 0, 64, -127]);
        assert_eq!(scales[0], 1.0);
    }
}
