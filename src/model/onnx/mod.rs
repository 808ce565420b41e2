//! ONNX models: floats, quantized by QuantizeLinear and DequantizeLinear, by QLinear operators, at run time, and QONNX.

mod composed;
mod dynamic;
mod ops;
pub mod proto;
mod quant;
mod tensor;
mod windows;

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use bytes::Bytes;
use prost::Message;

use super::Given;
use super::build::sizes;
use super::graph::{Array, Graph, ValueId, elements};
use proto::{Node, ValueInfo};

pub use tensor::{bfloat, half};

/// Reads an ONNX model.
/// # Errors
/// A damaged file, an input of unknown size that `given` does not name, external data outside of `folder`.
pub fn read(bytes: Bytes, name: &str, folder: &Path, given: &Given) -> Result<Graph> {
    let model = proto::Model::decode(bytes).map_err(|e| anyhow!("is no ONNX model: {e}"))?;
    let graph = model.graph.context("holds no graph")?;
    let opset =
        model.opset_import.iter().find(|o| o.domain.is_empty() || o.domain == "ai.onnx").map_or(0, |o| o.version);
    let mut reader = Reader {
        graph: Graph::new(name, &format!("ONNX, opset {opset}")),
        names: HashMap::new(),
        declared: HashMap::new(),
        types: HashMap::new(),
        opset,
    };
    if !(7..=26).contains(&opset) {
        reader
            .graph
            .notes
            .push(format!("opset {opset} is not one that was looked at (7 to 26); operators may mean something else"));
    }
    if let Some(function) = model.functions.first() {
        reader.graph.notes.push(format!("model-local functions, such as `{}`, are not expanded", function.name));
    }
    for info in graph.value_info.iter().chain(&graph.output) {
        if let Some(dims) = fixed_dims(info) {
            reader.declared.insert(info.name.clone(), dims);
        }
    }
    for tensor in &graph.initializer {
        let array = tensor::array(tensor, folder)?;
        if let Some(of) = tensor::integer_type(tensor.data_type) {
            reader.types.insert(tensor.name.clone(), of);
        }
        let id = reader.graph.constant(&tensor.name, array);
        reader.names.insert(tensor.name.clone(), id);
    }
    for info in graph.input.iter().filter(|i| !reader.names.contains_key(&i.name)).collect::<Vec<_>>() {
        let dims = input_dims(info, given, &mut reader.graph.notes)?;
        let id = reader.graph.value(&info.name, Some(dims));
        reader.names.insert(info.name.clone(), id);
        reader.graph.inputs.push(id);
    }
    for (i, node) in graph.node.iter().enumerate() {
        reader.node(i, node, folder);
    }
    for output in &graph.output {
        let id =
            *reader.names.get(&output.name).with_context(|| format!("no node gives the output `{}`", output.name))?;
        reader.graph.outputs.push(id);
    }
    ensure!(!reader.graph.outputs.is_empty(), "has no outputs");
    Ok(reader.graph)
}

/// The dimensions of a value, where all are numbers.
fn fixed_dims(info: &ValueInfo) -> Option<Vec<usize>> {
    let shape = info.r#type.as_ref()?.tensor_type.as_ref()?.shape.as_ref()?;
    let dims: Vec<i64> = shape.dim.iter().map(|d| d.dim_value).collect::<Option<_>>()?;
    sizes(&dims).ok().filter(|d| elements(d).is_some() && d.iter().all(|d| *d > 0))
}

/// The dimensions of an input: the user's, the file's, and for an open first one, the batch, 1.
fn input_dims(info: &ValueInfo, given: &Given, notes: &mut Vec<String>) -> Result<Vec<usize>> {
    if let Some(dims) = given.of(&info.name) {
        return Ok(dims.to_vec());
    }
    let shape = info.r#type.as_ref().and_then(|t| t.tensor_type.as_ref()).and_then(|t| t.shape.as_ref());
    let ask = |what: &str| anyhow!("input `{}` has {what}; give its size by --shape {}=1x...", info.name, info.name);
    let shape = shape.ok_or_else(|| ask("no shape"))?;
    let mut dims = Vec::new();
    for (i, dim) in shape.dim.iter().enumerate() {
        match (dim.dim_value, &dim.dim_param) {
            (Some(d), _) if d > 0 => dims.push(usize::try_from(d)?),
            (_, name) if i == 0 => {
                notes.push(format!(
                    "input `{}`: the batch (`{}`) is taken as 1",
                    info.name,
                    name.as_deref().unwrap_or("?")
                ));
                dims.push(1);
            }
            (_, name) => return Err(ask(&format!("an open dimension {i} (`{}`)", name.as_deref().unwrap_or("?")))),
        }
    }
    ensure!(elements(&dims).is_some(), "input `{}` has more than 2^31 elements", info.name);
    if dims.len() > 1 && dims[0] > 1 {
        bail!("input `{}` has a fixed batch of {}; export the model with a batch of 1", info.name, dims[0]);
    }
    Ok(dims)
}

/// A model being read.
struct Reader {
    graph: Graph,
    names: HashMap<String, ValueId>,
    /// Shapes that the file states of values.
    declared: HashMap<String, Vec<usize>>,
    /// Bits and sign of integer constants.
    types: HashMap<String, (u32, bool)>,
    opset: i64,
}

impl Reader {
    /// Adds what a node means; what is not understood stays as such, with the reason.
    fn node(&mut self, index: usize, node: &Node, folder: &Path) {
        let name = if node.name.is_empty() { format!("{}_{index}", node.op_type) } else { node.name.clone() };
        let outcome = self.lower(&name, node, folder);
        match outcome {
            Ok(ids) => {
                for (output, id) in node.output.iter().zip(ids).filter(|(o, _)| !o.is_empty()) {
                    self.names.insert(output.clone(), id);
                }
            }
            Err(why) => {
                let inputs: Vec<ValueId> = node.input.iter().filter_map(|i| self.names.get(i)).copied().collect();
                let outputs: Vec<(&str, Option<Vec<usize>>)> =
                    node.output.iter().map(|o| (o.as_str(), self.declared.get(o).cloned())).collect();
                let ids = self.graph.add_unsupported(&name, &format!("{}: {why:#}", node.op_type), &inputs, &outputs);
                for (output, id) in node.output.iter().zip(ids) {
                    self.names.insert(output.clone(), id);
                }
            }
        }
    }

    /// An input that must be there.
    fn input(&self, node: &Node, i: usize) -> Result<ValueId> {
        self.optional(node, i)?.with_context(|| format!("has no input {i}"))
    }

    /// An input that may be left out.
    fn optional(&self, node: &Node, i: usize) -> Result<Option<ValueId>> {
        match node.input.get(i).filter(|n| !n.is_empty()) {
            None => Ok(None),
            Some(name) => {
                self.names.get(name).copied().map(Some).ok_or_else(|| anyhow!("nothing gives its input `{name}`"))
            }
        }
    }

    /// The integers of an input that must be a constant.
    fn integers(&self, node: &Node, i: usize) -> Result<Option<Vec<i64>>> {
        self.optional(node, i)?.map(|id| self.graph.integers(id)).transpose()
    }

    /// The single number of an input that must be a constant.
    fn number(&self, node: &Node, i: usize) -> Result<Option<f32>> {
        let Some(id) = self.optional(node, i)? else { return Ok(None) };
        let value = self.graph.floats(id).filter(|v| v.len() == 1);
        Ok(Some(value.with_context(|| format!("its input {i} must be a constant number"))?[0]))
    }

    fn constant(&mut self, name: &str, array: Array) -> ValueId {
        self.graph.constant(name, array)
    }
}

/// Attributes of a node.
trait Attributes {
    fn attribute(&self, name: &str) -> Option<&proto::Attribute>;
    fn int(&self, name: &str, default: i64) -> i64;
    fn float(&self, name: &str, default: f32) -> f32;
    fn ints(&self, name: &str) -> Option<&[i64]>;
    fn text(&self, name: &str) -> Option<&str>;
}

impl Attributes for Node {
    fn attribute(&self, name: &str) -> Option<&proto::Attribute> {
        self.attribute.iter().find(|a| a.name == name)
    }
    fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |a| a.i)
    }
    fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |a| a.f)
    }
    fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|a| a.ints.as_slice())
    }
    fn text(&self, name: &str) -> Option<&str> {
        self.attribute(name).and_then(|a| std::str::from_utf8(&a.s).ok())
    }
}
