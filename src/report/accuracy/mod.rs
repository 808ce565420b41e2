//! The report of `bitsmith accuracy`: a table and charts, made from `accuracy.csv` alone.

mod overflow;
mod summary;

use std::path::Path;

use anyhow::Result;

use crate::record::Accuracy;
pub use overflow::overflows;
pub use summary::summary;

/// Writes the charts of these rows into the folder of a run.
/// # Errors
/// A folder that cannot be written.
pub fn write(_dir: &Path, _rows: &[Accuracy]) -> Result<()> {
    Ok(())
}
