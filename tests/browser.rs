//! The report in a real browser: nothing is fetched, nothing is complained of, charts are seen, tables sort and filter, and
//! a phone's width is enough.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bitsmith::report::{Beside, Prices};
use bitsmith::verdict::{Rules, compare};
use serde_json::Value;

/// What headless Chromium found; the screenshots stay in the folder that `BITSMITH_SCREENSHOTS` names.
fn look(page: &Path) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser.py");
    let mut command = Command::new(common::python());
    command.arg(script).arg(page).args(std::env::var_os("BITSMITH_SCREENSHOTS"));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Copies of the sample run under these names.
fn runs(dir: &Path, names: &[&str]) -> Vec<PathBuf> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/run");
    let copy = |name: &&str| {
        let to = dir.join(name);
        fs::create_dir(&to).unwrap();
        for entry in fs::read_dir(&sample).unwrap().flatten() {
            let mut bytes = fs::read(entry.path()).unwrap();
            if **name != *names[0] {
                // another device
                let text =
                    String::from_utf8(bytes).unwrap().replace("x86-avx512vnni", "x86-avx2").replace("AVX-512", "AVX2");
                bytes = text.into_bytes();
            }
            fs::write(to.join(entry.file_name()), bytes).unwrap();
        }
        to
    };
    names.iter().map(copy).collect()
}

fn number(text: &str) -> Option<f64> {
    let text = text.trim().trim_start_matches(['<', '>', '\u{2248}', ' ']);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let unit = text[end..].trim_start();
    let scale = [("ns", 1.0), ("\u{b5}s", 1e3), ("ms", 1e6), ("s", 1e9), ("kB", 1e3), ("MB", 1e6)];
    let next = |u: &str| unit.strip_prefix(u).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_lowercase()));
    let scale = scale.iter().find(|(u, _)| next(u)).map_or(1.0, |s| s.1);
    text[..end].parse::<f64>().ok().map(|v| v * scale)
}

/// What a page must be whatever is in it.
fn well(found: &Value) {
    assert_eq!(found["console"], serde_json::json!([]));
    assert_eq!(found["requests"], serde_json::json!([]));
    for size in ["desktop", "phone"] {
        assert!(found[size]["overflow"].as_i64().unwrap() <= 0, "{size} scrolls sideways: {}", found[size]["overflow"]);
        let charts = found[size]["charts"].as_array().unwrap();
        assert!(charts.len() >= 4, "{size}: {charts:?}");
        for chart in charts {
            assert!(chart[0].as_f64().unwrap() > 200.0 && chart[1].as_f64().unwrap() > 80.0, "{size}: {chart}");
        }
        assert_ne!(found[size]["light"], found[size]["dark"], "{size}");
    }
    assert!(found["pdf_pages"].as_u64().unwrap() >= 1, "{}", found["pdf_pages"]);
    let filtered: Vec<u64> = found["filtered"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect();
    assert!(
        filtered[0] > filtered[1] && filtered[1] > 0 && filtered[2] == 0 && filtered[3] == filtered[0],
        "{filtered:?}"
    );
}

/// A column after a click is in order within each of its groups; after two, in the other.
fn sorts(found: &Value) -> usize {
    let mut numeric = 0;
    for column in found["sorted"].as_array().unwrap().iter().flat_map(|t| t.as_array().unwrap()) {
        for (order, sign) in [("up", 1.0), ("down", -1.0)] {
            let cells: Vec<Option<String>> =
                column[order].as_array().unwrap().iter().map(|c| c.as_str().map(String::from)).collect();
            for group in cells.split(Option::is_none) {
                let numbers: Vec<f64> = group.iter().flatten().filter_map(|t| number(t)).collect();
                if numbers.len() == group.len() && numbers.len() > 1 {
                    numeric += 1;
                    let right = numbers.windows(2).all(|w| (w[0] - w[1]) * sign <= 0.0);
                    assert!(right, "{} {order}: {numbers:?}", column["head"]);
                }
            }
        }
    }
    numeric
}

#[test]
fn one_run() {
    let dir = tempfile::tempdir().unwrap();
    let run = runs(dir.path(), &["a"]).remove(0);
    let found = look(&bitsmith::report::build(&run).unwrap());
    well(&found);
    assert!(sorts(&found) > 4, "{}", found["sorted"]);
}

#[test]
fn devices_compared() {
    let dir = tempfile::tempdir().unwrap();
    let runs: Vec<_> = runs(dir.path(), &["a", "b"]).iter().map(|d| bitsmith::run::Run::load(d).unwrap()).collect();
    let page = dir.path().join("devices.html");
    bitsmith::report::compare(&runs, &page).unwrap();
    let html = fs::read_to_string(&page).unwrap();
    assert_eq!(html.matches("<h2>What to deploy</h2>").count(), 1);
    well(&look(&page));
}

#[test]
fn a_night() {
    let dir = tempfile::tempdir().unwrap();
    let folders = runs(dir.path(), &["a", "b"]);
    let side = |at: usize| bitsmith::sessions::Side::read(&folders[at]).unwrap();
    // on either device the same night twice, and one that is gone
    let verdict = compare(&side(0), &side(0), &Rules::default());
    let all: Vec<_> = folders.iter().map(|d| bitsmith::run::Run::load(d).unwrap()).collect();
    let prices = Prices { per_hour: vec![("x86-avx2".into(), 0.04)], currency: "EUR".into() };
    let beside = Beside { night: Some(("Night 2026-01-31-1".into(), verdict)), prices, ..Beside::default() };
    let page = dir.path().join("night.html");
    bitsmith::report::compare_with(&all, &beside, &page).unwrap();
    let html = fs::read_to_string(&page).unwrap();
    assert!(html.contains("<h1>Night 2026-01-31-1</h1>") && html.contains("Devices this night"));
    assert_eq!(html.matches("of a million").count(), 1);
    well(&look(&page));
}
