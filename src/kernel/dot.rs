//! `dot`: u8 activations, weights of 8 bits and fewer that are unpacked in registers, exact 32-bit sums by the instruction
//! set's dot-product words.

use super::{Family, Task, axes, chain16, product};
use crate::layer::Op;
use crate::native::Tile;

/// Sums of narrow weights come times 2^(8 - bits), as if of 8 bits: so many products with -128 stay in 32 bits.
fn longest(task: &Task) -> usize {
    (1 << 31) / (task.scheme.greatest_activation() * 128)
}

/// Do the weights' codes fit what the tile stores? Planes of several widths cost so much to put together that only weights
/// of just their bits have use for them. One row has no use for tiles of several. Products that meet in 16 bits must fit
/// these.
fn fits(task: &Task, tile: &Tile) -> bool {
    let (bits, one_plane) = (task.scheme.weight_bits(), tile.bits.is_power_of_two());
    let exactly = bits.ceil() == tile.bits as f64;
    bits <= tile.bits as f64
        && (one_plane || exactly)
        && (!tile.scaled() || task.shape.k() <= longest(task))
        && (tile.m == 1 || task.shape.m() > 1)
        && (tile.lanes == 1 || chain16::longest(task, tile) > 0)
}

pub const FAMILY: Family = Family {
    name: "dot",
    tiles: "dot",
    serves: |task, tile| task.is_integer() && fits(task, tile) && product::serves_groups(task, tile),
    ops: &[Op::Gemm, Op::Gemv, Op::Conv2d],
    axes: axes::product,
    inner: product::inner,
    pack: product::pack,
    steps: product::steps,
    parts: |_| 1,
};
