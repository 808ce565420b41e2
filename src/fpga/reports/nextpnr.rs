//! `nextpnr --report`: a JSON document of what was used and how fast each clock is. It is written also where the clock that
//! was asked for is not reached, which is no failure.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Report;
use crate::fpga::fabric::{Fabric, tally};

/// # Errors
/// A text that is no such report, or one without a clock or cells.
pub fn parse(json: &str, fabric: &Fabric) -> Result<Report> {
    let document: Value = serde_json::from_str(json).context("the report of place and route is damaged")?;
    let positive = |v: &Value, name: &str| v.get(name)?.as_f64().filter(|f| *f > 0.0 && f.is_finite());
    let clocks = document.get("fmax").and_then(Value::as_object).into_iter().flatten();
    // the slowest clock decides; units have one
    let slowest = clocks.filter_map(|(_, v)| Some((positive(v, "achieved")?, positive(v, "constraint"))));
    let slowest = slowest.min_by(|a, b| a.0.total_cmp(&b.0));
    let Some(cells) = document.get("utilization").and_then(Value::as_object) else {
        bail!("the report of place and route has no `utilization`");
    };
    let used = cells.iter().filter_map(|(name, v)| Some((name.as_str(), v.get("used")?.as_u64()?)));
    let resources = tally(fabric.routed, used);
    Ok(Report { resources, asked_mhz: slowest.and_then(|s| s.1), fmax_mhz: slowest.map(|s| s.0), ..Report::default() })
}
