//! The verdict of a night as tables: what was found, and which devices could say so.

use serde::Serialize;

use super::format::{self, known};
use crate::export::{summary, word};
use crate::verdict::{Comparison, DeviceState, Finding, Report};

/// What stands above all else on the page of a night.
#[derive(Serialize)]
pub struct Verdict {
    /// The answer in a few words, and whether it is good, bad, or neither.
    pub answer: &'static str,
    pub class: &'static str,
    pub summary: String,
    pub devices: Vec<DeviceRow>,
    pub findings: Vec<FindingRow>,
    /// Comparisons that found nothing, which are not listed.
    pub same: usize,
    pub notes: Vec<String>,
}

#[derive(Serialize)]
pub struct DeviceRow {
    pub target: String,
    pub comparisons: usize,
    pub noise: String,
    pub sees: String,
    pub pace: String,
    pub quarantined: String,
}

#[derive(Serialize)]
pub struct FindingRow {
    pub finding: &'static str,
    pub layer: String,
    pub scheme: String,
    pub contract: String,
    pub target: String,
    pub regime: String,
    pub threads: usize,
    pub change: String,
    pub interval: String,
    pub q: String,
    pub sees: String,
    pub why: String,
    pub ratio: Option<f64>,
    pub low: Option<f64>,
    pub high: Option<f64>,
}

impl Verdict {
    pub fn of(report: &Report) -> Self {
        let (answer, class) = match report.exit_code() {
            0 => ("Nothing is slower.", "good"),
            1 => ("Something is slower.", "bad"),
            _ => ("Not enough evidence.", "soft"),
        };
        let away = |c: &Comparison| report.devices.iter().any(|d| d.target == c.key.target && d.quarantined.is_some());
        let told = report.comparisons.iter().filter(|c| c.finding != Finding::Same && !away(c));
        Self {
            answer,
            class,
            summary: summary(report),
            devices: report.devices.iter().map(device).collect(),
            findings: told.map(finding).collect(),
            same: report.count(Finding::Same),
            notes: report.notes.clone(),
        }
    }
}

fn seen(share: f64) -> String {
    if share > 1.0 { "> 100 %".into() } else { format::percent(share, 1) }
}

fn device(d: &DeviceState) -> DeviceRow {
    DeviceRow {
        target: d.target.clone(),
        comparisons: d.comparisons,
        noise: known(d.noise, |n| format::percent(n, 2)),
        sees: known(d.detectable, seen),
        pace: if d.comparisons > 0 { format::signed(d.shift.exp() - 1.0, 2) } else { format::UNKNOWN.into() },
        quarantined: d.quarantined.clone().unwrap_or_default(),
    }
}

fn finding(c: &Comparison) -> FindingRow {
    let k = &c.key;
    FindingRow {
        finding: word(c.finding),
        layer: k.layer.clone(),
        scheme: k.scheme.clone(),
        contract: k.contract.clone(),
        target: k.target.clone(),
        regime: k.regime.clone(),
        threads: k.threads,
        change: known(c.ratio, |r| format::signed(r - 1.0, 1)),
        interval: known(c.interval, |(low, high)| {
            format!("{} to {}", format::signed(low - 1.0, 1), format::signed(high - 1.0, 1))
        }),
        q: known(c.q, |q| if q < 1e-4 { "< 0.0001".into() } else { format!("{q:.4}") }),
        sees: known(c.detectable, seen),
        why: c.why.clone(),
        ratio: c.ratio,
        low: c.interval.map(|i| i.0),
        high: c.interval.map(|i| i.1),
    }
}
