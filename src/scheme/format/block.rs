//! Formats of fixed blocks: so many consecutive numbers of a row become so many bytes, scales included. The bytes are
//! the truth: quantizing is encoding and decoding again.
//!
//! A row that is no whole number of blocks is filled up with zeros before it is encoded; what that takes counts as
//! stored.

use std::sync::Arc;

use rayon::prelude::*;

use super::{Fit, Format, Found, ggml, kquant, mx, nvfp4};
use crate::scheme::coded::ScaleType;
use crate::scheme::lattice::{Lattice, Matrix, Origin, Quantized};
use crate::scheme::levels::{Levels, MiniFloat};

/// One format: how a block of it is made and read.
pub struct Layout {
    /// As schemes spell it.
    pub name: &'static str,
    pub family: &'static str,
    /// Bits of a code, scales not counted.
    pub bits: f64,
    /// Numbers of a block.
    pub columns: usize,
    /// Numbers that share a scale.
    pub group: usize,
    /// Bytes of a block.
    pub bytes: usize,
    pub levels: fn() -> Levels,
    /// How the scale of a group is stored, where it is stored as one number.
    pub scale: Option<ScaleType>,
    /// Groups have an offset.
    pub offsets: bool,
    /// Writes a block of finite numbers into bytes that are zero. With the weight of each number's error, where there
    /// are such and the format looks at them.
    pub encode: fn(&[f32], Option<&[f32]>, &mut [u8]),
    /// Reads a block; None where a scale or a number is infinite or none at all.
    pub decode: fn(&[u8]) -> Option<Block>,
}

/// What the bytes of a block say: `scale * level(code) + offset`, scales and offsets group by group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Block {
    pub scales: Vec<f32>,
    /// Empty where the format has none.
    pub offsets: Vec<f64>,
    pub codes: Vec<u16>,
}

impl Block {
    fn append(&mut self, other: Block) {
        self.scales.extend(other.scales);
        self.offsets.extend(other.offsets);
        self.codes.extend(other.codes);
    }
}

/// The row of a table whose name begins the text.
pub(super) fn parse_in(table: &'static [&'static Layout], text: &str) -> Option<Found> {
    let found = table.iter().find(|l| text.starts_with(l.name))?;
    Some((Arc::new(Packed(found)), found.name.len()))
}

/// Every layout.
pub fn layouts() -> impl Iterator<Item = &'static Layout> {
    [mx::LAYOUTS, ggml::LAYOUTS, kquant::LAYOUTS].into_iter().flatten().copied()
}

/// The bytes of finite numbers, a row, in the format of that name; None where there is no such block format. `nvfp4`
/// begins with the scale of the tensor, which the row then is.
pub fn pack(name: &str, row: &[f32]) -> Option<Vec<u8>> {
    if name == nvfp4::NAME {
        return Some(nvfp4::pack(row));
    }
    layouts().find(|l| l.name == name).map(|l| l.pack(row, None))
}

/// The `columns` numbers of a row that [`pack`] made, scales and codes; None where there is no such format, the bytes
/// are too few, or something among them is no finite number.
pub fn unpack(name: &str, bytes: &[u8], columns: usize) -> Option<Quantized> {
    if name == nvfp4::NAME {
        return nvfp4::unpack(bytes, columns);
    }
    layouts().find(|l| l.name == name).and_then(|l| l.unpack(bytes, columns))
}

impl Layout {
    pub fn pack(&self, row: &[f32], importance: Option<&[f32]>) -> Vec<u8> {
        let mut bytes = vec![0; row.len().div_ceil(self.columns) * self.bytes];
        let padded = |x: &[f32]| {
            let mut block = x.to_vec();
            block.resize(self.columns, 0.0);
            block
        };
        for (i, (x, bytes)) in row.chunks(self.columns).zip(bytes.chunks_mut(self.bytes)).enumerate() {
            let weights = importance.map(|w| padded(&w[i * self.columns..][..x.len()]));
            (self.encode)(&padded(x), weights.as_deref(), bytes);
        }
        bytes
    }

    pub fn unpack(&self, bytes: &[u8], columns: usize) -> Option<Quantized> {
        let all = self.read(bytes, columns)?;
        Some(Quantized::of(self.lattice(columns, 1, all.scales, all.offsets), all.codes))
    }

    /// The scales, offsets and codes of a row's `columns` numbers, without those that fill up its last block.
    fn read(&self, bytes: &[u8], columns: usize) -> Option<Block> {
        let blocks = columns.div_ceil(self.columns);
        let mut all = Block::default();
        for block in bytes.get(..blocks * self.bytes)?.chunks(self.bytes) {
            all.append((self.decode)(block)?);
        }
        all.scales.truncate(columns.div_ceil(self.group));
        all.offsets.truncate(columns.div_ceil(self.group));
        all.codes.truncate(columns);
        Some(all)
    }

    fn lattice(&self, k: usize, rows: usize, scales: Vec<f32>, offsets: Vec<f64>) -> Lattice {
        let stored = rows * k.div_ceil(self.columns) * self.bytes * 8;
        let origin = if self.offsets { Origin::Offsets(offsets) } else { Origin::Zero };
        Lattice { k, group: self.group, levels: (self.levels)(), scales, origin, stored_bits: stored as f64 }
    }
}

struct Packed(&'static Layout);

impl Format for Packed {
    fn name(&self) -> String {
        self.0.name.into()
    }
    fn family(&self) -> &'static str {
        self.0.family
    }
    fn bits(&self) -> f64 {
        self.0.bits
    }
    fn blocks(&self) -> Option<(usize, ScaleType)> {
        self.0.scale.filter(|_| !self.0.offsets).map(|scale| (self.0.group, scale))
    }
    fn fit(&self, x: &Matrix, how: &Fit) -> Lattice {
        self.quantize(x, how).lattice
    }
    fn quantize(&self, x: &Matrix, how: &Fit) -> Quantized {
        let layout = self.0;
        let row = |r: usize| {
            let bytes = layout.pack(x.row(r), how.importance);
            layout.read(&bytes, x.k).expect("a block that was just made holds finite numbers")
        };
        let rows: Vec<Block> = (0..x.rows()).into_par_iter().map(row).collect();
        let mut all = Block::default();
        rows.into_iter().for_each(|r| all.append(r));
        Quantized::of(layout.lattice(x.k, x.rows(), all.scales, all.offsets), all.codes)
    }
}

/// The bits of `x` as binary16, which keeps the sign of a zero. What is too large becomes the largest finite number,
/// where ggml would store an infinity.
pub fn f16(x: f32) -> [u8; 2] {
    let sign = if x.is_sign_negative() { 0x8000 } else { 0 };
    (MiniFloat::F16.encode(x.abs()) | sign).to_le_bytes()
}

/// The binary16 number that begins at a byte, where it is finite.
pub(super) fn f16_at(bytes: &[u8], at: usize) -> Option<f32> {
    let bits = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let size = MiniFloat::F16.decode(bits & 0x7fff)?;
    Some(if bits & 0x8000 == 0 { size } else { -size })
}
