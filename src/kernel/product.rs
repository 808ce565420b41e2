//! The inner loop of a matrix product in the words of a tile, shared by `dot` and `float`: a block of rows x vectors of
//! accumulators stays in registers while the depth is walked step by step.

use super::nest::Nest;
use super::{Arithmetic, Task};
use crate::emit::{Stmt, do_, for_, let_, note, set};
use crate::layer::Shape;
use crate::native::Tile;
use crate::scheme::Weights;

/// Steps of `tile.k` through each window row, the last one partly filled where the row is no multiple.
pub fn steps(shape: &Shape, tile: &Tile) -> usize {
    segments(shape) * segment(shape).div_ceil(tile.k)
}

/// Window rows: each is contiguous in the input, the next one a line further.
fn segments(shape: &Shape) -> usize {
    shape.kh
}

/// Products of one window row.
fn segment(shape: &Shape) -> usize {
    shape.k() / shape.kh
}

pub fn inner(nest: &Nest, rows: usize, vectors: usize, _partial: usize) -> Vec<Stmt> {
    let (shape, tile) = (&nest.task.shape, nest.tile);
    let segment = segment(shape);
    // a staged row is padded, so its last step may read on; a raw one must stop at its end
    let (full, rest) = if nest.raw { (segment / tile.k, segment % tile.k) } else { (segment.div_ceil(tile.k), 0) };
    let mut body = depth_loop(nest, rows, vectors, full);
    if rest > 0 {
        body.push(note(format!("the last {rest} of {segment}")));
        let at = format!("+ {}", full * tile.k);
        body.extend(step(nest, rows, vectors, &full.to_string(), "t", |r| {
            format!("{}_raw_tail(a{r} {at}, {rest})", tile.prefix)
        }));
    }
    if segments(shape) == 1 {
        return body;
    }
    let advance = |r| set(format!("a{r}"), format!("a{r} + {}", nest.line()));
    body.extend((0..rows).map(advance));
    let panel_row = segment.div_ceil(tile.k) * vectors * nest.vector_bytes();
    body.push(set("rhs", format!("rhs + {panel_row}")));
    vec![for_("row", 0, segments(shape), 1, body)]
}

/// `full` steps, unrolled; the depth is a variable where it is blocked.
fn depth_loop(nest: &Nest, rows: usize, vectors: usize, full: usize) -> Vec<Stmt> {
    let [unroll] = nest.schedule.sizes("k");
    let unroll = unroll.max(1);
    let load = if nest.raw { "raw" } else { "lhs_load" };
    let one = |k: String, tag: &str| {
        let at = format!("({k}) * {}", nest.tile.k);
        step(nest, rows, vectors, &k, tag, |r| format!("{}_{load}(a{r} + {at})", nest.tile.prefix))
    };
    let unrolled = |name: &str| -> Vec<Stmt> {
        let mut body = prefetch(nest, vectors, unroll);
        body.extend((0..unroll).flat_map(|u| one(format!("{name} + {u}"), &u.to_string())));
        body
    };
    if nest.blocks_depth() {
        let main = for_("k", 0, format!("steps - {}", unroll - 1), unroll, unrolled("k"));
        let rest = for_("k", format!("steps / {unroll} * {unroll}"), "steps", 1, one("k".into(), "r"));
        return if unroll > 1 { vec![main, rest] } else { vec![main] };
    }
    let whole = full / unroll * unroll;
    let mut body = Vec::new();
    if whole > 0 {
        body.push(for_("k", 0, whole, unroll, unrolled("k")));
    }
    body.extend((whole..full).flat_map(|k| one(k.to_string(), &format!("r{k}"))));
    body
}

/// One step of depth: every vector of weights times every row.
fn step(nest: &Nest, rows: usize, vectors: usize, k: &str, tag: &str, lhs: impl Fn(usize) -> String) -> Vec<Stmt> {
    let t = &nest.tile.prefix;
    let mut body = Vec::new();
    for v in 0..vectors {
        let at = nest.rhs(&format!("({k}) * {vectors} + {v}"));
        body.push(let_(&format!("{t}_rhs"), format!("b{v}_{tag}"), format!("{t}_rhs_load({at})")));
    }
    for r in 0..rows {
        body.push(let_(&format!("{t}_lhs"), format!("x{r}_{tag}"), lhs(r)));
        for v in 0..vectors {
            body.push(set(format!("c{r}_{v}"), format!("{t}_dot(c{r}_{v}, x{r}_{tag}, b{v}_{tag})")));
        }
    }
    body
}

/// Touches the weights that lie the schedule's distance (in cache lines) ahead of an unrolled body.
fn prefetch(nest: &Nest, vectors: usize, unroll: usize) -> Vec<Stmt> {
    let [distance] = nest.schedule.sizes("p");
    if distance == 0 {
        return vec![];
    }
    let step = vectors * nest.vector_bytes();
    let lines = (step * unroll).div_ceil(64);
    (0..lines).map(|l| do_(format!("__builtin_prefetch(rhs + k * {step} + {})", (distance + l) * 64))).collect()
}

/// [panel][step][vector][lane][depth], zeros past the last column and past the end of each window row.
pub fn pack(nest: &Nest, weights: &Weights) -> Vec<u8> {
    let (shape, tile) = (&nest.task.shape, nest.tile);
    let (n, k, segment) = (shape.n(), shape.k(), segment(shape));
    let (width, steps) = (nest.vectors * tile.n, segment.div_ceil(tile.k));
    let mut out = Vec::with_capacity(n.next_multiple_of(tile.n) * segments(shape) * steps * tile.k * tile.rhs);
    for first in (0..n).step_by(width) {
        let columns = (n - first).min(width).next_multiple_of(tile.n);
        for s in 0..segments(shape) * steps {
            let (row, from) = (s / steps, s % steps * tile.k);
            for column in first..first + columns {
                for depth in from..from + tile.k {
                    let there = column < n && depth < segment;
                    nest.push_weight(&mut out, weights, there.then_some(column * k + row * segment + depth));
                }
            }
        }
    }
    out
}

/// Can the depth of this task be blocked? Window rows are not, and a raw row's tail is not.
pub fn can_block_depth(task: &Task, tile: &Tile, raw: bool) -> bool {
    segments(&task.shape) == 1
        && (!raw || task.shape.k().is_multiple_of(tile.k))
        && (task.arithmetic() != Arithmetic::Dynamic || !raw)
}
