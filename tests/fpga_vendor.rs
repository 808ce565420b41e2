//! Vendors' tools, by stand-ins that write recorded reports: what a report says becomes a row, and so does whatever else a tool
//! may do.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use bitsmith::fpga::Evidence;
use bitsmith::fpga::reports::cosim;
use bitsmith::fpga::row::Row;
use bitsmith::record::{Outcome, read_table};

/// The RTL itself as netlist.
const YOSYS: &str = r#"case "$1" in -V|--version) echo 'Stand-in 1 (x)'; exit 0;; esac
cat $(sed -n 's/^read_verilog -sv //p' synth.ys) > netlist.v
echo '{"modules": {"unit": {"ports": {}, "cells": {}}}}' > netlist.json
echo '{"modules": {}, "design": {"num_cells_by_type": {"LUT4": 300, "FDRE": 40}}}' > stat.json"#;

const COSIM: &str = "\
Report time       : Wed Nov  5 10:00:00 UTC 2025.\n\
Solution          : solution.\n\
Simulation tool   : xsim.\n\
\n\
+----------+----------+-----------------------------------------------+-----------------------------------------------+----------------------+\n\
|          |          |             Latency(Clock Cycles)             |              Interval(Clock Cycles)           | Total Execution Time |\n\
+   RTL    +  Status  +-----------------------------------------------+-----------------------------------------------+    (Clock Cycles)    +\n\
|          |          |      min      |      avg      |      max      |      min      |      avg      |      max      |                      |\n\
+----------+----------+-----------------------------------------------+-----------------------------------------------+----------------------+\n\
|      VHDL|        NA|             NA|             NA|             NA|             NA|             NA|             NA|                    NA|\n\
|   Verilog|      Pass|           1033|           1033|           1033|             NA|             NA|             NA|                  1033|\n\
+----------+----------+-----------------------------------------------+-----------------------------------------------+----------------------+\n";

#[test]
fn reports_of_cosimulation_are_read() {
    assert_eq!(cosim::parse(COSIM).unwrap(), cosim::Cosim { passed: true, latency: Some(1033) });
    let failed = cosim::parse(
        &COSIM.replace("      Pass|           1033|           1033|           1033", "      Fail|  NA|  NA|  NA"),
    )
    .unwrap();
    assert_eq!(failed, cosim::Cosim { passed: false, latency: None });
    assert!(cosim::parse("nothing").unwrap_err().to_string().contains("no row of Verilog"));
    for end in 0..COSIM.len() {
        let _ = cosim::parse(&COSIM[..end]);
    }
}

fn data(name: &str) -> String {
    format!("{}/tests/data/fpga/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// What a tool says of its version, then `does`.
fn stand_in(name: &str, does: &str) -> String {
    format!("case \"$1\" in -version|--version) echo '{name} v2024.1 (64-bit)'; exit 0;; esac\n{does}")
}

/// Rows of a run with these tools, whose names are their files'.
fn run(tools: &[(&str, String)], budget: &str) -> (Vec<Row>, String) {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("bin")).unwrap();
    fs::create_dir_all(root.path().join("share")).unwrap();
    symlink("/usr/share/yosys", root.path().join("share/yosys")).unwrap();
    fs::write(root.path().join("cosim.rpt"), COSIM).unwrap();
    for (name, script) in tools.iter().chain(&[("yosys", YOSYS.to_string())]) {
        let path = root.path().join("bin").join(name);
        let script = script.replace("@ROOT", &root.path().display().to_string());
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let out = Command::new(env!("CARGO_BIN_EXE_bitsmith"))
        .env("BITSMITH_FPGA_TOOLS", root.path().join("bin"))
        .current_dir(root.path())
        .args([
            "tune", "--target", "xc7z020", "--gemm", "3x2x2", "--scheme", "w4a4", "--out", "run", "--budget", budget,
        ])
        .output()
        .unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(!left_below(root.path()), "a tool was left behind");
    (read_table(&root.path().join("run/fpga.csv")).unwrap(), text)
}

fn left_below(root: &Path) -> bool {
    let below = |p: std::path::PathBuf| fs::read_link(p.join("cwd")).is_ok_and(|c| c.starts_with(root));
    fs::read_dir("/proc").unwrap().flatten().any(|e| below(e.path()))
}

fn of(rows: &[Row], evidence: Evidence) -> Vec<&Row> {
    rows.iter().filter(|r| r.evidence == evidence && !r.design.is_empty()).collect()
}

#[test]
fn steps_of_all_tools_become_rows_of_their_evidence() {
    let vitis = format!(
        "grep -q '^set_part {{xc7z020clg400-1}}$' vitis.tcl && grep -q 'period 5.000' vitis.tcl || exit 3\n\
         mkdir -p project/solution/syn/report project/solution/sim/report\n\
         cp {} project/solution/syn/report/unit_csynth.xml\n\
         grep -q cosim_design vitis.tcl && cp @ROOT/cosim.rpt project/solution/sim/report/unit_cosim.rpt\nexit 0",
        data("csynth-vitis.xml")
    );
    let vivado = format!(
        "[ \"$1 $2\" = '-mode batch' ] && grep -q 'out_of_context' vivado.tcl && ls unit.sv bs_queue.sv >/dev/null || exit 3\n\
         cp {} utilization.rpt; cp {} timing.rpt",
        data("utilization-7series.rpt"),
        data("timing.rpt")
    );
    let (rows, text) =
        run(&[("vitis_hls", stand_in("vitis", &vitis)), ("vivado", stand_in("Vivado", &vivado))], "120s");
    for (evidence, tool) in [(Evidence::Csynth, "vitis"), (Evidence::Impl, "Vivado"), (Evidence::Cosim, "vitis")] {
        let own = of(&rows, evidence);
        assert_eq!(own.len(), 5, "{evidence:?}: {text}");
        for r in own {
            assert!(r.tools.contains(tool), "{r:?}");
            if evidence != Evidence::Cosim {
                assert_eq!(r.outcome, Some(Outcome::Checked), "{r:?}");
                assert!(r.lut.is_some() && r.fmax_mhz.is_some(), "{r:?}");
            }
        }
    }
    // an estimate by the report's own interval of the loop, 1, and its depth, 5
    for r in of(&rows, Evidence::Csynth) {
        assert_eq!((r.lut, r.dsp, r.cycles), (Some(2997), Some(32), Some(3 * r.interval + 5)), "{r:?}");
        assert!((r.fmax_mhz.unwrap() - 1e3 / 3.65).abs() < 0.01);
    }
    // 1033 cycles of 8 vectors, or a promise that was not kept
    for r in of(&rows, Evidence::Cosim) {
        let once = 1033i64 - 8 * r.interval as i64;
        assert_eq!(r.cycles, Some((3 * r.interval as i64 + once) as u64), "{r:?}");
        assert!(r.lut.is_none() && r.fmax_mhz.is_none());
    }
    assert!(text.contains("[impl, best of 5]"), "{text}");
}

#[test]
fn whatever_vendors_tools_do_is_a_row() {
    let outcomes = |name: &'static str, does: &str, budget: &str| {
        let (rows, _) = run(&[(name, stand_in(name, does))], budget);
        let own: Vec<&Row> = rows.iter().filter(|r| r.evidence > Evidence::PnrOpen).collect();
        assert!(!own.is_empty(), "{name}: {does}");
        let each: HashSet<(Outcome, String)> = own.iter().map(|r| (r.outcome.unwrap(), r.message.clone())).collect();
        each
    };
    let said = |all: &HashSet<(Outcome, String)>, outcome: Outcome, text: &str| {
        assert!(all.iter().all(|(o, m)| *o == outcome && m.contains(text)), "{all:?}");
    };
    said(
        &outcomes("vivado", "echo 'ERROR: [Common 17-345] A valid license was not found'; exit 1", "120s"),
        Outcome::BuildFailed,
        "license",
    );
    said(&outcomes("vivado", "echo made; kill -SEGV $$", "120s"), Outcome::BuildFailed, "implementation: ");
    let torn = format!(
        "head -c 300 {} > utilization.rpt; cp {} timing.rpt",
        data("utilization-7series.rpt"),
        data("timing.rpt")
    );
    said(&outcomes("vivado", &torn, "120s"), Outcome::BuildFailed, "no utilization report");
    said(&outcomes("vivado", "exit 0", "120s"), Outcome::BuildFailed, "no such report");
    let xml = "mkdir -p project/solution/syn/report; echo '<profile><Performance' > project/solution/syn/report/unit_csynth.xml";
    said(&outcomes("vitis_hls", xml, "120s"), Outcome::BuildFailed, "");
    said(&outcomes("vivado", "while :; do :; done & sleep 600", "30s"), Outcome::TimedOut, "not done within");
    let wrong = "mkdir -p project/solution/sim/report; sed 's/Pass/Fail/; s/1033/NA/g' @ROOT/cosim.rpt > project/solution/sim/report/unit_cosim.rpt";
    let (rows, _) = run(&[("vitis_hls", stand_in("vitis", wrong))], "120s");
    let cosim = of(&rows, Evidence::Cosim);
    assert!(!cosim.is_empty() && cosim.iter().all(|r| r.outcome == Some(Outcome::WrongAnswer)), "{cosim:?}");
    let bambu = format!("cp {} bambu_results_0.xml", data("bambu.xml"));
    let (rows, _) = run(&[("bambu", stand_in("bambu", &bambu))], "120s");
    assert!(of(&rows, Evidence::Csynth).iter().all(|r| r.lut == Some(2210) && r.cycles.is_none()), "{rows:?}");
}
