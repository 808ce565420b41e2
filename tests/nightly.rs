//! `bitsmith nightly`: devices that are there and one that is not, kills at any moment, and the verdict at the end.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use bitsmith::nightly::{Night, Stage};
use bitsmith::record::{Final, Record, read_table, whole_final};

const PLAN: &str = "\
repeats = 1

[[device]]
target = \"x86-scalar\"
gemm = [\"4x8x16\"]
schemes = [\"w8a8\"]
contract = \"int8\"
budget = \"6trials\"
";

const OFFLINE: &str = "
[[device]]
target = \"gone.toml\"
gemm = [\"4x8x16\"]
schemes = [\"w8a8\"]
contract = \"int8\"
budget = \"6trials\"
";

/// A device whose ssh always fails.
const GONE: &str = "name = \"gone\"\nfamily = \"x86\"\nisa = \"scalar\"\ncompiler = { cc = \"cc\", flags = [\"-O3\"] }\n\
                    runner = { kind = \"ssh\", host = \"nowhere.invalid\", command = [\"false\"] }\n";

fn command(dir: &Path, more: &[&str]) -> Command {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("nightly-cache");
    let mut command = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
    command.args([&["nightly", "lab.toml"], more].concat()).current_dir(dir).env("BITSMITH_CACHE", cache);
    command
}

fn nightly(dir: &Path, more: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command(dir, more).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn lab(plan: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("lab.toml"), plan).unwrap();
    std::fs::write(dir.path().join("gone.toml"), GONE).unwrap();
    dir
}

fn nights(dir: &Path) -> Vec<PathBuf> {
    let all = std::fs::read_dir(dir.join("results/nightly/lab")).into_iter().flatten().flatten().map(|e| e.path());
    let mut all: Vec<PathBuf> = all.filter(|p| p.join("night.json").is_file()).collect();
    all.sort();
    all
}

#[test]
fn one_device_is_gone_and_the_others_go_on() {
    let dir = lab(&format!("{OFFLINE}\n{PLAN}").replacen("repeats = 1\n", "", 1));
    let (code, said, noted) = nightly(dir.path(), &[]);
    assert_eq!(code, 3, "{said}{noted}");
    assert!(noted.contains("note: gone.toml failed, the others go on"), "{noted}");
    assert!(said.contains("device gone.toml failed") && said.contains("the first night of this plan"), "{said}");
    let first = nights(dir.path()).pop().unwrap();
    let night = Night::read(&first).unwrap();
    assert_eq!(night.devices.iter().map(|d| d.stage).collect::<Vec<_>>(), [Stage::Failed, Stage::Done]);
    for file in ["verdict.txt", "verdict.json", "verdict.xml", "verdict.md", "report.html", "plan.toml"] {
        assert!(first.join(file).is_file(), "{file}");
    }
    let run = dir.path().join(night.devices[1].run.as_ref().unwrap());
    let repeats: Vec<Final> = read_table(&run.join("repeats.csv")).unwrap();
    assert_eq!(repeats.iter().map(|f| f.held).collect::<std::collections::BTreeSet<_>>().len(), 2);
    // the second night is compared with the first; who is gone is never green
    let (code, said, _) = nightly(dir.path(), &[]);
    assert!(said.contains("1 comparisons at a gate of 2 %"), "{said}");
    assert!(code == 3 || (code == 1 && said.contains("REGRESSION")), "{code} {said}");
    let page = std::fs::read_to_string(nights(dir.path()).pop().unwrap().join("report.html")).unwrap();
    assert!(
        page.contains("user/gemm-4x8x16 w8a8 int8 x86-scalar hot t1") && page.contains("<h2>Trend</h2>"),
        "no trend"
    );
    assert!(page.contains("device gone.toml failed"), "the page does not say who is gone");
    // the device is tried again, and nothing else
    let (_, _, noted) = nightly(dir.path(), &["--resume"]);
    assert!(noted.contains("[device 1 of 2]") && !noted.contains("[device 2 of 2]"), "{noted}");
}

#[test]
fn a_night_killed_at_any_moment_goes_on() {
    let dir = lab(PLAN);
    let again = |child: &mut Child, ms: u64| {
        let end = Instant::now() + Duration::from_millis(ms);
        while Instant::now() < end && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        let _ = child.wait();
    };
    let quiet = |more: &[&str]| command(dir.path(), more).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut child = quiet(&[]);
    // not before there is a night to go on with
    while nights(dir.path()).is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(2));
    }
    again(&mut child, 20);
    for ms in [60, 150, 300, 500, 800] {
        again(&mut quiet(&["--resume"]), ms);
    }
    let (code, said, noted) = nightly(dir.path(), &["--resume"]);
    let finished = code == 2 && noted.contains("is finished");
    assert!(finished || (code == 3 && said.contains("the first night")), "{code} {said} {noted}");
    let all = nights(dir.path());
    assert_eq!(all.len(), 1, "--resume began another night");
    let night = Night::read(&all[0]).unwrap();
    assert_eq!((night.devices[0].stage, night.verdict), (Stage::Done, Some(3)));
    let run = dir.path().join(night.devices[0].run.as_ref().unwrap());
    let records: Vec<Record> = read_table(&run.join("records.csv")).unwrap();
    let keys: std::collections::HashSet<_> = records.iter().map(Record::key).collect();
    assert_eq!(keys.len(), records.len(), "something was measured twice");
    let finals: Vec<Final> = read_table(&run.join("finals.csv")).unwrap();
    assert!(!whole_final(&finals.iter().collect::<Vec<_>>()).is_empty());
}

#[test]
fn mistakes_cost_one_line_and_no_night() {
    for (plan, says) in [
        ("[[device]]\ntarget = \"z80\"\n", "lab.toml: device z80: unknown target `z80`"),
        ("[[device]]\ntarget = \"host\"\nbudget = \"soon\"\n", "lab.toml:3: field `budget`: expected a time"),
        ("[[device]]\ntarget = \"host\"\nnetworks = [\"vgg\"]\n", "vgg"),
        ("gate = \"x\"\n[[device]]\ntarget = \"host\"\n", "field `gate`: expected a percentage"),
        ("[[device]]\ntargt = \"host\"\n", "lab.toml:2: field `targt`: unknown field"),
        ("gates = \"2%\"\n[[device]]\ntarget = \"host\"\n", "did you mean `gate`?"),
        ("colour = 3\n[[device]]\ntarget = \"host\"\n", "lab.toml:1: field `colour`: unknown field `colour`"),
        ("[[device]]\ntarget = \"host\"\nprice = -1\n", "lab.toml:3: field `price`: must be a positive number"),
        ("base = 3\n", "missing field `device`"),
    ] {
        let dir = lab(plan);
        let (code, _, noted) = nightly(dir.path(), &[]);
        assert_eq!((code, noted.lines().count()), (2, 1), "{noted}");
        assert!(noted.contains(says), "{noted}");
        assert!(!dir.path().join("results").exists(), "{plan}");
    }
    let dir = lab(PLAN);
    let (code, _, noted) = nightly(dir.path(), &["--resume"]);
    assert!(code == 2 && noted.contains("there is no night of lab; start one without --resume"), "{noted}");
    let root = dir.path().join("results/nightly/lab");
    let held = std::fs::File::create(root.join("lock")).unwrap();
    held.lock().unwrap();
    let (code, _, noted) = nightly(dir.path(), &[]);
    assert!(code == 2 && noted.contains("a night of lab is under way"), "{noted}");
}

/// The clock of the machine was set back before the second night: it still comes after the first, and is compared with it.
#[test]
fn a_clock_that_jumps_back_does_not_turn_nights_around() {
    let dir = lab(PLAN);
    assert_eq!(nightly(dir.path(), &[]).0, 3);
    let first = nights(dir.path()).pop().unwrap();
    let mut night = Night::read(&first).unwrap();
    night.started = "2099-01-01T00:00:00Z".into();
    night.write(&first).unwrap();
    let (_, said, noted) = nightly(dir.path(), &[]);
    assert!(
        noted.contains("the clock is behind the last night, 2099-01-01T00:00:00Z; nights keep their order"),
        "{noted}"
    );
    assert!(said.contains("1 comparisons at a gate of 2 %"), "{said}");
    let (code, _, noted) = nightly(dir.path(), &["--resume"]);
    assert!(code == 2 && noted.contains("is finished"), "--resume took the first night for the last one: {noted}");
    let numbers: Vec<u64> = nights(dir.path()).iter().map(|n| Night::read(n).unwrap().number).collect();
    assert_eq!(numbers.iter().max(), Some(&2));
}
