//! Roofs: what this machine can do at most, measured on itself, so that every kernel can be shown as a share of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use serde::{Deserialize, Serialize};

use super::Device;
use super::harness::{Failure, Harness};
use crate::candidate::Regime;
use crate::emit::{Source, short_hash};
use crate::host::Caches;
use crate::kernel::estimate::Speeds;
use crate::kernel::{Arithmetic, Family, Task, amx, bf16, bitserial, chain16, dot, lut, roof};
use crate::native::Isa;

/// Measured limits of one core (of `threads` cores at once, for reading).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roofs {
    pub target: String,
    pub clock_ghz: f64,
    pub macs_per_s: Macs,
    pub read_gb_per_s: Read,
    pub timer_ns: f64,
    pub threads: usize,
    /// Of the machine they were measured on.
    pub host: String,
    pub compiler: String,
}

/// Multiply-accumulates per second of one core.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Macs {
    pub int8: f64,
    pub f32: f64,
    /// Pairs of bf16; 0 where there is no such tile.
    #[serde(default)]
    pub bf16: f64,
    /// Bytes by tiles that multiply several rows at once; 0 where there is no such tile.
    #[serde(default)]
    pub tiles: f64,
    /// Weights of 4 bits, where products add up in 16 bits first; 0 where there is no such tile.
    #[serde(default)]
    pub chain16: f64,
    /// Products of single bits; 0 where there is no such tile.
    #[serde(default)]
    pub binary: f64,
    /// Activations times two bits of weights, looked up in tables; 0 where there is no such tile.
    #[serde(default)]
    pub tables: f64,
}

/// 1e9 bytes per second, read once from start to end from each level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Read {
    pub l1: f64,
    pub l2: f64,
    pub l3: f64,
    pub memory: f64,
}

impl Roofs {
    /// The least time a task can take: the multiplications at the roof of the fastest family that serves it, or its operands read once from where they are
    /// in this regime, whichever is longer. Activations of an `f32io` task are read as f32.
    pub fn least_ns(&self, task: &Task, regime: Regime, caches: Caches) -> f64 {
        let whole = if task.is_integer() { self.macs_per_s.int8 } else { self.macs_per_s.f32 };
        let rate = |family: &&Family| self.rate(task, family);
        let macs_per_s = task.families().unwrap_or_default().iter().map(rate).fold(whole, f64::max);
        let product_ns = task.shape.macs() as f64 / (macs_per_s * task.threads as f64) * 1e9;
        product_ns.max(self.read_ns(task, regime, caches))
    }

    /// Multiply-accumulates per second of one core by the products of a family.
    fn rate(&self, task: &Task, family: &Family) -> f64 {
        let macs = &self.macs_per_s;
        let several = task.shape.m() > 1 && task.isa.tiles_of(dot::FAMILY.tiles).any(|tile| tile.m > 1);
        match family.name {
            name if name == amx::FAMILY.name || several && name == dot::FAMILY.name => macs.tiles,
            name if name == chain16::FAMILY.name => macs.chain16,
            name if name == bitserial::FAMILY.name => macs.binary / bitserial::products(task) as f64,
            name if name == lut::FAMILY.name => macs.tables / lut::products(task) as f64,
            name if name == bf16::FAMILY.name => macs.bf16,
            _ if task.is_integer() => macs.int8,
            _ => macs.f32,
        }
    }

    /// What guesses of schedules are made with.
    pub fn speeds(&self, task: &Task) -> Speeds {
        let r = &self.read_gb_per_s;
        let macs = task.families().unwrap_or_default().iter().map(|f| (f.name, self.rate(task, f) / 1e9)).collect();
        Speeds { macs, read: [r.l1, r.l2, r.l3, r.memory] }
    }

    /// The part of [`Roofs::least_ns`] that reading takes.
    pub fn read_ns(&self, task: &Task, regime: Regime, caches: Caches) -> f64 {
        let shape = &task.shape;
        let scales = task
            .scheme
            .groups()
            .map_or(0, |g| shape.n() * shape.k().div_ceil(g.columns) * (g.scale.bytes() + usize::from(g.points)));
        let weights = (shape.weights_len() as f64 * task.scheme.weight_bits() / 8.0) as usize + scales;
        let bytes = matches!(task.arithmetic(), Arithmetic::Int | Arithmetic::Requant);
        let activations = shape.lhs_len() * if bytes { 1 } else { 4 };
        let cold = |bytes: usize| bytes as f64 / self.read_gb_per_s.memory;
        match regime {
            Regime::Hot => self.hot_ns((weights + activations) as u64, caches),
            Regime::WeightsCold => cold(weights) + self.hot_ns(activations as u64, caches),
            Regime::AllCold => cold(weights + activations),
        }
    }

    /// The least time to read so many bytes again and again: of each level as much as fits, from the fastest on.
    fn hot_ns(&self, bytes: u64, caches: Caches) -> f64 {
        let r = &self.read_gb_per_s;
        let (mut left, mut held, mut ns) = (bytes, 0, 0.0);
        for (size, speed) in [(caches.l1, r.l1), (caches.l2, r.l2), (caches.l3, r.l3), (u64::MAX, r.memory)] {
            let here = left.min(size.saturating_sub(held));
            ns += here as f64 / speed;
            left -= here;
            held = held.max(size);
        }
        ns
    }
}

/// Roofs measured earlier on this very machine and compiler, or measured now and kept.
pub fn kept_or_measured(device: &Device, cache: &Path, threads: usize) -> Result<Roofs> {
    let path = kept(device, cache, &Plan::new(device, threads));
    let kept = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Roofs>(&bytes).ok());
    match kept {
        Some(roofs) => Ok(roofs),
        None => measure(device, cache, threads),
    }
}

/// Where roofs are kept: other hosts, compilers and roof kernels have files of their own.
fn kept(device: &Device, cache: &Path, plan: &Plan) -> PathBuf {
    let sources: String = plan.kernels.iter().map(|k| k.source.hash()).collect();
    let key = short_hash(format!("{}{}{sources}", device.host.fingerprint(), device.builder.id).as_bytes());
    cache.join(format!("roofs-{}-{}-{key}.json", device.target.name, plan.threads))
}

/// Measures the roofs and keeps them.
pub fn measure(device: &Device, cache: &Path, threads: usize) -> Result<Roofs> {
    let plan = Plan::new(device, threads);
    let sources: Vec<&Source> = plan.kernels.iter().map(|k| &k.source).collect();
    let (programs, blamed) = device.builder.build(&sources)?;
    ensure!(blamed.is_empty(), "target {}: the roof kernels do not compile: {}", device.target.name, blamed[0].1);
    let (program, _) = programs.first().context("no roof kernels")?;
    let command = device.runner.command(program, threads)?;
    let mut harness = Harness::start(command, Duration::from_secs(30))?;
    let rates = plan.run(&mut harness).map_err(|f| anyhow!("target {}: the probe failed: {f}", device.target.name))?;
    let best = |kind: &str| rates.iter().filter(|(k, _)| k == kind).map(|(_, r)| *r).fold(0.0, f64::max);
    let round = |x: f64, digits: f64| (x * digits).round() / digits;
    let roofs = Roofs {
        target: device.target.name.clone(),
        clock_ghz: round(best("clock"), 1e3),
        macs_per_s: Macs {
            int8: round(best("dot") * 1e9, 1e-6),
            f32: round(best("f32") * 1e9, 1e-6),
            bf16: round(best(bf16::FAMILY.tiles) * 1e9, 1e-6),
            tiles: round(best(amx::FAMILY.tiles) * 1e9, 1e-6),
            chain16: round(best("chain") * 1e9, 1e-6),
            binary: round(best("bits") * 1e9, 1e-6),
            tables: round(best("lut") * 1e9, 1e-6),
        },
        read_gb_per_s: Read {
            l1: round(best("l1"), 10.0),
            l2: round(best("l2"), 10.0),
            l3: round(best("l3"), 10.0),
            memory: round(best("memory"), 10.0),
        },
        timer_ns: harness.timer_ns().map_err(|f| anyhow!("{f}"))?,
        threads,
        host: device.host.fingerprint(),
        compiler: device.builder.id.clone(),
    };
    let path = kept(device, cache, &plan);
    fs::write(&path, serde_json::to_vec_pretty(&roofs)?).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(roofs)
}

/// The kernels of a probe, and what one call of each amounts to.
struct Plan {
    kernels: Vec<Kernel>,
    bytes: usize,
    threads: usize,
}
struct Kernel {
    kind: &'static str,
    source: Source,
    /// Multiply-accumulates, bytes or cycles of one call.
    work: u64,
    threads: usize,
}

/// Length of a chain of products of 4-bit weights.
const CHAIN: usize = 8;
/// Rounds of a multiply roof: some 20 us.
pub const PRODUCTS: usize = 4000;
/// The same of tiles that multiply matrices.
pub const TILES: usize = 1000;
/// Samples of each kernel; the best one is the roof.
const SAMPLES: usize = 25;

impl Plan {
    fn new(device: &Device, threads: usize) -> Self {
        let isa = &device.isa;
        let mut kernels = Vec::new();
        for kind in ["dot", "f32", bf16::FAMILY.tiles] {
            for tile in isa.tiles_of(kind).filter(|t| !t.scaled()) {
                let (source, work) = roof::products(isa, tile, PRODUCTS);
                let kind = if tile.m > 1 && kind == dot::FAMILY.tiles { amx::FAMILY.tiles } else { kind };
                kernels.push(Kernel { kind, source, work, threads: 1 });
            }
        }
        for tile in isa.tiles_of(amx::FAMILY.tiles) {
            let (source, work) = roof::tiles(isa, tile, TILES);
            kernels.push(Kernel { kind: amx::FAMILY.tiles, source, work, threads: 1 });
        }
        for tile in isa.tiles_of("chain") {
            let (source, work) = roof::chains(isa, tile, CHAIN, PRODUCTS);
            kernels.push(Kernel { kind: "chain", source, work, threads: 1 });
        }
        for tile in isa.tiles_of("bits") {
            let (source, work) = roof::bits(isa, tile, PRODUCTS);
            kernels.push(Kernel { kind: "bits", source, work, threads: 1 });
        }
        for tile in isa.tiles_of("lut") {
            let (source, work) = roof::tables(isa, tile, CHAIN, PRODUCTS);
            kernels.push(Kernel { kind: "lut", source, work, threads: 1 });
        }
        let (source, work) = roof::chain(isa, 10_000);
        kernels.push(Kernel { kind: "clock", source, work, threads: 1 });
        let caches = device.caches();
        // half of a cache leaves room for what else lives there; a level that is not there reads as the next. Of a last
        // level that other cores or machines use too, nobody knows how much there is: the fastest of three sizes counts.
        let l3 = caches.l3.max(caches.l2) / 2 / threads as u64;
        let levels = [
            ("l1", caches.l1 / 2),
            ("l2", caches.l2 / 2),
            ("l3", (caches.l2 * 3).min(l3)),
            ("l3", (caches.l2 * 8).min(l3)),
            ("l3", l3),
            ("memory", caches.last() * 4),
        ];
        for (i, (kind, bytes)) in levels.into_iter().enumerate() {
            let bytes = (bytes as usize / 512 * 512).max(4096);
            let rounds = ((4 << 20) / bytes).max(1);
            let source = roof::read(isa, &format!("{kind}_{i}"), bytes, rounds);
            kernels.push(Kernel { kind, source, work: (bytes * rounds) as u64 * threads as u64, threads });
        }
        let bytes = (caches.last() as usize * 4).max(4096) * threads;
        Self { kernels, bytes, threads }
    }

    /// Best rate of each kernel, in 1e9 per second.
    fn run(&self, harness: &mut Harness) -> std::result::Result<Vec<(String, f64)>, Failure> {
        harness.load(0, &[1; 4096])?;
        harness.alloc(1, self.bytes)?;
        harness.alloc(2, 4096 * self.threads)?;
        for (i, k) in self.kernels.iter().enumerate() {
            harness.bind(i, [0, 1, 0, 2], [0; 2], k.threads)?;
        }
        let round: Vec<(usize, u64)> = (0..self.kernels.len()).map(|i| (i, 1)).collect();
        let mut best = vec![f64::INFINITY; self.kernels.len()];
        for _ in 0..SAMPLES {
            for (least, ns) in best.iter_mut().zip(harness.time(&round)?) {
                *least = least.min(ns);
            }
        }
        Ok(self.kernels.iter().zip(best).map(|(k, ns)| (k.kind.to_string(), k.work as f64 / ns)).collect())
    }
}

/// The products that the task's roof is measured with, and the multiply-accumulates of one call.
pub fn products(task: &Task, isa: &Isa) -> Vec<(Source, u64)> {
    let mut all: Vec<_> = isa
        .tiles_of(task.products())
        .filter(|t| !t.scaled() && (t.m == 1 || task.shape.m() > 1))
        .map(|tile| roof::products(isa, tile, PRODUCTS))
        .collect();
    let tiles = isa.tiles_of(amx::FAMILY.tiles).filter(|tile| (amx::FAMILY.serves)(task, tile));
    all.extend(tiles.map(|tile| roof::tiles(isa, tile, TILES)));
    let chained = isa.tiles_of(chain16::FAMILY.tiles).filter(|tile| (chain16::FAMILY.serves)(task, tile));
    all.extend(chained.map(|tile| roof::chains(isa, tile, chain16::longest(task, tile), PRODUCTS)));
    let planes = isa.tiles_of(bitserial::FAMILY.tiles).filter(|tile| (bitserial::FAMILY.serves)(task, tile));
    all.extend(planes.map(|tile| {
        let (source, work) = roof::bits(isa, tile, PRODUCTS);
        (source, work / bitserial::products(task) as u64)
    }));
    let tables = isa.tiles_of(lut::FAMILY.tiles).filter(|tile| (lut::FAMILY.serves)(task, tile));
    all.extend(tables.map(|tile| {
        let (source, work) = roof::tables(isa, tile, lut::longest(task, tile), PRODUCTS);
        (source, work / lut::products(task) as u64)
    }));
    all
}
