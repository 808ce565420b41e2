//! Values that weights share.

use std::sync::Arc;

use rayon::prelude::*;

use super::{Compression, Kind, number};
use crate::scheme::format::codebook::{huffman_bits, linear, lloyd};

pub const KIND: Kind = Kind {
    pattern: "kN (N = 2..256)",
    about: "all weights of a layer share N values (k-means from a linear start), Huffman-coded (Han et al., Deep Compression, 2016)",
    parse: |text| number(text.strip_prefix('k')?).filter(|n| (2..=256).contains(n)).map(|n| Arc::new(Sharing(n)) as _),
    examples: &["k16", "k256"],
};

/// Values of a layer.
struct Sharing(usize);

impl Compression for Sharing {
    fn name(&self) -> String {
        format!("k{}", self.0)
    }
    fn values(&self) -> Option<usize> {
        Some(self.0)
    }
}

/// Bits of a shared value, and of the length of its Huffman code, which is all that a canonical code needs.
const VALUE_BITS: f64 = 32.0;
const LENGTH_BITS: f64 = 8.0;

/// The values that a layer's weights share.
#[derive(Clone, Debug, PartialEq)]
pub struct Shared {
    /// Ascending.
    pub values: Vec<f32>,
    /// Of each weight that is there.
    indices: Vec<u16>,
}

impl Shared {
    /// Puts the weights that are there (None: all) on `count` values of their own.
    pub fn among(weights: &mut [f32], kept: Option<&[bool]>, count: usize) -> Self {
        let is_kept = |i: usize| kept.is_none_or(|k| k[i]);
        let mut sorted: Vec<f32> = weights.iter().enumerate().filter(|(i, _)| is_kept(*i)).map(|(_, w)| *w).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        if sorted.is_empty() {
            return Self { values: vec![], indices: vec![] };
        }
        let values = lloyd(&sorted, linear(&sorted, count));
        let nearest = |(i, w): (usize, &mut f32)| {
            is_kept(i).then(|| {
                let above = values.partition_point(|v| *v < *w).min(values.len() - 1);
                let below = above.saturating_sub(1);
                let index = if *w - values[below] <= values[above] - *w { below } else { above };
                *w = values[index];
                index as u16
            })
        };
        let indices = weights.par_iter_mut().enumerate().filter_map(nearest).collect();
        Self { values, indices }
    }

    /// Bits of the values, of their codes' lengths, and of the Huffman codes of all weights that are there. Of `codes` that are
    /// stored those beyond the weights (none today) would be of the least length.
    pub fn stored_bits(&self, codes: usize) -> f64 {
        debug_assert!(codes == self.indices.len() || self.values.is_empty());
        self.values.len() as f64 * (VALUE_BITS + LENGTH_BITS) + huffman_bits(&self.indices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_lie_on_shared_values_and_zeros_stay() {
        let mut weights = vec![1.0, 0.0, 1.2, -2.0, 5.0, 5.0];
        let kept = [true, false, true, true, true, true];
        let shared = Shared::among(&mut weights, Some(&kept), 3);
        assert_eq!(shared.values, [-2.0, 1.1, 5.0]);
        assert_eq!(weights, [1.1, 0.0, 1.1, -2.0, 5.0, 5.0]);
        // counts 1, 2, 2: lengths 2, 2, 1
        assert_eq!(shared.stored_bits(5), 3.0 * 40.0 + 2.0 + 2.0 * 2.0 + 2.0);
        assert!(Shared::among(&mut [0.0], Some(&[false]), 4).values.is_empty());
    }
}
