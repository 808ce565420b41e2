//! Peers: other people's kernels. A peer is a program that times its own kernel of a layer and speaks a few lines
//! (`native/baselines/README.md`); for some libraries it is shipped.

mod onednn;
mod onnxruntime;

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use super::process::{Answer, Failure, Process};
use super::session::time_limit;
use crate::candidate::{Contract, Regime};
use crate::host::Machine;
use crate::layer::{Op, Shape};
use crate::scheme::Scheme;
use crate::scheme::format::Granularity;

/// A peer that is shipped.
pub struct Adapter {
    pub name: &'static str,
    /// What to do where it does not start.
    pub remedy: &'static str,
    /// Makes its program ready in the cache, for so many threads.
    command: fn(cache: &Path, threads: usize) -> Result<Command>,
}

/// Every peer that is shipped: one file here, one in `native/baselines/`, and one row.
pub static ADAPTERS: &[Adapter] = &[onnxruntime::ADAPTER, onednn::ADAPTER];

/// What a peer may take to start, and to make a layer ready: libraries load slowly, and weights are packed here.
const START: Duration = Duration::from_secs(60);

/// A running peer.
pub struct Peer {
    process: Process,
    said: Said,
    /// `onnxruntime-1.32.0`.
    pub name: String,
    /// What a call costs that computes nothing, in nanoseconds, where the peer tells.
    pub call_ns: Option<f64>,
}

impl Peer {
    /// Starts a shipped peer by its name, or any command that speaks the protocol.
    /// # Errors
    /// A peer that does not start; says what to do.
    pub fn start(with: &str, cache: &Path, threads: usize) -> Result<Self> {
        let adapter = ADAPTERS.iter().find(|a| a.name == with);
        let known: Vec<&str> = ADAPTERS.iter().map(|a| a.name).collect();
        let remedy = adapter.map_or_else(
            || format!("give {}, or a command that speaks native/baselines/README.md", known.join(", ")),
            |a| a.remedy.into(),
        );
        let fails = |why: String| anyhow!("peer {with} does not start: {why}; {remedy}");
        let mut command = match adapter {
            Some(adapter) => (adapter.command)(cache, threads).map_err(|e| fails(format!("{e:#}")))?,
            None => {
                let mut shell = Command::new("sh");
                // `exec`: one process, which gets the signals that are meant for it
                shell.args(["-c", &format!("exec {with}")]);
                shell
            }
        };
        command.env("OMP_NUM_THREADS", threads.to_string()).stderr(Stdio::piped());
        confine(&mut command, Machine::here().last_cpus(threads));
        let mut process = Process::start(command, START).map_err(|e| fails(format!("{e:#}")))?;
        let said = Said::of(process.stderr.take());
        let hello = process.call("hello", &[]).map_err(|f| fails(said.with(f).to_string()))?;
        let (name, call_ns) = introduction(&hello).map_err(|e| fails(e.to_string()))?;
        Ok(Self { process, said, name, call_ns })
    }

    /// Makes a layer ready, in place of the one before.
    pub fn load(&mut self, layer: &str, macs: u64) -> Answer<()> {
        let answer = self.process.call_within(&format!("load {layer}"), &[], START + time_limit(macs));
        answer.map(drop).map_err(|f| self.said.with(f))
    }

    /// Nanoseconds of so many calls of the layer that was loaded, which has so many multiply-accumulates.
    pub fn time(&mut self, calls: u64, macs: u64) -> Answer<f64> {
        let asked = Instant::now();
        let answer = self.process.call_within(&format!("time {calls}"), &[], time_limit(macs) * 2);
        let answer = answer.map_err(|f| self.said.with(f))?;
        let most = asked.elapsed().as_nanos() as f64;
        let ns = answer.parse().ok().filter(|ns: &f64| ns.is_finite() && *ns > 0.0);
        let ns = ns.ok_or_else(|| Failure::Refused(format!("strange time `{}`", short(&answer))))?;
        if ns > most {
            return Err(Failure::Refused(format!("it says {ns} ns, but was asked only {most} ns before")));
        }
        Ok(ns)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if !self.process.is_dead() {
            let _ = self.process.call_within("quit", &[], Duration::from_millis(200));
        }
    }
}

/// Name and version, and the cost of a call, out of the answer to `hello`.
fn introduction(hello: &str) -> Result<(String, Option<f64>)> {
    let words: Vec<&str> = hello.split(' ').collect();
    let plain = |w: &str| w.len() <= 40 && w.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
    let strange = || anyhow!("it says `{}`, not `ok peer 1 NAME VERSION`", short(hello));
    let ["peer", "1", name, version, rest @ ..] = words.as_slice() else { return Err(strange()) };
    ensure!(!name.is_empty() && !version.is_empty() && plain(name) && plain(version), strange());
    let call = rest.iter().find_map(|w| w.strip_prefix("call_ns=")?.parse::<f64>().ok());
    Ok((format!("{name}-{version}"), call.filter(|ns| ns.is_finite() && *ns >= 0.0)))
}

fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

/// Lets a program run on these cpus only, and end with the tool.
pub(super) fn confine(command: &mut Command, cpus: Vec<usize>) {
    let inside = move || {
        // only system calls: this runs between fork and exec
        unsafe {
            let mut set: libc::cpu_set_t = std::mem::zeroed();
            cpus.iter().filter(|c| **c < libc::CPU_SETSIZE as usize).for_each(|c| libc::CPU_SET(*c, &mut set));
            libc::sched_setaffinity(0, size_of_val(&set), &set);
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        }
        Ok(())
    };
    unsafe { command.pre_exec(inside) };
}

/// The end of what a program says on stderr.
struct Said {
    tail: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Said {
    fn of(stderr: Option<ChildStderr>) -> Self {
        let tail = Arc::new(Mutex::new(Vec::new()));
        let shared = tail.clone();
        let read = move |mut from: ChildStderr| {
            let mut chunk = [0; 4096];
            while let Ok(bytes @ 1..) = from.read(&mut chunk) {
                let Ok(mut tail) = shared.lock() else { return };
                tail.extend_from_slice(&chunk[..bytes]);
                let old = tail.len().saturating_sub(chunk.len());
                tail.drain(..old);
            }
        };
        Self { tail, reader: stderr.map(|from| std::thread::spawn(move || read(from))) }
    }

    /// A failure with the last line that was said, where the program ended of itself.
    fn with(&self, failure: Failure) -> Failure {
        let Failure::Crashed(how) = failure else { return failure };
        for _ in 0..50 {
            if self.reader.as_ref().is_none_or(JoinHandle::is_finished) {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let tail = self.tail.lock().map(|t| String::from_utf8_lossy(&t).into_owned()).unwrap_or_default();
        let last = tail.lines().map(str::trim).rfind(|l| !l.is_empty());
        Failure::Crashed(last.map_or(how.clone(), |l| format!("{how}: {}", short(l))))
    }
}

/// A layer as the protocol says it: `op=gemm m=4 n=8 k=16 scheme=w8a8 ...`.
pub fn layer_words(shape: &Shape, scheme: &Scheme, contract: Contract, regime: Regime, threads: usize) -> String {
    let layer = match shape.op {
        Op::Gemm | Op::Gemv => format!("op=gemm m={} n={} k={}", shape.m(), shape.n(), shape.k()),
        op => {
            let after = |out: usize, window: usize, before: usize, size: usize| {
                ((out - 1) * shape.stride + window).saturating_sub(size + before)
            };
            let bottom = after(shape.oh, shape.kh, shape.top, shape.h);
            let right = after(shape.ow, shape.kw, shape.left, shape.w);
            let Shape { h, w, c, f, kh, kw, stride, top, left, .. } = shape;
            let op = op.name();
            format!(
                "op={op} h={h} w={w} c={c} f={f} kh={kh} kw={kw} stride={stride} top={top} left={left} \
                 bottom={bottom} right={right}"
            )
        }
    };
    let group = match scheme.granularity {
        _ if !scheme.weights.takes().scale => "own".into(),
        Granularity::Row => "0".into(),
        Granularity::Tensor => "tensor".into(),
        Granularity::Group { columns, .. } => columns.to_string(),
    };
    let weights = if scheme.weights.takes().integer { "int".into() } else { scheme.weights.name() };
    format!(
        "{layer} scheme={scheme} weights={weights} bits={} group={group} affine={} activations={} contract={} \
         regime={} threads={threads}",
        scheme.weight_bits(),
        u8::from(scheme.affine),
        scheme.activations.kind,
        contract.name(),
        regime.name()
    )
}
