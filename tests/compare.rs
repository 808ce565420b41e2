//! `bitsmith compare` on folders of runs whose true times are known: what it finds, and by which exit code.

#[path = "common/nights.rs"]
mod nights;

use std::path::Path;
use std::process::{Command, Output};

use nights::{Kernel, Night, kernels};

fn compare(dir: &Path, args: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } =
        Command::new(env!("CARGO_BIN_EXE_bitsmith")).arg("compare").args(args).current_dir(dir).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap())
}

/// A base of so many nights below `base`, and one more night with these kernels in `new`.
fn written(nights: usize, change: impl Fn(&mut Night, &mut Vec<Kernel>)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for day in 0..nights {
        Night::new("t", day).write(&dir.path().join(format!("base/{day}")), &kernels(20, day));
    }
    let (mut night, mut now) = (Night::new("t", nights), kernels(20, nights));
    change(&mut night, &mut now);
    night.write(&dir.path().join("new"), &now);
    dir
}

#[test]
fn nothing_changed() {
    for nights in [1, 5] {
        let dir = written(nights, |_, _| {});
        let (code, said) = compare(dir.path(), &["base", "new"]);
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("20 comparisons at a gate of 2 %: 0 slower, 0 faster, 20 the same"), "{said}");
    }
}

#[test]
fn a_slowdown_is_found_and_named_in_every_form() {
    let dir = written(5, |_, now| now[7].ns *= 1.05);
    let (code, said) = compare(dir.path(), &["base", "new"]);
    assert_eq!(code, 1, "{said}");
    let line = said.lines().find(|l| l.starts_with("REGRESSION")).unwrap();
    assert!(line.contains("net/l7 w8a8 int8 t hot t1") && line.contains("x1.0"), "{said}");
    assert!(said.contains("the kernel's text changed; revisions 0000000000..0000000000"), "{said}");
    assert!(said.contains("1 slower, 0 faster, 19 the same"), "{said}");
    let (code, text) = compare(dir.path(), &["base", "new", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &document["exit_code"]), (1, &serde_json::json!(1)));
    let first = &document["report"]["comparisons"][0];
    assert_eq!((&first["layer"], &first["finding"]), (&"net/l7".into(), &"regression".into()));
    let (low, high) = (first["interval"][0].as_f64().unwrap(), first["interval"][1].as_f64().unwrap());
    assert!(low <= 1.05 && 1.05 <= high && high - low < 0.04, "{first}");
    let (code, text) = compare(dir.path(), &["base", "new", "--format", "markdown"]);
    assert!(code == 1 && text.contains("| REGRESSION | net/l7 w8a8 int8 t hot t1 | x1.0"), "{text}");
    let (code, text) = compare(dir.path(), &["base", "new", "--format", "junit"]);
    let xml = roxmltree::Document::parse(&text).unwrap();
    let count = |name: &str| xml.descendants().filter(|n| n.has_tag_name(name)).count();
    assert_eq!((code, count("testcase"), count("failure"), count("error")), (1, 20, 1, 0), "{text}");
    // a wider gate lets it pass, the other way round it is a gain
    assert_eq!(compare(dir.path(), &["base", "new", "--gate", "10%"]).0, 0);
    let (code, said) = compare(dir.path(), &["new", "base"]);
    assert!(code == 0 && said.contains("1 faster, 19 the same"), "{said}");
}

#[test]
fn what_cannot_be_told_is_never_green() {
    let alone = written(1, |night, _| night.repeats = 0);
    std::fs::write(alone.path().join("base/0/repeats.csv"), "").unwrap();
    let noisy = written(5, |night, _| night.noise = (0.08, 0.05));
    let governor = written(5, |night, _| night.governor = "powersave".into());
    let throttled = written(5, |night, _| night.pace = 1.08);
    let cases = [
        (&alone, "no repeats"),
        (&noisy, "its A/A failed"),
        (&governor, "governor performance -> powersave"),
        (&throttled, "the device itself ran 8"),
    ];
    for (dir, why) in cases {
        let (code, said) = compare(dir.path(), &["base", "new"]);
        assert_eq!(code, 3, "{why}: {said}");
        assert!(said.contains(why) && said.contains("quarantined"), "{why}: {said}");
        assert!(said.contains("0 slower, 0 faster, 0 the same, 20 without enough evidence"), "{said}");
    }
    let gone = written(5, |_, now| drop(now.remove(3)));
    let (code, said) = compare(gone.path(), &["base", "new"]);
    assert!(code == 3 && said.contains("not measured in NEW"), "{said}");
}

#[test]
fn new_winners_are_gains_or_ties() {
    let dir = written(5, |_, now| {
        let flip = |k: &mut Kernel, gain: f64| {
            let old = (k.candidate.clone(), k.ns * 1.0005);
            (k.candidate, k.ns) = (k.candidate.replace("gemm", "gemm.new"), k.ns * gain);
            // of equals the first name wins: the new one must not be the second
            k.candidate = format!("a{}", k.candidate);
            k.rival = Some(old);
        };
        flip(&mut now[2], 0.93);
        flip(&mut now[4], 1.0);
    });
    let (code, text) = compare(dir.path(), &["base", "new", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let of = |layer: &str| {
        let all = document["report"]["comparisons"].as_array().unwrap();
        all.iter().find(|c| c["layer"] == layer).unwrap().clone()
    };
    assert_eq!(code, 0, "{text}");
    assert_eq!(of("net/l2")["finding"], "better", "{}", of("net/l2"));
    assert!(of("net/l2")["why"].as_str().unwrap().contains("faster than the old one beside it"), "{}", of("net/l2"));
    assert_eq!(of("net/l4")["finding"], "same", "{}", of("net/l4"));
    assert!(of("net/l4")["why"].as_str().unwrap().contains("it ties with the old one"), "{}", of("net/l4"));
}

#[test]
fn mistakes_are_one_line() {
    let dir = written(1, |_, _| {});
    for (args, says) in [
        (&["base", "nothing"][..], "nothing holds no run"),
        (&["base", "new", "--gate", "90%"], "expected a percentage"),
        (&["base", "new", "--format", "pdf"], "junit"),
    ] {
        let (code, said) = compare(dir.path(), args);
        assert_eq!((code, said.lines().count()), (2, 1), "{said}");
        assert!(said.contains(says), "{said}");
    }
    // a table that lost its end is read up to there, and said
    let path = dir.path().join("new/finals.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 5]).unwrap();
    let (code, said) = compare(dir.path(), &["base", "new"]);
    assert!(code == 3 && said.contains("ends in half a row"), "{code} {said}");
}

/// A layer of nanoseconds that no two sessions agree about costs nothing but its own verdict.
#[test]
fn one_noisy_layer_does_not_blind_its_device() {
    let names =
        |said: &str, word: &str| said.lines().filter(|l| l.starts_with(word)).map(String::from).collect::<Vec<_>>();
    for always in [true, false] {
        for nights in [1, 5] {
            let dir = tempfile::tempdir().unwrap();
            let restless = |day: usize, all: &mut Vec<Kernel>| {
                if always || day == nights {
                    all[3].noise = 0.3;
                }
            };
            for day in 0..=nights {
                let mut now = kernels(20, day);
                restless(day, &mut now);
                if day == nights {
                    now[7].ns *= 1.05;
                }
                let place = if day == nights { "new".to_string() } else { format!("base/{day}") };
                Night::new("t", day).write(&dir.path().join(place), &now);
            }
            let (code, said) = compare(dir.path(), &["base", "new"]);
            let case = format!("always {always}, {nights} nights: {said}");
            assert!(!said.contains("quarantined") && code == 1, "{case}");
            let slower = names(&said, "REGRESSION");
            assert!(slower.len() == 1 && slower[0].contains("net/l7 "), "{case}");
            let unknown = names(&said, "unknown");
            assert!(unknown.len() == 1 && unknown[0].contains("net/l3 "), "{case}");
            assert!(said.contains("1 slower, 0 faster, 18 the same, 1 without"), "{case}");
        }
    }
}

/// What a model says has no noise, so one night is enough; what was only checked is right or not. Neither has a device to quarantine.
#[test]
fn kernels_that_nobody_timed_are_compared_by_what_is_known_of_them() {
    let case = |model: (Option<&str>, Option<&str>), change: &dyn Fn(&mut Vec<Kernel>)| {
        let dir = tempfile::tempdir().unwrap();
        Night::new("pi5-qemu", 0).write_untimed(&dir.path().join("base"), &kernels(5, 0), model.0);
        let mut now = kernels(5, 1);
        change(&mut now);
        Night::new("pi5-qemu", 1).write_untimed(&dir.path().join("new"), &now, model.1);
        let (code, text) = compare(dir.path(), &["base", "new"]);
        let (_, json) = compare(dir.path(), &["base", "new", "--format", "json"]);
        (code, text, serde_json::from_str::<serde_json::Value>(&json).unwrap()["report"].clone())
    };
    let mca = (Some("llvm-mca 19.1.7 neoverse-n1"), Some("llvm-mca 19.1.7 neoverse-n1"));
    let (code, text, report) = case(mca, &|_| ());
    assert!(code == 0 && text.contains("5 comparisons at a gate of 2 %: 0 slower, 0 faster, 5 the same"), "{text}");
    assert!(text.contains("note: kernels of pi5-qemu are modelled by llvm-mca"), "{text}");
    assert_eq!(
        (&report["comparisons"][0]["evidence"], &report["devices"]),
        (&"modelled".into(), &serde_json::json!([]))
    );
    let (code, text, _) = case(mca, &|now| now[2].ns *= 1.021);
    assert!(code == 1 && text.contains("by modelled times; the kernel's text changed; revisions"), "{text}");
    assert_eq!(case(mca, &|now| now[2].ns *= 1.019).0, 0);
    assert!(case(mca, &|now| now[2].ns /= 1.03).1.contains("1 faster, 4 the same"));
    let (code, text, _) = case((mca.0, Some("llvm-mca 20.1.0 neoverse-n1")), &|_| ());
    assert!(code == 3 && text.contains("modelled by another model: llvm-mca 19.1.7"), "{text}");
    let (code, text, _) = case((mca.0, None), &|_| ());
    assert!(code == 3 && text.contains("modelled on one side alone"), "{text}");
    let (code, text, report) = case((None, None), &|_| ());
    assert!(code == 0 && text.contains("5 the same") && text.contains("checked on an emulator"), "{text}");
    assert_eq!(report["comparisons"][0]["evidence"], "emulated");
    let (code, text, _) = case((None, None), &|now| drop(now.remove(0)));
    assert!(code == 3 && text.contains("no right kernel in NEW"), "{text}");
}
