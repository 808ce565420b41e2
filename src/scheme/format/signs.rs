//! One and two levels beside zero: ternary weight networks and binary weights.

use std::sync::Arc;

use super::{Fit, Format, Granularity, Kind, LEAST_SCALE, Takes, fit_groups, power_of_two_above};
use crate::scheme::lattice::{Lattice, Matrix};
use crate::scheme::levels::Levels;

pub const TERNARY: Kind = Kind {
    pattern: "wt",
    about: "ternary (Li et al., Ternary Weight Networks, 2016): threshold 0.7 mean|w|, scale the mean of what exceeds it",
    parse: |text| text.starts_with("wt").then(|| (Arc::new(Ternary) as Arc<dyn Format>, 2)),
    examples: &["wt"],
};

pub const BINARY: Kind = Kind {
    pattern: "w1, w1c",
    about: "signs: times mean|w| (Rastegari et al., XNOR-Net, 2016), or alone (Courbariaux et al., BinaryConnect, 2015: w1c)",
    parse: |text| {
        let scaled = !text.starts_with("w1c");
        let length = if scaled { 2 } else { 3 };
        text.starts_with("w1").then(|| (Arc::new(Binary { scaled }) as Arc<dyn Format>, length))
    },
    examples: &["w1", "w1c"],
};

/// Levels -1, 0, 1.
struct Ternary;

/// Levels -1, 1; zero counts as positive.
struct Binary {
    scaled: bool,
}

/// One scale per group, from the group's numbers.
fn lattice(x: &Matrix, how: &Fit, levels: Levels, bits: f64, scale: impl Fn(&[f32]) -> f32 + Sync) -> Lattice {
    fit_groups(x, &levels, bits, how, |v, _| {
        let scale = scale(v).max(LEAST_SCALE); // zeros stay next to nothing, though they count as a sign
        (if how.pow2 { power_of_two_above(scale) } else { scale }, 0)
    })
}

fn mean_size(v: &[f32]) -> f32 {
    (v.iter().map(|w| f64::from(w.abs())).sum::<f64>() / v.len() as f64) as f32
}

impl Ternary {
    /// What exceeds this in size is not zero.
    fn threshold(v: &[f32]) -> f32 {
        0.7 * mean_size(v)
    }
}

impl Format for Ternary {
    fn name(&self) -> String {
        "wt".into()
    }
    fn family(&self) -> &'static str {
        "ternary and binary"
    }
    fn bits(&self) -> f64 {
        2.0
    }
    fn takes(&self) -> Takes {
        Takes { scale: true, ..Takes::default() }
    }
    fn fit(&self, x: &Matrix, how: &Fit) -> Lattice {
        let mean_of_large = |v: &[f32]| {
            let threshold = Self::threshold(v);
            let large: Vec<f32> = v.iter().copied().filter(|w| w.abs() > threshold).collect();
            if large.is_empty() { 0.0 } else { mean_size(&large) }
        };
        lattice(x, how, Levels::Integers { low: -1, high: 1 }, 2.0, mean_of_large)
    }
    /// By the threshold, which is not halfway.
    fn quantize(&self, x: &Matrix, how: &Fit) -> super::Quantized {
        let lattice = self.fit(x, how);
        let whole = (how.granularity == Granularity::Tensor).then(|| Self::threshold(x.data));
        let group = lattice.group;
        let thresholds: Vec<f32> = (0..x.rows())
            .flat_map(|r| x.row(r).chunks(group).map(|v| whole.unwrap_or_else(|| Self::threshold(v))))
            .collect();
        let groups = lattice.groups();
        lattice.choose(x, |_, row, col, v| {
            let threshold = thresholds[row * groups + col / group];
            if v > threshold { 2 } else { u16::from(v >= -threshold) }
        })
    }
}

impl Format for Binary {
    fn name(&self) -> String {
        if self.scaled { "w1" } else { "w1c" }.into()
    }
    fn family(&self) -> &'static str {
        "ternary and binary"
    }
    fn bits(&self) -> f64 {
        1.0
    }
    fn takes(&self) -> Takes {
        Takes { scale: true, ..Takes::default() }
    }
    fn fit(&self, x: &Matrix, how: &Fit) -> Lattice {
        let levels = Levels::Table([-1.0, 1.0].into());
        lattice(x, how, levels, 1.0, |v| if self.scaled { mean_size(v) } else { 1.0 })
    }
    fn quantize(&self, x: &Matrix, how: &Fit) -> super::Quantized {
        self.fit(x, how).choose(x, |_, _, _, v| u16::from(v >= 0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_take_the_choices_that_they_say_they_take() {
        let x: Vec<f32> = (0..512).map(|i| ((i * 37 % 101) as f32 - 50.0) / 30.0).collect();
        let x = Matrix::new(&x, 256);
        let group = Granularity::Group { columns: 32, sub: Some(4) };
        for format in [&Ternary as &dyn Format, &Binary { scaled: true }] {
            let plain = format.fit(&x, &Fit::default());
            let pow2 = format.fit(&x, &Fit { pow2: true, ..Fit::default() });
            assert!(pow2.scales.iter().all(|s| s.log2().fract() == 0.0), "{}: {:?}", format.name(), pow2.scales);
            assert!(plain.scales.iter().zip(&pow2.scales).all(|(a, b)| *b >= *a && *b < 2.0 * a));
            let grouped = format.fit(&x, &Fit { granularity: group, ..Fit::default() });
            assert_eq!((grouped.scales.len(), grouped.group), (16, 32));
            assert_eq!(grouped.stored_bits, 512.0 * format.bits() + 16.0 * 4.0 + 2.0 * 16.0, "{}", format.name());
        }
    }
}
