//! The schedule spaces: what may be chosen, given the layer, the tile and the caches. Only legal points are built.

use super::product::can_block_depth;
use super::{Family, Task, bitserial, chain16, lut};
use crate::candidate::{Axis, Knob, Schedule};
use crate::native::Tile;

/// Rows and vectors of a block that are worth a try.
const ROWS: [usize; 11] = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14];
const VECTORS: [usize; 8] = [1, 2, 3, 4, 5, 6, 8, 12];

/// Space of the matrix-product families:
/// tile, block `b`, unroll `k`, `raw` or `staged` activations, loop order `mn` (rows outside), `nm`, or `un` (panels outside,
/// each unpacked before its rows), cache blocking `c` MC x NC x KC (0: whole), prefetch distance `p` in cache lines, and with
/// several threads the split `tm` or `tn`.
pub fn product<'a>(task: &'a Task, family: &'a Family) -> Vec<Axis<'a>> {
    let steps = move |s: &Schedule| (family.steps)(task, tile(task, family, s)) / task.shape.kh;
    vec![
        ("tile", tiles(task, family)),
        ("block", Box::new(move |s| blocks(task, tile(task, family, s)))),
        (
            "unroll",
            Box::new(move |s| {
                [1, 2, 4].iter().filter(|u| **u == 1 || **u * 2 <= steps(s)).map(|u| Knob::sizes("k", &[*u])).collect()
            }),
        ),
        ("staging", Box::new(move |_| staging(task))),
        ("order", Box::new(move |s| orders(task, tile(task, family, s), s))),
        ("caches", Box::new(move |s| caches(task, family, tile(task, family, s), s))),
        ("prefetch", Box::new(move |s| prefetch(task, family, tile(task, family, s), s))),
        ("split", split(task)),
    ]
    .into_iter()
    .filter(|(name, _)| task.threads > 1 || *name != "split")
    .collect()
}

/// Space of `chain16`: that of the other matrix products without blocks of depth, and the length `d` of a chain.
pub fn chain<'a>(task: &'a Task, family: &'a Family) -> Vec<Axis<'a>> {
    let mut all = product(task, family);
    keep(&mut all, "caches", |k| k.sizes[2] == 0);
    let choices = move |s: &Schedule| {
        let tile = tile(task, family, s);
        lengths(chain16::longest(task, tile).min((family.steps)(task, tile)), s)
    };
    all.insert(3, ("chain", Box::new(choices)));
    all
}

/// Space of `bitserial`: that of the other matrix products, always staged and without blocks of depth, with the length `d`
/// of a chain (0: all steps, where sums are not narrow).
pub fn bitserial<'a>(task: &'a Task, family: &'a Family) -> Vec<Axis<'a>> {
    let mut all = product(task, family);
    keep(&mut all, "caches", |k| k.sizes[2] == 0);
    keep(&mut all, "staging", |k| k.word == "staged");
    let choices = move |s: &Schedule| {
        let tile = tile(task, family, s);
        let longest = bitserial::longest(tile);
        longest.map_or(vec![Knob::sizes("d", &[0])], |longest| lengths(longest.min(bitserial::words(task, tile)), s))
    };
    all.insert(3, ("chain", Box::new(choices)));
    all
}

/// Space of `amx`: that of the other matrix products, always staged.
pub fn amx<'a>(task: &'a Task, family: &'a Family) -> Vec<Axis<'a>> {
    let mut all = product(task, family);
    keep(&mut all, "staging", |k| k.word == "staged");
    all
}

/// Space of `lut`: that of the other matrix products, always staged and without blocks of depth, with the length `d` of a
/// chain.
pub fn lut<'a>(task: &'a Task, family: &'a Family) -> Vec<Axis<'a>> {
    let mut all = product(task, family);
    keep(&mut all, "caches", |k| k.sizes[2] == 0);
    keep(&mut all, "staging", |k| k.word == "staged");
    let choices = move |s: &Schedule| {
        let tile = tile(task, family, s);
        lengths(lut::longest(task, tile).min(lut::steps(task, tile)), s)
    };
    all.insert(3, ("chain", Box::new(choices)));
    all
}

/// Leaves of one axis what is `wanted`.
fn keep(axes: &mut [Axis], name: &str, wanted: fn(&Knob) -> bool) {
    for (_, choices) in axes.iter_mut().filter(|(n, _)| *n == name) {
        let all = std::mem::replace(choices, Box::new(|_| vec![]));
        *choices = Box::new(move |s| all(s).into_iter().filter(wanted).collect());
    }
}

/// The two longest powers of two that a chain may have and that are whole unrolled bodies.
fn lengths(longest: usize, s: &Schedule) -> Vec<Knob> {
    let [unroll] = s.sizes("k");
    let powers = (1..).map(|i| 1 << i).take_while(|d| *d <= longest).filter(|d| d.is_multiple_of(unroll));
    let mut all: Vec<usize> = powers.collect();
    if all.is_empty() {
        all.push(longest);
    }
    all.into_iter().rev().take(2).map(|d| Knob::sizes("d", &[d])).collect()
}

/// Space of the families that decode weights: that of the other matrix products. A step of many depths is not unrolled.
pub fn coded<'a>(task: &'a Task, family: &'a Family) -> Vec<Axis<'a>> {
    let mut all = product(task, family);
    for (_, choices) in all.iter_mut().filter(|(name, _)| *name == "unroll") {
        let old = std::mem::replace(choices, Box::new(|_| vec![]));
        *choices = Box::new(move |s| {
            let short = |k: &Knob| k.sizes[0] == 1 || k.sizes[0] * tile(task, family, s).k <= 16;
            old(s).into_iter().filter(short).collect()
        });
    }
    all
}

/// Space of the depthwise families: tile, block of pixels x channel vectors, staging, loop order, lines per strip.
pub fn depthwise<'a>(task: &'a Task, family: &'a Family) -> Vec<Axis<'a>> {
    vec![
        ("tile", tiles(task, family)),
        ("block", Box::new(move |s| blocks(task, tile(task, family, s)))),
        ("staging", Box::new(move |_| staging(task))),
        ("order", Box::new(|_| vec![Knob::word("mn"), Knob::word("nm")])),
        ("caches", Box::new(move |_| strips(task))),
        ("split", split(task)),
    ]
    .into_iter()
    .filter(|(name, _)| task.threads > 1 || *name != "split")
    .collect()
}

type Choices<'a> = Box<dyn Fn(&Schedule) -> Vec<Knob> + 'a>;

fn tiles<'a>(task: &'a Task, family: &'a Family) -> Choices<'a> {
    let serving = |t: &&Tile| (family.serves)(task, t);
    Box::new(move |_| task.isa.tiles_of(family.tiles).filter(serving).map(|t| Knob::word(t.variant())).collect())
}

fn split<'a>(task: &'a Task) -> Choices<'a> {
    Box::new(
        move |_| if task.shape.m() == 1 { vec![Knob::word("tn")] } else { vec![Knob::word("tm"), Knob::word("tn")] },
    )
}

fn tile<'a>(task: &'a Task, family: &Family, schedule: &Schedule) -> &'a Tile {
    let variant = &schedule.0[0].word;
    task.isa.tile(family.tiles, variant).expect("the first axis chose it from the same list")
}

/// Blocks whose accumulators fit the registers beside one vector of each side, and that keep enough independent sums in
/// flight to hide the latency of the multiplier, unless the layer is too small for that.
fn blocks(task: &Task, tile: &Tile) -> Vec<Knob> {
    let (most_rows, most_vectors) = (task.shape.m().div_ceil(tile.m), task.shape.n().div_ceil(tile.n));
    let plain = tile.plain.as_ref().filter(|_| most_rows > 1);
    let regs = plain.map_or(tile.regs, |plain| plain.regs.max(tile.regs));
    let fits = |r: usize, v: usize| r <= most_rows && v <= most_vectors && tile.registers(r, v) <= regs;
    let all: Vec<(usize, usize)> =
        VECTORS.iter().flat_map(|v| ROWS.iter().map(move |r| (*r, *v))).filter(|(r, v)| fits(*r, *v)).collect();
    let most = all.iter().map(|(r, v)| r * v).max().unwrap_or(1);
    let enough = most.min(tile.regs * 3 / 8);
    all.into_iter().filter(|(r, v)| r * v >= enough).map(|(r, v)| Knob::sizes("b", &[r, v])).collect()
}

/// One row has no other order. Blocks that leave no room for unpacking in registers, and only they, need it done before.
fn orders(task: &Task, tile: &Tile, schedule: &Schedule) -> Vec<Knob> {
    let [rows, vectors] = schedule.sizes("b");
    let mut words = vec!["mn", "nm"];
    if task.shape.m() == 1 {
        words.pop();
    }
    if tile.registers(rows, vectors) > tile.regs {
        words.clear();
    }
    if tile.plain.is_some() && (task.shape.m() > rows * tile.m || words.is_empty()) {
        words.push("un");
    }
    words.into_iter().map(Knob::word).collect()
}

/// Staged activations are always possible; raw ones where nothing is converted or padded on the way.
fn staging(task: &Task) -> Vec<Knob> {
    let raw = !task.converts() && !task.shape.padded();
    let staged = Knob::word("staged");
    if raw { vec![Knob::word("raw"), staged] } else { vec![staged] }
}

/// MC, NC, KC so that what is reused stays in half of the second-level cache (rows, columns) or of the first (depth; rows
/// too where each panel goes over all of them).
fn caches(task: &Task, family: &Family, tile: &Tile, schedule: &Schedule) -> Vec<Knob> {
    let (m, n, k) = (task.shape.m(), task.shape.n(), task.shape.k());
    let [rows, vectors] = schedule.sizes("b");
    let rows = rows * tile.m;
    let (width, l1, l2) = (vectors * tile.n, task.caches.l1 as usize, task.caches.l2 as usize);
    let blocked = |whole: usize, fit: usize, unit: usize| {
        let fit = (fit / unit * unit).max(unit);
        if fit < whole { vec![0, fit] } else { vec![0] }
    };
    let row = (k * tile.elem * (family.parts)(task)).div_ceil(tile.per);
    let mut mc = if m == 1 { vec![0] } else { blocked(m, l2 / 2 / row, rows) };
    if m > 1 && !schedule.has("mn") {
        mc.extend(blocked(m, l1 / 2 / row, rows));
        mc.sort_unstable();
        mc.dedup();
    }
    let unpacked = schedule.has("un");
    let nc = if m <= rows || unpacked { vec![0] } else { blocked(n, l2 / 2 / packed_bytes(task, family, tile), width) };
    let kc = if can_block_depth(task, tile, schedule.has("raw")) && m > 1 && !unpacked {
        blocked(k, l1 * 4 / (width * tile.bits), 16 * tile.k)
    } else {
        vec![0]
    };
    let mut all = Vec::new();
    for m in &mc {
        for n in &nc {
            all.extend(kc.iter().map(|k| Knob::sizes("c", &[*m, *n, *k])));
        }
    }
    all
}

/// Packed weights of one output.
fn packed_bytes(task: &Task, family: &Family, tile: &Tile) -> usize {
    (family.steps)(task, tile) * tile.k * tile.bits / 8
}

/// Lines of a strip so that what is staged of it stays in half of the second-level cache, or of the first, or all of them.
fn strips(task: &Task) -> Vec<Knob> {
    let (s, caches) = (&task.shape, task.caches);
    let line = s.ow * s.stride * s.c * s.stride;
    let fits = |bytes: u64| (bytes as usize / 2 / line.max(1)).max(1);
    let mut strips = vec![0];
    strips.extend([caches.l2, caches.l1].map(fits).into_iter().filter(|lines| *lines < s.oh).map(|lines| lines * s.ow));
    strips.dedup();
    strips.into_iter().map(|m| Knob::sizes("c", &[m, 0, 0])).collect()
}

/// Weights that stay in the first-level cache need no prefetch, and what is unpacked there has none.
fn prefetch(task: &Task, family: &Family, tile: &Tile, schedule: &Schedule) -> Vec<Knob> {
    let bytes = task.shape.n() * packed_bytes(task, family, tile);
    let far = bytes as u64 > task.caches.l1 && !schedule.has("un");
    let distances: &[usize] = if far { &[0, 16, 48] } else { &[0] };
    distances.iter().map(|d| Knob::sizes("p", &[*d])).collect()
}
