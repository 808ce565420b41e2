//! `bitsmith accuracy`

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{new_run_folder, print, stop_flag};
use crate::appraisal::{ACCURACY, OVERFLOW, Question, appraise, histograms};
use crate::candidate::Contract;
use crate::data::LayerData;
use crate::layer::{Layer, Network};
use crate::record::{Accuracy, Histogram, Table, read_table};
use crate::report::accuracy::Data;
use crate::report::accuracy::histogram::{MOST_LAYERS, Pick, picks};
use crate::scheme::{self, GRAMMAR, LISTED};

#[derive(clap::Args)]
#[command(after_help = GRAMMAR)]
pub struct Args {
    #[command(flatten)]
    model: super::model::ModelArgs,
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
    if args.model.model.is_some() {
        ensure!(
            args.networks.is_empty() && args.layers.is_none(),
            "--model stands alone; leave out --network and --layers"
        );
        let named = if args.schemes.is_empty() { vec![] } else { schemes(args)? };
        let dir = folder(args)?;
        let outcome = super::model::accuracy(&args.model, &named, args.contract, &dir, stop, args.json);
        if stop.load(Ordering::Relaxed) {
            eprintln!("stopped early; the same command with --out goes on: {}", dir.display());
            return Ok(());
        }
        return outcome;
    }
    let layers = layers(args)?;
    let schemes = schemes(args)?;
    // a bad tensor is told before anything is written
    layers.iter().filter(|l| l.has_tensors()).try_for_each(|l| LayerData::of(l).map(drop))?;
    let dir = folder(args)?;
    let bar = bar();
    let subject = Subject { layers: &layers, schemes: &schemes, contract: args.contract, dir: &dir, stop, bar: &bar };
    let rows = subject.fill("accuracy.csv", &ACCURACY, |a| (&a.network, &a.layer, &a.scheme, a.contract))?;
    let overflows = subject.fill("overflow.csv", &OVERFLOW, |o| (&o.network, &o.layer, &o.scheme, o.contract))?;
    if !stop.load(Ordering::Relaxed) {
        add_histograms(&dir, &rows, &layers, args.contract)?;
    }
    bar.finish_and_clear();
    let text = super::report::accuracy(&dir, &Data::read(&dir)?)?;
    if args.json {
        let document = json!({ "run": dir, "rows": rows, "overflow": overflows });
        return print(&format!("{}\n", serde_json::to_string_pretty(&document)?));
    }
    print(&text)?;
    if stop.load(Ordering::Relaxed) {
        print(&format!("stopped early; the same command with --out goes on: {}\n", dir.display()))?;
    }
    Ok(())
}

fn folder(args: &Args) -> Result<PathBuf> {
    match &args.out {
        Some(out) => {
            fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
            Ok(out.clone())
        }
        None => new_run_folder(Path::new("results/accuracy")),
    }
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

/// What is asked about, and where the answers go.
struct Subject<'a> {
    layers: &'a [Layer],
    schemes: &'a [String],
    contract: Contract,
    dir: &'a Path,
    stop: &'a AtomicBool,
    bar: &'a ProgressBar,
}

impl Subject<'_> {
    /// Appends to a table what it does not hold yet; returns all of it. `key` is what a row is about.
    fn fill<R: Send + Serialize + DeserializeOwned>(
        &self,
        file: &str,
        question: &Question<R>,
        key: impl Fn(&R) -> (&String, &String, &String, Contract),
    ) -> Result<Vec<R>> {
        let path = self.dir.join(file);
        let (mut table, old) = Table::open::<R>(&path)?;
        let owned = |r: &R| {
            let (network, layer, scheme, contract) = key(r);
            (network.clone(), layer.clone(), scheme.clone(), contract)
        };
        let known: HashSet<_> = old.iter().map(owned).collect();
        let wanted = |network: &str, layer: &str, scheme: &str| {
            let key = (network.to_string(), layer.to_string(), scheme.to_string(), self.contract);
            !self.stop.load(Ordering::Relaxed) && !known.contains(&key)
        };
        appraise(question, self.layers, self.schemes, self.contract, wanted, |rows| {
            if let Some((network, layer, scheme, _)) = rows.last().map(&key) {
                self.bar.set_message(format!("{file}: {network}/{layer} {scheme}"));
            }
            table.append_all(&rows)
        })?;
        drop(table);
        read_table(&path)
    }
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

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.set_style(
        ProgressStyle::with_template("{spinner} {msg}  {elapsed}").unwrap_or(ProgressStyle::default_spinner()),
    );
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
