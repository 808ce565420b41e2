//! GGUF files (versions 2 and 3): weights without a graph. Each matrix becomes a layer of its own, decoded to f32.

use std::ops::Range;

use anyhow::{Context, Result, bail, ensure};

use super::graph::{Array, Graph, elements};
use super::onnx::{bfloat, half};
use crate::scheme::format::block;

/// Kinds of tensors: number, name, elements and bytes of a block. Blocks that a format of weights knows have its name.
pub static KINDS: &[(u32, &str, usize, usize)] = &[
    (0, "f32", 1, 4),
    (1, "f16", 1, 2),
    (2, "q4_0", 32, 18),
    (3, "q4_1", 32, 20),
    (6, "q5_0", 32, 22),
    (7, "q5_1", 32, 24),
    (8, "q8_0", 32, 34),
    (10, "q2_k", 256, 84),
    (11, "q3_k", 256, 110),
    (12, "q4_k", 256, 144),
    (13, "q5_k", 256, 176),
    (14, "q6_k", 256, 210),
    (20, "iq4_nl", 32, 18),
    (30, "bf16", 1, 2),
    (34, "tq1_0", 256, 54),
    (35, "tq2_0", 256, 66),
    (39, MXFP4, 32, 17),
];

const MXFP4: &str = "mxfp4";

/// Blocks as a file has them from blocks as a format of weights makes them, or back. They differ where a file puts the second half
/// of a block's numbers into the high halves of its bytes, and OCP's order every second number.
pub fn reordered(format: &str, mut blocks: Vec<u8>, to_file: bool) -> Vec<u8> {
    for block in blocks.chunks_exact_mut(17).take_while(|_| format == MXFP4) {
        let codes = &mut block[1..];
        let half = |bytes: &[u8], place: usize| bytes[place / 2] >> (4 * (place % 2)) & 15;
        let old = codes.to_vec();
        // where a number is: in OCP's order, and in the file's
        let (ocp, file) = (|i: usize| i, |i: usize| i % 16 * 2 + i / 16);
        codes.fill(0);
        for i in 0..32 {
            let (from, to) = if to_file { (ocp(i), file(i)) } else { (file(i), ocp(i)) };
            codes[to / 2] |= half(&old, from) << (4 * (to % 2));
        }
    }
    blocks
}

/// A file being read from its front.
struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let part = &self.bytes[self.at..end.context("ends early")?];
        self.at += count;
        Ok(part)
    }

    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.take(4)?.try_into()?))
    }

    fn size(&mut self) -> Result<usize> {
        Ok(usize::try_from(u64::from_le_bytes(self.take(8)?.try_into()?))?)
    }

    fn text(&mut self) -> Result<String> {
        let length = self.size()?;
        Ok(String::from_utf8_lossy(self.take(length)?).into_owned())
    }

    /// Passes over a value of the metadata; integers and texts are returned as text.
    fn value(&mut self, kind: u32) -> Result<Option<String>> {
        let width = |kind: u32| match kind {
            0 | 1 | 7 => Ok(1),
            2 | 3 => Ok(2),
            4..=6 => Ok(4),
            10..=12 => Ok(8),
            other => bail!("metadata of type {other}"),
        };
        match kind {
            4 => Ok(Some(self.u32()?.to_string())),
            8 => Ok(Some(self.text()?)),
            9 => {
                let (of, count) = (self.u32()?, self.size()?);
                if of == 8 {
                    for _ in 0..count {
                        self.text()?;
                    }
                } else {
                    self.take(count.checked_mul(width(of)?).context("ends early")?)?;
                }
                Ok(None)
            }
            other => self.take(width(other)?).map(|_| None),
        }
    }
}

/// A tensor of a file.
pub struct Tensor {
    pub name: String,
    /// The fastest dimension first.
    pub dims: Vec<usize>,
    pub kind: u32,
    /// Where its data begin, from the front of the file.
    pub at: usize,
}

/// What stands before the data.
pub struct Directory {
    pub version: u32,
    pub architecture: String,
    pub alignment: usize,
    /// The metadata: keys, and where each key, with its value, lies in the file.
    pub metadata: Vec<(String, Range<usize>)>,
    pub tensors: Vec<Tensor>,
}

impl Directory {
    /// # Errors
    /// A damaged file.
    pub fn of(bytes: &[u8]) -> Result<Self> {
        let mut file = Cursor { bytes, at: 0 };
        ensure!(file.take(4)? == b"GGUF", "is no GGUF file");
        let version = file.u32()?;
        ensure!((2..=3).contains(&version), "is of version {version}; 2 and 3 are read");
        let (tensors, entries) = (file.size()?, file.size()?);
        let (mut alignment, mut architecture) = (32usize, String::from("unknown"));
        let mut metadata = Vec::new();
        for _ in 0..entries {
            let start = file.at;
            let (key, kind) = (file.text()?, file.u32()?);
            match (key.as_str(), file.value(kind)?) {
                ("general.alignment", Some(v)) => alignment = v.parse().unwrap_or(0),
                ("general.architecture", Some(v)) => architecture = v,
                _ => {}
            }
            metadata.push((key, start..file.at));
        }
        ensure!(alignment.is_power_of_two(), "is aligned to {alignment}");
        let mut found = Vec::new();
        for _ in 0..tensors {
            let (name, rank) = (file.text()?, file.u32()?);
            ensure!(rank <= 4, "tensor `{name}` has {rank} dimensions");
            let dims = (0..rank).map(|_| file.size()).collect::<Result<Vec<_>>>()?;
            found.push(Tensor { name, dims, kind: file.u32()?, at: file.size()? });
        }
        let start = file.at.next_multiple_of(alignment);
        for tensor in &mut found {
            tensor.at = start.checked_add(tensor.at).context("a tensor lies outside of the file")?;
        }
        Ok(Self { version, architecture, alignment, metadata, tensors: found })
    }
}

impl Tensor {
    /// Its data.
    /// # Errors
    /// A kind that is not known; rows that are no whole blocks; data outside of the file.
    pub fn data<'a>(&self, bytes: &'a [u8]) -> Result<&'a [u8]> {
        let name = &self.name;
        let kind = KINDS.iter().find(|t| t.0 == self.kind);
        let (_, format, each, size) =
            kind.with_context(|| format!("tensor `{name}` is of kind {}, which is not read", self.kind))?;
        let k = self.dims.first().copied().unwrap_or(1);
        ensure!(
            elements(&self.dims).is_some() && k > 0 && k % each == 0,
            "tensor `{name}` has rows of {k} elements of {format}"
        );
        let rows = self.dims.iter().skip(1).product::<usize>();
        let length = rows.checked_mul(k / each * size);
        let part = length.and_then(|l| bytes.get(self.at..self.at.checked_add(l)?));
        part.with_context(|| format!("tensor `{name}` lies outside of the file"))
    }
}

/// Reads the matrices of a GGUF file.
/// # Errors
/// A damaged file.
pub fn read(bytes: &[u8], name: &str) -> Result<Graph> {
    let directory = Directory::of(bytes)?;
    let origin = format!("GGUF, version {}, {}", directory.version, directory.architecture);
    let mut graph = Graph::new(name, &origin);
    let mut others = 0;
    for tensor in &directory.tensors {
        let (&[k, n], Some((_, format, each, size))) =
            (tensor.dims.as_slice(), KINDS.iter().find(|t| t.0 == tensor.kind))
        else {
            others += 1;
            continue;
        };
        let label = &tensor.name;
        let part = tensor.data(bytes)?;
        let values = decode(part, format, k, k / each * size).with_context(|| format!("tensor `{label}`"))?;
        graph.lone_layer(label, Array::f32(vec![n, k], values), format)?;
    }
    if others > 0 {
        graph
            .notes
            .push(format!("{others} tensors that are no matrices, or of kinds that are not read, are passed over"));
    }
    Ok(graph)
}

fn decode(bytes: &[u8], format: &str, k: usize, row: usize) -> Result<Vec<f32>> {
    let pairs = || bytes.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]));
    Ok(match format {
        "f32" => bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        "f16" => pairs().map(half).collect(),
        "bf16" => pairs().map(bfloat).collect(),
        _ => {
            let mut values = Vec::with_capacity(bytes.len() / row.max(1) * k);
            for row in bytes.chunks_exact(row.max(1)) {
                let row = reordered(format, row.to_vec(), false);
                values.extend(block::unpack(format, &row, k).context("its blocks cannot be read")?.values);
            }
            values
        }
    })
}
