//! `bitsmith report`

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::print;
use crate::report::accuracy::{self as report, Data};
use crate::report::{Beside, Price, Prices, trends_of};
use crate::run::Run;

#[derive(clap::Args)]
#[command(after_help = "Examples:\n  bitsmith report results/x86-avx2/2026-01-31-1\n  \
    bitsmith report results/*/2026-01-31-1 --out devices.html      one page that compares devices\n  \
    bitsmith report results/*/2026-01-31-1 --price pi5=0.002 --price x86-avx2=0.04 --currency EUR --out devices.html\n  \
    bitsmith report results/*/2026-01-31-1 --format markdown       the tables, for a pull request\n  \
    bitsmith report results/*/2026-01-31-1 --format csv --out tables")]
pub struct Args {
    /// Folders of runs, as `bitsmith tune` or `bitsmith accuracy` printed them
    #[arg(required = true)]
    dirs: Vec<PathBuf>,
    /// One page of all runs; without it each run's own page is written again. Of csv the folder of the tables
    #[arg(long, value_name = "FILE.html|DIR")]
    out: Option<PathBuf>,
    /// What to print or write
    #[arg(long, value_enum, default_value = "html")]
    format: Format,
    /// What an hour of a device costs; again for more. Adds what a million inferences cost
    #[arg(long = "price", value_name = "TARGET=PRICE")]
    prices: Vec<Price>,
    /// What the prices are in
    #[arg(long, value_name = "EUR", default_value = "", requires = "prices")]
    currency: String,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Format {
    /// The page, charts and profile
    Html,
    /// Every table, on stdout
    Markdown,
    /// Every table as one document, on stdout
    Json,
    /// Every table as a file, in the folder of --out
    Csv,
}

pub fn run(args: &Args) -> Result<()> {
    let of_accuracy = |dir: &Path| dir.join("accuracy.csv").is_file() && !dir.join("records.csv").is_file();
    let per_hour = args.prices.iter().map(|Price(target, price)| (target.clone(), *price)).collect();
    let prices = Prices { per_hour, currency: args.currency.clone() };
    if let (Format::Html, None) = (args.format, &args.out) {
        return args.dirs.iter().try_for_each(|dir| match of_accuracy(dir) {
            _ if super::fpga::is_run(dir) => print(&super::fpga::finish(dir)?),
            true => print(&accuracy(dir, &Data::read(dir)?)?),
            false => print(&finish_with(&Run::load(dir)?, prices.clone())?),
        });
    }
    if let Some(dir) = args.dirs.iter().find(|dir| super::fpga::is_run(dir)) {
        anyhow::bail!(
            "{} is a run on an FPGA, which has a page of its own; leave --out, --format and --price out",
            dir.display()
        );
    }
    let runs: Vec<Run> = args.dirs.iter().map(|dir| Run::load(dir)).collect::<Result<_>>()?;
    let all: Vec<&Run> = runs.iter().collect();
    let mut beside = Beside { prices, ..Beside::default() };
    for run in &runs {
        let (trends, notes) = trends_of(run);
        notes.iter().for_each(|note| eprintln!("note: {note}"));
        let new = trends.into_iter().filter(|(h, _)| !beside.trends.iter().any(|(k, _)| k.key == h.key));
        let new: Vec<_> = new.collect();
        beside.trends.extend(new);
    }
    match (args.format, &args.out) {
        (Format::Html, Some(page)) => {
            crate::report::compare_with(&runs, &beside, page)?;
            print(&format!("report: {}\n", page.display()))
        }
        (Format::Csv, Some(folder)) => {
            let written = crate::report::write_sheets(&crate::report::tables(&all, &beside)?, folder)?;
            written.iter().try_for_each(|path| print(&format!("{}\n", path.display())))
        }
        (Format::Csv, None) => anyhow::bail!("--format csv writes a file for each table; name their folder by --out"),
        (_, Some(_)) => anyhow::bail!("--out is for html and csv; markdown and json go to stdout"),
        (Format::Json, None) => print(&(serde_json::to_string_pretty(&crate::report::tables(&all, &beside)?)? + "\n")),
        (_, None) => print(&crate::report::markdown(&all, &beside)?),
    }
}

/// Writes what follows from the records; the text for the terminal.
pub fn finish(run: &Run) -> Result<String> {
    finish_with(run, Prices::default())
}

fn finish_with(run: &Run, prices: Prices) -> Result<String> {
    if run.provenance.is_some() {
        crate::run::write_file(&run.dir.join("profile.toml"), &crate::profile::profile(run)?)?;
    }
    let (trends, notes) = trends_of(run);
    notes.iter().for_each(|note| eprintln!("note: {note}"));
    let page = crate::report::build_with(run, &Beside { trends, prices, ..Beside::default() })?;
    Ok(format!("{}\nreport: {}\n", crate::report::summary(run), page.display()))
}

/// Writes charts and page of `bitsmith accuracy`; the text for the terminal.
pub fn accuracy(dir: &Path, data: &Data) -> Result<String> {
    let page = report::write(dir, data)?;
    Ok(format!("{}{}report: {}\n", report::summary(&data.rows), report::overflows(&data.overflows), page.display()))
}
