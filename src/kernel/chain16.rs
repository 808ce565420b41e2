//! `chain16`: weights or activations of few bits on instruction sets without a 32-bit dot product. Several vpmaddubsw products add
//! up in 16 bits before they are widened, which halves the multiplications of exact 8-bit weights. The length of the chain
//! is part of the schedule and bounded by proof: with codes of at most `c` in size, each step adds at most `top c` for each
//! of the products that meet in a 16-bit lane, where `top` is the greatest size of an activation less what the tile takes off
//! it. So chains of `32767 / (top c lanes)` steps never overflow.

use super::chain::{self, Words};
use super::nest::Nest;
use super::product::{self, Depth, raw_tail, whole_step};
use super::{Family, Task, axes};
use crate::emit::Stmt;
use crate::layer::Op;
use crate::native::Tile;

pub const FAMILY: Family = Family {
    name: "chain16",
    tiles: "chain",
    serves: |task, tile| {
        task.is_integer() && fits(task, tile) && longest(task, tile) >= 2 && product::serves_groups(task, tile)
    },
    ops: &[Op::Gemm, Op::Gemv, Op::Conv2d],
    axes: axes::chain,
    inner: |nest, rows, vectors, _| product::walk(nest, rows, vectors, &Depth { whole, tail, exact: false }),
    pack: product::pack,
    steps: product::steps,
    parts: |_| 1,
};

/// Do the weights' codes fit what the tile stores?
fn fits(task: &Task, tile: &Tile) -> bool {
    task.scheme.weight_bits() <= tile.bits as f64
}

/// Steps that a chain may have.
pub fn longest(task: &Task, tile: &Tile) -> usize {
    let top = task.scheme.greatest_activation().saturating_sub(tile.off).max(tile.off);
    i16::MAX as usize / (top * task.scheme.greatest_code() * tile.lanes)
}

/// Chains of the schedule's length, then what is left over.
fn whole(nest: &Nest, rows: usize, vectors: usize, full: usize) -> Vec<Stmt> {
    let [length] = nest.schedule.sizes("d");
    with_words(nest, &|r, k| whole_step(nest, rows, r, k), |words| {
        chain::chains(nest, (rows, vectors), full, length, words)
    })
}

fn tail(nest: &Nest, rows: usize, vectors: usize, at: usize, rest: usize) -> Vec<Stmt> {
    let lhs = |r, _: &str| raw_tail(nest, rows, r, at, rest);
    with_words(nest, &lhs, |words| chain::one(nest, (rows, vectors), &at.to_string(), 1, words))
}

fn with_words(nest: &Nest, lhs: &dyn Fn(usize, &str) -> String, emit: impl Fn(&Words) -> Vec<Stmt>) -> Vec<Stmt> {
    let t = &nest.tile.prefix;
    emit(&Words {
        lhs,
        add: &|s, x, b| format!("{t}_add({s}, {x}, {b})"),
        widen: &|c, s| format!("{t}_widen({c}, {s})"),
    })
}
