//! A run can be ended at any moment and taken up again: no row is lost, none is measured twice.

use std::collections::HashSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bitsmith::record::{Record, read_table};

/// Runs that are killed; `BITSMITH_KILLS` makes them more.
const KILLS: u64 = 5;

fn command(args: &[&str]) -> Command {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("resume-cache");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
    command.args(args).env("BITSMITH_CACHE", cache).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

const STUDY: [&str; 11] = [
    "tune",
    "--gemm",
    "24x40x64",
    "--gemm",
    "7x9x33",
    "--contract",
    "int8",
    "--target",
    "x86-scalar",
    "--budget",
    "120trials",
];

fn start(dir: &str, resume: bool) -> Child {
    let args = if resume { vec!["tune", "--resume", dir] } else { [&STUDY[..], &["--out", dir]].concat() };
    command(&args).spawn().unwrap()
}

fn whole_rows(dir: &Path) -> String {
    let text = std::fs::read_to_string(dir.join("records.csv")).unwrap_or_default();
    text[..text.rfind('\n').map_or(0, |i| i + 1)].to_string()
}

fn finish(dir: &Path) {
    assert!(start(dir.to_str().unwrap(), true).wait().unwrap().success());
    assert!(dir.join("profile.toml").is_file() && dir.join("report.html").is_file());
    let records: Vec<Record> = read_table(&dir.join("records.csv")).unwrap();
    let keys: HashSet<_> = records.iter().map(Record::key).collect();
    assert_eq!(keys.len(), records.len(), "a candidate was measured twice");
    let jobs: HashSet<_> = records.iter().map(|r| r.layer.clone()).collect();
    assert_eq!(jobs.len(), 2, "a layer is missing");
}

#[test]
fn killed_runs_lose_nothing_and_repeat_nothing() {
    let kills = std::env::var("BITSMITH_KILLS").ok().and_then(|k| k.parse().ok()).unwrap_or(KILLS);
    let mut rng = fastrand::Rng::with_seed(11);
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("run");
    let mut seen = String::new();
    for kill in 0..kills {
        let begun = dir.join("study.json").is_file();
        let mut child = start(dir.to_str().unwrap(), begun);
        std::thread::sleep(Duration::from_millis(rng.u64(200..2500)));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = whole_rows(&dir);
        assert!(now.starts_with(&seen), "kill {kill}: rows that were there have changed");
        seen = now;
        if !dir.join("study.json").is_file() && dir.join("records.csv").is_file() {
            std::fs::remove_dir_all(&dir).unwrap(); // killed between two files: nothing was acknowledged
        }
    }
    if !dir.join("study.json").is_file() {
        assert!(start(dir.to_str().unwrap(), false).wait().unwrap().success());
    }
    finish(&dir);
    assert!(whole_rows(&dir).starts_with(&seen), "rows were lost");
}

#[test]
fn an_interrupt_leaves_a_complete_resumable_result() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("run");
    let mut child = start(dir.to_str().unwrap(), false);
    while whole_rows(&dir).lines().count() < 3 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(child.wait().unwrap().success());
    assert!(dir.join("report.html").is_file());
    finish(&dir);
}

#[test]
fn a_full_disk_is_said_and_keeps_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let study = [&STUDY[..], &["--out", run.to_str().unwrap()]].concat();
    // builds first, so that the limit on file sizes meets the tables alone
    assert!(
        command(&[&STUDY[..], &["--out", dir.path().join("first").to_str().unwrap()]].concat())
            .status()
            .unwrap()
            .success()
    );
    let binary = env!("CARGO_BIN_EXE_bitsmith");
    let script = format!("trap '' XFSZ; ulimit -f 12; exec {binary} {}", study.join(" "));
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("resume-cache");
    let output = Command::new("sh").args(["-c", &script]).env("BITSMITH_CACHE", cache).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.lines().last().unwrap().starts_with("error: cannot write"), "{said}");
    let text = std::fs::read_to_string(run.join("records.csv")).unwrap();
    assert!(text.ends_with('\n') && text.lines().count() > 1, "half a row, or none");
    finish(&run);
}

#[test]
fn the_same_seed_asks_for_the_same_candidates() {
    let dir = tempfile::tempdir().unwrap();
    let asked = |name: &str, seed: &str| -> HashSet<String> {
        let out = dir.path().join(name);
        let args =
            ["tune", "--gemm", "24x40x64", "--contract", "int8", "--target", "x86-scalar", "--budget", "24trials"];
        // chance alone: what other strategies ask for depends on the times they are told
        let args = [&args[..], &["--strategy", "random", "--seed", seed, "--out", out.to_str().unwrap()]].concat();
        assert!(command(&args).status().unwrap().success());
        let records: Vec<Record> = read_table(&out.join("records.csv")).unwrap();
        records.into_iter().map(|r| r.candidate).collect()
    };
    let (a, b, c) = (asked("a", "4"), asked("b", "4"), asked("c", "5"));
    assert_eq!(a, b);
    assert_ne!(a, c);
}
