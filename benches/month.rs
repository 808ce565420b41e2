//! A month of nights on three devices whose true times are known, and what was said of each: `cargo bench --bench month [-- FOLDER]`.
//!
//! - `x86-avx2`: from night 12 on one kernel takes 3 % longer; another's sessions differ by 10 % in every night;
//! - `x86-avx512vnni`: a neighbour disturbs nights 8 and 21;
//! - `pi5-qemu`, whose times are modelled: from night 18 on another compiler makes two kernels 5 % slower.
//!
//! The runs, their index and the page of the last night stay in the folder, where one is named.

#[path = "../tests/common/nights.rs"]
mod nights;

use std::path::{Path, PathBuf};

use bitsmith::report::{Beside, sentence, with_changes};
use bitsmith::run::Run;
use bitsmith::sessions::Side;
use bitsmith::store::{self, Query};
use bitsmith::verdict::{Comparison, Finding, Report, Rules, compare};
use nights::{Kernel, Night, kernels};

const NIGHTS: usize = 30;
const LAYERS: usize = 40;
/// Nights that each is compared with.
const BASE: usize = 7;
const TARGETS: [&str; 3] = ["x86-avx2", "x86-avx512vnni", "pi5-qemu"];

fn main() {
    let temporary = tempfile::tempdir().expect("a temporary folder");
    let named = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    let root = named.map_or_else(|| temporary.path().join("results"), PathBuf::from);
    println!("| night | {} | exit code |\n| ---: | --- | --- | --- | ---: |", TARGETS.join(" | "));
    let mut last = None;
    for day in 0..NIGHTS {
        TARGETS.iter().for_each(|target| measured(&root, target, day));
        let side = |days: std::ops::Range<usize>| {
            let mut side = Side::default();
            days.for_each(|d| TARGETS.iter().for_each(|t| side.add(&folder(&root, t, d)).expect("a run")));
            side
        };
        let report = compare(&side(day.saturating_sub(BASE)..day), &side(day..day + 1), &Rules::default());
        let said: Vec<String> = TARGETS.iter().map(|t| said(&report, t)).collect();
        println!("| {day} | {} | {} |", said.join(" | "), report.exit_code());
        last = Some(report);
    }
    println!("\nbitsmith history:");
    let index = store::default_address(&root).display().to_string();
    let (found, _) = store::ask(&index, &root, &Query::default()).expect("an index");
    let trends: Vec<_> = found.into_iter().map(with_changes).collect();
    for (h, changes) in &trends {
        changes.iter().for_each(|c| println!("  {} {}: {}", h.key.target, h.key.layer, sentence(h, c)));
    }
    let runs: Vec<Run> = TARGETS.iter().map(|t| Run::load(&folder(&root, t, NIGHTS - 1)).expect("a run")).collect();
    let trends = trends.into_iter().filter(|(_, changes)| !changes.is_empty()).collect();
    let night = last.map(|report| (format!("Night {}", NIGHTS - 1), report));
    let page = root.join("night.html");
    bitsmith::report::compare_with(&runs, &Beside { trends, night, ..Beside::default() }, &page).expect("a page");
    println!("\npage: {}", page.display());
}

fn folder(root: &Path, target: &str, day: usize) -> PathBuf {
    root.join(target).join(format!("{day:02}"))
}

/// One night of one device.
fn measured(root: &Path, target: &str, day: usize) {
    let (mut night, mut now): (Night, Vec<Kernel>) = (Night::new(target, day), kernels(LAYERS, day));
    night.seed += 31 * day as u64;
    match target {
        "x86-avx2" => {
            now[3].noise = 0.10;
            now[5].ns *= if day >= 12 { 1.03 } else { 1.0 };
        }
        "x86-avx512vnni" if [8, 21].contains(&day) => night.noise = (0.06, 0.05),
        "pi5-qemu" if day >= 18 => {
            night.compiler = "gcc-13.1.0-77aa10".into();
            now[1..3].iter_mut().for_each(|k| k.ns *= 1.05);
        }
        _ => {}
    }
    let dir = folder(root, target, day);
    match target {
        "pi5-qemu" => night.write_untimed(&dir, &now, Some("llvm-mca 19.1.7 cortex-a76")),
        _ => night.write(&dir, &now),
    }
}

/// What a report says of one device, in a cell.
fn said(report: &Report, target: &str) -> String {
    let own: Vec<&Comparison> = report.comparisons.iter().filter(|c| c.key.target == target).collect();
    if own.is_empty() {
        return "nothing to compare".into();
    }
    if let Some(why) = report.devices.iter().find(|d| d.target == target).and_then(|d| d.quarantined.as_ref()) {
        return format!("quarantined: {}", why.split([':', ';']).next().unwrap_or_default());
    }
    let of = |finding| own.iter().filter(move |c| c.finding == finding);
    let name = |c: &&&Comparison| format!("{} {:+.1} %", c.key.layer, 100.0 * (c.ratio.unwrap_or(f64::NAN) - 1.0));
    let mut cell: Vec<String> = of(Finding::Regression).map(|c| format!("**{}**", name(&c))).collect();
    cell.extend(of(Finding::Better).map(|c| name(&c)));
    cell.push(format!("{} the same", of(Finding::Same).count()));
    let unknown: Vec<&str> = of(Finding::Unknown).map(|c| c.key.layer.as_str()).collect();
    if !unknown.is_empty() {
        cell.push(format!("not known: {}", unknown.join(", ")));
    }
    cell.join(", ")
}
