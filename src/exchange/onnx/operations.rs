//! The graph's operations as ONNX operators.

use anyhow::{Result, bail};

use super::{Writer, float, int, ints, text};
use crate::model::graph::{Binary, Fold, Node, Operation, Unary, Window};
use crate::model::onnx::proto::{Attribute, data_type};

/// Images are turned to channels first where they lie otherwise, and back.
pub(super) const TO_FIRST: [i64; 4] = [0, 3, 1, 2];
pub(super) const TO_LAST: [i64; 4] = [0, 2, 3, 1];

fn wide(dims: &[usize]) -> Vec<i64> {
    dims.iter().map(|d| *d as i64).collect()
}

/// Attributes of a window. What is as usual is left out: ONNX Runtime's quantized pooling knows no dilations.
pub(super) fn window(w: &Window) -> Vec<Attribute> {
    let mut all =
        vec![ints("kernel_shape", &wide(&w.kernel)), ints("strides", &wide(&w.stride)), ints("pads", &wide(&w.pad))];
    if w.dilation != [1, 1] {
        all.push(ints("dilations", &wide(&w.dilation)));
    }
    all
}

impl Writer<'_> {
    pub(super) fn node(&mut self, index: usize, node: &Node) -> Result<()> {
        if let Operation::Split { axis, sizes } = &node.op {
            return self.split(node, *axis, sizes);
        }
        let layer = matches!(node.op, Operation::Conv { .. } | Operation::Linear { .. });
        let result = if layer { self.layer(index, node)? } else { self.operation(node)? };
        self.call(node.outputs[0], &result);
        Ok(())
    }

    fn operation(&mut self, node: &Node) -> Result<String> {
        if let Operation::Gather(axis) = node.op {
            return self.gather(node, axis);
        }
        let inputs = node.inputs.iter().map(|id| self.value(*id)).collect::<Result<Vec<_>>>()?;
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let x = inputs[0];
        let dims = |this: &Self, i: usize| this.network.model.graph.known(node.inputs[i]).map(<[usize]>::to_vec);
        Ok(match &node.op {
            Operation::Unary(op) => self.unary(*op, x),
            Operation::Binary(op) => self.binary(*op, x, inputs[1]),
            Operation::Where => {
                let holds = self.op("Cast", &[x], vec![int("to", i64::from(data_type::BOOL))]);
                self.op("Where", &[&holds, inputs[1], inputs[2]], vec![])
            }
            Operation::MatMul { transposed } => {
                let sides = [0, 1].map(|i| {
                    let Ok(rank) = dims(self, i).map(|d| d.len() as i64) else { return inputs[i].to_string() };
                    let mut order: Vec<i64> = (0..rank).collect();
                    order.swap(rank as usize - 1, rank as usize - 2);
                    if transposed[i] {
                        self.op("Transpose", &[inputs[i]], vec![ints("perm", &order)])
                    } else {
                        inputs[i].into()
                    }
                });
                self.op("MatMul", &[&sides[0], &sides[1]], vec![])
            }
            Operation::MaxPool(w) => self.image(w.channels_first, x, |this, x| this.op("MaxPool", &[x], window(w))),
            Operation::AveragePool { window: w, whole } => self.image(w.channels_first, x, |this, x| {
                let attributes = [window(w), vec![int("count_include_pad", i64::from(*whole))]].concat();
                this.op("AveragePool", &[x], attributes)
            }),
            Operation::Reduce { fold, axes, keep } => {
                let op = match fold {
                    Fold::Mean => "ReduceMean",
                    Fold::Sum => "ReduceSum",
                    Fold::Max => "ReduceMax",
                    Fold::Min => "ReduceMin",
                };
                let axes = self.ints("axes", &wide(axes));
                self.op(op, &[x, &axes], vec![int("keepdims", i64::from(*keep)), int("noop_with_empty_axes", 1)])
            }
            Operation::Softmax { axis, beta } => {
                let by = (*beta != 1.0).then(|| self.number(*beta));
                let x = by.map_or_else(|| x.to_string(), |by| self.op("Mul", &[x, &by], vec![]));
                self.op("Softmax", &[&x], vec![int("axis", *axis as i64)])
            }
            Operation::LogSoftmax { axis } => self.op("LogSoftmax", &[x], vec![int("axis", *axis as i64)]),
            Operation::LayerNorm { axis, epsilon } => {
                self.op("LayerNormalization", &inputs, vec![int("axis", *axis as i64), float("epsilon", *epsilon)])
            }
            Operation::Affine { axis } => {
                let mut along = vec![1; dims(self, 0)?.len() - axis];
                along[0] = -1;
                let along = self.ints("channels", &along);
                let sides = [1, 2].map(|i| self.op("Reshape", &[inputs[i], &along], vec![]));
                let scaled = self.op("Mul", &[x, &sides[0]], vec![]);
                self.op("Add", &[&scaled, &sides[1]], vec![])
            }
            Operation::Reshape(dims) => {
                let dims = self.ints("shape", &wide(dims));
                self.op("Reshape", &[x, &dims], vec![])
            }
            Operation::Transpose(order) => self.op("Transpose", &[x], vec![ints("perm", &wide(order))]),
            Operation::Concat(axis) => self.op("Concat", &inputs, vec![int("axis", *axis as i64)]),
            Operation::Pad { amounts, value } => {
                let side = |i: usize| amounts.iter().map(move |a| a[i] as i64);
                let pads = self.ints("pads", &side(0).chain(side(1)).collect::<Vec<_>>());
                let value = self.number(*value);
                self.op("Pad", &[x, &pads, &value], vec![])
            }
            Operation::Slice(ranges) => {
                // an end of -1 is before the first element, where ONNX would count it from the back
                let end = |r: &(i64, i64, i64)| if r.1 < 0 { i64::MIN } else { r.1 };
                let starts = self.ints("starts", &ranges.iter().map(|r| r.0).collect::<Vec<_>>());
                let ends = self.ints("ends", &ranges.iter().map(end).collect::<Vec<_>>());
                let axes = self.ints("axes", &(0..ranges.len() as i64).collect::<Vec<_>>());
                let steps = self.ints("steps", &ranges.iter().map(|r| r.2).collect::<Vec<_>>());
                self.op("Slice", &[x, &starts, &ends, &axes, &steps], vec![])
            }
            Operation::Expand(dims) => {
                let dims = self.ints("shape", &wide(dims));
                self.op("Expand", &[x, &dims], vec![])
            }
            // without its own grids: only layers under schemes have some
            Operation::Identity | Operation::Quantize(_) | Operation::Dequantize => self.op("Identity", &[x], vec![]),
            Operation::Unsupported(why) => bail!("{why}"),
            other => bail!("{other:?} is written elsewhere"),
        })
    }

    /// Runs an operator of ONNX, which wants channels first.
    pub(super) fn image(
        &mut self,
        channels_first: bool,
        x: &str,
        op: impl FnOnce(&mut Self, &str) -> String,
    ) -> String {
        if channels_first {
            return op(self, x);
        }
        let known = self.first.get(x).cloned();
        let x = known.unwrap_or_else(|| self.op("Transpose", &[x], vec![ints("perm", &TO_FIRST)]));
        let y = op(self, &x);
        let turned = self.op("Transpose", &[&y], vec![ints("perm", &TO_LAST)]);
        self.first.insert(turned.clone(), y);
        turned
    }

    fn unary(&mut self, op: Unary, x: &str) -> String {
        let (name, attributes) = match op {
            Unary::Clip(low, high) => {
                let (low, high) = (self.number(low), self.number(high));
                return self.op("Clip", &[x, &low, &high], vec![]);
            }
            Unary::Rsqrt => {
                let root = self.op("Sqrt", &[x], vec![]);
                return self.op("Reciprocal", &[&root], vec![]);
            }
            Unary::Silu => {
                let gate = self.op("Sigmoid", &[x], vec![]);
                return self.op("Mul", &[x, &gate], vec![]);
            }
            Unary::Bipolar(size) => return self.signs(x, size),
            Unary::LeakyRelu(alpha) => ("LeakyRelu", vec![float("alpha", alpha)]),
            Unary::HardSigmoid(alpha, beta) => ("HardSigmoid", vec![float("alpha", alpha), float("beta", beta)]),
            Unary::Elu(alpha) => ("Elu", vec![float("alpha", alpha)]),
            Unary::GeluTanh => ("Gelu", vec![text("approximate", "tanh")]),
            Unary::Gelu => ("Gelu", vec![]),
            Unary::Relu => ("Relu", vec![]),
            Unary::Sigmoid => ("Sigmoid", vec![]),
            Unary::Tanh => ("Tanh", vec![]),
            Unary::Sin => ("Sin", vec![]),
            Unary::Cos => ("Cos", vec![]),
            Unary::Erf => ("Erf", vec![]),
            Unary::Exp => ("Exp", vec![]),
            Unary::Log => ("Log", vec![]),
            Unary::Sqrt => ("Sqrt", vec![]),
            Unary::Neg => ("Neg", vec![]),
            Unary::Abs => ("Abs", vec![]),
            Unary::Reciprocal => ("Reciprocal", vec![]),
            Unary::Floor => ("Floor", vec![]),
            Unary::Round => ("Round", vec![]),
            Unary::Sign => ("Sign", vec![]),
            Unary::HardSwish => ("HardSwish", vec![]),
            Unary::Softplus => ("Softplus", vec![]),
        };
        self.op(name, &[x], attributes)
    }

    /// Plus or minus a size; zero counts as positive.
    pub(super) fn signs(&mut self, x: &str, size: f32) -> String {
        let (zero, more, less) = (self.number(0.0), self.number(size), self.number(-size));
        let below = self.op("Less", &[x, &zero], vec![]);
        self.op("Where", &[&below, &less, &more], vec![])
    }

    fn binary(&mut self, op: Binary, a: &str, b: &str) -> String {
        let name = match op {
            Binary::SquaredDifference => {
                let d = self.op("Sub", &[a, b], vec![]);
                return self.op("Mul", &[&d, &d], vec![]);
            }
            Binary::Add => "Add",
            Binary::Sub => "Sub",
            Binary::Mul => "Mul",
            Binary::Div => "Div",
            Binary::Pow => "Pow",
            Binary::Min => "Min",
            Binary::Max => "Max",
            Binary::Equal => "Equal",
            Binary::Less => "Less",
            Binary::Greater => "Greater",
        };
        let y = self.op(name, &[a, b], vec![]);
        match op {
            // there it is a boolean
            Binary::Equal | Binary::Less | Binary::Greater => {
                self.op("Cast", &[&y], vec![int("to", i64::from(data_type::FLOAT))])
            }
            _ => y,
        }
    }

    /// Indices are the one thing that is no f32.
    fn gather(&mut self, node: &Node, axis: usize) -> Result<String> {
        let (x, at) = (self.value(node.inputs[0])?, node.inputs[1]);
        let indices = self.value(at)?;
        let indices = self.op("Cast", &[&indices], vec![int("to", i64::from(data_type::INT64))]);
        if self.network.model.graph.inputs.contains(&at) {
            let name = &self.network.model.graph.values[at].name;
            self.note(format!("input `{name}` is taken as f32, and holds whole numbers"));
        }
        Ok(self.op("Gather", &[&x, &indices], vec![int("axis", axis as i64)]))
    }

    fn split(&mut self, node: &Node, axis: usize, sizes: &[usize]) -> Result<()> {
        let x = self.value(node.inputs[0])?;
        let sizes = self.ints("split", &wide(sizes));
        let names: Vec<String> = node.outputs.iter().map(|_| self.fresh("split")).collect();
        let outputs: Vec<&str> = names.iter().map(String::as_str).collect();
        self.push("Split", &[&x, &sizes], &outputs, vec![int("axis", axis as i64)]);
        node.outputs.iter().zip(&names).for_each(|(id, name)| self.call(*id, name));
        Ok(())
    }
}
