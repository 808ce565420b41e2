//! ONNX models that are quantized already: their scales and codes are kept.

use anyhow::{Context, Result, bail, ensure};

use super::proto::Node;
use super::{Attributes, Reader};
use crate::model::build::axis;
use crate::model::graph::{Array, Data, Operation, Quant, Unary, ValueId};

impl Reader {
    pub(super) fn quantization(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        match node.op_type.as_str() {
            "QuantizeLinear" => {
                let x = self.input(node, 0)?;
                ensure!(node.int("block_size", 0) == 0, "of activations in blocks");
                let quant = self.grid(node, x, 1, 2)?;
                if self.graph.values[x].constant.is_some() {
                    return self.encoded(node, x, quant);
                }
                self.one(name, node, Operation::Quantize(quant), &[x])
            }
            "DequantizeLinear" => self.dequantize(name, node),
            "QLinearConv" => self.linear_conv(name, node),
            "QLinearMatMul" => self.linear_matmul(name, node),
            "Quant" => self.qonnx(name, node),
            _ => {
                let (x, scale) = (self.input(node, 0)?, self.number(node, 1).context("BipolarQuant")?);
                let scale = scale.context("has no scale")?;
                self.one(name, node, Operation::Unary(Unary::Bipolar(scale)), &[x])
            }
        }
    }

    /// The grid that inputs `scale` and `zero` of a node give a tensor of which they may name an axis.
    fn grid(&self, node: &Node, of: ValueId, scale: usize, zero: usize) -> Result<Quant> {
        let scales = self.graph.floats(self.input(node, scale)?).context("a scale that is computed")?;
        let zeros = match self.optional(node, zero)? {
            Some(id) => self.graph.integers(id)?,
            None => vec![0; scales.len()],
        };
        let positive = !scales.is_empty() && scales.iter().all(|s| s.is_finite() && *s > 0.0);
        ensure!(positive, "a scale that is not a positive number");
        ensure!(zeros.len() == scales.len(), "{} scales and {} zero points", scales.len(), zeros.len());
        // the type is the zero point's; without one that of the codes, or u8
        let named = node.input.get(zero).and_then(|n| self.types.get(n)).copied();
        let codes = self.types.get(&self.graph.values[of].name).copied();
        let (bits, signed) = named.or(codes).unwrap_or((8, false));
        let rank = self.graph.known(of)?.len();
        let axis = if scales.len() > 1 { axis(node.int("axis", 1), rank)? } else { 0 };
        if scales.len() > 1 {
            ensure!(self.graph.known(of)?[axis] == scales.len(), "{} scales along axis {axis}", scales.len());
        }
        let zeros = zeros.iter().map(|z| i32::try_from(*z)).collect::<Result<_, _>>()?;
        Ok(Quant { scales, zeros, axis, bits, signed, narrow: false })
    }

    /// A constant put on a grid.
    fn encoded(&mut self, node: &Node, x: ValueId, quant: Quant) -> Result<Vec<ValueId>> {
        let array = self.graph.values[x].constant.as_ref().context("is no constant")?;
        let codes: Vec<i32> = crate::model::integer::encode(&quant, &array.dims, &array.floats());
        let dims = array.dims.clone();
        let id = self.constant(&node.output[0], Array::new(dims, Data::I32(codes))?);
        self.graph.values[id].quant = Some(quant);
        Ok(vec![id])
    }

    fn dequantize(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        let x = self.input(node, 0)?;
        if self.graph.values[self.input(node, 1)?].constant.is_none() {
            return self.by_computed_scale(name, node);
        }
        let block = node.int("block_size", 0);
        if block > 0 {
            return self.blocks(node, x, usize::try_from(block)?);
        }
        let quant = self.grid(node, x, 1, 2)?;
        if let Some(array) = self.graph.values[x].constant.clone() {
            ensure!(!matches!(array.data, Data::F32(_)), "codes that are floats");
            let id = self.constant(&node.output[0], array);
            self.graph.values[id].quant = Some(quant);
            return Ok(vec![id]);
        }
        if self.graph.values[x].quant.is_none() {
            self.graph.values[x].quant = Some(quant);
        }
        self.one(name, node, Operation::Dequantize, &[x])
    }

    /// Constants with a scale for every run of `block` along an axis.
    fn blocks(&mut self, node: &Node, x: ValueId, block: usize) -> Result<Vec<ValueId>> {
        let array = self.graph.values[x].constant.as_ref().context("activations in blocks")?;
        let at = axis(node.int("axis", 1), array.dims.len())?;
        let scales = self.input(node, 1)?;
        let zeros = self.optional(node, 2)?.map(|id| self.graph.integers(id)).transpose()?;
        let dims = self.graph.known(scales)?.to_vec();
        let fits = dims.len() == array.dims.len()
            && (0..dims.len()).all(|i| dims[i] == if i == at { array.dims[i].div_ceil(block) } else { array.dims[i] });
        ensure!(fits, "scales {dims:?} do not fit blocks of {block} of {:?}", array.dims);
        let scales = self.graph.floats(scales).context("a scale that is computed")?;
        ensure!(zeros.as_ref().is_none_or(|z| z.len() == scales.len()), "scales and zero points differ in number");
        let inner: usize = array.dims[at + 1..].iter().product();
        let length = array.dims[at];
        let place = |i: usize| {
            let (outer, along, rest) = (i / (inner * length), i / inner % length, i % inner);
            (outer * dims[at] + along / block) * inner + rest
        };
        let value = |i: usize| {
            array.data.int(i).saturating_sub(zeros.as_ref().map_or(0, |z| z[place(i)])) as f32 * scales[place(i)]
        };
        let floats = (0..array.len()).map(value).collect();
        let dims = array.dims.clone();
        Ok(vec![self.constant(&node.output[0], Array::f32(dims, floats))])
    }

    /// Inputs: x, its scale and zero point, w, its scale and zero point, those of y, bias.
    fn linear_conv(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        let (x, w) = (self.input(node, 0)?, self.input(node, 3)?);
        let dims = self.graph.known(w)?.to_vec();
        ensure!(dims.len() == 4, "of {} dimensions; only images (4) are understood", dims.len());
        let weights = self.graph.permuted(w, &[0, 2, 3, 1])?;
        let window = self.window(node, x, &dims[2..])?;
        let groups = usize::try_from(node.int("group", 1))?;
        let op = Operation::Conv { window, groups, relu: false };
        self.linear(name, node, op, [x, weights, 3, 6], 8)
    }

    fn linear_matmul(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        let (x, w) = (self.input(node, 0)?, self.input(node, 3)?);
        let weights = self.graph.permuted(w, &[1, 0]).context("weights that are computed")?;
        self.linear(name, node, Operation::Linear { relu: false }, [x, weights, 3, 6], usize::MAX)
    }

    /// A layer from codes to codes.
    fn linear(&mut self, name: &str, node: &Node, op: Operation, at: [usize; 4], bias: usize) -> Result<Vec<ValueId>> {
        let [x, weights, w, y] = at;
        let input = self.grid(node, x, 1, 2)?;
        ensure!(input.scales.len() == 1, "an input of several scales");
        let mut of_weights = self.grid_of_weights(node, w)?;
        of_weights.axis = 0;
        let units: Vec<f32> = of_weights.scales.iter().map(|s| s * input.scales[0]).collect();
        self.graph.values[weights].quant = Some(of_weights);
        self.graph.values[x].quant.get_or_insert(input);
        let mut inputs = vec![x, weights];
        if let Some(b) = self.optional(node, bias)? {
            let zeros = vec![0; units.len()];
            self.graph.values[b].quant =
                Some(Quant { scales: units, zeros, axis: 0, bits: 32, signed: true, narrow: false });
            inputs.push(b);
        }
        let ids = self.one(name, node, op, &inputs)?;
        let mut output = self.grid(node, ids[0], y, y + 1)?;
        output.axis = 0;
        ensure!(output.scales.len() == 1, "an output of several scales");
        self.graph.values[ids[0]].quant = Some(output);
        Ok(ids)
    }

    /// Weights have one scale, or one for each output.
    fn grid_of_weights(&self, node: &Node, w: usize) -> Result<Quant> {
        let scales = self.graph.floats(self.input(node, w + 1)?).context("a scale that is computed")?;
        let zeros = self.integers(node, w + 2)?.unwrap_or_else(|| vec![0; scales.len()]);
        ensure!(zeros.len() == scales.len(), "{} scales and {} zero points", scales.len(), zeros.len());
        let (bits, signed) = node.input.get(w).and_then(|n| self.types.get(n)).copied().unwrap_or((8, true));
        let zeros = zeros.iter().map(|z| i32::try_from(*z)).collect::<Result<_, _>>()?;
        Ok(Quant { scales, zeros, axis: 0, bits, signed, narrow: false })
    }

    /// QONNX: inputs x, scale, zero point, bits; what comes out are floats on a grid.
    fn qonnx(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        let x = self.input(node, 0)?;
        let bits = self.number(node, 3)?.context("has no bit width")?;
        ensure!((1.0..=16.0).contains(&bits) && bits.fract() == 0.0, "of {bits} bits");
        let rounding = node.text("rounding_mode").unwrap_or("ROUND");
        ensure!(["ROUND", "HALF_EVEN", ""].contains(&rounding), "rounds by `{rounding}`");
        let of = |i: usize| self.graph.floats(self.input(node, i)?).context("a scale that is computed");
        let (scales, zeros) = (of(1)?, of(2)?);
        ensure!(!scales.is_empty() && scales.iter().all(|s| s.is_finite() && *s > 0.0), "a scale that is not positive");
        let dims = self.graph.known(self.input(node, 1)?)?.to_vec();
        let rank = self.graph.known(x)?.len();
        let along: Vec<usize> = (0..dims.len()).filter(|i| dims[*i] > 1).collect();
        ensure!(along.len() <= 1, "scales of shape {dims:?}");
        let axis = along.first().map_or(0, |i| i + rank.saturating_sub(dims.len()));
        ensure!(scales.len() == 1 || self.graph.known(x)?.get(axis) == Some(&scales.len()), "scales of shape {dims:?}");
        ensure!(zeros.iter().all(|z| z.fract() == 0.0 && z.abs() < 65536.0), "zero points that are not whole");
        let zero = |i: usize| zeros[if zeros.len() == scales.len() { i } else { 0 }] as i32;
        ensure!(zeros.len() == scales.len() || zeros.len() == 1, "scales and zero points differ in number");
        let quant = Quant {
            zeros: (0..scales.len()).map(zero).collect(),
            scales,
            axis,
            bits: bits as u32,
            signed: node.int("signed", 1) == 1,
            narrow: node.int("narrow", 0) == 1,
        };
        if self.graph.values[x].constant.is_some() {
            return self.encoded(node, x, quant);
        }
        if bits > 8.0 {
            bail!("activations of {bits} bits");
        }
        let codes = self.graph.add(&format!("{name}.codes"), Operation::Quantize(quant), &[x], "codes")?;
        self.one(name, node, Operation::Dequantize, &[codes])
    }
}
