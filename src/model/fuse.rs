//! What follows a layer and belongs to it: batch normalization, a bias, a ReLU. Layers on grids are left as they are.

use super::graph::{Array, Binary, Graph, Node, Operation, Unary, ValueId};

/// Fuses what can be; the graph computes the same, but for the rounding of folded weights.
pub fn fuse(graph: &mut Graph) {
    while let Some((layer, next)) = (0..graph.nodes.len()).find_map(|i| Some((i, next(graph, i)?))) {
        let Some(()) = join(graph, layer, next) else { unreachable!("`next` gives what can be joined") };
        let after = graph.nodes.remove(next);
        graph.nodes[layer].outputs = after.outputs;
    }
}

fn consumers(graph: &Graph, value: ValueId) -> Vec<usize> {
    (0..graph.nodes.len()).filter(|i| graph.nodes[*i].inputs.contains(&value)).collect()
}

/// The node after a layer that can be joined to it.
fn next(graph: &Graph, layer: usize) -> Option<usize> {
    let node = &graph.nodes[layer];
    let relu = match node.op {
        Operation::Conv { relu, .. } | Operation::Linear { relu } => relu,
        _ => return None,
    };
    let on_grid = node.inputs[..1].iter().chain(&node.outputs).any(|v| graph.values[*v].quant.is_some());
    let output = *node.outputs.first()?;
    if relu || on_grid || graph.outputs.contains(&output) || graph.values[*node.inputs.get(1)?].constant.is_none() {
        return None;
    }
    let &[next] = consumers(graph, output).as_slice() else { return None };
    let after = &graph.nodes[next];
    let fits = match &after.op {
        Operation::Unary(Unary::Relu) => true,
        Operation::Affine { axis } => *axis == channel_axis(graph, node)? && constants(graph, after),
        Operation::Binary(Binary::Add) => addend(graph, node, after).is_some(),
        _ => false,
    };
    fits.then_some(next)
}

fn channel_axis(graph: &Graph, node: &Node) -> Option<usize> {
    let rank = graph.dims(node.outputs[0])?.len();
    match &node.op {
        Operation::Conv { window, .. } if window.channels_first => Some(1),
        _ => rank.checked_sub(1),
    }
}

fn constants(graph: &Graph, node: &Node) -> bool {
    node.inputs[1..].iter().all(|i| graph.values[*i].constant.is_some())
}

/// The constant with one number for each output of a layer that is added to it.
fn addend(graph: &Graph, layer: &Node, add: &Node) -> Option<ValueId> {
    let other = *add.inputs.iter().find(|i| **i != layer.outputs[0])?;
    graph.values[other].constant.as_ref()?;
    let (out, dims) = (graph.dims(layer.outputs[0])?, graph.dims(other)?);
    let axis = channel_axis(graph, layer)?;
    let at = (axis + dims.len()).checked_sub(out.len())?;
    let alone = dims.iter().enumerate().all(|(i, d)| *d == 1 || i == at);
    (dims.len() <= out.len() && alone && dims.get(at) == Some(&out[axis])).then_some(other)
}

/// Makes the second node part of the first.
fn join(graph: &mut Graph, layer: usize, next: usize) -> Option<()> {
    let (node, after) = (graph.nodes[layer].clone(), graph.nodes[next].clone());
    match &after.op {
        Operation::Unary(_) => {
            let (Operation::Conv { relu, .. } | Operation::Linear { relu }) = &mut graph.nodes[layer].op else {
                return None;
            };
            *relu = true;
        }
        Operation::Affine { .. } => {
            let (scale, shift) = (graph.floats(after.inputs[1])?, graph.floats(after.inputs[2])?);
            let dims = graph.dims(node.inputs[1])?.to_vec();
            let mut weights = graph.floats(node.inputs[1])?;
            let k = (weights.len() / scale.len().max(1)).max(1);
            weights.chunks_mut(k).zip(&scale).for_each(|(row, s)| row.iter_mut().for_each(|w| *w *= s));
            let bias = bias_of(graph, &node, scale.len())?;
            let bias = bias.iter().zip(&scale).zip(&shift).map(|((b, s), t)| b * s + t).collect();
            let id = graph.constant(&format!("{}.weight", node.name), Array::f32(dims, weights));
            set(graph, layer, id, bias);
        }
        _ => {
            let other = addend(graph, &node, &after)?;
            let added = graph.floats(other)?;
            let bias = bias_of(graph, &node, added.len())?;
            let bias = bias.iter().zip(&added).map(|(a, b)| a + b).collect();
            set(graph, layer, node.inputs[1], bias);
        }
    }
    Some(())
}

fn bias_of(graph: &Graph, node: &Node, outputs: usize) -> Option<Vec<f32>> {
    node.inputs.get(2).map_or(Some(vec![0.0; outputs]), |b| graph.floats(*b))
}

fn set(graph: &mut Graph, layer: usize, weights: ValueId, bias: Vec<f32>) {
    let bias = graph.constant(&format!("{}.bias", graph.nodes[layer].name), Array::f32(vec![bias.len()], bias));
    let x = graph.nodes[layer].inputs[0];
    graph.nodes[layer].inputs = vec![x, weights, bias];
}
