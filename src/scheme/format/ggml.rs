//! The plain block formats of ggml (github.com/ggml-org/ggml: block_* in ggml-common.h, quantize_row_*_ref in
//! ggml-quants.c), byte for byte: 32 numbers and binary16 scales, or 256 and three levels. All little endian.
//!
//! Where ggml would store an infinite scale, these store the largest finite one. Importance moves `iq4_nl` alone.

use super::Kind;
use super::block::{Block, Layout, f16, f16_at, parse_in};
use super::search::{LEAST, best_index, peak};
use crate::scheme::coded::ScaleType;
use crate::scheme::levels::Levels;

pub const KIND: Kind = Kind {
    pattern: "q4_0, q4_1, q5_0, q5_1, q8_0, iq4_nl, tq1_0, tq2_0",
    about: "ggml's plain blocks: 32 numbers and an f16 scale, with an f16 offset (_1), or 256 of three levels (tq)",
    parse: |text| parse_in(LAYOUTS, text),
    examples: &["q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl", "tq1_0", "tq2_0"],
};

pub(super) const LAYOUTS: &[&Layout] = &[
    &Layout { encode: |x, _, to| half_scaled(x, 4, to), decode: |b| halves(b, 4, false), ..small("q4_0", 4, 18) },
    &Layout {
        levels: || Levels::unsigned(4),
        offsets: true,
        encode: |x, _, to| offset(x, 4, to),
        decode: |b| halves(b, 4, true),
        ..small("q4_1", 4, 20)
    },
    &Layout {
        levels: || Levels::signed(5, true),
        encode: |x, _, to| half_scaled(x, 5, to),
        decode: |b| halves(b, 5, false),
        ..small("q5_0", 5, 22)
    },
    &Layout {
        levels: || Levels::unsigned(5),
        offsets: true,
        encode: |x, _, to| offset(x, 5, to),
        decode: |b| halves(b, 5, true),
        ..small("q5_1", 5, 24)
    },
    // ggml's own quantizer never makes -128
    &Layout { levels: || Levels::signed(8, true), encode: q8_0, decode: read_q8_0, ..small("q8_0", 8, 34) },
    &Layout {
        levels: || Levels::Table(IQ4.map(f32::from).into()),
        encode: iq4_nl,
        decode: |b| halves(b, 4, false),
        ..small("iq4_nl", 4, 18)
    },
    &Layout { bits: 1.625, encode: tq1_0, decode: read_tq1_0, ..ternary("tq1_0", 54) },
    &Layout { bits: 2.0, encode: tq2_0, decode: read_tq2_0, ..ternary("tq2_0", 66) },
];

/// Levels of iq4_nl.
pub const IQ4: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

const fn small(name: &'static str, bits: u32, bytes: usize) -> Layout {
    Layout {
        name,
        family: "ggml",
        bits: bits as f64,
        columns: 32,
        group: 32,
        bytes,
        levels: || Levels::signed(4, true),
        scale: Some(ScaleType::F16),
        offsets: false,
        encode: |_, _, _| {},
        decode: |_| None,
    }
}

const fn ternary(name: &'static str, bytes: usize) -> Layout {
    Layout { columns: 256, group: 256, levels: || Levels::Integers { low: -1, high: 1 }, ..small(name, 2, bytes) }
}

/// 1/d, or 0 where there is no scale.
fn inverse(d: f32) -> f32 {
    if d == 0.0 { 0.0 } else { 1.0 / d }
}

/// 4 or 5 bits: low halves of bytes are the first 16 numbers, high halves the others; the fifth bits come before them.
fn write_halves(codes: &[u8], bits: u32, to: &mut [u8]) {
    let (first, second) = codes.split_at(16);
    let split = if bits == 5 { 4 } else { 0 };
    let (fifth, low) = to.split_at_mut(split);
    for (i, code) in codes.iter().enumerate().filter(|_| bits == 5) {
        fifth[i / 8] |= (code >> 4) << (i % 8);
    }
    low.iter_mut().zip(first.iter().zip(second)).for_each(|(b, (f, s))| *b = (f & 15) | (s << 4));
}

fn halves(bytes: &[u8], bits: u32, has_offset: bool) -> Option<Block> {
    let scales = vec![f16_at(bytes, 0)?];
    let offsets = if has_offset { vec![f16_at(bytes, 2)?.into()] } else { vec![] };
    let rest = &bytes[2 + 2 * offsets.len()..];
    let (fifth, low) = rest.split_at(if bits == 5 { 4 } else { 0 });
    let high = |i: usize| if bits == 5 { u16::from(fifth[i / 8] >> (i % 8) & 1) << 4 } else { 0 };
    let code = |i: usize| u16::from(low[i % 16] >> (4 * (i / 16)) & 15) | high(i);
    Some(Block { scales, offsets, codes: (0..32).map(code).collect() })
}

/// q4_0, q5_0: the number of largest magnitude, with its sign, becomes the least level.
fn half_scaled(x: &[f32], bits: u32, to: &mut [u8]) {
    let half = f32::from(1u8 << (bits - 1));
    let d = peak(x).1 / -half;
    let id = inverse(d);
    let top = (1u8 << bits) - 1;
    let codes: Vec<u8> = x.iter().map(|v| ((v * id + (half + 0.5)) as i8 as u8).min(top)).collect();
    to[..2].copy_from_slice(&f16(d));
    write_halves(&codes, bits, &mut to[2..]);
}

/// q4_1, q5_1: from the least number to the greatest.
fn offset(x: &[f32], bits: u32, to: &mut [u8]) {
    let (low, high) = x.iter().fold((f32::MAX, -f32::MAX), |(l, h), v| (l.min(*v), h.max(*v)));
    let top = (1u8 << bits) - 1;
    let d = (high - low) / f32::from(top);
    let id = inverse(d);
    let codes: Vec<u8> = x.iter().map(|v| (((v - low) * id + 0.5) as u8).min(top)).collect();
    to[..2].copy_from_slice(&f16(d));
    to[2..4].copy_from_slice(&f16(low));
    write_halves(&codes, bits, &mut to[4..]);
}

/// Rounds halfway away from zero.
fn q8_0(x: &[f32], _importance: Option<&[f32]>, to: &mut [u8]) {
    let d = peak(x).0 / 127.0;
    let id = inverse(d);
    to[..2].copy_from_slice(&f16(d));
    to[2..].iter_mut().zip(x).for_each(|(b, v)| *b = (v * id).round() as i8 as u8);
}

fn read_q8_0(bytes: &[u8]) -> Option<Block> {
    let codes = bytes[2..].iter().map(|b| (i16::from(*b as i8) + 128) as u16).collect();
    Some(Block { scales: vec![f16_at(bytes, 0)?], offsets: vec![], codes })
}

/// The scale of least weighted squared error among those that put the largest number near the end of the table.
fn iq4_nl(x: &[f32], importance: Option<&[f32]>, to: &mut [u8]) {
    let x: Vec<f32> = x.iter().map(|v| v.clamp(-1e9, 1e9)).collect(); // squares stay finite
    let mean = 2.0 / 32.0 * x.iter().fold(0f32, |s, v| s + v * v);
    let weight: Vec<f32> = match importance {
        Some(w) => x.iter().zip(w).map(|(v, w)| w * (mean + v * v).sqrt()).collect(),
        None => x.iter().map(|v| v * v).collect(),
    };
    let (size, largest) = peak(&x);
    let mut scale = 0.0;
    if size >= LEAST {
        let sums = |inverse: f32| {
            x.iter().zip(&weight).fold((0f32, 0f32), |(qx, q2), (v, w)| {
                let q = f32::from(IQ4[best_index(&IQ4, inverse * v)]);
                (qx + w * q * v, q2 + w * q * q)
            })
        };
        let first = f32::from(IQ4[0]);
        let (qx, q2) = sums(1.0 / (-largest / first));
        scale = if q2 > 0.0 { qx / q2 } else { 0.0 };
        let mut best = scale * qx;
        for i in -7i8..=7 {
            let (qx, q2) = sums((f32::from(i) + first) / largest);
            if q2 > 0.0 && qx * qx > best * q2 {
                scale = qx / q2;
                best = scale * qx;
            }
        }
    }
    let id = inverse(scale);
    let codes: Vec<u8> = x.iter().map(|v| best_index(&IQ4, id * v) as u8).collect();
    to[..2].copy_from_slice(&f16(scale));
    write_halves(&codes, 4, &mut to[2..]);
}

/// Scale, and -1, 0, 1 as 0, 1, 2.
fn trits(x: &[f32]) -> ([u8; 2], Vec<u8>) {
    let d = peak(x).0;
    let id = inverse(d);
    (f16(d), x.iter().map(|v| ((v * id).round().clamp(-1.0, 1.0) as i8 + 1) as u8).collect())
}

/// Where trit `n` of byte `i` is: the first 32 bytes hold five each, 32 apart, the next 16 five, 16 apart, the last 4
/// four, 4 apart.
fn trit_place(i: usize, n: usize) -> Option<usize> {
    match i {
        0..32 => Some(i + 32 * n),
        32..48 => Some(160 + (i - 32) + 16 * n),
        _ => (n < 4).then(|| 240 + (i - 48) + 4 * n),
    }
}

/// Five trits of a byte, the first the most significant, as a fraction of 3^5 in 256ths, rounded up.
fn tq1_0(x: &[f32], _importance: Option<&[f32]>, to: &mut [u8]) {
    let (d, codes) = trits(x);
    let (bytes, scale) = to.split_at_mut(52);
    for (i, byte) in bytes.iter_mut().enumerate() {
        let q = (0..5).fold(0u16, |q, n| q * 3 + trit_place(i, n).map_or(0, |at| u16::from(codes[at])));
        *byte = (q * 256).div_ceil(243) as u8;
    }
    scale.copy_from_slice(&d);
}

fn read_tq1_0(bytes: &[u8]) -> Option<Block> {
    let mut codes = vec![0; 256];
    for (i, byte) in bytes[..52].iter().enumerate() {
        for n in 0..5 {
            if let Some(at) = trit_place(i, n) {
                let q = byte.wrapping_mul(3u8.pow(n as u32));
                codes[at] = (u16::from(q) * 3) >> 8;
            }
        }
    }
    Some(Block { scales: vec![f16_at(bytes, 52)?], offsets: vec![], codes })
}

/// Number `i`'s byte and shift: two halves of 128, four numbers a byte, 32 apart.
fn pair_place(i: usize) -> (usize, usize) {
    (i / 128 * 32 + i % 32, i % 128 / 32 * 2)
}

fn tq2_0(x: &[f32], _importance: Option<&[f32]>, to: &mut [u8]) {
    let (d, codes) = trits(x);
    for (i, code) in codes.iter().enumerate() {
        let (byte, shift) = pair_place(i);
        to[byte] |= code << shift;
    }
    to[64..].copy_from_slice(&d);
}

fn read_tq2_0(bytes: &[u8]) -> Option<Block> {
    let code = |i: usize| {
        let (byte, shift) = pair_place(i);
        u16::from(bytes[byte] >> shift & 3) // ggml's 3, which it never makes, stands for 2
    };
    Some(Block { scales: vec![f16_at(bytes, 64)?], offsets: vec![], codes: (0..256).map(code).collect() })
}
