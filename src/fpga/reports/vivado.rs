//! Text reports of Vivado: `report_utilization` and `report_timing_summary`.

use anyhow::{Result, bail};

use super::{Report, count, period_ns};
use crate::fpga::resources::Resources;

/// Cells of a row `| a | b |`.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

/// `report_utilization`, of 7 series (`Slice LUTs`) and of UltraScale (`CLB LUTs`). A RAMB36 is two BRAM18.
/// # Errors
/// A text without look-up tables in it.
pub fn utilization(text: &str) -> Result<Resources> {
    let mut found = Resources::default();
    let mut used = 1;
    for row in text.lines().filter_map(cells) {
        if let Some(at) = row.iter().position(|c| *c == "Used") {
            used = at;
            continue;
        }
        let name = row[0].trim_end_matches('*');
        let value = row.get(used).copied().unwrap_or_default();
        let slot = match name {
            "Slice LUTs" | "CLB LUTs" => &mut found.lut,
            "Slice Registers" | "CLB Registers" => &mut found.ff,
            "DSPs" => &mut found.dsp,
            "URAM" => &mut found.uram,
            // in tiles of 36 kbit, of which a BRAM18 takes half
            "Block RAM Tile" => {
                let tiles = value.replace(',', "").parse::<f64>().ok().filter(|t| (0.0..1e9).contains(t));
                found.bram = found.bram.or(tiles.map(|t| (t * 2.0).round() as u64));
                continue;
            }
            _ => continue,
        };
        // the first table counts; later ones repeat parts of it
        *slot = slot.or(count(value));
    }
    if found.lut.is_none() {
        bail!("this is no utilization report of Vivado: no `Slice LUTs` and no `CLB LUTs`");
    }
    Ok(found)
}

/// The reached clock of a `report_timing_summary`: period less worst negative slack, of the tightest clock.
/// # Errors
/// A text without a clock or slack.
pub fn timing(text: &str) -> Result<Report> {
    let lines: Vec<&str> = text.lines().collect();
    let row_below = |heading: &str, column: &str| -> Option<Vec<&str>> {
        let start = lines.iter().position(|l| l.contains(heading))?;
        let head = lines[start..].iter().position(|l| l.contains(column))? + start;
        // a rule of dashes follows the head
        let rule = |l: &str| l.chars().all(|c| c == '-' || c == ' ');
        lines[head + 1..].iter().find(|l| !rule(l)).map(|l| l.split_whitespace().collect())
    };
    let slack = row_below("Design Timing Summary", "WNS(ns)").and_then(|r| r.first()?.parse::<f64>().ok());
    let clock = row_below("Clock Summary", "Waveform").and_then(|r| {
        let at = r.iter().position(|w| w.ends_with('}'))?;
        period_ns(r.get(at + 1)?, None)
    });
    let (Some(slack), Some(period)) = (slack, clock) else {
        bail!("this is no timing summary of Vivado, or one without a clock: no WNS(ns) or no period");
    };
    let reached = period - slack;
    if !(reached.is_finite() && reached > 0.0) {
        bail!("a slack of {slack} ns of a period of {period} ns makes no sense");
    }
    Ok(Report { asked_mhz: Some(1e3 / period), fmax_mhz: Some(1e3 / reached), ..Report::default() })
}
