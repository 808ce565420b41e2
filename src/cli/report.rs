//! `bitsmith report`

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::print;
use crate::record::{Accuracy, read_table};
use crate::run::Run;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  bitsmith report results/x86-avx2/2026-01-31-1")]
pub struct Args {
    /// The folder of a run, as `bitsmith tune` or `bitsmith accuracy` printed it
    dir: PathBuf,
}

pub fn run(args: &Args) -> Result<()> {
    if args.dir.join("accuracy.csv").is_file() && !args.dir.join("records.csv").is_file() {
        let rows: Vec<Accuracy> = read_table(&args.dir.join("accuracy.csv"))?;
        return print(&accuracy(&args.dir, &rows)?);
    }
    let run = Run::load(&args.dir)?;
    print(&finish(&run)?)
}

/// Writes what follows from the records; the text for the terminal.
pub fn finish(run: &Run) -> Result<String> {
    if run.provenance.is_some() {
        crate::run::write_file(&run.dir.join("profile.toml"), &crate::profile::profile(run)?)?;
    }
    let page = crate::report::build(&run.dir)?;
    Ok(format!("{}\nreport: {}\n", crate::report::summary(run), page.display()))
}

/// Writes charts and page of `bitsmith accuracy`; the text for the terminal.
pub fn accuracy(dir: &Path, rows: &[Accuracy]) -> Result<String> {
    let page = crate::report::accuracy::write(dir, rows)?;
    Ok(format!("{}report: {}\n", crate::report::accuracy::summary(rows), page.display()))
}
