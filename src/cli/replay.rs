//! `bitsmith replay`

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::builder::PossibleValuesParser;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::print;
use crate::replay::play::{Rules, chance, games, lessons};
use crate::replay::space::Recorded;
use crate::replay::table::{Line, budget, table};
use crate::replay::{chart, foreign};
use crate::search::{self, Field};

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Recorded spaces: space files, folders of runs, cache files of Kernel Tuner, T4 files
    #[arg(required = true, value_name = "RECORDS")]
    records: Vec<PathBuf>,
    /// Strategy to play; may be repeated [default: all]
    #[arg(long = "strategy", value_name = "NAME",
          value_parser = PossibleValuesParser::new(search::STRATEGIES.iter().map(|s| s.name)))]
    strategies: Vec<String>,
    /// Games of each strategy on each space, with the seeds from 0 on
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    runs: u64,
    /// Measurements of a game [default: four times what the table is about]
    #[arg(long, value_name = "N")]
    tries: Option<usize>,
    /// Candidates asked for at once
    #[arg(long, default_value_t = crate::study::BATCH, value_name = "N")]
    batch: usize,
    /// Also play every strategy knowing what searches of the other spaces of the same target came to
    #[arg(long)]
    warm: bool,
    /// Also play every strategy without the analytical guess
    #[arg(long)]
    without_guess: bool,
    /// Write the curves there, as SVG
    #[arg(long, value_name = "FILE.svg")]
    chart: Option<PathBuf>,
    /// Write the spaces there, as space files
    #[arg(long, value_name = "DIR")]
    save: Option<PathBuf>,
    /// Write the spaces there, as T4 JSON
    #[arg(long, value_name = "DIR")]
    t4: Option<PathBuf>,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  bitsmith tune --gemm 128x768x768 --strategy grid --budget 10m --out whole   # records a whole space
  bitsmith replay whole                                 # every strategy against it, 100 games each
  bitsmith replay whole --strategy model --warm --chart curves.svg
  bitsmith replay cache.json                            # a space that Kernel Tuner recorded
  bitsmith replay whole --t4 exported                   # for other tools";

pub fn run(args: &Args) -> Result<()> {
    ensure!(args.batch > 0, "--batch is 0; it must be at least 1");
    let mut all: Vec<Recorded> = Vec::new();
    for path in &args.records {
        all.extend(Recorded::read(path)?);
    }
    for recorded in &all {
        if let Some(dir) = &args.save {
            save(dir, recorded)?;
        }
        if let Some(dir) = &args.t4 {
            let text = serde_json::to_string(&foreign::t4(recorded))?;
            write(dir, &format!("{}.t4.json", recorded.name), text.as_bytes())?;
        }
    }
    let (lines, chances) = play(args, &all)?;
    if let Some(path) = &args.chart {
        let text = chart::draw(&lines, &chances, args.runs)?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    if args.json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&document(&lines))?));
    }
    print(&table(&lines))
}

fn play(args: &Args, all: &[Recorded]) -> Result<(Vec<Line>, chart::Chance)> {
    let wanted = |s: &&search::Strategy| args.strategies.is_empty() || args.strategies.iter().any(|n| n == s.name);
    let strategies: Vec<&search::Strategy> = search::STRATEGIES.iter().filter(wanted).collect();
    let (mut lines, mut chances) = (Vec::new(), Vec::new());
    let ways = 1 + usize::from(args.warm) + usize::from(args.without_guess);
    let style = ProgressStyle::with_template("[{bar:24}] {pos}/{len}  {msg}  {elapsed}")?.progress_chars("=> ");
    let bar = ProgressBar::new((all.len() * ways * strategies.len()) as u64).with_style(style); // hidden where there is no terminal
    for (i, recorded) in all.iter().enumerate() {
        let tries = args.tries.unwrap_or(4 * budget(recorded.space.len())).clamp(1, recorded.space.len());
        let rules = Rules { batch: args.batch, tries, runs: args.runs };
        let mut fields: Vec<(&str, Field)> = vec![("", recorded.field()?)];
        if args.warm {
            let mut field = recorded.field()?;
            field.past = lessons(all, i, 128)?;
            fields.push((", warm", field));
        }
        if args.without_guess {
            fields.push((", no guess", recorded.field()?.without_guesses()));
        }
        for (how, field) in fields {
            let field = Arc::new(field);
            for strategy in &strategies {
                bar.set_message(format!("{} {}{how}", recorded.name, strategy.name));
                let played = games(recorded, &field, strategy, &rules);
                lines.push(Line::of(recorded, &format!("{}{how}", strategy.name), &played));
                bar.inc(1);
            }
        }
        let best = recorded.best();
        chances.push((recorded.name.clone(), chance(recorded, tries).into_iter().map(|ns| best / ns).collect()));
    }
    bar.finish_and_clear();
    Ok((lines, chances))
}

fn save(dir: &Path, recorded: &Recorded) -> Result<()> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(recorded.text()?.as_bytes())?;
    write(dir, &format!("{}.space.gz", recorded.name), &packed.finish()?)
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    let path = dir.join(name);
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn document(lines: &[Line]) -> serde_json::Value {
    let each = lines.iter().map(|l| {
        json!({ "space": l.space, "points": l.points, "strategy": l.strategy, "tries": l.budget, "share": l.share.0,
                "share_worst_tenth": l.share.1, "share_after_16": l.early, "tries_to_98": l.tries,
                "seconds_to_98": l.seconds, "score": l.score, "thinking_s": l.thought })
    });
    json!({ "lines": each.collect::<Vec<_>>() })
}
