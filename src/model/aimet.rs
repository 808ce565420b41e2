//! AIMET's encodings: grids of a model's tensors in a JSON file of their own. Versions up to 0.6 name lists of encodings by tensor, 1.0 lists
//! tensors. A number stands for `scale * (code + offset)`, code from 0 to 2^bits - 1 (AIMET, "Encoding Format Specification").

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::{Map, Value};

use super::graph::{Array, Data, Graph, Operation, Quant, ValueId, elements};
use super::{Model, Rounding, integer};

/// Grids of tensors, by their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encodings {
    pub activations: Vec<(String, Quant)>,
    pub weights: Vec<(String, Quant)>,
    /// Tensors whose encodings are passed over, and why.
    pub others: Vec<String>,
}

/// Grids of more bits than these are as good as floats.
const MOST_BITS: u64 = 16;

impl Encodings {
    /// # Errors
    /// One line with the file: it cannot be read, or is no file of encodings.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&bytes).with_context(|| path.display().to_string())
    }

    /// # Errors
    /// As [`Encodings::read`].
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let file: Value = serde_json::from_slice(bytes).map_err(|e| anyhow!("is no JSON: {e}"))?;
        let mut all = Self::default();
        for (part, weights) in [("activation_encodings", false), ("param_encodings", true)] {
            let entries: Vec<(&str, &Value)> = match &file[part] {
                Value::Object(tensors) => tensors.iter().map(|(name, list)| (name.as_str(), list)).collect(),
                Value::Array(tensors) => tensors.iter().map(|t| (t["name"].as_str().unwrap_or_default(), t)).collect(),
                Value::Null => vec![],
                _ => bail!("field {part}: is neither a list nor a table"),
            };
            for (name, entry) in entries {
                match grid(entry).with_context(|| format!("field {part}, tensor `{name}`"))? {
                    Ok(quant) if weights => all.weights.push((name.into(), quant)),
                    Ok(quant) => all.activations.push((name.into(), quant)),
                    Err(why) => all.others.push(format!("{name} ({why})")),
                }
            }
        }
        let some = !all.activations.is_empty() || !all.weights.is_empty();
        ensure!(some, "holds no encodings: it needs activation_encodings or param_encodings, by tensor, of integers");
        Ok(all)
    }
}

/// The grid of a tensor; or why it has none.
fn grid(entry: &Value) -> Result<std::result::Result<Quant, &'static str>> {
    let new = entry.is_object() && entry.get("scale").is_some_and(Value::is_array);
    if entry.is_object() && !new {
        let of_layers = entry.get("input").or(entry.get("output")).is_some();
        ensure!(!of_layers, "names layers and not tensors; export the encodings for ONNX");
        return Ok(Err("of a form that is not known"));
    }
    let kind = |e: &Map<String, Value>| e.get("dtype").and_then(Value::as_str).unwrap_or("int").to_lowercase();
    let (bits, pairs): (u64, Vec<(f64, f64)>) = if let Some(tensor) = entry.as_object() {
        if kind(tensor) != "int" {
            return Ok(Err("floats"));
        }
        if tensor.get("enc_type").and_then(Value::as_str).is_some_and(|t| !["PER_TENSOR", "PER_CHANNEL"].contains(&t)) {
            return Ok(Err("in blocks"));
        }
        let numbers = |field: &str| -> Result<Vec<f64>> {
            let list = tensor.get(field).and_then(Value::as_array).with_context(|| format!("has no list `{field}`"))?;
            list.iter().map(|v| v.as_f64().with_context(|| format!("`{field}` holds {v}"))).collect()
        };
        let (scales, offsets) = (numbers("scale")?, numbers("offset")?);
        ensure!(scales.len() == offsets.len(), "has {} scales and {} offsets", scales.len(), offsets.len());
        let bits = tensor.get("bw").and_then(Value::as_u64).context("has no `bw`")?;
        (bits, scales.into_iter().zip(offsets).collect())
    } else {
        let list = entry.as_array().context("has no list of encodings")?;
        let each: Vec<&Map<String, Value>> =
            list.iter().map(|e| e.as_object().context("is no encoding")).collect::<Result<_>>()?;
        if each.iter().any(|e| kind(e) != "int") {
            return Ok(Err("floats"));
        }
        let number = |e: &Map<String, Value>, field: &str| {
            e.get(field).and_then(Value::as_f64).with_context(|| format!("has no number `{field}`"))
        };
        let first = each.first().context("has no encoding")?;
        let bits = first.get("bitwidth").and_then(Value::as_u64).context("has no `bitwidth`")?;
        let same = each.iter().all(|e| e.get("bitwidth").and_then(Value::as_u64) == Some(bits));
        ensure!(same, "has channels of several widths");
        (bits, each.iter().map(|e| Ok((number(e, "scale")?, number(e, "offset")?))).collect::<Result<_>>()?)
    };
    ensure!((1..=32).contains(&bits), "has {bits} bits");
    if bits > MOST_BITS {
        return Ok(Err("as good as floats"));
    }
    ensure!(!pairs.is_empty(), "has no scale");
    let scales: Vec<f32> = pairs.iter().map(|p| p.0 as f32).collect();
    ensure!(scales.iter().all(|s| s.is_finite() && *s > 0.0), "has a scale that is not a positive number");
    let zero = |p: &(f64, f64)| {
        let whole = p.1.fract() == 0.0 && p.1.abs() <= f64::from(i32::MAX);
        whole.then_some(-p.1 as i32).with_context(|| format!("has an offset of {}", p.1))
    };
    let zeros = pairs.iter().map(zero).collect::<Result<_>>()?;
    Ok(Ok(Quant { scales, zeros, axis: 0, bits: bits as u32, signed: false, narrow: false }))
}

/// How well a tensor's name is the one that is looked for: best 0. TFLite joins the names of what it fused by `;`, and puts the model's
/// before all; TensorFlow ends them in `:0`.
fn likeness(name: &str, wanted: &str) -> Option<usize> {
    let tidy = |s: &str| s.trim().trim_end_matches(":0").trim_matches('/').to_string();
    let wanted = tidy(wanted);
    if tidy(name) == wanted {
        return Some(0);
    }
    let fits = |part: &str| part == wanted || part.strip_suffix(wanted.as_str()).is_some_and(|p| p.ends_with('/'));
    let at = name.split(';').position(|part| fits(&tidy(part)))?;
    Some(if at == 0 { 1 } else { 2 })
}

/// How well a tensor of weights is of the layer that `wanted` says: `conv2d/kernel` names `conv2d`.
fn likeness_of_layer(name: &str, wanted: &str) -> Option<usize> {
    let layer = wanted.split('/').rev().find(|p| !["kernel", "weight", "transpose", "depthwise_kernel"].contains(p))?;
    let at = name.split(';').position(|part| part.split(['/', '.']).any(|p| p == layer))?;
    Some(3 + at.min(1))
}

/// The one value that is likest; none where two are as like.
fn find(values: &[(ValueId, &str)], like: impl Fn(&str) -> Option<usize>) -> Option<ValueId> {
    let mut all: Vec<(usize, ValueId)> = values.iter().filter_map(|(id, name)| Some((like(name)?, *id))).collect();
    all.sort_unstable();
    match all[..] {
        [(best, id), (next, _), ..] if best < next => Some(id),
        [(_, id)] => Some(id),
        _ => None,
    }
}

impl Model {
    /// The model with its tensors on the grids of some encodings: run as it is, it computes in floats on these grids, as AIMET's
    /// simulation does. Notes say what was found.
    /// # Errors
    /// No tensor of the encodings is the model's; several scales for other than each output of a layer.
    pub fn encoded(&self, encodings: &Encodings) -> Result<Self> {
        let mut graph = self.graph.clone();
        let mut missing: Vec<String> = Vec::new();
        let mut found = [0, 0];
        let layers: Vec<ValueId> = self.layers().iter().map(|l| graph.nodes[l.node].inputs[1]).collect();
        for (name, quant) in &encodings.weights {
            let values: Vec<(ValueId, &str)> = layers.iter().map(|id| (*id, graph.values[*id].name.as_str())).collect();
            let id = find(&values, |v| likeness(v, name)).or_else(|| find(&values, |v| likeness_of_layer(v, name)));
            match id {
                Some(id) => put(&mut graph, id, quant).with_context(|| format!("param_encodings, tensor `{name}`"))?,
                None => missing.push(name.clone()),
            }
            found[0] += usize::from(id.is_some());
        }
        let mut grids: HashMap<ValueId, Quant> = HashMap::new();
        // fusing leaves values behind that nothing gives any more
        let given = graph.inputs.iter().chain(graph.nodes.iter().flat_map(|n| &n.outputs));
        let moving: Vec<(ValueId, &str)> = given.map(|id| (*id, graph.values[*id].name.as_str())).collect();
        for (name, quant) in &encodings.activations {
            match find(&moving, |v| likeness(v, name)) {
                Some(id) => {
                    ensure!(quant.scales.len() == 1, "activation_encodings, tensor `{name}`: several scales");
                    grids.insert(id, quant.clone());
                    found[1] += 1;
                }
                None => missing.push(name.clone()),
            }
        }
        ensure!(found != [0, 0], "no tensor of the encodings is one of the model's, such as `{}`", missing[0]);
        on_grids(&mut graph, &grids)?;
        let of = [encodings.weights.len(), encodings.activations.len()];
        let mut note = format!("encodings of {} of {} weights, {} of {} activations", found[0], of[0], found[1], of[1]);
        for (what, names) in [("not in the model", &missing), ("passed over", &encodings.others)] {
            if !names.is_empty() {
                note += &format!("; {what}: {}", names.join(", "));
            }
        }
        graph.notes.push(note);
        Ok(Self { graph, rounding: Rounding::Float })
    }
}

/// Weights become codes.
fn put(graph: &mut Graph, id: ValueId, quant: &Quant) -> Result<()> {
    let numbers = graph.floats(id).context("is no constant")?;
    let dims = graph.known(id)?.to_vec();
    let outputs = dims.first().copied().unwrap_or(1);
    ensure!([1, outputs].contains(&quant.scales.len()), "{} scales for {outputs} outputs", quant.scales.len());
    ensure!(elements(&dims) == Some(numbers.len()), "has another number of elements");
    let codes = integer::encode(quant, &dims, &numbers);
    graph.values[id].constant = Some(Array { dims, data: Data::I32(codes) });
    graph.values[id].quant = Some(quant.clone());
    Ok(())
}

/// Puts values on their grids: who takes them, takes what is left of them there.
fn on_grids(graph: &mut Graph, grids: &HashMap<ValueId, Quant>) -> Result<()> {
    let nodes = std::mem::take(&mut graph.nodes);
    let mut became: HashMap<ValueId, ValueId> = HashMap::new();
    let round = |graph: &mut Graph, id: ValueId, became: &mut HashMap<ValueId, ValueId>| -> Result<()> {
        let Some(quant) = grids.get(&id) else { return Ok(()) };
        let name = graph.values[id].name.clone();
        let codes = graph.add(&format!("{name}.codes"), Operation::Quantize(quant.clone()), &[id], &name)?;
        became.insert(id, graph.add(&format!("{name}.numbers"), Operation::Dequantize, &[codes], &name)?);
        Ok(())
    };
    for input in graph.inputs.clone() {
        round(graph, input, &mut became)?;
    }
    for mut node in nodes {
        node.inputs.iter_mut().for_each(|id| *id = became.get(id).copied().unwrap_or(*id));
        let outputs = node.outputs.clone();
        graph.nodes.push(node);
        for id in outputs {
            round(graph, id, &mut became)?;
        }
    }
    graph.outputs.iter_mut().for_each(|id| *id = became.get(id).copied().unwrap_or(*id));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let old = r#"{"version": "0.6.1", "activation_encodings": {"a": [{"bitwidth": 8, "is_symmetric": "False", "max": 1.0,
            "min": -1.0, "offset": -128.0, "scale": 0.0078125, "dtype": "int"}], "h": [{"bitwidth": 16, "dtype": "float"}]},
            "param_encodings": {"w": [{"bitwidth": 4, "offset": -8, "scale": 0.5}, {"bitwidth": 4, "offset": -8, "scale": 0.25}]}}"#;
        let new = r#"{"version": "1.0.0", "activation_encodings": [{"name": "a", "enc_type": "PER_TENSOR", "dtype": "INT", "bw": 8,
            "is_sym": false, "scale": [0.0078125], "offset": [-128]}, {"name": "h", "enc_type": "PER_TENSOR", "dtype": "FLOAT", "bw": 16,
            "scale": [], "offset": []}], "param_encodings": [{"name": "w", "enc_type": "PER_CHANNEL", "dtype": "INT", "bw": 4,
            "scale": [0.5, 0.25], "offset": [-8, -8]}]}"#;
        let (old, new) = (Encodings::parse(old.as_bytes()).unwrap(), Encodings::parse(new.as_bytes()).unwrap());
        assert_eq!(old, new);
        assert_eq!((old.activations[0].1.zeros[0], old.activations[0].1.range()), (128, (0, 255)));
        assert_eq!((old.weights[0].1.scales.as_slice(), old.others[0].as_str()), (&[0.5, 0.25][..], "h (floats)"));
    }

    #[test]
    fn mistakes_name_their_tensor() {
        for (text, said) in [
            ("{}", "holds no encodings"),
            ("[", "is no JSON"),
            (r#"{"param_encodings": {"w": [{"bitwidth": 8, "offset": 0, "scale": -1}]}}"#, "tensor `w`: has a scale"),
            (
                r#"{"param_encodings": {"w": [{"bitwidth": 8, "offset": 0.5, "scale": 1}]}}"#,
                "tensor `w`: has an offset",
            ),
            (r#"{"param_encodings": {"w": [{"bitwidth": 99, "offset": 0, "scale": 1}]}}"#, "tensor `w`: has 99 bits"),
            (r#"{"activation_encodings": {"conv": {"input": {"0": {}}}}}"#, "names layers and not tensors"),
        ] {
            let error = format!("{:#}", Encodings::parse(text.as_bytes()).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn names_are_found_by_what_they_end_in() {
        let values =
            [(1, "f/a/Relu;f/bn;f/conv_4/Conv"), (2, "f/conv_4/Conv"), (3, "f/b/Relu;f/conv_4/Conv"), (4, "x:0")];
        assert_eq!(find(&values, |v| likeness(v, "a/Relu")), Some(1));
        assert_eq!(find(&values, |v| likeness(v, "conv_4/Conv")), Some(2));
        assert_eq!(find(&values, |v| likeness_of_layer(v, "conv_4/kernel")), Some(2));
        assert_eq!(find(&values, |v| likeness(v, "x")), Some(4));
        assert_eq!(find(&values, |v| likeness(v, "Relu")), None);
    }
}
