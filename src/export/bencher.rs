//! Bencher Metric Format: `{ benchmark: { measure: { value, lower_value, upper_value } } }`, latency in nanoseconds.

use anyhow::Result;
use serde_json::{Map, json};

use super::{series, timed};
use crate::run::Run;

pub fn write(run: &Run) -> Result<String> {
    let mut all = Map::new();
    for (w, ns, (low, high)) in timed(run) {
        let metric = json!({ "latency": { "value": ns, "lower_value": low, "upper_value": high } });
        all.insert(series(w), metric);
    }
    Ok(format!("{}\n", serde_json::to_string_pretty(&all)?))
}
