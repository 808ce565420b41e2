//! `bitserial`: weights and activations of very few bits, multiplied plane by plane: bit i of the weights and bit j of the
//! activations, packed along the depth, give `2^(i + j)` times the number of places where both are set (Umuroglu and Jahre,
//! Streamlined Deployment for Quantized Neural Networks, 2017; Cowan et al., Automatic Generation of High-Performance
//! Quantized Machine Learning Kernels, 2020). Weights are in two's complement, so that their top plane counts negative.
//!
//! Signs need no sum of activations: with b = 1 for a weight of 1 and 0 for -1, `sum (2b - 1) u_j` of plane j is the number
//! of positive weights less the places where b and u_j differ. What the positive weights come to over all planes follows
//! the packed ones. (The XNOR of Rastegari et al., XNOR-Net, 2016, for activations of 0 and 1.)
//!
//! Where bits are counted in bytes, a chain of `255 / lanes` steps that add at most `lanes` each never overflows.

use super::chain::{self, Words};
use super::nest::Nest;
use super::{Family, Task, axes};
use crate::emit::{Stmt, for_, set};
use crate::layer::Op;
use crate::native::Tile;
use crate::scheme::Weights;

pub const FAMILY: Family = Family {
    name: "bitserial",
    tiles: "bits",
    serves: |task, _| {
        let narrow = task.scheme.weight_bits() <= 4.0 && planes(task) <= 4;
        task.is_integer() && narrow && task.group().is_none() && task.shape.is_plain()
    },
    ops: &[Op::Gemm, Op::Gemv, Op::Conv2d],
    axes: axes::bitserial,
    inner,
    pack,
    steps: |task, tile| words(task, tile) * weight_planes(task) + usize::from(signs(task)),
    parts: planes,
};

/// Planes of the activations, one for each bit.
pub fn planes(task: &Task) -> usize {
    task.scheme.greatest_activation().count_ones() as usize
}

/// Planes of the weights: ternary ones have two.
pub fn weight_planes(task: &Task) -> usize {
    task.scheme.weight_bits() as usize
}

/// Products of single bits that one multiply-accumulate takes.
pub fn products(task: &Task) -> usize {
    planes(task) * weight_planes(task)
}

fn signs(task: &Task) -> bool {
    weight_planes(task) == 1
}

/// Steps through one plane.
pub fn words(task: &Task, tile: &Tile) -> usize {
    task.shape.k().div_ceil(tile.k)
}

/// Steps that a chain may have; none where sums are as wide as the accumulators.
pub fn longest(tile: &Tile) -> Option<usize> {
    usize::from(u8::MAX).checked_div(tile.lanes)
}

/// Every plane of the weights with every plane of the activations.
fn inner(nest: &Nest, rows: usize, vectors: usize, _partial: usize) -> Vec<Stmt> {
    let (task, tile, t) = (nest.task, nest.tile, &nest.tile.prefix);
    let steps = words(task, tile);
    let length = match nest.schedule.sizes("d") {
        [0] => steps,
        [length] => length,
    };
    let mut body = Vec::new();
    for i in 0..weight_planes(task) {
        let lhs = |r: usize, k: &str| format!("{t}_lhs_load(a{r} + plane * {steps} + ({k}))");
        let (count, negative) = if signs(task) { ("differ", true) } else { ("both", i + 1 == weight_planes(task)) };
        let widen = if negative { "widen_minus" } else { "widen" };
        let words = Words {
            lhs: &lhs,
            add: &|s, x, b| format!("{t}_{count}({s}, {x}, {b})"),
            widen: &|c, s| format!("{t}_{widen}({c}, {s}, {i} + plane)"),
        };
        let products = chain::chains(nest, (rows, vectors), steps, length, &words);
        body.push(for_("plane", 0, planes(task), 1, products));
        body.push(set("rhs", format!("rhs + {}", steps * vectors * tile.vector_bytes())));
    }
    if signs(task) {
        let positive = |(r, v): (usize, usize)| {
            let at = nest.rhs(&v.to_string());
            set(format!("c{r}_{v}"), format!("{t}_plus(c{r}_{v}, {at})"))
        };
        body.extend((0..rows).flat_map(|r| (0..vectors).map(move |v| (r, v))).map(positive));
    }
    body
}

/// [panel][plane][step][vector][lane] of words, the first input in the lowest bit, zeros past the last column and input. Of
/// signs, then [vector][lane] of s32: what the positive weights come to with activations whose bits are all set.
fn pack(nest: &Nest, weights: &Weights) -> Vec<u8> {
    let Weights::Int { codes, .. } = weights else { return vec![] };
    let (task, tile) = (nest.task, nest.tile);
    let (n, k, width) = (task.shape.n(), task.shape.k(), nest.vectors * tile.n);
    let bit = |code: i8, plane: usize| if signs(task) { u32::from(code > 0) } else { code as u32 >> plane & 1 };
    let mut out = Vec::new();
    for first in (0..n).step_by(width) {
        let columns = first..first + (n - first).min(width).next_multiple_of(tile.n);
        let row = |column: usize| if column < n { &codes[column * k..(column + 1) * k] } else { &[] };
        for (plane, step) in (0..weight_planes(task)).flat_map(|p| (0..words(task, tile)).map(move |s| (p, s))) {
            for column in columns.clone() {
                let part = row(column).iter().skip(step * tile.k).take(tile.k);
                let word = part.enumerate().fold(0u32, |word, (i, code)| word | bit(*code, plane) << i);
                out.extend(word.to_le_bytes());
            }
        }
        if signs(task) {
            let positive = |column| row(column).iter().filter(|code| **code > 0).count();
            let all = columns.map(|column| (positive(column) * task.scheme.greatest_activation()) as i32);
            out.extend(all.flat_map(i32::to_le_bytes));
        }
    }
    out
}
