//! The open flow: what comes out is proved by simulation, and whatever a tool does becomes one row or one line.

#[path = "common/stand_ins.rs"]
mod stand_ins;

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;
use stand_ins::tools;

const DESIGN: &str = "mvau.w4a4.r4c8.pe2.simd2";

fn bitsmith(tools: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("bitsmith").unwrap();
    command.env("BITSMITH_FPGA_TOOLS", tools.join("bin")).arg("synth").args(arguments);
    command
}

fn design(scripts: &[(&str, &str)], arguments: &[&str]) -> Value {
    let root = tools(scripts);
    let all = [&[DESIGN, "--target", "ecp5-45k", "--json"], arguments].concat();
    let out = bitsmith(root.path(), &all).assert().success().get_output().stdout.clone();
    let document: Value = serde_json::from_slice(&out).unwrap();
    document["designs"][0].clone()
}

#[test]
fn a_design_is_synthesized_and_its_netlist_proved() {
    let row = design(&[], &["--until", "synth"]);
    assert_eq!((row["outcome"].as_str(), row["evidence"].as_str()), (Some("Checked"), Some("synth-open")), "{row}");
    // 2 x 2 products, each by a hard multiplier; weights of 16 bits in one block
    assert_eq!((row["dsp"].as_u64(), row["bram"].as_u64(), row["interval"].as_u64()), (Some(4), Some(1), Some(8)));
    assert!(row["lut"].as_u64() > Some(20) && row["cycles"].as_u64() > Some(8));
    assert!(row["fmax_mhz"].is_null() && row["call_ns"].is_null(), "synthesis gives no clock");
}

#[test]
fn a_netlist_that_differs_is_a_wrong_answer() {
    // one bit of an activation is lost on its way into a multiplier
    let lossy =
        "/usr/bin/yosys \"$@\"\nif [ -f netlist.v ]; then sed -i \"s/[.]A1([^)]*x.5. *),/.A1(1'h0),/\" netlist.v; fi";
    let row = design(&[("yosys", lossy)], &["--until", "synth"]);
    assert_eq!(row["outcome"], "WrongAnswer", "{row}");
    assert!(row["message"].as_str().unwrap().starts_with("netlist: "), "{row}");
}

#[test]
fn a_register_that_is_lost_on_its_way_into_a_block_is_a_wrong_answer() {
    for (register, of) in [("REG_OUTPUT_CLK(\"CLK0\")", "NONE"), ("REGMODE_A(\"OUTREG\")", "NOREG")] {
        let broken = format!("{}(\"{of}\")", register.split('(').next().unwrap());
        let lossy = format!(
            "/usr/bin/yosys \"$@\"\nif [ -f netlist.v ] && grep -qF '{register}' netlist.v; then sed -i 's/{register}/{broken}/' netlist.v; fi"
        );
        let row = design(&[("yosys", &lossy)], &["--until", "synth"]);
        assert_eq!(row["outcome"], "WrongAnswer", "{register}: {row}");
    }
}

#[test]
fn netlists_of_every_fabric_are_proved_with_their_blocks() {
    let root = tools(&[]);
    let row = |design: &str, target: &str| {
        let out = bitsmith(root.path(), &[design, "--target", target, "--until", "synth", "--json"]).assert().success();
        serde_json::from_slice::<Value>(&out.get_output().stdout).unwrap()["designs"][0].clone()
    };
    // block RAM that is only read and one that is written too, products by hard multipliers, and what scales sums
    let design = "mvau.w8a8.r2c68.pe1.simd1.shift8";
    for (target, dsp) in [("ice40up5k", 3), ("xczu3eg", 3)] {
        let row = row(design, target);
        assert_eq!((row["outcome"].as_str(), row["evidence"].as_str()), (Some("Checked"), Some("synth-open")), "{row}");
        assert_eq!((row["dsp"].as_u64(), row["bram"].as_u64() >= Some(2)), (Some(dsp), true), "{row}");
    }
    let many = row("mvau.w8a8.r9c1.pe9", "ice40up5k");
    assert!(many["message"].as_str().unwrap().starts_with("does not fit: 9 DSP, of 8 it may take 6"), "{many}");
}

#[test]
fn failures_are_rows_and_a_clock_not_reached_is_none() {
    let only_version = "case \"$1\" in -V|--version) echo 'fake 1 (x)'; exit 0;; esac\n";
    let endless = design(&[("yosys", &format!("{only_version}sleep 60"))], &["--until", "synth", "--limit", "1.5"]);
    assert!(matches!(endless["outcome"].as_str(), Some("TimedOut")), "{endless}");
    let crash =
        design(&[("yosys", &format!("{only_version}echo 'ERROR: assert'; kill -ABRT $$"))], &["--until", "synth"]);
    assert_eq!((&crash["outcome"], &crash["message"]), (&"BuildFailed".into(), &"ERROR: assert".into()));
    let report = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/fpga/nextpnr.json");
    let slow = format!(
        "{only_version}while [ \"$1\" != --report ]; do shift; done\ncp {report} \"$2\"\necho 'ERROR: Max frequency: 103.94 MHz (FAIL at 125.00 MHz)'\nexit 1"
    );
    let row = design(&[("nextpnr-ecp5", &slow)], &["--seeds", "2"]);
    assert_eq!((row["outcome"].as_str(), row["evidence"].as_str()), (Some("Checked"), Some("pnr-open")), "{row}");
    assert_eq!(
        (row["fmax_mhz"].as_f64(), row["seeds"].as_u64(), row["lut"].as_u64()),
        (Some(103.94), Some(2), Some(1385))
    );
    let unroutable = format!("{only_version}echo 'ERROR: Unable to place cell'; exit 1");
    let row = design(&[("nextpnr-ecp5", &unroutable)], &["--seeds", "1"]);
    assert_eq!((&row["outcome"], &row["message"]), (&"BuildFailed".into(), &"ERROR: Unable to place cell".into()));
    assert!(row["fmax_mhz"].is_null());
}

#[test]
fn mistakes_and_missing_tools_are_one_line() {
    let root = tools(&[]);
    let say = |arguments: &[&str], path: Option<&str>| {
        let mut command = bitsmith(root.path(), arguments);
        path.into_iter().for_each(|p| {
            command.env("PATH", p);
        });
        String::from_utf8(command.assert().code(2).get_output().stderr.clone()).unwrap()
    };
    let missing = say(&[DESIGN, "--target", "ecp5-45k"], Some("/nonexistent"));
    assert_eq!(missing.lines().count(), 1);
    assert!(missing.contains("yosys") && missing.contains("apt install yosys"), "{missing}");
    assert!(say(&[DESIGN, "--target", "xc9"], None).contains("no FPGA `xc9`; choose ecp5-25k"));
    assert!(say(&["mvau.w4a4.r4c8.pe3", "--target", "ecp5-45k"], None).contains("take 2 or 4"));
    assert!(say(&["--target", "ecp5-45k"], None).contains("no design is named"));
}

#[test]
fn a_network_goes_through_the_tools_whole() {
    let root = tools(&[]);
    let network = ["digits", "--scheme", "w4a4", "--interval", "600", "--target", "ecp5-45k"];
    let out = bitsmith(root.path(), &[&network[..], &["--until", "sim", "--json"]].concat()).assert().success();
    let row = serde_json::from_slice::<Value>(&out.get_output().stdout).unwrap()["designs"][0].clone();
    assert_eq!((row["outcome"].as_str(), row["evidence"].as_str()), (Some("Checked"), Some("rtlsim")), "{row}");
    assert_eq!((row["design"].as_str(), row["interval"].as_u64()), (Some("digits.w4a4.i600.lut"), Some(576)), "{row}");
    // an answer takes longer than the slowest stage, and less than all of them one after another
    assert!(row["cycles"].as_u64() > Some(576) && row["cycles"].as_u64() < Some(5000), "{row}");
    let say = |arguments: &[&str]| {
        let out = bitsmith(root.path(), arguments).assert().code(2);
        String::from_utf8(out.get_output().stderr.clone()).unwrap()
    };
    assert!(say(&["digits", "--target", "ecp5-45k"]).contains("--scheme is missing"));
    assert!(say(&["digits", "--scheme", "w4a4", "--target", "ecp5-45k"]).contains("--interval is missing"));
    assert!(
        say(&["resnet50", "--scheme", "w4a4", "--interval", "900", "--target", "ecp5-45k"]).contains("take digits")
    );
    assert!(say(&[DESIGN, "--scheme", "w4a4", "--target", "ecp5-45k"]).contains("leave --scheme and --interval out"));
}

#[test]
fn a_model_says_at_once_what_a_unit_takes_and_how_far_that_is_off() {
    let root = tools(&[("yosys", "exit 1")]);
    let model = |target: &str| bitsmith(root.path(), &[DESIGN, "--target", target, "--until", "model"]);
    let out = String::from_utf8(model("ecp5-45k").assert().success().get_output().stdout.clone()).unwrap();
    assert!(out.contains("[modelled]") && out.contains("1 BRAM, 4 DSP") && out.contains("% (95 of 100"), "{out}");
    let none = String::from_utf8(model("xc7z020").assert().code(2).get_output().stderr.clone()).unwrap();
    assert!(none.contains("take --until synth"), "{none}");
}

#[test]
fn a_table_goes_on_where_it_ended() {
    let root = tools(&[]);
    let table = root.path().join("t.csv");
    let run = |design: &str| {
        let arguments = [design, "--target", "ecp5-45k", "--until", "sim", "--table", table.to_str().unwrap()];
        bitsmith(root.path(), &arguments).assert().success();
        fs::read_to_string(&table).unwrap()
    };
    let first = run(DESIGN);
    assert_eq!((run(DESIGN), first.lines().count()), (first.clone(), 2), "what is known is not run again");
    assert_eq!(run("mvau.w1a2.r4c8.pe2.simd2").lines().count(), 3);
}

#[test]
fn a_design_is_placed_and_routed() {
    // the tool's folder may be relative, though tools run elsewhere
    let peers = fs::canonicalize(Path::new(env!("CARGO_TARGET_TMPDIR")).join("..")).unwrap();
    let out = Command::cargo_bin("bitsmith")
        .unwrap()
        .current_dir(peers)
        .env("BITSMITH_FPGA_TOOLS", "peers/bin")
        .args(["synth", DESIGN, "--target", "ecp5-45k", "--seeds", "2", "--json"])
        .assert()
        .success()
        .get_output()
        .stdout
        .clone();
    let row = serde_json::from_slice::<Value>(&out).unwrap()["designs"][0].clone();
    assert_eq!((row["outcome"].as_str(), row["evidence"].as_str()), (Some("Checked"), Some("pnr-open")), "{row}");
    assert_eq!(
        (row["dsp"].as_u64(), row["bram"].as_u64(), row["seeds"].as_u64()),
        (Some(4), Some(1), Some(2)),
        "{row}"
    );
    let [least, clock, greatest] = ["fmax_low", "fmax_mhz", "fmax_high"].map(|f| row[f].as_f64().unwrap());
    assert!(0.0 < least && least <= clock && clock <= greatest, "{row}");
    assert!(row["tools"].as_str().unwrap().contains("nextpnr"), "{row}");
}
