//! A comparison as one JSON document. Fields: `docs/formats.md`.

use anyhow::Result;
use serde_json::json;

use crate::verdict::Report;

pub fn write(report: &Report) -> Result<String> {
    let document = json!({ "schema": 1, "exit_code": report.exit_code(), "report": report });
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}
