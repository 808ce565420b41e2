//! A comparison as GitHub's Markdown.

use std::fmt::Write;

use anyhow::Result;

use super::text::{change, name, summary, word};
use crate::verdict::{Finding, Report};

/// Rows of the table at most: a comment has 65,536 characters.
const ROWS: usize = 200;

pub fn write(report: &Report) -> Result<String> {
    let mut out = format!("**{}**\n\n", summary(report));
    for d in &report.devices {
        if let Some(why) = &d.quarantined {
            writeln!(out, "Device `{}` is quarantined: {}\n", d.target, cell(why))?;
        }
    }
    let told: Vec<_> = report.comparisons.iter().filter(|c| c.finding != Finding::Same).collect();
    if !told.is_empty() {
        out += "| finding | what | new / base | why |\n| --- | --- | --- | --- |\n";
    }
    for c in told.iter().take(ROWS) {
        writeln!(out, "| {} | {} | {} | {} |", word(c.finding), cell(&name(c)), change(c), cell(&c.why))?;
    }
    if told.len() > ROWS {
        writeln!(out, "\nand {} more", told.len() - ROWS)?;
    }
    report.notes.iter().try_for_each(|note| writeln!(out, "\n{}", cell(note)))?;
    Ok(out)
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ").replace('<', "&lt;")
}
