//! Dense row-major f32 tensors, read from `.npy` and `.safetensors` files.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use npyz::{DType, NpyFile, TypeChar};
use safetensors::{Dtype, SafeTensors};

/// A dense row-major tensor. `data.len()` is the product of `shape`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub data: Vec<f32>,
}

impl Tensor {
    /// # Panics
    /// When the data's length is not the product of the shape.
    pub fn new(shape: Vec<usize>, data: Vec<f32>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), data.len());
        Self { shape, data }
    }

    /// Reads `file.npy` (f32, f64, s8, u8, s32, s64) or `file.safetensors#name` (f32, bf16, s8, u8) as f32.
    /// # Errors
    /// A missing or truncated file, an unknown name or element type, a value that is not finite.
    pub fn read(spec: &str, folder: &Path) -> Result<Self> {
        let (file, name) = match spec.split_once('#') {
            Some((f, n)) => (f, Some(n)),
            None => (spec, None),
        };
        let path = folder.join(file);
        let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let tensor = match (path.extension().and_then(|e| e.to_str()), name) {
            (Some("npy"), None) => Self::from_npy(&bytes),
            (Some("safetensors"), Some(name)) => Self::from_safetensors(&bytes, name),
            (Some("safetensors"), None) => Err(anyhow!("name the tensor: `{file}#NAME`")),
            _ => Err(anyhow!("is neither `FILE.npy` nor `FILE.safetensors#NAME`")),
        };
        tensor.and_then(Self::finite).with_context(|| format!("{}", path.display()))
    }

    /// Parses the bytes of an `.npy` file.
    pub fn from_npy(bytes: &[u8]) -> Result<Self> {
        let first_line = |e: std::io::Error| e.to_string().lines().next().unwrap_or_default().to_string();
        let npy = NpyFile::new(bytes).map_err(|e| anyhow!("not a readable .npy file: {}", first_line(e)))?;
        ensure!(npy.order() == npyz::Order::C, "is in Fortran order; save it with numpy.ascontiguousarray");
        let shape: Vec<usize> = npy.shape().iter().map(|d| *d as usize).collect();
        let DType::Plain(kind) = npy.dtype() else { bail!("has a record dtype; save one plain array") };
        let data = match (kind.type_char(), kind.size_field()) {
            (TypeChar::Float, 4) => elements::<f32, _>(npy, |x| x)?,
            (TypeChar::Float, 8) => elements::<f64, _>(npy, |x| x as f32)?,
            (TypeChar::Uint, 1) => elements::<u8, _>(npy, f32::from)?,
            (TypeChar::Int, 1) => elements::<i8, _>(npy, f32::from)?,
            (TypeChar::Int, 4) => elements::<i32, _>(npy, |x| x as f32)?,
            (TypeChar::Int, 8) => elements::<i64, _>(npy, |x| x as f32)?,
            (c, size) => bail!("has dtype {c:?}{size}; save it as float32"),
        };
        let len = shape.iter().try_fold(1usize, |len, d| len.checked_mul(*d));
        ensure!(len == Some(data.len()), "is truncated");
        Ok(Self { shape, data })
    }

    /// Parses one named tensor out of the bytes of a `.safetensors` file.
    pub fn from_safetensors(bytes: &[u8], name: &str) -> Result<Self> {
        let file = SafeTensors::deserialize(bytes).map_err(|e| anyhow!("not a readable .safetensors file: {e}"))?;
        let view = file.tensor(name).map_err(|_| {
            let mut names = file.names();
            names.sort_unstable();
            anyhow!("has no tensor `{name}`; it has {}", names.join(", "))
        })?;
        let raw = view.data();
        let data = match view.dtype() {
            Dtype::F32 => raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
            Dtype::U8 => raw.iter().map(|b| f32::from(*b)).collect(),
            Dtype::I8 => raw.iter().map(|b| f32::from(*b as i8)).collect(),
            Dtype::BF16 => {
                raw.chunks_exact(2).map(|b| f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16)).collect()
            }
            other => bail!("tensor `{name}` has dtype {other:?}; save it as F32"),
        };
        Ok(Self { shape: view.shape().to_vec(), data })
    }

    fn finite(self) -> Result<Self> {
        match self.data.iter().position(|x| !x.is_finite()) {
            Some(i) => bail!("element {i} is {}; weights and activations must be finite", self.data[i]),
            None => Ok(self),
        }
    }

    /// Checks the shape, ignoring dimensions of 1.
    pub fn expect(self, what: &str, shape: &[usize]) -> Result<Self> {
        let squeeze = |s: &[usize]| s.iter().copied().filter(|d| *d != 1).collect::<Vec<_>>();
        ensure!(squeeze(&self.shape) == squeeze(shape), "{what} has shape {:?}, the layer needs {shape:?}", self.shape);
        Ok(self)
    }
}

fn elements<T: npyz::Deserialize, R: Read>(npy: NpyFile<R>, f: impl Fn(T) -> f32) -> Result<Vec<f32>> {
    npy.data::<T>().map_err(|e| anyhow!("{e}"))?.map(|x| x.map(&f).map_err(|_| anyhow!("is truncated"))).collect()
}
