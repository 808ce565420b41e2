//! GGUF, version 3 (ggml's docs/gguf.md): metadata, descriptions of tensors, and their data, aligned.

use std::fs;

use anyhow::{Context, Result, bail, ensure};

use super::{Network, Part, Written};
use crate::model::gguf::{Directory, KINDS, reordered};
use crate::scheme::format::{block, f16};

/// What `general.file_type` calls a file most of whose tensors are of a kind (`llama_ftype`).
static FILE_TYPES: &[(&str, u32)] = &[
    ("f32", 0),
    ("f16", 1),
    ("q4_0", 2),
    ("q4_1", 3),
    ("q8_0", 7),
    ("q5_0", 8),
    ("q5_1", 9),
    ("q2_k", 10),
    ("q3_k", 12),
    ("q4_k", 15),
    ("q5_k", 17),
    ("q6_k", 18),
    ("iq4_nl", 25),
    ("bf16", 32),
    ("tq1_0", 36),
    ("tq2_0", 37),
    ("mxfp4", 38),
];

const FILE_TYPE: &str = "general.file_type";
const ALIGNMENT: usize = 32;
const F32: u32 = 0;
/// Types of metadata.
const U32: u32 = 4;
const STRING: u32 = 8;

/// A tensor to be written; the fastest dimension first.
struct Tensor<'a> {
    name: String,
    dims: Vec<usize>,
    kind: u32,
    data: std::borrow::Cow<'a, [u8]>,
}

pub fn write(network: &Network) -> Result<Written> {
    let mut notes = Vec::new();
    let source = network.source.as_ref().filter(|p| p.extension().is_some_and(|e| e == "gguf"));
    let bytes = source.map(|p| fs::read(p).with_context(|| format!("cannot read {}", p.display()))).transpose()?;
    let (mut metadata, tensors) = match &bytes {
        Some(bytes) => again(network, bytes, &mut notes)?,
        None => fresh(network, &mut notes)?,
    };
    let most = network
        .parts
        .iter()
        .map(|p| p.scheme.weights.name())
        .max_by_key(|name| network.parts.iter().filter(|p| p.scheme.weights.name() == *name).count());
    let file_type = most.and_then(|name| FILE_TYPES.iter().find(|t| t.0 == name)).map_or(0, |t| t.1);
    metadata.push(entry(FILE_TYPE, U32, &file_type.to_le_bytes()));
    Ok(Written { files: vec![(None, file(&metadata, &tensors)?)], notes })
}

/// The file that the network was read from, with other numbers in its layers' tensors.
fn again<'a>(network: &Network, bytes: &'a [u8], notes: &mut Vec<String>) -> Result<(Vec<Vec<u8>>, Vec<Tensor<'a>>)> {
    let directory = Directory::of(bytes)?;
    let gone = |key: &str| [FILE_TYPE, "general.alignment", "general.quantization_version"].contains(&key);
    let kept = directory.metadata.iter().filter(|(key, _)| !gone(key)).map(|(_, at)| bytes[at.clone()].to_vec());
    let mut metadata: Vec<Vec<u8>> = kept.collect();
    metadata.push(entry("general.quantization_version", U32, &2u32.to_le_bytes()));
    let graph = &network.model.graph;
    let mut tensors = Vec::new();
    for old in &directory.tensors {
        let part = network.parts.iter().find(|p| graph.nodes[p.node].name == old.name);
        let new = part.map(|p| encoded(p, notes)).transpose()?.flatten();
        let (kind, data) = match new {
            Some((kind, data)) => (kind, data.into()),
            None => (old.kind, old.data(bytes)?.into()),
        };
        tensors.push(Tensor { name: old.name.clone(), dims: old.dims.clone(), kind, data });
    }
    Ok((metadata, tensors))
}

/// Weights and biases of a network that was no GGUF file.
fn fresh<'a>(network: &Network, notes: &mut Vec<String>) -> Result<(Vec<Vec<u8>>, Vec<Tensor<'a>>)> {
    let graph = &network.model.graph;
    notes.push(
        "holds weights alone: a runtime such as llama.cpp also needs a model's parameters and vocabulary; convert the \
         model to GGUF in f16 first, and export that"
            .into(),
    );
    let text = |key: &str, value: &str| {
        entry(key, STRING, &[&(value.len() as u64).to_le_bytes()[..], value.as_bytes()].concat())
    };
    let metadata = vec![
        text("general.architecture", "unknown"),
        text("general.name", &graph.name),
        entry("general.quantization_version", U32, &2u32.to_le_bytes()),
    ];
    let mut tensors = Vec::new();
    for layer in network.model.layers() {
        let part = network.part(layer.node);
        let p = network.model.parameters(&layer)?;
        let (n, k) = (layer.layer.shape.n(), layer.layer.shape.k());
        let (kind, data) = match part.map(|p| encoded(p, notes)).transpose()?.flatten() {
            Some(new) => new,
            None => (F32, floats(part.map_or(&p.weights, |p| &p.quantized.truth))),
        };
        let name = layer.layer.name.strip_suffix(".weight").unwrap_or(&layer.layer.name).to_string();
        tensors.push(Tensor { name: format!("{name}.weight"), dims: vec![k, n], kind, data: data.into() });
        let bias = part.map_or(&p.bias, |p| &p.quantized.bias);
        if bias.iter().any(|b| *b != 0.0) {
            tensors.push(Tensor { name: format!("{name}.bias"), dims: vec![n], kind: F32, data: floats(bias).into() });
        }
    }
    Ok((metadata, tensors))
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// The kind and bytes of a layer's weights; None where its rows are no whole blocks.
fn encoded(part: &Part, notes: &mut Vec<String>) -> Result<Option<(u32, Vec<u8>)>> {
    let (format, q) = (part.scheme.weights.name(), &part.quantized);
    let Some((kind, _, each, _)) = KINDS.iter().find(|t| t.1 == format) else {
        let all: Vec<&str> = KINDS.iter().map(|t| t.1).collect();
        bail!("{}: GGUF has no type for {}; choose one of {}", part.name, part.scheme, all.join(", "));
    };
    ensure!(
        q.input().is_none(),
        "{}: GGUF cannot say what {} does to a layer's input; choose a scheme without",
        part.name,
        part.scheme
    );
    let k = q.lattice.k;
    if k % each != 0 {
        notes.push(format!("{} stays as it is: its rows of {k} are no whole blocks of {each}", part.name));
        return Ok(None);
    }
    let halves = |round: fn(f32) -> [u8; 2]| q.values.iter().flat_map(|v| round(*v)).collect::<Vec<u8>>();
    let bytes = match format.as_str() {
        "f32" => floats(&q.values),
        "f16" => halves(f16),
        "bf16" => halves(|v| ((v.to_bits() >> 16) as u16).to_le_bytes()), // already rounded
        name => {
            let rows = q.truth.chunks_exact(k).zip(q.values.chunks_exact(k));
            let mut bytes = Vec::new();
            for (truth, values) in rows {
                let row = block::pack(name, truth).context("is no block format")?;
                let same = block::unpack(name, &row, k).is_some_and(|again| again.values == values);
                ensure!(
                    same,
                    "{}: {} rounds otherwise than blocks of {name} are made; choose `{name}` alone",
                    part.name,
                    part.scheme
                );
                bytes.extend(reordered(name, row, true));
            }
            bytes
        }
    };
    Ok(Some((*kind, bytes)))
}

fn entry(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&(key.len() as u64).to_le_bytes()[..], key.as_bytes(), &kind.to_le_bytes(), value].concat()
}

fn file(metadata: &[Vec<u8>], tensors: &[Tensor]) -> Result<Vec<u8>> {
    let mut out = b"GGUF".to_vec();
    out.extend(3u32.to_le_bytes());
    out.extend((tensors.len() as u64).to_le_bytes());
    out.extend((metadata.len() as u64).to_le_bytes());
    metadata.iter().for_each(|m| out.extend(m));
    let mut offset = 0u64;
    for t in tensors {
        out.extend((t.name.len() as u64).to_le_bytes());
        out.extend(t.name.as_bytes());
        out.extend(u32::try_from(t.dims.len())?.to_le_bytes());
        t.dims.iter().for_each(|d| out.extend((*d as u64).to_le_bytes()));
        out.extend(t.kind.to_le_bytes());
        out.extend(offset.to_le_bytes());
        offset += t.data.len().next_multiple_of(ALIGNMENT) as u64;
    }
    for t in tensors {
        out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
        out.extend(&*t.data);
    }
    out.resize(out.len().next_multiple_of(ALIGNMENT), 0);
    Ok(out)
}
