//! `depthwise`: every channel has its own window; vectors run over channels, blocks over neighbouring output pixels.

use super::nest::Nest;
use super::{Arithmetic, Family, axes};
use crate::emit::{Stmt, for_, let_, set};
use crate::layer::{Op, Shape};
use crate::native::Tile;
use crate::scheme::Weights;

pub const INT: Family = Family {
    name: "depthwise",
    tiles: "dw",
    serves: |task, _| task.is_integer(),
    ops: &[Op::Depthwise],
    axes: axes::depthwise,
    inner,
    pack,
    steps,
};

pub const FLOAT: Family =
    Family { name: "depthwise-float", tiles: "dwf", serves: |task, _| task.arithmetic() == Arithmetic::Float, ..INT };

/// One step per tap of the window, or per `tile.k` taps of a column of it.
fn steps(shape: &Shape, tile: &Tile) -> usize {
    shape.kh.div_ceil(tile.k) * shape.kw
}

/// Taps of a row are written out, rows of the window are a loop unless there are few.
fn inner(nest: &Nest, rows: usize, vectors: usize, partial: usize) -> Vec<Stmt> {
    let rows_of_window = nest.task.shape.kh.div_ceil(nest.tile.k);
    if steps(&nest.task.shape, nest.tile) <= 16 {
        return (0..rows_of_window).flat_map(|ky| window_row(nest, rows, vectors, partial, &ky.to_string())).collect();
    }
    vec![for_("ky", 0, rows_of_window, 1, window_row(nest, rows, vectors, partial, "ky"))]
}

fn window_row(nest: &Nest, rows: usize, vectors: usize, partial: usize, ky: &str) -> Vec<Stmt> {
    let (t, shape, tile) = (&nest.tile.prefix, &nest.task.shape, nest.tile);
    let mut body = Vec::new();
    for kx in 0..shape.kw {
        for v in 0..vectors {
            let step = format!("({ky} * {} + {kx}) * {} + {v}", shape.kw, vectors);
            let weight = format!("w{kx}_{v}_{}", if ky == "ky" { "" } else { ky });
            body.push(let_(&format!("{t}_rhs"), &weight, format!("{t}_rhs_load({})", nest.rhs(&step))));
            for r in 0..rows {
                let at = format!("a{r} + column + {ky} * {} + {}", nest.line(), kx * shape.c + v * tile.n);
                // the last vector of a raw input must not read past its channels
                let load = if nest.raw && partial > 0 && v + 1 == vectors {
                    format!("{t}_lhs_load_n({at}, {partial})")
                } else {
                    format!("{t}_lhs_load({at})")
                };
                body.push(set(format!("c{r}_{v}"), format!("{t}_dot(c{r}_{v}, {load}, {weight})")));
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
