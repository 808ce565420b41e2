//! `chain16`: weights of 6 bits and fewer on instruction sets without a 32-bit dot product. Several vpmaddubsw products add
//! up in 16 bits before they are widened, which halves the multiplications of exact 8-bit weights. The length of the chain
//! is part of the schedule and bounded by proof: with codes of at most `c` in size, each step adds at most `255 c` for each
//! of the products that meet in a 16-bit lane, so chains of `32767 / (255 c lanes)` steps never overflow.

use super::nest::Nest;
use super::product::{self, Depth, prefetch, raw_tail, step_into, whole_step};
use super::{Family, Task, axes};
use crate::emit::{Stmt, for_, let_, set};
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
};

/// Do the weights' codes fit what the tile stores?
fn fits(task: &Task, tile: &Tile) -> bool {
    task.scheme.weight_bits() <= tile.bits as f64
}

/// Steps that a chain may have.
pub fn longest(task: &Task, tile: &Tile) -> usize {
    i16::MAX as usize / (255 * task.scheme.greatest_code() * tile.lanes)
}

/// Chains of the schedule's length, then what is left over.
fn whole(nest: &Nest, rows: usize, vectors: usize, full: usize) -> Vec<Stmt> {
    let [chain] = nest.schedule.sizes("d");
    let chain = chain.max(1).min(full.max(1));
    let mut body = Vec::new();
    let chains = full / chain * chain;
    if chains > 0 {
        body.push(for_("k", 0, chains, chain, one_chain(nest, rows, vectors, "k", chain)));
    }
    if full > chains {
        body.extend(one_chain(nest, rows, vectors, &chains.to_string(), full - chains));
    }
    body
}

/// `length` steps from `from` on, summed in 16 bits and then widened. The inner loop is unrolled.
fn one_chain(nest: &Nest, rows: usize, vectors: usize, from: &str, length: usize) -> Vec<Stmt> {
    let [unroll] = nest.schedule.sizes("k");
    let unroll = unroll.max(1).min(length);
    let step = |k: String, tag: &str| {
        step_into(nest, (rows, vectors), &k, tag, |r| whole_step(nest, r, &k), |r, v, x, b| add(nest, r, v, x, b))
    };
    let mut body = begin(nest, rows, vectors);
    let even = length / unroll * unroll;
    if even == unroll {
        body.extend((0..unroll).flat_map(|u| step(format!("{from} + {u}"), &u.to_string())));
    } else {
        let mut inner: Vec<Stmt> = if from == "k" { prefetch(nest, vectors, unroll) } else { vec![] };
        inner.extend((0..unroll).flat_map(|u| step(format!("{from} + j + {u}"), &u.to_string())));
        body.push(for_("j", 0, even, unroll, inner));
    }
    body.extend((even..length).flat_map(|u| step(format!("{from} + {u}"), &format!("r{u}"))));
    body.extend(widen(nest, rows, vectors));
    vec![Stmt::Block(body)]
}

fn tail(nest: &Nest, rows: usize, vectors: usize, at: usize, rest: usize) -> Vec<Stmt> {
    let lhs = |r| raw_tail(nest, r, at, rest);
    let mut body = begin(nest, rows, vectors);
    body.extend(step_into(nest, (rows, vectors), &at.to_string(), "t", lhs, |r, v, x, b| add(nest, r, v, x, b)));
    body.extend(widen(nest, rows, vectors));
    vec![Stmt::Block(body)]
}

fn begin(nest: &Nest, rows: usize, vectors: usize) -> Vec<Stmt> {
    let t = &nest.tile.prefix;
    let none = |(r, v)| let_(&format!("{t}_sum"), format!("s{r}_{v}"), format!("{t}_none()"));
    (0..rows).flat_map(|r| (0..vectors).map(move |v| (r, v))).map(none).collect()
}

fn add(nest: &Nest, r: usize, v: usize, x: &str, b: &str) -> Stmt {
    set(format!("s{r}_{v}"), format!("{}_add(s{r}_{v}, {x}, {b})", nest.tile.prefix))
}

fn widen(nest: &Nest, rows: usize, vectors: usize) -> Vec<Stmt> {
    let t = &nest.tile.prefix;
    let widen = |(r, v)| set(format!("c{r}_{v}"), format!("{t}_widen(c{r}_{v}, s{r}_{v})"));
    (0..rows).flat_map(|r| (0..vectors).map(move |v| (r, v))).map(widen).collect()
}
