//! The tool's end of the harness's line protocol (`native/README.md`).

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Result, anyhow};

use super::counters::Counts;
pub use super::process::Failure;
use super::process::{Answer, Process};
use super::watch::Sighting;
use crate::candidate::Regime;
use crate::native::abi;

/// A running program.
pub struct Harness {
    process: Process,
    limit: Duration,
    pub pid: u32,
}

impl Harness {
    /// Starts the program and makes sure that it speaks this version of the protocol.
    pub fn start(mut command: Command, limit: Duration) -> Result<Self> {
        command.stderr(Stdio::null());
        let process = Process::start(command, limit)?;
        let pid = process.pid;
        let mut harness = Self { process, limit, pid };
        let hello = harness.call("hello", &[]).map_err(|f| anyhow!("the harness does not start: {f}"))?;
        let expected = format!("bitsmith {} ", abi::BS_PROTOCOL);
        anyhow::ensure!(hello.starts_with(&expected), "the harness speaks `{hello}`, not `{expected}`");
        Ok(harness)
    }

    /// Smallest step of the device's clock, in nanoseconds.
    pub fn timer_ns(&mut self) -> Answer<f64> {
        let hello = self.call("hello", &[])?;
        let field = hello.split(' ').find_map(|w| w.strip_prefix("timer_ns=")?.parse().ok());
        field.ok_or_else(|| Failure::Refused(format!("no timer in `{hello}`")))
    }

    pub fn load(&mut self, buffer: usize, bytes: &[u8]) -> Answer<()> {
        self.call(&format!("load {buffer} {}", bytes.len()), bytes).map(drop)
    }

    pub fn alloc(&mut self, buffer: usize, bytes: usize) -> Answer<()> {
        self.call(&format!("alloc {buffer} {bytes}"), &[]).map(drop)
    }

    /// `buffers` are lhs, rhs, cols, out.
    pub fn bind(&mut self, kernel: usize, buffers: [usize; 4], zeros: [i32; 2], threads: usize) -> Answer<()> {
        let [lhs, rhs, cols, out] = buffers;
        let [zero, out_zero] = zeros;
        self.call(&format!("bind {kernel} {lhs} {rhs} {cols} {out} {zero} {out_zero} {threads}"), &[]).map(drop)
    }

    /// Runs once between guard pages; hash of the output.
    pub fn check(&mut self, kernel: usize, side: &str) -> Answer<u64> {
        let answer = self.call(&format!("check {kernel} {side}"), &[])?;
        u64::from_str_radix(&answer, 16).map_err(|_| Failure::Refused(format!("strange hash `{answer}`")))
    }

    /// The output of the last check.
    pub fn dump(&mut self) -> Answer<Vec<u8>> {
        self.process.download("dump")
    }

    pub fn regime(&mut self, regime: Regime, pool_bytes: u64) -> Answer<()> {
        self.call(&format!("regime {} {pool_bytes}", regime.name()), &[]).map(drop)
    }

    /// One interleaved round of (kernel, calls); nanoseconds of each group.
    pub fn time(&mut self, groups: &[(usize, u64)]) -> Answer<Vec<f64>> {
        self.time_watched(groups).map(|(times, _)| times)
    }

    /// What the device says of itself now.
    pub fn watch(&mut self) -> Answer<Sighting> {
        self.call("watch", &[]).map(|answer| Sighting::parse(&answer))
    }

    /// One interleaved round, and what the device said of itself before and after it.
    pub fn time_watched(&mut self, groups: &[(usize, u64)]) -> Answer<(Vec<f64>, Sighting)> {
        let words: Vec<_> = groups.iter().map(|(k, calls)| format!("{k}:{calls}")).collect();
        // every group may take as long as a single call of anything
        let limit = self.limit * (1 + groups.len() as u32);
        let answer = self.process.call_within(&format!("time {}", words.join(" ")), &[], limit)?;
        let times: Vec<f64> = answer.split(' ').filter_map(|w| w.parse().ok()).collect();
        if times.len() == groups.len() {
            Ok((times, Sighting::parse(&answer)))
        } else {
            Err(Failure::Refused(format!("strange times `{answer}`")))
        }
    }

    /// Cycles and instructions per call, by the device's own counters.
    pub fn count(&mut self, kernel: usize, calls: u64) -> Answer<Counts> {
        let answer = self.call(&format!("count {kernel} {calls}"), &[])?;
        let numbers: Vec<f64> = answer.split(' ').filter_map(|w| w.parse().ok()).collect();
        match numbers[..] {
            [cycles, instructions, calls] if calls >= 1.0 => {
                Ok(Counts { cycles: cycles / calls, instructions: instructions / calls })
            }
            _ => Err(Failure::Refused(format!("strange counts `{answer}`"))),
        }
    }

    fn call(&mut self, line: &str, payload: &[u8]) -> Answer<String> {
        self.process.call(line, payload)
    }

    /// Has the program ended?
    pub fn is_dead(&self) -> bool {
        self.process.is_dead()
    }
}
