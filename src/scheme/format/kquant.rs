//! ggml's k-quants (github.com/ggml-org/ggml: block_q*_K in ggml-common.h, quantize_row_q*_K_ref in ggml-quants.c; with
//! importance, its quantize_row_q*_K_impl), byte for byte: super-blocks of 256 numbers, in groups of 16 or 32 whose
//! scales (and least numbers) are themselves integers times a binary16. All little endian.
//!
//! Numbers beyond 1e9, whose scale ggml would store as an infinity, count as that, and the scale is the largest finite.

use super::Kind;
use super::block::{Block, Layout, f16, f16_at, parse_in};
use super::search::{self, Affine, LEAST, nearest};
use crate::scheme::levels::Levels;

pub const KIND: Kind = Kind {
    pattern: "q2_k, q3_k, q4_k, q5_k, q6_k",
    about: "ggml's k-quants: 256 numbers, groups of 16 or 32 with integer scales, found by search",
    parse: |text| parse_in(LAYOUTS, text),
    examples: &["q2_k", "q3_k", "q4_k", "q5_k", "q6_k"],
};

pub(super) const LAYOUTS: &[&Layout] = &[
    &Layout { offsets: true, encode: encode_q2, decode: decode_q2, ..layout("q2_k", 2, 16, 84) },
    &Layout { levels: || Levels::signed(3, true), encode: encode_q3, decode: decode_q3, ..layout("q3_k", 3, 16, 110) },
    &Layout {
        levels: || Levels::unsigned(4),
        offsets: true,
        encode: encode_q4,
        decode: |b| decode_q45(b, 4),
        ..layout("q4_k", 4, 32, 144)
    },
    &Layout {
        levels: || Levels::unsigned(5),
        offsets: true,
        encode: encode_q5,
        decode: |b| decode_q45(b, 5),
        ..layout("q5_k", 5, 32, 176)
    },
    &Layout { levels: || Levels::signed(6, true), encode: encode_q6, decode: decode_q6, ..layout("q6_k", 6, 16, 210) },
];

const COLUMNS: usize = 256;

const fn layout(name: &'static str, bits: u32, group: usize, bytes: usize) -> Layout {
    Layout {
        name,
        family: "k-quant",
        bits: bits as f64,
        columns: COLUMNS,
        group,
        bytes,
        levels: || Levels::unsigned(2),
        scale: None,
        offsets: false,
        encode: |_, _, _| {},
        decode: |_| None,
    }
}

/// Numbers within what any of these formats can reach; squares and sums of them stay finite.
fn within_reach(x: &[f32]) -> Vec<f32> {
    x.iter().map(|v| v.clamp(-1e9, 1e9)).collect()
}

/// The number that two bytes of binary16 made here hold.
fn value(bytes: [u8; 2]) -> f32 {
    f16_at(&bytes, 0).unwrap_or(0.0)
}

fn sum_squares(x: &[f32]) -> f32 {
    x.iter().fold(0.0, |s, v| s + v * v)
}

/// Weights under importance: `w * sqrt(sigma2 + x^2)`.
fn weighted(x: &[f32], importance: &[f32], sigma2: f32) -> Vec<f32> {
    x.iter().zip(importance).map(|(v, w)| w * (sigma2 + v * v).sqrt()).collect()
}

/// What is to be known of a format of scales and least numbers.
struct Kq {
    group: usize,
    /// The largest code of a scale.
    scale_top: i32,
    /// Search without importance.
    plain: Affine,
    /// Weight of a number without importance, in its group.
    weights: fn(&[f32]) -> Vec<f32>,
    /// sigma2 is so many times the mean square.
    spread: f32,
}

/// A super-block with scales and least numbers, before its bytes are laid out.
struct Coded {
    d: [u8; 2],
    least: [u8; 2],
    scales: Vec<u8>,
    leasts: Vec<u8>,
    codes: Vec<u8>,
}

const Q2: Kq = Kq {
    group: 16,
    scale_top: 15,
    plain: Affine { top: 3, from: -0.5, by: 0.1, steps: 15, absolute: true },
    weights: |x| x.iter().map(|v| v.abs()).collect(),
    spread: 1.0,
};
const Q4: Kq = Kq {
    group: 32,
    scale_top: 63,
    plain: Affine { top: 15, from: -1.0, by: 0.1, steps: 20, absolute: false },
    weights: above_mean,
    spread: 2.0,
};
const Q5: Kq = Kq { plain: Affine { top: 31, from: -0.5, by: 0.1, steps: 15, absolute: false }, ..Q4 };

fn above_mean(x: &[f32]) -> Vec<f32> {
    let mean = (sum_squares(x) / 32.0).sqrt();
    x.iter().map(|v| mean + v.abs()).collect()
}

impl Kq {
    fn encode(&self, x: &[f32], importance: Option<&[f32]>) -> Coded {
        let x = &within_reach(x);
        let (weights, search): (Vec<Vec<f32>>, Affine) = match importance {
            None => (x.chunks(self.group).map(self.weights).collect(), self.plain),
            Some(w) => {
                let sigma2 = self.spread * sum_squares(x) / COLUMNS as f32;
                let groups = x.chunks(self.group).zip(w.chunks(self.group));
                let finer = Affine { from: -0.9, by: 0.05, steps: 36, absolute: false, ..self.plain };
                (groups.map(|(x, w)| weighted(x, w, sigma2)).collect(), finer)
            }
        };
        let found = x.chunks(self.group).zip(&weights).map(|(x, w)| search.search(x, w));
        let (mut scales, mut leasts, mut codes) = (vec![], vec![], vec![]);
        for (scale, least, c) in found {
            scales.push(scale);
            leasts.push(least);
            codes.extend(c);
        }
        let sums: Option<Vec<f32>> =
            importance.map(|_| weights.iter().map(|w| w.iter().fold(0f32, |s, w| s + w)).collect());
        let (d, scales) = self.integers(&scales, sums.as_deref());
        let (least, leasts) = self.integers(&leasts, sums.as_deref());
        let mut coded = Coded { d: f16(d), least: f16(least), scales, leasts, codes };
        self.settle(x, &mut coded);
        coded
    }

    /// Scales as integers: by the largest, or, with importance, by a search.
    fn integers(&self, x: &[f32], weights: Option<&[f32]>) -> (f32, Vec<u8>) {
        if let Some(weights) = weights {
            return search::positive(self.scale_top, x, weights);
        }
        let top = self.scale_top as f32;
        let high = x.iter().fold(0f32, |a, v| a.max(*v));
        let inverse = if high > 0.0 { top / high } else { 0.0 };
        (high / top, x.iter().map(|v| nearest(inverse * v).clamp(0, self.scale_top) as u8).collect())
    }

    /// Codes for the scales as they are stored.
    fn settle(&self, x: &[f32], coded: &mut Coded) {
        let (d, least) = (value(coded.d), value(coded.least));
        for (g, (x, codes)) in x.chunks(self.group).zip(coded.codes.chunks_mut(self.group)).enumerate() {
            let (scale, low) = (d * f32::from(coded.scales[g]), least * f32::from(coded.leasts[g]));
            if scale != 0.0 {
                codes.iter_mut().zip(x).for_each(|(c, v)| {
                    *c = nearest((v + low) / scale).clamp(0, self.plain.top) as u8;
                });
            }
        }
    }
}

/// Codes for symmetric scales as they are stored; `half` stands for zero.
fn settle(x: &[f32], d: f32, scales: &[i32], half: i32, codes: &mut [u8]) {
    for ((x, codes), s) in x.chunks(16).zip(codes.chunks_mut(16)).zip(scales) {
        let scale = d * *s as f32;
        if scale != 0.0 {
            let code = |v: &f32| (nearest(v / scale).clamp(-half, half - 1) + half) as u8;
            codes.iter_mut().zip(x).for_each(|(c, v)| *c = code(v));
        }
    }
}

/// The byte of number `i` and its quarter: in each half of 128, byte l holds l, l + 32, l + 64 and l + 96, lowest first.
fn quarter(i: usize) -> (usize, usize) {
    (i / 128 * 32 + i % 32, i % 128 / 32 * 2)
}

/// 16 bytes of scales (low halves) and leasts, 64 of codes, d, dmin.
fn encode_q2(x: &[f32], importance: Option<&[f32]>, to: &mut [u8]) {
    let c = Q2.encode(x, importance);
    to.iter_mut().zip(c.scales.iter().zip(&c.leasts)).for_each(|(b, (s, l))| *b = s | (l << 4));
    for (i, code) in c.codes.iter().enumerate() {
        let (byte, shift) = quarter(i);
        to[16 + byte] |= code << shift;
    }
    to[80..82].copy_from_slice(&c.d);
    to[82..].copy_from_slice(&c.least);
}

fn decode_q2(bytes: &[u8]) -> Option<Block> {
    let (d, least) = (f16_at(bytes, 80)?, f16_at(bytes, 82)?);
    let code = |i: usize| {
        let (byte, shift) = quarter(i);
        u16::from(bytes[16 + byte] >> shift & 3)
    };
    Some(Block {
        scales: bytes[..16].iter().map(|b| d * f32::from(b & 15)).collect(),
        offsets: bytes[..16].iter().map(|b| -f64::from(least * f32::from(b >> 4))).collect(),
        codes: (0..COLUMNS).map(code).collect(),
    })
}

/// 32 bytes of high bits (number i: byte i % 32, bit i / 32), 64 of low bits, 12 of 6-bit scales, d.
fn encode_q3(x: &[f32], importance: Option<&[f32]>, to: &mut [u8]) {
    let x = &within_reach(x);
    let weights: Option<Vec<f32>> = importance.map(|w| weighted(x, w, 2.0 * sum_squares(x) / COLUMNS as f32));
    let found = |(g, x): (usize, &[f32])| match &weights {
        None => search::descending(4, x),
        Some(w) => search::symmetric(4, x, &w[16 * g..][..16]),
    };
    let (scales, codes): (Vec<f32>, Vec<Vec<u8>>) = x.chunks(16).enumerate().map(found).unzip();
    let mut codes = codes.concat();
    let (d, scales): (f32, Vec<i32>) = if let Some(w) = &weights {
        let sums: Vec<f32> = w.chunks(16).map(|w| w.iter().fold(0f32, |s, w| s + w)).collect();
        let (d, codes) = search::symmetric(32, &scales, &sums);
        (d, codes.into_iter().map(i32::from).collect())
    } else {
        let largest = search::peak(&scales).1;
        let inverse = -32.0 / largest;
        let code = |s: &f32| if largest == 0.0 { 0 } else { nearest(inverse * s).clamp(-32, 31) + 32 };
        (if largest == 0.0 { 0.0 } else { 1.0 / inverse }, scales.iter().map(code).collect())
    };
    let d = f16(d);
    let signed: Vec<i32> = scales.iter().map(|s| s - 32).collect();
    settle(x, value(d), &signed, 4, &mut codes);
    for (i, code) in codes.iter().enumerate() {
        let (byte, shift) = quarter(i);
        to[i % 32] |= (code >> 2) << (i / 32);
        to[32 + byte] |= (code & 3) << shift;
    }
    for (j, s) in scales.iter().enumerate() {
        to[96 + j % 8] |= (*s as u8 & 15) << (4 * (j / 8));
        to[104 + j % 4] |= (*s as u8 >> 4) << (2 * (j / 4));
    }
    to[108..].copy_from_slice(&d);
}

fn decode_q3(bytes: &[u8]) -> Option<Block> {
    let d = f16_at(bytes, 108)?;
    let scale = |j: usize| {
        let low = bytes[96 + j % 8] >> (4 * (j / 8)) & 15;
        let high = bytes[104 + j % 4] >> (2 * (j / 4)) & 3;
        d * f32::from((low | (high << 4)) as i8 - 32)
    };
    let code = |i: usize| {
        let (byte, shift) = quarter(i);
        u16::from(bytes[32 + byte] >> shift & 3) | (u16::from(bytes[i % 32] >> (i / 32) & 1) << 2)
    };
    Some(Block { scales: (0..16).map(scale).collect(), offsets: vec![], codes: (0..COLUMNS).map(code).collect() })
}

/// d, dmin, 12 bytes of 6-bit scales and leasts, then 128 bytes: in each 64 numbers, low halves are the first 32.
fn encode_q4(x: &[f32], importance: Option<&[f32]>, to: &mut [u8]) {
    let c = Q4.encode(x, importance);
    write_head(&c, to);
    write_nibbles(&c.codes, &mut to[16..]);
}

/// As q4_k, with 32 bytes of fifth bits (number i: byte i % 32, bit i / 32) before the 128.
fn encode_q5(x: &[f32], importance: Option<&[f32]>, to: &mut [u8]) {
    let c = Q5.encode(x, importance);
    write_head(&c, to);
    c.codes.iter().enumerate().for_each(|(i, code)| to[16 + i % 32] |= (code >> 4) << (i / 32));
    write_nibbles(&c.codes, &mut to[48..]);
}

fn write_nibbles(codes: &[u8], to: &mut [u8]) {
    for (i, code) in codes.iter().enumerate() {
        to[i / 64 * 32 + i % 32] |= (code & 15) << (i % 64 / 32 * 4);
    }
}

fn write_head(c: &Coded, to: &mut [u8]) {
    to[..2].copy_from_slice(&c.d);
    to[2..4].copy_from_slice(&c.least);
    for (j, (s, l)) in c.scales.iter().zip(&c.leasts).enumerate() {
        if j < 4 {
            to[4 + j] |= s;
            to[8 + j] |= l;
        } else {
            to[8 + j] = (s & 15) | ((l & 15) << 4);
            to[j] |= (s >> 4) << 6;
            to[4 + j] |= (l >> 4) << 6;
        }
    }
}

fn decode_q45(bytes: &[u8], bits: u32) -> Option<Block> {
    let (d, least) = (f16_at(bytes, 0)?, f16_at(bytes, 2)?);
    let pair = |j: usize| match j {
        0..4 => (bytes[4 + j] & 63, bytes[8 + j] & 63),
        _ => ((bytes[8 + j] & 15) | (bytes[j] >> 6 << 4), (bytes[8 + j] >> 4) | (bytes[4 + j] >> 6 << 4)),
    };
    let nibbles = &bytes[if bits == 5 { 48 } else { 16 }..];
    let fifth = |i: usize| if bits == 5 { u16::from(bytes[16 + i % 32] >> (i / 32) & 1) << 4 } else { 0 };
    let code = |i: usize| u16::from(nibbles[i / 64 * 32 + i % 32] >> (i % 64 / 32 * 4) & 15) | fifth(i);
    Some(Block {
        scales: (0..8).map(|j| d * f32::from(pair(j).0)).collect(),
        offsets: (0..8).map(|j| -f64::from(least * f32::from(pair(j).1))).collect(),
        codes: (0..COLUMNS).map(code).collect(),
    })
}

/// Number i of q6_k: the byte and shift of its low four bits, then of its high two.
fn sixth(i: usize) -> ((usize, usize), (usize, usize)) {
    let (half, quarter, l) = (i / 128, i % 128 / 32, i % 32);
    ((half * 64 + quarter % 2 * 32 + l, quarter / 2 * 4), (128 + half * 32 + l, quarter * 2))
}

/// 128 bytes of low bits, 64 of high ones, 16 of s8 scales, d.
fn encode_q6(x: &[f32], importance: Option<&[f32]>, to: &mut [u8]) {
    let x = &within_reach(x);
    let squares: Vec<f32> = x.iter().map(|v| v * v).collect();
    let weights = importance.unwrap_or(&squares);
    let found = x.chunks(16).zip(weights.chunks(16)).map(|(x, w)| search::symmetric(32, x, w));
    let (scales, codes): (Vec<f32>, Vec<Vec<u8>>) = found.unzip();
    let (size, largest) = search::peak(&scales);
    if size < LEAST {
        return;
    }
    let inverse = -128.0 / largest;
    let d = f16(1.0 / inverse);
    let scales: Vec<i32> = scales.iter().map(|s| nearest(inverse * s).clamp(-128, 127)).collect();
    let mut codes = codes.concat();
    settle(x, value(d), &scales, 32, &mut codes);
    for (i, code) in codes.iter().enumerate() {
        let ((low, low_shift), (high, high_shift)) = sixth(i);
        to[low] |= (code & 15) << low_shift;
        to[high] |= (code >> 4) << high_shift;
    }
    to[192..208].iter_mut().zip(scales).for_each(|(b, s)| *b = s as i8 as u8);
    to[208..].copy_from_slice(&d);
}

fn decode_q6(bytes: &[u8]) -> Option<Block> {
    let d = f16_at(bytes, 208)?;
    let code = |i: usize| {
        let ((low, low_shift), (high, high_shift)) = sixth(i);
        u16::from(bytes[low] >> low_shift & 15) | (u16::from(bytes[high] >> high_shift & 3) << 4)
    };
    Some(Block {
        scales: bytes[192..208].iter().map(|b| d * f32::from(*b as i8)).collect(),
        offsets: vec![],
        codes: (0..COLUMNS).map(code).collect(),
    })
}
