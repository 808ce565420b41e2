//! What other tools read, read by those tools: promtool, Google Benchmark's compare.py, junitparser. `make setup` installs them.

#[path = "common/nights.rs"]
mod nights;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use nights::{Night, kernels};

fn bitsmith(dir: &Path, args: &[&str]) -> String {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_bitsmith")).args(args).current_dir(dir).output().unwrap();
    assert!(status.code().is_some_and(|c| c != 2), "{args:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

fn python() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("peers/bin/python")
}

fn two_runs() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut now = kernels(3, 2);
    now[1].ns *= 1.10;
    Night::new("t\"\\<&>", 0).write(&dir.path().join("base"), &kernels(3, 1));
    Night::new("t\"\\<&>", 1).write(&dir.path().join("new"), &now);
    dir
}

#[test]
fn promtool_finds_nothing_wrong() {
    let dir = two_runs();
    let text = bitsmith(dir.path(), &["convert", "base", "--to", "prometheus"]);
    assert_eq!(text.lines().filter(|l| l.starts_with("bitsmith_kernel_seconds{")).count(), 3, "{text}");
    let mut tool = Command::new("promtool");
    tool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut tool = tool.spawn().unwrap();
    tool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.trim().is_empty(), "{said}\n{text}");
}

#[test]
fn compare_py_of_google_benchmark_sees_the_slowdown() {
    let dir = two_runs();
    for run in ["base", "new"] {
        let file = dir.path().join(format!("{run}.json"));
        bitsmith(dir.path(), &["convert", run, "--to", "google-benchmark", "--out", file.to_str().unwrap()]);
    }
    let mut tool = Command::new(python());
    tool.args(["/usr/share/benchmark/compare.py", "--no-color", "benchmarks", "base.json", "new.json"]);
    let output = tool.current_dir(dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let changes = |layer: &str| -> Vec<f64> {
        let rows = said.lines().filter(|l| l.starts_with(&format!("net/{layer}/w8a8")) && !l.contains("_pvalue"));
        rows.map(|l| l.split_whitespace().nth(1).unwrap().parse().unwrap()).collect()
    };
    let mean = |v: Vec<f64>| v.iter().sum::<f64>() / v.len() as f64;
    assert_eq!(changes("l0").len(), 15, "{said}");
    assert!((mean(changes("l1")) - 0.10).abs() < 0.02 && mean(changes("l0")).abs() < 0.02, "{said}");
    assert!(said.contains("_pvalue"), "its U test has the repetitions that it wants: {said}");
}

#[test]
fn junitparser_counts_the_same() {
    let dir = two_runs();
    std::fs::write(dir.path().join("t.xml"), bitsmith(dir.path(), &["compare", "base", "new", "--format", "junit"]))
        .unwrap();
    let script = "import junitparser as j; x = j.JUnitXml.fromfile('t.xml'); s = list(x)[0]; c = list(s)\n\
                  print(x.tests, x.failures, x.errors, s.name, len(c), [k.name.split()[0] for k in c if k.result])";
    let output = Command::new(python()).args(["-c", script]).current_dir(dir.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.trim(), "3 1 0 t\"\\<&> 3 ['net/l1']", "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn documents_of_continuous_benchmarking_have_their_fields() {
    let dir = two_runs();
    let read = |to: &str| -> serde_json::Value {
        serde_json::from_str(&bitsmith(dir.path(), &["convert", "base", "--to", to])).unwrap()
    };
    let action = read("github-action-benchmark");
    let rows = action.as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|r| r["name"].is_string() && r["unit"] == "ns" && r["value"].as_f64().unwrap() > 0.0));
    let bencher = read("bencher");
    let rows = bencher.as_object().unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows.values() {
        let of = |field: &str| row["latency"][field].as_f64().unwrap();
        assert!(of("lower_value") <= of("value") && of("value") <= of("upper_value"), "{row}");
    }
    let output =
        Command::new(env!("CARGO_BIN_EXE_bitsmith")).args(["convert", "base", "--to", "csv"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
