//! A network as a graph: values of known shapes, and the operations between them, in the order in which they run.

use anyhow::{Result, bail, ensure};

/// Elements of a tensor, as the file stores them.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    F32(Vec<f32>),
    I8(Vec<i8>),
    U8(Vec<u8>),
    I32(Vec<i32>),
    I64(Vec<i64>),
}

/// A dense row-major tensor; as many elements as its dimensions say.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    pub dims: Vec<usize>,
    pub data: Data,
}

/// The most elements of one tensor.
pub const MOST_ELEMENTS: usize = 1 << 31;

/// The product of some dimensions, where it is no more than [`MOST_ELEMENTS`].
pub fn elements(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1usize, |p, d| p.checked_mul(*d)).filter(|p| *p <= MOST_ELEMENTS)
}

impl Array {
    /// # Errors
    /// Another number of elements than the dimensions say.
    pub fn new(dims: Vec<usize>, data: Data) -> Result<Self> {
        ensure!(elements(&dims) == Some(data.len()), "has {} elements, its shape {dims:?} another number", data.len());
        Ok(Self { dims, data })
    }

    pub fn f32(dims: Vec<usize>, data: Vec<f32>) -> Self {
        debug_assert_eq!(elements(&dims), Some(data.len()));
        Self { dims, data: Data::F32(data) }
    }

    pub fn ints(values: &[i64]) -> Self {
        Self { dims: vec![values.len()], data: Data::I64(values.to_vec()) }
    }

    pub fn len(&self) -> usize {
        self.data.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements as floats; integers as they are, without any scale.
    pub fn floats(&self) -> std::borrow::Cow<'_, [f32]> {
        match &self.data {
            Data::F32(v) => v.into(),
            other => (0..other.len()).map(|i| other.int(i) as f32).collect(),
        }
    }

    /// The elements of an integer tensor.
    /// # Errors
    /// It holds floats.
    pub fn integers(&self) -> Result<Vec<i64>> {
        if matches!(self.data, Data::F32(_)) {
            bail!("holds floats where integers are needed");
        }
        Ok((0..self.len()).map(|i| self.data.int(i)).collect())
    }

    /// The only element.
    pub fn scalar(&self) -> Option<f32> {
        (self.len() == 1).then(|| self.floats()[0])
    }
}

impl Data {
    pub fn len(&self) -> usize {
        match self {
            Data::F32(v) => v.len(),
            Data::I8(v) => v.len(),
            Data::U8(v) => v.len(),
            Data::I32(v) => v.len(),
            Data::I64(v) => v.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An element as an integer; floats are cut off.
    pub fn int(&self, i: usize) -> i64 {
        match self {
            Data::F32(v) => v[i] as i64,
            Data::I8(v) => v[i].into(),
            Data::U8(v) => v[i].into(),
            Data::I32(v) => v[i].into(),
            Data::I64(v) => v[i],
        }
    }

    /// Elements at some places, in their order.
    pub fn pick(&self, places: impl Iterator<Item = usize>) -> Self {
        match self {
            Data::F32(v) => Data::F32(places.map(|i| v[i]).collect()),
            Data::I8(v) => Data::I8(places.map(|i| v[i]).collect()),
            Data::U8(v) => Data::U8(places.map(|i| v[i]).collect()),
            Data::I32(v) => Data::I32(places.map(|i| v[i]).collect()),
            Data::I64(v) => Data::I64(places.map(|i| v[i]).collect()),
        }
    }

    /// The same elements in another tensor's type.
    pub fn like(self, other: &Data) -> Self {
        let (n, int) = (self.len(), |i| self.int(i));
        match (other, &self) {
            (Data::F32(_), Data::F32(_)) => self,
            (Data::F32(_), _) => Data::F32((0..n).map(|i| int(i) as f32).collect()),
            (Data::I8(_), _) => Data::I8((0..n).map(|i| int(i) as i8).collect()),
            (Data::U8(_), _) => Data::U8((0..n).map(|i| int(i) as u8).collect()),
            (Data::I32(_), _) => Data::I32((0..n).map(|i| int(i) as i32).collect()),
            (Data::I64(_), _) => Data::I64((0..n).map(int).collect()),
        }
    }
}

/// What the integers of a tensor stand for: `scale * (code - zero)`, one pair for all or one for each index of an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Quant {
    pub scales: Vec<f32>,
    /// As many as scales.
    pub zeros: Vec<i32>,
    pub axis: usize,
    pub bits: u32,
    pub signed: bool,
    /// The least code is left out.
    pub narrow: bool,
}

impl Quant {
    /// The least and the greatest code.
    pub fn range(&self) -> (i32, i32) {
        let (bits, half) = (self.bits.min(31), 1i64 << (self.bits.clamp(1, 31) - 1));
        let (low, high) = if self.signed { (-half, half - 1) } else { (0, (1i64 << bits) - 1) };
        ((low + i64::from(self.narrow)) as i32, high as i32)
    }

    /// `int8, per channel`.
    pub fn name(&self) -> String {
        let sign = if self.signed { "" } else { "u" };
        let per = if self.scales.len() > 1 {
            format!(", {} scales along axis {}", self.scales.len(), self.axis)
        } else {
            String::new()
        };
        format!("{sign}int{}{per}", self.bits)
    }

    /// The numbers that codes of these dimensions stand for.
    pub fn values(&self, codes: &Array) -> Vec<f32> {
        let inner: usize = codes.dims.iter().skip(self.axis + 1).product();
        let place = |i: usize| (i / inner.max(1)) % self.scales.len().max(1);
        (0..codes.len())
            .map(|i| codes.data.int(i).saturating_sub(self.zeros[place(i)].into()) as f32 * self.scales[place(i)])
            .collect()
    }
}

pub type ValueId = usize;

/// A tensor of the graph.
#[derive(Clone, Debug)]
pub struct Value {
    pub name: String,
    /// With a batch of one. None where it comes from an operation that is not understood.
    pub dims: Option<Vec<usize>>,
    pub constant: Option<Array>,
    /// Of integers that stand for other numbers.
    pub quant: Option<Quant>,
    /// How the file stores it, where that is no longer to be seen.
    pub stored: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub name: String,
    pub op: Operation,
    pub inputs: Vec<ValueId>,
    pub outputs: Vec<ValueId>,
}

/// Window of a convolution or pooling: [height, width] each.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    /// [top, left, bottom, right]
    pub pad: [usize; 4],
    pub dilation: [usize; 2],
    /// Are channels the first dimension after the batch (ONNX), or the last (TFLite)?
    pub channels_first: bool,
}

/// One number from one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unary {
    Relu,
    /// Between two bounds.
    Clip(f32, f32),
    LeakyRelu(f32),
    Sigmoid,
    Tanh,
    Sin,
    Cos,
    Gelu,
    /// By tanh.
    GeluTanh,
    Erf,
    Exp,
    Log,
    Sqrt,
    Rsqrt,
    Neg,
    Abs,
    Reciprocal,
    Floor,
    Round,
    Sign,
    HardSwish,
    /// max(0, min(1, alpha x + beta))
    HardSigmoid(f32, f32),
    Silu,
    Elu(f32),
    Softplus,
    /// Plus or minus a size.
    Bipolar(f32),
}

/// One number from two, with broadcasting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Pow,
    Min,
    Max,
    SquaredDifference,
    /// 1 where it holds, else 0.
    Equal,
    Less,
    Greater,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    Mean,
    Sum,
    Max,
    Min,
}

/// What a node does. Shapes are not stored: they follow from the inputs ([`super::infer`]).
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    /// Inputs: x, weights [f, kh, kw, c / groups], of depthwise layers [c, kh, kw, 1], bias where there is one.
    Conv {
        window: Window,
        groups: usize,
        relu: bool,
    },
    /// Inputs: x [.., k], weights [n, k], bias where there is one.
    Linear {
        relu: bool,
    },
    /// Of two activations, batches broadcast; the second may be given transposed.
    MatMul {
        transposed: [bool; 2],
    },
    Unary(Unary),
    Binary(Binary),
    /// Inputs: a condition, and what is taken where it is not zero, and where it is; with broadcasting.
    Where,
    MaxPool(Window),
    /// `whole`: padding counts as elements.
    AveragePool {
        window: Window,
        whole: bool,
    },
    Reduce {
        fold: Fold,
        axes: Vec<usize>,
        keep: bool,
    },
    Softmax {
        axis: usize,
        beta: f32,
    },
    LogSoftmax {
        axis: usize,
    },
    /// Over the last dimensions from `axis` on; inputs: x, scale, bias.
    LayerNorm {
        axis: usize,
        epsilon: f32,
    },
    /// Inputs: x, scale, shift: of each channel of `axis`.
    Affine {
        axis: usize,
    },
    Reshape(Vec<usize>),
    Transpose(Vec<usize>),
    Concat(usize),
    /// [before, after] of each dimension, with a constant.
    Pad {
        amounts: Vec<[usize; 2]>,
        value: f32,
    },
    /// (start, end, step) of each dimension; a negative step goes down to above `end`.
    Slice(Vec<(i64, i64, i64)>),
    /// Inputs: x, indices.
    Gather(usize),
    Split {
        axis: usize,
        sizes: Vec<usize>,
    },
    Expand(Vec<usize>),
    /// To codes of the output's quantization; from floats or from codes of another.
    Quantize(Quant),
    /// From codes to floats.
    Dequantize,
    /// Inputs: x, and gives codes, scale and zero point as ONNX's DynamicQuantizeLinear says.
    Identity,
    /// Not understood, and why.
    Unsupported(String),
}

/// A network as read from a file.
#[derive(Clone, Debug)]
pub struct Graph {
    pub name: String,
    /// `ONNX, opset 17`.
    pub origin: String,
    pub values: Vec<Value>,
    pub nodes: Vec<Node>,
    /// What the network takes, constants aside.
    pub inputs: Vec<ValueId>,
    pub outputs: Vec<ValueId>,
    /// What a user should know: an input whose size was assumed, metadata that was passed over.
    pub notes: Vec<String>,
    /// Elements that constants computed ahead may still grow by.
    pub(super) room: usize,
}

impl Graph {
    pub fn new(name: &str, origin: &str) -> Self {
        Self {
            name: name.into(),
            origin: origin.into(),
            values: vec![],
            nodes: vec![],
            inputs: vec![],
            outputs: vec![],
            notes: vec![],
            room: 1 << 20,
        }
    }

    /// Adds a value.
    pub fn value(&mut self, name: &str, dims: Option<Vec<usize>>) -> ValueId {
        self.values.push(Value { name: name.into(), dims, constant: None, quant: None, stored: None });
        self.values.len() - 1
    }

    /// Adds a constant.
    pub fn constant(&mut self, name: &str, array: Array) -> ValueId {
        let id = self.value(name, Some(array.dims.clone()));
        self.values[id].constant = Some(array);
        id
    }

    pub fn dims(&self, id: ValueId) -> Option<&[usize]> {
        self.values[id].dims.as_deref()
    }

    /// A constant as floats, its quantization applied.
    pub fn floats(&self, id: ValueId) -> Option<Vec<f32>> {
        let value = &self.values[id];
        let array = value.constant.as_ref()?;
        Some(value.quant.as_ref().map_or_else(|| array.floats().into_owned(), |q| q.values(array)))
    }

    /// Adds a matrix [n, k] of a file without a graph: a layer of one row, with an input and an output of its own.
    /// # Errors
    /// None where the array is a matrix.
    pub fn lone_layer(&mut self, name: &str, weights: Array, stored: &str) -> Result<()> {
        let x = self.value(&format!("{name}.input"), Some(vec![1, weights.dims[1]]));
        let w = self.constant(name, weights);
        self.values[w].stored = Some(stored.into());
        let y = self.add(name, Operation::Linear { relu: false }, &[x, w], name)?;
        self.inputs.push(x);
        self.outputs.push(y);
        Ok(())
    }

    /// Nodes that are not understood, with the reasons.
    pub fn unsupported(&self) -> impl Iterator<Item = (&Node, &str)> {
        self.nodes.iter().filter_map(|n| match &n.op {
            Operation::Unsupported(why) => Some((n, why.as_str())),
            _ => None,
        })
    }

    /// Does it compute in integers where it is run as it is?
    pub fn quantized(&self) -> bool {
        self.nodes.iter().any(|n| n.outputs.iter().any(|o| self.values[*o].quant.is_some()))
    }
}
