//! `qemu`: the program is started here, by an emulator of another CPU: answers are right or wrong, times mean nothing.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::Runner;
use crate::host::Machine;

pub struct QemuRunner {
    /// The emulator and its options.
    pub command: Vec<String>,
}

impl Runner for QemuRunner {
    fn machine(&self) -> Result<Machine> {
        Ok(Machine::emulated())
    }

    fn command(&self, program: &Path, threads: usize) -> Result<Command> {
        let (emulator, options) = self.command.split_first().context("no emulator is named")?;
        let mut command = Command::new(emulator);
        let machine = self.machine()?;
        // the emulator ignores the limit that the harness sets itself, but gives no more addresses than it reserves
        command.args(options);
        if !options.iter().any(|o| o == "-R") {
            command.args(["-R", &machine.harness_bytes().to_string()]);
        }
        command.arg(program).args(machine.harness_options(threads));
        Ok(command)
    }

    fn patience(&self) -> u32 {
        20 // vector instructions are emulated lane by lane
    }
}
