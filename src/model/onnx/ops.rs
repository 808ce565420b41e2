//! What ONNX operators mean in the graph's operations.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::proto::Node;
use super::{Attributes, Reader, tensor};
use crate::model::build::{axis, reshaped, sizes};
use crate::model::graph::{Array, Binary, Data, Fold, Operation, Unary, ValueId};
use crate::model::infer::{broadcast, image};

impl Reader {
    /// Adds a node's meaning and returns its outputs.
    pub(super) fn lower(&mut self, name: &str, node: &Node, folder: &Path) -> Result<Vec<ValueId>> {
        let domain = node.domain.as_str();
        ensure!(
            ["", "ai.onnx", "com.microsoft", "qonnx.custom_op.general", "onnx.brevitas"].contains(&domain),
            "is of the domain `{domain}`, which is not known"
        );
        if let Some(op) = unary(node) {
            return self.simple(name, node, Operation::Unary(op), 1);
        }
        if let Some(op) = binary(&node.op_type) {
            return self.many(name, node, op);
        }
        if let Some(fold) = node.op_type.strip_prefix("Reduce") {
            return self.reduced(name, node, fold);
        }
        if let Some(ids) = self.composed(name, node)? {
            return Ok(ids);
        }
        match node.op_type.as_str() {
            "Conv" => self.conv(name, node),
            "Gemm" => self.gemm(name, node),
            "MatMul" => self.matmul(name, node),
            "BatchNormalization" => self.batch_norm(name, node),
            "LayerNormalization" => {
                let x = self.input(node, 0)?;
                let axis = axis(node.int("axis", -1), self.graph.known(x)?.len())?;
                let op = Operation::LayerNorm { axis, epsilon: node.float("epsilon", 1e-5) };
                let inputs = (0..3).filter_map(|i| self.optional(node, i).transpose()).collect::<Result<Vec<_>>>()?;
                self.one(name, node, op, &inputs)
            }
            "MaxPool" | "AveragePool" => self.pool(name, node),
            "GlobalAveragePool" | "GlobalMaxPool" => {
                let rank = self.graph.known(self.input(node, 0)?)?.len();
                let fold = if node.op_type == "GlobalMaxPool" { Fold::Max } else { Fold::Mean };
                self.simple(name, node, Operation::Reduce { fold, axes: (2..rank).collect(), keep: true }, 1)
            }
            "Softmax" | "LogSoftmax" => self.softmax(name, node),
            "Clip" => {
                let bound = |i: usize, attribute: &str, default: f32| {
                    Ok::<f32, anyhow::Error>(self.number(node, i)?.unwrap_or(node.float(attribute, default)))
                };
                let op = Unary::Clip(bound(1, "min", f32::MIN)?, bound(2, "max", f32::MAX)?);
                self.simple(name, node, Operation::Unary(op), 1)
            }
            "QuantizeLinear" | "DequantizeLinear" | "QLinearConv" | "QLinearMatMul" | "Quant" | "BipolarQuant" => {
                self.quantization(name, node)
            }
            "DynamicQuantizeLinear" => self.dynamic_grid(name, node),
            "MatMulInteger" | "ConvInteger" => self.integer_product(name, node),
            "Constant" => self.constant_node(node, folder),
            "ConstantOfShape" => {
                let dims = sizes(&self.integers(node, 0)?.context("has no shape")?)?;
                let fill =
                    node.attribute("value").and_then(|a| a.t.as_ref()).map(|t| tensor::array(t, folder)).transpose()?;
                let fill = fill.unwrap_or(Array::f32(vec![1], vec![0.0]));
                let count = dims.iter().try_fold(1usize, |p, d| p.checked_mul(*d)).filter(|n| *n <= 1 << 16);
                let count = count.context("is a constant of more than 65,536 elements")?;
                ensure!(fill.len() == 1, "its value is not one number");
                let array = Array { data: fill.data.pick(std::iter::repeat_n(0, count)), dims };
                Ok(vec![self.constant(&node.output[0], array)])
            }
            "Shape" => {
                let dims: Vec<i64> = self.graph.known(self.input(node, 0)?)?.iter().map(|d| *d as i64).collect();
                let part =
                    |at: i64| (if at < 0 { at + dims.len() as i64 } else { at }).clamp(0, dims.len() as i64) as usize;
                let (start, end) = (part(node.int("start", 0)), part(node.int("end", i64::MAX)));
                Ok(vec![self.constant(&node.output[0], Array::ints(&dims[start.min(end)..end]))])
            }
            _ => self.moves(name, node),
        }
    }

    /// What only moves numbers.
    fn moves(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        let x = self.input(node, 0).ok();
        let dims = x.map(|x| self.graph.known(x).map(<[usize]>::to_vec)).transpose()?.context("has no input")?;
        let given = |this: &Self, attribute: &str| match node.ints(attribute) {
            Some(ints) => Ok(Some(ints.to_vec())),
            None => this.integers(node, 1),
        };
        let op = match node.op_type.as_str() {
            "Identity" | "Dropout" => Operation::Identity,
            "Cast" => match node.int("to", 1) {
                1 | 10 | 11 | 16 => return self.cast(name, node, &Data::F32(vec![])),
                9 => return self.cast_to_bool(name, node),
                7 => return self.cast(name, node, &Data::I64(vec![])),
                6 => return self.cast(name, node, &Data::I32(vec![])),
                to => bail!("to elements of type {to}"),
            },
            "Reshape" => {
                let wanted = self.integers(node, 1)?.context("has no shape")?;
                Operation::Reshape(reshaped(&wanted, &dims, node.int("allowzero", 0) == 0)?)
            }
            "Flatten" => {
                let at = node.int("axis", 1);
                let at = if at == dims.len() as i64 { dims.len() } else { axis(at, dims.len())? };
                Operation::Reshape(vec![dims[..at].iter().product(), dims[at..].iter().product()])
            }
            "Squeeze" => {
                let axes = given(self, "axes")?.unwrap_or_default();
                let axes = axes.iter().map(|a| axis(*a, dims.len())).collect::<Result<Vec<_>>>()?;
                let gone = |(i, d): (usize, &usize)| if axes.is_empty() { *d == 1 } else { axes.contains(&i) };
                Operation::Reshape(dims.iter().enumerate().filter(|d| !gone(*d)).map(|d| *d.1).collect())
            }
            "Unsqueeze" => {
                let axes = given(self, "axes")?.context("has no axes")?;
                let rank = dims.len() + axes.len();
                let axes = axes.iter().map(|a| axis(*a, rank)).collect::<Result<Vec<_>>>()?;
                let mut old = dims.iter();
                let dim = |i: usize| if axes.contains(&i) { Some(1) } else { old.next().copied() };
                Operation::Reshape((0..rank).map(dim).collect::<Option<_>>().context("names an axis twice")?)
            }
            "Transpose" => {
                let reversed: Vec<i64> = (0..dims.len() as i64).rev().collect();
                Operation::Transpose(sizes(node.ints("perm").unwrap_or(&reversed))?)
            }
            "Concat" => {
                let inputs = (0..node.input.len()).map(|i| self.input(node, i)).collect::<Result<Vec<_>>>()?;
                return self.one(name, node, Operation::Concat(axis(node.int("axis", 0), dims.len())?), &inputs);
            }
            "Expand" => {
                let wanted = sizes(&self.integers(node, 1)?.context("has no shape")?)?;
                Operation::Expand(broadcast(&dims, &wanted)?)
            }
            "Gather" => {
                let at = axis(node.int("axis", 0), dims.len())?;
                return self.simple(name, node, Operation::Gather(at), 2);
            }
            "Pad" => match node.text("mode").unwrap_or("constant") {
                mode @ ("edge" | "reflect" | "wrap") => return self.padded_by(name, node, mode),
                _ => self.pad(node, &dims)?,
            },
            "Slice" => self.slice(node, &dims)?,
            "Split" => {
                let at = axis(node.int("axis", 0), dims.len())?;
                let parts = node.int("num_outputs", node.output.len() as i64).max(1) as usize;
                let even = || {
                    let each = dims[at].div_ceil(parts);
                    (0..parts).map(|i| each.min(dims[at].saturating_sub(i * each)) as i64).collect()
                };
                ensure!(parts <= 4096, "has too many outputs");
                let wanted = given(self, "split")?.unwrap_or_else(even);
                let outputs: Vec<&str> = node.output.iter().map(String::as_str).collect();
                let op = Operation::Split { axis: at, sizes: sizes(&wanted)? };
                return self.graph.add_all(name, op, &[self.input(node, 0)?], &outputs);
            }
            _ => bail!("is an operator that is not known"),
        };
        self.simple(name, node, op, 1)
    }

    fn cast(&mut self, name: &str, node: &Node, like: &Data) -> Result<Vec<ValueId>> {
        let x = self.input(node, 0)?;
        match &self.graph.values[x].constant {
            Some(array) => {
                let array = Array { dims: array.dims.clone(), data: array.data.clone().like(like) };
                Ok(vec![self.constant(&node.output[0], array)])
            }
            None if matches!(like, Data::F32(_)) => self.simple(name, node, Operation::Identity, 1),
            None => bail!("cuts activations off to integers"),
        }
    }

    fn cast_to_bool(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        let x = self.input(node, 0)?;
        let zero = self.constant("zero", Array::f32(vec![], vec![0.0]));
        let none = self.graph.add(&format!("{name}.none"), Operation::Binary(Binary::Equal), &[x, zero], "none")?;
        self.one(name, node, Operation::Binary(Binary::Equal), &[none, zero])
    }

    /// A node of the first inputs and one output.
    fn simple(&mut self, name: &str, node: &Node, op: Operation, inputs: usize) -> Result<Vec<ValueId>> {
        let inputs = (0..inputs).map(|i| self.input(node, i)).collect::<Result<Vec<_>>>()?;
        self.one(name, node, op, &inputs)
    }

    pub(super) fn one(&mut self, name: &str, node: &Node, op: Operation, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
        let output = node.output.first().context("has no output")?;
        Ok(vec![self.graph.add(name, op, inputs, output)?])
    }

    /// Of two inputs or more, from the left.
    fn many(&mut self, name: &str, node: &Node, op: Binary) -> Result<Vec<ValueId>> {
        let mut all = self.input(node, 0)?;
        for i in 1..node.input.len() {
            let next = self.input(node, i)?;
            all = self.graph.add(name, Operation::Binary(op), &[all, next], &node.output[0])?;
        }
        Ok(vec![all])
    }

    /// Weights [f, c, kh, kw] become [f, kh, kw, c]; a convolution along a line is one of an image of height 1.
    fn conv(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        let (x, w) = (self.input(node, 0)?, self.input(node, 1)?);
        let dims = self.graph.known(w)?.to_vec();
        ensure!(
            [3, 4].contains(&dims.len()),
            "of {} dimensions; only lines (3) and images (4) are understood",
            dims.len()
        );
        let w = if dims.len() == 3 { self.graph.widened(w, 2)? } else { w };
        let image = self.as_image(name, x)?;
        let weights = self.graph.permuted(w, &[0, 2, 3, 1]).context("weights that are computed")?;
        let window = self.window(node, image, &dims[2..])?;
        let groups = usize::try_from(node.int("group", 1))?;
        let mut inputs = vec![image, weights];
        inputs.extend(self.optional(node, 2)?);
        let y = self.one(name, node, Operation::Conv { window, groups, relu: false }, &inputs)?;
        self.as_it_was(name, node, (x, image), y)
    }

    /// A line [1, c, l] as an image [1, c, 1, l].
    fn as_image(&mut self, name: &str, x: ValueId) -> Result<ValueId> {
        let [n, c, l] = self.graph.known(x)?[..] else { return Ok(x) };
        self.graph.add(&format!("{name}.image"), Operation::Reshape(vec![n, c, 1, l]), &[x], "image")
    }

    /// What came of an image, as a line where it was one.
    fn as_it_was(
        &mut self,
        name: &str,
        node: &Node,
        from: (ValueId, ValueId),
        y: Vec<ValueId>,
    ) -> Result<Vec<ValueId>> {
        if from.0 == from.1 {
            return Ok(y);
        }
        let dims = self.graph.known(y[0])?;
        let line = vec![dims[0], dims[1], dims[3]];
        self.one(&format!("{name}.line"), node, Operation::Reshape(line), &y)
    }

    fn pool(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        let given = self.input(node, 0)?;
        let x = self.as_image(name, given)?;
        let kernel = sizes(node.ints("kernel_shape").context("has no kernel_shape")?)?;
        let mut window = self.window(node, x, &kernel)?;
        let kernel = window.kernel;
        let whole = node.int("count_include_pad", 0) == 1;
        if node.int("ceil_mode", 0) == 1 {
            let [h, w, _] = image(self.graph.known(x)?, true)?;
            for (i, size) in [h, w].into_iter().enumerate() {
                let left = (size + window.pad[i] + window.pad[i + 2])
                    .checked_sub(kernel[i])
                    .map_or(0, |r| r % window.stride[i]);
                let more = if left > 0 { window.stride[i] - left } else { 0 };
                ensure!(more == 0 || !whole, "ceil_mode together with count_include_pad");
                window.pad[i + 2] += more;
            }
        }
        ensure!(node.output.len() < 2 || node.output[1].is_empty(), "gives indices");
        let op = if node.op_type == "MaxPool" {
            Operation::MaxPool(window)
        } else {
            Operation::AveragePool { window, whole }
        };
        let y = self.one(name, node, op, &[x])?;
        self.as_it_was(name, node, (given, x), y)
    }

    /// `alpha op(A) op(B) + beta C` as a layer, where B and C are constants.
    fn gemm(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        let (mut x, w) = (self.input(node, 0)?, self.input(node, 1)?);
        let (alpha, beta) = (node.float("alpha", 1.0), node.float("beta", 1.0));
        if node.int("transA", 0) == 1 {
            x = self.graph.add(&format!("{name}.transposed"), Operation::Transpose(vec![1, 0]), &[x], "transposed")?;
        }
        if self.graph.values[w].constant.is_none() {
            return self.computed_gemm(name, node, [x, w]);
        }
        let mut weights = if node.int("transB", 0) == 1 { w } else { self.graph.permuted(w, &[1, 0])? };
        let outputs = self.graph.known(weights)?[0];
        if alpha != 1.0 {
            weights = self.scaled(weights, alpha)?;
        }
        let mut inputs = vec![x, weights];
        if let Some(c) = self.optional(node, 2)? {
            let dims = self.graph.known(c)?.to_vec();
            ensure!(dims.iter().product::<usize>() <= outputs, "C has a row for each row of the output");
            let full = self.graph.add("bias", Operation::Expand(vec![1, outputs]), &[c], "bias")?;
            let full = if beta == 1.0 { full } else { self.scaled(full, beta)? };
            inputs.push(full);
        }
        self.one(name, node, Operation::Linear { relu: false }, &inputs)
    }

    /// The same of two activations.
    fn computed_gemm(&mut self, name: &str, node: &Node, [a, b]: [ValueId; 2]) -> Result<Vec<ValueId>> {
        let op = Operation::MatMul { transposed: [false, node.int("transB", 0) == 1] };
        let y = self.graph.add(&format!("{name}.product"), op, &[a, b], "product")?;
        let y = self.scaled(y, node.float("alpha", 1.0))?;
        let Some(c) = self.optional(node, 2)? else { return self.one(name, node, Operation::Identity, &[y]) };
        let c = self.scaled(c, node.float("beta", 1.0))?;
        self.one(name, node, Operation::Binary(Binary::Add), &[y, c])
    }

    fn scaled(&mut self, id: ValueId, by: f32) -> Result<ValueId> {
        let factor = self.constant("factor", Array::f32(vec![1, 1], vec![by]));
        self.graph.add("scaled", Operation::Binary(Binary::Mul), &[id, factor], "scaled")
    }

    /// A layer where the right side is a constant matrix, else a product of activations.
    fn matmul(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        let (a, b) = (self.input(node, 0)?, self.input(node, 1)?);
        let matrix = self.graph.known(b)?.len() == 2 && self.graph.values[b].constant.is_some();
        if matrix {
            let weights = self.graph.permuted(b, &[1, 0])?;
            return self.one(name, node, Operation::Linear { relu: false }, &[a, weights]);
        }
        self.one(name, node, Operation::MatMul { transposed: [false, false] }, &[a, b])
    }

    /// Scale and shift of each channel, for inference.
    fn batch_norm(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        ensure!(node.int("training_mode", 0) == 0, "is in training mode");
        let of = |i: usize| self.graph.floats(self.input(node, i)?).context("its parameters must be constants");
        let (gamma, beta, mean, variance) = (of(1)?, of(2)?, of(3)?, of(4)?);
        let n = gamma.len();
        ensure!(beta.len() == n && mean.len() == n && variance.len() == n, "its parameters differ in length");
        let epsilon = node.float("epsilon", 1e-5);
        let scale: Vec<f32> = gamma
            .iter()
            .zip(&variance)
            .map(|(g, v)| (f64::from(*g) / (f64::from(*v) + f64::from(epsilon)).sqrt()) as f32)
            .collect();
        let shift = (0..n).map(|i| beta[i] - mean[i] * scale[i]).collect();
        let scale = self.constant("scale", Array::f32(vec![n], scale));
        let shift = self.constant("shift", Array::f32(vec![n], shift));
        let x = self.input(node, 0)?;
        self.one(name, node, Operation::Affine { axis: 1 }, &[x, scale, shift])
    }

    /// Before opset 13 the axis is where the input is made a matrix.
    fn softmax(&mut self, name: &str, node: &Node) -> Result<Vec<ValueId>> {
        let x = self.input(node, 0)?;
        let rank = self.graph.known(x)?.len();
        let at = axis(node.int("axis", if self.opset < 13 { 1 } else { -1 }), rank)?;
        let dims = self.graph.known(x)?.to_vec();
        let of = |axis: usize| match node.op_type.as_str() {
            "LogSoftmax" => Operation::LogSoftmax { axis },
            _ => Operation::Softmax { axis, beta: 1.0 },
        };
        if self.opset >= 13 || dims[at + 1..].iter().product::<usize>() == 1 {
            return self.one(name, node, of(at), &[x]);
        }
        let matrix = vec![dims[..at].iter().product(), dims[at..].iter().product()];
        let y = self.graph.add(&format!("{name}.matrix"), Operation::Reshape(matrix), &[x], "matrix")?;
        let y = self.graph.add(&format!("{name}.of_rows"), of(1), &[y], "of_rows")?;
        self.one(name, node, Operation::Reshape(dims), &[y])
    }

    fn constant_node(&mut self, node: &Node, folder: &Path) -> Result<Vec<ValueId>> {
        let attribute = node.attribute.first().context("has no value")?;
        let array = match (attribute.name.as_str(), &attribute.t) {
            ("value", Some(t)) => tensor::array(t, folder)?,
            ("value_float", _) => Array::f32(vec![], vec![attribute.f]),
            ("value_floats", _) => Array::f32(vec![attribute.floats.len()], attribute.floats.clone()),
            ("value_int", _) => Array { dims: vec![], data: Data::I64(vec![attribute.i]) },
            ("value_ints", _) => Array::ints(&attribute.ints),
            (other, _) => bail!("its `{other}` is not read"),
        };
        Ok(vec![self.constant(node.output.first().context("has no output")?, array)])
    }
}

fn unary(node: &Node) -> Option<Unary> {
    Some(match node.op_type.as_str() {
        "Relu" => Unary::Relu,
        "LeakyRelu" => Unary::LeakyRelu(node.float("alpha", 0.01)),
        "Sigmoid" => Unary::Sigmoid,
        "Tanh" => Unary::Tanh,
        "Sin" => Unary::Sin,
        "Cos" => Unary::Cos,
        "Gelu" if node.text("approximate") == Some("tanh") => Unary::GeluTanh,
        "Gelu" => Unary::Gelu,
        "FastGelu" => Unary::GeluTanh,
        "Erf" => Unary::Erf,
        "Exp" => Unary::Exp,
        "Log" => Unary::Log,
        "Sqrt" => Unary::Sqrt,
        "Neg" => Unary::Neg,
        "Abs" => Unary::Abs,
        "Reciprocal" => Unary::Reciprocal,
        "Floor" => Unary::Floor,
        "Round" => Unary::Round,
        "Sign" => Unary::Sign,
        "HardSwish" => Unary::HardSwish,
        "HardSigmoid" => Unary::HardSigmoid(node.float("alpha", 0.2), node.float("beta", 0.5)),
        "Elu" => Unary::Elu(node.float("alpha", 1.0)),
        "Softplus" => Unary::Softplus,
        _ => return None,
    })
}

fn binary(op: &str) -> Option<Binary> {
    Some(match op {
        "Add" | "Sum" => Binary::Add,
        "Sub" => Binary::Sub,
        "Mul" => Binary::Mul,
        "Div" => Binary::Div,
        "Pow" => Binary::Pow,
        // of truths, which are 0 and 1, these are both, and either
        "Min" | "And" => Binary::Min,
        "Max" | "Or" => Binary::Max,
        "Equal" => Binary::Equal,
        "Less" => Binary::Less,
        "Greater" => Binary::Greater,
        _ => return None,
    })
}
