//! `bitsmith report`

use std::path::PathBuf;

use anyhow::Result;

use super::print;
use crate::run::Run;

#[derive(clap::Args)]
#[command(after_help = "Example:\n  bitsmith report results/x86-avx2/2026-01-31-1")]
pub struct Args {
    /// The folder of a run, as `bitsmith tune` printed it
    dir: PathBuf,
}

pub fn run(args: &Args) -> Result<()> {
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
