//! Accuracy in ten seconds, on a terminal.

use crate::record::Accuracy;
use crate::report::format::{self, known};

/// One line per scheme: size, the least and the median error over the layers, and what networks score.
pub fn summary(rows: &[Accuracy]) -> String {
    distinct(rows.iter().map(|r| r.network.as_str()))
        .iter()
        .map(|n| network(n, &rows.iter().filter(|r| r.network == *n).collect::<Vec<_>>()))
        .collect()
}

fn network(name: &str, rows: &[&Accuracy]) -> String {
    let schemes = distinct(rows.iter().map(|r| r.scheme.as_str()));
    let data = rows.iter().find(|r| !r.layer.is_empty()).map_or("", |r| r.data.as_str());
    let mut out = format!("{name}: SQNR of its layers' outputs, {data} data\n");
    out += &format!("{:<28}{:>8}{:>12}{:>12}{:>12}  {}\n", "scheme", "bits", "least", "median", "weights", "top-1");
    let mut lines: Vec<(f64, String)> = schemes.iter().map(|s| line(s, rows)).collect();
    lines.sort_by(|a, b| b.0.total_cmp(&a.0));
    out += &lines.into_iter().map(|(_, l)| l).collect::<String>();
    out
}

/// Each once, in the order in which they come.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = std::collections::HashSet::new();
    names.filter(|n| seen.insert(*n)).collect()
}

fn line(scheme: &str, rows: &[&Accuracy]) -> (f64, String) {
    let own: Vec<&&Accuracy> = rows.iter().filter(|r| r.scheme == scheme).collect();
    let sorted = |value: fn(&Accuracy) -> Option<f64>| {
        let mut all: Vec<f64> = own.iter().filter(|r| !r.layer.is_empty()).filter_map(|r| value(r)).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let (outputs, weights) = (sorted(|r| r.sqnr_db), sorted(|r| r.weight_sqnr_db));
    let at = |all: &[f64], i: usize| known(all.get(i).copied(), format::decibels);
    let whole = own.iter().find(|r| r.layer.is_empty());
    let bits = own.iter().map(|r| r.weight_bits).fold(0.0, f64::max);
    let bits = whole.map_or(bits, |r| r.weight_bits);
    let top1 = whole.and_then(|r| Some(format::top1(r.top1?, r.samples))).unwrap_or_default();
    let text = format!(
        "{scheme:<28}{bits:>8.2}{:>12}{:>12}{:>12}  {top1}\n",
        at(&outputs, 0),
        at(&outputs, outputs.len() / 2),
        at(&weights, weights.len() / 2)
    );
    (bits, text)
}
