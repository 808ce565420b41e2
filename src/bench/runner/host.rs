//! `host`: the program is started here, on the last cpus (the first ones serve most interrupts), with bounded memory.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::Runner;

/// Address space of a harness: room for every packing of a large layer and its cold copies, never the whole machine.
const MEMORY_BYTES: u64 = 8 << 30;

pub struct HostRunner;

impl Runner for HostRunner {
    fn command(&self, program: &Path, threads: usize) -> Result<Command> {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let list: Vec<String> = (0..threads.min(cpus)).map(|i| (cpus - 1 - i).to_string()).collect();
        let mut command = Command::new(program);
        command.args(["--memory", &MEMORY_BYTES.to_string(), "--cpu", &list.join(",")]);
        Ok(command)
    }
}
