//! Number formats: how weights and activations become numbers that a kernel multiplies.

pub mod f32;
pub mod grid;
pub mod w8a8;

use anyhow::{Result, anyhow};

use crate::candidate::Contract;

/// Weights as the kernels see them, before packing: row-major [n, k].
#[derive(Clone, Debug, PartialEq)]
pub enum Weights {
    Float(Vec<f32>),
    /// `weight[n][k] = scales[n] * codes[n][k]`.
    Int {
        codes: Vec<i8>,
        scales: Vec<f32>,
    },
}

/// A number format for weights and activations.
pub trait Scheme: Sync {
    fn name(&self) -> &'static str;
    /// One line for `--help` and tables.
    fn about(&self) -> &'static str;
    /// Bits stored per weight, scales not counted.
    fn weight_bits(&self) -> f64;
    /// Are activations f32, or quantized to u8?
    fn float_activations(&self) -> bool;
    fn contracts(&self) -> &'static [Contract];
    /// Quantizes finite weights [n, k], `k` per output channel.
    fn quantize(&self, weights: &[f32], k: usize) -> Weights;
}

/// Every scheme: one file and one row each.
pub static SCHEMES: &[&dyn Scheme] = &[&f32::F32, &w8a8::W8A8];

/// The scheme of that name.
pub fn find(name: &str) -> Result<&'static dyn Scheme> {
    SCHEMES.iter().copied().find(|s| s.name() == name).ok_or_else(|| {
        let names: Vec<_> = SCHEMES.iter().map(|s| s.name()).collect();
        anyhow!("unknown scheme `{name}`; choose one of {}", names.join(", "))
    })
}
