//! Hardware counters of a harness process, where the kernel offers them; never a guess where it does not.

use perf_event::events::Hardware;
use perf_event::{Builder, Counter};

/// Per call of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Counts {
    pub cycles: f64,
    pub instructions: f64,
}

/// Cycles and instructions of one process.
pub struct Counters {
    cycles: Counter,
    instructions: Counter,
}

impl Counters {
    /// None where the kernel or the machine does not count.
    pub fn of_process(pid: u32) -> Option<Self> {
        let counter = |event| Builder::new().kind(event).observe_pid(pid as i32).build().ok();
        Some(Self { cycles: counter(Hardware::CPU_CYCLES)?, instructions: counter(Hardware::INSTRUCTIONS)? })
    }

    /// Why this machine does not count, if it does not.
    pub fn why_not() -> Option<String> {
        Builder::new().kind(Hardware::CPU_CYCLES).build().err().map(|e| e.to_string())
    }

    /// Counts while `run` makes `calls` calls.
    pub fn count(&mut self, calls: u64, run: impl FnOnce() -> bool) -> Option<Counts> {
        for counter in [&mut self.cycles, &mut self.instructions] {
            counter.reset().ok()?;
            counter.enable().ok()?;
        }
        let ran = run();
        self.cycles.disable().ok()?;
        self.instructions.disable().ok()?;
        let per_call = |n: u64| n as f64 / calls as f64;
        let counts = Counts {
            cycles: per_call(self.cycles.read().ok()?),
            instructions: per_call(self.instructions.read().ok()?),
        };
        ran.then_some(counts)
    }
}
