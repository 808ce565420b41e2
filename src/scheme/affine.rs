//! The affine grid of unsigned activations: with 8 bits the same arithmetic, rounding for rounding, as
//! `native/isa/scalar.h`.

use super::levels::round_within;

/// `x ~ scale * (q - zero)`, q in 0..=top; the range always contains 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    pub scale: f32,
    pub inverse: f32,
    pub zero: i32,
    /// 2^bits - 1.
    pub top: i32,
}

impl Grid {
    /// The grid over [low, high] widened to contain 0 (as ONNX's DynamicQuantizeLinear).
    pub fn of_range(low: f32, high: f32, bits: u32) -> Self {
        let top = (1 << bits) - 1;
        let (low, high) = (low.min(0.0), high.max(0.0));
        // constant zero, or a range too small to invert, has the least step
        let scale = ((high - low) / top as f32).max(2f32.powi(-100));
        let inverse = 1.0 / scale;
        let zero = ((-low * inverse).round_ties_even() as i32).min(top);
        Self { scale, inverse, zero, top }
    }

    /// The grid over all of `x`, which is finite.
    pub fn of(x: &[f32], bits: u32) -> Self {
        let (low, high) = x.iter().fold((0f32, 0f32), |(l, h), x| (l.min(*x), h.max(*x)));
        Self::of_range(low, high, bits)
    }

    pub fn quantize(&self, x: f32) -> u8 {
        let (low, high) = (-self.zero, self.top - self.zero);
        (round_within(x * self.inverse, low as f32, high as f32) as i32 + self.zero) as u8
    }

    /// `x` put on the grid.
    pub fn round(&self, x: f32) -> f32 {
        self.scale * (i32::from(self.quantize(x)) - self.zero) as f32
    }

    /// An accumulator as f32: the kernels' epilogue.
    pub fn finish(&self, acc: i32, scale: f32, sum: i32, bias: f32, relu: bool) -> f32 {
        let acc = acc.wrapping_sub(self.zero.wrapping_mul(sum));
        let y = acc as f32 * (self.scale * scale) + bias;
        if relu { y.max(0.0) + 0.0 } else { y } // + 0: never a negative zero
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn error_is_about_half_a_step(x in proptest::collection::vec(-50f32..200.0, 1..40), bits in 2u32..=8) {
            let g = Grid::of(&x, bits);
            for v in &x {
                let back = g.round(*v);
                // half a step, and the zero point's own rounding at the ends of the range
                prop_assert!((v - back).abs() <= g.scale * 1.001);
            }
            prop_assert_eq!(i32::from(g.quantize(0.0)), g.zero);
        }
    }
}
