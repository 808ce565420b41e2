//! `stat -json` of Yosys: cells of the whole design by type.

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::fpga::fabric::{Fabric, tally};
use crate::fpga::resources::Resources;

/// # Errors
/// A text that is no such document, or one with cells of which no circuit can be made.
pub fn parse(json: &str, fabric: &Fabric) -> Result<Resources> {
    // older versions close the document with a comma too many
    let start = json.find('{').context("the statistics of Yosys hold no document")?;
    let mut documents = serde_json::Deserializer::from_str(&json[start..]).into_iter::<Value>();
    let document = documents.next().context("the statistics of Yosys are empty")?;
    let document = document.context("the statistics of Yosys are damaged")?;
    let cells = document.get("design").and_then(|d| d.get("num_cells_by_type"));
    let cells = cells.or_else(|| {
        let modules = document.get("modules")?.as_object()?;
        (modules.len() == 1).then(|| modules.values().next()?.get("num_cells_by_type"))?
    });
    let Some(cells) = cells.and_then(Value::as_object) else {
        bail!("the statistics of Yosys have no `num_cells_by_type`");
    };
    if let Some((name, _)) = cells.iter().find(|(n, _)| n.starts_with('$')) {
        bail!("a cell `{name}` is left that the device does not have");
    }
    Ok(tally(fabric.cells, cells.iter().filter_map(|(n, v)| Some((n.as_str(), v.as_u64()?)))))
}
