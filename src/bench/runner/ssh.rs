//! `ssh`: another machine, reached as the user's own ssh configuration says.

use std::process::{Command, ExitStatus};

use super::remote::{Link, RemoteRunner, quoted};
use crate::target;

/// Nobody is there to answer a question; a connection that is silent for 15 s is lost.
const OPTIONS: &[&str] = &[
    "-T",
    "-oBatchMode=yes",
    "-oConnectTimeout=10",
    "-oServerAliveInterval=5",
    "-oServerAliveCountMax=3",
    "-oLogLevel=ERROR",
];

pub struct Ssh {
    host: String,
    /// `ssh` and what the target adds to it.
    command: Vec<String>,
}

pub fn runner(runner: &target::Runner) -> RemoteRunner<Ssh> {
    let command = if runner.command.is_empty() { vec!["ssh".into()] } else { runner.command.clone() };
    RemoteRunner::new(Ssh { host: runner.host.clone(), command }, &runner.sysfs)
}

impl Link for Ssh {
    fn name(&self) -> &str {
        &self.host
    }

    fn program(&self) -> &str {
        &self.command[0]
    }

    fn folder(&self) -> String {
        "${XDG_CACHE_HOME:-$HOME/.cache}".into()
    }

    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new(&self.command[0]);
        // whatever the user's shell is there
        let script = format!("exec sh -c {}", quoted(script));
        command.args(&self.command[1..]).args(OPTIONS).arg("--").arg(&self.host).arg(script);
        command
    }

    fn why(&self, said: &str) -> Option<String> {
        said.trim().lines().last().map(String::from)
    }

    fn lost(&self, status: ExitStatus, _said: &str) -> bool {
        status.code() == Some(255) // ssh's own failures (ssh(1), EXIT STATUS)
    }
}
