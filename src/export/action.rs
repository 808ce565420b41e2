//! `customSmallerIsBetter` of github-action-benchmark (its README, "Custom benchmarks").

use anyhow::Result;
use serde_json::{Value, json};

use super::{series, timed};
use crate::run::Run;

pub fn write(run: &Run) -> Result<String> {
    let one = |(w, ns, (low, high)): (&crate::certificate::Winner, f64, (f64, f64))| {
        let range = format!("{low} .. {high}");
        json!({ "name": series(w), "unit": "ns", "value": ns, "range": range, "extra": w.record.candidate })
    };
    let all: Vec<Value> = timed(run).map(one).collect();
    Ok(format!("{}\n", serde_json::to_string_pretty(&all)?))
}
