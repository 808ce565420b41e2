//! What TFLite operators mean in the graph's operations.

use anyhow::{Context, Result, bail, ensure};

use super::Reader;
use super::flat::Table;
use crate::model::build::{axis, reshaped, sizes};
use crate::model::graph::{Array, Binary, Fold, Operation, Unary, ValueId};

/// `BuiltinOperator`: number and name of what is understood, and of some that are not, so that they can be named.
static NAMES: &[(i32, &str)] = &[
    (0, "ADD"),
    (1, "AVERAGE_POOL_2D"),
    (2, "CONCATENATION"),
    (3, "CONV_2D"),
    (4, "DEPTHWISE_CONV_2D"),
    (5, "DEPTH_TO_SPACE"),
    (6, "DEQUANTIZE"),
    (7, "EMBEDDING_LOOKUP"),
    (8, "FLOOR"),
    (9, "FULLY_CONNECTED"),
    (11, "L2_NORMALIZATION"),
    (14, "LOGISTIC"),
    (16, "LSTM"),
    (17, "MAX_POOL_2D"),
    (18, "MUL"),
    (19, "RELU"),
    (20, "RELU_N1_TO_1"),
    (21, "RELU6"),
    (22, "RESHAPE"),
    (23, "RESIZE_BILINEAR"),
    (24, "RNN"),
    (25, "SOFTMAX"),
    (27, "SVDF"),
    (28, "TANH"),
    (32, "CUSTOM"),
    (34, "PAD"),
    (36, "GATHER"),
    (39, "TRANSPOSE"),
    (40, "MEAN"),
    (41, "SUB"),
    (42, "DIV"),
    (43, "SQUEEZE"),
    (44, "UNIDIRECTIONAL_SEQUENCE_LSTM"),
    (45, "STRIDED_SLICE"),
    (47, "EXP"),
    (49, "SPLIT"),
    (50, "LOG_SOFTMAX"),
    (53, "CAST"),
    (54, "PRELU"),
    (55, "MAXIMUM"),
    (56, "ARG_MAX"),
    (57, "MINIMUM"),
    (59, "NEG"),
    (60, "PADV2"),
    (65, "SLICE"),
    (67, "TRANSPOSE_CONV"),
    (70, "EXPAND_DIMS"),
    (73, "LOG"),
    (74, "SUM"),
    (75, "SQRT"),
    (76, "RSQRT"),
    (77, "SHAPE"),
    (78, "POW"),
    (82, "REDUCE_MAX"),
    (83, "PACK"),
    (88, "UNPACK"),
    (89, "REDUCE_MIN"),
    (92, "SQUARE"),
    (97, "RESIZE_NEAREST_NEIGHBOR"),
    (98, "LEAKY_RELU"),
    (99, "SQUARED_DIFFERENCE"),
    (101, "ABS"),
    (111, "ELU"),
    (114, "QUANTIZE"),
    (116, "ROUND"),
    (117, "HARD_SWISH"),
    (126, "BATCH_MATMUL"),
    (150, "GELU"),
];

impl Reader<'_> {
    /// Adds what an operator means; what is not understood stays as such, with the reason.
    pub(super) fn operator(&mut self, index: usize, operator: &Table<'_>) -> Result<()> {
        let code = usize::try_from(operator.i32(0, 0)?).ok().and_then(|i| self.codes.get(i)).copied();
        let code = code.with_context(|| format!("operator {index} has no code"))?;
        let builtin = code.i32(3, 0)?.max(i32::from(code.i8(0)?));
        let known = NAMES.iter().find(|(n, _)| *n == builtin).map(|n| n.1.to_string());
        let kind = match (builtin, known) {
            (32, _) => format!("custom operator `{}`", code.text(1)?),
            (_, Some(name)) => name,
            (n, None) => format!("operator {n}"),
        };
        let inputs = operator.vector(1, 4)?.i32s();
        let outputs = operator.vector(2, 4)?.i32s();
        for output in &outputs {
            self.value(*output)?;
        }
        let first = outputs.first().with_context(|| format!("operator {index} has no output"))?;
        let name = match self.graph.values[self.value(*first)?].name.as_str() {
            "" => format!("{}_{index}", kind.to_lowercase()),
            name => name.to_string(),
        };
        self.current = self.declared[*first as usize].1.clone();
        let before = self.graph.nodes.len();
        let lowered = self.lower(&name, &kind, operator, &inputs, &outputs);
        let lowered = lowered.and_then(|ids| self.agreed(&ids, &outputs).map(|()| ids));
        let ids = match lowered {
            Ok(ids) => ids,
            Err(why) => {
                self.graph.nodes.truncate(before);
                let from: Vec<ValueId> = inputs.iter().filter_map(|i| self.value(*i).ok()).collect();
                let named: Vec<(&str, Option<Vec<usize>>)> =
                    outputs.iter().map(|o| (name.as_str(), Some(self.declared[*o as usize].0.clone()))).collect();
                self.graph.add_unsupported(&name, &format!("{kind}: {why:#}"), &from, &named)
            }
        };
        for (output, id) in outputs.iter().zip(ids) {
            let index = *output as usize;
            if self.graph.values[id].constant.is_none() {
                self.graph.values[id].quant = self.declared[index].1.clone();
            }
            self.values[index] = id;
        }
        Ok(())
    }

    /// The shapes are those that the file states, where it states any.
    fn agreed(&self, ids: &[ValueId], outputs: &[i32]) -> Result<()> {
        for (id, output) in ids.iter().zip(outputs) {
            let (found, stated) = (self.graph.known(*id)?, &self.declared[*output as usize].0);
            let same =
                found == stated.as_slice() || self.tensors[*output as usize].vector(7, 4)?.len > 0 || self.given.any();
            ensure!(same, "gives shape {found:?} where the file states {stated:?}");
        }
        Ok(())
    }

    fn lower(
        &mut self,
        name: &str,
        kind: &str,
        op: &Table<'_>,
        inputs: &[i32],
        outputs: &[i32],
    ) -> Result<Vec<ValueId>> {
        let ids: Vec<ValueId> = inputs.iter().filter(|i| **i >= 0).map(|i| self.value(*i)).collect::<Result<_>>()?;
        let options = op.table(4)?;
        let int = |field: usize| options.map_or(Ok(0), |o| o.i32(field, 0));
        let byte = |field: usize| options.map_or(Ok(0), |o| o.i8(field));
        let x = *ids.first().context("has no input")?;
        let dims = self.graph.known(x)?.to_vec();
        if let Some(unary) = unary(kind) {
            return self.one(name, Operation::Unary(unary), &ids[..1]);
        }
        if let Some(binary) = binary(kind) {
            ensure!(ids.len() == 2, "has {} inputs", ids.len());
            let y = self.one(name, Operation::Binary(binary), &ids)?;
            return self.activated(name, y, if matches!(kind, "ADD" | "SUB" | "MUL" | "DIV") { byte(0)? } else { 0 });
        }
        let axes = |this: &Self| -> Result<Vec<usize>> {
            let all = this.graph.integers(*ids.get(1).context("has no axes")?)?;
            all.iter().map(|a| axis(*a, dims.len())).collect()
        };
        let operation = match kind {
            "CONV_2D" | "DEPTHWISE_CONV_2D" => return self.conv(name, kind, options.as_ref(), &ids),
            "FULLY_CONNECTED" => return self.connected(name, options.as_ref(), &ids, outputs),
            "AVERAGE_POOL_2D" | "MAX_POOL_2D" => {
                let o = options.context("has no options")?;
                let window = self.window(&o, x, [o.i32(4, 0)?, o.i32(3, 0)?], [1, 1])?;
                let op = if kind == "MAX_POOL_2D" {
                    Operation::MaxPool(window)
                } else {
                    Operation::AveragePool { window, whole: false }
                };
                let y = self.one(name, op, &ids[..1])?;
                return self.activated(name, y, o.i8(5)?);
            }
            "SOFTMAX" => {
                ensure!(!dims.is_empty(), "of one number");
                Operation::Softmax { axis: dims.len() - 1, beta: options.map_or(Ok(1.0), |o| o.f32(0, 0.0))? }
            }
            "LOG_SOFTMAX" => Operation::LogSoftmax { axis: dims.len().checked_sub(1).context("of one number")? },
            "LEAKY_RELU" => Operation::Unary(Unary::LeakyRelu(options.map_or(Ok(0.0), |o| o.f32(0, 0.0))?)),
            "GELU" => Operation::Unary(if byte(0)? != 0 { Unary::GeluTanh } else { Unary::Gelu }),
            "MEAN" | "SUM" | "REDUCE_MAX" | "REDUCE_MIN" => {
                let fold = match kind {
                    "MEAN" => Fold::Mean,
                    "SUM" => Fold::Sum,
                    "REDUCE_MAX" => Fold::Max,
                    _ => Fold::Min,
                };
                Operation::Reduce { fold, axes: axes(self)?, keep: byte(0)? != 0 }
            }
            "CONCATENATION" => {
                let y = self.one(name, Operation::Concat(axis(int(0)?.into(), dims.len())?), &ids)?;
                return self.activated(name, y, byte(1)?);
            }
            "PACK" => {
                let at = axis(int(1)?.into(), dims.len() + 1)?;
                let mut wider = dims.clone();
                wider.insert(at, 1);
                let reshape = |id: &ValueId| self.graph.add(name, Operation::Reshape(wider.clone()), &[*id], name);
                let parts = ids.iter().map(reshape).collect::<Result<Vec<_>>>()?;
                return self.one(name, Operation::Concat(at), &parts);
            }
            "RESHAPE" => {
                let wanted = match ids.get(1) {
                    Some(id) => self.graph.integers(*id)?,
                    None => {
                        options.context("has no shape")?.vector(0, 4)?.i32s().iter().map(|d| i64::from(*d)).collect()
                    }
                };
                Operation::Reshape(reshaped(&wanted, &dims, false)?)
            }
            "SQUEEZE" | "EXPAND_DIMS" => Operation::Reshape(self.declared[outputs[0] as usize].0.clone()),
            "TRANSPOSE" => Operation::Transpose(sizes(&self.graph.integers(*ids.get(1).context("has no order")?)?)?),
            "PAD" | "PADV2" => {
                let all = sizes(&self.graph.integers(*ids.get(1).context("has no amounts")?)?)?;
                ensure!(all.len() == 2 * dims.len(), "pads {} numbers of {dims:?}", all.len());
                let value = match ids.get(2) {
                    Some(id) => self.graph.floats(*id).filter(|v| v.len() == 1).context("pads with no constant")?[0],
                    None => 0.0,
                };
                Operation::Pad { amounts: all.chunks_exact(2).map(|p| [p[0], p[1]]).collect(), value }
            }
            "GATHER" => {
                ensure!(int(1)? == 0 && ids.len() == 2, "in batches");
                return self.one(name, Operation::Gather(axis(int(0)?.into(), dims.len())?), &ids);
            }
            "SPLIT" => {
                let at = axis(*self.graph.integers(x)?.first().context("has no axis")?, 64)?;
                let data = *ids.get(1).context("has no input")?;
                let size = *self.graph.known(data)?.get(at).context("has no such axis")?;
                ensure!(!outputs.is_empty() && size % outputs.len() == 0, "{size} in {} parts", outputs.len());
                let op = Operation::Split { axis: at, sizes: vec![size / outputs.len(); outputs.len()] };
                return self.graph.add_all(name, op, &[data], &vec![name; outputs.len()]);
            }
            "SHAPE" => {
                let all: Vec<i64> = dims.iter().map(|d| *d as i64).collect();
                return Ok(vec![self.graph.constant(name, Array::ints(&all))]);
            }
            "STRIDED_SLICE" => self.strided(options.as_ref(), &ids, &dims)?,
            "SLICE" => {
                let (begin, size) = (
                    self.graph.integers(*ids.get(1).context("has no begin")?)?,
                    self.graph.integers(*ids.get(2).context("has no size")?)?,
                );
                ensure!(begin.len() == dims.len() && size.len() == dims.len(), "does not fit {dims:?}");
                let range = |i: usize| {
                    let end = if size[i] < 0 { dims[i] as i64 } else { begin[i].saturating_add(size[i]) };
                    (begin[i], end, 1)
                };
                Operation::Slice((0..dims.len()).map(range).collect())
            }
            "BATCH_MATMUL" => {
                ensure!(ids.len() == 2, "has {} inputs", ids.len());
                let transposed = [byte(0)? != 0, byte(1)? != 0];
                return self.one(name, Operation::MatMul { transposed }, &ids);
            }
            "QUANTIZE" => {
                let quant = self.declared[outputs[0] as usize].1.clone().context("has no scale")?;
                ensure!(quant.scales.len() == 1, "to several scales");
                Operation::Quantize(quant)
            }
            "DEQUANTIZE" if self.graph.values[x].constant.is_some() => {
                let floats = self.graph.floats(x).context("is no constant")?;
                return Ok(vec![self.graph.constant(name, Array::f32(dims, floats))]);
            }
            "DEQUANTIZE" => Operation::Dequantize,
            _ => bail!("is not known"),
        };
        self.one(name, operation, &ids[..1])
    }

    pub(super) fn one(&mut self, name: &str, op: Operation, inputs: &[ValueId]) -> Result<Vec<ValueId>> {
        Ok(vec![self.graph.add(name, op, inputs, name)?])
    }

    /// The activation that is fused into an operator: of a quantized one a narrower range of codes.
    pub(super) fn activated(&mut self, name: &str, y: Vec<ValueId>, activation: i8) -> Result<Vec<ValueId>> {
        let op = match activation {
            0 => return Ok(y),
            1 => Unary::Relu,
            2 => Unary::Clip(-1.0, 1.0),
            3 => Unary::Clip(0.0, 6.0),
            4 => Unary::Tanh,
            other => bail!("its activation {other} is not known"),
        };
        // it works on the codes of the operator's output: they are on its grid before it, too
        self.graph.values[y[0]].quant = self.current.clone();
        self.one(&format!("{name}/activation"), Operation::Unary(op), &y)
    }
}

fn unary(kind: &str) -> Option<Unary> {
    Some(match kind {
        "RELU" => Unary::Relu,
        "RELU6" => Unary::Clip(0.0, 6.0),
        "RELU_N1_TO_1" => Unary::Clip(-1.0, 1.0),
        "LOGISTIC" => Unary::Sigmoid,
        "TANH" => Unary::Tanh,
        "HARD_SWISH" => Unary::HardSwish,
        "EXP" => Unary::Exp,
        "LOG" => Unary::Log,
        "SQRT" => Unary::Sqrt,
        "RSQRT" => Unary::Rsqrt,
        "NEG" => Unary::Neg,
        "ABS" => Unary::Abs,
        "FLOOR" => Unary::Floor,
        "ROUND" => Unary::Round,
        "ELU" => Unary::Elu(1.0),
        _ => return None,
    })
}

fn binary(kind: &str) -> Option<Binary> {
    Some(match kind {
        "ADD" => Binary::Add,
        "SUB" => Binary::Sub,
        "MUL" => Binary::Mul,
        "DIV" => Binary::Div,
        "POW" => Binary::Pow,
        "MAXIMUM" => Binary::Max,
        "MINIMUM" => Binary::Min,
        "SQUARED_DIFFERENCE" => Binary::SquaredDifference,
        _ => return None,
    })
}
