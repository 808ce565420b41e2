//! What the readers have in common: nodes are added with their shapes, and constants are computed at once.

use anyhow::{Context, Result, anyhow, ensure};

use super::compute::{compute, transpose};
use super::graph::{Array, Graph, Node, Operation, Quant, ValueId};
use super::infer::infer;

impl Graph {
    /// Adds a node of one output.
    /// # Errors
    /// Inputs that do not fit, or are not known.
    pub fn add(&mut self, name: &str, op: Operation, inputs: &[ValueId], output: &str) -> Result<ValueId> {
        Ok(self.add_all(name, op, inputs, &[output])?[0])
    }

    /// Adds a node, or the constants that it comes to.
    /// # Errors
    /// As [`Graph::add`].
    pub fn add_all(&mut self, name: &str, op: Operation, inputs: &[ValueId], outputs: &[&str]) -> Result<Vec<ValueId>> {
        let dims = inputs.iter().map(|i| self.known(*i)).collect::<Result<Vec<&[usize]>>>()?;
        let shapes = infer(&op, &dims)?;
        ensure!(outputs.len() <= shapes.len(), "gives {} outputs, not {}", shapes.len(), outputs.len());
        let into: usize = dims.iter().map(|d| d.iter().product::<usize>()).sum();
        let out: usize = shapes.iter().map(|d| d.iter().product::<usize>()).sum();
        let foldable =
            !matches!(op, Operation::Quantize(_) | Operation::Dequantize) && (out <= into || out <= self.room);
        if foldable && !inputs.is_empty() && inputs.iter().all(|i| self.values[*i].constant.is_some()) {
            let arrays: Vec<Array> = inputs.iter().map(|i| self.plain(*i)).collect::<Result<_>>()?;
            self.room -= if out > into { out } else { 0 };
            let results = compute(&op, &arrays.iter().collect::<Vec<_>>())?;
            return Ok(outputs.iter().zip(results).map(|(name, array)| self.constant(name, array)).collect());
        }
        let quant = match &op {
            Operation::Quantize(q) => Some(q.clone()),
            // what only moves numbers leaves them on their grid
            Operation::Reshape(_)
            | Operation::Transpose(_)
            | Operation::MaxPool(_)
            | Operation::Identity
            | Operation::Slice(_)
            | Operation::Split { .. }
            | Operation::Expand(_) => self.values[inputs[0]].quant.clone().filter(|q| q.scales.len() == 1),
            _ => None,
        };
        let ids: Vec<ValueId> = outputs.iter().zip(shapes).map(|(name, dims)| self.value(name, Some(dims))).collect();
        ids.iter().for_each(|id| self.values[*id].quant = quant.clone());
        self.nodes.push(Node { name: name.into(), op, inputs: inputs.to_vec(), outputs: ids.clone() });
        Ok(ids)
    }

    /// Adds a node that is not understood; its outputs may still be known to have some shape.
    pub fn add_unsupported(
        &mut self,
        name: &str,
        why: &str,
        inputs: &[ValueId],
        outputs: &[(&str, Option<Vec<usize>>)],
    ) -> Vec<ValueId> {
        let ids: Vec<ValueId> = outputs.iter().map(|(name, dims)| self.value(name, dims.clone())).collect();
        let op = Operation::Unsupported(why.into());
        self.nodes.push(Node { name: name.into(), op, inputs: inputs.to_vec(), outputs: ids.clone() });
        ids
    }

    /// The shape of a value.
    /// # Errors
    /// It comes from an operation that is not understood.
    pub fn known(&self, id: ValueId) -> Result<&[usize]> {
        self.dims(id).ok_or_else(|| anyhow!("the shape of its input `{}` is not known", self.values[id].name))
    }

    /// A constant, its quantization applied.
    fn plain(&self, id: ValueId) -> Result<Array> {
        let value = &self.values[id];
        let array = value.constant.as_ref().context("is no constant")?;
        let floats = |q: &Quant| Array::f32(array.dims.clone(), q.values(array));
        Ok(value.quant.as_ref().map_or_else(|| array.clone(), floats))
    }

    /// A constant with its dimensions in another order; codes stay codes.
    /// # Errors
    /// It is no constant, or not of so many dimensions.
    pub fn permuted(&mut self, id: ValueId, perm: &[usize]) -> Result<ValueId> {
        let value = &self.values[id];
        let array = value.constant.as_ref().with_context(|| format!("`{}` is no constant", value.name))?;
        ensure!(array.dims.len() == perm.len(), "`{}` has shape {:?}", value.name, array.dims);
        let (array, name, quant) = (transpose(array, perm), value.name.clone(), value.quant.clone());
        let moved = |q: Quant| Quant { axis: perm.iter().position(|p| *p == q.axis).unwrap_or(0), ..q };
        let new = self.constant(&name, array);
        self.values[new].quant = quant.map(moved);
        Ok(new)
    }

    /// A constant with one more dimension, of 1; codes stay codes.
    /// # Errors
    /// It is no constant.
    pub fn widened(&mut self, id: ValueId, at: usize) -> Result<ValueId> {
        let value = &self.values[id];
        let mut array = value.constant.clone().with_context(|| format!("`{}` is no constant", value.name))?;
        array.dims.insert(at, 1);
        let (name, quant) = (value.name.clone(), value.quant.clone());
        let new = self.constant(&name, array);
        self.values[new].quant = quant.map(|q| Quant { axis: q.axis + usize::from(q.axis >= at), ..q });
        Ok(new)
    }

    /// The integers of a constant.
    /// # Errors
    /// It is no constant: what it is needed for, must not depend on the network's input.
    pub fn integers(&self, id: ValueId) -> Result<Vec<i64>> {
        let value = &self.values[id];
        let array = value.constant.as_ref();
        array.with_context(|| format!("`{}` must be a constant", value.name))?.integers()
    }
}

/// An axis counted from the front; negative ones count from the back.
/// # Errors
/// There is none such.
pub fn axis(axis: i64, rank: usize) -> Result<usize> {
    let at = if axis < 0 { axis + rank as i64 } else { axis };
    ensure!((0..rank as i64).contains(&at), "there is no axis {axis} of {rank} dimensions");
    Ok(at as usize)
}

/// Dimensions as a file gives them.
/// # Errors
/// A negative one.
pub fn sizes(dims: &[i64]) -> Result<Vec<usize>> {
    dims.iter().map(|d| usize::try_from(*d).map_err(|_| anyhow!("{d} is no size"))).collect()
}

/// The shape that a reshape asks for: -1 is what is left, 0 (where `keep`) what the input has.
/// # Errors
/// It has another number of elements.
pub fn reshaped(wanted: &[i64], from: &[usize], keep: bool) -> Result<Vec<usize>> {
    let total: usize = from.iter().product();
    let mut dims: Vec<Option<usize>> = Vec::new();
    for (i, d) in wanted.iter().enumerate() {
        dims.push(match d {
            -1 => None,
            0 if keep => Some(*from.get(i).with_context(|| format!("keeps dimension {i} of {from:?}"))?),
            d => Some(usize::try_from(*d).map_err(|_| anyhow!("{d} is no size"))?),
        });
    }
    let known = dims.iter().flatten().try_fold(1usize, |p, d| p.checked_mul(*d)).context("is too large")?;
    let left = total.checked_div(known).unwrap_or(0);
    let dims: Vec<usize> = dims.into_iter().map(|d| d.unwrap_or(left)).collect();
    let fits = wanted.iter().filter(|d| **d == -1).count() <= 1 && super::graph::elements(&dims) == Some(total);
    ensure!(fits, "shape {from:?} cannot become {wanted:?}");
    Ok(dims)
}
