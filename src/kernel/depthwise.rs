//! `depthwise`: every channel has its own window; vectors run over channels, blocks over neighbouring output pixels.

use std::collections::BTreeSet;

use super::nest::Nest;
use super::{Arithmetic, Family, axes};
use crate::emit::{Stmt, for_, let_, set};
use crate::layer::{Op, Shape};
use crate::native::Tile;
use crate::scheme::Weights;

pub const INT: Family = Family {
    name: "depthwise",
    tiles: "dw",
    // a window has no groups of inputs
    serves: |task, _| task.is_integer() && task.group().is_none(),
    ops: &[Op::Depthwise],
    axes: axes::depthwise,
    inner,
    pack,
    steps: |task, tile| steps(&task.shape, tile),
    parts: |_| 1,
};

pub const FLOAT: Family =
    Family { name: "depthwise-float", tiles: "dwf", serves: |task, _| task.arithmetic() == Arithmetic::Float, ..INT };

/// One step per tap of the window, or per `tile.k` taps of a column of it.
fn steps(shape: &Shape, tile: &Tile) -> usize {
    shape.kh.div_ceil(tile.k) * shape.kw
}

/// Taps of a row are written out, rows of the window are a loop where there are many.
fn inner(nest: &Nest, rows: usize, vectors: usize, partial: usize) -> Vec<Stmt> {
    let (shape, k) = (&nest.task.shape, nest.tile.k);
    let taps = |step: &str, ky: &dyn Fn(usize) -> String| taps(nest, (rows, vectors, partial), step, ky);
    if k == 1 && steps(shape, nest.tile) > 16 {
        return vec![for_("ky", 0, shape.kh, 1, taps("ky", &|_| "ky".into()))];
    }
    // rows past the window meet weights of zero
    let group = |g: usize| taps(&g.to_string(), &|row| (g * k + row).min(shape.kh - 1).to_string());
    (0..shape.kh.div_ceil(k)).map(|g| Stmt::Block(group(g))).collect()
}

/// The taps of `tile.k` rows of the window, of which `ky` tells each; `group` counts such rows. Where blocks lie on one
/// output line each, neighbouring pixels share the columns of their windows.
fn taps(
    nest: &Nest,
    (rows, vectors, partial): (usize, usize, usize),
    group: &str,
    ky: &dyn Fn(usize) -> String,
) -> Vec<Stmt> {
    let (t, shape) = (&nest.tile.prefix, &nest.task.shape);
    let mut body = Vec::new();
    for (kx, v) in (0..shape.kw).flat_map(|kx| (0..vectors).map(move |v| (kx, v))) {
        let step = format!("({group} * {} + {kx}) * {vectors} + {v}", shape.kw);
        body.push(let_(&format!("{t}_rhs"), format!("w{kx}_{v}"), format!("{t}_rhs_load({})", nest.rhs(&step))));
    }
    let shared = shape.ow.is_multiple_of(nest.rows);
    let column = |r: usize, kx: usize| if shared { (0, r * shape.stride + kx) } else { (r, kx) };
    let all: BTreeSet<(usize, usize)> = (0..rows).flat_map(|r| (0..shape.kw).map(move |kx| column(r, kx))).collect();
    for (from, x) in all {
        for v in 0..vectors {
            let name = format!("x{from}_{x}_{v}");
            let at =
                |row| format!("a{from} + column + {} * {} + {}", ky(row), nest.line(), x * shape.c + v * nest.tile.n);
            let rows_at: Vec<String> = (0..nest.tile.k).map(at).collect();
            // the last vector of a raw input must not read past its channels
            let cut = nest.raw && partial > 0 && v + 1 == vectors;
            let (word, last) = if cut { ("lhs_load_n", format!(", {partial}")) } else { ("lhs_load", String::new()) };
            body.push(let_(&format!("{t}_lhs"), &name, format!("{t}_{word}({}{last})", rows_at.join(", "))));
            for (r, kx) in (0..rows).flat_map(|r| (0..shape.kw).map(move |kx| (r, kx))) {
                if column(r, kx) == (from, x) {
                    body.push(set(format!("c{r}_{v}"), format!("{t}_dot(c{r}_{v}, {name}, w{kx}_{v})")));
                }
            }
        }
    }
    body
}

/// [panel][step][channel of the panel][tap of the step], zeros past the last channel and the last row of the window.
fn pack(nest: &Nest, weights: &Weights) -> Vec<u8> {
    let (shape, lanes) = (&nest.task.shape, nest.tile.n);
    let (taps, width) = (shape.kh * shape.kw, nest.vectors * lanes);
    let mut out = Vec::new();
    for first in (0..shape.c).step_by(width) {
        let channels = (shape.c - first).min(width).next_multiple_of(lanes);
        for step in 0..steps(shape, nest.tile) {
            let (row, kx) = (step / shape.kw * nest.tile.k, step % shape.kw);
            for (c, ky) in (first..first + channels).flat_map(|c| (row..row + nest.tile.k).map(move |ky| (c, ky))) {
                let there = c < shape.c && ky < shape.kh;
                nest.push_weight(&mut out, weights, there.then_some(c * taps + ky * shape.kw + kx));
            }
        }
    }
    out
}
