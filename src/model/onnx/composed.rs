//! Operators that are made of others.

use anyhow::{Context, Result, bail, ensure};

use super::proto::Node;
use super::{Attributes, Reader};
use crate::model::build::{axis, sizes};
use crate::model::graph::{Array, Binary, Data, Fold, Operation, Unary, ValueId, Window};

/// Most elements of a constant that is drawn up by a rule.
const MOST: usize = 1 << 16;

impl Reader {
    /// The outputs of an operator that others say; None of other operators.
    pub(super) fn composed(&mut self, name: &str, node: &Node) -> Result<Option<Vec<ValueId>>> {
        let mut c = Composer { reader: self, name };
        let x = |c: &Composer| c.reader.input(node, 0);
        let y = match node.op_type.as_str() {
            "Where" => {
                let all = [x(&c)?, c.reader.input(node, 1)?, c.reader.input(node, 2)?];
                c.add(Operation::Where, &all)?
            }
            "Not" => {
                let x = x(&c)?;
                c.not(x)?
            }
            op @ ("LessOrEqual" | "GreaterOrEqual" | "Xor") => {
                let (a, b) = (x(&c)?, c.reader.input(node, 1)?);
                let opposite = match op {
                    "LessOrEqual" => Binary::Greater,
                    "GreaterOrEqual" => Binary::Less,
                    _ => Binary::Equal,
                };
                let opposite = c.binary(opposite, a, b)?;
                c.not(opposite)?
            }
            "PRelu" | "ThresholdedRelu" | "Selu" | "Celu" | "Mish" | "Softsign" | "Ceil" | "Swish" | "QuickGelu"
            | "BiasGelu" => c.activation(node)?,
            "RMSNormalization" | "SimplifiedLayerNormalization" => {
                let (x, scale) = (x(&c)?, c.reader.input(node, 1)?);
                c.root_mean_square(node, x, scale)?
            }
            "SkipLayerNormalization" | "SkipSimplifiedLayerNormalization" => return c.skipped(node).map(Some),
            "InstanceNormalization" | "GroupNormalization" => c.groups(node)?,
            "LRN" => c.local(node)?,
            "Tile" => {
                let (x, repeats) = (x(&c)?, c.reader.integers(node, 1)?.context("has no repeats")?);
                c.tiled(x, &sizes(&repeats)?)?
            }
            "Range" => c.range(node)?,
            "Trilu" => c.triangle(node)?,
            _ => return Ok(None),
        };
        Ok(Some(vec![y]))
    }

    /// Reductions of what is first, and whose result is then, put through another operation.
    pub(super) fn reduced(&mut self, name: &str, node: &Node, fold: &str) -> Result<Vec<ValueId>> {
        let x = self.input(node, 0)?;
        let mut c = Composer { reader: self, name };
        let (before, fold, after) = match fold {
            "L1" => (c.unary(Unary::Abs, x)?, Fold::Sum, None),
            "L2" => (c.binary(Binary::Mul, x, x)?, Fold::Sum, Some(Unary::Sqrt)),
            "SumSquare" => (c.binary(Binary::Mul, x, x)?, Fold::Sum, None),
            "LogSum" => (x, Fold::Sum, Some(Unary::Log)),
            "LogSumExp" => (c.unary(Unary::Exp, x)?, Fold::Sum, Some(Unary::Log)),
            "Mean" => (x, Fold::Mean, None),
            "Sum" => (x, Fold::Sum, None),
            "Max" => (x, Fold::Max, None),
            "Min" => (x, Fold::Min, None),
            _ => bail!("is a reduction that is not known"),
        };
        let folded = match c.reader.axes(node, x)? {
            Some(axes) => c.add(Operation::Reduce { fold, axes, keep: node.int("keepdims", 1) == 1 }, &[before])?,
            None => before,
        };
        Ok(vec![match after {
            Some(after) => c.unary(after, folded)?,
            None if folded == x => c.add(Operation::Identity, &[x])?,
            None => folded,
        }])
    }

    /// The axes of a reduction, as an attribute or an input; None where it is to reduce nothing.
    fn axes(&self, node: &Node, x: ValueId) -> Result<Option<Vec<usize>>> {
        let rank = self.graph.known(x)?.len();
        let axes = match node.ints("axes") {
            Some(axes) => Some(axes.to_vec()),
            None => self.integers(node, 1)?,
        };
        match axes.filter(|a| !a.is_empty()) {
            Some(axes) => axes.iter().map(|a| axis(*a, rank)).collect::<Result<Vec<_>>>().map(Some),
            None if node.int("noop_with_empty_axes", 0) == 1 => Ok(None),
            None => Ok(Some((0..rank).collect())),
        }
    }

    /// Padding with elements of the tensor itself.
    pub(super) fn padded_by(&mut self, name: &str, node: &Node, mode: &str) -> Result<Vec<ValueId>> {
        let mut x = self.input(node, 0)?;
        let dims = self.graph.known(x)?.to_vec();
        let amounts = self.amounts(node, &dims)?;
        let mut c = Composer { reader: self, name };
        for (at, [before, after]) in amounts.into_iter().enumerate().filter(|(_, a)| *a != [0, 0]) {
            let (d, total) = (dims[at] as i64, dims[at].checked_add(before).and_then(|t| t.checked_add(after)));
            ensure!(d > 0 && total.is_some_and(|t| t <= MOST), "pads {} elements by {before} and {after}", dims[at]);
            ensure!(mode != "reflect" || (before as i64) < d && (after as i64) < d, "mirrors more than there is");
            let place = |i: i64| match mode {
                "edge" => i.clamp(0, d - 1),
                "wrap" => i.rem_euclid(d),
                _ if i < 0 => -i,
                _ if i >= d => 2 * (d - 1) - i,
                _ => i,
            };
            let from = -(before as i64);
            x = c.picked(x, at, (from..d + after as i64).map(place).collect())?;
        }
        Ok(vec![x])
    }
}

/// Adds the parts of one node.
struct Composer<'a> {
    reader: &'a mut Reader,
    name: &'a str,
}

impl Composer<'_> {
    fn add(&mut self, op: Operation, inputs: &[ValueId]) -> Result<ValueId> {
        let count = self.reader.graph.nodes.len();
        self.reader.graph.add(&format!("{}.{count}", self.name), op, inputs, &format!("{}.{count}", self.name))
    }

    fn unary(&mut self, op: Unary, x: ValueId) -> Result<ValueId> {
        self.add(Operation::Unary(op), &[x])
    }

    fn binary(&mut self, op: Binary, a: ValueId, b: ValueId) -> Result<ValueId> {
        self.add(Operation::Binary(op), &[a, b])
    }

    fn number(&mut self, value: f32) -> ValueId {
        self.reader.constant("number", Array::f32(vec![], vec![value]))
    }

    fn with(&mut self, op: Binary, x: ValueId, number: f32) -> Result<ValueId> {
        let number = self.number(number);
        self.binary(op, x, number)
    }

    fn not(&mut self, x: ValueId) -> Result<ValueId> {
        self.with(Binary::Equal, x, 0.0)
    }

    fn reshaped(&mut self, x: ValueId, dims: Vec<usize>) -> Result<ValueId> {
        self.add(Operation::Reshape(dims), &[x])
    }

    fn dims(&self, x: ValueId) -> Result<Vec<usize>> {
        Ok(self.reader.graph.known(x)?.to_vec())
    }

    /// Elements at some indices of an axis.
    fn picked(&mut self, x: ValueId, axis: usize, at: Vec<i64>) -> Result<ValueId> {
        let indices = self.reader.constant("indices", Array::ints(&at));
        self.add(Operation::Gather(axis), &[x, indices])
    }

    fn activation(&mut self, node: &Node) -> Result<ValueId> {
        let x = self.reader.input(node, 0)?;
        Ok(match node.op_type.as_str() {
            "PRelu" => {
                let slope = self.reader.input(node, 1)?;
                let (below, less) = (self.binary(Binary::Mul, x, slope)?, self.with(Binary::Less, x, 0.0)?);
                self.add(Operation::Where, &[less, below, x])?
            }
            "ThresholdedRelu" => {
                let (over, zero) = (self.with(Binary::Greater, x, node.float("alpha", 1.0))?, self.number(0.0));
                self.add(Operation::Where, &[over, x, zero])?
            }
            "Selu" => {
                let y = self.unary(Unary::Elu(node.float("alpha", 1.673_263_2)), x)?;
                self.with(Binary::Mul, y, node.float("gamma", 1.050_701))?
            }
            "Celu" => {
                let alpha = node.float("alpha", 1.0);
                let y = self.with(Binary::Div, x, alpha)?;
                let y = self.unary(Unary::Elu(1.0), y)?;
                self.with(Binary::Mul, y, alpha)?
            }
            "Mish" => {
                let y = self.unary(Unary::Softplus, x)?;
                let y = self.unary(Unary::Tanh, y)?;
                self.binary(Binary::Mul, x, y)?
            }
            "Softsign" => {
                let size = self.unary(Unary::Abs, x)?;
                let below = self.with(Binary::Add, size, 1.0)?;
                self.binary(Binary::Div, x, below)?
            }
            "Ceil" => {
                let y = self.unary(Unary::Neg, x)?;
                let y = self.unary(Unary::Floor, y)?;
                self.unary(Unary::Neg, y)?
            }
            "BiasGelu" => {
                let bias = self.reader.input(node, 1)?;
                let y = self.binary(Binary::Add, x, bias)?;
                self.unary(Unary::Gelu, y)?
            }
            op => {
                let alpha = node.float("alpha", if op == "QuickGelu" { 1.702 } else { 1.0 });
                let gate = self.with(Binary::Mul, x, alpha)?;
                let gate = self.unary(Unary::Sigmoid, gate)?;
                self.binary(Binary::Mul, x, gate)?
            }
        })
    }

    /// `x / sqrt(mean(x^2) + epsilon) * scale` (Zhang and Sennrich 2019).
    fn root_mean_square(&mut self, node: &Node, x: ValueId, scale: ValueId) -> Result<ValueId> {
        let rank = self.dims(x)?.len();
        let axes = (axis(node.int("axis", -1), rank)?..rank).collect();
        let squares = self.binary(Binary::Mul, x, x)?;
        let mean = self.add(Operation::Reduce { fold: Fold::Mean, axes, keep: true }, &[squares])?;
        let mean = self.with(Binary::Add, mean, node.float("epsilon", 1e-5))?;
        let by = self.unary(Unary::Rsqrt, mean)?;
        let y = self.binary(Binary::Mul, x, by)?;
        self.binary(Binary::Mul, y, scale)
    }

    /// Normalization of a sum. Inputs: x, what is skipped to here, scale, and (not of the simplified one) shift, then a bias.
    fn skipped(&mut self, node: &Node) -> Result<Vec<ValueId>> {
        let simple = node.op_type == "SkipSimplifiedLayerNormalization";
        let (x, skip, scale) = (self.reader.input(node, 0)?, self.reader.input(node, 1)?, self.reader.input(node, 2)?);
        let mut sum = self.binary(Binary::Add, x, skip)?;
        if let Some(bias) = self.reader.optional(node, if simple { 3 } else { 4 })? {
            sum = self.binary(Binary::Add, sum, bias)?;
        }
        let y = if simple {
            self.root_mean_square(node, sum, scale)?
        } else {
            let shift = self.reader.optional(node, 3)?;
            let inputs: Vec<ValueId> = [sum, scale].into_iter().chain(shift).collect();
            let axis = self.dims(sum)?.len().checked_sub(1).context("of a single number")?;
            self.add(Operation::LayerNorm { axis, epsilon: node.float("epsilon", 1e-12) }, &inputs)?
        };
        ensure!((1..3).all(|i| node.output.get(i).is_none_or(String::is_empty)), "gives means and deviations");
        // the fourth output is the sum
        Ok(vec![y, y, y, sum])
    }

    /// Normalization over all but the batch and groups of channels; scale and shift of each channel or group.
    fn groups(&mut self, node: &Node) -> Result<ValueId> {
        let (x, scale, shift) = (self.reader.input(node, 0)?, self.reader.input(node, 1)?, self.reader.input(node, 2)?);
        let dims = self.dims(x)?;
        ensure!(dims.len() > 2, "of {} dimensions", dims.len());
        let channels = dims[1];
        let groups = match node.op_type.as_str() {
            "InstanceNormalization" => channels,
            _ => usize::try_from(node.int("num_groups", 1))?,
        };
        ensure!(groups > 0 && channels.is_multiple_of(groups), "{groups} groups of {channels} channels");
        let rest = dims[1..].iter().product::<usize>() / groups;
        let y = self.reshaped(x, vec![dims[0], groups, rest])?;
        let y = self.add(Operation::LayerNorm { axis: 2, epsilon: node.float("epsilon", 1e-5) }, &[y])?;
        // before opset 21 group normalization has one scale for a group
        let of_groups = self.dims(scale)? == [groups];
        let y = if of_groups { self.add(Operation::Affine { axis: 1 }, &[y, scale, shift])? } else { y };
        let y = self.reshaped(y, dims)?;
        if of_groups { Ok(y) } else { self.add(Operation::Affine { axis: 1 }, &[y, scale, shift]) }
    }

    /// `x / (bias + alpha / size * sum of squares of neighbouring channels)^beta` (Krizhevsky et al. 2012).
    fn local(&mut self, node: &Node) -> Result<ValueId> {
        let x = self.reader.input(node, 0)?;
        let dims = self.dims(x)?;
        let size = usize::try_from(node.int("size", 1))?;
        ensure!(dims.len() > 1 && dims[0] == 1 && (1..1 << 16).contains(&size), "of {size} channels of {dims:?}");
        let squares = self.binary(Binary::Mul, x, x)?;
        // channels become the height of an image
        let image = self.reshaped(squares, vec![1, 1, dims[1], dims[2..].iter().product()])?;
        let pad = [(size - 1) / 2, 0, size / 2, 0];
        let window = Window { kernel: [size, 1], stride: [1, 1], pad, dilation: [1, 1], channels_first: true };
        let mean = self.add(Operation::AveragePool { window, whole: true }, &[image])?;
        let mean = self.reshaped(mean, dims)?;
        let y = self.with(Binary::Mul, mean, node.float("alpha", 1e-4))?;
        let y = self.with(Binary::Add, y, node.float("bias", 1.0))?;
        let y = self.with(Binary::Pow, y, node.float("beta", 0.75))?;
        self.binary(Binary::Div, x, y)
    }

    fn tiled(&mut self, x: ValueId, repeats: &[usize]) -> Result<ValueId> {
        let dims = self.dims(x)?;
        ensure!(dims.len() == repeats.len(), "repeats {repeats:?} of shape {dims:?}");
        let mut y = x;
        for (at, (d, times)) in dims.iter().zip(repeats).enumerate().filter(|(_, (_, times))| **times != 1) {
            let count = d.checked_mul(*times).filter(|n| *n <= MOST);
            let count = count.with_context(|| format!("repeats {d} elements {times} times"))?;
            y = self.picked(y, at, (0..count).map(|i| (i % d) as i64).collect())?;
        }
        Ok(y)
    }

    /// Of constants.
    fn range(&mut self, node: &Node) -> Result<ValueId> {
        let mut ends = Vec::new();
        let mut whole = true;
        for i in 0..3 {
            let id = self.reader.input(node, i)?;
            let value = self.reader.graph.values[id].constant.as_ref();
            whole &= value.is_some_and(|a| !matches!(a.data, Data::F32(_)));
            ends.push(f64::from(self.reader.number(node, i)?.context("has no end")?));
        }
        let count = ((ends[1] - ends[0]) / ends[2]).ceil().max(0.0);
        ensure!(count.is_finite() && count <= MOST as f64, "counts from {} to {} by {}", ends[0], ends[1], ends[2]);
        let all = (0..count as usize).map(|i| ends[0] + i as f64 * ends[2]);
        let array = if whole {
            Array::ints(&all.map(|v| v as i64).collect::<Vec<_>>())
        } else {
            Array::f32(vec![count as usize], all.map(|v| v as f32).collect())
        };
        Ok(self.reader.constant("range", array))
    }

    /// What is on one side of a diagonal; zeros elsewhere.
    fn triangle(&mut self, node: &Node) -> Result<ValueId> {
        let (x, by) = (self.reader.input(node, 0)?, self.reader.integers(node, 1)?);
        let (by, upper) = (by.and_then(|v| v.first().copied()).unwrap_or(0), node.int("upper", 1) == 1);
        let dims = self.dims(x)?;
        let [.., rows, columns] = dims[..] else { bail!("of {} dimensions", dims.len()) };
        ensure!(rows.checked_mul(columns).is_some_and(|n| n <= 1 << 24), "of {rows} by {columns}");
        let inside = |i: usize| {
            let off = (i % columns) as i64 - (i / columns) as i64;
            u8::from(if upper { off >= by } else { off <= by })
        };
        let mask = Array::new(vec![rows, columns], Data::U8((0..rows * columns).map(inside).collect()))?;
        let (mask, zero) = (self.reader.constant("mask", mask), self.number(0.0));
        self.add(Operation::Where, &[mask, x, zero])
    }
}
