//! `bitsmith report`

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::print;
use crate::report::accuracy::{self as report, Data};
use crate::run::Run;

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bitsmith report results/x86-avx2/2026-01-31-1\n  \
    bitsmith report results/*/2026-01-31-1 --out devices.html      one page that compares devices\n  \
    bitsmith report results/*/2026-01-31-1 --format markdown       the tables, for a pull request")]
pub struct Args {
    /// Folders of runs, as `bitsmith tune` or `bitsmith accuracy` printed them
    #[arg(required = true)]
    dirs: Vec<PathBuf>,
    /// One page of all runs; without it each run's own page is written again
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// What to print or write
    #[arg(long, value_enum, default_value = "html")]
    format: Format,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Format {
    /// The page, charts and profile
    Html,
    /// Every table, on stdout
    Markdown,
    /// Every table as one document, on stdout
    Json,
}

pub fn run(args: &Args) -> Result<()> {
    let of_accuracy = |dir: &Path| dir.join("accuracy.csv").is_file() && !dir.join("records.csv").is_file();
    if let (Format::Html, None) = (args.format, &args.out) {
        return args.dirs.iter().try_for_each(|dir| match of_accuracy(dir) {
            true => print(&accuracy(dir, &Data::read(dir)?)?),
            false => print(&finish(&Run::load(dir)?)?),
        });
    }
    let runs: Vec<Run> = args.dirs.iter().map(|dir| Run::load(dir)).collect::<Result<_>>()?;
    let all: Vec<&Run> = runs.iter().collect();
    match (args.format, &args.out) {
        (Format::Html, Some(page)) => {
            crate::report::compare(&runs, page)?;
            print(&format!("report: {}\n", page.display()))
        }
        (_, Some(_)) => anyhow::bail!("--out is for html; markdown and json go to stdout"),
        (Format::Json, None) => print(&(serde_json::to_string_pretty(&crate::report::tables(&all)?)? + "\n")),
        (_, None) => print(&crate::report::markdown(&all)?),
    }
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
