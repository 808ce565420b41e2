//! A program that answers lines on stdin with lines on stdout: one of ours, or a peer. Whatever it does, a call returns in
//! time with an answer or with what became of the program.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// Why a call has no answer.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The program ended; how.
    Crashed(String),
    /// It did not answer in time and was ended.
    TimedOut(Duration),
    /// It refused: its own words.
    Refused(String),
    /// It does not do such things: its own words.
    Unsupported(String),
    /// The device held itself back for as long as was waited: how.
    Throttled(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Crashed(how) => f.write_str(how),
            Failure::TimedOut(limit) => write!(f, "no answer within {:.1} s", limit.as_secs_f64()),
            Failure::Refused(why) | Failure::Unsupported(why) | Failure::Throttled(why) => f.write_str(why),
        }
    }
}

/// Ends the program when a deadline passes.
struct Watchdog {
    state: Arc<(Mutex<Watch>, Condvar)>,
}
struct Watch {
    child: Child,
    deadline: Option<Instant>,
    expired: bool,
    over: bool,
}

impl Watchdog {
    fn new(child: Child) -> Self {
        let state =
            Arc::new((Mutex::new(Watch { child, deadline: None, expired: false, over: false }), Condvar::new()));
        let shared = state.clone();
        std::thread::spawn(move || {
            let (lock, changed) = &*shared;
            let Ok(mut watch) = lock.lock() else { return };
            while !watch.over {
                let wait =
                    watch.deadline.map_or(Duration::from_secs(3600), |d| d.saturating_duration_since(Instant::now()));
                if watch.deadline.is_some() && wait.is_zero() {
                    watch.expired = true;
                    watch.deadline = None;
                    kill(&mut watch.child);
                }
                match changed.wait_timeout(watch, wait) {
                    Ok((guard, _)) => watch = guard,
                    Err(_) => return,
                }
            }
        });
        Self { state }
    }

    fn set(&self, deadline: Option<Instant>) {
        if let Ok(mut watch) = self.state.0.lock() {
            watch.deadline = deadline;
            self.state.1.notify_one();
        }
    }

    /// Ends the program and says how it ended, or that it was the watchdog.
    fn end(&self) -> (bool, String) {
        let Ok(mut watch) = self.state.0.lock() else { return (false, "lost".into()) };
        watch.over = true;
        self.state.1.notify_one();
        // it has closed its output: give it a moment to finish dying of its own cause
        for _ in 0..100 {
            if let Ok(Some(status)) = watch.child.try_wait() {
                kill(&mut watch.child);
                return (watch.expired, how_it_ended(status));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        kill(&mut watch.child);
        let status = watch.child.wait();
        (watch.expired, status.map_or("lost".into(), how_it_ended))
    }
}

/// Ends the program and whatever it has started.
fn kill(child: &mut Child) {
    // its process group has its number, and outlives it where it has left others behind
    if let Ok(group) = libc::pid_t::try_from(child.id()) {
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
    let _ = child.kill();
}

fn how_it_ended(status: std::process::ExitStatus) -> String {
    let names =
        [(4, "SIGILL"), (6, "SIGABRT"), (7, "SIGBUS"), (8, "SIGFPE"), (9, "SIGKILL"), (11, "SIGSEGV"), (24, "SIGXCPU")];
    // a program that runs another tells that one's signal as a shell does
    match status.signal().or(status.code().filter(|code| (129..160).contains(code)).map(|code| code - 128)) {
        Some(n) => {
            let name = names.iter().find(|(s, _)| *s == n).map_or(format!("signal {n}"), |(_, name)| (*name).into());
            format!("killed by {name}")
        }
        None => format!("ended with {status}"),
    }
}

/// The longest answer, in bytes.
const LONGEST: u64 = 1 << 20;

/// A running program.
pub struct Process {
    watchdog: Watchdog,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    limit: Duration,
    dead: bool,
    pub pid: u32,
    /// What it says beside its answers, where the command pipes that.
    pub stderr: Option<ChildStderr>,
}

pub type Answer<T> = std::result::Result<T, Failure>;

impl Process {
    /// Starts the program. `limit` is what it may take for an answer.
    /// # Errors
    /// A program that cannot be started.
    pub fn start(mut command: Command, limit: Duration) -> Result<Self> {
        // a process group of its own: Ctrl-C is for the tool, which ends the program itself
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (pid, stderr) = (child.id(), child.stderr.take());
        let (stdin, stdout) = stdin.zip(stdout).context("the program has no pipes")?;
        let stdout = BufReader::new(stdout);
        Ok(Self { watchdog: Watchdog::new(child), stdin, stdout, limit, dead: false, pid, stderr })
    }

    pub fn call(&mut self, line: &str, payload: &[u8]) -> Answer<String> {
        self.call_within(line, payload, self.limit)
    }

    /// What follows `ok` in the answer to a line and its payload.
    pub fn call_within(&mut self, line: &str, payload: &[u8], limit: Duration) -> Answer<String> {
        self.watched(limit, |p| p.exchange(line, payload))
    }

    /// The same, where the answer is a number of bytes and so many follow.
    pub fn download(&mut self, line: &str) -> Answer<Vec<u8>> {
        self.watched(self.limit, |p| {
            let bytes = p.exchange(line, &[])?;
            let mut out = vec![0; bytes.parse().map_err(|_| Failure::Refused(format!("strange size `{bytes}`")))?];
            p.stdout.read_exact(&mut out).map_err(|_| p.failure())?;
            Ok(out)
        })
    }

    fn watched<T>(&mut self, limit: Duration, talk: impl FnOnce(&mut Self) -> Answer<T>) -> Answer<T> {
        self.watchdog.set(Some(Instant::now() + limit));
        let answer = talk(self);
        self.watchdog.set(None);
        answer.map_err(|f| if let Failure::TimedOut(_) = f { Failure::TimedOut(limit) } else { f })
    }

    fn exchange(&mut self, line: &str, payload: &[u8]) -> Answer<String> {
        let mut answer = Vec::new();
        let sent = writeln!(self.stdin, "{line}")
            .and_then(|()| self.stdin.write_all(payload))
            .and_then(|()| self.stdin.flush());
        let got = sent.and_then(|()| (&mut self.stdout).take(LONGEST).read_until(b'\n', &mut answer));
        if answer.len() as u64 == LONGEST {
            self.failure();
            return Err(Failure::Refused(format!("an answer of more than {LONGEST} bytes")));
        }
        if got.is_err() || !answer.ends_with(b"\n") {
            return Err(self.failure());
        }
        let answer = String::from_utf8_lossy(&answer);
        match answer.trim_end().split_once(' ').unwrap_or((answer.trim_end(), "")) {
            ("ok", rest) => Ok(rest.to_string()),
            ("err", why) => Err(Failure::Refused(why.to_string())),
            ("unsupported", why) => Err(Failure::Unsupported(why.to_string())),
            _ => {
                let start: String = answer.trim_end().chars().take(200).collect();
                Err(Failure::Refused(format!("strange answer `{start}`")))
            }
        }
    }

    fn failure(&mut self) -> Failure {
        self.dead = true;
        match self.watchdog.end() {
            (true, _) => Failure::TimedOut(self.limit),
            (false, how) => Failure::Crashed(how),
        }
    }

    /// Has the program ended?
    pub fn is_dead(&self) -> bool {
        self.dead
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.dead {
            return; // and its number may be another's by now
        }
        if let Ok(mut watch) = self.watchdog.state.0.lock() {
            watch.over = true;
            kill(&mut watch.child);
            let _ = watch.child.wait();
            self.watchdog.state.1.notify_one();
        }
    }
}
