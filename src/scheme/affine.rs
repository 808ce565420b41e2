//! The grids of unsigned activations, affine ones and signs: the same arithmetic, rounding for rounding, as
//! `native/isa/scalar.h`.

use super::levels::round_within;

/// The least step of a grid.
const LEAST: f32 = f32::from_bits((127 - 100) << 23); // 2^-100

/// `x ~ scale * ((q << shift) - zero)`, q in 0..=top. Affine grids have no shift, and their range always contains 0; signs
/// have a shift of 1, and zero counts as positive.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    pub scale: f32,
    pub inverse: f32,
    pub zero: i32,
    /// 2^bits - 1.
    pub top: i32,
    /// 0, or 1 for signs.
    pub shift: u32,
}

impl Grid {
    /// The grid over [low, high] widened to contain 0 (as ONNX's DynamicQuantizeLinear).
    pub fn of_range(low: f32, high: f32, bits: u32) -> Self {
        let top = (1 << bits) - 1;
        let (low, high) = (low.min(0.0), high.max(0.0));
        // constant zero, or a range too small to invert, has the least step
        let scale = ((high - low) / top as f32).max(LEAST);
        let inverse = 1.0 / scale;
        let zero = ((-low * inverse).round_ties_even() as i32).min(top);
        Self { scale, inverse, zero, top, shift: 0 }
    }

    /// The grid over all of `x`, which is finite.
    pub fn of(x: &[f32], bits: u32) -> Self {
        let (low, high) = x.iter().fold((0f32, 0f32), |(l, h), x| (l.min(*x), h.max(*x)));
        Self::of_range(low, high, bits)
    }

    /// Signs times the mean size of `x` (Rastegari et al., XNOR-Net, 2016).
    pub fn of_signs(x: &[f32]) -> Self {
        Self::signs(mean_size(x))
    }

    /// `scale * (2q - 1)`.
    pub fn signs(scale: f32) -> Self {
        Self { scale: scale.max(LEAST), inverse: 0.0, zero: 1, top: 1, shift: 1 }
    }

    /// As a kernel is told of a static one: `zero` and `out_zero` of `bs_args`.
    pub fn words(&self) -> [i32; 2] {
        [self.zero, self.scale.to_bits() as i32]
    }

    pub fn quantize(&self, x: f32) -> u8 {
        if self.shift > 0 {
            return u8::from(x >= 0.0);
        }
        let (low, high) = (-self.zero, self.top - self.zero);
        (round_within(x * self.inverse, low as f32, high as f32) as i32 + self.zero) as u8
    }

    /// `x` put on the grid.
    pub fn round(&self, x: f32) -> f32 {
        self.value(i32::from(self.quantize(x)))
    }

    /// What a code stands for.
    pub fn value(&self, code: i32) -> f32 {
        self.scale * ((code << self.shift) - self.zero) as f32
    }

    /// An accumulator as f32: the kernels' epilogue.
    pub fn finish(&self, acc: i32, scale: f32, sum: i32, bias: f32, relu: bool) -> f32 {
        let acc = (acc << self.shift).wrapping_sub(self.zero.wrapping_mul(sum));
        let y = acc as f32 * (self.scale * scale) + bias;
        if relu { y.max(0.0) + 0.0 } else { y } // + 0: never a negative zero
    }
}

/// The mean size of some numbers, by the order of `bs_mean_size`: 32 interleaved sums.
fn mean_size(x: &[f32]) -> f32 {
    let mut sums = [0f32; 32];
    x.chunks(32).for_each(|row| sums.iter_mut().zip(row).for_each(|(sum, v)| *sum += v.abs()));
    for half in [16, 8, 4, 2, 1] {
        (0..half).for_each(|i| sums[i] += sums[i + half]);
    }
    sums[0] / x.len() as f32
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
