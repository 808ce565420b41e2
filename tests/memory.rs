//! Runs learn from the runs before them, and budgets go where a network can gain.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bitsmith::record::{Record, read_table};

fn tune(folder: &Path, args: &[&str]) -> Output {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("resume-cache");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
    let output = command.arg("tune").args(args).args(["--contract", "int8", "--target", "x86-scalar"]);
    let output = output.current_dir(folder).env("BITSMITH_CACHE", cache).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

fn runs(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        std::fs::read_dir(folder.join("results/x86-scalar")).unwrap().flatten().map(|e| e.path()).collect();
    all.sort();
    all
}

fn records(run: &Path) -> Vec<Record> {
    read_table(&run.join("records.csv")).unwrap()
}

fn fastest(records: &[Record], many: usize) -> Vec<String> {
    let mut timed: Vec<&Record> = records.iter().filter(|r| r.corrected_ns.is_some()).collect();
    timed.sort_by(|a, b| a.corrected_ns.partial_cmp(&b.corrected_ns).unwrap());
    timed.iter().take(many).map(|r| r.schedule.clone()).collect()
}

const GEMM: [&str; 2] = ["--gemm", "24x40x64"];

#[test]
fn what_won_before_is_tried_first_and_again_after_a_new_compiler() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path();
    tune(folder, &[&GEMM[..], &["--budget", "48trials"]].concat());
    let first = records(&runs(folder)[0]);
    let output = tune(folder, &[&GEMM[..], &["--budget", "16trials"]].concat());
    assert!(!String::from_utf8_lossy(&output.stderr).contains("tuned before"));
    let second: HashSet<String> = records(&runs(folder)[1]).into_iter().map(|r| r.schedule).collect();
    for schedule in fastest(&first, 4) {
        assert!(second.contains(&schedule), "{schedule} is not in {second:?}");
    }
    let plan = std::fs::read_to_string(runs(folder)[1].join("study.json")).unwrap();
    assert!(plan.contains("learned_from") && plan.contains("results/x86-scalar/"), "{plan}");
    // as if both had been made with another compiler
    for run in runs(folder) {
        let path = run.join("records.csv");
        let text = std::fs::read_to_string(&path).unwrap().replace(&first[0].compiler, "gcc-1.0.0-abcdef");
        std::fs::write(path, text).unwrap();
    }
    let output = tune(folder, &[&GEMM[..], &["--budget", "16trials"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("tuned before with gcc-1.0.0-abcdef"), "{said}");
    // another layer learns too, and is not told that it was tuned before; --cold learns nothing
    let output = tune(folder, &["--gemm", "25x40x64", "--budget", "16trials", "--cold"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("tuned before"));
    let plan = std::fs::read_to_string(runs(folder)[3].join("study.json")).unwrap();
    assert!(!plan.contains("results/x86-scalar"), "{plan}");
}

#[test]
fn tries_go_where_the_network_can_gain() {
    let dir = tempfile::tempdir().unwrap();
    let layer = |name: &str, m: usize, count: usize| {
        format!("[[layer]]\nname = \"{name}\"\nop = \"gemm\"\nm = {m}\nn = 48\nk = 96\ncount = {count}\n")
    };
    std::fs::write(dir.path().join("net.toml"), layer("small", 4, 1) + &layer("large", 64, 20)).unwrap();
    let out = dir.path().join("run");
    let args = ["--layers", "net.toml", "--scheme", "w8a8", "--budget", "128trials", "--strategy", "evolve", "--out"];
    tune(dir.path(), &[&args[..], &[out.to_str().unwrap()]].concat());
    let all = records(&out);
    let tries = |name: &str| all.iter().filter(|r| r.layer == format!("net/{name}")).count();
    assert_eq!(all.len(), 128);
    assert!(tries("small") >= 16 && tries("large") >= 2 * tries("small"), "{} {}", tries("small"), tries("large"));
}
