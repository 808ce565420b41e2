//! `bitsmith import`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::json;

use super::print;
use crate::data::Parameters;
use crate::layer::{Layer, Op};
use crate::model::aimet::Encodings;
use crate::model::graph::{Graph, ValueId};
use crate::model::{Given, InputShape, Model, ModelLayer};
use crate::run::write_file;

#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Model: .onnx or .tflite; .gguf or .safetensors for weights alone
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Size of an input that the file leaves open; again for more
    #[arg(long = "shape", value_name = "INPUT=1x3x224x224")]
    shapes: Vec<InputShape>,
    /// AIMET's encodings of the model's tensors
    #[arg(long, value_name = "FILE.encodings")]
    encodings: Option<PathBuf>,
    /// Layer file to write; the weights go beside it, as .safetensors
    #[arg(long, value_name = "NET.toml")]
    out: Option<PathBuf>,
    /// One JSON document on stdout
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  bitsmith import model.tflite                       layers, quantization, and what is not understood
  bitsmith import model.onnx --shape input=1x3x224x224 --out net.toml
  bitsmith tune --layers net.toml";

pub fn run(args: &Args) -> Result<()> {
    let mut model = Model::read(&args.model, &Given::new(&args.shapes))?;
    if let Some(path) = &args.encodings {
        model = model.encoded(&Encodings::read(path)?).with_context(|| path.display().to_string())?;
    }
    let layers = model.layers();
    if let Some(out) = &args.out {
        export(&model, &layers, out)?;
    }
    if args.json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&document(&model, &layers))?));
    }
    print(&text(&model, &layers))?;
    if let Some(out) = &args.out {
        print(&format!("\nwritten: {} and its weights\n", out.display()))?;
    }
    Ok(())
}

fn shape(graph: &Graph, id: ValueId) -> String {
    let dims = graph.dims(id).map(|d| d.iter().map(ToString::to_string).collect::<Vec<_>>().join("x"));
    let quant = graph.values[id].quant.as_ref().map(|q| format!(" {}", q.name())).unwrap_or_default();
    format!("{} [{}]{quant}", graph.values[id].name, dims.unwrap_or_else(|| "?".into()))
}

/// What the weights of a layer are in the file.
fn stored(model: &Model, layer: &ModelLayer) -> String {
    let value = &model.graph.values[model.graph.nodes[layer.node].inputs[1]];
    let quant = value.quant.as_ref().map(|q| q.name());
    quant.or_else(|| value.stored.clone()).unwrap_or_else(|| "f32".into())
}

fn text(model: &Model, layers: &[ModelLayer]) -> String {
    let graph = &model.graph;
    let mut text = format!("{} - {}\n", graph.name, graph.origin);
    if graph.inputs.len() < 9 {
        graph.inputs.iter().for_each(|i| text += &format!("input   {}\n", shape(graph, *i)));
        graph.outputs.iter().for_each(|o| text += &format!("output  {}\n", shape(graph, *o)));
    }
    let wide = layers.iter().map(|l| l.layer.name.len()).max().unwrap_or(0).clamp(5, 60) + 2;
    text += &format!(
        "\n{:<wide$}{:<11}{:>8}{:>8}{:>8}{:>10}  {:<5} weights\n",
        "layer", "op", "m", "n", "k", "MMAC", "relu"
    );
    for l in layers {
        let s = &l.layer.shape;
        let relu = if l.layer.relu { "yes" } else { "" };
        text += &format!(
            "{:<wide$}{:<11}{:>8}{:>8}{:>8}{:>10.3}  {relu:<5} {}\n",
            l.layer.name,
            s.op.name(),
            s.m(),
            s.n(),
            s.k(),
            s.macs() as f64 / 1e6,
            stored(model, l)
        );
    }
    let weights: usize = layers.iter().map(|l| l.layer.shape.weights_len()).sum();
    text += &format!("{} layers, {:.3} MMAC, {weights} weights\n\n", layers.len(), model.macs() as f64 / 1e6);
    let all: Vec<String> = model.operations().iter().map(|(n, c)| format!("{n} ({c})")).collect();
    text += &format!("operations: {}\n", all.join(", "));
    graph.notes.iter().for_each(|n| text += &format!("note: {n}\n"));
    for (name, why) in model.without_kernels() {
        text += &format!("no kernels: {name}: {why}\n");
    }
    // what takes in something of no known shape says nothing of itself
    let (after, first): (Vec<_>, Vec<_>) =
        graph.unsupported().partition(|(n, _)| n.inputs.iter().any(|i| graph.dims(*i).is_none()));
    for (node, why) in first {
        text += &format!("not understood: node `{}`: {why}\n", node.name);
    }
    if let Some((node, _)) = after.first() {
        text += &format!("{} nodes take in what these would give, the first `{}`\n", after.len(), node.name);
    }
    match model.runnable() {
        Ok(_) => text + "everything in it is understood: `bitsmith accuracy --model` can run it\n",
        Err(e) => text + &format!("{e:#}\n"),
    }
}

fn document(model: &Model, layers: &[ModelLayer]) -> serde_json::Value {
    let graph = &model.graph;
    let value = |id: &ValueId| {
        let v = &graph.values[*id];
        json!({ "name": v.name, "shape": v.dims, "quantization": v.quant.as_ref().map(|q| q.name()) })
    };
    let layer = |l: &ModelLayer| {
        let s = &l.layer.shape;
        json!({
            "name": l.layer.name, "op": s.op.name(), "m": s.m(), "n": s.n(), "k": s.k(), "macs": s.macs(),
            "relu": l.layer.relu, "weights": stored(model, l),
        })
    };
    let unsupported: Vec<_> = graph.unsupported().map(|(n, why)| json!({ "node": n.name, "reason": why })).collect();
    let without: Vec<_> = model.without_kernels().iter().map(|(n, why)| json!({ "node": n, "reason": why })).collect();
    json!({
        "name": graph.name, "origin": graph.origin,
        "inputs": graph.inputs.iter().map(value).collect::<Vec<_>>(),
        "outputs": graph.outputs.iter().map(value).collect::<Vec<_>>(),
        "layers": layers.iter().map(layer).collect::<Vec<_>>(), "macs": model.macs(),
        "operations": model.operations().into_iter().map(|(n, c)| (n, json!(c))).collect::<serde_json::Map<_, _>>(),
        "without_kernels": without, "unsupported": unsupported, "notes": graph.notes,
        "runnable": model.runnable().is_ok(),
    })
}

/// Writes a layer file, and beside it the weights that its layers name. Returns the layers as the file has them.
/// # Errors
/// No layer; files that cannot be written.
pub fn export(model: &Model, layers: &[ModelLayer], out: &Path) -> Result<Vec<Layer>> {
    ensure!(!layers.is_empty(), "{}: has no layer that kernels could be made for", model.graph.name);
    let each = layers.iter().map(|l| Ok((l.layer.clone(), model.parameters(l)?))).collect::<Result<_>>()?;
    write_layers((&model.graph.name, &model.graph.origin), each, out)
}

/// The same of any layers with weights, of a network with a name and an origin.
/// # Errors
/// Files that cannot be written.
pub fn write_layers((name, origin): (&str, &str), layers: Vec<(Layer, Parameters)>, out: &Path) -> Result<Vec<Layer>> {
    ensure!(out.extension().is_some_and(|e| e == "toml"), "{}: the layer file's name must end in .toml", out.display());
    let weights = out.with_extension("safetensors");
    let file = weights.file_name().context("names no file")?.to_string_lossy().into_owned();
    let folder = out.parent().unwrap_or(Path::new("")).to_path_buf();
    std::fs::create_dir_all(if folder.as_os_str().is_empty() { Path::new(".") } else { &folder })?;
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut named = Vec::new();
    for (l, p) in layers {
        let bytes = |v: &[f32]| v.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let (w, b) = (format!("{}.weight", l.name), format!("{}.bias", l.name));
        named.push(Layer {
            weights: Some(format!("{file}#{w}")),
            bias: Some(format!("{file}#{b}")),
            folder: folder.clone(),
            ..l.clone()
        });
        tensors.push((w, l.shape.weights_shape(), bytes(&p.weights)));
        tensors.push((b, vec![p.bias.len()], bytes(&p.bias)));
    }
    let views = tensors.iter().map(|(name, dims, bytes)| Ok((name, TensorView::new(Dtype::F32, dims.clone(), bytes)?)));
    let views = views.collect::<Result<Vec<_>>>()?;
    safetensors::serialize_to_file(views, None, &weights)
        .with_context(|| format!("cannot write {}", weights.display()))?;
    write_file(out, &toml_of((name, origin), &named))?;
    Ok(named)
}

fn toml_of((name, origin): (&str, &str), layers: &[Layer]) -> String {
    let quoted = |s: &str| toml::Value::String(s.into()).to_string();
    let mut text = format!("name = {}\n", quoted(name));
    text += &format!("source = {}\n", quoted(origin));
    for l in layers {
        let s = &l.shape;
        text += &format!("\n[[layer]]\nname = {}\nop = \"{}\"\n", quoted(&l.name), s.op.name());
        text += &match s.op {
            Op::Gemm | Op::Gemv => format!("m = {}\nn = {}\nk = {}\n", s.m(), s.n(), s.k()),
            Op::Conv2d | Op::Depthwise => {
                let after = |out: usize, window: usize, before: usize, size: usize| {
                    ((out - 1) * s.stride + window).saturating_sub(size + before)
                };
                let pad = [s.top, s.left, after(s.oh, s.kh, s.top, s.h), after(s.ow, s.kw, s.left, s.w)];
                let f = if s.op == Op::Conv2d { format!("f = {}\n", s.f) } else { String::new() };
                format!(
                    "h = {}\nw = {}\nc = {}\n{f}kh = {}\nkw = {}\nstride = {}\npad = {pad:?}\n",
                    s.h, s.w, s.c, s.kh, s.kw, s.stride
                )
            }
        };
        text += &format!("relu = {}\n", l.relu);
        for (field, spec) in [("weights", &l.weights), ("bias", &l.bias), ("activations", &l.activations)] {
            text += &spec.as_ref().map(|s| format!("{field} = {}\n", quoted(s))).unwrap_or_default();
        }
    }
    text
}
