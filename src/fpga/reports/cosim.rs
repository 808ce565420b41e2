//! `*_cosim.rpt` of Vitis HLS: a table of languages with a status and latencies (UG1399, "Analyzing RTL Simulations").

use anyhow::{Context, Result};

use super::count;

/// What co-simulation says of the Verilog.
#[derive(Clone, Debug, PartialEq)]
pub struct Cosim {
    pub passed: bool,
    /// Clock cycles of the call: the greatest of the least, the mean and the greatest.
    pub latency: Option<u64>,
}

/// # Errors
/// A text without a row of Verilog.
pub fn parse(text: &str) -> Result<Cosim> {
    let cells = |line: &str| -> Option<Vec<String>> {
        let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
        Some(inner.split('|').map(|c| c.trim().to_string()).collect())
    };
    let row = text.lines().filter_map(cells).find(|r| r.first().is_some_and(|c| c.eq_ignore_ascii_case("verilog")));
    let row = row.context("this is no report of co-simulation: it has no row of Verilog")?;
    let status = row.get(1).context("the row of Verilog has no status")?;
    let latency = row.get(2..5).into_iter().flatten().filter_map(|c| count(c)).max();
    Ok(Cosim { passed: status.eq_ignore_ascii_case("pass"), latency })
}
