//! `bitsmith report`

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::print;
use crate::report::accuracy::{self as report, Data};
use crate::run::Run;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  bitsmith report results/x86-avx2/2026-01-31-1")]
pub struct Args {
    /// The folder of a run, as `bitsmith tune` or `bitsmith accuracy` printed it
    dir: PathBuf,
}

pub fn run(args: &Args) -> Result<()> {
    if args.dir.join("accuracy.csv").is_file() && !args.dir.join("records.csv").is_file() {
        return print(&accuracy(&args.dir, &Data::read(&args.dir)?)?);
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
pub fn accuracy(dir: &Path, data: &Data) -> Result<String> {
    let page = report::write(dir, data)?;
    Ok(format!("{}{}report: {}\n", report::summary(&data.rows), report::overflows(&data.overflows), page.display()))
}
