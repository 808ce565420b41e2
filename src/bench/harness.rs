//! The tool's end of the line protocol (`native/README.md`). Whatever the program does, a call returns in time with an
//! answer or with what became of the program.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use crate::candidate::Regime;
use crate::native::abi;

/// Why a call has no answer.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The program ended; how.
    Crashed(String),
    /// It did not answer in time and was ended.
    TimedOut(Duration),
    /// It refused: its own words.
    Refused(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Crashed(how) => f.write_str(how),
            Failure::TimedOut(limit) => write!(f, "no answer within {:.1} s", limit.as_secs_f64()),
            Failure::Refused(why) => f.write_str(why),
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
                    let _ = watch.child.kill();
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
                return (watch.expired, how_it_ended(status));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let _ = watch.child.kill();
        let status = watch.child.wait();
        (watch.expired, status.map_or("lost".into(), how_it_ended))
    }
}

fn how_it_ended(status: std::process::ExitStatus) -> String {
    let names =
        [(4, "SIGILL"), (6, "SIGABRT"), (7, "SIGBUS"), (8, "SIGFPE"), (9, "SIGKILL"), (11, "SIGSEGV"), (24, "SIGXCPU")];
    match status.signal() {
        Some(n) => {
            let name = names.iter().find(|(s, _)| *s == n).map_or(format!("signal {n}"), |(_, name)| (*name).into());
            format!("killed by {name}")
        }
        None => format!("ended with {status}"),
    }
}

/// A running program.
pub struct Harness {
    watchdog: Watchdog,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    limit: Duration,
    dead: bool,
    pub pid: u32,
}

type Answer<T> = std::result::Result<T, Failure>;

impl Harness {
    /// Starts the program and makes sure that it speaks this version of the protocol.
    pub fn start(mut command: Command, limit: Duration) -> Result<Self> {
        // a process group of its own: Ctrl-C is for the tool, which ends the program itself
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().display()))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let pid = child.id();
        let (stdin, stdout) = stdin.zip(stdout).context("the harness has no pipes")?;
        let mut harness =
            Self { watchdog: Watchdog::new(child), stdin, stdout: BufReader::new(stdout), limit, dead: false, pid };
        let hello = harness.call("hello", &[]).map_err(|f| anyhow!("the harness does not start: {f}"))?;
        let expected = format!("bitsmith {} ", abi::BS_PROTOCOL);
        anyhow::ensure!(hello.starts_with(&expected), "the harness speaks `{hello}`, not `{expected}`");
        Ok(harness)
    }

    /// Smallest step of the device's clock, in nanoseconds.
    pub fn timer_ns(&mut self) -> Answer<f64> {
        let hello = self.call("hello", &[])?;
        let field = hello.split(' ').find_map(|w| w.strip_prefix("timer_ns=")?.parse().ok());
        field.ok_or_else(|| Failure::Refused(format!("no timer in `{hello}`")))
    }

    pub fn load(&mut self, buffer: usize, bytes: &[u8]) -> Answer<()> {
        self.call(&format!("load {buffer} {}", bytes.len()), bytes).map(drop)
    }

    pub fn alloc(&mut self, buffer: usize, bytes: usize) -> Answer<()> {
        self.call(&format!("alloc {buffer} {bytes}"), &[]).map(drop)
    }

    /// `buffers` are lhs, rhs, cols, out.
    pub fn bind(&mut self, kernel: usize, buffers: [usize; 4], zeros: [i32; 2], threads: usize) -> Answer<()> {
        let [lhs, rhs, cols, out] = buffers;
        let [zero, out_zero] = zeros;
        self.call(&format!("bind {kernel} {lhs} {rhs} {cols} {out} {zero} {out_zero} {threads}"), &[]).map(drop)
    }

    /// Runs once between guard pages; hash of the output.
    pub fn check(&mut self, kernel: usize, side: &str) -> Answer<u64> {
        let answer = self.call(&format!("check {kernel} {side}"), &[])?;
        u64::from_str_radix(&answer, 16).map_err(|_| Failure::Refused(format!("strange hash `{answer}`")))
    }

    /// The output of the last check.
    pub fn dump(&mut self) -> Answer<Vec<u8>> {
        self.watchdog.set(Some(Instant::now() + self.limit));
        let out = self.exchange("dump", &[]).and_then(|bytes| {
            let mut out = vec![0; bytes.parse().map_err(|_| Failure::Refused("strange dump".into()))?];
            self.stdout.read_exact(&mut out).map_err(|_| self.failure())?;
            Ok(out)
        });
        self.watchdog.set(None);
        out
    }

    pub fn regime(&mut self, regime: Regime, pool_bytes: u64) -> Answer<()> {
        self.call(&format!("regime {} {pool_bytes}", regime.name()), &[]).map(drop)
    }

    /// One interleaved round of (kernel, calls); nanoseconds of each group.
    pub fn time(&mut self, groups: &[(usize, u64)]) -> Answer<Vec<f64>> {
        let words: Vec<_> = groups.iter().map(|(k, calls)| format!("{k}:{calls}")).collect();
        // every group may take as long as a single call of anything
        let limit = self.limit * (1 + groups.len() as u32);
        let answer = self.call_within(&format!("time {}", words.join(" ")), &[], limit)?;
        let times: Vec<f64> = answer.split(' ').filter_map(|w| w.parse().ok()).collect();
        if times.len() == groups.len() { Ok(times) } else { Err(Failure::Refused(format!("strange times `{answer}`"))) }
    }

    fn call(&mut self, line: &str, payload: &[u8]) -> Answer<String> {
        self.call_within(line, payload, self.limit)
    }

    fn call_within(&mut self, line: &str, payload: &[u8], limit: Duration) -> Answer<String> {
        self.watchdog.set(Some(Instant::now() + limit));
        let answer = self.exchange(line, payload);
        self.watchdog.set(None);
        answer
    }

    fn exchange(&mut self, line: &str, payload: &[u8]) -> Answer<String> {
        let mut answer = String::new();
        let sent = writeln!(self.stdin, "{line}")
            .and_then(|()| self.stdin.write_all(payload))
            .and_then(|()| self.stdin.flush());
        if sent.is_err() || self.stdout.read_line(&mut answer).is_err() || !answer.ends_with('\n') {
            return Err(self.failure());
        }
        match answer.trim_end().split_once(' ').unwrap_or((answer.trim_end(), "")) {
            ("ok", rest) => Ok(rest.to_string()),
            ("err", why) => Err(Failure::Refused(why.to_string())),
            _ => Err(Failure::Refused(format!("strange answer `{}`", answer.trim_end()))),
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

impl Drop for Harness {
    fn drop(&mut self) {
        if let Ok(mut watch) = self.watchdog.state.0.lock() {
            watch.over = true;
            let _ = watch.child.kill();
            let _ = watch.child.wait();
            self.watchdog.state.1.notify_one();
        }
    }
}
