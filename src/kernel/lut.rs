//! `lut`: weights of 1 to 4 bits by look-up (Wei et al., T-MAC: CPU Renaissance via Table Lookup for Low-Bit LLM Deployment
//! on Edge, 2024). The bits that four weights have in one plane are an index into a table of the 16 sums that four
//! activations can come to; a row's tables are made as it is staged. A look-up takes the place of four products of one bit.
//!
//! Weights are in two's complement and planes go in pairs, `low + 2 high`, times 4 for each pair before: the top plane counts
//! negative. Weights of 1 and 3 bits have one more plane, which repeats their sign; so levels of -1 and 1 need no
//! correction.
//!
//! Four activations of up to 6 bits come to no more than 4 x 63 = 252: a byte. Those of 7 and 8 bits have a second table, of
//! the high bytes of the sums. A step adds to each 16-bit lane what `lanes` tables give, each at most `(1 + 2) entry` in
//! size, so chains of `32767 / (3 entry lanes)` steps never overflow.

use super::chain::{self, Words};
use super::nest::Nest;
use super::{Family, Task, axes, bitserial};
use crate::emit::{Stmt, for_, set};
use crate::layer::Op;
use crate::native::Tile;
use crate::scheme::Weights;

pub const FAMILY: Family = Family {
    name: "lut",
    tiles: "lut",
    serves: |task, _| {
        let narrow = task.scheme.weight_bits() <= 4.0;
        task.is_integer() && narrow && task.group().is_none() && task.shape.is_plain()
    },
    ops: &[Op::Gemm, Op::Gemv, Op::Conv2d],
    axes: axes::lut,
    inner,
    pack,
    steps: |task, tile| steps(task, tile) * pairs(task),
    parts: |task| 1 + usize::from(most(task) > u8::MAX.into()),
};

/// Activations of a table.
const GROUP: usize = 4;

/// The most that the activations of a table come to.
fn most(task: &Task) -> usize {
    GROUP * task.scheme.greatest_activation()
}

/// Pairs of planes of the weights.
fn pairs(task: &Task) -> usize {
    bitserial::weight_planes(task).div_ceil(2)
}

/// Times that one multiply-accumulate is part of a step: for each pair of planes and part of the tables.
pub fn products(task: &Task) -> usize {
    pairs(task) * (FAMILY.parts)(task)
}

/// Steps through one pair of planes.
pub fn steps(task: &Task, tile: &Tile) -> usize {
    task.shape.k().div_ceil(tile.k)
}

/// Steps that a chain may have.
pub fn longest(task: &Task, tile: &Tile) -> usize {
    i16::MAX as usize / (3 * most(task).min(u8::MAX.into()) * tile.lanes)
}

/// Every pair of planes with the low and the high bytes of the tables.
fn inner(nest: &Nest, rows: usize, vectors: usize, _partial: usize) -> Vec<Stmt> {
    let (task, tile, t) = (nest.task, nest.tile, &nest.tile.prefix);
    let (steps, tables) = (steps(task, tile), tile.k / tile.per);
    let [length] = nest.schedule.sizes("d");
    let mut body = Vec::new();
    for pair in 0..pairs(task) {
        let add = if pair + 1 == pairs(task) { "add_top" } else { "add" };
        let words = Words {
            lhs: &|r, k| format!("{t}_lhs_load(a{r} + (part * {steps} + {k}) * {tables})"),
            add: &|s, x, b| format!("{t}_{add}({s}, {x}, {b})"),
            widen: &|c, s| format!("{t}_widen({c}, {s}, {} + 8 * part)", 2 * pair),
        };
        let products = chain::chains(nest, (rows, vectors), steps, length, &words);
        body.push(for_("part", 0, (FAMILY.parts)(task), 1, products));
        body.push(set("rhs", format!("rhs + {}", steps * vectors * tile.vector_bytes())));
    }
    body
}

/// [panel][pair of planes][step][vector][8 outputs][table][output][plane] of bytes, zeros past the last column and input. Half
/// of a step's tables have their index in the low bits of a byte, the others in the high ones.
fn pack(nest: &Nest, weights: &Weights) -> Vec<u8> {
    let Weights::Int { codes, .. } = weights else { return vec![] };
    let (task, tile) = (nest.task, nest.tile);
    let (n, k, width) = (task.shape.n(), task.shape.k(), nest.vectors * tile.n);
    let half = tile.k / tile.per / 2;
    let index = |column: usize, first: usize, plane: usize| {
        let there = (first..k.min(first + GROUP)).filter(|_| column < n);
        there.fold(0, |index, at| index | ((codes[column * k + at] >> plane & 1) as u8) << (at - first))
    };
    let mut out = Vec::new();
    for first in (0..n).step_by(width) {
        let columns = first..first + (n - first).min(width).next_multiple_of(tile.n);
        for (pair, step) in (0..pairs(task)).flat_map(|p| (0..steps(task, tile)).map(move |s| (p, s))) {
            for eight in columns.clone().step_by(tile.n.min(8)) {
                for (table, column) in (0..half).flat_map(|t| (eight..eight + tile.n.min(8)).map(move |c| (t, c))) {
                    let from = step * tile.k + table * GROUP;
                    out.extend([0, 1].map(|plane| {
                        let index = |from| index(column, from, 2 * pair + plane);
                        index(from) | index(from + half * GROUP) << 4
                    }));
                }
            }
        }
    }
    out
}
