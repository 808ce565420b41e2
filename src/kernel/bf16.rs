//! `bf16-pairs`: bf16 weights and activations by the instruction set's own products of pairs, summed in f32.

use super::{Family, axes, coded, product};
use crate::layer::Op;
use crate::scheme::levels::{Levels, MiniFloat};

pub const FAMILY: Family = Family {
    name: "bf16-pairs",
    tiles: "bfdot",
    serves: |task, tile| {
        (tile.m == 1 || task.shape.m() > 1)
            && task.is_coded()
            && task.scheme.activations.half() == Some("bf16")
            && task.scheme.decoded() == Some(Levels::Float(MiniFloat::BF16))
    },
    ops: &[Op::Gemm, Op::Gemv, Op::Conv2d],
    axes: axes::product,
    inner: product::inner,
    pack: |nest, weights| product::pack_with(nest, weights, coded::push_vector),
    steps: product::steps,
    parts: |_| 1,
};
