//! `host`: the program is started here, on the last cpus (the first ones serve most interrupts), with bounded memory.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::Runner;
use crate::host::Machine;

pub struct HostRunner {
    pub sysfs: String,
}

impl Runner for HostRunner {
    fn machine(&self) -> Result<Machine> {
        Ok(Machine::here())
    }

    fn command(&self, program: &Path, threads: usize) -> Result<Command> {
        let mut command = Command::new(program);
        command.args(super::options(&Machine::here(), threads, &self.sysfs));
        Ok(command)
    }

    fn patience(&self) -> u32 {
        1
    }

    fn is_here(&self) -> bool {
        true
    }
}
