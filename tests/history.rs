//! `bitsmith history` and its index: filled once, filled again, damaged, of another version; and a simulated month.

#[path = "common/nights.rs"]
mod nights;

use std::path::Path;
use std::process::{Command, Output};

use bitsmith::sessions::Side;
use bitsmith::store::{self, Query};
use bitsmith::verdict::{Finding, Rules, compare};
use nights::{Night, kernels};

fn history(dir: &Path, args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_bitsmith")).arg("history").args(args).current_dir(dir).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// Nights of three layers; the second becomes 4 % slower on the tenth, with another compiler.
fn written(nights: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for day in 0..nights {
        let (mut night, mut now) = (Night::new("t", day), kernels(3, day));
        if day >= 10 {
            night.compiler = "gcc-13.1.0-77aa10".into();
            now[1].ns *= 1.04;
        }
        night.write(&dir.path().join(format!("results/t/{}-1", night.date())), &now);
    }
    dir
}

#[test]
fn changes_are_dated_and_what_changed_is_said() {
    let dir = written(20);
    let (code, said, _) = history(dir.path(), &[]);
    assert_eq!((code, said.lines().filter(|l| l.starts_with("net/")).count()), (0, 3), "{said}");
    let lines: Vec<&str> = said.lines().filter(|l| l.starts_with("  ")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    assert!(lines[0].contains("2026-01-11: +") && lines[0].contains("revisions 0000000000..0000000000"), "{said}");
    assert!(lines[0].contains("compiler gcc-12.2.0-3f9a01 -> gcc-13.1.0-77aa10"), "{said}");
    let (_, json, _) = history(dir.path(), &["--layer", "l1", "--json", "--charts", "charts"]);
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(document["trends"][0]["points"].as_array().unwrap().len(), 20);
    assert_eq!(document["trends"][0]["changes"][0]["night"], 10);
    let charts: Vec<_> = std::fs::read_dir(dir.path().join("charts")).unwrap().flatten().collect();
    assert_eq!(charts.len(), 1);
    let svg = std::fs::read_to_string(charts[0].path()).unwrap();
    assert!(svg.contains("compiler gcc-12.2.0") && svg.contains("+4."), "the change and what else changed are drawn");
}

#[test]
fn a_runs_page_says_how_its_kernels_went_where_there_is_a_history() {
    let dir = written(20);
    let run = dir.path().join("results/t/2026-01-20-1");
    let page = || {
        let out = Command::new(env!("CARGO_BIN_EXE_bitsmith")).arg("report").arg(&run).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        std::fs::read_to_string(run.join("report.html")).unwrap()
    };
    assert!(!page().contains("Over the nights"), "nobody asked for an index");
    history(dir.path(), &[]);
    let html = page();
    assert!(html.contains("Over the nights") && html.contains("revisions 0000000000..0000000000"));
    let drawn = |name: &str| run.join(format!("charts/trend-net-{name}-w8a8-int8-t-hot-t1.svg")).is_file();
    assert!(drawn("l0") && drawn("l1") && drawn("l2"));
    // the one that changed comes first
    let table = html.split("Over the nights").nth(1).unwrap();
    assert!(table.find("net/l1").unwrap() < table.find("net/l0").unwrap());
}

#[test]
fn the_index_is_filled_once_and_can_be_lost_at_any_time() {
    let dir = written(4);
    let index = dir.path().join("results/history.sqlite");
    let updated = || {
        let mut store = store::open(&index.display().to_string()).unwrap();
        store::update(store.as_mut(), &dir.path().join("results")).unwrap()
    };
    let first = updated();
    assert_eq!((first.added, first.known), (4, 0));
    assert_eq!((updated().added, updated().known), (0, 4));
    let (_, whole, _) = history(dir.path(), &[]);
    // a run that lost its end is read up to there, said, and indexed anew
    let finals = dir.path().join("results/t/2026-01-02-1/finals.csv");
    let text = std::fs::read_to_string(&finals).unwrap();
    std::fs::write(&finals, &text[..text.len() - 3]).unwrap();
    let torn = updated();
    assert!(torn.added == 1 && torn.notes[0].contains("ends in half a row"), "{torn:?}");
    std::fs::write(&finals, &text).unwrap();
    assert_eq!(updated().added, 1);
    assert_eq!(history(dir.path(), &[]).1, whole);
    // garbage, a file cut off, one overwritten in the middle, one that is gone
    let good = std::fs::read(&index).unwrap();
    let mut holed = good.clone();
    holed[4096..].fill(0x5a);
    for bad in [b"not a database at all, but long enough to be read as one".to_vec(), good[..3000].to_vec(), holed] {
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(dir.path().join(format!("results/history.sqlite{end}")));
        }
        std::fs::write(&index, &bad).unwrap();
        let (code, said, noted) = history(dir.path(), &[]);
        assert_eq!((code, said == whole), (0, true), "{noted}{said}");
        assert!(noted.contains("was damaged"), "{noted}");
    }
    std::fs::remove_file(&index).unwrap();
    assert_eq!(history(dir.path(), &[]).1, whole);
    // a later version is not touched
    rusqlite::Connection::open(&index).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let (code, _, noted) = history(dir.path(), &[]);
    assert!(code == 2 && noted.contains("version 99") && noted.lines().count() == 1, "{noted}");
}

/// A disk that is full is one line, and nothing is lost: files may not grow beyond so many bytes here.
#[test]
fn a_full_disk_is_one_line_and_costs_nothing() {
    let dir = written(12);
    let limited = |args: &str, kib: u32| {
        let script = format!("ulimit -f {kib}; trap '' XFSZ; exec {} {args}", env!("CARGO_BIN_EXE_bitsmith"));
        let Output { status, stdout, stderr } =
            Command::new("bash").args(["-c", &script]).current_dir(dir.path()).output().unwrap();
        (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    };
    let (code, _, noted) = limited("history", 8);
    assert!(code == 2 && noted.lines().count() == 1 && noted.contains("history.sqlite"), "{noted}");
    let (code, whole, _) = history(dir.path(), &[]);
    assert_eq!((code, whole.lines().filter(|l| l.starts_with("net/")).count()), (0, 3), "{whole}");
    // a page that does not fit is not there in part, and the one before it stays
    let run = dir.path().join("results/t/2026-01-12-1");
    let page = run.join("report.html");
    assert_eq!(limited("report results/t/2026-01-12-1", 100_000).0, 0);
    let before = std::fs::read(&page).unwrap();
    let (code, _, noted) = limited("report results/t/2026-01-12-1", 12);
    assert!(code == 2 && noted.lines().filter(|l| l.starts_with("error: cannot write")).count() == 1, "{noted}");
    assert_eq!(std::fs::read(&page).unwrap(), before);
    let half: Vec<_> = std::fs::read_dir(&run)
        .unwrap()
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|e| e == "tmp"))
        .collect();
    assert!(half.is_empty(), "{half:?}");
}

#[test]
fn two_fill_it_at_once() {
    let dir = written(6);
    let index = dir.path().join("both.sqlite").display().to_string();
    let fill = || {
        let mut store = store::open(&index).unwrap();
        store::update(store.as_mut(), &dir.path().join("results")).unwrap();
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(fill))));
    let found = store::open(&index).unwrap().history(&Query::default()).unwrap();
    assert_eq!(found.iter().map(|h| h.points.len()).collect::<Vec<_>>(), [6, 6, 6]);
}

/// Thirty nights of three devices: `good` has one kernel 3 % slower from day 12 on, `gcc` gets a new compiler on day 18 that
/// makes two kernels 5 % slower, `noisy` has a neighbour on days 8 and 21. What was said is printed:
/// `cargo test --test history month -- --nocapture`.
#[test]
fn a_simulated_month() {
    const LAYERS: usize = 40;
    let dir = tempfile::tempdir().unwrap();
    let folder = |target: &str, day: usize| dir.path().join(format!("results/{target}/{day:02}"));
    let (mut false_alarms, mut found, mut noisy) = (vec![], vec![], vec![]);
    for day in 0..30 {
        let mut new = Side::default();
        let mut base = Side::default();
        for target in ["good", "gcc", "noisy"] {
            let (mut night, mut now) = (Night::new(target, day), kernels(LAYERS, day));
            night.seed += 31 * day as u64;
            if target == "good" && day >= 12 {
                now[5].ns *= 1.03;
            }
            if target == "gcc" && day >= 18 {
                night.compiler = "gcc-13.1.0-77aa10".into();
                now[1].ns *= 1.05;
                now[2].ns *= 1.05;
            }
            if target == "noisy" && [8, 21].contains(&day) {
                night.noise = (0.06, 0.05);
            }
            night.write(&folder(target, day), &now);
            new.add(&folder(target, day)).unwrap();
            (day.saturating_sub(7)..day).for_each(|d| base.add(&folder(target, d)).unwrap());
        }
        let report = compare(&base, &new, &Rules::default());
        let slower: Vec<String> = report
            .comparisons
            .iter()
            .filter(|c| c.finding == Finding::Regression)
            .map(|c| format!("{} {} x{:.3}", c.key.target, c.key.layer, c.ratio.unwrap()))
            .collect();
        let away: Vec<&str> =
            report.devices.iter().filter(|d| d.quarantined.is_some()).map(|d| d.target.as_str()).collect();
        println!("day {day:2}: exit {}  slower: {slower:?}  quarantined: {away:?}", report.exit_code());
        let planted = |s: &&String| {
            s.starts_with("good net/l5 ") && day >= 12
                || (s.starts_with("gcc net/l1 ") || s.starts_with("gcc net/l2 ")) && day >= 18
        };
        false_alarms.extend(slower.iter().filter(|s| !planted(s)).cloned());
        found.extend(slower.iter().filter(planted).map(|s| (day, s[..s.rfind(' ').unwrap()].to_string())));
        // a disturbed night says nothing, and blinds none that follow
        assert!(![9, 10, 22, 23].contains(&day) || report.exit_code() == 0, "day {day}");
        noisy.extend((day > 0 && !away.is_empty()).then(|| (day, away.join(" "))));
    }
    assert!(false_alarms.is_empty(), "{false_alarms:?}");
    let first = |what: &str| found.iter().find(|f| f.1 == what).map(|f| f.0);
    assert!(first("good net/l5").is_some_and(|d| d <= 13), "{found:?}");
    assert!(first("gcc net/l1").is_some_and(|d| d <= 19) && first("gcc net/l2").is_some_and(|d| d <= 19), "{found:?}");
    assert_eq!(noisy, [(8, "noisy".to_string()), (21, "noisy".to_string())]);
    let (_, said, _) = history(dir.path(), &[]);
    println!("{}", said.lines().filter(|l| l.starts_with("  ")).collect::<Vec<_>>().join("\n"));
    let changes: Vec<&str> = said.lines().filter(|l| l.starts_with("  ")).collect();
    assert_eq!(changes.len(), 3, "{said}");
    assert_eq!(changes.iter().filter(|c| c.contains("compiler gcc-12.2.0-3f9a01 -> gcc-13.1.0-77aa10")).count(), 2);
}
