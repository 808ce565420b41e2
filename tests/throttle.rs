//! A device that throttles: its clock falls, or it grows hot, in the middle of a race. What was timed meanwhile never counts.

mod common;

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use bitsmith::candidate::{Contract, Regime};
use bitsmith::layer::Shape;
use bitsmith::record::{Outcome, Record};
use bitsmith::target::Target;
use common::sysfs::Sysfs;
use common::{Lab, sample};

fn lab(tree: &Sysfs) -> Lab {
    let mut target = Target::find("x86-scalar").unwrap();
    target.runner.sysfs = tree.root().into();
    Lab::of(target)
}

/// Races four kernels; the second one does `code` (C) in its 30th call, when it is being raced.
fn race(lab: &Lab, code: &str) -> Vec<Record> {
    let task = lab.task(Shape::gemm(13, 19, 37).unwrap(), "w8a8", Contract::Int8, true, 1);
    let points = sample(task.space().unwrap().points(), 4, 3);
    let begin = format!(
        "{{ int rename(const char *, const char *); static int calls; if (++calls == 30) {{ {code} }} }}\n    "
    );
    lab.try_edited(task, &points, Regime::Hot, |i, source| {
        if i == 1 {
            let entry = source.text.rfind("(void)thread,").unwrap();
            source.text.insert_str(entry, &begin);
        }
    })
}

/// C that puts a text in the place of a file, of which the test has another copy ready.
fn replace(tree: &Sysfs, file: &str, text: &str) -> String {
    let ready = tree.at("ready").join(file);
    fs::create_dir_all(ready.parent().unwrap()).unwrap();
    fs::write(&ready, format!("{text}\n")).unwrap();
    format!("rename(\"{}\", \"{}\");", ready.display(), tree.at(file).display())
}

/// Of all cpus: which of them it runs on is the runner's affair.
fn slow_down(tree: &Sysfs) -> String {
    let file = |cpu| format!("devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq");
    (0..64).map(|cpu| replace(tree, &file(cpu), "1000000")).collect()
}

#[test]
fn a_clock_that_falls_and_recovers_costs_rounds_that_are_taken_again() {
    let tree = Sysfs::new();
    let code = slow_down(&tree) + &replace(&tree, "class/thermal/cooling_device1/cur_state", "3");
    let records = thread::scope(|s| {
        s.spawn(|| {
            let end = Instant::now() + Duration::from_secs(60);
            while fs::read_to_string(tree.at("class/thermal/cooling_device1/cur_state")).unwrap().trim() != "3" {
                assert!(Instant::now() < end, "nobody came to its 30th call");
                thread::sleep(Duration::from_millis(5));
            }
            thread::sleep(Duration::from_millis(300));
            (0..64).for_each(|cpu| {
                tree.set(&format!("devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq"), "1500000");
            });
            tree.set("class/thermal/cooling_device1/cur_state", "0");
        });
        race(&lab(&tree), &code)
    });
    for r in &records {
        assert!(matches!(r.outcome, Outcome::Measured | Outcome::Eliminated), "{:?} {}", r.outcome, r.message);
        assert!(r.message.contains(" taken again: "), "{}", r.message);
    }
}

#[test]
fn a_device_that_stays_slow_has_no_times() {
    let tree = Sysfs::new();
    let code = slow_down(&tree);
    let lab = lab(&tree);
    for r in race(&lab, &code) {
        assert_eq!(r.outcome, Outcome::Throttled, "{}", r.message);
        assert!(r.message.contains("its clock fell to 1000 of 1500 MHz"), "{}", r.message);
        assert!(r.median_ns.is_none() && r.corrected_ns.is_none() && r.samples == 0 && !r.outcome.right());
    }
    tree.set("class/thermal/thermal_zone0/temp", "81000");
    for r in race(&lab, "") {
        assert_eq!(r.outcome, Outcome::Throttled, "hot is hot");
        assert!(r.message.contains("zone 0 is past its trip point at 81.0 °C"), "{}", r.message);
    }
    tree.set("class/thermal/thermal_zone0/temp", "60000");
    // no sign of heat: that is its speed from now on, and what comes is compared with it
    assert!(race(&lab, "").iter().all(|r| r.outcome.right() && r.message.is_empty()));
}

#[test]
fn a_device_that_does_as_before_has_every_round_counted() {
    let tree = Sysfs::new();
    for r in race(&lab(&tree), "") {
        assert!(matches!(r.outcome, Outcome::Measured | Outcome::Eliminated), "{:?}", r.outcome);
        assert_eq!(r.message, "");
    }
}
