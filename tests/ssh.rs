//! A device behind ssh: an sshd of the test's own on the loopback, with keys, port and folders of its own.

mod common;

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bitsmith::bench::Device;
use bitsmith::candidate::{Contract, Regime};
use bitsmith::layer::Shape;
use bitsmith::record::Outcome;
use bitsmith::target::Target;
use common::{Lab, cache, sample};
use tempfile::TempDir;

/// A running sshd whose sessions find `device/` where programs and the lock go.
struct Sshd {
    dir: TempDir,
    server: Child,
}

impl Sshd {
    /// `before` is what every session's shell does first.
    fn start(before: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).display().to_string();
        for key in ["host", "user"] {
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &at(key)]).status();
            assert!(made.unwrap().success());
        }
        fs::create_dir(at("device")).unwrap();
        let _ = fs::create_dir("/run/sshd"); // what sshd wants where it runs as root
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let shell = format!("export XDG_CACHE_HOME={}\n{before}\neval \"$SSH_ORIGINAL_COMMAND\"\n", at("device"));
        fs::write(at("session"), shell).unwrap();
        let server = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             PasswordAuthentication no\nPermitRootLogin yes\nForceCommand exec sh {}\n",
            at("host"),
            at("user.pub"),
            at("session"),
        );
        fs::write(at("sshd_config"), server).unwrap();
        let client = format!(
            "Host device\n HostName 127.0.0.1\n Port {port}\n IdentityFile {}\n IdentitiesOnly yes\n \
             UserKnownHostsFile {}\n StrictHostKeyChecking accept-new\n",
            at("user"),
            at("known"),
        );
        fs::write(at("ssh_config"), client).unwrap();
        let log = fs::File::create(at("log")).unwrap();
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f", &at("sshd_config")]).stdin(Stdio::null()).stderr(log);
        let server = sshd.spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < end, "no sshd: {}", fs::read_to_string(at("log")).unwrap());
            thread::sleep(Duration::from_millis(20));
        }
        Self { dir, server }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Plain C on this very machine, by way of ssh.
    fn target(&self) -> String {
        format!(
            "name = \"loop\"\nfamily = \"x86\"\nisa = \"scalar\"\ncompiler = {{ cc = \"cc\", flags = [\"-O3\"] }}\n\
             runner = {{ kind = \"ssh\", host = \"device\", command = [\"ssh\", \"-F\", \"{}\"] }}\n",
            self.at("ssh_config").display()
        )
    }

    fn device(&self) -> Device {
        Device::open(Target::parse("loop.toml", &self.target()).unwrap(), &cache()).unwrap()
    }

    /// Programs on the device and half programs, by name.
    fn programs(&self) -> Vec<String> {
        let folder = fs::read_dir(self.at("device/bitsmith")).unwrap();
        let names = folder.map(|f| f.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.starts_with("batch-")).collect()
    }

    /// Ends every session's sshd, as if the network were gone.
    fn cut(&self) {
        for pid in below(self.server.id()).into_iter().filter(|pid| comm(*pid).starts_with("sshd")) {
            unsafe { libc::kill(pid as libc::pid_t, libc::SIGKILL) };
        }
    }

    fn tune(&self, budget: &str) -> Output {
        fs::write(self.at("loop.toml"), self.target()).unwrap();
        let mut bitsmith = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
        bitsmith.args(["tune", "--gemm", "5x20x9", "--scheme", "w8a8", "--contract", "int8", "--target", "loop.toml"]);
        bitsmith.args(["--budget", budget, "--out", "run"]).current_dir(self.dir.path());
        bitsmith.env("BITSMITH_CACHE", cache()).output().unwrap()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.cut();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn stat(pid: u32) -> Option<(String, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (name, rest) = text.rsplit_once(')')?;
    Some((name.split_once('(')?.1.to_string(), rest.split_whitespace().nth(1)?.parse().ok()?))
}

fn comm(pid: u32) -> String {
    stat(pid).map_or(String::new(), |(name, _)| name)
}

/// Processes that were started by this one, and by those.
fn below(parent: u32) -> Vec<u32> {
    let pids = || fs::read_dir("/proc").unwrap().flatten().filter_map(|d| d.file_name().to_str()?.parse::<u32>().ok());
    let children: Vec<u32> = pids().filter(|pid| stat(*pid).is_some_and(|(_, of)| of == parent)).collect();
    children.iter().flat_map(|child| [vec![*child], below(*child)].concat()).collect()
}

/// Processes that run a program of this folder.
fn running(folder: &Path) -> usize {
    let exes = fs::read_dir("/proc").unwrap().flatten().filter_map(|d| fs::read_link(d.path().join("exe")).ok());
    exes.filter(|exe| exe.starts_with(folder)).count()
}

fn soon(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_layer_is_tuned_on_a_device_behind_ssh() {
    let sshd = Sshd::start("");
    let output = sshd.tune("8trials");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let records = fs::read_to_string(sshd.at("run/records.csv")).unwrap();
    let timed = records.lines().filter(|row| row.contains(",Measured,measured,")).count();
    assert!(timed > 0 && records.lines().count() == 9, "{records}");
    assert!(fs::read_to_string(sshd.at("run/profile.toml")).unwrap().contains("gemm-5x20x9"));
    let host = fs::read_to_string(sshd.at("run/host.toml")).unwrap();
    assert!(host.contains("cpu = ") && !host.contains("unknown"), "{host}");
    assert!(!sshd.programs().is_empty() && sshd.programs().iter().all(|name| !name.ends_with(".tmp")));
    soon("the lock is let go", || fs::read_to_string(sshd.at("device/bitsmith/lock")).unwrap().is_empty());
    soon("a harness is left", || running(&sshd.at("device")) == 0);
}

/// Right in its check, and asleep in the race until the connection is cut: the race is run again, and nobody is to blame.
#[test]
fn a_connection_that_is_cut_costs_a_repetition() {
    let sshd = Sshd::start("");
    let lab = Lab { device: sshd.device() };
    let lock = lab.device.lock(&cache(), |_| ()).unwrap();
    let (mark, sessions) = (sshd.at("asleep"), sshd.server.id());
    let code = format!(
        "{{ int access(const char *, int), creat(const char *, unsigned); unsigned sleep(unsigned); static int calls; \
         if (++calls == 4 && access(\"{0}\", 0)) creat(\"{0}\", 0600), sleep(60); }}\n    ",
        mark.display()
    );
    let task = lab.task(Shape::gemm(13, 19, 37).unwrap(), "w8a8", Contract::Int8, true, 1);
    let points = sample(task.space().unwrap().points(), 4, 3);
    let records = thread::scope(|s| {
        s.spawn(|| {
            soon("no kernel came to its fourth call", || mark.exists());
            assert!(below(sessions).iter().any(|pid| comm(*pid).starts_with("batch-")));
            sshd.cut();
        });
        lab.try_edited(task, &points, Regime::Hot, |i, source| {
            if i == 1 {
                let entry = source.text.rfind("(void)thread,").unwrap();
                source.text.insert_str(entry, &code);
            }
        })
    });
    assert!(mark.exists());
    for r in &records {
        assert!(r.outcome.right() && r.outcome != Outcome::Checked, "{}: {:?} {}", r.candidate, r.outcome, r.message);
    }
    drop((lab, lock));
    soon("a harness is left", || running(&sshd.at("device")) == 0);
}

#[test]
fn one_run_at_a_time_measures_on_a_device() {
    let sshd = Sshd::start("");
    // left by a run that is gone: nobody holds the lock
    fs::create_dir(sshd.at("device/bitsmith")).unwrap();
    fs::write(sshd.at("device/bitsmith/lock"), "somebody since long ago\n").unwrap();
    let first = sshd.device();
    let waited = |device: &Device| {
        let mut said = Vec::new();
        device.lock(&cache(), |why| said.push(why.to_string())).unwrap();
        said
    };
    assert_eq!(waited(&first), [""; 0]);
    let holder = fs::read_to_string(sshd.at("device/bitsmith/lock")).unwrap();
    assert!(holder.contains(" since ") && !holder.contains("somebody"), "{holder}");
    let second = sshd.device();
    thread::scope(|s| {
        let (said, heard) = mpsc::channel();
        let waiting = s.spawn(move || {
            second.lock(&cache(), |why| said.send(why.to_string()).unwrap()).unwrap();
            second
        });
        let why = heard.recv_timeout(Duration::from_secs(20)).unwrap();
        assert!(why.contains("device is held by") && why.contains(holder.trim()), "{why}");
        assert!(!waiting.is_finished());
        drop(first);
        let second = waiting.join().unwrap();
        // its connection is cut and it knows nothing of it: the next one need not wait
        sshd.cut();
        assert_eq!(waited(&sshd.device()), [""; 0]);
        drop(second);
    });
}

#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    let sshd = Sshd::start("ulimit -f 20");
    let output = sshd.tune("4trials");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("error: cannot copy a program to device"), "{said}");
    assert_eq!(sshd.programs(), [""; 0]);
}

#[test]
fn a_device_that_cannot_be_reached_is_told_before_anything_is_written() {
    let sshd = Sshd::start("");
    fs::remove_file(sshd.at("user")).unwrap();
    let output = sshd.tune("4trials");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("error: target loop: ssh device: ") && said.contains("Permission denied"), "{said}");
    assert!(!sshd.at("run").exists());
}
