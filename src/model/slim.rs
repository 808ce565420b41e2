//! A model without some of its channels: what a layer no longer gives, nothing after it takes.

use std::collections::HashMap;

use anyhow::{Context, Result};

use super::graph::{Array, Graph, Node, Operation, ValueId};
use super::{Model, ModelLayer, layers};
use crate::layer::Op;
use crate::scheme::compress::Compression;
use crate::scheme::compress::channels::{chosen, pick};
use crate::scheme::correct::{Draft, Input};
use crate::slim::{without_inputs, without_outputs};

/// A model with fewer channels.
pub struct Slim {
    pub model: Model,
    /// Layers that keep all their channels, and why.
    pub whole: Vec<(String, String)>,
    /// Which outputs layers still give, by node.
    pub given: HashMap<usize, Mask>,
}

/// Indices of an axis that stay.
pub type Mask = Vec<bool>;

/// What is to be changed in a graph.
#[derive(Clone, Default)]
struct Edits {
    /// Of layers, by node: inputs and outputs that stay; inputs in the order of the kernel.
    inputs: HashMap<usize, Mask>,
    outputs: HashMap<usize, Mask>,
    /// Of channel-wise constants, by value.
    constants: HashMap<ValueId, Mask>,
    /// Values that get smaller: the axis, and what is left of it.
    values: HashMap<ValueId, (usize, usize)>,
}

/// Leaves out channels of every layer whose channels reach nothing but layers, through operations that keep channels apart.
/// `samples` of each layer's inputs (by layer, in the whole network) let the inputs that are left make up for the others.
/// # Errors
/// Weights that are not finite.
pub fn slim(model: &Model, compression: &dyn Compression, samples: Option<&[Vec<Vec<f32>>]>) -> Result<Slim> {
    let graph = &model.graph;
    let all = model.layers();
    let mut edits = Edits::default();
    let mut whole = Vec::new();
    for layer in all.iter().filter(|l| l.layer.shape.op != Op::Depthwise) {
        let shape = layer.layer.shape;
        let left = compression.channels(shape.n()).unwrap_or(shape.n());
        if left == shape.n() {
            continue;
        }
        let kept = chosen(&model.parameters(layer)?.weights, shape.k(), left);
        let mut more = edits.clone();
        match follow(graph, layer.node, &kept, &mut more) {
            Ok(()) => edits = more,
            Err(why) => whole.push((layer.layer.name.clone(), format!("{why:#}"))),
        }
    }
    let mut slimmer = model.clone();
    for (i, layer) in all.iter().enumerate() {
        change(&mut slimmer.graph, model, layer, &edits, samples.map(|s| s[i].as_slice()))?;
    }
    for (id, mask) in &edits.constants {
        let values = graph.floats(*id).context("is no constant")?;
        slimmer.graph.values[*id].constant = Some(Array::f32(vec![left(mask)], pick(&values, mask, 1)));
        (slimmer.graph.values[*id].dims, slimmer.graph.values[*id].quant) = (Some(vec![left(mask)]), None);
    }
    for (id, (axis, left)) in edits.values {
        if let Some(dims) = &mut slimmer.graph.values[id].dims {
            dims[axis] = left;
        }
    }
    for node in &mut slimmer.graph.nodes {
        if let Operation::Reshape(dims) = &mut node.op {
            *dims = slimmer.graph.values[node.outputs[0]].dims.clone().unwrap_or_default();
        }
    }
    Ok(Slim { model: slimmer, whole, given: edits.outputs })
}

fn left(mask: &Mask) -> usize {
    mask.iter().filter(|kept| **kept).count()
}

/// Marks what follows from the outputs of a layer that stay.
/// # Errors
/// Something that they reach cannot do without the others.
fn follow(graph: &Graph, layer: usize, kept: &Mask, edits: &mut Edits) -> Result<()> {
    let node = &graph.nodes[layer];
    let axis = match &node.op {
        Operation::Conv { window, .. } if window.channels_first => 1,
        _ => graph.known(node.outputs[0])?.len() - 1,
    };
    edits.outputs.insert(layer, kept.clone());
    let mut open = vec![(node.outputs[0], axis, kept.clone())];
    while let Some((value, axis, mask)) = open.pop() {
        anyhow::ensure!(!graph.outputs.contains(&value), "gives what the network gives");
        edits.values.insert(value, (axis, left(&mask)));
        for (i, taker) in graph.nodes.iter().enumerate().filter(|(_, n)| n.inputs.contains(&value)) {
            let through = takes(graph, (i, taker), value, axis, &mask, edits)?;
            open.extend(through.map(|(axis, mask)| (taker.outputs[0], axis, mask)));
        }
    }
    Ok(())
}

/// What a node does with an input of which some indices of an axis are gone: the axis and indices of its output that stay; None
/// where it takes them all up.
fn takes(
    graph: &Graph,
    (i, node): (usize, &Node),
    value: ValueId,
    axis: usize,
    mask: &Mask,
    edits: &mut Edits,
) -> Result<Option<(usize, Mask)>> {
    let refuse = || anyhow::anyhow!("reaches `{}`, which needs all channels", node.name);
    let alone = node.inputs[0] == value && node.inputs.iter().filter(|v| **v == value).count() == 1;
    anyhow::ensure!(alone && node.outputs.len() == 1, refuse());
    let dims = graph.known(value)?;
    let same = Ok(Some((axis, mask.clone())));
    let channels = |first: bool| if first { 1 } else { dims.len() - 1 };
    match &node.op {
        Operation::Conv { window, .. } => {
            let shape = layers::shape_of(graph, node).and_then(Result::ok).with_context(refuse)?;
            anyhow::ensure!(axis == channels(window.channels_first), refuse());
            if shape.op == Op::Depthwise {
                edits.outputs.insert(i, mask.clone());
                return same;
            }
            edits.inputs.insert(i, mask.clone());
            Ok(None)
        }
        Operation::Linear { .. } => {
            let shape = layers::shape_of(graph, node).and_then(Result::ok).with_context(refuse)?;
            anyhow::ensure!(axis == dims.len() - 1 && shape.k() == mask.len(), refuse());
            edits.inputs.insert(i, mask.clone());
            Ok(None)
        }
        Operation::Unary(_) | Operation::Identity => same,
        Operation::MaxPool(window) | Operation::AveragePool { window, .. } => {
            anyhow::ensure!(axis == channels(window.channels_first), refuse());
            same
        }
        Operation::Pad { amounts, .. } if amounts[axis] == [0, 0] => same,
        Operation::Affine { axis: own } if *own == axis => {
            node.inputs[1..].iter().for_each(|id| drop(edits.constants.insert(*id, mask.clone())));
            same
        }
        Operation::Reduce { axes, keep, .. } if !axes.contains(&axis) => {
            let before = if *keep { 0 } else { axes.iter().filter(|a| **a < axis).count() };
            Ok(Some((axis - before, mask.clone())))
        }
        Operation::Transpose(perm) => {
            Ok(Some((perm.iter().position(|p| *p == axis).with_context(refuse)?, mask.clone())))
        }
        Operation::Reshape(_) => {
            // everything in one row
            let out = graph.known(node.outputs[0])?;
            let total: usize = dims.iter().product();
            let flat = out.iter().position(|d| *d == total).with_context(refuse)?;
            let inner: usize = dims[axis + 1..].iter().product();
            Ok(Some((flat, (0..total).map(|j| mask[j / inner % mask.len()]).collect())))
        }
        _ => Err(refuse()),
    }
}

/// Gives a layer its smaller weights.
fn change(
    graph: &mut Graph,
    model: &Model,
    layer: &ModelLayer,
    edits: &Edits,
    samples: Option<&[Vec<f32>]>,
) -> Result<()> {
    let (taken, given) = (edits.inputs.get(&layer.node), edits.outputs.get(&layer.node));
    if taken.is_none() && given.is_none() {
        return Ok(());
    }
    let p = model.parameters(layer)?;
    let (shape, importance) = (layer.layer.shape, None);
    let mut draft = Draft { shape, weights: p.weights, bias: p.bias, input: Input::default(), importance };
    if let Some(taken) = taken {
        let samples: Option<Vec<&[f32]>> = samples.map(|s| s.iter().map(Vec::as_slice).collect());
        without_inputs(&mut draft, taken, samples.as_deref());
    }
    if let Some(given) = given {
        without_outputs(&mut draft, given);
    }
    let node = &mut graph.nodes[layer.node];
    let (dims, name) = match &mut node.op {
        Operation::Conv { groups, .. } => {
            let s = &draft.shape;
            if s.op == Op::Depthwise {
                *groups = s.f;
            }
            (vec![s.f, s.kh, s.kw, if s.op == Op::Depthwise { 1 } else { s.c }], node.name.clone())
        }
        _ => (vec![draft.shape.f, draft.shape.c], node.name.clone()),
    };
    let inputs = node.inputs.clone();
    // constants of its own: another layer may share them
    let weights = graph.constant(&format!("{name}.weight"), Array::f32(dims, draft.weights));
    let bias = graph.constant(&format!("{name}.bias"), Array::f32(vec![draft.bias.len()], draft.bias));
    graph.nodes[layer.node].inputs = vec![inputs[0], weights, bias];
    Ok(())
}
