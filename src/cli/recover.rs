//! `bitsmith recover`

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, ensure};
use clap::builder::PossibleValuesParser;
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::import::write_layers;
use super::{new_run_folder, print, stop_flag};
use crate::accuracy::compare;
use crate::candidate::Contract;
use crate::data::{Parameters, Trained};
use crate::layer::Network;
use crate::model::score::wilson;
use crate::op;
use crate::record::{Accuracy, Table, read_table};
use crate::recover::{Course, RECIPES, Recipe, train, trained_scheme};
use crate::scheme::{self, GRAMMAR, Scheme};
use crate::slim::slim;

#[derive(clap::Args)]
#[command(after_help = GRAMMAR)]
pub struct Args {
    /// A built-in network with weights and data
    #[arg(long, value_name = "NET", default_value = "digits")]
    network: String,
    /// What the network shall live with; again for more
    #[arg(long = "scheme", value_name = "S", required = true)]
    schemes: Vec<String>,
    /// How it is trained; again for more [default: all]
    #[arg(long = "recipe", value_name = "R", value_parser = PossibleValuesParser::new(RECIPES.iter().map(|r| r.name)))]
    recipes: Vec<String>,
    /// Times that all training samples are seen
    #[arg(long, default_value_t = 20)]
    epochs: usize,
    /// Seed of the order of samples
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder of the results; what it holds already is not computed again [default: results/recover/<date>-<n>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

/// A row of `recovery.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Recovery {
    network: String,
    scheme: String,
    /// `none`: quantized as the scheme says, nothing trained.
    recipe: String,
    epochs: usize,
    seed: u64,
    /// Of the test split, which neither training nor calibration saw.
    samples: usize,
    correct: usize,
    top1: f64,
    top1_low: f64,
    top1_high: f64,
    /// Divergence from the float network, in nats.
    kl: Option<f64>,
    weight_bytes: f64,
    /// Mean of the last epoch; losses of different recipes do not compare.
    loss: Option<f32>,
}

const NONE: &str = "none";

pub fn run(args: &Args) -> Result<()> {
    let stop = stop_flag()?;
    ensure!(args.epochs > 0, "--epochs is 0; it must be at least 1");
    let network = Network::built_in(&args.network)?;
    let none = || format!("{} has no trained weights and training data; only digits has", network.name);
    let trained = Trained::load(&network)?.with_context(none)?;
    let data = Trained::training(&network)?;
    let schemes: Vec<Scheme> = args.schemes.iter().map(|s| scheme::find(s)).collect::<Result<_>>()?;
    let dir = match &args.out {
        Some(out) => {
            fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display())).map(|()| out.clone())
        }
        None => new_run_folder(Path::new("results/recover")),
    }?;
    let (mut table, old) = Table::open::<Recovery>(&dir.join("recovery.csv"))?;
    let known = |scheme: &str, recipe: &str| {
        let trained = |r: &Recovery| (r.epochs, r.seed) == (args.epochs, args.seed);
        let same = |r: &&Recovery| {
            (r.network.as_str(), r.scheme.as_str(), r.recipe.as_str()) == (&network.name, scheme, recipe)
        };
        old.iter().any(|r| same(&r) && (recipe == NONE || trained(r)))
    };
    let teacher: Vec<Vec<f32>> = data
        .x
        .iter()
        .map(|x| {
            let each = network.layers.iter().zip(&trained.layers);
            each.fold(x.clone(), |x, (l, p)| op::forward(&l.shape, l.relu, &x, &p.weights, &p.bias))
        })
        .collect();
    let row = |scheme: &Scheme, recipe: &str, a: &Accuracy, loss| {
        let (low, high) = wilson(a.top1.unwrap_or(0), a.samples);
        let weights: usize = network.layers.iter().map(|l| l.shape.weights_len()).sum();
        let (epochs, seed) = if recipe == NONE { (0, 0) } else { (args.epochs, args.seed) };
        Recovery {
            network: network.name.clone(),
            scheme: scheme.to_string(),
            recipe: recipe.into(),
            epochs,
            seed,
            samples: a.samples,
            correct: a.top1.unwrap_or(0),
            top1: a.top1.unwrap_or(0) as f64 / a.samples as f64,
            top1_low: low,
            top1_high: high,
            kl: a.kl,
            weight_bytes: a.weight_bits * weights as f64 / 8.0,
            loss,
        }
    };
    let float = scheme::find("f32")?;
    let whole = (&network, &trained);
    if !known("f32", NONE) {
        table.append(&row(&float, NONE, &compare(whole, whole, &float, Contract::F32io)?, None))?;
    }
    let wanted = |r: &&Recipe| args.recipes.is_empty() || args.recipes.iter().any(|n| n == r.name);
    let steps = data.x.len().div_ceil(32) * args.epochs;
    'all: for scheme in &schemes {
        let slimmer = slim(&network, &trained, scheme);
        let (own, start, rest) = slimmer.as_ref().map_or((&network, &trained, scheme), |(n, t, s)| (n, t, s));
        let name = scheme.to_string();
        if !known(&name, NONE) {
            table.append(&row(scheme, NONE, &compare(whole, (own, start), rest, Contract::F32io)?, None))?;
        }
        for recipe in RECIPES.iter().filter(wanted).filter(|r| !known(&name, r.name)) {
            let bar = bar(&format!("{name} {}", recipe.name), steps);
            let course = Course { recipe, epochs: args.epochs, seed: args.seed };
            let mut tick = |loss: f32| {
                bar.inc(1);
                bar.set_message(format!("loss {loss:.4}"));
                !stop.load(Ordering::Relaxed)
            };
            let outcome = train(own, &start.layers, rest, (&data, &teacher), &course, &mut tick);
            bar.finish_and_clear();
            let (layers, loss) = match outcome {
                Err(_) if stop.load(Ordering::Relaxed) => break 'all,
                outcome => outcome?,
            };
            let student = Trained { layers, ..start.clone() };
            let scored = compare(whole, (own, &student), &trained_scheme(rest), Contract::F32io)?;
            write_weights(own, &student.layers, &dir, &format!("{name}-{}", recipe.name))?;
            table.append(&row(scheme, recipe.name, &scored, Some(loss)))?;
        }
    }
    drop(table);
    tell(&dir, args.json, stop.load(Ordering::Relaxed))
}

fn tell(dir: &Path, as_json: bool, stopped: bool) -> Result<()> {
    let rows: Vec<Recovery> = read_table(&dir.join("recovery.csv"))?;
    if stopped {
        eprintln!("stopped early; the same command with --out goes on: {}", dir.display());
    }
    if as_json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&json!({ "run": dir, "rows": rows }))?));
    }
    let wide = rows.iter().map(|r| r.scheme.len()).max().unwrap_or(6).max(6) + 2;
    let mut text = format!(
        "{:<10}{:<wide$}{:<10}{:>6}{:>6}{:>9}  {:<24}{:>10}{:>12}\n",
        "network", "scheme", "recipe", "epochs", "seed", "samples", "top-1 % (95 %)", "KL, nats", "weights kB"
    );
    for r in &rows {
        let share = format!("{:.2} ({:.2} - {:.2})", 100.0 * r.top1, 100.0 * r.top1_low, 100.0 * r.top1_high);
        let kl = r.kl.map_or("-".into(), |v| format!("{:.2e}", v.max(0.0)));
        text += &format!(
            "{:<10}{:<wide$}{:<10}{:>6}{:>6}{:>9}  {share:<24}{kl:>10}{:>12.2}\n",
            r.network,
            r.scheme,
            r.recipe,
            if r.recipe == NONE { "-".into() } else { r.epochs.to_string() },
            if r.recipe == NONE { "-".into() } else { r.seed.to_string() },
            r.samples,
            r.weight_bytes / 1e3
        );
    }
    print(&format!("{text}{}\n", dir.display()))
}

/// A layer file of the trained weights, for `tune --layers` under the scheme that they were trained for.
fn write_weights(network: &Network, parameters: &[Parameters], dir: &Path, name: &str) -> Result<()> {
    let layers = network.layers.iter().cloned().zip(parameters.iter().cloned()).collect();
    write_layers((&network.name, "trained by `bitsmith recover`"), layers, &dir.join(format!("{name}.toml"))).map(drop)
}

fn bar(what: &str, steps: usize) -> ProgressBar {
    let bar = ProgressBar::new(steps as u64);
    let style = ProgressStyle::with_template("{prefix} [{bar:24}] {pos}/{len} steps  {msg}  {elapsed}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
    bar.set_prefix(what.to_string());
    bar
}
