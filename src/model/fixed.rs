//! Fixed-point multipliers, as TFLite's reference kernels have them.

/// `x * multiplier * 2^(shift - 31)`, by gemmlowp's two roundings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Multiplier {
    pub multiplier: i32,
    pub shift: i32,
}

impl Multiplier {
    /// Of a positive number.
    pub fn of(real: f64) -> Self {
        if real <= 0.0 || !real.is_finite() {
            return Self { multiplier: 0, shift: 0 };
        }
        let mut shift = real.log2().floor() as i32 + 1;
        let mut fraction = real / 2f64.powi(shift);
        while fraction >= 1.0 {
            (fraction, shift) = (fraction / 2.0, shift + 1);
        }
        while fraction < 0.5 {
            (fraction, shift) = (fraction * 2.0, shift - 1);
        }
        let mut q = (fraction * f64::from(1u32 << 31)).round() as i64;
        if q == 1 << 31 {
            (q, shift) = (q / 2, shift + 1);
        }
        if shift < -31 { Self { multiplier: 0, shift: 0 } } else { Self { multiplier: q as i32, shift: shift.min(30) } }
    }

    /// The same, rounded once: halves up.
    pub fn apply_once(self, x: i32) -> i64 {
        let shift = 31 - self.shift;
        let product = i128::from(x) * i128::from(self.multiplier);
        ((product + (1i128 << (shift - 1))) >> shift) as i64
    }

    pub fn apply(self, x: i32) -> i32 {
        let (left, right) = (self.shift.max(0), (-self.shift).max(0));
        let high = doubling_high(x.wrapping_shl(left as u32), self.multiplier);
        let mask = ((1i64 << right) - 1) as i32;
        let (rest, threshold) = (high & mask, (mask >> 1) + i32::from(high < 0));
        (high >> right.min(31)) + i32::from(rest > threshold)
    }
}

/// The upper half of twice a product, rounded; saturating.
fn doubling_high(a: i32, b: i32) -> i32 {
    if a == i32::MIN && b == i32::MIN {
        return i32::MAX;
    }
    let product = i64::from(a) * i64::from(b);
    let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
    ((product + nudge) / (1i64 << 31)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multipliers_are_near_the_product_and_round_as_stated() {
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..20_000 {
            let (real, x) = (2f64.powf(rng.f64() * 12.0 - 11.0), rng.i32(-2_000_000..2_000_000));
            let by = Multiplier::of(real);
            let product = f64::from(x) * real;
            if product.abs() < 1e8 {
                assert!((f64::from(by.apply(x)) - product).abs() <= 1.01, "{x} {real}");
                assert!((by.apply_once(x) as f64 - product).abs() <= 0.51, "{x} {real}");
            }
        }
        // 3 / 2 twice: doubling_high gives 3 * 2^30 / 2^31 = 1.5 to 2; once likewise; halves of negative numbers differ
        let half = Multiplier::of(0.5);
        assert_eq!((half.apply(3), half.apply_once(3), half.apply(-3), half.apply_once(-3)), (2, 2, -1, -1));
        assert_eq!((Multiplier::of(0.0).apply(7), Multiplier::of(f64::NAN).apply(7)), (0, 0));
    }
}
