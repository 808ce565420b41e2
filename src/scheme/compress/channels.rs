//! Output channels that are left out, and what that does to the layers after.

use std::sync::Arc;

use super::{Compression, Kind, percent};

pub const KIND: Kind = Kind {
    pattern: "cN (N = 1..99)",
    about: "N % of the output channels go, those of the least l1 norm (Li et al., 2017), and with them inputs of later layers",
    parse: |text| percent(text, "c").map(|c| Arc::new(Channels(c)) as _),
    examples: &["c25", "c50"],
};

/// Percent of the channels that go.
struct Channels(usize);

impl Compression for Channels {
    fn name(&self) -> String {
        format!("c{}", self.0)
    }
    fn channels(&self, n: usize) -> Option<usize> {
        Some(n - n * self.0 / 100)
    }
}

/// Which outputs of [n, k] weights stay: so many, those of the greatest sums of sizes, of equal ones the first.
pub fn chosen(weights: &[f32], k: usize, count: usize) -> Vec<bool> {
    let norms: Vec<f64> = weights.chunks_exact(k).map(|row| row.iter().map(|w| f64::from(w.abs())).sum()).collect();
    let mut order: Vec<usize> = (0..norms.len()).collect();
    order.sort_by(|a, b| norms[*b].total_cmp(&norms[*a]));
    let mut kept = vec![false; norms.len()];
    order.iter().take(count).for_each(|n| kept[*n] = true);
    kept
}

/// The numbers whose index has a place that stays, where places repeat in runs of `kept.len()` blocks of `inner` numbers.
pub fn pick<T: Copy>(numbers: &[T], kept: &[bool], inner: usize) -> Vec<T> {
    let stays = |(i, v): (usize, &T)| kept[i / inner % kept.len()].then_some(*v);
    numbers.iter().enumerate().filter_map(stays).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_of_the_least_norm_go() {
        assert_eq!(Channels(25).channels(10), Some(8), "a part of a channel stays");
        assert_eq!(Channels(99).channels(1), Some(1), "never the last one");
        assert_eq!(chosen(&[1.0, -1.0, 0.5, 0.0, -3.0, 0.0], 2, 2), [true, false, true]);
        assert_eq!(pick(&[0, 1, 2, 3, 4, 5, 6, 7], &[true, false], 2), [0, 1, 4, 5]);
        assert_eq!(pick(&[0, 1, 2, 3], &[false, true], 1), [1, 3]);
    }
}
