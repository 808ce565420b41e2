//! `amx`: u8 activations times s8 weights by tiles that multiply 16 rows with 16 outputs at once. A block's tiles of sums, of
//! rows and of weights all stay in registers, each of which has one number for the whole kernel, as its shape is said once, at
//! the kernel's entry. Sums are stored to memory at the end of a block, and finished row by row.

use super::nest::Nest;
use super::{Family, axes, product};
use crate::emit::{Stmt, do_};
use crate::layer::Op;

pub const FAMILY: Family = Family {
    name: "amx",
    tiles: "mm",
    serves: |task, tile| {
        let fits = task.scheme.weight_bits() <= tile.bits as f64;
        task.is_integer() && task.group().is_none() && task.shape.is_plain() && fits
    },
    ops: &[Op::Gemm, Op::Gemv, Op::Conv2d],
    axes: axes::amx,
    inner,
    pack: product::pack,
    steps: product::steps,
    parts: |_| 1,
};

/// The register of a tile of sums.
fn sum(nest: &Nest, row: usize, vector: usize) -> usize {
    row * nest.vectors + vector
}

/// The register of a tile of rows.
fn lhs(nest: &Nest, row: usize) -> usize {
    nest.rows / nest.tile.m * nest.vectors + row
}

/// The register of a tile of weights; these are the last.
pub fn rhs(nest: &Nest, vector: usize) -> usize {
    lhs(nest, nest.rows / nest.tile.m) + vector
}

/// Leaves the sums of a block in `sums`, row by row.
fn inner(nest: &Nest, rows: usize, vectors: usize, _partial: usize) -> Vec<Stmt> {
    let (t, tile) = (&nest.tile.prefix, nest.tile);
    let (tiles, width) = (rows.div_ceil(tile.m), vectors * tile.n);
    let each = |f: &dyn Fn(usize, usize) -> String| -> Vec<Stmt> {
        (0..tiles).flat_map(|r| (0..vectors).map(move |v| (r, v))).map(|(r, v)| do_(f(r, v))).collect()
    };
    let steps = product::steps(nest.task, tile);
    let mut body = each(&|r, v| format!("{t}_tile_zero({})", sum(nest, r, v)));
    body.extend(product::depth_loop(nest, vectors, steps, &|k, _| step(nest, tiles, vectors, k)));
    body.push(do_(format!("_Alignas(64) int32_t sums[{}]", tiles * tile.m * width)));
    body.extend(each(&|r, v| {
        let at = r * tile.m * width + v * tile.n;
        format!("{t}_tile_store({}, sums + {at}, {})", sum(nest, r, v), width * 4)
    }));
    body
}

/// Step `k`: every tile of weights times every tile of rows.
fn step(nest: &Nest, tiles: usize, vectors: usize, k: &str) -> Vec<Stmt> {
    let (t, tile) = (&nest.tile.prefix, nest.tile);
    let weights = |v| {
        let at = nest.rhs(&format!("({k}) * {vectors} + {v}"));
        do_(format!("{t}_tile_rhs({}, {at})", rhs(nest, v)))
    };
    let mut body: Vec<Stmt> = (0..vectors).map(weights).collect();
    for r in 0..tiles {
        let (a, stride) = (lhs(nest, r), nest.row_stride() * tile.elem);
        body.push(do_(format!("{t}_tile_lhs({a}, a{r} + ({k}) * {}, {stride})", tile.k)));
        body.extend((0..vectors).map(|v| do_(format!("{t}_tile_dot({}, {a}, {})", sum(nest, r, v), rhs(nest, v)))));
    }
    body
}
