//! What the tests share: a device to try kernels on, whether or not this CPU has the instructions.
#![allow(dead_code)]

use std::path::PathBuf;
use std::time::Instant;

use bitsmith::bench::{BATCH, Bench, Device};
use bitsmith::candidate::{Contract, Regime, Schedule};
use bitsmith::emit::Source;
use bitsmith::kernel::Task;
use bitsmith::layer::Shape;
use bitsmith::record::Record;
use bitsmith::scheme;
use bitsmith::target::Target;

/// A cache folder that the tests of this checkout share.
pub fn cache() -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cache");
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

pub struct Lab {
    pub device: Device,
}

impl Lab {
    /// The target itself where this CPU can run it, its emulation where it cannot. Tests check answers; times are
    /// switched off to save them.
    pub fn new(name: &str) -> Self {
        let mut target = Target::find(name).unwrap();
        if target.missing().is_some() {
            target = Target::find(&format!("{name}-simde")).unwrap();
        }
        target.runner.evidence = bitsmith::target::Evidence::Emulated;
        Self { device: Device::open(target, &cache(), 1).unwrap() }
    }

    pub fn task(&self, shape: Shape, scheme: &str, contract: Contract, relu: bool, threads: usize) -> Task {
        Task {
            shape,
            relu,
            scheme: scheme::find(scheme).unwrap(),
            contract,
            isa: self.device.isa.clone(),
            threads,
            caches: self.device.caches(),
        }
    }

    pub fn try_points(&mut self, task: Task, points: &[Schedule], regime: Regime) -> Vec<Record> {
        let mut bench = Bench::new(&self.device, task, "test/layer", regime, 1, Instant::now()).unwrap();
        let sources: Vec<_> = points.iter().map(|p| (p.clone(), bench.task().emit(p).unwrap())).collect();
        bench.try_sources(&sources, &BATCH).unwrap()
    }

    /// Tries one schedule of a task after changing its text.
    pub fn try_changed(&mut self, task: Task, point: &Schedule, change: impl Fn(&mut Source)) -> Record {
        let mut bench = Bench::new(&self.device, task, "test/layer", Regime::Hot, 1, Instant::now()).unwrap();
        let mut source = bench.task().emit(point).unwrap();
        change(&mut source);
        bench.try_sources(&[(point.clone(), source)], &BATCH).unwrap().remove(0)
    }
}

/// At most `most` points, spread by chance but always the same.
pub fn sample(mut points: Vec<Schedule>, most: usize, seed: u64) -> Vec<Schedule> {
    fastrand::Rng::with_seed(seed).shuffle(&mut points);
    points.truncate(most);
    points
}
