//! `coded`: real activations, weights that are stored as codes and decoded in registers: an index into a table of levels, an
//! s8 integer, or a float of 8 or 16 bits. One family for each kind of tile; the rest they share. Each step of a tile takes
//! one vector of codes, whose depths are decoded one by one, so that nothing past the end of a row is read or multiplied.

use super::nest::Nest;
use super::product::{self, Depth};
use super::{Family, Task, axes, column_stride};
use crate::emit::{Stmt, let_, set};
use crate::layer::Op;
use crate::native::Tile;
use crate::scheme::Weights;
use crate::scheme::lattice::{Origin, Quantized};
use crate::scheme::levels::{Levels, MiniFloat};

/// Any table of up to 256 levels, and integers of few bits, which are one too.
pub const TABLE: Family = Family {
    name: "table",
    tiles: "table",
    serves: |task, tile| serves(task, tile, "table"),
    ops: &[Op::Gemm, Op::Gemv, Op::Conv2d],
    axes: axes::coded,
    inner,
    pack: |nest, weights| product::pack_with(nest, weights, push_vector),
    steps: product::steps,
    parts: |_| 1,
};
pub const INTEGER: Family = Family { name: "integer", tiles: "int", serves: |t, tile| serves(t, tile, "int"), ..TABLE };
pub const E4M3: Family = Family { name: "e4m3", tiles: "e4m3", serves: |t, tile| serves(t, tile, "e4m3"), ..TABLE };
pub const E5M2: Family = Family { name: "e5m2", tiles: "e5m2", serves: |t, tile| serves(t, tile, "e5m2"), ..TABLE };
pub const F16: Family = Family { name: "f16", tiles: "f16", serves: |t, tile| serves(t, tile, "f16"), ..TABLE };
pub const BF16: Family = Family { name: "bf16", tiles: "bf16", serves: |t, tile| serves(t, tile, "bf16"), ..TABLE };

/// Most levels that a permutation of registers looks up.
const TABLED: usize = 16;

/// The kind of tile that decodes such levels, and for a table the bits of its codes.
fn kind_of(levels: &Levels) -> (&'static str, usize) {
    match levels {
        Levels::Float(MiniFloat::F16) => ("f16", 16),
        Levels::Float(MiniFloat::BF16) => ("bf16", 16),
        _ if levels.count() <= TABLED => ("table", table_bits(levels)),
        Levels::Integers { .. } => ("int", 8),
        // with a mantissa of 3 and of 2 bits, the smaller formats are part of these
        Levels::Float(f) if f.mantissa_bits == 3 => ("e4m3", 8),
        Levels::Float(f) if f.mantissa_bits == 2 => ("e5m2", 8),
        _ => ("table", 8),
    }
}

/// 1, 2, 4 or 8: what so many levels are stored in.
fn table_bits(levels: &Levels) -> usize {
    [1, 2, 4].into_iter().find(|bits| levels.count() <= 1 << bits).unwrap_or(8)
}

fn serves(task: &Task, tile: &Tile, kind: &str) -> bool {
    task.is_coded()
        && task.scheme.decoded().is_some_and(|levels| kind_of(&levels) == (kind, tile.bits))
        && product::serves_groups(task, tile)
}

/// The table that tiles look codes up in: so often repeated that an index may have any other bits above its own.
pub fn table(levels: &Levels) -> Vec<f32> {
    if levels.count() > 256 {
        return vec![];
    }
    let bits = table_bits(levels);
    let value = |i: usize| levels.value((i % (1 << bits)).min(levels.count() - 1) as u16);
    (0..if bits == 8 { 256 } else { TABLED }).map(value).collect()
}

fn inner(nest: &Nest, rows: usize, vectors: usize, _partial: usize) -> Vec<Stmt> {
    let t = &nest.tile.prefix;
    // behind the scales and the bias
    let table = format!("(const float *)args->cols + {}", 2 * column_stride(nest.task.shape.n()));
    let mut body = vec![let_(&format!("const {t}_table"), "table", format!("{t}_table_load({table})"))];
    body.extend(product::walk(nest, rows, vectors, &Depth { whole, tail, exact: true }));
    body
}

fn whole(nest: &Nest, rows: usize, vectors: usize, full: usize) -> Vec<Stmt> {
    product::depth_loop(nest, vectors, full, &|k, tag| step(nest, rows, vectors, k, tag, nest.tile.k))
}

fn tail(nest: &Nest, rows: usize, vectors: usize, at: usize, rest: usize) -> Vec<Stmt> {
    step(nest, rows, vectors, &at.to_string(), "t", rest)
}

/// The first `depths` of step `k`.
fn step(nest: &Nest, rows: usize, vectors: usize, k: &str, tag: &str, depths: usize) -> Vec<Stmt> {
    let (t, deep) = (&nest.tile.prefix, nest.tile.k);
    let load = if nest.raw { "raw" } else { "lhs_load" };
    let mut body = Vec::new();
    for v in 0..vectors {
        let at = nest.rhs(&format!("({k}) * {vectors} + {v}"));
        body.push(let_(&format!("const {t}_rhs"), format!("b{v}_{tag}"), format!("{t}_rhs_load({at})")));
    }
    for d in 0..depths {
        for v in 0..vectors {
            let level = format!("{t}_level(b{v}_{tag}, table, {d})");
            let level = if nest.has_points() { format!("{t}_minus({level}, point{v})") } else { level };
            body.push(let_(&format!("const {t}_acc"), format!("w{v}_{tag}_{d}"), level));
        }
        for r in 0..rows {
            let (x, at) = (format!("x{r}_{tag}_{d}"), format!("a{r} + ({k}) * {deep} + {d}"));
            body.push(let_(&format!("const {t}_lhs"), &x, format!("{t}_{load}({at})")));
            body.extend(
                (0..vectors).map(|v| set(format!("c{r}_{v}"), format!("{t}_dot(c{r}_{v}, {x}, w{v}_{tag}_{d})"))),
            );
        }
    }
    body
}

/// One packed vector: lane by lane `tile.k` codes, the first in the low bits.
pub fn push_vector(nest: &Nest, weights: &Weights, out: &mut Vec<u8>, at: &dyn Fn(usize, usize) -> Option<usize>) {
    let Weights::Coded(q) = weights else { return };
    let (tile, levels) = (nest.tile, &q.lattice.levels);
    let (kind, bits) = kind_of(levels);
    let code = |index: usize| {
        let code = q.codes[index];
        match kind {
            "table" => u64::from(code),
            "int" => (levels.value(code) - middle(levels)) as i64 as u64,
            "e4m3" => MiniFloat::E4M3.encode(levels.value(code)).into(),
            "e5m2" => MiniFloat::E5M2.encode(levels.value(code)).into(),
            "f16" => MiniFloat::F16.encode(levels.value(code)).into(),
            _ => u64::from(MiniFloat::BF16.encode(levels.value(code))),
        }
    };
    let mask = (1 << bits) - 1;
    for lane in 0..tile.n {
        let word = (0..tile.k).fold(0, |word, d| word | at(lane, d).map_or(0, |i| (code(i) & mask) << (bits * d)));
        out.extend(&word.to_le_bytes()[..bits * tile.k / 8]);
    }
}

/// What is taken away from integers that do not fit an s8, and from their zero points.
fn middle(levels: &Levels) -> f32 {
    if levels.greatest() > 127.0 { 128.0 } else { 0.0 }
}

/// The zero point of a group as an s8.
pub fn point(q: &Quantized, group: usize) -> u8 {
    let Origin::Points(points) = &q.lattice.origin else { return 0 };
    (points[group] - middle(&q.lattice.levels) as i32) as i8 as u8
}
