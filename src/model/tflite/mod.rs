//! TensorFlow Lite models (schema version 3): floats, int8 and int16 with scales per tensor or channel, int4 weights.

mod flat;
mod layers;
mod ops;

use anyhow::{Context, Result, bail, ensure};

use super::build::sizes;
use super::graph::{Array, Data, Graph, Quant, ValueId, elements};
use super::onnx::{bfloat, half};
use super::{Given, Rounding};
use flat::Table;

/// Of all constants together, beside twice the file: tensors may share a buffer.
const SHARED_BYTES: usize = 16 << 20;

/// `TensorType`: those that are read.
mod kind {
    pub const FLOAT32: i8 = 0;
    pub const FLOAT16: i8 = 1;
    pub const INT32: i8 = 2;
    pub const UINT8: i8 = 3;
    pub const INT64: i8 = 4;
    pub const BOOL: i8 = 6;
    pub const INT16: i8 = 7;
    pub const INT8: i8 = 9;
    pub const INT4: i8 = 17;
    pub const BFLOAT16: i8 = 18;
}

/// Reads a TFLite model: its first subgraph.
/// # Errors
/// A damaged file, an input of unknown size that `given` does not name.
pub fn read(bytes: &[u8], name: &str, given: &Given) -> Result<(Graph, Rounding)> {
    let model = Table::root(bytes, b"TFL3")?;
    let graphs = model.tables(2)?;
    let graph = graphs.first().context("holds no graph")?;
    let mut reader = Reader {
        bytes,
        graph: Graph::new(name, "TFLite"),
        codes: model.tables(1)?,
        buffers: model.tables(4)?,
        tensors: graph.tables(0)?,
        values: vec![],
        declared: vec![],
        read: 0,
        current: None,
        given,
    };
    if graphs.len() > 1 {
        reader.graph.notes.push(format!("holds {} graphs; the first is read", graphs.len()));
    }
    ensure!(reader.tensors.len() <= 1 << 16, "has more than 65,536 tensors");
    for i in 0..reader.tensors.len() {
        reader.tensor(i).with_context(|| format!("tensor {i}"))?;
    }
    reader.graph.inputs = graph.vector(1, 4)?.i32s().iter().map(|i| reader.value(*i)).collect::<Result<_>>()?;
    for input in reader.graph.inputs.clone() {
        reader.input(input)?;
    }
    for (i, operator) in graph.tables(3)?.iter().enumerate() {
        reader.operator(i, operator)?;
    }
    reader.graph.outputs = graph.vector(2, 4)?.i32s().iter().map(|i| reader.value(*i)).collect::<Result<_>>()?;
    ensure!(!reader.graph.inputs.is_empty() && !reader.graph.outputs.is_empty(), "has no inputs or no outputs");
    let given_by = |id: &ValueId| {
        let graph = &reader.graph;
        graph.inputs.contains(id)
            || graph.values[*id].constant.is_some()
            || graph.nodes.iter().any(|n| n.outputs.contains(id))
    };
    if let Some(lost) = reader.graph.outputs.iter().find(|o| !given_by(o)) {
        bail!("no operator gives the output `{}`", reader.graph.values[*lost].name);
    }
    Ok((reader.graph, Rounding::FixedPoint))
}

struct Reader<'a> {
    bytes: &'a [u8],
    graph: Graph,
    codes: Vec<Table<'a>>,
    buffers: Vec<Table<'a>>,
    tensors: Vec<Table<'a>>,
    /// The value that a tensor is now.
    values: Vec<ValueId>,
    /// Shapes and grids that the file states.
    declared: Vec<(Vec<usize>, Option<Quant>)>,
    /// Bytes of constants so far.
    read: usize,
    /// The grid of the output of the operator that is being read.
    current: Option<Quant>,
    given: &'a Given,
}

impl<'a> Reader<'a> {
    fn value(&self, tensor: i32) -> Result<ValueId> {
        let found = usize::try_from(tensor).ok().and_then(|i| self.values.get(i)).copied();
        found.with_context(|| format!("there is no tensor {tensor}"))
    }

    fn tensor(&mut self, index: usize) -> Result<()> {
        let table = self.tensors[index];
        let dims: Vec<i64> = table.vector(0, 4)?.i32s().iter().map(|d| i64::from(*d)).collect();
        let dims = sizes(&dims)?;
        let count = elements(&dims).context("has more than 2^31 elements")?;
        let kind = table.i8(1)?;
        let name = table.text(3)?;
        let quant = self.quant(&table, kind, &dims)?;
        let buffer = usize::try_from(table.i32(2, 0)?).ok().and_then(|i| self.buffers.get(i));
        let data = buffer.map(|b| self.data_of(b)).transpose()?.unwrap_or_default();
        let id = if data.is_empty() {
            // an input's shape, or what a node will give
            self.graph.value(&name, None)
        } else {
            self.read += count.saturating_mul(4);
            ensure!(self.read <= 2 * self.bytes.len() + SHARED_BYTES, "its constants hold more than the file does");
            let data = numbers(data, kind, count).with_context(|| format!("`{name}`"))?;
            let array = Array::new(dims.clone(), data).with_context(|| format!("`{name}`"))?;
            self.graph.constant(&name, array)
        };
        self.graph.values[id].quant = quant.clone();
        self.values.push(id);
        self.declared.push((dims, quant));
        Ok(())
    }

    /// A buffer's bytes: in it, or behind the tables in files of more than 2 GB.
    fn data_of(&self, buffer: &Table<'a>) -> Result<&'a [u8]> {
        let inside = buffer.vector(0, 1)?;
        if inside.len > 0 {
            return Ok(inside.raw(1));
        }
        let (offset, size) = (usize::try_from(buffer.u64(1)?)?, usize::try_from(buffer.u64(2)?)?);
        if offset <= 1 {
            return Ok(&[]);
        }
        let end = offset.checked_add(size).filter(|end| *end <= self.bytes.len());
        end.map(|end| &self.bytes[offset..end]).context("a buffer lies outside of the file")
    }

    fn quant(&self, table: &Table<'_>, kind: i8, dims: &[usize]) -> Result<Option<Quant>> {
        let Some(q) = table.table(4)? else { return Ok(None) };
        let scales = q.vector(2, 4)?.f32s();
        let (bits, signed) = match kind {
            kind::INT8 => (8, true),
            kind::UINT8 => (8, false),
            kind::INT16 => (16, true),
            kind::INT4 => (4, true),
            kind::INT32 => (32, true),
            _ => return Ok(None),
        };
        if scales.is_empty() {
            return Ok(None);
        }
        let mut zeros = q.vector(3, 8)?.i64s();
        if zeros.is_empty() {
            zeros = vec![0; scales.len()];
        }
        if zeros.len() == 1 {
            zeros = vec![zeros[0]; scales.len()];
        }
        let axis = usize::try_from(q.i32(6, 0)?)?;
        ensure!(zeros.len() == scales.len(), "has {} scales and {} zero points", scales.len(), zeros.len());
        ensure!(scales.iter().all(|s| s.is_finite() && *s >= 0.0), "has a scale that is not a positive number");
        let fits = scales.len() == 1 || dims.get(axis) == Some(&scales.len());
        ensure!(fits, "has {} scales along axis {axis} of {dims:?}", scales.len());
        let zeros = zeros.iter().map(|z| i32::try_from(*z)).collect::<Result<_, _>>()?;
        Ok(Some(Quant { axis: if scales.len() == 1 { 0 } else { axis }, scales, zeros, bits, signed, narrow: false }))
    }

    /// The shape of an input: the user's, the file's, and for an open batch 1.
    fn input(&mut self, id: ValueId) -> Result<()> {
        let index = self.values.iter().position(|v| *v == id).unwrap_or(0);
        let name = self.graph.values[id].name.clone();
        let signature = self.tensors[index].vector(7, 4)?.i32s();
        let mut dims = self.declared[index].0.clone();
        if let Some(given) = self.given.of(&name) {
            dims = given.to_vec();
        } else if let Some(open) = signature.iter().skip(1).position(|d| *d < 0) {
            bail!("input `{name}` has an open dimension {}; give its size by --shape {name}=1x...", open + 1);
        }
        ensure!(elements(&dims).is_some(), "input `{name}` has more than 2^31 elements");
        ensure!(dims.len() < 2 || dims[0] == 1, "input `{name}` has a batch of {}; export the model with 1", dims[0]);
        self.graph.values[id].dims = Some(dims);
        Ok(())
    }
}

/// Elements of a buffer; those of 4 bits have the first in the low half of a byte.
fn numbers(bytes: &[u8], kind: i8, count: usize) -> Result<Data> {
    let pairs = || bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    let words = || bytes.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
    Ok(match kind {
        kind::FLOAT32 => Data::F32(words().map(f32::from_le_bytes).collect()),
        kind::FLOAT16 => Data::F32(pairs().map(half).collect()),
        kind::BFLOAT16 => Data::F32(pairs().map(bfloat).collect()),
        kind::INT32 => Data::I32(words().map(i32::from_le_bytes).collect()),
        kind::INT16 => Data::I32(pairs().map(|v| i32::from(v as i16)).collect()),
        kind::INT64 => {
            Data::I64(bytes.chunks_exact(8).filter_map(|b| b.try_into().ok()).map(i64::from_le_bytes).collect())
        }
        kind::INT8 => Data::I8(bytes.iter().map(|b| *b as i8).collect()),
        kind::UINT8 | kind::BOOL => Data::U8(bytes.to_vec()),
        kind::INT4 => {
            ensure!(bytes.len() == count.div_ceil(2), "has {} bytes for {count} elements of 4 bits", bytes.len());
            let nibble =
                |i: usize| if i.is_multiple_of(2) { (bytes[i / 2] << 4) as i8 >> 4 } else { bytes[i / 2] as i8 >> 4 };
            Data::I8((0..count).map(nibble).collect())
        }
        other => bail!("holds elements of type {other}, which are not read"),
    })
}
