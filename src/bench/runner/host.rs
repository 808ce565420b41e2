//! `host`: the program is started here, on the last cpus (the first ones serve most interrupts), with bounded memory.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::Runner;
use crate::host;

pub struct HostRunner;

impl Runner for HostRunner {
    fn command(&self, program: &Path, threads: usize) -> Result<Command> {
        let list: Vec<String> = host::last_cpus(threads).iter().map(usize::to_string).collect();
        let mut command = Command::new(program);
        // room for every packing of a large layer and its cold copies, never the whole machine
        command.args(["--memory", &(host::memory_bytes() / 4 * 3).to_string(), "--cpu", &list.join(",")]);
        Ok(command)
    }
}
