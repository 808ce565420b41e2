//! A model made ready to run, one sample at a time: in f32, in its own integers, or with layers under schemes in the
//! arithmetic of their kernels.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};

use super::Model;
use super::compute::compute;
use super::graph::{Array, Node, Operation, Quant, ValueId};
use super::{integer, layers};
use crate::candidate::Contract;
use crate::data::Parameters;
use crate::layer::Shape;
use crate::op;
use crate::quantized::QuantizedLayer;
use crate::scheme::Scheme;
use crate::scheme::correct::{Draft, Input};

/// What numbers a program computes with, layers under schemes aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Numbers {
    /// f32 throughout; what the file quantized stands for its numbers, and grids of activations are passed over.
    Float,
    /// As the file says.
    AsIs,
}

/// What a layer is run by.
#[derive(Clone)]
enum Kernel {
    Float(Arc<Parameters>),
    Quantized(Arc<QuantizedLayer>),
}

/// A model ready to run.
#[derive(Clone)]
pub struct Program<'m> {
    pub model: &'m Model,
    numbers: Numbers,
    /// By node.
    kernels: HashMap<usize, (Shape, Kernel)>,
    /// Constants as floats, of nodes that compute in floats.
    floats: HashMap<ValueId, Arc<Array>>,
    /// The node after which a value is needed no more.
    last: HashMap<ValueId, usize>,
    input: ValueId,
}

/// All values of a run that are known so far.
pub type Values = Vec<Option<Arc<Array>>>;

impl<'m> Program<'m> {
    /// # Errors
    /// An operator that is not understood; several inputs; weights that are not finite.
    pub fn new(model: &'m Model, numbers: Numbers) -> Result<Self> {
        model.runnable()?;
        let graph = &model.graph;
        let input = graph.inputs.iter().copied().find(|i| graph.nodes.iter().any(|n| n.inputs.contains(i)));
        let input = input.context("has no input")?;
        let mut program =
            Self { model, numbers, kernels: HashMap::new(), floats: HashMap::new(), last: HashMap::new(), input };
        for (i, node) in graph.nodes.iter().enumerate() {
            program.last.extend(node.inputs.iter().map(|v| (*v, i)));
            if program.in_integers(node) {
                continue;
            }
            if let Some(Ok(shape)) = layers::shape_of(graph, node) {
                let parameters = Arc::new(layers::parameters(graph, node)?);
                program.kernels.insert(i, (shape, Kernel::Float(parameters)));
                continue;
            }
            for id in node.inputs.iter().filter(|id| graph.values[**id].constant.is_some()) {
                let value = &graph.values[*id];
                let array = value.constant.clone().context("is no constant")?;
                let array =
                    value.quant.as_ref().map_or(array.clone(), |q| Array::f32(array.dims.clone(), q.values(&array)));
                program.floats.insert(*id, Arc::new(array));
            }
        }
        Ok(program)
    }

    fn in_integers(&self, node: &Node) -> bool {
        self.numbers == Numbers::AsIs && integer::is_integer(&self.model.graph, node)
    }

    /// The parameters of a layer that still runs in f32.
    pub fn parameters(&self, node: usize) -> Option<Arc<Parameters>> {
        match &self.kernels.get(&node)?.1 {
            Kernel::Float(p) => Some(p.clone()),
            Kernel::Quantized(_) => None,
        }
    }

    /// Gives a layer, by its node, to a scheme.
    pub fn set(&mut self, node: usize, layer: Arc<QuantizedLayer>) {
        if let Some((_, kernel)) = self.kernels.get_mut(&node) {
            *kernel = Kernel::Quantized(layer);
        }
    }

    /// The first output, as floats.
    /// # Errors
    /// A sample of another size; an operation that this sample makes impossible.
    pub fn run(&self, sample: &[f32]) -> Result<Vec<f32>> {
        let mut values = self.start(sample)?;
        self.go_on(&mut values, 0, true)?;
        self.output(&values)
    }

    /// Every value of a run.
    /// # Errors
    /// As [`Program::run`].
    pub fn trace(&self, sample: &[f32]) -> Result<Values> {
        let mut values = self.start(sample)?;
        self.go_on(&mut values, 0, false)?;
        Ok(values)
    }

    /// The first output when the nodes from this one on are run again, over the values of a trace.
    /// # Errors
    /// As [`Program::run`].
    pub fn again(&self, mut values: Values, from: usize) -> Result<Vec<f32>> {
        self.go_on(&mut values, from, true)?;
        self.output(&values)
    }

    /// What a layer takes in, of a trace; in the order of its kernel.
    pub fn layer_input(&self, values: &Values, node: usize) -> Option<Vec<f32>> {
        let node = &self.model.graph.nodes[node];
        values[node.inputs[0]].as_ref().map(|x| layers::input(node, x))
    }

    fn start(&self, sample: &[f32]) -> Result<Values> {
        let graph = &self.model.graph;
        let dims = graph.known(self.input)?.to_vec();
        let count: usize = dims.iter().product();
        ensure!(sample.len() == count, "a sample has {} numbers; the input {dims:?} takes {count}", sample.len());
        let mut values: Values = vec![None; graph.values.len()];
        let array = Array::f32(dims, sample.to_vec());
        // a network that takes codes is given numbers, which are put on its input's grid
        let quant = graph.values[self.input].quant.as_ref().filter(|_| self.numbers == Numbers::AsIs);
        let array = quant.map_or(array.clone(), |q| integer::quantize(q, None, &array, self.model.rounding));
        values[self.input] = Some(Arc::new(array));
        Ok(values)
    }

    /// The values that a run of this sample begins with.
    /// # Errors
    /// A sample of another size.
    pub fn begin(&self, sample: &[f32]) -> Result<Values> {
        self.start(sample)
    }

    /// Runs some nodes in a row; values that no later node takes are let go.
    /// # Errors
    /// As [`Program::run`].
    pub fn advance(&self, values: &mut Values, nodes: std::ops::Range<usize>) -> Result<()> {
        self.go_through(values, nodes, true)
    }

    fn go_on(&self, values: &mut Values, from: usize, free: bool) -> Result<()> {
        self.go_through(values, from..self.model.graph.nodes.len(), free)
    }

    fn go_through(&self, values: &mut Values, nodes: std::ops::Range<usize>, free: bool) -> Result<()> {
        let graph = &self.model.graph;
        for (i, node) in graph.nodes.iter().enumerate().take(nodes.end).skip(nodes.start) {
            let outputs = self.step(i, node, values).with_context(|| format!("node `{}`", node.name))?;
            for (id, array) in node.outputs.iter().zip(outputs) {
                values[*id] = Some(Arc::new(array));
            }
            if free {
                let over = |id: &&ValueId| self.last.get(id) == Some(&i) && !graph.outputs.contains(id);
                node.inputs.iter().filter(over).for_each(|id| values[*id] = None);
            }
        }
        Ok(())
    }

    fn step(&self, index: usize, node: &Node, values: &Values) -> Result<Vec<Array>> {
        let graph = &self.model.graph;
        let value = |id: ValueId| values[id].as_deref().or(graph.values[id].constant.as_ref());
        let missing = |id: ValueId| anyhow!("its input `{}` is not there", graph.values[id].name);
        if let Some((shape, kernel)) = self.kernels.get(&index) {
            let x = layers::input(node, value(node.inputs[0]).ok_or_else(|| missing(node.inputs[0]))?);
            let relu = layers::relu(node);
            let y = match kernel {
                Kernel::Float(p) => op::forward(shape, relu, &x, &p.weights, &p.bias),
                Kernel::Quantized(q) => q.forward(shape, relu, &x),
            };
            return Ok(vec![layers::output(node, shape, y, graph.known(node.outputs[0])?)]);
        }
        let x = |id: &ValueId| self.floats.get(id).map(|a| &**a).or_else(|| value(*id)).ok_or_else(|| missing(*id));
        let quant = |id: ValueId| graph.values[id].quant.as_ref();
        let as_is = self.numbers == Numbers::AsIs;
        match &node.op {
            Operation::Quantize(to) if as_is => {
                Ok(vec![integer::quantize(to, quant(node.inputs[0]), x(&node.inputs[0])?, self.model.rounding)])
            }
            Operation::Dequantize if as_is => {
                let codes = x(&node.inputs[0])?;
                let q = quant(node.inputs[0]).context("codes without a scale")?;
                Ok(vec![Array::f32(codes.dims.clone(), q.values(codes))])
            }
            Operation::Quantize(_) | Operation::Dequantize => Ok(vec![x(&node.inputs[0])?.clone()]),
            _ if self.in_integers(node) => {
                let inputs = node.inputs.iter().map(|id| value(*id).ok_or_else(|| missing(*id)));
                integer::run(graph, node, &inputs.collect::<Result<Vec<_>>>()?, self.model.rounding)
            }
            op => {
                let inputs = node.inputs.iter().map(x).collect::<Result<Vec<_>>>()?;
                let decoded: Vec<Array>;
                // codes that meet floats are what they stand for
                let on_grid = |id: &ValueId| as_is && graph.values[*id].constant.is_none() && quant(*id).is_some();
                let inputs = if node.inputs.iter().any(on_grid) {
                    let each = node.inputs.iter().zip(&inputs);
                    let of = |(id, a): (&ValueId, &&Array)| match quant(*id).filter(|_| on_grid(id)) {
                        Some(q) => Array::f32(a.dims.clone(), q.values(a)),
                        None => (*a).clone(),
                    };
                    decoded = each.map(of).collect();
                    decoded.iter().collect()
                } else {
                    inputs
                };
                let results = compute(op, &inputs)?;
                let back = |(a, id): (Array, &ValueId)| match quant(*id).filter(|_| as_is) {
                    Some(q) => integer::quantize(q, None, &a, self.model.rounding),
                    None => a,
                };
                Ok(results.into_iter().zip(&node.outputs).map(back).collect())
            }
        }
    }

    fn output(&self, values: &Values) -> Result<Vec<f32>> {
        let id = self.model.graph.outputs[0];
        let array =
            values[id].as_ref().with_context(|| format!("`{}` was not computed", self.model.graph.values[id].name))?;
        let quant = self.model.graph.values[id].quant.as_ref().filter(|_| self.numbers == Numbers::AsIs);
        Ok(quant.map_or_else(|| array.floats().into_owned(), |q: &Quant| q.values(array)))
    }

    /// Do the outputs add up to 1, as they come from a softmax?
    pub fn gives_probabilities(&self) -> bool {
        let graph = &self.model.graph;
        let mut output = graph.outputs[0];
        // what only moves numbers, or decodes them, changes nothing
        loop {
            let Some(node) = graph.nodes.iter().find(|n| n.outputs.contains(&output)) else { return false };
            match node.op {
                Operation::Softmax { .. } => return true,
                Operation::Dequantize | Operation::Quantize(_) | Operation::Reshape(_) | Operation::Identity => {
                    output = node.inputs[0]
                }
                _ => return false,
            }
        }
    }
}

/// A layer with its trained numbers.
pub fn draft(shape: Shape, parameters: Parameters) -> Draft {
    let Parameters { weights, bias } = parameters;
    Draft { shape, weights, bias, input: Input::default(), importance: None }
}

/// A layer under a scheme, calibrated by what reaches it.
pub fn quantized(draft: Draft, samples: &[Vec<f32>], scheme: &Scheme, contract: Contract) -> QuantizedLayer {
    let samples: Vec<&[f32]> = samples.iter().map(Vec::as_slice).collect();
    QuantizedLayer::of(draft, &samples, scheme, contract)
}
