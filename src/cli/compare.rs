//! `bitsmith compare`

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;

use super::{Ended, print};
use crate::export::FORMS;
use crate::sessions::Side;
use crate::verdict::{Rules, compare};

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// What was before: the folder of a run, or one with such folders in it (several nights make a better base)
    base: PathBuf,
    /// What is now: likewise
    new: PathBuf,
    /// The least slowdown that matters
    #[arg(long, value_name = "PERCENT", default_value = "2%", value_parser = percent)]
    gate: f64,
    /// How to write it
    #[arg(long, value_name = "FORMAT", default_value = FORMS[0].name,
          value_parser = PossibleValuesParser::new(FORMS.iter().map(|f| f.name)))]
    format: String,
}

const EXAMPLES: &str = "\
The exit code is 0 where everything is the same or better, 1 where something is slower, 3 where there is not enough
evidence to say either, 2 for a mistake. Samples of one session say nothing of the next one: runs without repeats
(`bitsmith nightly` holds some) end in 3.

Examples:
  bitsmith compare results/x86-avx2/2026-01-30-1 results/x86-avx2/2026-01-31-1
  bitsmith compare --gate 5% --format junit base new > compare.xml";

/// `2%` or `0.02`.
pub fn percent(text: &str) -> std::result::Result<f64, String> {
    let (number, scale) = text.trim().strip_suffix('%').map_or((text.trim(), 1.0), |n| (n.trim(), 0.01));
    let value = number.parse::<f64>().ok().map(|n| n * scale).filter(|n| *n > 0.0 && *n <= 0.5);
    value.ok_or_else(|| "expected a percentage between 0 and 50, for example 2%".into())
}

pub fn run(args: &Args) -> Result<()> {
    let side = |dir: &PathBuf| Side::read(dir).context("cannot compare");
    let (base, new) = (side(&args.base)?, side(&args.new)?);
    let report = compare(&base, &new, &Rules { gate: args.gate, ..Rules::default() });
    let form = FORMS.iter().find(|f| f.name == args.format).unwrap_or(&FORMS[0]);
    print(&(form.write)(&report)?)?;
    Ended::with(report.exit_code())
}
