//! Whole networks: read from ONNX and TFLite files (weights alone from GGUF and safetensors), run as they are, and run with layers under schemes.

pub mod aimet;
mod build;
pub mod compute;
mod fixed;
mod fuse;
pub mod gguf;
pub mod graph;
pub mod infer;
pub mod integer;
pub mod layers;
pub mod onnx;
mod packed;
pub mod program;
mod safetensors;
pub mod score;
pub mod sensitivity;
pub mod slim;
mod tflite;
mod windows;

use std::path::Path;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};

use crate::data::Parameters;
use crate::layer::{Layer, Shape};
use graph::{Graph, Operation};

/// How sums of codes become codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Times one f32, half to even: ONNX.
    Float,
    /// By a fixed-point multiplier, as TFLite's reference kernels.
    FixedPoint,
}

/// Sizes of inputs that a file leaves open.
#[derive(Clone, Debug, Default)]
pub struct Given(Vec<(String, Vec<usize>)>);

/// `NAME=1x3x224x224`.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct InputShape(String, Vec<usize>);

impl FromStr for InputShape {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = "expected NAME=1x3x224x224";
        let (name, dims) = text.rsplit_once('=').ok_or(wrong)?;
        let dims = dims.split('x').map(|d| d.parse().ok().filter(|d| *d > 0)).collect::<Option<Vec<usize>>>();
        let dims = dims.filter(|d| graph::elements(d).is_some()).ok_or(wrong)?;
        Ok(Self(name.into(), dims))
    }
}

impl Given {
    pub fn new(shapes: &[InputShape]) -> Self {
        Self(shapes.iter().map(|s| (s.0.clone(), s.1.clone())).collect())
    }

    fn of(&self, input: &str) -> Option<&[usize]> {
        self.0.iter().find(|(name, _)| name == input).map(|(_, dims)| dims.as_slice())
    }

    fn any(&self) -> bool {
        !self.0.is_empty()
    }
}

/// A network as read, with the rule of its integers.
#[derive(Clone, Debug)]
pub struct Model {
    pub graph: Graph,
    pub rounding: Rounding,
}

/// A layer of a model that kernels could be made for.
#[derive(Clone, Debug)]
pub struct ModelLayer {
    /// Its place among the graph's nodes.
    pub node: usize,
    pub layer: Layer,
}

/// Reads a model's bytes; the folder is where its external data may lie.
type Reader = fn(Vec<u8>, &str, &Path, &Given) -> Result<(Graph, Rounding)>;

/// Formats of models: the name of their files' ends, and their readers.
pub static FORMATS: &[(&str, Reader)] = &[
    ("onnx", |bytes, name, folder, given| Ok((onnx::read(bytes.into(), name, folder, given)?, Rounding::Float))),
    ("gguf", |bytes, name, _, _| Ok((gguf::read(&bytes, name)?, Rounding::Float))),
    ("safetensors", |bytes, name, folder, _| Ok((safetensors::read(&bytes, name, folder)?, Rounding::Float))),
    ("tflite", |bytes, name, _, given| tflite::read(&bytes, name, given)),
];

/// Files larger than these are not read whole into memory.
const MOST_BYTES: u64 = 8 << 30;

impl Model {
    /// Reads a model by the end of its file's name.
    /// # Errors
    /// One line with the file's name: a format that is not read, a damaged file, an input of open size.
    pub fn read(path: &Path, given: &Given) -> Result<Self> {
        let end = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        let size = std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len();
        ensure!(size <= MOST_BYTES, "{} has more than 8 GiB", path.display());
        if !FORMATS.iter().any(|(e, _)| *e == end) {
            let ends: Vec<_> = FORMATS.iter().map(|(e, _)| format!(".{e}")).collect();
            bail!("{}: is no file of a model that is read; they end in {}", path.display(), ends.join(", "));
        }
        let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let name = path.file_stem().map_or_else(|| "model".into(), |s| s.to_string_lossy().into_owned());
        let folder = path.parent().unwrap_or(Path::new(""));
        Self::parse(bytes, &end, &name.replace([',', '"', '/', '#'], "-"), folder, given)
            .with_context(|| path.display().to_string())
    }

    /// Reads the bytes of a model in a format of [`FORMATS`].
    /// # Errors
    /// As [`Model::read`].
    pub fn parse(bytes: Vec<u8>, format: &str, name: &str, folder: &Path, given: &Given) -> Result<Self> {
        let (_, reader) = FORMATS.iter().find(|(e, _)| *e == format).context("is of no format that is read")?;
        let (mut graph, rounding) = reader(bytes, name, folder, given)?;
        if let Some((wrong, _)) =
            given.0.iter().find(|(n, _)| !graph.inputs.iter().any(|i| graph.values[*i].name == *n))
        {
            let names: Vec<&str> = graph.inputs.iter().map(|i| graph.values[*i].name.as_str()).collect();
            bail!("has no input `{wrong}`; it has {}", names.join(", "));
        }
        fuse::fuse(&mut graph);
        Ok(Self { graph, rounding })
    }

    /// The layers that kernels could be made for, with names of their own, in the order in which they run.
    pub fn layers(&self) -> Vec<ModelLayer> {
        let mut found: Vec<ModelLayer> = Vec::new();
        for (i, node) in self.graph.nodes.iter().enumerate() {
            let Some(Ok(shape)) = layers::shape_of(&self.graph, node) else { continue };
            // TFLite names an operator by all that was fused into it
            let first = node.name.split(';').next().unwrap_or_default();
            let clean: String =
                first.chars().map(|c| if ",\"\n\r#;".contains(c) || c.is_control() { '_' } else { c }).collect();
            let clean = clean.trim().trim_matches('/').to_string();
            let clean = if clean.is_empty() || clean.len() > 120 { format!("layer{i}") } else { clean };
            let twice = found.iter().any(|l| l.layer.name == clean);
            let name = if twice { format!("{clean}_{i}") } else { clean };
            let layer =
                Layer { network: self.graph.name.clone(), relu: layers::relu(node), ..Layer::of_shape(&name, shape) };
            found.push(ModelLayer { node: i, layer });
        }
        found
    }

    /// Nodes that are layers but of a kind that there are no kernels for, with the reasons.
    pub fn without_kernels(&self) -> Vec<(String, String)> {
        let each = self.graph.nodes.iter().filter_map(|n| match layers::shape_of(&self.graph, n)? {
            Ok(_) => None,
            Err(why) => Some((n.name.clone(), format!("{why:#}"))),
        });
        each.collect()
    }

    /// The trained numbers of a layer.
    /// # Errors
    /// Numbers that are not finite.
    pub fn parameters(&self, layer: &ModelLayer) -> Result<Parameters> {
        layers::parameters(&self.graph, &self.graph.nodes[layer.node])
    }

    /// The only input and its shape; networks of several inputs cannot be run on one array of samples.
    /// # Errors
    /// It has several, or something in it is not understood.
    pub fn runnable(&self) -> Result<&[usize]> {
        if let Some((node, why)) = self.graph.unsupported().next() {
            let more = self.graph.unsupported().count() - 1;
            let more = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            bail!("cannot be run: node `{}`: {why}{more}", node.name);
        }
        let lone = self.graph.values.iter().any(|v| v.stored.is_some());
        ensure!(!lone, "holds weights without a graph: its layers can be imported and tuned, it cannot be run");
        let used: Vec<_> =
            self.graph.inputs.iter().filter(|i| self.graph.nodes.iter().any(|n| n.inputs.contains(i))).collect();
        ensure!(used.len() == 1, "cannot be run on one array of samples: it has {} inputs", used.len());
        self.graph.known(*used[0])
    }

    /// Shape and count of what is multiplied, of all layers, also those without kernels.
    pub fn macs(&self) -> u64 {
        self.layers().iter().map(|l| l.layer.shape.macs()).sum()
    }

    /// Operations by name, with how many of each.
    pub fn operations(&self) -> Vec<(String, usize)> {
        let mut counts: Vec<(String, usize)> = Vec::new();
        for node in &self.graph.nodes {
            let name = operation_name(&node.op);
            match counts.iter_mut().find(|(n, _)| *n == name) {
                Some((_, count)) => *count += 1,
                None => counts.push((name, 1)),
            }
        }
        counts
    }
}

/// `AveragePool`
pub fn operation_name(op: &Operation) -> String {
    match op {
        Operation::Unary(u) => format!("{u:?}").split('(').next().unwrap_or_default().to_string(),
        Operation::Binary(b) => format!("{b:?}"),
        Operation::Reduce { fold, .. } => format!("Reduce{fold:?}"),
        other => format!("{other:?}").split([' ', '(', '{']).next().unwrap_or_default().to_string(),
    }
}

/// The shape of a layer's input without dimensions of 1.
pub fn squeezed(shape: &Shape) -> Vec<usize> {
    shape.lhs_shape().into_iter().filter(|d| *d != 1).collect()
}
