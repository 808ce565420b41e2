//! Every table of the page as CSV files: what is a list of rows there, is a file here, with the run in front of each row.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use crate::run::write_bytes;

/// Writes the tables of [`super::tables`] into a folder, `NAME.csv` each; what an earlier call left there stays. Returns what was written.
/// # Errors
/// A folder that cannot be written.
pub fn write(tables: &Value, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut sheets: BTreeMap<String, Vec<Map<String, Value>>> = BTreeMap::new();
    let page = tables.as_object().context("no tables")?;
    let night = page.get("verdict").and_then(Value::as_object).into_iter().flatten();
    for (name, rows) in page.iter().filter(|(name, _)| *name != "runs").chain(night) {
        collect(&mut sheets, name, rows, &Map::new());
    }
    for run in page.get("runs").and_then(Value::as_array).into_iter().flatten() {
        let own = Map::from_iter([("run".to_string(), run["dir"].clone())]);
        for (name, rows) in run.as_object().into_iter().flatten() {
            collect(&mut sheets, name, rows, &own);
        }
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut written = Vec::new();
    for (name, rows) in sheets {
        let path = folder.join(format!("{name}.csv"));
        write_bytes(&path, &sheet(&rows)?)?;
        written.push(path);
    }
    Ok(written)
}

/// Rows that hold rows of their own (layers of a network, messages of an outcome) give their fields to each of them.
fn collect(
    into: &mut BTreeMap<String, Vec<Map<String, Value>>>,
    name: &str,
    rows: &Value,
    before: &Map<String, Value>,
) {
    for row in rows.as_array().into_iter().flatten().filter_map(Value::as_object) {
        let inner = row.iter().find(|(_, v)| v.as_array().is_some_and(|a| a.first().is_some_and(Value::is_object)));
        let mut flat = before.clone();
        flat.extend(row.iter().filter(|(k, _)| inner.is_none_or(|i| i.0 != *k)).map(|(k, v)| (k.clone(), v.clone())));
        match (inner, name) {
            (_, "charts") => {}
            // blocks are the layers, under the heading of their network
            (Some((_, rows)), "blocks") => collect(into, "layers", rows, &flat),
            (Some((_, rows)), name) => collect(into, name, rows, &flat),
            (None, name) => into.entry(name.into()).or_default().push(flat),
        }
    }
}

fn sheet(rows: &[Map<String, Value>]) -> Result<Vec<u8>> {
    let mut columns: Vec<&String> = Vec::new();
    rows.iter().flat_map(Map::keys).for_each(|k| {
        if !columns.contains(&k) {
            columns.push(k);
        }
    });
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(&columns)?;
    for row in rows {
        csv.write_record(columns.iter().map(|c| row.get(*c).map_or(String::new(), cell)))?;
    }
    Ok(csv.into_inner()?)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        // what is not known is empty here
        Value::String(s) if s == super::format::UNKNOWN => String::new(),
        Value::String(s) => s.clone(),
        Value::Array(all) => all.iter().map(cell).collect::<Vec<_>>().join("; "),
        other => other.to_string(),
    }
}
