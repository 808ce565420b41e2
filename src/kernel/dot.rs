//! `dot`: s8 weights, u8 activations, exact 32-bit sums by the instruction set's dot-product words.

use super::{Family, axes, product};
use crate::layer::Op;

pub const FAMILY: Family = Family {
    name: "dot",
    tiles: "dot",
    serves: |task, _| task.is_integer(),
    ops: &[Op::Gemm, Op::Gemv, Op::Conv2d],
    axes: axes::product,
    inner: product::inner,
    pack: product::pack,
    steps: product::steps,
};
