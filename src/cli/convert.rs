//! `bitsmith convert`

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::builder::PossibleValuesParser;

use super::print;
use crate::export::EXPORTS;
use crate::run::{Run, write_file};

#[derive(clap::Args)]
#[command(after_help = "Examples:
  bitsmith convert results/x86-avx2/2026-01-31-1 --to google-benchmark > run.json
  bitsmith convert run --to prometheus --out /var/lib/node_exporter/bitsmith.prom")]
pub struct Args {
    /// The folder of a run
    dir: PathBuf,
    /// google-benchmark, prometheus, github-action-benchmark or bencher
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(EXPORTS.iter().map(|e| e.name)))]
    to: String,
    /// File to write, whole or not at all [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<()> {
    let run = Run::load(&args.dir)?;
    let timed = run.winners.iter().any(|w| w.median_ns.is_some());
    ensure!(timed, "{} has no winner with a time; export a run of a target that gives times", args.dir.display());
    for export in EXPORTS.iter().filter(|e| e.name == args.to) {
        let text = (export.write)(&run)?;
        args.out.as_ref().map_or_else(|| print(&text), |path| write_file(path, &text))?;
    }
    Ok(())
}
