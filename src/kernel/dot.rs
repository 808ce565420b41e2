//! `dot`: u8 activations, weights of 8 bits and fewer that are unpacked in registers, exact 32-bit sums by the instruction
//! set's dot-product words.

use super::{Family, Task, axes, product};
use crate::layer::Op;

/// Sums of narrow weights come times 2^(8 - bits), as if of 8 bits: so many products with -128 stay in 32 bits.
fn longest(task: &Task) -> usize {
    (1 << 31) / (task.scheme.greatest_activation() * 128)
}

pub const FAMILY: Family = Family {
    name: "dot",
    tiles: "dot",
    serves: |task, tile| {
        let fits = || !tile.scaled() || task.shape.k() <= longest(task);
        task.is_integer()
            && task.scheme.weight_bits() <= tile.bits as f64
            && fits()
            && product::serves_groups(task, tile)
    },
    ops: &[Op::Gemm, Op::Gemv, Op::Conv2d],
    axes: axes::product,
    inner: product::inner,
    pack: product::pack,
    steps: product::steps,
    parts: |_| 1,
};
