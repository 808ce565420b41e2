//! `bitsmith history`

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::print;
use crate::report;
use crate::report::format::{count, slug, time};
use crate::report::sentence;
use crate::run::write_file;
use crate::store::{self, History, Query};
use crate::trend::{Change, changes};

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Only this layer: its key, or its name
    #[arg(long, value_name = "LAYER", default_value = "")]
    layer: String,
    /// Only this number format
    #[arg(long, value_name = "S", default_value = "")]
    scheme: String,
    /// Only this target
    #[arg(long, value_name = "T", default_value = "")]
    target: String,
    /// Folder with the folders of runs in it
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// The index over them: a file, or postgres://USER@HOST/DATABASE [default: $BITSMITH_STORE, else history.sqlite in that
    /// folder]
    #[arg(long, value_name = "FILE|URL")]
    store: Option<String>,
    /// The least change that is told
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = super::compare::percent)]
    gate: f64,
    /// Also draw each trend into this folder
    #[arg(long, value_name = "DIR")]
    charts: Option<PathBuf>,
    /// One JSON document
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
The index is brought up to date first. It holds nothing that the folders of runs do not: delete it, and it is made again.

Examples:
  bitsmith history
  bitsmith history --layer digits/conv1 --charts trends
  bitsmith history --target pi5 --json";

pub fn run(args: &Args) -> Result<()> {
    ensure!(args.results.is_dir(), "--results {}: there is no such folder", args.results.display());
    let address = args.store.clone().unwrap_or_else(|| store::address(&args.results));
    let query = Query { layer: args.layer.clone(), scheme: args.scheme.clone(), target: args.target.clone() };
    let (found, updated) = store::ask(&address, &args.results, &query)?;
    updated.notes.iter().for_each(|note| eprintln!("note: {note}"));
    if found.is_empty() {
        bail!("{} has nothing of this; `bitsmith history` without options lists what there is", store::shown(&address));
    }
    let trends: Vec<(History, Vec<Change>)> = found
        .into_iter()
        .map(|h| {
            let values: Vec<f64> = h.points.iter().map(|p| p.median_ns).collect();
            let changes = changes(&values, args.gate);
            (h, changes)
        })
        .collect();
    if let Some(dir) = &args.charts {
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        for (h, changes) in &trends {
            let path = dir.join(format!("trend-{}.svg", slug(&h.key.to_string())));
            write_file(&path, &report::trend(h, changes)?)?;
        }
    }
    if args.json {
        let all: Vec<_> = trends.iter().map(|(h, c)| document(h, c)).collect();
        return print(&format!("{}\n", serde_json::to_string_pretty(&json!({ "schema": 1, "trends": all }))?));
    }
    print(&text(&trends)?)
}

fn text(trends: &[(History, Vec<Change>)]) -> Result<String> {
    let mut out = String::new();
    for (h, changes) in trends {
        let Some((first, last)) = h.points.first().zip(h.points.last()) else { continue };
        let total = 100.0 * (last.median_ns / first.median_ns - 1.0);
        let nights = count(h.points.len(), "night");
        writeln!(
            out,
            "{:<56} {nights}, now {} ({total:+.1} % since the first)",
            h.key.to_string(),
            time(last.median_ns)
        )?;
        for change in changes {
            writeln!(out, "  {}", sentence(h, change))?;
        }
    }
    Ok(out)
}

fn document(h: &History, changes: &[Change]) -> serde_json::Value {
    let point = |p: &store::Point| {
        json!({ "run": p.run, "started": p.started, "median_ns": p.median_ns, "ci_ns": [p.low_ns, p.high_ns],
                "sessions": p.sessions, "candidate": p.candidate, "source_hash": p.source_hash, "tried": p.tried, "pace_ns": p.pace_ns,
                "revision": p.environment.revision, "compiler": p.environment.compiler, "host": p.environment.host })
    };
    let change = |c: &Change| {
        json!({ "night": c.at, "ratio": c.ratio, "what": sentence(h, c),
                "environment": h.points[c.at - 1].environment.differences(&h.points[c.at].environment) })
    };
    json!({ "key": h.key, "points": h.points.iter().map(point).collect::<Vec<_>>(),
            "changes": changes.iter().map(change).collect::<Vec<_>>() })
}
