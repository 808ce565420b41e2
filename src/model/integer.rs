//! Networks that are quantized already, in their own integers. TFLite's rule is that of its reference kernels: 32-bit sums,
//! fixed-point multipliers of 31 bits, rounded twice in convolutions (gemmlowp) and once in matrix products ("TensorFlow
//! Lite 8-bit quantization specification"). ONNX's
//! is that of QLinearConv and QLinearMatMul: one multiplier in f32, half to even.

use anyhow::{Context, Result, ensure};

use super::Rounding;
use super::compute::{broadcast_places, compute};
use super::fixed::Multiplier;
use super::graph::{Array, Binary, Data, Graph, Node, Operation, Quant, Unary, Window};
use super::infer::{image, infer};

/// Puts numbers on a grid, as ONNX's QuantizeLinear: half to even.
pub fn encode(quant: &Quant, dims: &[usize], x: &[f32]) -> Vec<i32> {
    let (low, high) = quant.range();
    let inner: usize = dims.iter().skip(quant.axis + 1).product();
    let code = |(i, v): (usize, &f32)| {
        let at = (i / inner.max(1)) % quant.scales.len();
        let level = (v / quant.scales[at]).round_ties_even();
        (level as i64).saturating_add(quant.zeros[at].into()).clamp(low.into(), high.into()) as i32
    };
    x.iter().enumerate().map(code).collect()
}

/// The same with halves away from zero, as TFLite's QUANTIZE.
fn encode_away(quant: &Quant, x: &[f32]) -> Vec<i32> {
    let (low, high) = quant.range();
    let code = |v: &f32| {
        ((v / quant.scales[0]).round() as i64).saturating_add(quant.zeros[0].into()).clamp(low.into(), high.into())
    };
    x.iter().map(|v| code(v) as i32).collect()
}

fn encoded(quant: &Quant, rounding: Rounding, dims: Vec<usize>, x: &[f32]) -> Array {
    let codes = match rounding {
        Rounding::FixedPoint => encode_away(quant, x),
        Rounding::Float => encode(quant, &dims, x),
    };
    Array { dims, data: Data::I32(codes) }
}

/// One scale and zero point.
#[derive(Clone, Copy)]
struct Flat {
    scale: f32,
    zero: i32,
    low: i32,
    high: i32,
}

fn flat(quant: &Quant) -> Option<Flat> {
    let (low, high) = quant.range();
    (quant.scales.len() == 1).then(|| Flat { scale: quant.scales[0], zero: quant.zeros[0], low, high })
}

/// Do a node's activations all lie on grids?
pub fn is_integer(graph: &Graph, node: &Node) -> bool {
    let on_grid = |id: &usize| graph.values[*id].quant.as_ref().is_some_and(|q| q.scales.len() == 1);
    let input = node.inputs.iter().filter(|i| graph.values[**i].constant.is_none()).all(on_grid);
    input && node.outputs.iter().all(on_grid) && !matches!(node.op, Operation::Quantize(_) | Operation::Dequantize)
}

/// Is the node's integer arithmetic that of its format, to the bit? Others go through floats and are put on the grid.
pub fn is_exact(op: &Operation) -> bool {
    use Operation as O;
    matches!(
        op,
        O::Conv { .. }
            | O::Linear { .. }
            | O::Binary(Binary::Add | Binary::Sub | Binary::Mul)
            | O::MaxPool(_)
            | O::Reshape(_)
            | O::Transpose(_)
            | O::Identity
            | O::AveragePool { .. }
            | O::Pad { .. }
            | O::Slice(_)
            | O::Split { .. }
            | O::Unary(Unary::Relu | Unary::Clip(..))
            | O::Softmax { .. }
            | O::Expand(_)
    )
}

/// The codes that a node of codes gives.
/// # Errors
/// As [`compute`].
pub fn run(graph: &Graph, node: &Node, inputs: &[&Array], rounding: Rounding) -> Result<Vec<Array>> {
    let quant = |id: usize| graph.values[id].quant.as_ref();
    let grid = |id: usize| quant(id).and_then(flat).context("a tensor without a grid");
    let (from, to) = (grid(node.inputs[0]), grid(node.outputs[0])?);
    let one = match &node.op {
        Operation::Conv { window, groups, .. } => conv(graph, node, window, *groups, inputs, rounding)?,
        Operation::Linear { .. } => linear(graph, node, inputs, rounding)?,
        Operation::Unary(Unary::Relu) if same(from.as_ref().ok(), &to) => clamp(inputs[0], to.zero, to.high),
        Operation::Unary(Unary::Clip(low, high)) if same(from.as_ref().ok(), &to) => {
            let code = |v: f32| {
                ((v / to.scale).round() as i64).saturating_add(to.zero.into()).clamp(to.low.into(), to.high.into())
            };
            clamp(inputs[0], code(*low) as i32, code(*high) as i32)
        }
        Operation::Binary(op @ (Binary::Add | Binary::Sub | Binary::Mul))
            if rounding == Rounding::FixedPoint && node.inputs.len() == 2 =>
        {
            binary(*op, [(inputs[0], from?), (inputs[1], grid(node.inputs[1])?)], to)?
        }
        Operation::AveragePool { window, whole: false }
            if rounding == Rounding::FixedPoint && same(from.as_ref().ok(), &to) =>
        {
            average(window, inputs[0], to)?
        }
        Operation::Softmax { axis, beta } if rounding == Rounding::FixedPoint && axis + 1 == inputs[0].dims.len() => {
            softmax(inputs[0], *beta, from?, to)
        }
        Operation::Pad { amounts, value: 0.0 } if same(from.as_ref().ok(), &to) => {
            compute(&Operation::Pad { amounts: amounts.clone(), value: to.zero as f32 }, inputs)?.remove(0)
        }
        Operation::MaxPool(_)
        | Operation::Reshape(_)
        | Operation::Transpose(_)
        | Operation::Identity
        | Operation::Slice(_)
        | Operation::Split { .. }
        | Operation::Expand(_)
            if same(from.as_ref().ok(), &to) =>
        {
            let codes = compute(&node.op, inputs)?;
            return Ok(codes
                .into_iter()
                .map(|a| Array { data: a.data.like(&Data::I32(vec![])), dims: a.dims })
                .collect());
        }
        op => {
            let value = |(a, id): (&&Array, &usize)| match quant(*id) {
                Some(q) => Array::f32(a.dims.clone(), q.values(a)),
                None => (*a).clone(),
            };
            let floats: Vec<Array> = inputs.iter().zip(&node.inputs).map(value).collect();
            let results = compute(op, &floats.iter().collect::<Vec<_>>())?;
            let back = |(a, id): (Array, &usize)| {
                let q = quant(*id).context("a tensor without a grid")?;
                Ok(encoded(q, rounding, a.dims.clone(), &a.floats()))
            };
            return results.into_iter().zip(&node.outputs).map(back).collect();
        }
    };
    Ok(vec![one])
}

/// To the codes of a grid, from floats or from codes of another.
pub fn quantize(to: &Quant, from: Option<&Quant>, x: &Array, rounding: Rounding) -> Array {
    let both = from.and_then(flat).zip(flat(to)).filter(|_| rounding == Rounding::FixedPoint);
    if let Some((a, b)) = both {
        let by = Multiplier::of(f64::from(a.scale) / f64::from(b.scale));
        let code = |i: usize| {
            by.apply((x.data.int(i) as i32).wrapping_sub(a.zero)).saturating_add(b.zero).clamp(b.low, b.high)
        };
        return Array { dims: x.dims.clone(), data: Data::I32((0..x.len()).map(code).collect()) };
    }
    let floats = from.map_or_else(|| x.floats().into_owned(), |q| q.values(x));
    encoded(to, rounding, x.dims.clone(), &floats)
}

fn same(a: Option<&Flat>, b: &Flat) -> bool {
    a.is_some_and(|a| (a.scale, a.zero) == (b.scale, b.zero))
}

fn clamp(x: &Array, low: i32, high: i32) -> Array {
    let codes = (0..x.len()).map(|i| (x.data.int(i) as i32).max(low).min(high)).collect();
    Array { dims: x.dims.clone(), data: Data::I32(codes) }
}

/// How sums of a layer's outputs become codes.
struct Requantize {
    units: Vec<f64>,
    fixed: Vec<Multiplier>,
    /// Products of matrices are rounded once, convolutions twice.
    once: bool,
    to: Flat,
    rounding: Rounding,
}

impl Requantize {
    fn of(graph: &Graph, node: &Node, rounding: Rounding) -> Result<Self> {
        let grid = |id: usize| graph.values[id].quant.as_ref().context("a tensor without a grid");
        let from = flat(grid(node.inputs[0])?).context("an input of several scales")?;
        let to = flat(grid(node.outputs[0])?).context("an output of several scales")?;
        let weights = grid(node.inputs[1])?;
        ensure!(weights.scales.len() == 1 || weights.axis == 0, "scales of weights along their inputs");
        let connected = matches!(node.op, Operation::Linear { .. }) && weights.scales.len() == 1;
        let unit = |w: &f32| match rounding {
            // a layer of one scale multiplies the scales in f32
            Rounding::FixedPoint if connected => f64::from(from.scale * w) / f64::from(to.scale),
            Rounding::FixedPoint => f64::from(from.scale) * f64::from(*w) / f64::from(to.scale),
            Rounding::Float => f64::from(from.scale * w / to.scale),
        };
        let units: Vec<f64> = weights.scales.iter().map(unit).collect();
        let once = matches!(node.op, Operation::Linear { .. });
        Ok(Self { once, fixed: units.iter().map(|u| Multiplier::of(*u)).collect(), units, to, rounding })
    }

    fn code(&self, sum: i32, output: usize) -> i32 {
        let at = if self.units.len() == 1 { 0 } else { output };
        let level = match self.rounding {
            Rounding::FixedPoint if self.once => self.fixed[at].apply_once(sum),
            Rounding::FixedPoint => i64::from(self.fixed[at].apply(sum)),
            Rounding::Float => (sum as f32 * self.units[at] as f32).round_ties_even() as i64,
        };
        level.saturating_add(self.to.zero.into()).clamp(self.to.low.into(), self.to.high.into()) as i32
    }
}

/// Zero points of the input and of each output's weights, and the biases.
struct Offsets {
    input: i32,
    weights: Vec<i32>,
    bias: Vec<i32>,
}

impl Offsets {
    fn of(graph: &Graph, node: &Node, inputs: &[&Array]) -> Result<Self> {
        let grid = |id: usize| graph.values[id].quant.as_ref().context("a tensor without a grid");
        let outputs = inputs[1].dims[0];
        let zeros = &grid(node.inputs[1])?.zeros;
        let bias =
            inputs.get(2).map_or_else(|| vec![0; outputs], |b| (0..b.len()).map(|i| b.data.int(i) as i32).collect());
        ensure!(bias.len() == outputs, "a bias of {} outputs", bias.len());
        let weights = if zeros.len() == 1 { vec![zeros[0]; outputs] } else { zeros.clone() };
        Ok(Self { input: grid(node.inputs[0])?.zeros[0], weights, bias })
    }
}

fn codes(x: &Array) -> Vec<i32> {
    (0..x.len()).map(|i| x.data.int(i) as i32).collect()
}

fn conv(
    graph: &Graph,
    node: &Node,
    window: &Window,
    groups: usize,
    inputs: &[&Array],
    rounding: Rounding,
) -> Result<Array> {
    let shape = infer(&node.op, &inputs.iter().map(|a| a.dims.as_slice()).collect::<Vec<_>>())?.remove(0);
    let (how, offsets) = (Requantize::of(graph, node, rounding)?, Offsets::of(graph, node, inputs)?);
    let first = window.channels_first;
    let x = if first { super::compute::transpose(inputs[0], &[0, 2, 3, 1]) } else { inputs[0].clone() };
    let [h, w, c] = image(&inputs[0].dims, first)?;
    let [oh, ow, f] = image(&shape, first)?;
    let (x, weights) = (codes(&x), codes(inputs[1]));
    let (each, outs, [kh, kw]) = (c / groups, f / groups, window.kernel);
    let mut y = Vec::with_capacity(oh * ow * f);
    let at = |o: usize, k: usize, i: usize, size: usize| {
        (o * window.stride[i] + k * window.dilation[i]).checked_sub(window.pad[i]).filter(|v| *v < size)
    };
    for (oy, ox, o) in (0..oh).flat_map(|oy| (0..ow).flat_map(move |ox| (0..f).map(move |o| (oy, ox, o)))) {
        let mut sum = offsets.bias[o];
        for ky in 0..kh {
            let Some(iy) = at(oy, ky, 0, h) else { continue };
            for kx in 0..kw {
                let Some(ix) = at(ox, kx, 1, w) else { continue };
                let row = &x[(iy * w + ix) * c + o / outs * each..][..each];
                let taps = &weights[((o * kh + ky) * kw + kx) * each..][..each];
                sum = sum.wrapping_add(dot(row, taps, offsets.input, offsets.weights[o]));
            }
        }
        y.push(how.code(sum, o));
    }
    let flat = Array { dims: vec![1, oh, ow, f], data: Data::I32(y) };
    Ok(if first { super::compute::transpose(&flat, &[0, 3, 1, 2]) } else { flat })
}

fn dot(x: &[i32], w: &[i32], zero: i32, weight_zero: i32) -> i32 {
    x.iter()
        .zip(w)
        .fold(0i32, |sum, (x, w)| sum.wrapping_add(x.wrapping_sub(zero).wrapping_mul(w.wrapping_sub(weight_zero))))
}

fn linear(graph: &Graph, node: &Node, inputs: &[&Array], rounding: Rounding) -> Result<Array> {
    let shape = infer(&node.op, &inputs.iter().map(|a| a.dims.as_slice()).collect::<Vec<_>>())?.remove(0);
    let (how, offsets) = (Requantize::of(graph, node, rounding)?, Offsets::of(graph, node, inputs)?);
    let (x, weights, k) = (codes(inputs[0]), codes(inputs[1]), inputs[1].dims[1].max(1));
    let row = |x: &[i32]| {
        let each = weights
            .chunks_exact(k)
            .enumerate()
            .map(|(o, w)| how.code(offsets.bias[o].wrapping_add(dot(x, w, offsets.input, offsets.weights[o])), o));
        each.collect::<Vec<i32>>()
    };
    Ok(Array { dims: shape, data: Data::I32(x.chunks_exact(k).flat_map(row).collect()) })
}

/// ADD and SUB bring both sides to a common scale with 20 bits to spare; MUL multiplies once.
fn binary(op: Binary, [(a, from), (b, other)]: [(&Array, Flat); 2], to: Flat) -> Result<Array> {
    let dims = super::infer::broadcast(&a.dims, &b.dims)?;
    let places = broadcast_places(&a.dims, &dims).into_iter().zip(broadcast_places(&b.dims, &dims));
    const LEFT: u32 = 20;
    let twice = 2.0 * f64::from(from.scale.max(other.scale));
    let (left, right) = (Multiplier::of(f64::from(from.scale) / twice), Multiplier::of(f64::from(other.scale) / twice));
    let sum = Multiplier::of(twice / (f64::from(1 << LEFT) * f64::from(to.scale)));
    let product = Multiplier::of(f64::from(from.scale) * f64::from(other.scale) / f64::from(to.scale));
    let code = |(i, j): (usize, usize)| {
        let (x, y) = ((a.data.int(i) as i32).wrapping_sub(from.zero), (b.data.int(j) as i32).wrapping_sub(other.zero));
        let (u, v) = (left.apply(x << LEFT), right.apply(y << LEFT));
        let level = match op {
            Binary::Add => sum.apply(u.wrapping_add(v)),
            Binary::Sub => sum.apply(u.wrapping_sub(v)),
            _ => product.apply(x.wrapping_mul(y)),
        };
        level.saturating_add(to.zero).clamp(to.low, to.high)
    };
    Ok(Array { data: Data::I32(places.map(code).collect()), dims })
}

/// Sums of codes divided by their number, halves away from zero.
fn average(window: &Window, x: &Array, to: Flat) -> Result<Array> {
    let first = window.channels_first;
    let [h, w, c] = image(&x.dims, first)?;
    let op = Operation::AveragePool { window: window.clone(), whole: false };
    let shape = infer(&op, &[&x.dims])?.remove(0);
    let [oh, ow, _] = image(&shape, first)?;
    let data = codes(&if first { super::compute::transpose(x, &[0, 2, 3, 1]) } else { x.clone() });
    let mut y = Vec::with_capacity(oh * ow * c);
    for (oy, ox, channel) in (0..oh).flat_map(|oy| (0..ow).flat_map(move |ox| (0..c).map(move |c| (oy, ox, c)))) {
        let (mut sum, mut count) = (0i64, 0i64);
        for (ky, kx) in (0..window.kernel[0]).flat_map(|ky| (0..window.kernel[1]).map(move |kx| (ky, kx))) {
            let iy = (oy * window.stride[0] + ky).checked_sub(window.pad[0]).filter(|v| *v < h);
            let ix = (ox * window.stride[1] + kx).checked_sub(window.pad[1]).filter(|v| *v < w);
            if let (Some(iy), Some(ix)) = (iy, ix) {
                sum += i64::from(data[(iy * w + ix) * c + channel]);
                count += 1;
            }
        }
        let half = if sum > 0 { count / 2 } else { -count / 2 };
        y.push(if count == 0 { to.zero } else { ((sum + half) / count).clamp(to.low.into(), to.high.into()) as i32 });
    }
    let flat = Array { dims: vec![1, oh, ow, c], data: Data::I32(y) };
    Ok(if first { super::compute::transpose(&flat, &[0, 3, 1, 2]) } else { flat })
}

/// By a table of exponentials in f32, as TFLite's optimized kernel.
fn softmax(x: &Array, beta: f32, from: Flat, to: Flat) -> Array {
    let table: Vec<f32> = (0..=255).map(|i| (-from.scale * beta * (255 - i) as f32).exp()).collect();
    let length = x.dims.last().copied().unwrap_or(1).max(1);
    let row = |row: &[i32]| {
        let most = row.iter().copied().max().unwrap_or(0);
        let exp = |v: &i32| table[(255 - (i64::from(most) - i64::from(*v))).clamp(0, 255) as usize];
        let sum: f32 = row.iter().map(exp).sum();
        let by = 1.0 / (sum * to.scale);
        let code = |v: &i32| ((exp(v) * by + 0.5) as i32).saturating_add(to.zero).clamp(to.low, to.high);
        row.iter().map(code).collect::<Vec<i32>>()
    };
    let all = codes(x);
    Array { dims: x.dims.clone(), data: Data::I32(all.chunks_exact(length).flat_map(row).collect()) }
}
