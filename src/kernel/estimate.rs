//! What a schedule lets one expect before it is built: a guess of its time, the least time that it could take, and the
//! figures that a cost model learns from. A guess counts work that no kernel of the schedule can avoid, at the speeds that
//! the device showed; it ranks, and is never shown as a time. Its constants were chosen by looking at three recorded spaces
//! (`gemm-w8a8-a`, `gemm-w8a8-b` and `f32` of `tests/data/spaces`); the others are judges.

use anyhow::Result;

use super::nest::Nest;
use super::{Family, Task};
use crate::candidate::Schedule;

/// How fast a device is, by its roofs. Speeds are per nanosecond.
#[derive(Clone, Debug, PartialEq)]
pub struct Speeds {
    /// Multiply-accumulates of one core, by family.
    pub macs: Vec<(&'static str, f64)>,
    /// Bytes read from the first, second and third cache, and from memory.
    pub read: [f64; 4],
}

impl Speeds {
    /// Of a device whose roofs nobody measured: the proportions of present cores.
    pub fn unknown(task: &Task) -> Self {
        let families = task.families().unwrap_or_default();
        Self { macs: families.iter().map(|f| (f.name, 100.0)).collect(), read: [200.0, 100.0, 50.0, 20.0] }
    }

    fn of(&self, family: &Family) -> f64 {
        let own = self.macs.iter().find(|(name, _)| *name == family.name).map(|(_, rate)| *rate);
        own.filter(|rate| *rate > 0.0).or_else(|| self.macs.iter().map(|(_, r)| *r).reduce(f64::max)).unwrap_or(1.0)
    }
}

/// What is expected of one schedule.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// What a model learns from: sizes as logarithms, shares and flags; the same figures in the same order for every task.
    pub features: Vec<f32>,
    /// About how long a call takes, in nanoseconds.
    pub guess_ns: f64,
    /// No call takes less, as far as the roofs are right: its products, those of unused lanes and rows included.
    pub least_ns: f64,
}

/// Sums in flight that hide the latency of a multiplier: 4 cycles, two a cycle.
const IN_FLIGHT: usize = 8;
/// Share of the registers that compilers fill before they begin to spill, and how much slower all of them again make a block.
const CALM: f64 = 0.6;
const SPILL: f64 = 0.6;
/// Rows of a block whose addresses the general registers hold.
const POINTERS: usize = 8;
/// What comes from beyond the first cache takes that many times as long as when nothing else is done.
const BEYOND: f64 = 2.0;
/// Share of the lesser of products and loads that the greater does not hide.
const SHOWS: f64 = 0.1;
/// Nanoseconds of one call of a block function.
const CALL_NS: f64 = 4.0;

/// # Errors
/// A schedule that is none of the task's.
pub fn view(task: &Task, schedule: &Schedule, speeds: &Speeds) -> Result<View> {
    let nest = task.nest(schedule)?;
    let work = Work::of(&nest, speeds);
    Ok(View { features: features(&nest, &work), guess_ns: work.guess(&nest), least_ns: work.least })
}

/// The parts of a guess, in nanoseconds.
struct Work {
    products: f64,
    loads: f64,
    block: f64,
    rhs: f64,
    lhs: f64,
    out: f64,
    stage: f64,
    least: f64,
    /// Share of the products that are of real rows and outputs.
    useful: f64,
    panel_bytes: f64,
    strip_bytes: f64,
    group_bytes: f64,
}

impl Work {
    fn of(nest: &Nest, speeds: &Speeds) -> Self {
        let (task, tile, schedule) = (nest.task, nest.tile, nest.schedule);
        let shape = &task.shape;
        let (m, n, rows, vectors) = (shape.m(), shape.n(), nest.rows, nest.vectors);
        let [mc, nc, kc] = schedule.sizes("c");
        let steps = (nest.family.steps)(task, nest.stored).max(1);
        let strip = if mc == 0 { m } else { mc.clamp(rows.min(m), m) };
        let strips = m.div_ceil(strip);
        // every size of block that there is, and how often
        let row_kinds = kinds(strip, rows).map(|(r, count)| (r, count * strips));
        let width = vectors * tile.n;
        let panel_kinds = kinds(n.div_ceil(tile.n), vectors);

        let depth = steps * nest.stored.k;
        let widest = task.isa.tiles_of(nest.family.tiles).map(|t| t.m * t.n).max().unwrap_or(1);
        // an instruction takes as long whatever its width
        let mac_ns = widest as f64 / (tile.m * tile.n) as f64 / speeds.of(nest.family) / task.threads as f64;
        let register = task.isa.tiles.iter().map(|t| t.n * 4).max().unwrap_or(4) as f64;
        // every core loads an operand in the time of a product
        let product_ns = widest as f64 * tile.k as f64 / speeds.of(nest.family);
        let load_ns = (register / speeds.read[0]).min(product_ns) / task.threads as f64;
        let narrow = if nest.stored.bits < 8 && nest.tile.prefix == nest.stored.prefix { 3.0 } else { 0.0 };
        let [unroll] = schedule.sizes("k");
        let blocks_of_depth = if kc == 0 { 1 } else { depth.div_ceil(kc) };
        let finish = if task.out_width() == 4 && task.is_integer() && !task.quantizes() { 3.0 } else { 8.0 };

        let mut w = Self {
            products: 0.0,
            loads: 0.0,
            block: 0.0,
            rhs: 0.0,
            lhs: 0.0,
            out: 0.0,
            stage: 0.0,
            least: 0.0,
            useful: 0.0,
            panel_bytes: 0.0,
            strip_bytes: 0.0,
            group_bytes: 0.0,
        };
        let mut real = 0.0;
        for (r, row_count) in row_kinds {
            for (v, panel_count) in panel_kinds {
                let count = (row_count * panel_count) as f64;
                let sums = r.div_ceil(tile.m) * v;
                let macs = count * (depth * tile.n * v * r.next_multiple_of(tile.m)) as f64;
                let busy = (sums.max(IN_FLIGHT) as f64) / sums as f64;
                let over = (sums + v + 1) as f64 - CALM * tile.regs as f64;
                let spill = 1.0 + SPILL * over.max(0.0) / tile.regs.max(1) as f64;
                w.products += macs * mac_ns * busy * spill;
                real += macs;
                let rows = r.div_ceil(tile.m);
                let each = v as f64 * (1.0 + narrow)
                    + (rows + rows.saturating_sub(POINTERS)) as f64
                    + 2.0 / unroll.max(1) as f64;
                let loads = each * steps as f64;
                w.loads += count * loads * load_ns;
                w.block += count * blocks_of_depth as f64 * (CALL_NS + (r * v) as f64 * finish * load_ns);
            }
        }
        w.least = real / speeds.of(nest.family) / task.threads as f64;
        w.useful = (m * n) as f64 * depth as f64 / real.max(1.0);
        w.traffic(nest, speeds, (strip, strips, nc, kc, width, depth));
        w
    }

    /// What reading takes beyond what the first cache gives.
    fn traffic(
        &mut self,
        nest: &Nest,
        speeds: &Speeds,
        (strip, strips, nc, kc, width, depth): (usize, usize, usize, usize, usize, usize),
    ) {
        let (task, schedule) = (nest.task, nest.schedule);
        let shape = &task.shape;
        let (m, n) = (shape.m(), shape.n());
        let column = depth as f64 * nest.stored.bits as f64 / 8.0;
        let part = if kc == 0 { 1.0 } else { kc as f64 / depth as f64 };
        let group = if nc == 0 { n } else { nc.min(n) };
        let elem = if nest.raw { nest.tile.elem as f64 } else { nest.tile.elem as f64 / nest.tile.per as f64 };
        let line = shape.lhs_len() as f64 / m as f64 * elem * (nest.family.parts)(task) as f64;
        self.panel_bytes = column * part * width as f64;
        self.group_bytes = column * part * group as f64;
        self.strip_bytes = line * part * strip as f64;
        let caches = [task.caches.l1, task.caches.l2, task.caches.l3].map(|b| b as f64);
        let beyond = |bytes: f64, footprint: f64| {
            let level = caches.iter().position(|size| footprint <= *size).unwrap_or(3);
            bytes * (1.0 / speeds.read[level] - 1.0 / speeds.read[0])
        };
        let (rows, panels) = (m.div_ceil(nest.rows) as f64, n.div_ceil(width) as f64);
        if schedule.has("mn") {
            self.rhs = beyond(column * n as f64 * rows, self.group_bytes + self.strip_bytes / strip as f64);
            self.lhs = beyond(line * m as f64 * n.div_ceil(group) as f64, self.strip_bytes + self.group_bytes);
        } else {
            self.rhs = beyond(column * n as f64 * strips as f64, self.group_bytes + self.strip_bytes);
            self.rhs += beyond(column * n as f64 * rows, self.panel_bytes);
            self.lhs = beyond(line * m as f64 * panels, self.strip_bytes + self.panel_bytes);
        }
        if kc > 0 {
            let out = (m * n * 8) as f64 * (depth.div_ceil(kc) - 1) as f64;
            self.out = out / speeds.read[1];
        }
        if !nest.raw {
            let each = if task.quantizes() { 0.08 } else { 0.02 };
            self.stage = shape.lhs_len() as f64 * each * (nest.family.parts)(task) as f64;
        }
    }

    fn guess(&self, nest: &Nest) -> f64 {
        let [ahead] = nest.schedule.sizes("p");
        let read = BEYOND * (self.rhs * if ahead > 0 { 0.8 } else { 1.0 } + self.lhs);
        let loads = self.loads + read;
        let (more, less) = (self.products.max(loads), self.products.min(loads));
        more + SHOWS * less + self.block + self.out + self.stage
    }
}

/// Whole blocks of `size`, and the rest: how large and how many.
fn kinds(all: usize, size: usize) -> [(usize, usize); 2] {
    [
        (size.min(all).max(1), all / size.max(1)),
        ((all % size.max(1)).max(1), usize::from(!all.is_multiple_of(size.max(1)))),
    ]
}

fn features(nest: &Nest, w: &Work) -> Vec<f32> {
    let (task, tile, schedule, shape) = (nest.task, nest.stored, nest.schedule, &nest.task.shape);
    let ln = |x: f64| x.max(1e-9).ln();
    let flag = |word: &str| f64::from(u8::from(schedule.has(word)));
    let [mc, nc, kc] = schedule.sizes("c");
    let [[unroll], [ahead], [chain]] = [schedule.sizes("k"), schedule.sizes("p"), schedule.sizes("d")];
    let family = super::FAMILIES.iter().position(|f| f.name == nest.family.name).unwrap_or(0);
    let guess = w.guess(nest);
    let caches = [task.caches.l1, task.caches.l2].map(|b| ln(b as f64));
    let used = tile.registers(nest.rows / tile.m.max(1), nest.vectors);
    let all = [
        ln(guess / w.least.max(1e-9)),
        w.products / guess,
        w.loads / guess,
        w.block / guess,
        (w.rhs + w.lhs) / guess,
        w.stage / guess,
        w.useful,
        nest.rows as f64,
        nest.vectors as f64,
        (nest.rows * nest.vectors) as f64,
        used as f64 / nest.tile.regs.max(1) as f64,
        unroll as f64,
        chain as f64,
        flag("raw"),
        flag("mn"),
        flag("un"),
        flag("tn"),
        f64::from(u8::from(mc > 0)),
        f64::from(u8::from(nc > 0)),
        if kc > 0 { kc as f64 / shape.k() as f64 } else { 1.0 },
        ahead as f64,
        ln(w.panel_bytes) - caches[0],
        ln(w.group_bytes) - caches[1],
        ln(w.strip_bytes) - caches[0],
        ln(w.strip_bytes) - caches[1],
        family as f64,
        (tile.m * tile.n * tile.k) as f64,
        tile.k as f64,
        tile.bits as f64,
        tile.regs as f64,
        ln(shape.m() as f64),
        ln(shape.n() as f64),
        ln(shape.k() as f64),
        f64::from(u8::from(task.quantizes())),
    ];
    all.into_iter().map(|x| x as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::Contract;
    use crate::host::Caches;
    use crate::layer::{Op, Shape};
    use crate::native::Isa;
    use crate::scheme;
    use std::sync::Arc;

    fn task(shape: Shape, scheme: &str, isa: &str, contract: Contract) -> Task {
        Task {
            shape,
            relu: false,
            scheme: scheme::find(scheme).unwrap(),
            contract,
            isa: Arc::new(Isa::load(isa).unwrap()),
            threads: 1,
            caches: Caches { l1: 48 << 10, l2: 1 << 20, l3: 32 << 20 },
        }
    }

    /// Whatever the family, guesses are times, bounds are below them and every task has the same features.
    #[test]
    fn every_schedule_has_a_guess_and_a_bound() {
        let gemm = Shape::gemm(33, 70, 129).unwrap();
        let conv = Shape::conv(Op::Conv2d, [14, 14, 20], 33, [3, 3], 2, [1; 4]).unwrap();
        let depthwise = Shape::conv(Op::Depthwise, [25, 5, 64], 64, [3, 3], 1, [1; 4]).unwrap();
        let mut lengths = std::collections::HashSet::new();
        for (shape, name, isa, contract) in [
            (gemm, "w8a8", "avx512vnni", Contract::Int8),
            (gemm, "w4a8", "avx2", Contract::Int8),
            (gemm, "w2a2", "avx512vpopcnt", Contract::Int8),
            (gemm, "nf4", "avx2", Contract::F32io),
            (gemm, "w8a8", "amx", Contract::Int8),
            (Shape::gemm(1, 70, 256).unwrap(), "w4a8g32", "avx512vnni", Contract::F32io),
            (conv, "w8a8", "avx2", Contract::Qdq),
            (depthwise, "w8a8", "neon", Contract::F32io),
            (conv, "f32", "scalar", Contract::F32io),
        ] {
            let task = task(shape, name, isa, contract);
            let speeds = Speeds::unknown(&task);
            for schedule in task.space().unwrap().iter() {
                let view = view(&task, &schedule, &speeds).unwrap();
                assert!(
                    view.guess_ns.is_finite() && view.guess_ns >= view.least_ns && view.least_ns > 0.0,
                    "{schedule}"
                );
                assert!(view.features.iter().all(|f| f.is_finite()), "{schedule}: {:?}", view.features);
                lengths.insert(view.features.len());
            }
        }
        assert_eq!(lengths.len(), 1);
    }

    #[test]
    fn waste_and_short_chains_are_seen() {
        let task = task(Shape::gemm(128, 768, 768).unwrap(), "w8a8", "avx512vnni", Contract::Int8);
        let speeds = Speeds::unknown(&task);
        let guess = |name: &str| view(&task, &name.parse().unwrap(), &speeds).unwrap().guess_ns;
        let fine = guess("zmm.b4x3.k2.raw.mn.c0x0x0.p0");
        assert!(fine < guess("zmm.b12x1.k2.raw.mn.c0x0x0.p0"), "blocks that load more");
        assert!(fine < guess("zmm.b7x4.k2.raw.mn.c0x0x0.p0"), "more sums than registers hold");
        assert!(fine < guess("zmm.b14x1.k2.raw.mn.c0x0x0.p0"), "rows that are left over");
    }
}
