//! `ssh`: the program is copied to another machine and started there; its lines go through the connection. The user's own
//! ssh configuration says how the machine is reached and as whom.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::Runner;
use crate::host::{self, Machine};
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
/// Where programs and the lock are, on the device.
const FOLDER: &str = "d=${XDG_CACHE_HOME:-$HOME/.cache}/bitsmith; mkdir -p \"$d\" || exit 1";
/// Programs that stay on the device for the next run.
const KEPT: usize = 16;
/// How often the holder of the device's lock says that it lives, and how long it may be silent.
const BEAT: Duration = Duration::from_secs(20);
const SILENCE_S: u32 = 90;

pub struct SshRunner {
    host: String,
    /// `ssh` and what the target adds to it.
    command: Vec<String>,
    listing: OnceLock<String>,
    held: Mutex<Option<Held>>,
}

/// The device's lock: a shell there that holds it as long as it hears of us.
struct Held {
    shell: Child,
    /// Ends the thread that sends signs of life, and with it the shell's input.
    _life: Sender<()>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

impl SshRunner {
    pub fn new(runner: &target::Runner) -> Self {
        let command = if runner.command.is_empty() { vec!["ssh".into()] } else { runner.command.clone() };
        Self { host: runner.host.clone(), command, listing: OnceLock::new(), held: Mutex::new(None) }
    }

    /// The command that runs a script on the device, whatever the user's shell is there.
    fn remote(&self, script: &str) -> Command {
        let (ssh, options) = self.command.split_first().expect("at least `ssh`");
        let mut command = Command::new(ssh);
        command.args(options).args(OPTIONS).arg("--").arg(&self.host).arg(format!("exec sh -c {}", quoted(script)));
        command
    }

    fn listing(&self) -> Result<&str> {
        if let Some(listing) = self.listing.get() {
            return Ok(listing);
        }
        let mark = host::FILE_MARK;
        let script =
            format!("for f in {}; do [ -r \"$f\" ] && echo && echo \"{mark}$f\" && cat \"$f\"; done; :", host::FILES);
        let output = self.remote(&script).stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot start {}", self.command[0]))?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "ssh {}: {}", self.host, last_line(&said, &output.status.to_string()));
        let listing = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(self.listing.get_or_init(|| listing))
    }

    /// Copies a program to the device unless it is there. Its name tells its content, and it is there whole or not at all.
    fn push(&self, program: &Path, name: &str) -> Result<()> {
        let script = format!(
            "{FOLDER}; f=$d/{name}; [ -x \"$f\" ] && touch \"$f\" && echo have && exit; echo want; t=$f.$$.tmp; \
             {{ cat >\"$t\" && [ $(wc -c <\"$t\") = {bytes} ] && chmod 755 \"$t\" && mv \"$t\" \"$f\"; }} || \
             {{ rm -f \"$t\"; exit 1; }}; ls -t \"$d\"/batch-* | tail -n +{first} | while read -r old; do rm -f \"$old\"; done",
            bytes = fs::metadata(program)?.len(),
            first = KEPT + 1,
        );
        let mut command = self.remote(&script);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", self.command[0]))?;
        let (stdin, stdout) = child.stdin.take().zip(child.stdout.take()).context("ssh has no pipes")?;
        let mut answer = String::new();
        BufReader::new(stdout).read_line(&mut answer)?;
        // what cannot be sent is told by how ssh ends
        let sent = if answer == "want\n" { copy(program, stdin) } else { Ok(()) };
        let output = child.wait_with_output()?;
        let why = || last_line(&String::from_utf8_lossy(&output.stderr), &output.status.to_string());
        ensure!(output.status.success(), "cannot copy a program to {}: {}", self.host, why());
        sent.with_context(|| format!("cannot copy {} to {}", program.display(), self.host))
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the device's lock, after whoever holds it.
    fn take(&self, say: &mut dyn FnMut(&str)) -> Result<Held> {
        let owner =
            format!("{} since {}", Machine::here().host(None).name, jiff::Timestamp::now().strftime("%F %T UTC"));
        // the lock is the kernel's: it is let go when the shell ends, however it ends; its children do not have it
        let script = format!(
            "{FOLDER}; exec 9>>\"$d/lock\" || exit 1; flock -n 9 || {{ echo \"held by $(cat \"$d/lock\")\"; flock 9 || exit 1; }}; \
             echo {owner} >\"$d/lock\"; echo locked; \
             while [ \"$(exec 9>&-; timeout {SILENCE_S} head -c 1)\" = . ]; do :; done; : >\"$d/lock\"",
            owner = quoted(&owner),
        );
        let mut command = self.remote(&script);
        // a process group of its own: Ctrl-C is for the tool, which still measures what is under way
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut shell = command.spawn().with_context(|| format!("cannot start {}", self.command[0]))?;
        let (stdin, stdout) = shell.stdin.take().zip(shell.stdout.take()).context("ssh has no pipes")?;
        let (life, ended) = mpsc::channel();
        thread::spawn(move || beat(stdin, || ended.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout)));
        let mut held = Held { shell, _life: life };
        for line in BufReader::new(stdout).lines() {
            match line?.as_str() {
                "locked" => return Ok(held),
                other => say(&format!("{} is {other}", self.host)),
            }
        }
        let mut said = String::new();
        held.shell.stderr.take().map(|mut e| e.read_to_string(&mut said));
        bail!("cannot lock {}: {}", self.host, last_line(&said, "ssh ended"))
    }

    /// Takes the lock again where it was lost with its connection.
    fn keep(&self) -> Result<()> {
        let mut held = self.held();
        if held.as_mut().is_some_and(|h| !matches!(h.shell.try_wait(), Ok(None))) {
            *held = Some(self.take(&mut |_| ())?);
        }
        Ok(())
    }
}

impl Runner for SshRunner {
    fn machine(&self) -> Result<Machine> {
        Ok(Machine::told(self.listing()?))
    }

    fn command(&self, program: &Path, threads: usize) -> Result<Command> {
        let name = program.file_name().and_then(|n| n.to_str()).ok_or_else(|| anyhow!("a program without a name"))?;
        self.keep()?;
        self.push(program, name)?;
        let options = self.machine()?.harness_options(threads).join(" ");
        // no shell stays in between, so that a program whose connection is cut loses its parent, and ends
        Ok(self.remote(&format!("{FOLDER}; exec \"$d/{name}\" --supervise 1 {options}")))
    }

    fn patience(&self) -> u32 {
        3
    }

    fn lock(&self, _cache: &Path, say: &mut dyn FnMut(&str)) -> Result<Option<File>> {
        let held = self.take(say)?;
        *self.held() = Some(held);
        Ok(None)
    }
}

/// Says that we live, until there is nobody to say it to, or nobody who lives.
fn beat(mut to: ChildStdin, on: impl Fn() -> bool) {
    while to.write_all(b".").and_then(|()| to.flush()).is_ok() && on() {}
}

fn copy(program: &Path, mut to: ChildStdin) -> std::io::Result<()> {
    std::io::copy(&mut File::open(program)?, &mut to).map(drop)
}

/// As one word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn last_line(text: &str, otherwise: &str) -> String {
    text.trim().lines().last().unwrap_or(otherwise).to_string()
}
