//! The inner loop of a matrix product in the words of a tile, shared by `dot` and `float`: a block of rows x vectors of
//! accumulators stays in registers while the depth is walked step by step.

use std::ops::Range;

use super::nest::Nest;
use super::{Arithmetic, Task, coded};
use crate::emit::{Stmt, do_, for_, let_, note, set};
use crate::layer::Shape;
use crate::native::Tile;
use crate::scheme::Weights;
use crate::scheme::coded::Groups;

/// Steps of `tile.k` through each window row, the last one partly filled where the row is no multiple.
pub fn steps(task: &Task, tile: &Tile) -> usize {
    segments(&task.shape) * segment(&task.shape).div_ceil(tile.k)
}

/// Window rows: each is contiguous in the input, the next one a line further.
pub fn segments(shape: &Shape) -> usize {
    shape.kh
}

/// Products of one window row.
pub fn segment(shape: &Shape) -> usize {
    shape.k() / shape.kh
}

/// How a family walks the depth of one window row, and what it does with a last step that is partly there.
pub struct Depth {
    /// So many whole steps.
    pub whole: fn(&Nest, rows: usize, vectors: usize, full: usize) -> Vec<Stmt>,
    /// Step `at`, of which the raw row has only `rest` elements.
    pub tail: fn(&Nest, rows: usize, vectors: usize, at: usize, rest: usize) -> Vec<Stmt>,
    /// Does a staged row end where its elements do, like a raw one?
    pub exact: bool,
}

impl Depth {
    /// Whole steps of `length` products, and the products left over. A staged row is padded, so its last step may read on;
    /// a raw one must stop at its end.
    fn split(&self, nest: &Nest, length: usize) -> (usize, usize) {
        let k = nest.tile.k;
        if nest.raw || self.exact { (length / k, length % k) } else { (length.div_ceil(k), 0) }
    }
}

pub fn inner(nest: &Nest, rows: usize, vectors: usize, _partial: usize) -> Vec<Stmt> {
    walk(nest, rows, vectors, &Depth { whole, tail, exact: false })
}

/// Every window row of a block, in steps of `tile.k`.
pub fn walk(nest: &Nest, rows: usize, vectors: usize, depth: &Depth) -> Vec<Stmt> {
    let (shape, tile) = (&nest.task.shape, nest.tile);
    let segment = segment(shape);
    if let Some(stored) = nest.task.scheme.groups() {
        return groups(nest, rows, vectors, depth, stored);
    }
    let (full, rest) = depth.split(nest, segment);
    let mut body = (depth.whole)(nest, rows, vectors, full);
    if rest > 0 {
        body.push(note(format!("the last {rest} of {segment}")));
        body.extend((depth.tail)(nest, rows, vectors, full, rest));
    }
    if segments(shape) > 1 {
        let advance = |r| set(format!("a{r}"), format!("a{r} + {}", nest.line()));
        body.extend((0..rows).map(advance));
        let panel_row = segment.div_ceil(tile.k) * vectors * nest.tile.vector_bytes();
        body.push(set("rhs", format!("rhs + {panel_row}")));
        body = vec![for_("row", 0, segments(shape), 1, body)];
    }
    if tile.m > 1 { [no_sums(nest, rows, vectors), body, rows_of_sums(nest, rows, vectors)].concat() } else { body }
}

/// Of a tile of several rows: what its products are added to, for all of its rows.
fn no_sums(nest: &Nest, rows: usize, vectors: usize) -> Vec<Stmt> {
    let (t, tiles) = (&nest.tile.prefix, rows.div_ceil(nest.tile.m));
    let none = |(r, v)| let_(&format!("{t}_sum"), format!("s{r}_{v}"), format!("{t}_none()"));
    (0..tiles).flat_map(|r| (0..vectors).map(move |v| (r, v))).map(none).collect()
}

/// Takes these sums apart: each row's accumulators.
fn rows_of_sums(nest: &Nest, rows: usize, vectors: usize) -> Vec<Stmt> {
    let (t, m) = (&nest.tile.prefix, nest.tile.m);
    let row = |(r, v)| {
        let sums = format!("{t}_row(s{}_{v}, {})", r / m, r % m);
        let_(&format!("{t}_acc"), format!("c{r}_{v}"), sums)
    };
    (0..rows).flat_map(|r| (0..vectors).map(move |v| (r, v))).map(row).collect()
}

/// The same where every `group` products have a scale of their own, which follows the group's packed weights: exact sums
/// within a group, times its scale onto f32 sums. Zero points come before the group's weights.
fn groups(nest: &Nest, rows: usize, vectors: usize, depth: &Depth, stored: Groups) -> Vec<Stmt> {
    let group = stored.columns;
    let (t, tile, segment) = (&nest.tile.prefix, nest.tile, segment(&nest.task.shape));
    let each = |f: &dyn Fn(usize, usize) -> Stmt| -> Vec<Stmt> {
        (0..rows).flat_map(|r| (0..vectors).map(move |v| f(r, v))).collect()
    };
    let one = |length: usize| {
        let steps = length.div_ceil(tile.k);
        let zero = |r, v| let_(&format!("{t}_acc"), format!("c{r}_{v}"), format!("{t}_zero()"));
        let mut body = if tile.m > 1 { no_sums(nest, rows, vectors) } else { each(&zero) };
        if tile.off > 0 {
            body.extend((0..vectors).map(|v| let_(&format!("{t}_acc"), format!("w{v}"), format!("{t}_zero()"))));
        }
        if nest.has_points() {
            body.extend((0..vectors).map(|v| {
                let at = format!("(const void *)(rhs + {})", v * tile.n);
                let_(&format!("const {t}_real"), format!("point{v}"), format!("{t}_points({at})"))
            }));
            body.push(set("rhs", format!("rhs + {}", vectors * tile.n)));
        }
        let (full, rest) = depth.split(nest, length);
        body.extend((depth.whole)(nest, rows, vectors, full));
        if rest > 0 {
            body.extend((depth.tail)(nest, rows, vectors, full, rest));
        }
        if tile.m > 1 {
            body.extend(rows_of_sums(nest, rows, vectors));
        }
        let scales = steps * vectors * tile.vector_bytes();
        body.extend((0..vectors).map(|v| {
            let at = format!("(const void *)(rhs + {})", scales + v * tile.n * stored.scale.bytes());
            let word = format!("{}_{}", nest.stored.prefix, stored.scale.word());
            let_(&format!("const {t}_real"), format!("scale{v}"), format!("{word}({at})"))
        }));
        let sums = |r, v| match tile.off {
            0 => format!("c{r}_{v}"),
            _ => format!("{t}_restore(c{r}_{v}, w{v})"),
        };
        body.extend(each(&|r, v| set(format!("f{r}_{v}"), format!("{t}_scaled(f{r}_{v}, {}, scale{v})", sums(r, v)))));
        let (addresses, each) = (rows.div_ceil(nest.rows_together()), group * nest.rows_together());
        body.extend((0..addresses).map(|a| set(format!("a{a}"), format!("a{a} + {each}"))));
        body.push(set("rhs", format!("rhs + {}", scales + vectors * tile.n * stored.scale.bytes())));
        body
    };
    let (whole, rest) = (segment / group, segment % group);
    let mut body = vec![];
    if whole > 0 {
        body.push(for_("group", 0, whole, 1, one(group)));
    }
    if rest > 0 {
        body.push(Stmt::Block(one(rest)));
    }
    body
}

fn tail(nest: &Nest, rows: usize, vectors: usize, at: usize, rest: usize) -> Vec<Stmt> {
    let lhs = |r| raw_tail(nest, rows, r, at, rest);
    step(nest, rows, vectors, &at.to_string(), "t", lhs)
}

/// The first `rest` elements of step `at` of raw row `r` of `rows`, or of the tile's rows that begin there.
pub fn raw_tail(nest: &Nest, rows: usize, r: usize, at: usize, rest: usize) -> String {
    let from = each_row(nest, rows, r, &(at * nest.tile.k).to_string());
    format!("{}_raw_tail({from}, {rest})", nest.tile.prefix)
}

/// Step `k` of row `r` of `rows`, raw or staged, or of the tile's rows that begin there.
pub fn whole_step(nest: &Nest, rows: usize, r: usize, k: &str) -> String {
    if nest.packs_rows() {
        let (t, each) = (&nest.tile.prefix, nest.tile.m * nest.tile.k);
        return format!("{t}_lhs_packed(a{r} + ({k}) * {each})");
    }
    let load = if nest.raw { "raw" } else { "lhs_load" };
    format!("{}_{load}({})", nest.tile.prefix, each_row(nest, rows, r, &format!("({k}) * {}", nest.tile.k)))
}

/// Tile `r` of a block's rows, each from an offset on. The last row fills up the last tile: nobody looks at the sums.
fn each_row(nest: &Nest, rows: usize, r: usize, offset: &str) -> String {
    let m = nest.tile.m;
    let each: Vec<_> = (r * m..r * m + m).map(|row| format!("a{} + {offset}", row.min(rows - 1))).collect();
    each.join(", ")
}

fn whole(nest: &Nest, rows: usize, vectors: usize, full: usize) -> Vec<Stmt> {
    depth_loop(nest, vectors, full, &|k, tag| step(nest, rows, vectors, k, tag, |r| whole_step(nest, rows, r, k)))
}

/// `full` steps, each as `step` says it of its number and a tag for its names, unrolled; the depth is a variable where it is
/// blocked.
pub fn depth_loop(nest: &Nest, vectors: usize, full: usize, step: &dyn Fn(&str, &str) -> Vec<Stmt>) -> Vec<Stmt> {
    let [unroll] = nest.schedule.sizes("k");
    let unroll = unroll.max(1);
    let one = |k: String, tag: &str| step(&k, tag);
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

/// One step of depth: every vector of weights times every row, into the block's accumulators.
fn step(nest: &Nest, rows: usize, vectors: usize, k: &str, tag: &str, lhs: impl Fn(usize) -> String) -> Vec<Stmt> {
    let (t, sum) = (&nest.tile.prefix, if nest.tile.m > 1 { "s" } else { "c" });
    step_into(nest, (rows, vectors), k, tag, lhs, |r, v, x, b| {
        set(format!("{sum}{r}_{v}"), format!("{t}_dot({sum}{r}_{v}, {x}, {b})"))
    })
}

/// One step of depth: loads, and what `multiply` says of row (or tile of rows), vector and the names of both sides.
pub fn step_into(
    nest: &Nest,
    (rows, vectors): (usize, usize),
    k: &str,
    tag: &str,
    lhs: impl Fn(usize) -> String,
    multiply: impl Fn(usize, usize, &str, &str) -> Stmt,
) -> Vec<Stmt> {
    let t = &nest.tile.prefix;
    let mut body = Vec::new();
    for v in 0..vectors {
        let at = nest.rhs(&format!("({k}) * {vectors} + {v}"));
        body.push(let_(&format!("{t}_rhs"), format!("b{v}_{tag}"), format!("{t}_rhs_load({at})")));
        if nest.tile.off > 0 && nest.task.group().is_some() {
            body.push(set(format!("w{v}"), format!("{t}_weigh(w{v}, b{v}_{tag})")));
        }
    }
    for r in 0..rows.div_ceil(nest.tile.m) {
        body.push(let_(&format!("{t}_lhs"), format!("x{r}_{tag}"), lhs(r)));
        body.extend((0..vectors).map(|v| multiply(r, v, &format!("x{r}_{tag}"), &format!("b{v}_{tag}"))));
    }
    body
}

/// Touches the weights that lie the schedule's distance (in cache lines) ahead of an unrolled body.
pub fn prefetch(nest: &Nest, vectors: usize, unroll: usize) -> Vec<Stmt> {
    let [distance] = nest.schedule.sizes("p");
    if distance == 0 {
        return vec![];
    }
    let step = vectors * nest.tile.vector_bytes();
    let lines = (step * unroll).div_ceil(64);
    (0..lines).map(|l| do_(format!("__builtin_prefetch(rhs + k * {step} + {})", (distance + l) * 64))).collect()
}

/// Can these loops take the groups of this task? They do not cross window rows, and begin with a step of the tile.
pub fn serves_groups(task: &Task, tile: &Tile) -> bool {
    task.group().is_none_or(|group| segments(&task.shape) == 1 && group.is_multiple_of(tile.k))
}

/// Every vector of [`pack_with`] as [depth / run][lane][run of depth]. Of weights narrower than a byte see [`pack_narrow`].
pub fn pack(nest: &Nest, weights: &Weights) -> Vec<u8> {
    pack_with(nest, weights, |nest, weights, out, at| {
        if nest.stored.bits < 8 {
            return pack_narrow(nest.stored, weights, out, at);
        }
        let (tile, run) = (nest.stored, nest.stored.run);
        for (from, lane) in (0..tile.k).step_by(run).flat_map(|from| (0..tile.n).map(move |lane| (from, lane))) {
            (from..from + run).for_each(|depth| nest.push_weight(out, weights, at(lane, depth)));
        }
    })
}

/// The index of the weight at a lane and depth of a vector, where there is one.
type At<'a> = &'a dyn Fn(usize, usize) -> Option<usize>;

/// [panel][step][vector], none past the last column and past the end of each window row. Before the steps of a group come
/// its zero points where there are such, after them its scales, [vector][lane].
pub fn pack_with(nest: &Nest, weights: &Weights, vector: fn(&Nest, &Weights, &mut Vec<u8>, At)) -> Vec<u8> {
    let (shape, tile) = (&nest.task.shape, nest.stored);
    let (n, k, segment) = (shape.n(), shape.k(), segment(shape));
    let (width, steps) = (nest.vectors * tile.n, segment.div_ceil(tile.k));
    let vectors = n.div_ceil(tile.n) * segments(shape) * steps;
    let mut out = Vec::with_capacity(vectors * tile.vector_bytes());
    for first in (0..n).step_by(width) {
        let columns = (n - first).min(width).next_multiple_of(tile.n);
        for s in 0..segments(shape) * steps {
            let (row, from) = (s / steps, s % steps * tile.k);
            let at = |column: usize, depth: usize| {
                let there = column < n && depth < segment;
                there.then_some(column * k + row * segment + depth)
            };
            let group = nest.task.group();
            if group.is_some_and(|group| from.is_multiple_of(group)) && nest.has_points() {
                push_points(nest, &mut out, weights, first..first + columns, from);
            }
            for lanes in (first..first + columns).step_by(tile.n) {
                vector(nest, weights, &mut out, &|lane, depth| at(lanes + lane, from + depth));
            }
            let end = from + tile.k;
            if group.is_some_and(|group| end.is_multiple_of(group) || end >= segment) {
                push_scales(nest, &mut out, weights, first..first + columns, from);
            }
        }
    }
    out
}

/// Scales of the group that holds depth `from`, as the scheme stores them.
fn push_scales(nest: &Nest, out: &mut Vec<u8>, weights: &Weights, columns: Range<usize>, from: usize) {
    let Some(stored) = nest.task.scheme.groups() else { return };
    let (scales, unit) = match weights {
        Weights::Int { scales, .. } => (scales, 1.0),
        Weights::Coded(q) => (&q.lattice.scales, stored.scale.unit(&q.lattice)),
        Weights::Float(_) => return,
    };
    for column in columns {
        match group_index(nest, column, from) {
            Some(group) => out.extend(stored.scale.encode(scales[group] / unit)),
            None => out.resize(out.len() + stored.scale.bytes(), 0),
        }
    }
}

/// Zero points of the group that begins at depth `from`.
fn push_points(nest: &Nest, out: &mut Vec<u8>, weights: &Weights, columns: Range<usize>, from: usize) {
    let Weights::Coded(q) = weights else { return };
    out.extend(columns.map(|column| group_index(nest, column, from).map_or(0, |group| coded::point(q, group))));
}

/// The group of a column that holds depth `from`; none past the last column.
fn group_index(nest: &Nest, column: usize, from: usize) -> Option<usize> {
    let group = nest.task.group()?;
    (column < nest.task.shape.n()).then(|| column * nest.task.shape.k().div_ceil(group) + from / group)
}

/// One vector of a step of weights of fewer than 8 bits, in planes of 4, 2 and 1 of them, the high bits first, in two's
/// complement. The step's depth is cut into 8 / (width of the narrowest plane) parts; a plane of width w lies in vectors of
/// bytes that hold 8 / w parts each, the first part in the low bits. So a shift and a mask give a whole vector of one part.
fn pack_narrow(tile: &Tile, weights: &Weights, out: &mut Vec<u8>, at: At) {
    let Weights::Int { codes, .. } = weights else { return };
    let parts = 8 >> tile.bits.trailing_zeros();
    let depth = tile.k / parts;
    let mut low = tile.bits;
    for width in [4, 2, 1].into_iter().filter(|w| tile.bits & w != 0) {
        low -= width;
        for vector in 0..parts * width / 8 {
            for (lane, d) in (0..tile.n).flat_map(|lane| (0..depth).map(move |d| (lane, d))) {
                let field = |part: usize| {
                    let code = at(lane, (vector * (8 / width) + part) * depth + d).map_or(0, |i| codes[i] as u8);
                    (code >> low & ((1 << width) - 1)) << (part * width)
                };
                out.push((0..8 / width).fold(0, |byte, part| byte | field(part)));
            }
        }
    }
}

/// Can the depth of this task be blocked? Window rows are not, and a raw row's tail is not.
pub fn can_block_depth(task: &Task, tile: &Tile, raw: bool) -> bool {
    segments(&task.shape) == 1
        && task.arithmetic() != Arithmetic::Requant
        && task.group().is_none()
        && (!(raw || task.is_coded()) || task.shape.k().is_multiple_of(tile.k))
        && (task.arithmetic() != Arithmetic::Dynamic || !raw)
}
