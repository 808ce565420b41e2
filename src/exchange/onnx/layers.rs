//! Layers as ONNX operators: in f32, or under their schemes.
//!
//! What differs from the tool's own arithmetic stands in `docs/formats.md`, "Models for other stacks".

use anyhow::{Context, Result, bail};

use super::operations::window;
use super::{Writer, int};
use crate::exchange::{Integers, Part};
use crate::layer::Shape;
use crate::model::graph::{Node, Operation, Window};
use crate::model::layers::{parameters, relu, shape_of};
use crate::model::onnx::proto::data_type;
use crate::op::grid_span;
use crate::quantized::QuantizedLayer;
use crate::scheme::Weights;
use crate::scheme::activations::{Fixed, Kind, Per};
use crate::scheme::affine::Grid;

/// The least step of a grid, 2^-100: that of `Grid`.
const LEAST: f32 = f32::from_bits((127 - 100) << 23);

/// A layer that is being written.
pub(super) struct Site<'a> {
    pub node: &'a Node,
    shape: Option<Shape>,
    /// Of its weights, in the graph's order: [n, k], or [f, kh, kw, c].
    pub dims: Vec<usize>,
    /// Does its input have channels in dimension 1?
    channels_first: bool,
    /// Padding [top, left, bottom, right] that is no zero: of signs, where it counts as positive.
    signs: Option<[usize; 4]>,
}

impl Writer<'_> {
    /// A convolution or a product with constant weights.
    pub(super) fn layer(&mut self, index: usize, node: &Node) -> Result<String> {
        let graph = &self.network.model.graph;
        let x = self.value(node.inputs[0])?;
        let dims = graph.known(node.inputs[1])?.to_vec();
        let shape = shape_of(graph, node).and_then(Result::ok);
        let part = self.network.part(index);
        match &node.op {
            Operation::Conv { window: w, .. } => {
                let lone =
                    |p: &Part| matches!(p.quantized.activations().0.kind, Kind::Signs) && in_integers(&p.quantized);
                let signs = part.filter(|p| lone(p) && w.pad != [0; 4]).map(|_| w.pad);
                let site = Site { node, shape, dims, channels_first: true, signs };
                let (turned, mut outcome) = (!w.channels_first, Ok(()));
                let y = self.image(!turned, &x, |this, x| {
                    this.product(&site, part, x).unwrap_or_else(|e| {
                        outcome = Err(e);
                        String::new()
                    })
                });
                outcome.map(|()| y)
            }
            _ => self.product(&Site { node, shape, dims, channels_first: false, signs: None }, part, &x),
        }
    }

    fn product(&mut self, site: &Site, part: Option<&Part>, x: &str) -> Result<String> {
        let node = site.node;
        let Some(part) = part else {
            let p = parameters(&self.network.model.graph, node)?;
            let weights = self.plain_weights(site, &p.weights);
            let y = self.multiply(site, x, &weights, Some(&p.bias))?;
            return Ok(if relu(node) { self.op("Relu", &[&y], vec![]) } else { y });
        };
        let q = &part.quantized;
        let shape = site.shape.context("is no layer that kernels are made for")?;
        let x = self.corrected(site, &shape, q, x)?;
        if let Some(y) = self.by_integers(site, &shape, part, &x) {
            return Ok(if relu(node) { self.op("Relu", &[&y], vec![]) } else { y });
        }
        let x = self.activations(site, &shape, part, &x)?;
        let weights = self.weights(site, part)?;
        let grids = if in_integers(q) { q.grids(relu(node)) } else { (None, None) };
        let y = match grids {
            // the law of integers: the bias is a code of the sums' unit
            (Some(input), Some(_)) if input.shift == 0 && Integers::of(q).is_some_and(|w| w.groups() == 1) => {
                let bias = self.bias_code(q, &input);
                self.multiply_with(site, &x, &weights, Some(&bias))?
            }
            _ => self.multiply(site, &x, &weights, Some(&q.bias))?,
        };
        let y = if relu(node) { self.op("Relu", &[&y], vec![]) } else { y };
        Ok(match grids.1 {
            Some(out) => self.on_grid(&y, &out),
            None => y,
        })
    }

    /// A layer whose 8-bit input finds its one grid at run time, as ONNX Runtime's own dynamic quantization writes it: a product of
    /// integers, rounded once for each output as kernels do. Weights of 4 bits and fewer have no such operator.
    fn by_integers(&mut self, site: &Site, shape: &Shape, part: &Part, x: &str) -> Option<String> {
        let q = &part.quantized;
        let (activations, fixed) = q.activations();
        let one_grid = matches!(activations.kind, Kind::Affine(8)) && grid_span(shape) == shape.lhs_len();
        if fixed.is_some() || !one_grid || !in_integers(q) {
            return None;
        }
        let w = Integers::of(q).filter(|w| w.groups() == 1 && w.zeros.is_none() && w.range.0 < -8)?;
        let names = ["codes", "scale", "zero_point"].map(|n| self.fresh(n));
        self.push("DynamicQuantizeLinear", &[x], &[&names[0], &names[1], &names[2]], vec![]);
        let codes = self.codes(site, &w);
        let sums = match &site.node.op {
            Operation::Conv { window: w, groups, .. } => {
                let attributes = [window(w), vec![int("group", *groups as i64)]].concat();
                self.op("ConvInteger", &[&names[0], &codes, &names[2]], attributes)
            }
            _ => self.op("MatMulInteger", &[&names[0], &codes, &names[2]], vec![]),
        };
        let sums = self.op("Cast", &[&sums], vec![int("to", data_type::FLOAT.into())]);
        let each = if site.channels_first { vec![w.scales.len(), 1, 1] } else { vec![w.scales.len()] };
        let scales = self.floats(&format!("{}.weight_scale", site.node.name), &each, &w.scales);
        let units = self.op("Mul", &[&names[1], &scales], vec![]);
        let y = self.op("Mul", &[&sums, &units], vec![]);
        if q.bias.iter().all(|b| *b == 0.0) {
            return Some(y);
        }
        let bias = self.floats(&format!("{}.bias", site.node.name), &each, &q.bias);
        Some(self.op("Add", &[&y, &bias], vec![]))
    }

    /// The product itself, and a bias in f32.
    fn multiply(&mut self, site: &Site, x: &str, weights: &str, bias: Option<&[f32]>) -> Result<String> {
        let bias = bias.filter(|b| b.iter().any(|v| *v != 0.0));
        let bias = bias.map(|b| self.floats(&format!("{}.bias", site.node.name), &[b.len()], b));
        self.multiply_with(site, x, weights, bias.as_deref())
    }

    fn multiply_with(&mut self, site: &Site, x: &str, weights: &str, bias: Option<&str>) -> Result<String> {
        if let Operation::Conv { window: w, groups, .. } = &site.node.op {
            let inputs: Vec<&str> = [x, weights].into_iter().chain(bias).collect();
            let pad = if site.signs.is_some() { [0; 4] } else { w.pad };
            let w = Window { pad, ..w.clone() };
            let attributes = [window(&w), vec![int("group", *groups as i64)]].concat();
            return Ok(self.op("Conv", &inputs, attributes));
        }
        let y = self.op("MatMul", &[x, weights], vec![]);
        Ok(bias.map_or(y.clone(), |b| self.op("Add", &[&y, b], vec![])))
    }

    /// Round to codes of `scale of x * scale of the output's weights`, as integer kernels add them.
    fn bias_code(&mut self, q: &QuantizedLayer, input: &Grid) -> String {
        let n = q.bias.len();
        let units: Vec<f32> = (0..n).map(|i| input.scale * q.lattice.scales[i]).collect();
        let codes = q.bias.iter().zip(&units).flat_map(|(b, u)| ((b / u).round_ties_even() as i32).to_le_bytes());
        let codes = self.tensor("bias", &[n], data_type::INT32, codes.collect());
        let scales = self.floats("bias_scale", &[n], &units);
        self.op("DequantizeLinear", &[&codes, &scales], vec![int("axis", 0)])
    }

    /// What a correction does to a layer's input.
    fn corrected(&mut self, site: &Site, shape: &Shape, q: &QuantizedLayer, x: &str) -> Result<String> {
        let (input, c) = (q.input(), shape.c);
        let mut x = x.to_string();
        if let Some(block) = input.rotation {
            self.note(
                "rotations of channels are products with a matrix, whose sums are rounded in another order".into(),
            );
            let mut matrix = Vec::with_capacity(c * c);
            for row in 0..c {
                let mut unit = vec![0f32; c];
                unit[row] = 1.0;
                unit.chunks_exact_mut(block).for_each(crate::scheme::correct::rotate);
                matrix.extend(unit);
            }
            // symmetric, so rows may stand for columns
            let dims = if site.channels_first { vec![c, c, 1, 1] } else { vec![c, c] };
            let matrix = self.floats("rotation", &dims, &matrix);
            x = self.op(if site.channels_first { "Conv" } else { "MatMul" }, &[&x, &matrix], vec![]);
        }
        if let Some(divisors) = &input.divisors {
            let dims = if site.channels_first { vec![c, 1, 1] } else { vec![c] };
            let divisors = self.floats("divisors", &dims, divisors);
            x = self.op("Div", &[&x, &divisors], vec![]);
        }
        Ok(x)
    }

    /// Activations put on their grid.
    fn activations(&mut self, site: &Site, shape: &Shape, part: &Part, x: &str) -> Result<String> {
        let (activations, fixed) = part.quantized.activations();
        let name = || {
            format!(
                "activations of {} have no counterpart in ONNX Runtime; choose integers or floats of 16 or 32 bits",
                activations.kind
            )
        };
        match (&activations.kind, fixed) {
            (_, Some(Fixed::Grid(grid))) => {
                let x = self.padded(site, x);
                Ok(self.on_grid(&x, grid))
            }
            (_, Some(Fixed::Step { .. })) => bail!(name()),
            (Kind::F32, None) => Ok(x.into()),
            (Kind::Format(_), None) => {
                let (to, most) = match activations.half() {
                    Some("f16") => (data_type::FLOAT16, 65504.0),
                    Some(_) => (data_type::BFLOAT16, f32::from_bits(0x7f7f_0000)),
                    None => bail!(name()),
                };
                let (low, high) = (self.number(-most), self.number(most));
                let x = self.op("Clip", &[x, &low, &high], vec![]);
                let half = self.op("Cast", &[&x], vec![int("to", to.into())]);
                Ok(self.op("Cast", &[&half], vec![int("to", data_type::FLOAT.into())]))
            }
            (kind, None) => {
                let alone = match activations.per {
                    Per::Tensor => true,
                    Per::Row => grid_span(shape) == shape.lhs_len(),
                    Per::Block(_) => {
                        bail!("activations in blocks have no counterpart in ONNX; choose a scheme without")
                    }
                };
                Ok(self.dynamic(site, kind, alone, x))
            }
        }
    }

    /// Zeros around an image whose signs are taken: they count as positive, as padding of signs does in kernels.
    fn padded(&mut self, site: &Site, x: &str) -> String {
        let Some([top, left, bottom, right]) = site.signs.map(|p| p.map(|v| v as i64)) else { return x.into() };
        let (pads, zero) = (self.ints("pads", &[0, 0, top, left, 0, 0, bottom, right]), self.number(0.0));
        self.op("Pad", &[x, &pads, &zero], vec![])
    }

    /// A grid that is known ahead.
    fn on_grid(&mut self, x: &str, grid: &Grid) -> String {
        if grid.shift > 0 {
            return self.signs(x, grid.scale);
        }
        let scale = self.number(grid.scale);
        let zero = self.tensor("zero_point", &[], data_type::UINT8, vec![grid.zero as u8]);
        let mut x = x.to_string();
        if grid.top < 255 {
            // fewer codes than the type has
            let (low, high) = (self.number(grid.value(0)), self.number(grid.value(grid.top)));
            x = self.op("Clip", &[&x, &low, &high], vec![]);
        }
        let codes = self.op("QuantizeLinear", &[&x, &scale, &zero], vec![]);
        self.op("DequantizeLinear", &[&codes, &scale, &zero], vec![])
    }

    /// A grid that the numbers themselves choose: all of them together, or each row for itself.
    fn dynamic(&mut self, site: &Site, kind: &Kind, alone: bool, x: &str) -> String {
        if alone && matches!(kind, Kind::Affine(8)) {
            let names = ["codes", "scale", "zero_point"].map(|n| self.fresh(n));
            self.push("DynamicQuantizeLinear", &[x], &[&names[0], &names[1], &names[2]], vec![]);
            return self.op("DequantizeLinear", &[&names[0], &names[1], &names[2]], vec![]);
        }
        let rank = self.network.model.graph.dims(site.node.inputs[0]).map_or(2, <[usize]>::len) as i64;
        let axes: Vec<i64> = if alone { (0..rank).collect() } else { vec![rank - 1] };
        let axes = self.ints("axes", &axes);
        let what = if alone { "fewer than 8 bits" } else { "rows with a grid each" };
        self.note(format!("no operator of ONNX quantizes {what} at run time: computed in f32 by elementary ones; `-static` schemes run in integers"));
        let least = self.number(LEAST);
        let Some(top) = kind.top().filter(|_| !matches!(kind, Kind::Signs)) else {
            let size = self.op("Abs", &[x], vec![]);
            let size = self.op("ReduceMean", &[&size, &axes], vec![]);
            let size = self.op("Max", &[&size, &least], vec![]);
            let x = self.padded(site, x);
            let signs = self.signs(&x, 1.0);
            return self.op("Mul", &[&signs, &size], vec![]);
        };
        let (zero, one, top) = (self.number(0.0), self.number(1.0), self.number(top as f32));
        let low = self.op("ReduceMin", &[x, &axes], vec![]);
        let low = self.op("Min", &[&low, &zero], vec![]);
        let high = self.op("ReduceMax", &[x, &axes], vec![]);
        let high = self.op("Max", &[&high, &zero], vec![]);
        let range = self.op("Sub", &[&high, &low], vec![]);
        let step = self.op("Div", &[&range, &top], vec![]);
        let scale = self.op("Max", &[&step, &least], vec![]);
        let inverse = self.op("Div", &[&one, &scale], vec![]);
        let below = self.op("Neg", &[&low], vec![]);
        let point = self.op("Mul", &[&below, &inverse], vec![]);
        let point = self.op("Round", &[&point], vec![]);
        let point = self.op("Min", &[&point, &top], vec![]);
        let (first, last) = (self.op("Neg", &[&point], vec![]), self.op("Sub", &[&top, &point], vec![]));
        let x = self.op("Mul", &[x, &inverse], vec![]);
        let x = self.op("Max", &[&x, &first], vec![]);
        let x = self.op("Min", &[&x, &last], vec![]);
        let x = self.op("Round", &[&x], vec![]);
        self.op("Mul", &[&x, &scale], vec![])
    }
}

/// Does the tool compute this layer in integers?
fn in_integers(layer: &QuantizedLayer) -> bool {
    matches!(layer.weights, Weights::Int { .. })
}
