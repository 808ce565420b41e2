//! A device behind adb: a stand-in that runs the shell here and has adb's manners: its words, its exit codes, and a terminal
//! that spoils bytes unless it is told not to.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use bitsmith::bench::Device;
use bitsmith::target::Target;
use common::cache;
use tempfile::TempDir;

const ADB: &str = r#"#!/bin/sh
here=$(dirname "$0")
serial=
[ "$1" = -s ] && serial=$2 && shift 2
case $(cat "$here/state") in
offline) echo "error: device offline" >&2; exit 1 ;;
none) echo "* daemon not running; starting now at tcp:5037" >&2; echo "* daemon started successfully" >&2
    echo "adb: no devices/emulators found" >&2; exit 1 ;;
unauthorized) printf 'error: device unauthorized.\nThis adb server'"'"'s $ADB_VENDOR_KEYS is not set\nOtherwise check for a confirmation dialog on your device.\n' >&2; exit 1 ;;
two) [ -n "$serial" ] || { echo "error: more than one device/emulator" >&2; exit 1; } ;;
old) [ "$2" = -T ] && { echo "error: target doesn't support PTY args -Tt" >&2; exit 1; } ;;
away) echo device >"$here/state"; echo "error: device offline" >&2; exit 1 ;;
esac
[ "$1" = shell ] || { echo "adb: unknown command $1" >&2; exit 1; }
shift
if [ "$1" = -T ]; then shift; exec sh -c "$*"; fi
sh -c "$*" | sed -u 's/$/\r/'
"#;

struct Phone {
    dir: TempDir,
}

impl Phone {
    fn new(state: &str) -> Self {
        let phone = Self { dir: tempfile::tempdir().unwrap() };
        fs::create_dir(phone.at("dev ice")).unwrap();
        fs::write(phone.at("adb"), ADB).unwrap();
        fs::set_permissions(phone.at("adb"), PermissionsExt::from_mode(0o755)).unwrap();
        phone.be(state);
        phone
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn be(&self, state: &str) {
        fs::write(self.at("state"), state).unwrap();
    }

    fn target(&self, more: &str) -> String {
        format!(
            "name = \"phone\"\nfamily = \"x86\"\nisa = \"scalar\"\ncompiler = {{ cc = \"cc\", flags = [\"-O3\"] }}\n\
             runner = {{ kind = \"adb\", directory = \"{}\", command = [\"{}\"]{more} }}\n",
            self.at("dev ice").display(),
            self.at("adb").display()
        )
    }

    fn tune(&self, more: &str) -> Output {
        fs::write(self.at("phone.toml"), self.target(more)).unwrap();
        let mut bitsmith = Command::new(env!("CARGO_BIN_EXE_bitsmith"));
        bitsmith.args(["tune", "--gemm", "5x20x9", "--scheme", "w8a8", "--contract", "int8", "--target", "phone.toml"]);
        bitsmith.args(["--budget", "8trials", "--out", "run"]).current_dir(self.dir.path());
        bitsmith.env("BITSMITH_CACHE", cache()).output().unwrap()
    }
}

#[test]
fn a_layer_is_tuned_on_a_device_behind_adb() {
    let phone = Phone::new("two");
    let output = phone.tune(", serial = \"0123456789ABCDEF\"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let records = fs::read_to_string(phone.at("run/records.csv")).unwrap();
    let timed = records.lines().filter(|row| row.contains(",Measured,measured,")).count();
    assert!(timed > 0 && records.lines().count() == 9, "{records}");
    let folder = fs::read_dir(phone.at("dev ice/bitsmith")).unwrap();
    let programs: Vec<_> = folder.map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
    assert!(programs.iter().any(|name| name.starts_with("batch-")), "{programs:?}");
    assert!(programs.iter().all(|name| !name.ends_with(".tmp")), "{programs:?}");
}

#[test]
fn what_adb_complains_of_is_one_line_with_a_remedy() {
    let phone = Phone::new("");
    let told = [
        ("offline", "device offline; plug it in again"),
        ("none", "no devices/emulators found; plug it in"),
        ("unauthorized", "device unauthorized; allow this computer's key"),
        ("two", "more than one device/emulator; name one as `serial`"),
        ("old", "its Android is older than 7"),
    ];
    for (state, expected) in told {
        phone.be(state);
        let output = phone.tune("");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{state}: {said}");
        assert!(said.starts_with("error: target phone: ") && said.lines().count() == 1, "{state}: {said}");
        assert!(said.contains(expected), "{state}: {said}");
        assert!(!phone.at("run").exists());
    }
}

#[test]
fn a_target_that_makes_no_sense_is_told_by_its_field() {
    let phone = Phone::new("");
    let why = |text: &str| format!("{:#}", Target::parse("phone.toml", text).unwrap_err());
    assert!(why(&phone.target(", host = \"pi\"")).contains("host is for ssh"));
    let text = phone.target("");
    assert!(why(&text.replace("directory = \"/", "directory = \"")).contains("let it begin with /"));
    assert!(
        why(&text.replace("\"adb\"", "\"ssh\"").replace("command", "host = \"pi\", command")).contains("are for adb")
    );
    let missing = Target::parse("phone.toml", &text.replace("/adb\"", "/nosuch\"")).unwrap().missing().unwrap();
    assert!(missing.contains("/nosuch` is not on the path"), "{missing}");
}

/// Away for a moment, as a phone whose cable is moved: the next program finds it again.
#[test]
fn a_device_that_is_away_for_a_moment_is_tried_again() {
    let phone = Phone::new("");
    let target = Target::parse("phone.toml", &phone.target(", serial = \"0123\"")).unwrap();
    let device = Device::open(target, &cache()).unwrap();
    let program = phone.at("batch-0");
    fs::copy("/bin/echo", &program).unwrap();
    phone.be("away");
    let mut command = device.runner.command(&program, 1).unwrap();
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(said.starts_with("--supervise 1 --memory "), "{said}");
    assert_eq!(fs::read_to_string(phone.at("state")).unwrap(), "device\n");
}
