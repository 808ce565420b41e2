//! `bitsmith export --to FORMAT`: a quantized network as a file that other stacks read.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::model::{FLOAT, Loaded, Ticker, needs_samples};
use super::network::Asked;
use super::{print, read_plan, stop_flag};
use crate::accuracy;
use crate::candidate::Contract;
use crate::data::{Labelled, LayerData, Trained};
use crate::exchange::{FileFormat, Network, Part, alone, chain};
use crate::layer::{self, Layer, NETWORKS};
use crate::model::program::{Numbers, Program};
use crate::model::score::samples;
use crate::model::sensitivity::affordable;
use crate::model::{FORMATS, Given, InputShape, Model};
use crate::quantized::QuantizedLayer;
use crate::run::write_bytes;
use crate::scheme::{self, Scheme, wildcard};
use crate::study::Plan;

/// What only models for other stacks need.
#[derive(clap::Args)]
pub struct ModelOptions {
    /// Samples that calibrate a model of your own: .npy of [n, ...], as it takes them
    #[arg(long, value_name = "X.npy", help_heading = "Models for other stacks")]
    data: Option<PathBuf>,
    /// Size of an input that the model leaves open; again for more
    #[arg(long = "shape", value_name = "INPUT=1x3x224x224", help_heading = "Models for other stacks")]
    shapes: Vec<InputShape>,
    /// f32io: grids of inputs as the scheme says; qdq: static grids of inputs and outputs, 8 bits between layers [default: of
    /// a run its own, else f32io]
    #[arg(long, value_enum, help_heading = "Models for other stacks")]
    contract: Option<Contract>,
    /// Layers that stay as they are; `*` stands for anything; again for more [default: of compressed-tensors *embed* and
    /// *lm_head*]
    #[arg(long, value_name = "LAYER", help_heading = "Models for other stacks")]
    keep: Vec<String>,
}

/// Most samples that calibrate.
const MOST_SAMPLES: usize = 200;
/// What Hugging Face takes for layers of another kind.
const NOT_LINEAR: [&str; 2] = ["*embed*", "*lm_head*"];

impl ModelOptions {
    /// # Errors
    /// One of them is given where nothing looks at it.
    pub fn refuse(&self) -> Result<()> {
        let given = [
            ("--data", self.data.is_some()),
            ("--shape", !self.shapes.is_empty()),
            ("--contract", self.contract.is_some()),
            ("--keep", !self.keep.is_empty()),
        ];
        let wrong = given.iter().find(|g| g.1);
        ensure!(
            wrong.is_none(),
            "{} is for models; add --to onnx, gguf or compressed-tensors",
            wrong.map_or("", |g| g.0)
        );
        Ok(())
    }
}

pub fn run(
    sources: &[PathBuf],
    format: &FileFormat,
    scheme: Option<&str>,
    out: &Path,
    options: &ModelOptions,
) -> Result<()> {
    let [source] = sources else { bail!("--to {} takes one run or model, not {}", format.name, sources.len()) };
    let defaults = NOT_LINEAR.map(String::from);
    let keep =
        if options.keep.is_empty() && format.name == "compressed-tensors" { &defaults[..] } else { &options.keep };
    let mut network = network(source, scheme, options)?;
    let before = network.parts.len();
    network.parts.retain(|p| !keep.iter().any(|k| wildcard(k.as_bytes(), p.name.as_bytes())));
    ensure!(
        !network.parts.is_empty(),
        "no layer of {} is under a scheme; there is nothing to quantize",
        source.display()
    );
    let kept = before - network.parts.len();
    let written = (format.write)(&network).with_context(|| source.display().to_string())?;
    for (name, bytes) in &written.files {
        let path = name.map_or_else(|| out.to_path_buf(), |name| out.join(name));
        if name.is_some() {
            fs::create_dir_all(out).with_context(|| format!("cannot create {}", out.display()))?;
        }
        let same = fs::canonicalize(&path).is_ok_and(|p| fs::canonicalize(source).is_ok_and(|s| s == p));
        ensure!(!same, "--out {} is the model itself; name another", path.display());
        ensure!(!path.is_dir(), "--out {} is a folder; {} writes a file", path.display(), format.name);
        write_bytes(&path, bytes)?;
        print(&format!("{} ({} bytes)\n", path.display(), bytes.len()))?;
    }
    let mut schemes: Vec<(String, usize)> = Vec::new();
    for part in &network.parts {
        let name = part.scheme.to_string();
        match schemes.iter_mut().find(|(s, _)| *s == name) {
            Some((_, count)) => *count += 1,
            None => schemes.push((name, 1)),
        }
    }
    let schemes: Vec<String> = schemes.iter().map(|(s, n)| format!("{n} in {s}")).collect();
    let kept = if kept > 0 { format!("; {kept} kept as they are ({})", keep.join(", ")) } else { String::new() };
    print(&format!("layers: {}{kept}\n", schemes.join(", ")))?;
    written.notes.iter().try_for_each(|note| print(&format!("note: {note}\n")))
}

/// The network of a run, of a file, or a built-in one, with its layers quantized.
fn network(source: &Path, scheme: Option<&str>, options: &ModelOptions) -> Result<Network> {
    let name = source.to_string_lossy();
    if source.join("model.json").is_file() {
        return of_model_run(source, scheme, options);
    }
    if source.join("study.json").is_file() {
        ensure!(options.contract.is_none(), "--contract: {} has its own; leave it out", source.display());
        let plan = read_plan(source)?;
        return of_layers(&plan, &the_scheme(scheme, &plan.schemes, source)?);
    }
    let end = source.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    if FORMATS.iter().any(|(e, _)| *e == end) {
        return of_file(source, scheme, options);
    }
    if NETWORKS.iter().any(|(n, _)| *n == name) && !source.exists() {
        let network = layer::Network::built_in(&name)?;
        let trained = Trained::load(&network)?.with_context(|| format!("{name} has no trained weights to export"))?;
        return of_trained(&network, &trained, &asked(scheme)?, options.contract.unwrap_or(Contract::F32io));
    }
    let ends: Vec<String> = FORMATS.iter().map(|(e, _)| format!(".{e}")).collect();
    bail!("{name} is no folder of a run, no built-in network, and no model ({})", ends.join(", "))
}

fn asked(scheme: Option<&str>) -> Result<Scheme> {
    scheme::find(scheme.context("--scheme is missing; name a number format, such as w8a8")?)
}

fn the_scheme(wanted: Option<&str>, schemes: &[String], dir: &Path) -> Result<Scheme> {
    match (wanted, schemes) {
        (Some(name), _) => scheme::find(name),
        (None, [only]) => scheme::find(only),
        (None, all) => bail!("{} compares number formats; choose one with --scheme: {}", dir.display(), all.join(", ")),
    }
}

/// What `tune --model` chose, or one scheme for all layers.
fn of_model_run(dir: &Path, scheme: Option<&str>, options: &ModelOptions) -> Result<Network> {
    let text = fs::read_to_string(dir.join("model.json")).with_context(|| format!("cannot read {}", dir.display()))?;
    let asked: Asked =
        serde_json::from_str(&text).with_context(|| format!("{}/model.json is damaged", dir.display()))?;
    ensure!(
        options.data.is_none() && options.shapes.is_empty(),
        "--data, --shape: {} has its own; leave them out",
        dir.display()
    );
    let plan = read_plan(dir)?;
    let loaded = asked.model.load()?;
    let chosen = match scheme {
        Some(_) => None,
        None => Some(assignment(dir)?),
    };
    let one = scheme.map(scheme::find).transpose()?;
    let of = |layer: &str| match (&one, &chosen) {
        (Some(scheme), _) => Ok(Some(scheme.clone())),
        (None, Some(chosen)) => match chosen.get(layer).map(String::as_str) {
            None | Some(FLOAT) => Ok(None),
            Some(name) => scheme::find(name).map(Some),
        },
        (None, None) => Ok(None),
    };
    quantized(loaded, of, options.contract.unwrap_or(plan.contract), asked.model.model)
}

/// `assignment.csv`: the scheme of each layer.
fn assignment(dir: &Path) -> Result<HashMap<String, String>> {
    let path = dir.join("assignment.csv");
    let mut reader = csv::Reader::from_path(&path).with_context(|| {
        format!(
            "{} has chosen nothing yet; finish it with `bitsmith tune --resume`, or name one --scheme",
            dir.display()
        )
    })?;
    let rows = reader.deserialize::<(String, String)>().collect::<Result<_, _>>();
    rows.with_context(|| format!("{} is damaged", path.display()))
}

fn of_file(path: &Path, scheme: Option<&str>, options: &ModelOptions) -> Result<Network> {
    let scheme = asked(scheme)?;
    let model = Model::read(path, &Given::new(&options.shapes))?;
    let layers = model.layers();
    ensure!(!layers.is_empty(), "{} has no layers", path.display());
    let calibration = match &options.data {
        None => vec![],
        Some(x) => {
            let dims = model.runnable().with_context(|| path.display().to_string())?;
            let mut all = samples(x, dims)?;
            all.truncate(affordable(&model, &layers, MOST_SAMPLES));
            all
        }
    };
    let test = Labelled { x: vec![], y: vec![] };
    let loaded = Loaded { model, encoded: None, layers, calibration, test };
    let contract = options.contract.unwrap_or(Contract::F32io);
    quantized(loaded, |_| Ok(Some(scheme.clone())), contract, Some(path.into()))
}

/// A model's layers under their schemes.
fn quantized(
    loaded: Loaded,
    of: impl Fn(&str) -> Result<Option<Scheme>>,
    contract: Contract,
    source: Option<PathBuf>,
) -> Result<Network> {
    let ticker = Ticker::new(stop_flag()?);
    let inputs = if loaded.calibration.is_empty() {
        vec![]
    } else {
        loaded.calibration_inputs(&Program::new(&loaded.model, Numbers::Float)?, &ticker)?
    };
    let mut parts = Vec::new();
    for (i, layer) in loaded.layers.iter().enumerate() {
        let Some(scheme) = of(&layer.layer.name)? else { continue };
        possible(&scheme, contract)?;
        ensure!(
            !scheme.refits(),
            "{scheme}: layers that make up for those before them are not written for other tools; choose a scheme without -refit"
        );
        ensure!(
            !inputs.is_empty() || !needs_samples(&scheme, contract),
            "{scheme} needs samples to calibrate with; give them by --data X.npy"
        );
        let quantized = loaded.quantize(i, &scheme, contract, &inputs)?;
        parts.push(Part { node: layer.node, name: layer.layer.name.clone(), scheme, quantized });
    }
    ticker.end();
    Ok(Network { model: loaded.model, parts, source })
}

/// # Errors
/// A contract that the scheme does not have; layers of another shape.
fn possible(scheme: &Scheme, contract: Contract) -> Result<()> {
    let fits = scheme.contracts().contains(&contract) || scheme.to_string() == FLOAT;
    ensure!(fits, "{scheme} has no contract {}; give --contract f32io", contract.name());
    ensure!(
        !scheme.reshapes(),
        "{scheme} changes the network's shapes, which is not written for other tools; choose a scheme without +cN and +rN"
    );
    Ok(())
}

/// The layers of a plan: a network with trained weights, or each for itself.
fn of_layers(plan: &Plan, scheme: &Scheme) -> Result<Network> {
    possible(scheme, plan.contract)?;
    let first = plan.layers.first().context("the run has no layers")?;
    if let Ok(network) = layer::Network::built_in(&first.network) {
        let whole = network.layers.iter().map(Layer::key).eq(plan.layers.iter().map(Layer::key));
        if let Some(trained) = Trained::load(&network)?.filter(|_| whole) {
            return of_trained(&network, &trained, scheme, plan.contract);
        }
    }
    let mut layers = Vec::new();
    let mut quantized = Vec::new();
    for layer in &plan.layers {
        let key = layer.key();
        ensure!(
            layer.weights.is_some(),
            "{key} has no weights of its own; name them in the layer file, or export a model"
        );
        let data = LayerData::of(layer)?;
        quantized.push(accuracy::quantized_layer(layer, &data, scheme, plan.contract).with_context(|| key)?);
        layers.push((layer, data.weights, data.bias));
    }
    let model = alone(&first.network, &layers)?;
    let parts = parts(0.., &plan.layers, scheme, quantized);
    Ok(Network { model, parts, source: None })
}

fn of_trained(network: &layer::Network, trained: &Trained, scheme: &Scheme, contract: Contract) -> Result<Network> {
    possible(scheme, contract)?;
    let model = chain(network, trained)?;
    let layers = accuracy::quantized_layers(network, trained, scheme, contract);
    let nodes: Vec<usize> = model.layers().iter().map(|l| l.node).collect();
    let parts = parts(nodes, &network.layers, scheme, layers);
    Ok(Network { model, parts, source: None })
}

/// Layers under one scheme, each with its node of the graph.
fn parts(
    nodes: impl IntoIterator<Item = usize>,
    layers: &[Layer],
    scheme: &Scheme,
    quantized: Vec<QuantizedLayer>,
) -> Vec<Part> {
    let part = |((node, layer), quantized): ((usize, &Layer), _)| Part {
        node,
        name: layer.name.clone(),
        scheme: scheme.clone(),
        quantized,
    };
    nodes.into_iter().zip(layers).zip(quantized).map(part).collect()
}
