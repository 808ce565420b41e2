//! `bitsmith accuracy`

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{new_run_folder, print, stop_flag};
use crate::appraisal::{appraise, histograms};
use crate::candidate::Contract;
use crate::layer::{Layer, Network};
use crate::record::{Accuracy, Histogram, Table, read_table};
use crate::report;
use crate::report::accuracy::histogram::{MOST_LAYERS, Pick, picks};
use crate::scheme::{self, GRAMMAR, LISTED};

#[derive(clap::Args)]
#[command(after_help = GRAMMAR)]
pub struct Args {
    /// A built-in network; again for more [default: digits]
    #[arg(long = "network", value_name = "NET")]
    networks: Vec<String>,
    /// A TOML file of layers
    #[arg(long, value_name = "FILE")]
    layers: Option<PathBuf>,
    /// A scheme, or a pattern such as 'w4*'; again for more [default: all listed by `bitsmith schemes`]
    #[arg(long = "scheme", value_name = "S")]
    schemes: Vec<String>,
    /// What activations are: int8 has one static range per tensor, f32io what the scheme says
    #[arg(long, value_enum, default_value = "f32io")]
    contract: Contract,
    /// Folder of the results; what it holds already is not computed again [default: results/accuracy/<date>-<n>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<()> {
    let stop = stop_flag()?;
    let layers = layers(args)?;
    let schemes = schemes(args)?;
    let dir = match &args.out {
        Some(out) => {
            fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
            out.clone()
        }
        None => new_run_folder(Path::new("results/accuracy"))?,
    };
    let path = dir.join("accuracy.csv");
    let (mut table, old) = Table::open::<Accuracy>(&path)?;
    let key = |a: &Accuracy| (a.network.clone(), a.layer.clone(), a.scheme.clone(), a.contract);
    let known: HashSet<_> = old.iter().map(key).collect();
    let bar = bar(layers.len() * schemes.len());
    let wanted = |network: &str, layer: &str, scheme: &str| {
        let key = (network.to_string(), layer.to_string(), scheme.to_string(), args.contract);
        !stop.load(Ordering::Relaxed) && !known.contains(&key)
    };
    appraise(&layers, &schemes, args.contract, wanted, |rows| {
        bar.inc(rows.len() as u64);
        rows.last().into_iter().for_each(|r| bar.set_message(format!("{}/{} {}", r.network, r.layer, r.scheme)));
        table.append_all(&rows)
    })?;
    bar.finish_and_clear();
    drop(table);
    let rows: Vec<Accuracy> = read_table(&path)?;
    if !stop.load(Ordering::Relaxed) {
        add_histograms(&dir, &rows, &layers, args.contract)?;
    }
    if args.json {
        report::accuracy::write(&dir, &rows)?;
        return print(&format!("{}\n", serde_json::to_string_pretty(&json!({ "run": dir, "rows": rows }))?));
    }
    print(&super::report::accuracy(&dir, &rows)?)?;
    if stop.load(Ordering::Relaxed) {
        print(&format!("stopped early; the same command with --out goes on: {}\n", dir.display()))?;
    }
    Ok(())
}

/// Appends to `histograms.csv` what it lacks of the largest layers under the schemes that the report shows.
fn add_histograms(dir: &Path, rows: &[Accuracy], layers: &[Layer], contract: Contract) -> Result<()> {
    let (mut table, old) = Table::open::<Histogram>(&dir.join("histograms.csv"))?;
    let known: HashSet<_> =
        old.iter().map(|h| (h.network.clone(), h.layer.clone(), h.scheme.clone(), h.contract)).collect();
    let networks: HashSet<&str> = layers.iter().map(|l| l.network.as_str()).collect();
    let picks: HashMap<&str, Vec<Pick>> = networks.into_iter().map(|n| (n, picks(rows, n))).collect();
    let larger = |a: &Layer, b: &Layer| a.network == b.network && a.shape.weights_len() > b.shape.weights_len();
    let wanted = |layer: &Layer| {
        let mut names: Vec<String> = Vec::new();
        if layers.iter().filter(|l| larger(l, layer)).count() >= MOST_LAYERS {
            return names;
        }
        for (scheme, _, _) in picks[layer.network.as_str()].iter().filter(|p| p.1 == contract) {
            let key = (layer.network.clone(), layer.name.clone(), scheme.clone(), contract);
            if !known.contains(&key) && !names.contains(scheme) {
                names.push(scheme.clone());
            }
        }
        names
    };
    histograms(layers, contract, wanted, |rows| table.append_all(&rows))
}

fn layers(args: &Args) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    let digits = ["digits".to_string()];
    let none = args.networks.is_empty() && args.layers.is_none();
    for name in if none { &digits[..] } else { &args.networks } {
        layers.extend(Network::built_in(name)?.layers);
    }
    if let Some(file) = &args.layers {
        layers.extend(Network::read(file)?.layers);
    }
    let mut keys = HashSet::new();
    layers.retain(|l| keys.insert(l.key()));
    Ok(layers)
}

fn schemes(args: &Args) -> Result<Vec<String>> {
    let listed: Vec<String> = LISTED.iter().map(ToString::to_string).collect();
    let mut names = Vec::new();
    for pattern in if args.schemes.is_empty() { &listed } else { &args.schemes } {
        for scheme in scheme::matching(pattern)? {
            let fits = scheme.contracts().contains(&args.contract);
            ensure!(
                fits || pattern.contains('*') || args.schemes.is_empty(),
                "{scheme} has no {} contract",
                args.contract.name()
            );
            let name = scheme.to_string();
            if fits && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    Ok(names)
}

fn bar(length: usize) -> ProgressBar {
    let bar = ProgressBar::new(length as u64);
    let style = ProgressStyle::with_template("accuracy [{bar:24}] {pos}/{len}  {msg}  {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar
}
