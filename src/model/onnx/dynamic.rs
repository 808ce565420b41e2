//! Grids that are found at run time, and products of integers: DynamicQuantizeLinear, MatMulInteger, ConvInteger. They become the
//! operations that they are made of; codes are held as f32, which holds them exactly.

use anyhow::{Context, Result, ensure};

use super::proto::Node;
use super::{Attributes, Reader};
use crate::model::graph::{Array, Binary, Fold, Operation, Unary, ValueId};

impl Reader {
    /// Codes, scale and zero point, as ONNX's operator says.
    pub(super) fn dynamic_grid(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        let x = self.input(node, 0)?;
        let axes: Vec<usize> = (0..self.graph.known(x)?.len()).collect();
        let [zero, top, least] =
            [0.0, 255.0, f32::MIN_POSITIVE].map(|v| self.constant("number", Array::f32(vec![], vec![v])));
        let mut add =
            |op: Operation, inputs: &[ValueId], part: &str| self.graph.add(&format!("{name}.{part}"), op, inputs, part);
        let reduce = |fold| Operation::Reduce { fold, axes: axes.clone(), keep: false };
        let low = add(reduce(Fold::Min), &[x], "low")?;
        let low = add(Operation::Binary(Binary::Min), &[low, zero], "low")?;
        let high = add(reduce(Fold::Max), &[x], "high")?;
        let high = add(Operation::Binary(Binary::Max), &[high, zero], "high")?;
        let range = add(Operation::Binary(Binary::Sub), &[high, low], "range")?;
        let scale = add(Operation::Binary(Binary::Div), &[range, top], "scale")?;
        // all zeros have no range
        let scale = add(Operation::Binary(Binary::Max), &[scale, least], "scale")?;
        let below = add(Operation::Binary(Binary::Div), &[low, scale], "point")?;
        let point = add(Operation::Unary(Unary::Neg), &[below], "point")?;
        let point = add(Operation::Unary(Unary::Round), &[point], "point")?;
        let point = add(Operation::Unary(Unary::Clip(0.0, 255.0)), &[point], "point")?;
        let y = add(Operation::Binary(Binary::Div), &[x, scale], "codes")?;
        let y = add(Operation::Unary(Unary::Round), &[y], "codes")?;
        let y = add(Operation::Binary(Binary::Add), &[y, point], "codes")?;
        let y = add(Operation::Unary(Unary::Clip(0.0, 255.0)), &[y], "codes")?;
        Ok(vec![y, scale, point])
    }

    /// The numbers that codes stand for, by a scale that is computed.
    pub(super) fn by_computed_scale(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        let (codes, scale) = (self.input(node, 0)?, self.input(node, 1)?);
        let codes = self.without_zero(name, node, codes, 2)?;
        ensure!(self.graph.known(scale)?.iter().product::<usize>() == 1, "several scales that are computed");
        self.one(name, node, Operation::Binary(Binary::Mul), &[codes, scale])
    }

    /// Inputs: a, b, and the zero points of both.
    pub(super) fn integer_product(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        let (x, w) = (self.input(node, 0)?, self.input(node, 1)?);
        let x = self.without_zero(name, node, x, 2)?;
        ensure!(self.graph.values[w].constant.is_some(), "weights that are computed");
        let w = self.without_zero(name, node, w, 3)?;
        let dims = self.graph.known(w)?.to_vec();
        if node.op_type == "MatMulInteger" {
            let weights = self.graph.permuted(w, &[1, 0]).context("of weights that are no matrix")?;
            return self.one(name, node, Operation::Linear { relu: false }, &[x, weights]);
        }
        ensure!(dims.len() == 4, "of {} dimensions; only images (4) are understood", dims.len());
        let weights = self.graph.permuted(w, &[0, 2, 3, 1])?;
        let window = self.window(node, x, &dims[2..])?;
        let groups = usize::try_from(node.int("group", 1))?;
        self.one(name, node, Operation::Conv { window, groups, relu: false }, &[x, weights])
    }

    /// Codes less their zero point, where the node has one.
    fn without_zero(&mut self, name: &str, node: &Node, codes: ValueId, at: usize) -> Result<ValueId> {
        let Some(zero) = self.optional(node, at)? else { return Ok(codes) };
        let alone = self.graph.known(zero)?.iter().product::<usize>() == 1;
        ensure!(alone, "a zero point for each row or output");
        self.graph.add(&format!("{name}.centred"), Operation::Binary(Binary::Sub), &[codes, zero], "centred")
    }
}
