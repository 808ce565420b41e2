//! N of every M weights.

use std::sync::Arc;

use super::{Compression, Kind, number};
use crate::scheme::lattice::Matrix;

pub const KIND: Kind = Kind {
    pattern: "NM, N:M (N < M <= 64)",
    about: "N of every M weights along a row stay, the largest ones: 24 is 2:4 (Mishra et al., 2021); depthwise layers stay",
    parse: |text| {
        let (n, m) = match text.split_once(':') {
            Some((n, m)) => (number(n)?, number(m)?),
            None if text.len() == 2 => (number(text.get(..1)?)?, number(text.get(1..)?)?),
            None => return None,
        };
        (n < m && m <= 64).then(|| Arc::new(Pattern { n, m }) as _)
    },
    examples: &["24", "14", "48", "8:16"],
};

struct Pattern {
    n: usize,
    m: usize,
}

impl Compression for Pattern {
    fn name(&self) -> String {
        let (n, m) = (self.n, self.m);
        if m < 10 { format!("{n}{m}") } else { format!("{n}:{m}") }
    }
    fn kept(&self, scores: &Matrix) -> Option<Vec<bool>> {
        let mut kept = vec![false; scores.data.len()];
        for (row, kept) in kept.chunks_exact_mut(scores.k).enumerate() {
            for (some, kept) in scores.row(row).chunks(self.m).zip(kept.chunks_mut(self.m)) {
                let mut order: Vec<usize> = (0..some.len()).collect();
                order.sort_by(|a, b| some[*b].total_cmp(&some[*a])); // stable: of equal scores the first
                order.iter().take(self.n).for_each(|i| kept[*i] = true);
            }
        }
        Some(kept)
    }
    /// The place of each code in its M, or a bit for each of them: whatever takes less. 2:4 takes 4 bits for 4 weights either
    /// way.
    fn index_bits(&self, kept: &[bool], k: usize) -> (usize, f64) {
        let place = f64::from(usize::BITS - (self.m - 1).leading_zeros());
        let codes = kept.iter().filter(|k| **k).count();
        let groups = (kept.len() / k * k.div_ceil(self.m)) as f64;
        (codes, (codes as f64 * place).min(groups * self.m as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_of_each_stay() {
        let two = KIND.examples.iter().map(|e| (KIND.parse)(e).unwrap().name()).collect::<Vec<_>>();
        assert_eq!(two, KIND.examples);
        let pattern = Pattern { n: 2, m: 4 };
        let kept = pattern.kept(&Matrix::new(&[1.0, 4.0, 3.0, 2.0, 1.0, 1.0], 6)).unwrap();
        assert_eq!(kept, [false, true, true, false, true, true]);
        assert_eq!(pattern.index_bits(&kept, 6), (4, 8.0));
        assert_eq!(pattern.kept(&Matrix::new(&[0.0; 4], 4)).unwrap(), [true, true, false, false]);
        for wrong in ["42", "44", "0:4", "2:65", "2", "024", "é4"] {
            assert!((KIND.parse)(wrong).is_none(), "{wrong}");
        }
    }
}
