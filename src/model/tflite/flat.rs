//! A reader of FlatBuffers that checks every offset before it follows it: nothing in a file can make it read outside.

use anyhow::{Context, Result, ensure};

/// A table: a place in the buffer, and where its fields are.
#[derive(Clone, Copy)]
pub struct Table<'a> {
    bytes: &'a [u8],
    at: usize,
    vtable: usize,
    /// Bytes of the vtable.
    size: usize,
}

/// Vectors of one byte per element and more.
#[derive(Clone, Copy)]
pub struct Vector<'a> {
    bytes: &'a [u8],
    at: usize,
    pub len: usize,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    let end = at.checked_add(N).context("an offset is out of range")?;
    let part = bytes.get(at..end).context("ends early")?;
    Ok(part.try_into()?)
}

fn u32_at(bytes: &[u8], at: usize) -> Result<usize> {
    Ok(u32::from_le_bytes(number(bytes, at)?) as usize)
}

impl<'a> Table<'a> {
    /// The root table of a file with this identifier.
    /// # Errors
    /// Another file.
    pub fn root(bytes: &'a [u8], identifier: &[u8; 4]) -> Result<Self> {
        ensure!(bytes.get(4..8) == Some(identifier), "is no file of the kind {}", String::from_utf8_lossy(identifier));
        Self::new(bytes, u32_at(bytes, 0)?)
    }

    fn new(bytes: &'a [u8], at: usize) -> Result<Self> {
        let back = i64::from(i32::from_le_bytes(number(bytes, at)?));
        let vtable = usize::try_from(at as i64 - back).context("a table's fields lie outside")?;
        let size = usize::from(u16::from_le_bytes(number(bytes, vtable)?));
        ensure!(size >= 4 && vtable.checked_add(size).is_some_and(|end| end <= bytes.len()), "a table is damaged");
        Ok(Self { bytes, at, vtable, size })
    }

    /// Where a field is, if the table has it.
    fn field(&self, index: usize) -> Result<Option<usize>> {
        let place = 4 + 2 * index;
        if place + 2 > self.size {
            return Ok(None);
        }
        let offset = usize::from(u16::from_le_bytes(number(self.bytes, self.vtable + place)?));
        Ok((offset != 0).then_some(self.at + offset))
    }

    pub fn i8(&self, index: usize) -> Result<i8> {
        self.field(index)?.map_or(Ok(0), |at| Ok(i8::from_le_bytes(number(self.bytes, at)?)))
    }

    pub fn i32(&self, index: usize, default: i32) -> Result<i32> {
        self.field(index)?.map_or(Ok(default), |at| Ok(i32::from_le_bytes(number(self.bytes, at)?)))
    }

    pub fn u64(&self, index: usize) -> Result<u64> {
        self.field(index)?.map_or(Ok(0), |at| Ok(u64::from_le_bytes(number(self.bytes, at)?)))
    }

    pub fn f32(&self, index: usize, default: f32) -> Result<f32> {
        self.field(index)?.map_or(Ok(default), |at| Ok(f32::from_le_bytes(number(self.bytes, at)?)))
    }

    pub fn table(&self, index: usize) -> Result<Option<Self>> {
        let Some(at) = self.field(index)? else { return Ok(None) };
        let to = at.checked_add(u32_at(self.bytes, at)?).context("an offset is out of range")?;
        Self::new(self.bytes, to).map(Some)
    }

    /// A vector of elements of so many bytes; empty where there is none.
    pub fn vector(&self, index: usize, bytes_each: usize) -> Result<Vector<'a>> {
        let Some(at) = self.field(index)? else { return Ok(Vector { bytes: self.bytes, at: 0, len: 0 }) };
        let to = at.checked_add(u32_at(self.bytes, at)?).context("an offset is out of range")?;
        let len = u32_at(self.bytes, to)?;
        let end = len.checked_mul(bytes_each).and_then(|b| b.checked_add(to + 4));
        ensure!(end.is_some_and(|end| end <= self.bytes.len()), "a vector ends early");
        Ok(Vector { bytes: self.bytes, at: to + 4, len })
    }

    pub fn text(&self, index: usize) -> Result<String> {
        Ok(String::from_utf8_lossy(self.vector(index, 1)?.raw(1)).into_owned())
    }

    pub fn tables(&self, index: usize) -> Result<Vec<Self>> {
        let all = self.vector(index, 4)?;
        let each = |i: usize| -> Result<Self> {
            let at = all.at + 4 * i;
            Self::new(self.bytes, at.checked_add(u32_at(self.bytes, at)?).context("an offset is out of range")?)
        };
        (0..all.len).map(each).collect()
    }
}

impl<'a> Vector<'a> {
    /// Its bytes, of elements of `bytes_each`.
    pub fn raw(&self, bytes_each: usize) -> &'a [u8] {
        &self.bytes[self.at..self.at + self.len * bytes_each]
    }

    pub fn i32s(&self) -> Vec<i32> {
        self.raw(4).chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    pub fn f32s(&self) -> Vec<f32> {
        self.raw(4).chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    }

    pub fn i64s(&self) -> Vec<i64> {
        self.raw(8)
            .chunks_exact(8)
            .map(|b| i64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]))
            .collect()
    }
}
