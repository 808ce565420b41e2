//! NVFP4 (NVIDIA, Introducing NVFP4, 2025; cuBLAS, 1D block scaling): e2m1 elements, an e4m3 scale for every 16, an f32
//! scale for the tensor.
//!
//! `tensor = amax / (448 * 6)`; `block = e4m3(block's amax / 6 / tensor)`, at least the least number of e4m3, so that
//! no block of small numbers is lost; `element = e2m1(x / (block * tensor))`. Roundings go to nearest, ties to even, and
//! saturate; quotients and products are f32. An element stands for `(block * tensor) * element`, each product rounded.
//!
//! Bytes of a tensor: its f32 scale, little endian; then row by row for every 16 numbers (a row is filled up with zeros)
//! the e4m3 scale and eight bytes, the first element in the low half of the first.

use std::sync::Arc;

use super::block::Block;
use super::{Fit, Format, Kind, pack as bits};
use crate::scheme::coded::ScaleType;
use crate::scheme::lattice::{Lattice, Matrix, Origin, Quantized};
use crate::scheme::levels::{Levels, MiniFloat};

pub const NAME: &str = "nvfp4";

pub const KIND: Kind = Kind {
    pattern: NAME,
    about: "NVFP4 (NVIDIA, 2025): e2m1, an e4m3 scale for every 16, an f32 scale for the tensor",
    parse: |text| text.starts_with(NAME).then(|| (Arc::new(Nvfp4) as Arc<dyn Format>, NAME.len())),
    examples: &[NAME],
};

/// Numbers that share an e4m3 scale.
const BLOCK: usize = 16;
const BLOCK_BYTES: usize = 1 + BLOCK / 2;
const ELEMENT: MiniFloat = MiniFloat::E2M1;
const SCALE: MiniFloat = MiniFloat::E4M3;
/// The largest tensor scale is laid a little below the end of f32, so that no product overflows.
const MOST: f32 = 3.4e38;

struct Nvfp4;

fn peak(x: &[f32]) -> f32 {
    x.iter().fold(0f32, |a, v| a.max(v.abs()))
}

fn tensor_scale(x: &[f32]) -> f32 {
    (peak(x).min(MOST) / (448.0 * 6.0)).max(f32::MIN_POSITIVE)
}

/// The bits of a block's scale.
fn block_scale(x: &[f32], tensor: f32) -> u8 {
    SCALE.encode(peak(x) / 6.0 / tensor).max(1) as u8
}

/// One block: its scale, its elements.
fn encode(x: &[f32], tensor: f32) -> Option<[u8; BLOCK_BYTES]> {
    let byte = block_scale(x, tensor);
    let scale = SCALE.decode(byte.into())? * tensor;
    let mut codes = [0; BLOCK];
    codes.iter_mut().zip(x).for_each(|(c, v)| *c = ELEMENT.encode(v / scale) as u8);
    let mut bytes = [byte; BLOCK_BYTES];
    bytes[1..].copy_from_slice(&bits::pack(&codes, 4));
    Some(bytes)
}

fn decode(bytes: &[u8], tensor: f32) -> Option<Block> {
    let scale = Some(SCALE.decode(bytes[0].into())? * tensor).filter(|s| s.is_finite())?;
    let rank = |b: u8| if b & 8 == 0 { i32::from(b) } else { -i32::from(b & 7) };
    let codes = bits::unpack(&bytes[1..], 4, BLOCK)?.into_iter().map(|b| (rank(b) + ELEMENT.greatest as i32) as u16);
    Some(Block { scales: vec![scale], offsets: vec![], codes: codes.collect() })
}

/// The bytes of one row, a tensor by itself.
pub fn pack(row: &[f32]) -> Vec<u8> {
    let tensor = tensor_scale(row);
    let mut bytes = tensor.to_le_bytes().to_vec();
    row.chunks(BLOCK).filter_map(|x| encode(x, tensor)).for_each(|block| bytes.extend(block));
    bytes
}

/// The `columns` numbers of a row that [`pack`] made.
pub fn unpack(bytes: &[u8], columns: usize) -> Option<Quantized> {
    let tensor = f32::from_le_bytes(bytes.get(..4)?.try_into().ok()?);
    let blocks = bytes.get(4..4 + columns.div_ceil(BLOCK) * BLOCK_BYTES)?.chunks(BLOCK_BYTES);
    let mut all = Block::default();
    for block in blocks.map(|b| decode(b, tensor)) {
        let block = block?;
        all.scales.extend(block.scales);
        all.codes.extend(block.codes);
    }
    all.codes.truncate(columns);
    Some(Quantized::of(lattice(columns, 1, all.scales), all.codes))
}

fn lattice(k: usize, rows: usize, scales: Vec<f32>) -> Lattice {
    let stored_bits = (32 + scales.len() * BLOCK_BYTES * 8) as f64;
    debug_assert_eq!(scales.len(), rows * k.div_ceil(BLOCK));
    Lattice { k, group: BLOCK, levels: Levels::Float(ELEMENT), scales, origin: Origin::Zero, stored_bits }
}

impl Format for Nvfp4 {
    fn name(&self) -> String {
        NAME.into()
    }
    fn family(&self) -> &'static str {
        "microscaling"
    }
    fn bits(&self) -> f64 {
        4.0
    }
    fn blocks(&self) -> Option<(usize, ScaleType)> {
        Some((BLOCK, ScaleType::E4m3))
    }
    fn fit(&self, x: &Matrix, _how: &Fit) -> Lattice {
        let tensor = tensor_scale(x.data);
        let scale = |b: &[f32]| SCALE.ranked(i32::from(block_scale(b, tensor))) * tensor;
        let scales = (0..x.rows()).flat_map(|r| x.row(r).chunks(BLOCK).map(scale)).collect();
        lattice(x.k, x.rows(), scales)
    }
}
