//! Reports of tools, read with care: what one does not say is unknown, and what is no report is one line that says so.

pub mod bambu;
pub mod cosim;
pub mod csynth;
pub mod nextpnr;
pub mod vivado;
pub mod yosys;

use std::path::Path;

use anyhow::{Context, Result};

use super::resources::Resources;

/// What a report says of a design. None is what it does not say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub resources: Resources,
    /// The clock that was asked for, and the one that the tool believes in.
    pub asked_mhz: Option<f64>,
    pub fmax_mhz: Option<f64>,
    /// Clock cycles of one call, at best and at worst, and from call to call.
    pub latency: [Option<u64>; 2],
    pub interval: [Option<u64>; 2],
}

/// A report's text.
/// # Errors
/// One line that names the file.
pub fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("{}: no such report", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A whole number as tools write it: `12`, `1,234`, `~5`; none for `undef`, `?`, `-`, `N/A`, nothing.
pub(super) fn count(text: &str) -> Option<u64> {
    let plain = text.trim().trim_start_matches('~').replace(',', "");
    plain.parse().ok().or_else(|| {
        let value: f64 = plain.parse().ok()?;
        (value.is_finite() && (0.0..1e15).contains(&value)).then_some(value.round() as u64)
    })
}

/// A period in nanoseconds, with its unit where it has one: `8.750`, `8.75ns`, `8750 ps`, `0.01 us`.
pub(super) fn period_ns(text: &str, unit: Option<&str>) -> Option<f64> {
    let text = text.trim();
    let at = text.find(|c: char| !(c.is_ascii_digit() || ".+-eE".contains(c))).unwrap_or(text.len());
    let value: f64 = text[..at].trim().parse().ok()?;
    let own = text[at..].trim();
    let scale = match if own.is_empty() { unit.unwrap_or("ns") } else { own } {
        "ns" => 1.0,
        "ps" => 1e-3,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        _ => return None,
    };
    let ns = value * scale;
    (ns.is_finite() && ns > 0.0 && ns < 1e9).then_some(ns)
}
