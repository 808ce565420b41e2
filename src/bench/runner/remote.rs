//! What devices have in common that are other machines: programs are copied there and started by a shell, one run at a time
//! measures, a connection that is lost is sought again, and a device that has started anew is noticed.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};

use super::Runner;
use crate::host::{self, Machine};

/// Programs that stay on the device for the next run.
const KEPT: usize = 16;
/// How often the holder of the device's lock says that it lives, and how long it may be silent.
const BEAT: Duration = Duration::from_secs(20);
const SILENCE_S: u32 = 90;
/// What a kernel draws anew whenever it starts (Linux: random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// How long a device may be away before its run ends, which `--resume` continues; boards start within a minute or two.
const AWAY: Duration = Duration::from_secs(180);
const AGAIN: Duration = Duration::from_secs(3);

/// A way to a shell on the device.
pub trait Link: Send + Sync {
    /// The device, for people.
    fn name(&self) -> &str;
    /// The program that leads there.
    fn program(&self) -> &str;
    /// Where programs go, as a shell there expands it.
    fn folder(&self) -> String;
    /// The command that runs a script of a POSIX shell there, with binary stdin and stdout and its exit code.
    fn shell(&self, script: &str) -> Command;
    /// What to tell of a failure, of what was written to stderr; None where nothing was.
    fn why(&self, said: &str) -> Option<String>;
    /// Was there no connection, or one that broke?
    fn lost(&self, status: ExitStatus, said: &str) -> bool;
}

/// A device's starts, as its kernel tells them apart.
#[derive(Default)]
struct Boot {
    /// Empty before the first program, and where the kernel does not tell.
    id: String,
    restarted: bool,
}

/// Why a connection did not do what it should.
enum Trouble {
    /// There was none: it may come back.
    Lost(anyhow::Error),
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Trouble {
    fn from(e: anyhow::Error) -> Self {
        Self::Other(e)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(e: std::io::Error) -> Self {
        Self::Other(e.into())
    }
}

/// A device at the end of a link.
pub struct RemoteRunner<L> {
    link: L,
    sysfs: String,
    boot: Mutex<Boot>,
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

impl<L: Link> RemoteRunner<L> {
    pub fn new(link: L, sysfs: &str) -> Self {
        Self { link, sysfs: sysfs.into(), listing: OnceLock::new(), held: Mutex::new(None), boot: Mutex::default() }
    }

    /// The command that runs a script on the device, after the folder `$d` for programs and the lock was made.
    fn remote(&self, script: &str) -> Command {
        let made = format!("d={}/bitsmith; mkdir -p \"$d\" || exit 1; {script}", self.link.folder());
        self.link.shell(&made)
    }

    fn listing(&self) -> Result<&str> {
        if let Some(listing) = self.listing.get() {
            return Ok(listing);
        }
        let mark = host::FILE_MARK;
        let script =
            format!("for f in {}; do [ -r \"$f\" ] && echo && echo \"{mark}$f\" && cat \"$f\"; done; :", host::FILES);
        let output = self.link.shell(&script).stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot start {}", self.link.program()))?;
        let said = String::from_utf8_lossy(&output.stderr);
        let why = || self.link.why(&said).unwrap_or_else(|| output.status.to_string());
        ensure!(output.status.success(), "{} {}: {}", self.link.program(), self.link.name(), why());
        let listing = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(self.listing.get_or_init(|| listing))
    }

    /// Copies a program to the device unless it is there. Its name tells its content, and it is there whole or not at all;
    /// but what was written before the device last started may have lost its end, and is sent again.
    fn push(&self, program: &Path, name: &str) -> std::result::Result<(), Trouble> {
        let script = format!(
            "f=$d/{name}; b=$(cat {BOOT_ID} 2>/dev/null); \
             [ \"$b\" = \"$(cat \"$d/boot\" 2>/dev/null)\" ] || {{ rm -f \"$d\"/batch-*; echo \"$b\" >\"$d/boot\"; }}; \
             [ -x \"$f\" ] && [ $(wc -c <\"$f\") = {bytes} ] && touch \"$f\" && echo \"have $b\" && exit; \
             echo \"want $b\"; t=$f.$$.tmp; \
             {{ head -c {bytes} >\"$t\" && [ $(wc -c <\"$t\") = {bytes} ] && chmod 755 \"$t\" && mv \"$t\" \"$f\"; }} || \
             {{ rm -f \"$t\"; exit 1; }}; ls -t \"$d\"/batch-* | tail -n +{first} | while read -r old; do rm -f \"$old\"; done",
            bytes = fs::metadata(program)?.len(),
            first = KEPT + 1,
        );
        let mut command = self.remote(&script);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("cannot start {}", self.link.program()))?;
        let (stdin, stdout) = child.stdin.take().zip(child.stdout.take()).context("the connection has no pipes")?;
        let mut answer = String::new();
        BufReader::new(stdout).read_line(&mut answer)?;
        let (what, boot) = answer.trim_end().split_once(' ').unwrap_or((answer.trim_end(), ""));
        // what cannot be sent is told by how the connection ends
        let sent = if what == "want" { copy(program, stdin) } else { Ok(()) };
        let output = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            let why = self.link.why(&said).unwrap_or_else(|| output.status.to_string());
            let why = anyhow!("cannot copy a program to {}: {why}", self.link.name());
            let lost = self.link.lost(output.status, &said);
            return Err(if lost { Trouble::Lost(why) } else { Trouble::Other(why) });
        }
        sent.with_context(|| format!("cannot copy {} to {}", program.display(), self.link.name()))?;
        self.note_boot(boot);
        Ok(())
    }

    fn boot(&self) -> MutexGuard<'_, Boot> {
        self.boot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_boot(&self, id: &str) {
        let mut boot = self.boot();
        if !boot.id.is_empty() && !id.is_empty() && boot.id != id {
            boot.restarted = true;
            tell(&format!("{} has started anew; what was known of its speed is measured again", self.link.name()));
        }
        boot.id = id.into();
    }

    /// Has the lock and the program there, waiting for a device that is away.
    fn bring(&self, program: &Path, name: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            match self.keep().and_then(|()| self.push(program, name)) {
                Ok(()) => return Ok(()),
                Err(Trouble::Other(why)) => return Err(why),
                Err(Trouble::Lost(why)) if begun.elapsed() > AWAY => return Err(why),
                Err(Trouble::Lost(why)) => {
                    tell(&format!("{why:#}; trying again for {} s", AWAY.saturating_sub(begun.elapsed()).as_secs()));
                    thread::sleep(AGAIN);
                }
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the device's lock, after whoever holds it.
    fn take(&self, say: &mut dyn FnMut(&str)) -> std::result::Result<Held, Trouble> {
        let owner =
            format!("{} since {}", Machine::here().host(None).name, jiff::Timestamp::now().strftime("%F %T UTC"));
        // the lock is the kernel's: it is let go when the shell ends, however it ends; its children do not have it
        let script = format!(
            "exec 9>>\"$d/lock\" || exit 1; flock -n 9 || {{ echo \"held by $(cat \"$d/lock\")\"; flock 9 || exit 1; }}; \
             echo {owner} >\"$d/lock\"; echo locked; \
             while [ \"$(exec 9>&-; timeout {SILENCE_S} head -c 1)\" = . ]; do :; done; : >\"$d/lock\"",
            owner = quoted(&owner),
        );
        let mut command = self.remote(&script);
        // a process group of its own: Ctrl-C is for the tool, which still measures what is under way
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut shell = command.spawn().with_context(|| format!("cannot start {}", self.link.program()))?;
        let (stdin, stdout) = shell.stdin.take().zip(shell.stdout.take()).context("the connection has no pipes")?;
        let (life, ended) = mpsc::channel();
        thread::spawn(move || beat(stdin, || ended.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout)));
        let mut held = Held { shell, _life: life };
        for line in BufReader::new(stdout).lines() {
            match line?.as_str() {
                "locked" => return Ok(held),
                other => say(&format!("{} is {other}", self.link.name())),
            }
        }
        let mut said = String::new();
        held.shell.stderr.take().map(|mut e| e.read_to_string(&mut said));
        let status = held.shell.wait()?;
        let why = self.link.why(&said).unwrap_or_else(|| status.to_string());
        let why = anyhow!("cannot lock {}: {why}", self.link.name());
        Err(if self.link.lost(status, &said) { Trouble::Lost(why) } else { Trouble::Other(why) })
    }

    /// Takes the lock again where it was lost with its connection.
    fn keep(&self) -> std::result::Result<(), Trouble> {
        let mut held = self.held();
        if held.as_mut().is_some_and(|h| !matches!(h.shell.try_wait(), Ok(None))) {
            *held = Some(self.take(&mut |_| ())?);
        }
        Ok(())
    }
}

impl<L: Link> Runner for RemoteRunner<L> {
    fn machine(&self) -> Result<Machine> {
        Ok(Machine::told(self.listing()?))
    }

    fn command(&self, program: &Path, threads: usize) -> Result<Command> {
        let name = program.file_name().and_then(|n| n.to_str()).ok_or_else(|| anyhow!("a program without a name"))?;
        self.bring(program, name)?;
        let options = super::options(&self.machine()?, threads, &self.sysfs);
        let options: Vec<String> = options.iter().map(|o| quoted(o)).collect();
        // no shell stays in between, so that a program whose connection is cut loses its parent, and ends
        Ok(self.remote(&format!("exec \"$d/{name}\" --supervise 1 {}", options.join(" "))))
    }

    fn patience(&self) -> u32 {
        3
    }

    fn restarted(&self) -> bool {
        std::mem::take(&mut self.boot().restarted)
    }

    fn lock(&self, _cache: &Path, say: &mut dyn FnMut(&str)) -> Result<Option<File>> {
        let held = self.take(say).map_err(|(Trouble::Lost(why) | Trouble::Other(why))| why)?;
        *self.held() = Some(held);
        Ok(None)
    }
}

/// Progress, which goes to stderr: stdout may be a document.
fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Says that we live, until there is nobody to say it to, or nobody who lives.
fn beat(mut to: ChildStdin, on: impl Fn() -> bool) {
    while to.write_all(b".").and_then(|()| to.flush()).is_ok() && on() {}
}

fn copy(program: &Path, mut to: ChildStdin) -> std::io::Result<()> {
    std::io::copy(&mut File::open(program)?, &mut to).map(drop)
}

/// As one word of a POSIX shell.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
