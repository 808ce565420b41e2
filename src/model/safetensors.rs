//! Safetensors files: weights without a graph. Each matrix of floats becomes a layer of its own.

use std::path::Path;

use anyhow::{Result, anyhow};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use super::graph::{Array, Graph, elements};
use super::onnx::{bfloat, half};

/// Reads the matrices of a safetensors file; `config.json` beside it tells how they were quantized.
/// # Errors
/// A damaged file.
pub fn read(bytes: &[u8], name: &str, folder: &Path) -> Result<Graph> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| anyhow!("is not a readable .safetensors file: {e}"))?;
    let mut graph = Graph::new(name, "safetensors");
    let config = std::fs::read_to_string(folder.join("config.json")).ok();
    let config = config.and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let config = config.map(|c| c["quantization_config"].clone()).unwrap_or_default();
    let packed = super::packed::decoded(&file, &config);
    if let Some(method) = config["quant_method"].as_str() {
        let said = if packed.is_empty() {
            "none of its packed weights are decoded"
        } else {
            "what is packed is decoded to f32"
        };
        graph.notes.push(format!("config.json: quantized by `{method}`; {said}"));
    }
    let taken: std::collections::HashSet<String> = packed.iter().flat_map(|d| d.of.iter().cloned()).collect();
    for layer in packed {
        graph.lone_layer(&layer.name, layer.weights, &layer.stored)?;
    }
    let mut others: Vec<String> = Vec::new();
    let mut tensors = file.tensors();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    for (label, view) in tensors.into_iter().filter(|(label, _)| !taken.contains(label)) {
        let (&[n, k], raw) = (view.shape(), view.data()) else {
            continue;
        };
        let pairs = || raw.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
        let (values, stored): (Vec<f32>, &str) = match view.dtype() {
            Dtype::F32 => (raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(), "f32"),
            Dtype::F16 => (pairs().map(half).collect(), "f16"),
            Dtype::BF16 => (pairs().map(bfloat).collect(), "bf16"),
            other => {
                others.push(format!("{label} ({other:?})"));
                continue;
            }
        };
        if n > 0 && k > 0 && elements(&[n, k]) == Some(values.len()) {
            graph.lone_layer(&label, Array::f32(vec![n, k], values), stored)?;
        }
    }
    if let Some(first) = others.first() {
        graph.notes.push(format!("{} matrices of other types are passed over, such as {first}", others.len()));
    }
    Ok(graph)
}
