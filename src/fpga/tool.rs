//! Programs of others: found on the path, run with limits of time and memory, and ended with whatever they have started.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A folder with programs that is looked into before the path.
pub const TOOLS: &str = "BITSMITH_FPGA_TOOLS";

/// A program that is there.
#[derive(Clone, Debug)]
pub struct Program {
    pub path: PathBuf,
    /// The first line that it says of its version.
    pub version: String,
}

/// Why a program gave nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Failure {
    /// Not on this machine: its names, and what brings it.
    Missing(String),
    /// It ended without success: its own words.
    Failed(String),
    TimedOut(f64),
    /// Bytes that it took when it was ended.
    TooLarge(u64),
    /// No space is left where it writes.
    DiskFull(String),
    /// The user said so.
    Stopped,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Missing(what) => f.write_str(what),
            Failure::Failed(why) => f.write_str(why),
            Failure::TimedOut(seconds) => write!(f, "not done within {seconds:.0} s"),
            Failure::TooLarge(bytes) => write!(f, "took {} MB of memory", bytes >> 20),
            Failure::DiskFull(at) => write!(f, "no space left on the disk of {at}"),
            Failure::Stopped => f.write_str("stopped"),
        }
    }
}

/// What a program may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub seconds: f64,
    /// Resident bytes of it and of what it has started.
    pub memory: u64,
}

/// The first of these that the folder of [`TOOLS`] or the path has.
/// # Errors
/// [`Failure::Missing`], with what brings it.
pub fn find(programs: &[&str], version: &[&str], install: &str) -> Result<Program, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let own = std::env::var_os(TOOLS).map(PathBuf::from);
    let folders: Vec<PathBuf> = own.into_iter().chain(std::env::split_paths(&path)).collect();
    let there = programs.iter().flat_map(|p| folders.iter().map(move |f| f.join(p))).find(|p| p.is_file());
    let Some(path) = there else {
        let names = programs.join(" nor ");
        return Err(Failure::Missing(format!("{names} is not on the path; {install}")));
    };
    Ok(Program { version: version_of(&path, version), path })
}

fn version_of(path: &Path, arguments: &[&str]) -> String {
    let said = Command::new(path).args(arguments).stdin(Stdio::null()).output();
    let said = said.map(|o| [o.stdout, o.stderr].map(|t| String::from_utf8_lossy(&t).into_owned()));
    let lines = said.iter().flatten().flat_map(|t| t.lines());
    let mut lines = lines.filter(|l| !l.trim().is_empty() && !l.starts_with("Preparing to run"));
    let line = lines.next().unwrap_or("unknown version");
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    // "Yosys 0.23 (git sha1 ...)", or "nextpnr-ecp5" -- Next ... (Version nextpnr-0.11.1)
    let version = line.rsplit_once("(Version ").map(|(_, v)| v.trim_end_matches(')').to_string());
    version.unwrap_or_else(|| format!("{name}: {}", line.split(" (").next().unwrap_or(line).trim()))
}

/// Runs a command in `folder`; what it says is kept in `folder/log` and returned.
/// # Errors
/// Whatever became of it.
pub fn run(
    command: &mut Command,
    folder: &Path,
    log: &str,
    limits: Limits,
    stop: &AtomicBool,
) -> Result<String, Failure> {
    let at = folder.join(log);
    let full = || Failure::DiskFull(folder.display().to_string());
    let broken = |e: std::io::Error| match e.kind() {
        std::io::ErrorKind::StorageFull => full(),
        _ => Failure::Failed(format!("{}: {e}", command_name(&at))),
    };
    let out = fs::File::create(&at).map_err(broken)?;
    let err = out.try_clone().map_err(broken)?;
    let program = command.get_program().to_string_lossy().into_owned();
    command.current_dir(folder).stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
    let mut child = command.spawn().map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => Failure::Missing(format!("`{program}` is not on the path; install it")),
        _ => Failure::Failed(format!("{program}: {e}")),
    })?;
    let ended = watch(&mut child, limits, stop);
    kill(&mut child);
    let said = String::from_utf8_lossy(&fs::read(&at).unwrap_or_default()).into_owned();
    let status = ended?;
    if said.contains("No space left on device") {
        return Err(full());
    }
    match status.success() {
        true => Ok(said),
        false => Err(Failure::Failed(complaint(&said).unwrap_or_else(|| format!("{program}: {status}")))),
    }
}

fn command_name(path: &Path) -> String {
    path.display().to_string()
}

fn watch(child: &mut Child, limits: Limits, stop: &AtomicBool) -> Result<std::process::ExitStatus, Failure> {
    let begun = Instant::now();
    let mut weighed = begun;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) => {}
            Err(e) => return Err(Failure::Failed(e.to_string())),
        }
        if stop.load(Ordering::Relaxed) {
            return Err(Failure::Stopped);
        }
        if begun.elapsed().as_secs_f64() > limits.seconds {
            return Err(Failure::TimedOut(limits.seconds));
        }
        if weighed.elapsed() > Duration::from_millis(250) {
            weighed = Instant::now();
            let bytes = resident(child.id());
            if bytes > limits.memory {
                return Err(Failure::TooLarge(bytes));
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Resident bytes of a process group. Address space would say nothing: some of these tools reserve far more than they use.
fn resident(group: u32) -> u64 {
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    let of = |path: PathBuf| -> Option<u64> {
        let stat = fs::read_to_string(path.join("stat")).ok()?;
        // after the name in parentheses: state, parent, group ... 22nd of these: resident pages
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        (fields.get(2)?.parse::<u32>().ok()? == group).then(|| fields.get(21)?.parse::<u64>().ok())?
    };
    entries.flatten().filter_map(|e| of(e.path())).sum::<u64>() * 4096
}

/// Ends the program and whatever it has started.
fn kill(child: &mut Child) {
    // its process group has its number, and outlives it where it has left others behind
    if let Ok(group) = libc::pid_t::try_from(child.id()) {
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The first line that complains, else the last.
fn complaint(said: &str) -> Option<String> {
    let lines = || said.lines().map(str::trim).filter(|l| !l.is_empty());
    let first = lines().find(|l| l.to_ascii_lowercase().contains("error"));
    let line = first.or_else(|| lines().next_back())?;
    Some(line.chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { seconds: 20.0, memory: 1 << 30 };

    fn sh(script: &str, limits: Limits) -> Result<String, Failure> {
        let dir = tempfile::tempdir().unwrap();
        run(Command::new("sh").args(["-c", script]), dir.path(), "log", limits, &AtomicBool::new(false))
    }

    #[test]
    fn programs_are_held_to_their_limits() {
        assert_eq!(sh("echo yes; echo no >&2", LIMITS).unwrap(), "yes\nno\n");
        assert_eq!(sh("echo a; echo 'ERROR: bad'; echo b; exit 1", LIMITS), Err(Failure::Failed("ERROR: bad".into())));
        assert!(matches!(sh("kill -SEGV $$", LIMITS), Err(Failure::Failed(why)) if why.contains("signal: 11")));
        let endless = sh("sleep 600 & while :; do :; done", Limits { seconds: 0.3, ..LIMITS });
        assert_eq!(endless, Err(Failure::TimedOut(0.3)));
        let large =
            sh("head -c 300000000 /dev/zero | tail -c 300000000 | sleep 30", Limits { memory: 50 << 20, ..LIMITS });
        assert!(matches!(large, Err(Failure::TooLarge(bytes)) if bytes > 50 << 20), "{large:?}");
        let full = sh("echo 'cannot write: No space left on device'; exit 0", LIMITS);
        assert!(matches!(full, Err(Failure::DiskFull(_))));
        let dir = tempfile::tempdir().unwrap();
        let stopped = run(Command::new("sleep").arg("60"), dir.path(), "log", LIMITS, &AtomicBool::new(true));
        assert_eq!(stopped, Err(Failure::Stopped));
        let missing = run(&mut Command::new("no-such-tool"), dir.path(), "log", LIMITS, &AtomicBool::new(false));
        assert!(matches!(missing, Err(Failure::Missing(_))));
        assert!(find(&["no-such-tool"], &[], "apt install it").unwrap_err().to_string().ends_with("apt install it"));
    }
}
