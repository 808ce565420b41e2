//! What verbs do with a user's own model: `bitsmith accuracy --model`.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::print;
use super::under::{Origin, Under};
use crate::candidate::Contract;
use crate::data::Labelled;
use crate::layer::Op;
use crate::model::aimet::Encodings;
use crate::model::program::{Numbers, Program, draft, quantized};
use crate::model::score::{Answers, NetworkScore, answers, labelled, score};
use crate::model::sensitivity::{affordable, inputs};
use crate::model::slim::{Mask, slim};
use crate::model::{Given, InputShape, Model, ModelLayer, integer};
use crate::quantized::QuantizedLayer;
use crate::record::{Table, read_table};
use crate::scheme::compress::channels::pick;
use crate::scheme::compress::follow;
use crate::scheme::correct::Draft;
use crate::scheme::{self, Scheme};
use crate::slim::without_outputs;

/// A model, and the samples that it is calibrated and scored with.
#[derive(clap::Args, Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct ModelArgs {
    /// Your own network: .onnx or .tflite
    #[arg(long, value_name = "FILE", requires_all = ["data", "labels"])]
    pub model: Option<PathBuf>,
    /// Samples as the model takes them: .npy of [n, ...]
    #[arg(long, value_name = "X.npy", requires = "model")]
    data: Option<PathBuf>,
    /// Their classes: .npy of [n], from 0
    #[arg(long, value_name = "Y.npy", requires = "model")]
    labels: Option<PathBuf>,
    /// AIMET's encodings of the model's tensors: what the row `as-is` runs on
    #[arg(long, value_name = "FILE.encodings", requires = "model")]
    encodings: Option<PathBuf>,
    /// Samples, from the first on, that calibrate and are not scored [default: a fifth, at most 200]
    #[arg(long, value_name = "N", requires = "model")]
    calibrate: Option<usize>,
    /// Samples, from there on, that are scored [default: all others]
    #[arg(long, value_name = "N", requires = "model")]
    samples: Option<usize>,
    /// Size of an input that the model leaves open; again for more
    #[arg(long = "shape", value_name = "INPUT=1x3x224x224", requires = "model")]
    shapes: Vec<InputShape>,
}

/// What is compared where no scheme is named.
const DEFAULT_SCHEMES: [&str; 3] = ["w8a8", "w8a8-static", "w4a8"];
/// The names of the network in f32, and as its file quantized it.
pub const FLOAT: &str = "f32";
pub const AS_IS: &str = "as-is";

/// A model with its samples.
pub struct Loaded {
    pub model: Model,
    /// The same on the grids of encodings, where some are given.
    pub encoded: Option<Model>,
    pub layers: Vec<ModelLayer>,
    pub calibration: Vec<Vec<f32>>,
    pub test: Labelled,
}

impl ModelArgs {
    /// # Errors
    /// Files that cannot be read, samples of another shape, no sample left to score.
    pub fn load(&self) -> Result<Loaded> {
        let (path, data, labels) = (self.model.as_ref(), self.data.as_ref(), self.labels.as_ref());
        let path = path.context("--model is missing")?;
        let model = Model::read(path, &Given::new(&self.shapes))?;
        let dims = model.runnable().with_context(|| path.display().to_string())?.to_vec();
        let mut all = labelled(data.context("--data is missing")?, labels.context("--labels is missing")?, &dims)?;
        let encode =
            |path: &PathBuf| model.encoded(&Encodings::read(path)?).with_context(|| path.display().to_string());
        let encoded = self.encodings.as_ref().map(encode).transpose()?;
        let layers = model.layers();
        let wanted = self.calibrate.unwrap_or((all.x.len() / 5).min(200));
        ensure!(wanted < all.x.len(), "--calibrate {wanted} leaves none of the {} samples to score", all.x.len());
        let mut test = Labelled { x: all.x.split_off(wanted), y: all.y.split_off(wanted) };
        let count = self.samples.unwrap_or(test.x.len()).min(test.x.len());
        ensure!(count > 0, "--samples is 0; it must be at least 1");
        test.x.truncate(count);
        test.y.truncate(count);
        all.x.truncate(affordable(&model, &layers, wanted));
        Ok(Loaded { model, encoded, layers, calibration: all.x, test })
    }
}

/// What reaches a layer now; what it is to make of that: what this layer made of these inputs.
pub type Followed<'a> = (&'a [Vec<f32>], &'a Draft, &'a [Vec<f32>]);

/// A network without some channels.
pub struct Slimmer {
    pub loaded: Loaded,
    /// What is left of the scheme.
    pub scheme: Scheme,
    /// Layers that keep all channels.
    pub notes: Vec<String>,
    /// Outputs that layers still give, by node.
    pub given: HashMap<usize, Mask>,
}

/// A bar that counts samples, and a way to ask whether to go on.
pub struct Ticker<'a> {
    bar: ProgressBar,
    stop: &'a AtomicBool,
}

impl<'a> Ticker<'a> {
    pub fn new(stop: &'a AtomicBool) -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{msg} [{bar:24}] {pos}/{len} samples  {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, stop }
    }

    pub fn begin(&self, what: &str, samples: usize) {
        self.bar.reset();
        self.bar.set_length(samples as u64);
        self.bar.set_message(what.to_string());
    }

    pub fn tick(&self) -> bool {
        self.bar.inc(1);
        !self.stopped()
    }

    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Loaded {
    /// Every layer's input in f32 on the calibration samples.
    /// # Errors
    /// The run was stopped.
    pub fn calibration_inputs(&self, float: &Program, ticker: &Ticker) -> Result<Vec<Vec<Vec<f32>>>> {
        ticker.begin("calibration", self.calibration.len());
        inputs(float, &self.layers, &self.calibration, &|| ticker.tick())
    }

    /// A layer under a scheme.
    /// # Errors
    /// The scheme needs calibration samples, and there are none, or works on chains of layers only.
    pub fn quantize(
        &self,
        index: usize,
        scheme: &Scheme,
        contract: Contract,
        samples: &[Vec<Vec<f32>>],
    ) -> Result<QuantizedLayer> {
        self.quantize_on(index, scheme, contract, samples, None)
    }

    /// The same where the layers before are under schemes too: `now` are its inputs then, and it follows a layer of the whole network on
    /// the inputs that that one had.
    pub fn quantize_on(
        &self,
        index: usize,
        scheme: &Scheme,
        contract: Contract,
        samples: &[Vec<Vec<f32>>],
        now: Option<Followed>,
    ) -> Result<QuantizedLayer> {
        let layer = &self.layers[index];
        let parameters = self.model.parameters(layer)?;
        let inputs = samples.get(index).map_or(&[][..], Vec::as_slice);
        let needs = needs_samples(scheme, contract);
        ensure!(!needs || !inputs.is_empty(), "{scheme} needs samples to calibrate with; give --calibrate N");
        ensure!(
            scheme.corrections.iter().all(|c| c.name() != "cle"),
            "{scheme}: cle works on chains of layers, not on graphs"
        );
        let mut draft = draft(layer.layer.shape, parameters);
        let Some((now, whole, before)) = now else { return Ok(quantized(draft, inputs, scheme, contract)) };
        let (old, new): (Vec<&[f32]>, Vec<&[f32]>) =
            (before.iter().map(Vec::as_slice).collect(), now.iter().map(Vec::as_slice).collect());
        follow(&mut draft, (whole, &old), &new);
        Ok(quantized(draft, now, scheme, contract))
    }

    /// The same network without the channels that a scheme leaves out, and the scheme of what is left; None where it leaves out
    /// none. The inputs of each layer in f32 are those of this network.
    /// # Errors
    /// The scheme fits what is left, and there are no calibration samples; no layer could lose a channel.
    pub fn slimmer(&self, scheme: &Scheme, inputs: &[Vec<Vec<f32>>]) -> Result<Option<Slimmer>> {
        let Some((compression, rest)) = scheme.channels() else { return Ok(None) };
        let seen = inputs.iter().any(|samples| !samples.is_empty());
        ensure!(!scheme.refits() || seen, "{scheme} needs samples to calibrate with; give --calibrate N");
        let slim = slim(&self.model, &*compression, scheme.refits().then_some(inputs))?;
        let layers = slim.model.layers();
        let fewer = layers.iter().zip(&self.layers).any(|(a, b)| a.layer.shape != b.layer.shape);
        let why = slim.whole.first().map_or_else(|| "it has too few".into(), |(l, why)| format!("`{l}` {why}"));
        ensure!(fewer, "{scheme}: no layer of this network can lose channels: {why}");
        let notes = slim.whole.iter().map(|(l, why)| format!("{l} keeps all channels: it {why}")).collect();
        let (calibration, test) = (self.calibration.clone(), self.test.clone());
        let loaded = Self { model: slim.model, encoded: None, layers, calibration, test };
        Ok(Some(Slimmer { loaded, scheme: rest, notes, given: slim.given }))
    }

    /// A layer, of which only some outputs are given any more, and what it took in.
    pub fn followed(&self, index: usize, given: Option<&Mask>, inputs: &[Vec<f32>]) -> Result<(Draft, Vec<Vec<f32>>)> {
        let layer = &self.layers[index];
        let mut whole = draft(layer.layer.shape, self.model.parameters(layer)?);
        let Some(given) = given else { return Ok((whole, inputs.to_vec())) };
        without_outputs(&mut whole, given);
        // a depthwise layer gives what it takes
        let fewer = |x: &Vec<f32>| if whole.shape.op == Op::Depthwise { pick(x, given, 1) } else { x.clone() };
        let inputs = inputs.iter().map(fewer).collect();
        Ok((whole, inputs))
    }

    fn float_bytes(&self) -> f64 {
        self.layers.iter().map(|l| 4.0 * l.layer.shape.weights_len() as f64).sum()
    }
}

/// Bytes of the weights as the file stores them.
fn stored_bytes(model: &Model) -> f64 {
    let graph = &model.graph;
    let bits = |l: &ModelLayer| graph.values[graph.nodes[l.node].inputs[1]].quant.as_ref().map_or(32, |q| q.bits);
    model.layers().iter().map(|l| f64::from(bits(l)) / 8.0 * l.layer.shape.weights_len() as f64).sum()
}

/// Does a layer under a scheme depend on what reached it?
pub fn needs_samples(scheme: &Scheme, contract: Contract) -> bool {
    contract != Contract::F32io
        || scheme.activations.fixed.is_some()
        || scheme.rounding.needs_inputs()
        || !scheme.corrections.is_empty()
}

/// Scores a model in f32, as it is where it is quantized, and with all its layers under each scheme.
/// # Errors
/// Mistakes in what was asked; a table that cannot be written.
pub fn accuracy(
    args: &ModelArgs,
    schemes: &[String],
    contract: Contract,
    dir: &Path,
    stop: &AtomicBool,
    as_json: bool,
) -> Result<()> {
    let loaded = args.load()?;
    let (mut table, old) = Table::open::<NetworkScore>(&dir.join("networks.csv"))?;
    let name = loaded.model.graph.name.clone();
    let key = |r: &NetworkScore| (r.network.clone(), r.scheme.clone(), r.contract, r.samples);
    let known: HashSet<_> = old.iter().map(key).collect();
    let is_known = |scheme: &str| known.contains(&(name.clone(), scheme.to_string(), contract, loaded.test.y.len()));
    let names: Vec<String> =
        if schemes.is_empty() { DEFAULT_SCHEMES.iter().map(ToString::to_string).collect() } else { schemes.to_vec() };
    let wanted: Vec<Scheme> = names.iter().map(|s| scheme::find(s)).collect::<Result<_>>()?;
    let ticker = Ticker::new(stop);
    let float = Program::new(&loaded.model, Numbers::Float)?;
    ticker.begin(FLOAT, loaded.test.x.len());
    let truth = answers(&float, &loaded.test.x, &|| ticker.tick())?;
    let mut keep = |scheme: &str, got: &Answers, bytes: f64, note: String| {
        let row = score(&name, scheme, contract, got, &truth, &loaded.test.y);
        table.append(&NetworkScore { weight_bytes: bytes, note, ..row })
    };
    if !is_known(FLOAT) {
        keep(FLOAT, &truth, loaded.float_bytes(), String::new())?;
    }
    let as_is = loaded.encoded.as_ref().unwrap_or(&loaded.model);
    if as_is.graph.quantized() && !is_known(AS_IS) {
        ticker.begin(AS_IS, loaded.test.x.len());
        let got = answers(&Program::new(as_is, Numbers::AsIs)?, &loaded.test.x, &|| ticker.tick())?;
        let said = loaded.encoded.as_ref().and_then(|m| m.graph.notes.last());
        keep(AS_IS, &got, stored_bytes(as_is), said.map_or_else(|| inexact(as_is), Clone::clone))?;
    }
    let mut samples = None;
    for scheme in wanted.iter().filter(|s| s.to_string() != FLOAT && !is_known(&s.to_string())) {
        let samples = match &samples {
            Some(samples) => samples,
            None => samples.insert(loaded.calibration_inputs(&float, &ticker)?),
        };
        let slimmer = loaded.slimmer(scheme, samples)?;
        let slim_samples = match &slimmer {
            Some(s) => Some(s.loaded.calibration_inputs(&Program::new(&s.loaded.model, Numbers::Float)?, &ticker)?),
            None => None,
        };
        let (own, rest) = slimmer.as_ref().map_or((&loaded, scheme), |s| (&s.loaded, &s.scheme));
        let none = HashMap::new();
        let origin = Origin { whole: &loaded, given: slimmer.as_ref().map_or(&none, |s| &s.given), inputs: samples };
        let schemes = vec![Some(rest.clone()); own.layers.len()];
        let samples = slim_samples.as_ref().unwrap_or(samples);
        let origin = scheme.refits().then_some(&origin);
        let Under { program, bytes, notes: more } = own.under(&schemes, contract, samples, origin, &ticker)?;
        let mut notes = slimmer.as_ref().map_or(vec![], |s| s.notes.clone());
        notes.extend(more);
        let without = loaded.model.without_kernels().len();
        if without > 0 {
            notes.insert(0, format!("{without} layers without kernels stay f32"));
        }
        ticker.begin(&scheme.to_string(), loaded.test.x.len());
        let got = answers(&program, &loaded.test.x, &|| ticker.tick())?;
        keep(&scheme.to_string(), &got, bytes, notes.join("; "))?;
    }
    ticker.end();
    let rows: Vec<NetworkScore> = read_table(&dir.join("networks.csv"))?;
    if as_json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&json!({ "run": dir, "networks": rows }))?));
    }
    print(&format!("{}{}\n", table_of(&rows), dir.display()))
}

/// Which operations of a quantized model are put through floats.
fn inexact(model: &Model) -> String {
    let graph = &model.graph;
    let odd: Vec<&str> = graph
        .nodes
        .iter()
        .filter(|n| integer::is_integer(graph, n) && !integer::is_exact(&n.op))
        .map(|n| n.name.as_str())
        .collect();
    if odd.is_empty() { String::new() } else { format!("through floats, so perhaps a code off: {}", odd.join(", ")) }
}

/// Scores with their intervals, and whether a difference from f32 could be chance.
pub fn table_of(rows: &[NetworkScore]) -> String {
    let mut text = format!(
        "{:<22}{:<16}{:>7}  {:<25}{:<24}{:<25}{:<26}{:>10}  against f32\n",
        "network",
        "scheme",
        "samples",
        "top-1 % (95 %)",
        "macro F1 % (95 %)",
        "agreement % (95 %)",
        "KL, nats (95 %)",
        "weights kB"
    );
    for r in rows {
        let share =
            |v: f64, low: f64, high: f64| format!("{:.2} ({:.2} - {:.2})", 100.0 * v, 100.0 * low, 100.0 * high);
        let kl = match (r.kl, r.kl_low, r.kl_high) {
            (Some(v), Some(low), Some(high)) => format!("{v:.2e} ({low:.1e} - {high:.1e})"),
            _ => "-".into(),
        };
        let verdict = if r.scheme == FLOAT {
            ""
        } else if r.p_value < 0.05 {
            "differs"
        } else {
            "within noise"
        };
        let against = if r.scheme == FLOAT {
            String::new()
        } else {
            format!("{verdict}: {} lost, {} won, p = {:.3}", r.lost, r.won, r.p_value)
        };
        text += &format!(
            "{:<22}{:<16}{:>7}  {:<25}{:<24}{:<25}{kl:<26}{:>10.1}  {against}\n",
            r.network,
            r.scheme,
            r.samples,
            share(r.top1, r.top1_low, r.top1_high),
            share(r.f1, r.f1_low, r.f1_high),
            share(r.agreement, r.agreement_low, r.agreement_high),
            r.weight_bytes / 1e3,
        );
    }
    for r in rows.iter().filter(|r| !r.note.is_empty()) {
        text += &format!("{} {}: {}\n", r.network, r.scheme, r.note);
    }
    text
}
