//! Quantized networks as files that other stacks read: ONNX, GGUF, safetensors.

mod compressed;
mod gguf;
mod onnx;

use std::path::PathBuf;

use anyhow::Result;

use crate::data::Trained;
use crate::layer::{self, Layer, Op};
use crate::model::graph::{Array, Graph, Operation, ValueId, Window};
use crate::model::{Model, Rounding};
use crate::quantized::QuantizedLayer;
use crate::scheme::Scheme;
use crate::scheme::lattice::{Matrix, Origin, Quantized};

/// A layer of a network, by its node, under a scheme.
pub struct Part {
    pub node: usize,
    pub name: String,
    pub scheme: Scheme,
    pub quantized: QuantizedLayer,
}

/// A network some of whose layers are under schemes; the others stay as they are.
pub struct Network {
    pub model: Model,
    pub parts: Vec<Part>,
    /// The file that the model was read from: what of it is not understood is copied, where the format can hold it.
    pub source: Option<PathBuf>,
}

/// What a format makes of a network.
pub struct Written {
    /// Names and contents, where it takes several; one without a name is the file that was asked for.
    pub files: Vec<(Option<&'static str>, Vec<u8>)>,
    /// Where the file says less than the network, or something else.
    pub notes: Vec<String>,
}

/// A format of quantized networks.
pub struct FileFormat {
    pub name: &'static str,
    pub about: &'static str,
    pub write: fn(&Network) -> Result<Written>,
}

/// Every format: one file and one row each.
pub static FILES: &[FileFormat] = &[
    FileFormat {
        name: "onnx",
        about: "ONNX with QuantizeLinear and DequantizeLinear (QDQ), opset 21",
        write: onnx::write,
    },
    FileFormat { name: "gguf", about: "GGUF version 3, for ggml's block formats", write: gguf::write },
    FileFormat {
        name: "compressed-tensors",
        about: "safetensors and config.json with a quantization_config, for Hugging Face and vLLM",
        write: compressed::write,
    },
];

impl Network {
    /// The layer that a node is, where it is under a scheme.
    fn part(&self, node: usize) -> Option<&Part> {
        self.parts.iter().find(|p| p.node == node)
    }
}

/// Weights that are integers: `scale * (code - zero)`.
struct Integers {
    /// Row-major [n, k].
    codes: Vec<i32>,
    /// Row-major [n, groups].
    scales: Vec<f32>,
    /// As many as scales, where there are any.
    zeros: Option<Vec<i32>>,
    /// Inputs that share a scale; the last group of a row may be shorter.
    group: usize,
    k: usize,
    /// The least and the greatest code that there could be.
    range: (i32, i32),
}

impl Integers {
    /// None where the levels of a layer's weights are no integers of 8 bits.
    fn of(layer: &QuantizedLayer) -> Option<Self> {
        let lattice = &layer.lattice;
        let range = (lattice.levels.least(), lattice.levels.greatest());
        let whole = lattice.levels.count() > 0 && lattice.levels.values().all(|v| v.fract() == 0.0);
        if !whole || range.0 < -128.0 || range.1 - range.0.min(0.0) > 255.0 {
            return None;
        }
        let zeros = match &lattice.origin {
            Origin::Zero => None,
            Origin::Points(points) => Some(points.clone()),
            Origin::Offsets(_) => return None,
        };
        let quantized = coded(layer)?;
        let codes = quantized.codes.iter().map(|c| lattice.levels.value(*c) as i32).collect();
        let range = (range.0 as i32, range.1 as i32);
        Some(Self { codes, scales: lattice.scales.clone(), zeros, group: lattice.group, k: lattice.k, range })
    }

    fn rows(&self) -> usize {
        self.codes.len() / self.k
    }

    fn groups(&self) -> usize {
        self.k.div_ceil(self.group)
    }
}

/// A layer's weights with their codes; None where they do not lie on their lattice.
fn coded(layer: &QuantizedLayer) -> Option<Quantized> {
    let again = layer.lattice.clone().nearest(&Matrix::new(&layer.values, layer.lattice.k));
    (again.values == layer.values).then_some(again)
}

/// A network of layers that follow one another, with its trained weights, as a graph; images lie channels last.
/// # Errors
/// Layers that do not follow one another.
pub fn chain(network: &layer::Network, trained: &Trained) -> Result<Model> {
    let mut graph = Graph::new(&network.name, "built in");
    let mut x: Option<ValueId> = None;
    for (layer, parameters) in network.layers.iter().zip(&trained.layers) {
        let dims = input_dims(layer);
        let from = match x {
            None => {
                let input = graph.value("input", Some(dims));
                graph.inputs.push(input);
                input
            }
            Some(before) if graph.known(before)? == dims => before,
            Some(before) => {
                let name = format!("{}.reshaped", layer.name);
                graph.add(&name, Operation::Reshape(dims), &[before], &name)?
            }
        };
        x = Some(add_layer(&mut graph, layer, from, parameters.weights.clone(), parameters.bias.clone())?);
    }
    graph.outputs.extend(x);
    Ok(Model { graph, rounding: Rounding::Float })
}

/// Layers that have nothing to do with one another, each with an input of its own.
/// # Errors
/// Weights of another size than their layer's.
pub fn alone(name: &str, layers: &[(&Layer, Vec<f32>, Vec<f32>)]) -> Result<Model> {
    let mut graph = Graph::new(name, "layers");
    for (layer, weights, bias) in layers {
        let input = graph.value(&format!("{}.input", layer.name), Some(input_dims(layer)));
        graph.inputs.push(input);
        let output = add_layer(&mut graph, layer, input, weights.clone(), bias.clone())?;
        graph.outputs.push(output);
    }
    Ok(Model { graph, rounding: Rounding::Float })
}

fn input_dims(layer: &Layer) -> Vec<usize> {
    let dims = layer.shape.lhs_shape();
    if dims.len() == 3 { [&[1], &dims[..]].concat() } else { dims }
}

fn add_layer(graph: &mut Graph, layer: &Layer, x: ValueId, weights: Vec<f32>, bias: Vec<f32>) -> Result<ValueId> {
    let (s, relu) = (&layer.shape, layer.relu);
    let (op, dims) = match s.op {
        Op::Gemm | Op::Gemv => (Operation::Linear { relu }, s.weights_shape()),
        Op::Conv2d | Op::Depthwise => {
            // what follows the last row and column, as far as windows reach it
            let after = |o: usize, window: usize, before: usize, size: usize| {
                ((o - 1) * s.stride + window).saturating_sub(size + before)
            };
            let pad = [s.top, s.left, after(s.oh, s.kh, s.top, s.h), after(s.ow, s.kw, s.left, s.w)];
            let stride = [s.stride; 2];
            let window = Window { kernel: [s.kh, s.kw], stride, pad, dilation: [1, 1], channels_first: false };
            let depthwise = s.op == Op::Depthwise;
            let groups = if depthwise { s.c } else { 1 };
            (Operation::Conv { window, groups, relu }, vec![s.f, s.kh, s.kw, if depthwise { 1 } else { s.c }])
        }
    };
    let weights = graph.constant(&format!("{}.weight", layer.name), Array::f32(dims, weights));
    let bias = graph.constant(&format!("{}.bias", layer.name), Array::f32(vec![s.n()], bias));
    graph.add(&layer.name, op, &[x, weights, bias], &layer.name)
}
