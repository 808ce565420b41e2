//! The files of a bundle, from templates.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Value, json};

use super::layers::separable;
use super::variant::{Kernel, Variant, c_name};
use super::{Bundle, Deployed};
use crate::candidate::Contract;
use crate::native;
use crate::report::{format, template_value};
use crate::run::Tool;
use crate::scheme::Weights;
use crate::target::Family;

/// What a template is, and where its text goes; `NAME` stands for the bundle's.
const TEMPLATES: &[(&str, &str)] = &[
    ("README.md", include_str!("templates/README.md")),
    ("CMakeLists.txt", include_str!("templates/CMakeLists.txt")),
    ("NAME.pc.in", include_str!("templates/bundle.pc.in")),
    ("include/NAME.h", include_str!("templates/bundle.h")),
    ("src/NAME.c", include_str!("templates/bundle.c")),
    ("src/NAME_private.h", include_str!("templates/private.h")),
    ("example/example.c", include_str!("templates/example.c")),
];
const KERNELS: &str = include_str!("templates/kernels.c");
const DATA: &str = include_str!("templates/data.h");
const PACK: &str = include_str!("../../native/deploy/pack.h");

/// Paths below the bundle's folder, and contents.
pub fn all(bundle: &Bundle) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let facts = facts(bundle);
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (path, template) in TEMPLATES {
        files.push((path.replace("NAME", &bundle.name), render(template, &facts)?.into()));
    }
    let (data, cases) = data(bundle);
    files.push(("example/data.bin".into(), data));
    files.push(("example/data.h".into(), render(DATA, &cases)?.into()));
    files.push(("src/pack.h".into(), PACK.into()));
    files.push(("src/kernel.h".into(), native_file("kernel.h")?.into()));
    for variant in &bundle.variants {
        let unit = render(KERNELS, &with(&facts, &kernels(bundle, variant)))?;
        files.push((format!("src/kernels_{}.c", c_name(&variant.target.name)), unit.into()));
        files.push((format!("weights/{}.bin", variant.target.name), variant.blob.clone()));
    }
    let mut headers = BTreeSet::new();
    for kernel in bundle.variants.iter().flat_map(|v| &v.kernels) {
        headers_of(&kernel.source.header, &mut headers)?;
    }
    for header in headers {
        files.push((format!("src/{header}"), native_file(&header)?.into()));
    }
    for (variant, text) in bundle.variants.iter().zip(&bundle.profiles) {
        let value: toml::Table = toml::from_str(text)?;
        files.push((format!("profile-{}.toml", variant.target.name), text.clone().into()));
        files.push((format!("profile-{}.json", variant.target.name), serde_json::to_vec_pretty(&value)?));
    }
    files.push(("profile.schema.json".into(), crate::profile::schema().into()));
    Ok(files.into_iter().map(|(path, bytes)| (PathBuf::from(path), bytes)).collect())
}

fn native_file(path: &str) -> Result<&'static str> {
    let found = native::FILES.iter().find(|(p, _)| *p == path);
    found.map(|(_, text)| *text).with_context(|| format!("native/{path} is included and not there"))
}

/// A header and all that it includes.
fn headers_of(path: &str, into: &mut BTreeSet<String>) -> Result<()> {
    if path.ends_with("kernel.h") || !into.insert(path.into()) {
        return Ok(());
    }
    let text = native_file(path)?;
    for name in text.lines().filter_map(|l| l.strip_prefix("#include \"")?.strip_suffix('"')) {
        let beside = format!("isa/{name}");
        headers_of(if native_file(name).is_ok() { name } else { &beside }, into)?;
    }
    Ok(())
}

fn render(template: &str, facts: &Value) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    Ok(environment.render_str(template, template_value(facts.clone()))? + "\n")
}

/// One object's fields over another's.
fn with(under: &Value, over: &Value) -> Value {
    let (mut all, over) = (under.clone(), over.as_object().cloned().unwrap_or_default());
    if let Some(fields) = all.as_object_mut() {
        fields.extend(over);
    }
    all
}

/// What all templates see.
fn facts(bundle: &Bundle) -> Value {
    let (tool, first) = (Tool::this(), &bundle.layers[0]);
    let layers: Vec<Value> = bundle.layers.iter().map(layer).collect();
    let variants: Vec<Value> = bundle.variants.iter().map(|v| variant(bundle, v)).collect();
    let targets: Vec<&str> = bundle.variants.iter().map(|v| v.target.name.as_str()).collect();
    let contract = first.contract;
    let (input, output) = match contract {
        Contract::F32io => ("f32, rows one after the other; images NHWC", "f32"),
        Contract::Int8 => ("u8 codes, rows one after the other; images NHWC", "s32 sums"),
        Contract::Qdq => ("u8 codes, rows one after the other; images NHWC", "u8 codes"),
    };
    json!({
        "name": bundle.name, "NAME": bundle.name.to_uppercase(), "title": title(bundle),
        "version": tool.version, "revision": tool.revision, "targets": targets.join(", "),
        "layers": layers, "variants": variants, "scheme": first.scheme.to_string(),
        "contract": contract.name(), "contract_about": format!("{input}; out: {output}"),
        "input_about": input, "output_about": output,
        "weights_about": if bundle.layers.iter().all(|l| l.real) { "the trained ones" } else {
            "synthetic where a layer came without any: pack your own" },
        "rows": bundle.layers.iter().enumerate().any(|(i, _)| siblings(bundle, i).len() > 1),
        "network": bundle.network.as_ref().map(|n| n.name.clone()),
        "network_right": bundle.network.as_ref().map(|n| n.right),
        "network_samples": bundle.network.as_ref().map(|n| n.samples),
    })
}

fn title(bundle: &Bundle) -> String {
    let first = &bundle.layers[0];
    let what = bundle.network.as_ref().map_or(first.layer.network.as_str(), |n| &n.name);
    format!("{what}, {} ({})", first.scheme, first.contract.name())
}

fn layer(deployed: &Deployed) -> Value {
    let (layer, shape) = (&deployed.layer, &deployed.layer.shape);
    json!({
        "name": layer.name, "upper": c_name(&layer.name).to_uppercase(), "op": shape.op.name(),
        "m": shape.m(), "n": shape.n(), "k": shape.k(), "scheme": deployed.scheme.to_string(),
    })
}

fn variant(bundle: &Bundle, variant: &Variant) -> Value {
    let target = &variant.target;
    let c = c_name(&target.name);
    let processor = match target.family {
        Family::X86 => "x86_64|amd64|i.86",
        // of 32 bits where the compiler says so
        _ if target.compiler.cc.contains("gnueabi") => "^arm",
        _ => "aarch64|arm64",
    };
    let flags: Vec<&str> = target.compiler.flags.iter().map(String::as_str).collect();
    let kernels: Vec<Value> = (0..bundle.layers.len()).map(|i| kernel(bundle, variant, i)).collect();
    let device = variant.kernels.first().map_or(String::new(), |k| {
        let on = if variant.cpu.is_empty() { "checked by an emulator, never timed" } else { &variant.cpu };
        format!(
            "{}. Chosen on: {on}. Compiled with {} {}.",
            target.title,
            k.record.compiler,
            target.compiler.flags.join(" ")
        )
    });
    json!({
        "target": target.name, "c": c, "guard": format!("{}_HAS_{}", bundle.name.to_uppercase(), c.to_uppercase()),
        "processor": processor, "flags": flags.join(";"), "kernels": kernels, "device": device,
    })
}

fn kernels(bundle: &Bundle, variant: &Variant) -> Value {
    let kernels: Vec<Value> = (0..bundle.layers.len()).map(|i| kernel(bundle, variant, i)).collect();
    json!({
        "title": format!("Kernels for {}.", variant.target.name), "c": c_name(&variant.target.name),
        "target": variant.target.name, "requires": variant.target.requires.join(" "),
        "header": variant.kernels[0].source.header, "weights_bytes": variant.blob.len(), "kernels": kernels,
    })
}

fn kernel(bundle: &Bundle, variant: &Variant, index: usize) -> Value {
    let (k, deployed): (&Kernel, &Deployed) = (&variant.kernels[index], &bundle.layers[index]);
    let (input, output) = deployed.quantized.grids(deployed.layer.relu);
    let zero = |g: Option<crate::scheme::affine::Grid>| g.map_or(0, |g| g.zero);
    // of f32io both words are those of a static grid
    let [zero, out_zero] = match deployed.contract {
        Contract::F32io => input.map_or([0; 2], |g| g.words()),
        _ => [zero(input), zero(output)],
    };
    let layout = k.layout.as_ref().map_or(vec![0; 10], |l| {
        let numbers = [l.n, l.k, l.segments, l.lanes, l.depth, l.run, l.vectors, l.bits, l.group];
        std::iter::once(usize::from(l.depthwise)).chain(numbers).collect()
    });
    let time = match (k.median_ns, k.ci_ns) {
        (Some(ns), Some((low, high))) => {
            format!("{} ({} to {})", format::time(ns), format::time(low), format::time(high))
        }
        _ => "not timed".into(),
    };
    json!({
        "layer": deployed.layer.name, "symbol": k.source.symbol, "text": k.source.text,
        "candidate": k.record.candidate, "m": k.record.m, "n": k.record.n, "k": k.record.k,
        "weights": k.weights.start, "columns": k.columns.start, "weights_bytes": k.weights.len(),
        "input_bytes": deployed.input.len(), "output_bytes": deployed.output.bytes.len(),
        "work_bytes": k.source.work_bytes, "median_ns": k.median_ns.unwrap_or(0.0),
        "zero": zero, "out_zero": out_zero, "layout": layout, "siblings": by_pace(bundle, variant, index),
        "time": time, "evidence": k.record.evidence.name(),
        "exact": if deployed.output.bound.is_empty() { "exact" } else { "within the rounding bound" },
    })
}

/// Layers that are the same operator for other numbers of rows: they name the same weights.
fn siblings(bundle: &Bundle, index: usize) -> Vec<usize> {
    let own = &bundle.layers[index].layer;
    // static grids are part of what a kernel computes
    let facts = |d: &Deployed| {
        let (l, grids) = (&d.layer, d.quantized.grids(d.layer.relu));
        (l.weights.clone(), l.bias.clone(), l.relu, l.shape.n(), l.shape.k(), grids)
    };
    let same = |other: &Deployed| facts(other) == facts(&bundle.layers[index]);
    if own.weights.is_none() || !separable(own) {
        return vec![index];
    }
    (0..bundle.layers.len()).filter(|i| separable(&bundle.layers[*i].layer) && same(&bundle.layers[*i])).collect()
}

/// The same, the fastest for each row first; without times, the one with the most rows.
fn by_pace(bundle: &Bundle, variant: &Variant, index: usize) -> Vec<usize> {
    let mut all = siblings(bundle, index);
    let rows = |i: &usize| bundle.layers[*i].layer.shape.m() as f64;
    let pace = |i: &usize| variant.kernels[*i].median_ns.map_or(1.0 / rows(i), |ns| ns / rows(i));
    all.sort_by(|a, b| pace(a).total_cmp(&pace(b)).then(rows(b).total_cmp(&rows(a))));
    all
}

/// `data.bin`, and where in it things are.
fn data(bundle: &Bundle) -> (Vec<u8>, Value) {
    let mut bytes = vec![0; 64]; // offset 0 means nothing
    let mut put = |section: &[u8]| match section.is_empty() {
        true => 0,
        false => {
            bytes.resize(bytes.len().next_multiple_of(64), 0);
            bytes.extend_from_slice(section);
            bytes.len() - section.len()
        }
    };
    let floats = |x: &[f32]| x.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let mut cases = Vec::new();
    for (i, d) in bundle.layers.iter().enumerate() {
        let packed = bundle.variants.iter().any(|v| v.kernels[i].layout.is_some());
        let (codes, scales) = match &d.quantized.weights {
            _ if !packed => (vec![], vec![]),
            Weights::Int { codes, scales, group } => {
                let codes: Vec<u8> = codes.iter().map(|c| *c as u8).collect();
                (codes, if group.is_some() { floats(scales) } else { vec![] })
            }
            Weights::Float(w) => (floats(w), vec![]),
            Weights::Coded(_) => (vec![], vec![]),
        };
        let width = if d.contract == Contract::Qdq { 1 } else { 4 };
        cases.push(json!({
            "input": put(&d.input), "output": put(&d.output.bytes), "bound": put(&floats(&d.output.bound)),
            "codes": put(&codes), "scales": put(&scales), "width": width,
        }));
    }
    let samples = bundle.network.as_ref().map(|n| {
        json!({
            "inputs": put(&n.inputs), "outputs": put(&n.outputs), "labels": put(&n.labels), "count": n.samples,
            "length": n.inputs.len() / n.samples / 4, "logits": n.outputs.len() / n.samples / 4,
            "exact": usize::from(n.exact),
        })
    });
    let total = bytes.len();
    (bytes, json!({ "cases": cases, "samples": samples, "bytes": total }))
}
