//! `tune` for an FPGA: the funnel with stand-ins for the tools, killed and resumed, with tools that fail in every way.

#[path = "common/stand_ins.rs"]
mod stand_ins;

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bitsmith::fpga::Evidence;
use bitsmith::fpga::row::Row;
use bitsmith::fpga::tune::Plan;
use bitsmith::fpga::tune::job::jobs;
use bitsmith::fpga::tune::space::space;
use bitsmith::fpga::tune::whole::wholes;
use bitsmith::record::{Outcome, read_table};
use stand_ins::tools;

/// Says its version, and stands in for synthesis: the RTL itself as netlist, with cells by the size of its text.
const YOSYS: &str = r#"case "$1" in -V|--version) echo 'Stand-in 1 (x)'; exit 0;; esac
cat $(sed -n 's/^read_verilog -sv //p' synth.ys) > netlist.v
echo '{"modules": {"unit": {"ports": {}, "cells": {}}}}' > netlist.json
n=$(wc -c < netlist.v)
echo '{"modules": {}, "design": {"num_cells_by_type": {"LUT4": '$((n / 40))', "TRELLIS_FF": 40, "DP16KD": 1, "MULT18X18D": 4}}}' > stat.json
"#;

/// Place and route: a recorded report.
fn router() -> String {
    let report = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/fpga/nextpnr.json");
    format!(
        "case \"$1\" in -V|--version) echo 'stand-in (Version route-1)'; exit 0;; esac\n\
         while [ \"$1\" != --report ]; do shift; done\ncp {report} \"$2\""
    )
}

fn tune(root: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
    command.env("BITSMITH_FPGA_TOOLS", root.join("bin")).current_dir(root).arg("tune").args(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn done(mut command: Command) -> (String, String) {
    let out = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    assert!(out.status.success(), "{}", text(out.stderr));
    (text(out.stdout), text(out.stderr))
}

const LAYER: [&str; 8] = ["--target", "ecp5-45k", "--gemm", "3x4x8", "--scheme", "w[24]a4", "--out", "run"];

fn rows(root: &Path) -> Vec<Row> {
    read_table(&root.join("run/fpga.csv")).unwrap()
}

fn of(rows: &[Row], evidence: Evidence) -> Vec<&Row> {
    rows.iter().filter(|r| r.evidence == evidence && !r.design.is_empty()).collect()
}

/// No design has two rows of one evidence.
fn distinct(rows: &[Row]) {
    let mut seen = HashSet::new();
    for r in rows {
        assert!(
            seen.insert((&r.layer, &r.scheme, &r.design, r.evidence, r.outcome)),
            "twice: {} {:?}",
            r.design,
            r.evidence
        );
    }
}

#[test]
fn a_layer_goes_through_the_funnel_to_a_profile_and_a_page() {
    let root = tools(&[("yosys", YOSYS), ("nextpnr-ecp5", &router())]);
    let (out, err) = done(tune(root.path(), &[&LAYER[..], &["--budget", "300s", "--json"]].concat()));
    let all = rows(root.path());
    distinct(&all);
    let counts = [Evidence::Modelled, Evidence::Csim, Evidence::Rtlsim, Evidence::SynthOpen, Evidence::PnrOpen]
        .map(|e| of(&all, e).len());
    assert!(counts.is_sorted_by(|a, b| a >= b), "each stage sees fewer: {counts:?}\n{err}");
    assert_eq!(counts[3..], [20, 5], "{counts:?}");
    for r in &all {
        assert!(r.outcome.is_none_or(|o| o == Outcome::Checked), "{r:?}");
        assert_eq!(r.cycles.is_some(), r.evidence != Evidence::Csim, "C simulation counts no cycles: {r:?}");
        assert_eq!(r.fmax_mhz.is_some(), r.evidence == Evidence::PnrOpen, "{r:?}");
        assert_eq!(r.source.is_empty(), r.evidence == Evidence::Modelled, "{r:?}");
    }
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    let layer = &document["layers"][0];
    assert_eq!((&layer["evidence"], &layer["of"]), (&"pnr-open".into(), &5.into()));
    let best = &layer["best"]["throughput"];
    let fastest = of(&all, Evidence::PnrOpen).iter().map(|r| r.interval).min().unwrap();
    assert_eq!(
        (best["interval"].as_u64(), best["fmax_mhz"].as_f64()),
        (Some(fastest), Some(103.94)),
        "one clock for all"
    );
    let profile: toml::Table = fs::read_to_string(root.path().join("run/profile.toml")).unwrap().parse().unwrap();
    assert_eq!(profile["layer"].as_array().unwrap().len(), 3);
    assert_eq!(profile["device"]["room"]["dsp"].as_integer(), Some(57), "80 % of 72");
    let page = fs::read_to_string(root.path().join("run/report.html")).unwrap();
    for chart in ["walls-", "folding-", "bits-", "model"] {
        assert!(page.contains(&format!("<figure id=\"{chart}")), "{chart}");
    }
    assert!(!root.path().join("run/work").exists(), "what tools wrote is gone");
    // the fastest design is there with its numbers, and is right
    let made =
        Command::new("make").current_dir(root.path().join("run/designs/user-gemm-3x4x8")).arg("csim").output().unwrap();
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(made.status.success() && said.contains(" wrong=0"), "{said}");
    // the page follows from the records alone
    fs::remove_file(root.path().join("run/report.html")).unwrap();
    let mut again = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
    again.current_dir(root.path()).args(["report", "run"]).stdout(Stdio::null());
    assert!(again.status().unwrap().success());
    assert_eq!(fs::read_to_string(root.path().join("run/report.html")).unwrap(), page);
}

#[test]
fn a_run_is_killed_anywhere_and_goes_on() {
    let root = tools(&[("yosys", YOSYS), ("nextpnr-ecp5", &router())]);
    let mut arguments: Vec<&str> = [&LAYER[..], &["--budget", "300s"]].concat();
    let wait = |stage: Evidence, least: usize| {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            let all: Vec<Row> = read_table(&root.path().join("run/fpga.csv")).unwrap_or_default();
            if of(&all, stage).len() >= least {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("never came to {least} of {stage:?}");
    };
    for (stage, least) in [(Evidence::Csim, 1), (Evidence::Rtlsim, 5), (Evidence::SynthOpen, 3), (Evidence::PnrOpen, 2)]
    {
        let mut command = tune(root.path(), &arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).spawn().unwrap();
        wait(stage, least);
        child.kill().unwrap();
        child.wait().unwrap();
        arguments = vec!["--resume", "run"];
    }
    // a row that was cut in the middle
    let table = root.path().join("run/fpga.csv");
    let text = fs::read_to_string(&table).unwrap();
    fs::write(&table, &text[..text.len() - 7]).unwrap();
    let before = of(&rows(root.path()), Evidence::SynthOpen).len();
    let (out, _) = done(tune(root.path(), &arguments));
    let all = rows(root.path());
    distinct(&all);
    assert!(before > 2);
    assert_eq!((of(&all, Evidence::SynthOpen).len(), of(&all, Evidence::PnrOpen).len()), (20, 5));
    assert!(out.contains("[pnr-open, best of 5]"), "{out}");
    // nothing is left to do
    let size = fs::metadata(&table).unwrap().len();
    done(tune(root.path(), &arguments));
    assert_eq!(fs::metadata(&table).unwrap().len(), size);
}

#[test]
fn whatever_tools_do_is_a_row() {
    // by folding and memory: crashes, gives no statistics, loses an answer, never ends
    let broken = format!(
        "{YOSYS}\nif grep -q 'simd8.block' unit.sv; then echo 'ERROR: Assert failed'; kill -ABRT $$; fi\n\
         if grep -q 'simd8.dist' unit.sv; then rm stat.json; fi\n\
         if grep -q 'simd2' unit.sv; then sed -i 's/out_data = /out_data = ~/' netlist.v; fi\n"
    );
    let unroutable = "case \"$1\" in -V|--version) echo x; exit 0;; esac\necho 'ERROR: Unable to place cell'; exit 1";
    let root = tools(&[("yosys", &broken), ("nextpnr-ecp5", unroutable)]);
    let (out, _) = done(tune(
        root.path(),
        &["--target", "ecp5-45k", "--gemm", "3x2x8", "--scheme", "w4a4", "--out", "run", "--budget", "100s"],
    ));
    let all = rows(root.path());
    let said = |text: &str| {
        all.iter().filter(|r| r.message.contains(text)).map(|r| r.outcome.unwrap()).collect::<HashSet<_>>()
    };
    assert_eq!(said("Assert failed"), [Outcome::BuildFailed].into());
    assert_eq!(said("without statistics"), [Outcome::BuildFailed].into());
    assert_eq!(said("netlist: "), [Outcome::WrongAnswer].into());
    assert_eq!(said("Unable to place"), [Outcome::BuildFailed].into());
    assert!(of(&all, Evidence::PnrOpen).is_empty());
    assert!(out.contains("synth-open") || out.contains("modelled"), "{out}");
    let page = fs::read_to_string(root.path().join("run/report.html")).unwrap();
    assert!(page.contains("What went wrong") && page.contains("ERROR: Unable to place cell"));

    let endless = format!("{YOSYS}\nsleep 600\n");
    let root = tools(&[("yosys", &endless), ("nextpnr-ecp5", &router())]);
    done(tune(root.path(), &[&LAYER[..], &["--budget", "12s"]].concat()));
    let all = rows(root.path());
    assert!(all.iter().all(|r| r.evidence < Evidence::SynthOpen), "nothing was synthesized");
    // nobody is left behind
    let own = root.path().join("run/work").display().to_string();
    let left = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|e| fs::read_link(e.path().join("cwd")).is_ok_and(|c| c.display().to_string().starts_with(&own)));
    assert_eq!(left.count(), 0);
}

#[test]
fn without_tools_designs_are_modelled_and_simulated_in_c() {
    let root = tools(&[]);
    let bin = root.path().join("bin");
    symlink("/usr/bin/g++", bin.join("g++")).unwrap();
    // all that compilers need is not named here
    let arguments = [&LAYER[..], &["--budget", "20s"]].concat();
    let mut command = tune(root.path(), &arguments);
    let (out, err) = done({
        command.env("PATH", "/nonexistent");
        command
    });
    assert!(err.contains("no synthesis: ") && err.contains("apt install yosys"), "{err}");
    assert!(out.contains("[modelled, best of"), "{out}");
}

#[test]
fn mistakes_are_one_line() {
    let root = tools(&[]);
    let say = |arguments: &[&str]| {
        let out = tune(root.path(), arguments).output().unwrap();
        assert_eq!(out.status.code(), Some(2));
        String::from_utf8(out.stderr).unwrap()
    };
    assert!(
        say(&["--target", "ecp5-45k", "--gemm", "3x4x8", "--budget", "20trials"]).contains("is a time, such as 10m")
    );
    assert!(
        say(&["--target", "x86-scalar", "--gemm", "3x4x8", "--max-drop", "1%"])
            .contains("--max-drop is for --model and for FPGAs")
    );
    assert!(say(&["--target", "ecp5-45k", "--scheme", "w[4a4"]).contains("brackets hold digits"));
    fs::create_dir_all(root.path().join("run")).unwrap();
    fs::write(root.path().join("run/fpga.json"), "{").unwrap();
    assert!(say(&["--resume", "run"]).contains("fpga.json is damaged"));
    assert!(say(&LAYER).contains("already holds a run"));
}

#[test]
fn refused_layers_are_rows() {
    let root = tools(&[("yosys", YOSYS), ("nextpnr-ecp5", &router())]);
    let arguments = [
        "--target", "ecp5-45k", "--gemm", "3x4x8", "--scheme", "w4a8g4", "--scheme", "f32", "--out", "run", "--budget",
        "20s",
    ];
    let (out, _) = done(tune(root.path(), &arguments));
    let all = rows(root.path());
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|r| r.outcome == Some(Outcome::Unsupported) && !r.message.is_empty()), "{all:?}");
    assert!(out.contains("no design: "), "{out}");
}

#[test]
fn spaces_hold_legal_designs_once() {
    let plan: Plan = serde_json::from_value(serde_json::json!({
        "device": bitsmith::fpga::device::Device::find("ecp5-45k").unwrap(),
        "layers": bitsmith::layer::Network::built_in("digits").unwrap().layers,
        "schemes": ["w8a8", "w1a2"], "seconds": 1.0, "seeds": 1, "max_drop": 0.01,
    }))
    .unwrap();
    let (jobs, refused) = jobs(&plan).unwrap();
    assert_eq!((jobs.len(), refused.len()), (12, 0));
    for job in &jobs {
        let all = space(job, &plan.device);
        let names: HashSet<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), all.len(), "{}", job.layer);
        assert!(all.iter().all(|u| u.check().is_ok() && job.own.check(u).is_ok() && job.lanes.is_multiple_of(u.simd)));
        let most = all.iter().map(|u| u.pe * u.simd).max().unwrap();
        assert_eq!(most, job.unit.rows * job.lanes, "{}: unfolded entirely", job.layer);
    }
}

#[test]
fn whole_networks_have_intervals_that_should_fit() {
    let device = bitsmith::fpga::device::Device::find("ecp5-45k").unwrap();
    let mut plan: Plan = serde_json::from_value(serde_json::json!({
        "device": device, "layers": bitsmith::layer::Network::built_in("digits").unwrap().layers,
        "schemes": ["w4a4", "w2a2", "f32"], "seconds": 1.0, "seeds": 1, "max_drop": 0.01,
    }))
    .unwrap();
    let all = wholes(&plan, |_| vec!["w2a2".into()]).unwrap();
    assert!(all.iter().all(|w| w.scheme == "w4a4"), "f32 has no integers, w2a2 is out");
    let mut intervals: Vec<u64> = all.iter().map(|w| w.chain.interval()).collect();
    assert_eq!(intervals.len(), 4);
    intervals.sort_unstable();
    assert!(intervals.windows(2).all(|p| p[0] < p[1]), "{intervals:?}");
    for w in &all {
        let row = w.modelled(&plan.device).unwrap();
        assert!(row.share.unwrap() <= 1.0 && row.interval == w.chain.interval());
        assert!(row.cycles.is_none() && row.fmax_mhz.is_none(), "nobody knows its latency yet");
    }
    plan.layers.pop();
    assert!(wholes(&plan, |_| vec![]).unwrap().is_empty(), "a part of a network is none");
}
