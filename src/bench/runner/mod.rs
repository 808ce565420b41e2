//! Runners: how to start a built program on a target. Everything after the start is the same line protocol.

mod host;

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::target::{RunnerKind, Target};

/// A way to reach a device.
pub trait Runner {
    /// The command that starts `program` there, pinned to `threads` cpus.
    fn command(&self, program: &Path, threads: usize) -> Result<Command>;
}

/// The runner of a target: one file and one row each.
pub fn of(target: &Target) -> Box<dyn Runner> {
    match target.runner.kind {
        RunnerKind::Host => Box::new(host::HostRunner),
    }
}
