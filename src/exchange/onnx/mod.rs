//! ONNX of opset 21 (onnx.ai, Operators.md): layers under schemes between QuantizeLinear and DequantizeLinear, as ONNX
//! Runtime's "QDQ" has them; everything else in f32, with a batch of one.

mod layers;
mod operations;
mod weights;

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use prost::Message;

use super::{Network, Written};
use crate::model::graph::{Array, ValueId};
use crate::model::onnx::proto::{self, attribute_type, data_type};

const OPSET: i64 = 21;
/// The version of the format that opset 21 came with (ONNX 1.16).
const IR_VERSION: i64 = 10;

pub fn write(network: &Network) -> Result<Written> {
    if let Some((node, why)) = network.model.graph.unsupported().next() {
        anyhow::bail!("cannot be written as ONNX: node `{}`: {why}", node.name);
    }
    let graph = &network.model.graph;
    let mut writer = Writer {
        network,
        names: HashMap::new(),
        taken: HashSet::new(),
        out: proto::Graph::default(),
        notes: vec![],
        first: HashMap::new(),
    };
    writer.out.name.clone_from(&graph.name);
    for id in &graph.inputs {
        let name = writer.fresh(&graph.values[*id].name);
        writer.names.insert(*id, name);
    }
    writer.taken.extend(graph.outputs.iter().map(|id| graph.values[*id].name.clone()));
    for (i, node) in graph.nodes.iter().enumerate() {
        writer.node(i, node).with_context(|| format!("node `{}`", node.name))?;
    }
    writer.ends()?;
    writer.trim();
    let notes = std::mem::take(&mut writer.notes);
    let entry = |key: &str, value: String| proto::Entry { key: key.into(), value };
    let schemes = network.parts.iter().map(|p| entry(&format!("scheme/{}", p.name), p.scheme.to_string()));
    let model = proto::Model {
        ir_version: IR_VERSION,
        producer_name: "bitsmith".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(writer.out),
        opset_import: vec![proto::Opset { domain: String::new(), version: OPSET }],
        metadata_props: schemes
            .chain(notes.iter().enumerate().map(|(i, n)| entry(&format!("note/{i}"), n.clone())))
            .collect(),
        ..Default::default()
    };
    let bytes = model.encode_to_vec();
    ensure!(bytes.len() < 2 << 30, "an ONNX file of 2 GiB and more needs external data, which is not written here");
    Ok(Written { files: vec![(None, bytes)], notes })
}

/// A graph on its way.
struct Writer<'a> {
    network: &'a Network,
    /// What values are called in the file.
    names: HashMap<ValueId, String>,
    taken: HashSet<String>,
    out: proto::Graph,
    notes: Vec<String>,
    /// Of an image that was turned to channels last, what it was turned from.
    first: HashMap<String, String>,
}

impl Writer<'_> {
    /// A name that nothing else has.
    fn fresh(&mut self, like: &str) -> String {
        let like = if like.is_empty() { "value" } else { like };
        let mut name = like.to_string();
        let mut n = 1;
        while !self.taken.insert(name.clone()) {
            n += 1;
            name = format!("{like}_{n}");
        }
        name
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// A constant by its bytes.
    fn tensor(&mut self, like: &str, dims: &[usize], data_type: i32, raw: Vec<u8>) -> String {
        let name = self.fresh(like);
        let dims = dims.iter().map(|d| *d as i64).collect();
        let raw_data = Bytes::from(raw);
        self.out.initializer.push(proto::Tensor {
            dims,
            data_type,
            name: name.clone(),
            raw_data,
            ..Default::default()
        });
        name
    }

    fn floats(&mut self, like: &str, dims: &[usize], values: &[f32]) -> String {
        self.tensor(like, dims, data_type::FLOAT, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    fn number(&mut self, value: f32) -> String {
        self.floats("number", &[], &[value])
    }

    fn ints(&mut self, like: &str, values: &[i64]) -> String {
        self.tensor(like, &[values.len()], data_type::INT64, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// A node of one output, whose name is made from the operator's.
    fn op(&mut self, op: &str, inputs: &[&str], attributes: Vec<proto::Attribute>) -> String {
        let output = self.fresh(&op.to_lowercase());
        self.push(op, inputs, &[&output], attributes);
        output
    }

    fn push(&mut self, op: &str, inputs: &[&str], outputs: &[&str], attribute: Vec<proto::Attribute>) {
        let own = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let name = self.fresh(&format!("{op}.{}", outputs[0]));
        let (input, output, op_type) = (own(inputs), own(outputs), op.into());
        self.out.node.push(proto::Node { input, output, name, op_type, attribute, domain: String::new() });
    }

    /// What a value is called; a constant is written when it is first needed, in f32.
    fn value(&mut self, id: ValueId) -> Result<String> {
        if let Some(name) = self.names.get(&id) {
            return Ok(name.clone());
        }
        let value = &self.network.model.graph.values[id];
        let numbers = self.network.model.graph.floats(id).with_context(|| format!("nothing gives `{}`", value.name))?;
        let dims = value.constant.as_ref().map_or(&[][..], |a: &Array| &a.dims).to_vec();
        let name = self.floats(&value.name.clone(), &dims, &numbers);
        self.names.insert(id, name.clone());
        Ok(name)
    }

    /// Calls what the last node gave by the value's own name.
    fn call(&mut self, id: ValueId, result: &str) {
        let outputs = &self.network.model.graph.outputs;
        let own = self.network.model.graph.values[id].name.clone();
        let last = self.out.node.last_mut().and_then(|n| n.output.iter_mut().find(|o| *o == result));
        let name = match last {
            // the names of outputs were taken for them
            Some(output) if outputs.contains(&id) && !own.is_empty() => {
                output.clone_from(&own);
                own
            }
            Some(_) if !own.is_empty() => {
                let name = self.fresh(&own);
                if let Some(output) = self.out.node.last_mut().and_then(|n| n.output.iter_mut().find(|o| *o == result))
                {
                    output.clone_from(&name);
                }
                name
            }
            _ => result.to_string(),
        };
        if let Some(first) = self.first.get(result).cloned() {
            self.first.insert(name.clone(), first);
        }
        self.names.insert(id, name);
    }

    /// Drops nodes and constants that nothing needs: images that were turned, and are taken as they were before.
    fn trim(&mut self) {
        let mut needed: HashSet<String> = self.out.output.iter().map(|o| o.name.clone()).collect();
        let mut nodes = std::mem::take(&mut self.out.node);
        nodes.reverse();
        nodes.retain(|n| {
            let kept = n.output.iter().any(|o| needed.contains(o));
            if kept {
                needed.extend(n.input.iter().cloned());
            }
            kept
        });
        nodes.reverse();
        self.out.node = nodes;
        self.out.initializer.retain(|t| needed.contains(&t.name));
    }

    /// What the graph takes and gives.
    fn ends(&mut self) -> Result<()> {
        let graph = &self.network.model.graph;
        let info = |name: &str, dims: &[usize]| {
            let dim = dims.iter().map(|d| proto::Dim { dim_value: Some(*d as i64), dim_param: None }).collect();
            let of = proto::TensorType { elem_type: data_type::FLOAT, shape: Some(proto::TensorShape { dim }) };
            proto::ValueInfo { name: name.into(), r#type: Some(proto::Type { tensor_type: Some(of) }) }
        };
        for id in &graph.inputs {
            let info = info(&self.names[id], graph.known(*id)?);
            self.out.input.push(info);
        }
        for id in &graph.outputs {
            let (mut name, own) = (self.value(*id)?, graph.values[*id].name.clone());
            if name != own && !own.is_empty() {
                // an input or a constant that is given on, or a value that nothing computes anew
                self.push("Identity", &[&name], &[&own], vec![]);
                name = own;
            }
            let info = info(&name, graph.known(*id)?);
            self.out.output.push(info);
        }
        Ok(())
    }
}

fn attribute(name: &str, kind: i32) -> proto::Attribute {
    proto::Attribute { name: name.into(), r#type: kind, ..Default::default() }
}

fn int(name: &str, i: i64) -> proto::Attribute {
    proto::Attribute { i, ..attribute(name, attribute_type::INT) }
}

fn ints(name: &str, ints: &[i64]) -> proto::Attribute {
    proto::Attribute { ints: ints.to_vec(), ..attribute(name, attribute_type::INTS) }
}

fn float(name: &str, f: f32) -> proto::Attribute {
    proto::Attribute { f, ..attribute(name, attribute_type::FLOAT) }
}

fn text(name: &str, s: &str) -> proto::Attribute {
    proto::Attribute { s: Bytes::copy_from_slice(s.as_bytes()), ..attribute(name, attribute_type::STRING) }
}
