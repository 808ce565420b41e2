//! `float`: f32 weights and activations by fused multiply-add: the baseline.

use super::{Arithmetic, Family, axes, product};
use crate::layer::Op;

pub const FAMILY: Family = Family {
    name: "float",
    tiles: "f32",
    serves: |task, _| task.arithmetic() == Arithmetic::Float,
    ops: &[Op::Gemm, Op::Gemv, Op::Conv2d],
    axes: axes::product,
    inner: product::inner,
    pack: product::pack,
    steps: product::steps,
    parts: |_| 1,
};
