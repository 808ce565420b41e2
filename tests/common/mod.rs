//! What the tests share: a device to try kernels on, whether or not this CPU has the instructions.
#![allow(dead_code)]

pub mod rig;

use std::path::{Path, PathBuf};
use std::time::Instant;

use bitsmith::bench::{BATCH, Bench, Device};
use bitsmith::candidate::{Contract, Regime, Schedule};
use bitsmith::emit::Source;
use bitsmith::host::Caches;
use bitsmith::kernel::Task;
use bitsmith::layer::Shape;
use bitsmith::record::Record;
use bitsmith::scheme;
use bitsmith::target::{Evidence, RunnerKind, Target};

/// Scheme and contract of every way that numbers travel through a kernel.
/// The first two take any weights of 8 bits and fewer.
pub const ARITHMETICS: [(&str, Contract); 4] =
    [("w8a8", Contract::Int8), ("w8a8", Contract::F32io), ("f32", Contract::F32io), ("w8a8", Contract::Qdq)];

/// Caches so small that everything is worth blocking.
pub const TINY: Caches = Caches { l1: 64, l2: 64, l3: 64 };

/// A cache folder that the tests of this checkout share.
pub fn cache() -> PathBuf {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cache");
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// A device, the folder its programs are kept in, and where tasks come from.
pub struct Lab {
    pub device: Device,
}

impl Lab {
    /// The target itself where this CPU can run it, its emulation where it cannot. Tests check answers; times are
    /// switched off to save them.
    pub fn new(name: &str) -> Self {
        let mut target = Target::find(name).unwrap();
        if target.missing().is_some() {
            let stands_in = |t: &Target| t.isa == target.isa && t.runner.evidence == Evidence::Emulated;
            target = Target::all().unwrap().into_iter().find(stands_in).unwrap();
        }
        target.runner.evidence = Evidence::Emulated;
        Self::of(target)
    }

    pub fn of(target: Target) -> Self {
        Self { device: Device::open(target, &cache()).unwrap() }
    }

    /// A target that every CPU of this family runs, and that is fast to compile for, with times.
    pub fn timed() -> Self {
        Self { device: Device::open(Target::find("x86-scalar").unwrap(), &cache()).unwrap() }
    }

    /// Of every so many sizes one is tried: emulators are slow. No divisor of what cases alternate by.
    pub fn stride(&self) -> usize {
        if self.device.target.runner.kind == RunnerKind::Qemu { 5 } else { 1 }
    }

    pub fn task(&self, shape: Shape, scheme: &str, contract: Contract, relu: bool, threads: usize) -> Task {
        Task {
            shape,
            relu,
            scheme: scheme::find(scheme).unwrap(),
            contract,
            isa: self.device.isa.clone(),
            threads,
            // not this machine's own: the same kernels are tried everywhere
            caches: Caches { l1: 32 << 10, l2: 512 << 10, l3: 8 << 20 },
        }
    }

    pub fn try_points(&self, task: Task, points: &[Schedule], regime: Regime) -> Vec<Record> {
        self.try_edited(task, points, regime, |_, _| ())
    }

    /// Tries schedules of a task in one batch after changing their texts.
    pub fn try_edited(
        &self,
        task: Task,
        points: &[Schedule],
        regime: Regime,
        edit: impl Fn(usize, &mut Source),
    ) -> Vec<Record> {
        let mut bench = Bench::new(&self.device, task, "test/layer", regime, 1, Instant::now()).unwrap();
        let emit = |(i, p): (usize, &Schedule)| {
            let mut source = bench.task().emit(p).unwrap();
            edit(i, &mut source);
            (p.clone(), source)
        };
        let sources: Vec<_> = points.iter().enumerate().map(emit).collect();
        bench.try_sources(&sources, &BATCH).unwrap()
    }
}

/// At most `most` points, spread by chance but always the same.
pub fn sample(mut points: Vec<Schedule>, most: usize, seed: u64) -> Vec<Schedule> {
    fastrand::Rng::with_seed(seed).shuffle(&mut points);
    points.truncate(most);
    points
}

/// The Python that `make setup` installs, with ONNX Runtime and what else tests need.
pub fn python() -> PathBuf {
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../peers/bin/python");
    assert!(python.is_file(), "no {}; run `make setup`, which installs ONNX Runtime there", python.display());
    python
}
