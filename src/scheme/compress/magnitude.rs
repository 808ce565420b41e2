//! Pruning by size, anywhere.

use std::sync::Arc;

use super::{Compression, Kind, percent};
use crate::scheme::lattice::Matrix;

pub const KIND: Kind = Kind {
    pattern: "pN (N = 1..99)",
    about: "N % of each layer's weights become zeros, the smallest ones (Han et al., 2015); depthwise layers stay",
    parse: |text| percent(text, "p").map(|p| Arc::new(Magnitude(p)) as _),
    examples: &["p50", "p75"],
};

/// Percent of the weights that go.
struct Magnitude(usize);

/// What says which parameter gaps are coded with.
const RICE_BITS: f64 = 8.0;

impl Compression for Magnitude {
    fn name(&self) -> String {
        format!("p{}", self.0)
    }
    fn kept(&self, scores: &Matrix) -> Option<Vec<bool>> {
        let scores = scores.data;
        let gone = scores.len() * self.0 / 100;
        let mut order: Vec<usize> = (0..scores.len()).collect();
        // of equal scores the first stay
        order.sort_unstable_by(|a, b| scores[*a].total_cmp(&scores[*b]).then(b.cmp(a)));
        let mut kept = vec![true; scores.len()];
        order[..gone].iter().for_each(|i| kept[*i] = false);
        Some(kept)
    }
    /// A bit for each weight, or the numbers of zeros before each weight that is left in a Golomb-Rice code (Rice, 1979): whatever
    /// takes less.
    fn index_bits(&self, kept: &[bool], _k: usize) -> (usize, f64) {
        let mut gaps = Vec::new();
        let mut gap = 0usize;
        for kept in kept {
            if *kept {
                gaps.push(gap);
                gap = 0;
            } else {
                gap += 1;
            }
        }
        let rice = |b: u32| gaps.iter().map(|g| (g >> b) as f64 + 1.0 + f64::from(b)).sum::<f64>() + RICE_BITS;
        let least = (0..16).map(rice).fold(kept.len() as f64, f64::min);
        (gaps.len(), least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_go_and_of_equal_ones_the_last() {
        let half = Magnitude(50);
        let kept = |scores: &[f32]| half.kept(&Matrix::new(scores, scores.len())).unwrap();
        assert_eq!(kept(&[3.0, 1.0, 2.0, 4.0]), [true, false, false, true]);
        assert_eq!(kept(&[1.0; 4]), [true, true, false, false]);
        assert_eq!(kept(&[1.0, 0.0, 5.0]), [true, false, true], "a half is rounded down");
    }

    #[test]
    fn where_they_are_takes_a_bitmap_or_gaps() {
        // 4 of 64, each after 15 zeros: gaps of 15 with 4 bits below cost 1 + 4 bits each
        let few: Vec<bool> = (0..64).map(|i| i % 16 == 15).collect();
        assert_eq!(Magnitude(94).index_bits(&few, 64), (4, 4.0 * 4.0 + 8.0 + 4.0 - 0.0));
        assert_eq!(Magnitude(1).index_bits(&[true; 10], 10), (10, 10.0), "a bitmap");
    }
}
