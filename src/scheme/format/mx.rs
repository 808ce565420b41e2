//! Microscaling formats (OCP Microscaling Formats Specification 1.0, section 5 and 6.3): 32 numbers share a scale that
//! is a power of two, `2^(floor(log2 amax) - emax)`, emax being the exponent of the element's largest number. Elements
//! are rounded to nearest, ties to even; what exceeds the largest becomes the largest.
//!
//! Bytes of a block: the scale (E8M0: its exponent + 127, held to 0..=254), then the elements, the first in the lowest
//! bits. A block of zeros has the least scale, 2^-127. Zeros have no sign.

use super::Kind;
use super::block::{Block, Layout, parse_in};
use super::pack;
use crate::scheme::coded::ScaleType;
use crate::scheme::levels::{Levels, MiniFloat};

pub const KIND: Kind = Kind {
    pattern: "mxfp8e4m3, mxfp8e5m2, mxfp6e2m3, mxfp6e3m2, mxfp4, mxint8",
    about: "microscaling (OCP MX 1.0): small elements, a power of two for every 32",
    parse: |text| parse_in(LAYOUTS, text),
    examples: &["mxfp8e4m3", "mxfp8e5m2", "mxfp6e2m3", "mxfp6e3m2", "mxfp4", "mxint8"],
};

pub(super) const LAYOUTS: &[&Layout] = &[
    &layout("mxfp8e4m3", 8, || E4M3, |x, _, to| float(MiniFloat::E4M3, x, to), |b| read(MiniFloat::E4M3, b)),
    &layout("mxfp8e5m2", 8, || E5M2, |x, _, to| float(MiniFloat::E5M2, x, to), |b| read(MiniFloat::E5M2, b)),
    &layout("mxfp6e2m3", 6, || E2M3, |x, _, to| float(MiniFloat::E2M3, x, to), |b| read(MiniFloat::E2M3, b)),
    &layout("mxfp6e3m2", 6, || E3M2, |x, _, to| float(MiniFloat::E3M2, x, to), |b| read(MiniFloat::E3M2, b)),
    &layout("mxfp4", 4, || E2M1, |x, _, to| float(MiniFloat::E2M1, x, to), |b| read(MiniFloat::E2M1, b)),
    &layout("mxint8", 8, || INT8, int8, read_int8),
];

const E4M3: Levels = Levels::Float(MiniFloat::E4M3);
const E5M2: Levels = Levels::Float(MiniFloat::E5M2);
const E2M3: Levels = Levels::Float(MiniFloat::E2M3);
const E3M2: Levels = Levels::Float(MiniFloat::E3M2);
const E2M1: Levels = Levels::Float(MiniFloat::E2M1);
/// An element is a 64th of this; -128 is left out, as the specification allows, so that both signs reach as far.
const INT8: Levels = Levels::Integers { low: -127, high: 127 };
const INT8_UNIT: i32 = 6; // log2 64

/// Numbers that share a scale.
const BLOCK: usize = 32;
const SCALE_BIAS: i32 = 127;

type Encode = fn(&[f32], Option<&[f32]>, &mut [u8]);

const fn layout(
    name: &'static str,
    bits: u32,
    levels: fn() -> Levels,
    encode: Encode,
    decode: fn(&[u8]) -> Option<Block>,
) -> Layout {
    let bytes = 1 + BLOCK * bits as usize / 8;
    let bits = bits as f64;
    Layout {
        name,
        family: "microscaling",
        bits,
        columns: BLOCK,
        group: BLOCK,
        bytes,
        levels,
        scale: Some(ScaleType::E8m0),
        offsets: false,
        encode,
        decode,
    }
}

/// floor(log2 amax) - emax, held to what E8M0 can say.
fn exponent(x: &[f32], greatest: i32) -> i32 {
    let peak = f64::from(x.iter().fold(0f32, |a, v| a.max(v.abs())));
    let floor = ((peak.to_bits() >> 52) as i32) - 1023; // far below for zero
    (floor - greatest).clamp(-SCALE_BIAS, SCALE_BIAS)
}

/// 2^exponent of a scale's byte; None for the NaN of E8M0.
fn scale_of(byte: u8) -> Option<i32> {
    (byte != u8::MAX).then(|| i32::from(byte) - SCALE_BIAS)
}

fn float(kind: MiniFloat, x: &[f32], to: &mut [u8]) {
    let exponent = exponent(x, kind.greatest_exponent());
    let scale = 2f64.powi(exponent);
    let codes: Vec<u8> = x.iter().map(|v| kind.encode((f64::from(*v) / scale) as f32) as u8).collect();
    write(exponent, &codes, kind.bits(), to);
}

fn write(exponent: i32, codes: &[u8], bits: u32, to: &mut [u8]) {
    to[0] = (exponent + SCALE_BIAS) as u8;
    to[1..].copy_from_slice(&pack::pack(codes, bits));
}

fn read(kind: MiniFloat, bytes: &[u8]) -> Option<Block> {
    let scale = 2f64.powi(scale_of(bytes[0])?) as f32;
    let sign = 1u8 << (kind.bits() - 1);
    let code = |bits: u8| {
        let size = u32::from(bits & (sign - 1));
        let rank = if bits & sign == 0 { size as i32 } else { -(size as i32) };
        (size <= kind.greatest).then_some((rank + kind.greatest as i32) as u16)
    };
    let elements = pack::unpack(&bytes[1..], kind.bits(), BLOCK)?;
    let codes: Option<Vec<u16>> = elements.into_iter().map(code).collect();
    Some(Block { scales: vec![scale], offsets: vec![], codes: codes? })
}

fn int8(x: &[f32], _importance: Option<&[f32]>, to: &mut [u8]) {
    let exponent = exponent(x, 0);
    let unit = 2f64.powi(exponent - INT8_UNIT);
    let code = |v: &f32| (f64::from(*v) / unit).round_ties_even().clamp(-127.0, 127.0) as i8 as u8;
    let codes: Vec<u8> = x.iter().map(code).collect();
    write(exponent, &codes, 8, to);
}

fn read_int8(bytes: &[u8]) -> Option<Block> {
    let scale = 2f64.powi(scale_of(bytes[0])? - INT8_UNIT) as f32;
    // -128 is no level of ours
    let code = |b: &u8| u16::try_from(i16::from(*b as i8) + 127).ok();
    let codes: Option<Vec<u16>> = bytes[1..].iter().map(code).collect();
    Some(Block { scales: vec![scale], offsets: vec![], codes: codes? })
}
