//! Peers beside our winners: what a peer does wrong is a record and costs only its layer, nothing of ours changes, and
//! nothing is measured twice or lost.

mod common;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use bitsmith::bench::peer::{ADAPTERS, layer_words};
use bitsmith::candidate::{Contract, Regime};
use bitsmith::layer::{Op, Shape};
use bitsmith::record::{Baseline, Outcome, read_table};
use bitsmith::run::Run;
use bitsmith::scheme;
use common::python;

const GEMMS: [&str; 4] = ["--gemm", "7x9x33", "--gemm", "24x40x64"];
/// What a baseline must leave as it is.
const OURS: [&str; 5] = ["records.csv", "finals.csv", "study.json", "host.toml", "profile.toml"];

fn bitsmith(args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
    command.args(args).envs(env.iter().copied()).env("BITSMITH_CACHE", common::cache());
    command
}

fn output(args: &[&str]) -> Output {
    bitsmith(args, &[]).output().unwrap()
}

fn well(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A folder that holds a small tuned run.
struct Tuned {
    _keep: tempfile::TempDir,
    dir: PathBuf,
}

impl Tuned {
    fn new() -> Self {
        static MADE: OnceLock<tempfile::TempDir> = OnceLock::new();
        let made = MADE.get_or_init(|| {
            let dir = tempfile::tempdir().unwrap();
            let out = dir.path().join("run");
            let how = ["--contract", "int8", "--scheme", "w8a8", "--target", "x86-scalar", "--budget", "12trials"];
            well(&output(&[&["tune"], &GEMMS[..], &how, &["--out", out.to_str().unwrap()]].concat()));
            dir
        });
        let keep = tempfile::tempdir().unwrap();
        let dir = keep.path().join("run");
        fs::create_dir(&dir).unwrap();
        for entry in fs::read_dir(made.path().join("run")).unwrap().flatten().filter(|e| e.path().is_file()) {
            fs::copy(entry.path(), dir.join(entry.file_name())).unwrap();
        }
        Self { _keep: keep, dir }
    }

    fn path(&self) -> &str {
        self.dir.to_str().unwrap()
    }

    fn ours(&self) -> Vec<Vec<u8>> {
        OURS.iter().map(|f| fs::read(self.dir.join(f)).unwrap()).collect()
    }

    fn table(&self) -> Vec<u8> {
        fs::read(self.dir.join("baselines.csv")).unwrap_or_default()
    }

    fn rows(&self) -> Vec<Baseline> {
        read_table(&self.dir.join("baselines.csv")).unwrap()
    }

    fn against(&self, mode: &str) -> Output {
        output(&["baseline", "--with", &fake(mode), self.path()])
    }
}

/// The command of the fake peer that does wrong in this way.
fn fake(mode: &str) -> String {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    let program = MADE.get_or_init(|| {
        let program = common::cache().join(format!("fake-peer-{}", std::process::id()));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/peer/peer.c");
        assert!(Command::new("cc").arg("-O1").arg(source).arg("-o").arg(&program).status().unwrap().success());
        program
    });
    format!("{} {mode}", program.display())
}

/// Running fake peers of this mode.
fn left(mode: &str) -> usize {
    let wanted = fake(mode).replace(' ', "\0");
    let lines = fs::read_dir("/proc").unwrap().flatten().filter_map(|d| fs::read(d.path().join("cmdline")).ok());
    lines.filter(|line| String::from_utf8_lossy(line).contains(&wanted)).count()
}

#[test]
fn a_peer_stands_beside_our_winners_and_changes_nothing_of_ours() {
    let run = Tuned::new();
    let before = run.ours();
    let text = well(&run.against("good"));
    assert_eq!(run.ours(), before);
    let (rows, loaded) = (run.rows(), Run::load(&run.dir).unwrap());
    assert_eq!(rows.len(), 2);
    for (row, winner) in rows.iter().zip(&loaded.winners) {
        assert_eq!((row.peer.as_str(), row.outcome, row.call_ns), ("fake-1.0", Outcome::Measured, Some(7.0)));
        assert_eq!((&row.layer, &row.own), (&winner.record.layer, &winner.record.candidate));
        assert_eq!(row.own_hash, winner.record.source_hash);
        let count = |samples: &str| samples.split(';').filter(|s| s.parse::<f64>().is_ok_and(|ns| ns > 0.0)).count();
        assert!(row.rounds >= 15 && count(&row.samples) == row.rounds && count(&row.own_samples) == row.rounds);
        assert!(row.median_ns.unwrap() >= 19_000.0, "it is busy for 20 us");
        let (low, ratio, high) = (row.ratio_low.unwrap(), row.ratio.unwrap(), row.ratio_high.unwrap());
        assert!(0.0 < low && low <= ratio && ratio <= high, "{low} {ratio} {high}");
    }
    assert!(loaded.records.iter().all(|r| r.family != "fake-1.0") && loaded.winners.len() == 2);
    let page = fs::read_to_string(run.dir.join("report.html")).unwrap();
    for words in ["Beside others", "<td class=\"w\">fake-1.0</td>", "Peer / ours", "as fast as fake-1.0"] {
        assert!(page.contains(words), "no `{words}` in the page");
    }
    let wide = text.lines().any(|l| l.contains("fake-1.0") && l.chars().count() > 100);
    assert!(text.contains("peer/ours") && !wide, "{text}");
}

#[test]
fn what_a_peer_does_wrong_is_a_record_and_costs_only_its_layer() {
    let faults = [
        ("unsupported", Outcome::Unsupported, "nine, \"<b>\" outputs"),
        ("refuses", Outcome::WrongAnswer, "cannot do it"),
        ("garbage", Outcome::WrongAnswer, "strange answer"),
        ("dies-loading", Outcome::Crashed, "SIGABRT"),
        ("dies-timing", Outcome::Crashed, "SIGSEGV: out of luck"),
        ("ends", Outcome::Crashed, "exit status: 0"),
        ("hangs", Outcome::TimedOut, "no answer within 6.0 s"),
        ("leaves", Outcome::TimedOut, "no answer within 6.0 s"),
        ("floods", Outcome::WrongAnswer, "more than 1048576 bytes"),
        ("boasts", Outcome::WrongAnswer, "strange time `-"),
        ("exaggerates", Outcome::WrongAnswer, "was asked only"),
        ("words", Outcome::WrongAnswer, "strange time `fast`"),
        ("nothing", Outcome::WrongAnswer, "strange time `nan`"),
    ];
    for (mode, outcome, says) in faults {
        let run = Tuned::new();
        let before = run.ours();
        well(&run.against(mode));
        let rows = run.rows();
        assert_eq!((rows.len(), rows[0].outcome), (2, outcome), "{mode}: {}", rows[0].message);
        assert!(rows[0].message.contains(says), "{mode}: {}", rows[0].message);
        assert!(rows[0].ratio.is_none() && rows[0].median_ns.is_none());
        assert!(rows[1].outcome == Outcome::Measured && rows[1].ratio.is_some(), "{mode}: {}", rows[1].message);
        assert_eq!(run.ours(), before, "{mode}");
        let page = fs::read_to_string(run.dir.join("report.html")).unwrap();
        assert!(page.contains("Beside others") && !page.contains("\"<b>\""), "{mode}");
        assert_eq!(left(mode), 0, "{mode}: processes are left");
    }
}

/// The one line that a mistake gets; the folder stays as it was.
fn mistake(run: &Tuned, with: &str, env: &[(&str, &str)]) -> String {
    let before = (run.ours(), fs::read_dir(&run.dir).unwrap().count());
    let output = bitsmith(&["baseline", "--with", with, run.path()], env).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let said: Vec<&str> = said.lines().filter(|l| !l.starts_with("waiting")).collect();
    assert_eq!((output.status.code(), said.len()), (Some(2), 1), "{with}: {said:?}");
    assert!(said[0].starts_with("error: ") && output.stdout.is_empty(), "{said:?}");
    assert_eq!((run.ours(), fs::read_dir(&run.dir).unwrap().count()), before);
    said[0].into()
}

#[test]
fn a_peer_that_does_not_start_is_one_line() {
    let run = Tuned::new();
    for (with, words) in [
        ("nosuchpeer", &["nosuchpeer", "not found", "onnxruntime, onednn", "native/baselines/README.md"][..]),
        (&fake("mute"), &["exit status: 3"]),
        (&fake("complains"), &["exit status: 1: No module named 'frobnicate'"]),
        (&fake("stranger"), &["strange answer `hello yourself`"]),
        (&fake("newer"), &["`peer 2 fake 1.0`", "ok peer 1 NAME VERSION"]),
        (&fake("spaced"), &["`peer 1 fake`"]),
    ] {
        let said = mistake(&run, with, &[]);
        assert!(words.iter().all(|w| said.contains(w)), "{said}");
    }
    let install = "pip install onnxruntime onnx numpy";
    let said = mistake(&run, "onnxruntime", &[("BITSMITH_PYTHON", "/no/such/python")]);
    assert!(said.contains("/no/such/python") && said.contains(install), "{said}");
    let bare = run.dir.join("../python");
    fs::write(&bare, "#!/bin/sh\necho \"No module named 'onnx'\" >&2\nexit 1\n").unwrap();
    assert!(Command::new("chmod").arg("+x").arg(&bare).status().unwrap().success());
    let said = mistake(&run, "onnxruntime", &[("BITSMITH_PYTHON", bare.to_str().unwrap())]);
    assert!(said.contains("No module named 'onnx'") && said.contains(install), "{said}");
    let said = mistake(&run, "onednn", &[("BITSMITH_ONEDNN", "/no/such/folder")]);
    assert!(said.contains("dnnl.hpp") && said.contains("BITSMITH_ONEDNN"), "{said}");
}

#[test]
fn folders_of_another_machine_and_targets_without_times_are_refused() {
    let run = Tuned::new();
    let host = fs::read_to_string(run.dir.join("host.toml")).unwrap();
    let cpu = host.lines().find(|l| l.starts_with("cpu = ")).unwrap();
    fs::write(run.dir.join("host.toml"), host.replace(cpu, "cpu = \"Z80 (1.2.3)\"")).unwrap();
    assert!(mistake(&run, &fake("good"), &[]).contains("another machine (Z80 (1.2.3)"));
    let plan = fs::read_to_string(run.dir.join("study.json")).unwrap();
    fs::write(run.dir.join("study.json"), plan.replace("\"measured\"", "\"emulated\"")).unwrap();
    assert!(mistake(&run, &fake("good"), &[]).contains("gives no times"));
    fs::remove_file(run.dir.join("study.json")).unwrap();
    let said = String::from_utf8(output(&["baseline", "--with", "x", run.path()]).stderr).unwrap();
    assert!(said.contains("no study.json"), "{said}");
}

#[test]
fn nothing_is_compared_twice_unless_asked() {
    let run = Tuned::new();
    well(&run.against("good"));
    let first = run.table();
    let again = run.against("good");
    assert_eq!(run.table(), first);
    assert!(String::from_utf8_lossy(&again.stderr).contains("2 of 2 comparisons were recorded before"));
    // a row torn by a kill is made again, and only that one
    fs::write(run.dir.join("baselines.csv"), &first[..first.len() - 30]).unwrap();
    well(&run.against("good"));
    let whole = first[..first.len() - 1].iter().rposition(|b| *b == b'\n').unwrap();
    assert!(run.table().starts_with(&first[..whole]) && run.rows().len() == 2);
    well(&output(&["baseline", "--with", &fake("good"), "--again", run.path()]));
    assert_eq!(run.rows().len(), 4);
    let page = fs::read_to_string(run.dir.join("report.html")).unwrap();
    assert_eq!(page.matches("<td class=\"w\">fake-1.0</td>").count(), 2, "the latest counts");
    // some of the layers only, in the run's own folder
    let some = ["--gemm", "7x9x33", "--contract", "int8", "--scheme", "w8a8", "--target", "x86-scalar"];
    well(&output(&[&["baseline", "--with", &fake("good"), "--again"], &some[..], &["--out", run.path()]].concat()));
    assert_eq!(run.rows().len(), 5);
    assert!(run.rows()[4].ratio.is_some() && run.rows()[4].layer == "user/gemm-7x9x33");
}

#[test]
fn an_interrupt_or_a_kill_loses_nothing() {
    for signal in ["-INT", "-KILL"] {
        let run = Tuned::new();
        let there = run.dir.with_extension("there");
        let stalls = format!("stalls {}", there.display());
        let args = ["baseline", "--with", &fake(&stalls), run.path()];
        let mut child = bitsmith(&args, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while !there.exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = Command::new("kill").args([signal, &child.id().to_string()]).status();
        assert_eq!(child.wait().unwrap().success(), signal == "-INT");
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(left(&stalls), 0, "it ends with the tool");
        if signal == "-INT" {
            assert_eq!(run.rows().len(), 1, "the comparison under way is ended, no other is begun");
            assert!(run.dir.join("report.html").is_file());
        }
        well(&run.against("good"));
        let measured = run.rows().iter().filter(|r| r.outcome == Outcome::Measured).count();
        assert_eq!(measured, if signal == "-INT" { 1 } else { 2 });
        assert_eq!(run.rows().len(), 2);
    }
}

#[test]
fn without_a_run_the_peer_is_timed_alone_and_the_folder_can_be_tuned() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let out = out.to_str().unwrap();
    let what = ["--gemm", "7x9x33", "--contract", "int8", "--scheme", "w8a8", "--target", "x86-scalar", "--out", out];
    let text = well(&output(&[&["baseline", "--with", &fake("good")], &what[..]].concat()));
    assert!(text.contains("fake-1.0"), "{text}");
    let rows = || -> Vec<Baseline> { read_table(&Path::new(out).join("baselines.csv")).unwrap() };
    assert!(rows()[0].outcome == Outcome::Measured && rows()[0].ratio.is_none() && rows()[0].own.is_empty());
    well(&output(&["tune", "--resume", out, "--budget", "8trials"]));
    well(&output(&["baseline", "--with", &fake("good"), out]));
    assert_eq!(rows().len(), 2, "now there is a kernel of ours beside it");
    assert!(rows()[1].ratio.is_some());
}

#[test]
fn layers_are_told_in_words() {
    let words = |shape: &Shape, scheme: &str| {
        layer_words(shape, &scheme::find(scheme).unwrap(), Contract::F32io, Regime::Hot, 2)
    };
    let rest = "contract=f32io regime=hot threads=2";
    assert_eq!(
        words(&Shape::gemm(1, 8, 64).unwrap(), "w4a8g32"),
        format!("op=gemm m=1 n=8 k=64 scheme=w4a8g32 weights=int bits=4 group=32 affine=0 activations=8 {rest}")
    );
    let conv = Shape::conv(Op::Depthwise, [7, 7, 4], 4, [3, 3], 2, [1, 0, 1, 1]).unwrap();
    assert_eq!(
        words(&conv, "f32"),
        format!(
            "op=depthwise h=7 w=7 c=4 f=4 kh=3 kw=3 stride=2 top=1 left=0 bottom=1 right=0 \
             scheme=f32 weights=f32 bits=32 group=own affine=0 activations=32 {rest}"
        )
    );
}

#[test]
fn every_shipped_peer_is_documented() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("native/baselines");
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let help = well(&output(&["baseline", "--help"]));
    for adapter in ADAPTERS {
        let file = fs::read_dir(&folder).unwrap().flatten().map(|e| e.file_name().to_string_lossy().into_owned());
        let own: Vec<String> = file.filter(|f| f.starts_with(adapter.name)).collect();
        assert_eq!(own.len(), 1, "{}", adapter.name);
        assert!(readme.contains(&own[0]) && help.contains(adapter.name), "{}", adapter.name);
    }
}

#[test]
fn onnxruntime_answers_for_every_contract() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("native/baselines/onnxruntime.py");
    let mut child =
        Command::new(python()).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python");
    let w8a8 = "scheme=w8a8 weights=int bits=8 group=0 affine=0 activations=8";
    let window = "kh=3 kw=3 stride=2 top=1 left=1 bottom=1 right=1";
    let mut asked = vec!["hello".to_string()];
    let mut expected = vec!["ok peer 1 onnxruntime "];
    let mut ask = |layer: &str, scheme: &str, contract: &str, answer: &'static str| {
        asked.push(format!("load {layer} {scheme} contract={contract} regime=hot threads=1"));
        asked.push("time 2".into());
        expected.extend([answer, if answer == "ok" { "ok " } else { "err nothing is loaded" }]);
    };
    for layer in [
        "op=gemm m=3 n=8 k=32".to_string(),
        format!("op=conv2d h=9 w=8 c=4 f=8 {window}"),
        format!("op=depthwise h=9 w=8 c=8 f=8 {window}"),
    ] {
        ["int8", "f32io", "qdq"].iter().for_each(|contract| ask(&layer, w8a8, contract, "ok"));
        ask(&layer, "scheme=f32 weights=f32 bits=32 group=own affine=0 activations=32", "f32io", "ok");
        ask(&layer, "scheme=f32 weights=f32 bits=32 group=own affine=0 activations=32", "int8", "unsupported ");
        ask(&layer, "scheme=nf4 weights=nf4 bits=4 group=64 affine=0 activations=32", "f32io", "unsupported ");
    }
    for (bits, answer) in [(2, "ok"), (3, "unsupported "), (4, "ok"), (8, "ok")] {
        let scheme = format!("scheme=x weights=int bits={bits} group=32 affine=0 activations=8");
        ask("op=gemm m=1 n=16 k=64", &scheme, "f32io", answer);
    }
    asked.push("quit".into());
    expected.push("ok");
    child.stdin.take().unwrap().write_all((asked.join("\n") + "\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().count(), expected.len(), "{said}");
    for ((line, asked), expected) in said.lines().zip(&asked).zip(expected) {
        assert!(line.starts_with(expected), "{asked}: {line}, not {expected}");
    }
}

#[test]
fn onnxruntime_stands_beside_our_winners() {
    let run = Tuned::new();
    let env = [("BITSMITH_PYTHON", python())];
    let mut command = bitsmith(&["baseline", "--with", "onnxruntime", run.path()], &[]);
    well(&command.envs(env).output().unwrap());
    for row in run.rows() {
        assert!(row.outcome == Outcome::Measured && row.ratio.is_some() && row.call_ns.is_some(), "{}", row.message);
        assert!(row.peer.starts_with("onnxruntime-"), "{}", row.peer);
    }
}
