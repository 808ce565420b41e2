//! ONNX tensors: their many ways to hold numbers.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;

use super::proto::{Tensor, data_type as t};
use crate::model::build::sizes;
use crate::model::graph::{Array, Data, elements};

/// The numbers of a tensor. `folder` is the model's: external data lies in it or below.
/// # Errors
/// A type that is not read, fewer numbers than the shape says, external data elsewhere.
pub fn array(tensor: &Tensor, folder: &Path) -> Result<Array> {
    of(tensor, folder).with_context(|| format!("tensor `{}`", tensor.name))
}

fn of(tensor: &Tensor, folder: &Path) -> Result<Array> {
    let dims = sizes(&tensor.dims)?;
    let count = elements(&dims).context("has more than 2^31 elements")?;
    let raw = if tensor.data_location == 1 { external(tensor, folder)? } else { tensor.raw_data.clone() };
    let typed = raw.is_empty();
    let data = match tensor.data_type {
        t::FLOAT if typed => Data::F32(tensor.float_data.clone()),
        t::FLOAT => Data::F32(each(&raw, |b: [u8; 4]| f32::from_le_bytes(b))),
        t::DOUBLE if typed => Data::F32(tensor.double_data.iter().map(|v| *v as f32).collect()),
        t::DOUBLE => Data::F32(each(&raw, |b: [u8; 8]| f64::from_le_bytes(b) as f32)),
        t::FLOAT16 if typed => Data::F32(tensor.int32_data.iter().map(|v| half(*v as u16)).collect()),
        t::FLOAT16 => Data::F32(each(&raw, |b: [u8; 2]| half(u16::from_le_bytes(b)))),
        t::BFLOAT16 if typed => Data::F32(tensor.int32_data.iter().map(|v| bfloat(*v as u16)).collect()),
        t::BFLOAT16 => Data::F32(each(&raw, |b: [u8; 2]| bfloat(u16::from_le_bytes(b)))),
        t::INT64 if typed => Data::I64(tensor.int64_data.clone()),
        t::INT64 => Data::I64(each(&raw, i64::from_le_bytes)),
        t::INT32 if typed => Data::I32(tensor.int32_data.clone()),
        t::INT32 => Data::I32(each(&raw, i32::from_le_bytes)),
        t::INT8 if typed => Data::I8(tensor.int32_data.iter().map(|v| *v as i8).collect()),
        t::INT8 => Data::I8(raw.iter().map(|b| *b as i8).collect()),
        t::UINT8 | t::BOOL if typed => Data::U8(tensor.int32_data.iter().map(|v| *v as u8).collect()),
        t::UINT8 | t::BOOL => Data::U8(raw.to_vec()),
        t::INT4 | t::UINT4 | t::INT2 | t::UINT2 => {
            let bytes: Bytes =
                if typed { tensor.int32_data.iter().map(|v| *v as u8).collect::<Vec<_>>().into() } else { raw };
            packed(&bytes, count, tensor.data_type)?
        }
        other => bail!("holds elements of type {other}, which are not read"),
    };
    Array::new(dims, data)
}

fn each<const N: usize, T>(raw: &[u8], of: impl Fn([u8; N]) -> T) -> Vec<T> {
    raw.chunks_exact(N).filter_map(|b| b.try_into().ok()).map(of).collect()
}

/// Elements of 4 or 2 bits, the first in the low bits of a byte.
fn packed(bytes: &[u8], count: usize, data_type: i32) -> Result<Data> {
    let bits = if matches!(data_type, t::INT4 | t::UINT4) { 4 } else { 2 };
    let each = 8 / bits;
    ensure!(bytes.len() == count.div_ceil(each), "has {} bytes for {count} elements of {bits} bits", bytes.len());
    let code = |i: usize| (bytes[i / each] >> (i % each * bits)) & ((1 << bits) - 1);
    Ok(match data_type {
        t::UINT4 | t::UINT2 => Data::U8((0..count).map(code).collect()),
        _ => Data::I8((0..count).map(|i| ((code(i) << (8 - bits)) as i8) >> (8 - bits)).collect()),
    })
}

/// Bits of an element, and whether it has a sign, of the types that quantized tensors have.
pub fn integer_type(data_type: i32) -> Option<(u32, bool)> {
    Some(match data_type {
        t::INT8 => (8, true),
        t::UINT8 => (8, false),
        t::INT4 => (4, true),
        t::UINT4 => (4, false),
        t::INT2 => (2, true),
        t::UINT2 => (2, false),
        t::INT32 => (32, true),
        _ => return None,
    })
}

pub fn half(bits: u16) -> f32 {
    let (sign, exponent, mantissa) = (u32::from(bits >> 15) << 31, u32::from(bits >> 10) & 31, u32::from(bits) & 1023);
    match exponent {
        0 => f32::from_bits(sign | (mantissa as f32 / 16_777_216.0).to_bits()),
        31 => f32::from_bits(sign | 0x7f80_0000 | mantissa << 13),
        e => f32::from_bits(sign | (e + 112) << 23 | mantissa << 13),
    }
}

pub fn bfloat(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Data in a file of their own, which must lie in the model's folder or below: a model must not read any file there is.
fn external(tensor: &Tensor, folder: &Path) -> Result<Bytes> {
    let entry = |key: &str| tensor.external_data.iter().find(|e| e.key == key).map(|e| e.value.as_str());
    let location = entry("location").context("has external data without a location")?;
    let path = Path::new(location);
    let inside = path.components().all(|c| matches!(c, std::path::Component::Normal(_) | std::path::Component::CurDir));
    ensure!(inside && !location.is_empty(), "external data `{location}` is not in the model's folder; move it there");
    let path = folder.join(path);
    let real = path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?;
    let home = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let home = home.canonicalize().with_context(|| format!("cannot read {}", home.display()))?;
    ensure!(real.starts_with(&home), "external data `{location}` leads out of the model's folder; move it there");
    let number = |key: &str| {
        entry(key).map(|v| v.parse::<u64>().with_context(|| format!("external data: {key} is `{v}`"))).transpose()
    };
    let size = real.metadata()?.len();
    let offset = number("offset")?.unwrap_or(0);
    let length = number("length")?.unwrap_or(size.saturating_sub(offset));
    ensure!(offset.checked_add(length).is_some_and(|end| end <= size), "external data `{location}` ends early");
    let mut bytes = vec![0; usize::try_from(length)?];
    let mut file = std::fs::File::open(&real)?;
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(offset))?;
    std::io::Read::read_exact(&mut file, &mut bytes)?;
    Ok(bytes.into())
}
