//! Runners: how a built program is started on a device, and what the device says of itself. Everything after the start is
//! the same line protocol.

mod adb;
mod host;
mod qemu;
mod remote;
mod ssh;

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::host::Machine;
use crate::target::{RunnerKind, Target};

/// A way to reach a device.
pub trait Runner: Send + Sync {
    /// The device, as it describes itself.
    /// # Errors
    /// A device that cannot be reached.
    fn machine(&self) -> Result<Machine>;

    /// The command that starts `program` there, pinned to `threads` cpus.
    /// # Errors
    /// A program that cannot be brought there.
    fn command(&self, program: &Path, threads: usize) -> Result<Command>;

    /// How many times longer an answer may take than on a device at hand.
    fn patience(&self) -> u32;

    /// Is the command's process the program itself, so that hardware counters of the one are the other's?
    fn is_here(&self) -> bool {
        false
    }

    /// Has the device started anew since this was asked last? What was known of its speed is then worth nothing.
    fn restarted(&self) -> bool {
        false
    }

    /// Keeps other runs from measuring on the device while what is returned, and the runner, live. Says so when it has to
    /// wait.
    /// # Errors
    /// A lock that cannot be had.
    fn lock(&self, cache: &Path, say: &mut dyn FnMut(&str)) -> Result<Option<File>> {
        let path = cache.join("host.lock");
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        if file.try_lock().is_err() {
            say("another run is measuring on this machine");
            file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Ok(Some(file))
    }
}

/// The runner of a target: one file and one row each.
pub fn of(target: &Target) -> Arc<dyn Runner> {
    match target.runner.kind {
        RunnerKind::Host => Arc::new(host::HostRunner { sysfs: target.runner.sysfs.clone() }),
        RunnerKind::Qemu => Arc::new(qemu::QemuRunner { command: target.runner.command.clone() }),
        RunnerKind::Ssh => Arc::new(ssh::runner(&target.runner)),
        RunnerKind::Adb => Arc::new(adb::runner(&target.runner)),
    }
}

/// The options that a harness starts with: what it may take, where it runs, and where the device's sysfs is if not at /sys.
fn options(machine: &Machine, threads: usize, sysfs: &str) -> Vec<String> {
    let mut options = machine.harness_options(threads).to_vec();
    if !sysfs.is_empty() {
        options.extend(["--sysfs".into(), sysfs.into()]);
    }
    options
}
