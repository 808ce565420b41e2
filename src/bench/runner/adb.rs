//! `adb`: an Android device, by its debug bridge. `shell -T` gives no terminal, so that bytes pass unchanged, and the exit code and
//! stderr come apart from stdout: the shell protocol of Android 7 and later.

use std::process::{Command, ExitStatus};

use super::remote::{Link, RemoteRunner, quoted};
use crate::target;

/// Where the shell's user may write and start programs.
const FOLDER: &str = "/data/local/tmp";

pub struct Adb {
    name: String,
    serial: String,
    folder: String,
    /// `adb` and what the target adds to it.
    command: Vec<String>,
}

pub fn runner(runner: &target::Runner) -> RemoteRunner<Adb> {
    let command = if runner.command.is_empty() { vec!["adb".into()] } else { runner.command.clone() };
    let name = if runner.serial.is_empty() { "device" } else { &runner.serial };
    let folder = if runner.directory.is_empty() { FOLDER } else { &runner.directory };
    let adb = Adb { name: name.into(), serial: runner.serial.clone(), folder: folder.into(), command };
    RemoteRunner::new(adb, &runner.sysfs)
}

/// What adb says of a device that is not there, or not ready, and what helps.
const TROUBLES: &[(&str, &str)] = &[
    ("unauthorized", "allow this computer's key on its screen"),
    ("offline", "plug it in again, or `adb reconnect`"),
    ("no devices", "plug it in and switch USB debugging on; `adb devices` lists what is there"),
    ("not found", "`adb devices` lists what is there"),
    ("more than one device", "name one as `serial` in the target's `runner`"),
    ("PTY", "its Android is older than 7, which passes no binary data"),
];

impl Link for Adb {
    fn name(&self) -> &str {
        &self.name
    }

    fn program(&self) -> &str {
        &self.command[0]
    }

    fn folder(&self) -> String {
        quoted(&self.folder)
    }

    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]);
        if !self.serial.is_empty() {
            command.args(["-s", &self.serial]);
        }
        command.args(["shell", "-T"]).arg(script);
        command
    }

    fn why(&self, said: &str) -> Option<String> {
        // advice follows what is wrong, and news of adb's own server comes before
        let own = said.lines().map(str::trim).find(|line| is_own(line));
        let Some(own) = own else { return said.trim().lines().last().map(|line| line.trim().into()) };
        let remedy = TROUBLES.iter().find(|(what, _)| own.contains(what)).map(|(_, remedy)| format!("; {remedy}"));
        Some(format!("{}{}", own.trim_start_matches("adb: ").trim_end_matches('.'), remedy.unwrap_or_default()))
    }

    fn lost(&self, status: ExitStatus, said: &str) -> bool {
        // a connection that breaks ends adb with 255 or 1 and says nothing; a script of ours always says why
        said.lines().any(|line| is_own(line.trim())) || (!status.success() && said.trim().is_empty())
    }
}

/// Is it adb's own complaint, and not that of a program on the device?
fn is_own(line: &str) -> bool {
    line.starts_with("error: ") || line.starts_with("adb: ")
}
