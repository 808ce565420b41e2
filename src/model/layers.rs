//! The layers of a graph that kernels are made for: convolutions and products with constant weights.

use anyhow::{Context, Result, bail, ensure};

use super::compute::transpose;
use super::graph::{Array, Graph, Node, Operation};
use super::infer::image;
use crate::data::Parameters;
use crate::layer::{Op, Shape};

/// The shape that a node has for kernels. None where it is no layer.
/// # Errors
/// It is a layer of a kind that there are no kernels for: says why.
pub fn shape_of(graph: &Graph, node: &Node) -> Option<Result<Shape>> {
    let weights = *node.inputs.get(1)?;
    graph.values[weights].constant.as_ref()?;
    let (x, w) = (graph.dims(node.inputs[0])?, graph.dims(weights)?);
    match &node.op {
        Operation::Linear { .. } => {
            let k = w[1].max(1);
            Some(Shape::gemm(x.iter().product::<usize>() / k, w[0], w[1]))
        }
        Operation::Conv { window, groups, .. } => Some((|| {
            let [height, width, c] = image(x, window.channels_first)?;
            let depthwise = *groups == c && w[0] == c && c > 1;
            let (stride, dilation) = (window.stride, window.dilation);
            if *groups > 1 && !depthwise {
                bail!("a convolution in {groups} groups; kernels know one, or one for each channel");
            }
            ensure!(dilation == [1, 1], "a dilation of {dilation:?}; kernels know none");
            ensure!(stride[0] == stride[1], "strides {stride:?}; kernels have one for both directions");
            let op = if depthwise { Op::Depthwise } else { Op::Conv2d };
            Shape::conv(op, [height, width, c], w[0], window.kernel, stride[0], window.pad)
        })()),
        _ => None,
    }
}

/// Does the node end in a ReLU?
pub fn relu(node: &Node) -> bool {
    matches!(node.op, Operation::Conv { relu: true, .. } | Operation::Linear { relu: true })
}

/// The trained numbers of a layer, in the order of `Shape::weights_shape`.
/// # Errors
/// Numbers that are not finite.
pub fn parameters(graph: &Graph, node: &Node) -> Result<Parameters> {
    let weights = graph.floats(node.inputs[1]).context("its weights are computed")?;
    let outputs = graph.known(node.inputs[1])?[0];
    let bias = node.inputs.get(2).map(|b| graph.floats(*b).context("its bias is computed")).transpose()?;
    let bias = bias.unwrap_or_else(|| vec![0.0; outputs]);
    let finite = weights.iter().chain(&bias).all(|v| v.is_finite());
    ensure!(finite, "layer `{}` has weights that are not finite", node.name);
    Ok(Parameters { weights, bias })
}

/// Does the node's image lie channels first?
fn channels_first(node: &Node) -> bool {
    matches!(&node.op, Operation::Conv { window, .. } if window.channels_first)
}

/// What a node takes, in the order of `Shape::lhs_shape`.
pub fn input(node: &Node, x: &Array) -> Vec<f32> {
    if channels_first(node) { transpose(x, &[0, 2, 3, 1]).floats().into_owned() } else { x.floats().into_owned() }
}

/// What a kernel gives, [m, n], in the order and shape of the graph.
pub fn output(node: &Node, shape: &Shape, y: Vec<f32>, dims: &[usize]) -> Array {
    if channels_first(node) {
        transpose(&Array::f32(vec![1, shape.oh, shape.ow, shape.f], y), &[0, 3, 1, 2])
    } else {
        Array::f32(dims.to_vec(), y)
    }
}
