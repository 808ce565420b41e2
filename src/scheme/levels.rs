//! The values that a code can stand for before it is scaled, in ascending order: code 0 is the least.

use std::sync::Arc;

/// An ordered set of levels.
#[derive(Clone, Debug, PartialEq)]
pub enum Levels {
    /// Every f32: nothing is rounded and there are no codes.
    Exact,
    /// low..=high.
    Integers {
        low: i32,
        high: i32,
    },
    Float(MiniFloat),
    /// Any ascending values, at most 65,536.
    Table(Arc<[f32]>),
}

impl Levels {
    /// Signed integers of 2 to 8 bits: narrow (-7..=7 of 4 bits) or full (-8..=7).
    pub fn signed(bits: u32, full: bool) -> Self {
        let high = (1 << (bits - 1)) - 1;
        Self::Integers { low: if full { -high - 1 } else { -high }, high }
    }

    /// 0..=2^bits - 1.
    pub fn unsigned(bits: u32) -> Self {
        Self::Integers { low: 0, high: (1 << bits) - 1 }
    }

    /// 0 for [`Levels::Exact`].
    pub fn count(&self) -> usize {
        match self {
            Self::Exact => 0,
            Self::Integers { low, high } => (high - low + 1) as usize,
            Self::Float(f) => 2 * f.greatest as usize + 1,
            Self::Table(t) => t.len(),
        }
    }

    pub fn value(&self, code: u16) -> f32 {
        match self {
            Self::Exact => f32::NAN,
            Self::Integers { low, .. } => (low + i32::from(code)) as f32,
            Self::Float(f) => f.ranked(i32::from(code) - f.greatest as i32),
            Self::Table(t) => t[usize::from(code)],
        }
    }

    /// All of them, ascending.
    pub fn values(&self) -> impl Iterator<Item = f64> {
        (0..self.count()).map(|code| f64::from(self.value(code as u16)))
    }

    pub fn least(&self) -> f32 {
        if *self == Self::Exact { f32::MIN } else { self.value(0) }
    }
    pub fn greatest(&self) -> f32 {
        if *self == Self::Exact { f32::MAX } else { self.value((self.count() - 1) as u16) }
    }
    /// The largest magnitude.
    pub fn peak(&self) -> f32 {
        self.greatest().max(-self.least())
    }

    /// The code of the level nearest to finite `x`; halfway goes to the even integer or mantissa, in a table to the lower
    /// level. What lies beyond the ends gets the end.
    pub fn nearest(&self, x: f32) -> u16 {
        match self {
            Self::Exact => 0,
            Self::Integers { low, high } => (round_within(x, *low as f32, *high as f32) as i32 - low) as u16,
            Self::Float(f) => (f.rank(x) + f.greatest as i32) as u16,
            Self::Table(_) => {
                let (below, above) = self.neighbours(x);
                if x - self.value(below) <= self.value(above) - x { below } else { above }
            }
        }
    }

    /// The codes of the levels around finite `x`: the same twice where it is a level itself, or beyond the ends.
    pub fn neighbours(&self, x: f32) -> (u16, u16) {
        let last = self.count().saturating_sub(1) as u16;
        let at = |code: u16, exact: bool| (code, if exact { code } else { code + 1 });
        match self {
            _ if x <= self.least() => (0, 0),
            _ if x >= self.greatest() => (last, last),
            Self::Exact => (0, 0),
            Self::Integers { low, .. } => at((x.floor() as i32 - low) as u16, x.fract() == 0.0),
            Self::Float(_) => {
                let code = self.nearest(x);
                let value = self.value(code);
                if value <= x { at(code, value == x) } else { (code - 1, code) }
            }
            Self::Table(t) => {
                let above = t.partition_point(|v| *v <= x);
                at(above as u16 - 1, t[above - 1] == x)
            }
        }
    }
}

/// `x` rounded, halves to even, and clamped to integers of less than 2^22 in size. (Adding and taking away 1.5 * 2^23 rounds a
/// small number, and unlike a call of `rint` vectorizes everywhere.)
pub fn round_within(x: f32, low: f32, high: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0;
    (x.clamp(low, high) + SHIFT) - SHIFT
}

/// A small binary floating-point format without infinities or NaN among its levels: what is too large saturates.
/// Sources: IEEE 754-2019 (binary16), OCP 8-bit Floating Point Specification 1.0 (e4m3, e5m2), OCP Microscaling Formats
/// 1.0 (e2m3, e3m2, e2m1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MiniFloat {
    pub exponent_bits: u32,
    pub mantissa_bits: u32,
    /// Bits of the largest finite magnitude.
    pub greatest: u32,
}

impl MiniFloat {
    pub const F16: Self = Self::ieee(5, 10);
    pub const BF16: Self = Self::ieee(8, 7);
    pub const E5M2: Self = Self::ieee(5, 2);
    /// All exponents are finite; only the pattern of all ones is NaN.
    pub const E4M3: Self = Self { exponent_bits: 4, mantissa_bits: 3, greatest: 0x7e };
    pub const E2M3: Self = Self::finite(2, 3);
    pub const E3M2: Self = Self::finite(3, 2);
    pub const E2M1: Self = Self::finite(2, 1);

    /// The greatest exponent is kept for infinities and NaN.
    const fn ieee(exponent_bits: u32, mantissa_bits: u32) -> Self {
        Self { exponent_bits, mantissa_bits, greatest: (((1 << exponent_bits) - 1) << mantissa_bits) - 1 }
    }
    /// Every pattern is a number.
    const fn finite(exponent_bits: u32, mantissa_bits: u32) -> Self {
        Self { exponent_bits, mantissa_bits, greatest: (1 << (exponent_bits + mantissa_bits)) - 1 }
    }

    pub fn bits(self) -> u32 {
        1 + self.exponent_bits + self.mantissa_bits
    }

    fn bias(self) -> i32 {
        (1 << (self.exponent_bits - 1)) - 1
    }

    /// The exponent of the largest magnitude: 8 for e4m3, 2 for e2m1 (OCP MX calls it emax).
    pub fn greatest_exponent(self) -> i32 {
        (self.greatest >> self.mantissa_bits) as i32 - self.bias()
    }

    /// The value of a magnitude's bits.
    fn magnitude(self, bits: u32) -> f64 {
        let (exponent, fraction) = ((bits >> self.mantissa_bits) as i32, bits & ((1 << self.mantissa_bits) - 1));
        let significand = if exponent == 0 { fraction } else { fraction + (1 << self.mantissa_bits) };
        f64::from(significand) * 2f64.powi(exponent.max(1) - self.bias() - self.mantissa_bits as i32)
    }

    /// The value `rank` steps from zero, up or down.
    pub fn ranked(self, rank: i32) -> f32 {
        let value = self.magnitude(rank.unsigned_abs()) as f32;
        if rank < 0 { -value } else { value }
    }

    /// The rank of the value nearest to finite `x`, ties to an even mantissa.
    pub fn rank(self, x: f32) -> i32 {
        let size = f64::from(x.abs());
        let floor = ((size.to_bits() >> 52) as i32 - 1023).max(1 - self.bias()); // of log2
        let step = 2f64.powi(floor - self.mantissa_bits as i32);
        let steps = (size / step).round_ties_even();
        let bits = f64::from((floor + self.bias() - 1) << self.mantissa_bits) + steps;
        let bits = bits.min(f64::from(self.greatest)) as i32;
        if x < 0.0 { -bits } else { bits }
    }

    /// `x` rounded to the format.
    pub fn round(self, x: f32) -> f32 {
        self.ranked(self.rank(x))
    }

    /// The bits of `x` rounded to the format: sign, exponent, mantissa. Zero loses its sign.
    pub fn encode(self, x: f32) -> u16 {
        let rank = self.rank(x);
        let sign = if rank < 0 { 1u32 << (self.bits() - 1) } else { 0 };
        (sign | rank.unsigned_abs()) as u16
    }

    /// The value of the bits; None where they are an infinity or no number.
    pub fn decode(self, bits: u16) -> Option<f32> {
        let sign = 1u32 << (self.bits() - 1);
        let size = u32::from(bits) & (sign - 1);
        let rank = if u32::from(bits) & sign != 0 { -(size as i32) } else { size as i32 };
        (size <= self.greatest).then(|| self.ranked(rank))
    }
}
