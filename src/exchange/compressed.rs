//! safetensors with the `quantization_config` of compressed-tensors (its `QuantizationConfig` and compressors
//! `pack_quantized`, `naive_quantized`, `float_quantized`): linear layers, each with codes, scales and zero points of its own.

use std::collections::HashMap;
use std::fs;

use anyhow::{Context, Result, bail, ensure};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde_json::{Value, json};

use super::{Integers, Network, Part, Written, coded};
use crate::layer::Op;
use crate::scheme::activations::{Activations, Kind, Per};
use crate::scheme::format::{Granularity, f16};
use crate::scheme::levels::{Levels, MiniFloat};

/// A tensor to be written.
struct Tensor {
    name: String,
    dtype: Dtype,
    dims: Vec<usize>,
    data: Vec<u8>,
}

impl Tensor {
    fn floats(name: String, dims: Vec<usize>, values: &[f32]) -> Self {
        Self { name, dtype: Dtype::F32, dims, data: values.iter().flat_map(|v| v.to_le_bytes()).collect() }
    }

    /// Scales of groups are numbers of 16 bits already.
    fn scales(name: String, dims: Vec<usize>, values: &[f32], grouped: bool) -> Self {
        if !grouped {
            return Self::floats(name, dims, values);
        }
        Self { name, dtype: Dtype::F16, dims, data: values.iter().flat_map(|v| f16(*v)).collect() }
    }
}

pub fn write(network: &Network) -> Result<Written> {
    let (mut tensors, mut notes): (Vec<Tensor>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut groups, mut ignored): (Vec<(Value, Vec<String>)>, Vec<String>) = (Vec::new(), Vec::new());
    for layer in network.model.layers() {
        let shape = &layer.layer.shape;
        let own = &network.model.graph.nodes[layer.node].name;
        let name = own.strip_suffix(".weight").unwrap_or(own).to_string();
        let p = network.model.parameters(&layer)?;
        let part = network.part(layer.node).filter(|_| matches!(shape.op, Op::Gemm | Op::Gemv));
        let bias = match part {
            Some(part) => {
                let (codes, config) = compressed(part, &name)?;
                tensors.extend(codes);
                match groups.iter_mut().find(|(c, _)| *c == config) {
                    Some((_, targets)) => targets.push(name.clone()),
                    None => groups.push((config, vec![name.clone()])),
                }
                &part.quantized.bias
            }
            None => {
                if !matches!(shape.op, Op::Gemm | Op::Gemv) {
                    notes.push(format!("{name} stays f32: only linear layers are compressed"));
                }
                ignored.push(name.clone());
                tensors.push(Tensor::floats(format!("{name}.weight"), shape.weights_shape(), &p.weights));
                &p.bias
            }
        };
        if bias.iter().any(|b| *b != 0.0) {
            tensors.push(Tensor::floats(format!("{name}.bias"), vec![shape.n()], bias));
        }
    }
    let first = groups.first().context("no linear layer is under a scheme")?.0["format"].clone();
    let format = if groups.iter().all(|(c, _)| c["format"] == first) { first } else { json!("mixed-precision") };
    let (all, mixed) = (groups.len() == 1, format == json!("mixed-precision"));
    let named = groups.into_iter().enumerate().map(|(i, (mut config, targets))| {
        if !mixed {
            config.as_object_mut().map(|c| c.remove("format"));
        }
        config["targets"] = if all { json!(["Linear"]) } else { json!(targets) };
        (format!("group_{i}"), config)
    });
    let quantization = json!({
        "quant_method": "compressed-tensors", "format": format, "quantization_status": "compressed",
        "config_groups": named.collect::<serde_json::Map<_, _>>(), "ignore": ignored, "kv_cache_scheme": null,
    });
    let rest = copied(network, &mut tensors)?;
    let mut config = rest.unwrap_or_else(|| json!({}));
    config.as_object_mut().context("config.json is no object")?.insert("quantization_config".into(), quantization);
    tensors.sort_by(|a, b| a.name.cmp(&b.name));
    let views = tensors.iter().map(|t| Ok((t.name.as_str(), TensorView::new(t.dtype, t.dims.clone(), &t.data)?)));
    let views = views.collect::<Result<Vec<_>>>()?;
    let pt = HashMap::from([("format".to_string(), "pt".to_string())]);
    let bytes = safetensors::serialize(views, Some(pt))?;
    let config = format!("{}\n", serde_json::to_string_pretty(&config)?).into_bytes();
    Ok(Written { files: vec![(Some("model.safetensors"), bytes), (Some("config.json"), config)], notes })
}

/// What the file that the network was read from holds beside its layers; and the configuration beside it.
fn copied(network: &Network, tensors: &mut Vec<Tensor>) -> Result<Option<Value>> {
    let Some(source) = network.source.as_ref().filter(|p| p.extension().is_some_and(|e| e == "safetensors")) else {
        return Ok(None);
    };
    let bytes = fs::read(source).with_context(|| format!("cannot read {}", source.display()))?;
    let parts: Vec<&str> = network.parts.iter().map(|p| network.model.graph.nodes[p.node].name.as_str()).collect();
    for (name, view) in SafeTensors::deserialize(&bytes)?.tensors() {
        if parts.contains(&name.as_str()) {
            continue;
        }
        // also layers that stay, which are of the file's own type
        tensors.retain(|t| t.name != name);
        tensors.push(Tensor { name, dtype: view.dtype(), dims: view.shape().to_vec(), data: view.data().to_vec() });
    }
    let config = source.with_file_name("config.json");
    let Ok(text) = fs::read_to_string(&config) else { return Ok(None) };
    Ok(Some(serde_json::from_str(&text).with_context(|| format!("{} is no JSON", config.display()))?))
}

/// A layer's tensors, and its group of the configuration without targets.
fn compressed(part: &Part, name: &str) -> Result<(Vec<Tensor>, Value)> {
    let (scheme, q) = (&part.scheme, &part.quantized);
    ensure!(
        q.input().is_none(),
        "{name}: compressed-tensors cannot say what {scheme} does to a layer's input; choose a scheme without"
    );
    let (n, k) = (q.values.len() / q.lattice.k, q.lattice.k);
    let (strategy, group) = match scheme.granularity {
        Granularity::Tensor if scheme.weights.takes().scale => ("tensor", None),
        _ if q.lattice.group < k => ("group", Some(q.lattice.group)),
        _ => ("channel", None),
    };
    let whole = group.is_none_or(|g| k.is_multiple_of(g));
    ensure!(whole, "{name}: its rows of {k} are no whole groups of {}; keep it by --keep '{name}*'", q.lattice.group);
    let groups = q.lattice.groups();
    let per = if strategy == "tensor" {
        (vec![1], q.lattice.scales[..1].to_vec())
    } else {
        (vec![n, groups], q.lattice.scales.clone())
    };
    let scales = Tensor::scales(format!("{name}.weight_scale"), per.0, &per.1, group.is_some());
    let inputs = activations(&part.quantized.activations().0.clone(), part.quantized.activations().1.is_some())
        .with_context(|| format!("{name}: {scheme}"))?;
    let weights = |bits: u32, kind: &str, symmetric: bool| {
        json!({
            "num_bits": bits, "type": kind, "symmetric": symmetric, "strategy": strategy, "group_size": group,
            "block_structure": null, "dynamic": false, "actorder": null, "observer": "minmax", "observer_kwargs": {},
        })
    };
    let config = |format: &str, weights: Value| json!({ "targets": [], "weights": weights, "input_activations": inputs, "output_activations": null, "format": format });
    if q.lattice.levels == Levels::Float(MiniFloat::E4M3) {
        let codes = coded(q).context("weights that do not lie on their grid")?;
        let byte = |c: u16| {
            let rank = i32::from(c) - MiniFloat::E4M3.greatest as i32;
            rank.unsigned_abs() as u8 | if rank < 0 { 0x80 } else { 0 }
        };
        let data = codes.codes.iter().map(|c| byte(*c)).collect();
        let weight = Tensor { name: format!("{name}.weight"), dtype: Dtype::F8_E4M3, dims: vec![n, k], data };
        return Ok((vec![weight, scales], config("float-quantized", weights(8, "float", true))));
    }
    let Some(w) = Integers::of(q) else {
        bail!("{name}: compressed-tensors has no type for {scheme} here; choose integers (w4a16g32, w8a8) or fp8e4m3");
    };
    // codes as signed ones of 4 or 8 bits
    let bits = if w.range.1 - w.range.0 <= 15 && w.range.0 >= -8 { 4 } else { 8 };
    let shift = if w.range.0 >= 0 { 1 << (bits - 1) } else { 0 };
    let signed = |v: &[i32]| v.iter().map(|c| c - shift).collect::<Vec<i32>>();
    let symmetric = w.zeros.is_none() && shift == 0;
    let codes = signed(&w.codes);
    let float_inputs = part.quantized.activations().0.float() || part.quantized.activations().0.half().is_some();
    if bits == 8 && symmetric && !float_inputs {
        let data = codes.iter().map(|c| *c as i8 as u8).collect();
        let weight = Tensor { name: format!("{name}.weight"), dtype: Dtype::I8, dims: vec![n, k], data };
        return Ok((vec![weight, scales], config("int-quantized", weights(8, "int", true))));
    }
    let words = |v: &[i32], columns: usize| {
        v.chunks_exact(columns).flat_map(|row| packed(row, bits)).flat_map(i32::to_le_bytes).collect::<Vec<u8>>()
    };
    let each = 32 / bits as usize;
    let mut tensors = vec![
        Tensor {
            name: format!("{name}.weight_packed"),
            dtype: Dtype::I32,
            dims: vec![n, k.div_ceil(each)],
            data: words(&codes, k),
        },
        scales,
        Tensor {
            name: format!("{name}.weight_shape"),
            dtype: Dtype::I64,
            dims: vec![2],
            data: [n, k].iter().flat_map(|d| (*d as i64).to_le_bytes()).collect(),
        },
    ];
    if !symmetric {
        // packed along the outputs
        let zeros = signed(&w.zeros.unwrap_or_else(|| vec![0; n * groups]));
        let columns: Vec<Vec<i32>> =
            (0..groups).map(|g| packed(&(0..n).map(|r| zeros[r * groups + g]).collect::<Vec<_>>(), bits)).collect();
        let rows = n.div_ceil(each);
        let data = (0..rows).flat_map(|r| columns.iter().flat_map(move |c| c[r].to_le_bytes())).collect();
        tensors.push(Tensor {
            name: format!("{name}.weight_zero_point"),
            dtype: Dtype::I32,
            dims: vec![rows, groups],
            data,
        });
    }
    Ok((tensors, config("pack-quantized", weights(bits, "int", symmetric))))
}

/// Signed codes, moved up to begin at 0, in words of 32 bits, the first lowest.
fn packed(codes: &[i32], bits: u32) -> Vec<i32> {
    let half = 1 << (bits - 1);
    let word = |c: &[i32]| c.iter().enumerate().fold(0u32, |w, (i, v)| w | ((v + half) as u32) << (bits as usize * i));
    codes.chunks(32 / bits as usize).map(|c| word(c) as i32).collect()
}

/// How activations are quantized; null where they are not.
fn activations(a: &Activations, fixed: bool) -> Result<Value> {
    let (bits, kind, symmetric) = match &a.kind {
        Kind::F32 => return Ok(Value::Null),
        Kind::Format(_) if a.half().is_some() => return Ok(Value::Null),
        Kind::Affine(8) => (8, "int", false),
        Kind::Format(f) if f.name() == "fp8e4m3" => (8, "float", true),
        _ => bail!("compressed-tensors has no activations of {}; choose a8, a16, a32 or afp8e4m3", a.kind),
    };
    ensure!(!fixed, "static ranges of activations are not written; choose a scheme without `-static`");
    let strategy = match a.per {
        Per::Tensor => "tensor",
        Per::Row => "token",
        Per::Block(_) => bail!("activations in blocks"),
    };
    Ok(json!({
        "num_bits": bits, "type": kind, "symmetric": symmetric, "strategy": strategy, "group_size": null,
        "block_structure": null, "dynamic": true, "actorder": null, "observer": null, "observer_kwargs": {},
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_packed_from_the_lowest_bits_up_and_moved_to_begin_at_zero() {
        assert_eq!(packed(&[-8, -7, 0, 7, 1, 2, 3, 4, 5], 4), [0xcba9_f810_u32 as i32, 0xd]);
        assert_eq!(packed(&[-128, 127, 0], 8), [0x0080_ff00]);
    }
}
