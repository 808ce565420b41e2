//! Corrections: what is done to a layer, or to a network, so that quantizing it hurts less.

use super::Scheme;
use super::evidence::Evidence;
use super::lattice::Quantized;
use crate::layer::Shape;

/// A layer on its way to being quantized.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    pub shape: Shape,
    /// Row-major [n, k].
    pub weights: Vec<f32>,
    /// [n].
    pub bias: Vec<f32>,
    pub input: Input,
    /// Weight of each column's error when grids are chosen; None: all alike.
    pub importance: Option<Vec<f32>>,
}

/// What is done to activations before they are quantized, to match what was done to the weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    /// Every channel is divided by its own number.
    pub divisors: Option<Vec<f32>>,
    /// Every run of so many channels is rotated by a normalized Hadamard matrix.
    pub rotation: Option<usize>,
}

/// Makes quantizing hurt less.
pub trait Correction: Send + Sync {
    fn name(&self) -> &'static str;
    fn about(&self) -> &'static str;
    /// Changes consecutive layers of a float network that computes the same afterwards: `relu[i]` tells whether layer i
    /// ends in one.
    fn across(&self, _layers: &mut [Draft], _relu: &[bool]) {}
    /// Does it change what the layer takes in at run time?
    fn changes_input(&self) -> bool {
        false
    }
    /// Changes one layer before its grid is chosen. `evidence` is of the layer's input as it comes.
    fn before(&self, _layer: &mut Draft, _evidence: &Evidence, _scheme: &Scheme) {}
    /// Changes the bias once the weights are quantized. `evidence` is of the input as the weights see it.
    fn after(&self, _layer: &mut Draft, _quantized: &Quantized, _evidence: &Evidence) {}
}

/// Every correction, in the order in which they are applied: one file and one row each.
pub static CORRECTIONS: &[&dyn Correction] = &[];

pub fn find(name: &str) -> Option<&'static dyn Correction> {
    CORRECTIONS.iter().copied().find(|c| c.name() == name)
}

impl Input {
    /// Applies it to activations of `channels` channels, row-major.
    pub fn apply(&self, x: &mut [f32], channels: usize) {
        if let Some(divisors) = &self.divisors {
            x.chunks_exact_mut(channels).for_each(|row| row.iter_mut().zip(divisors).for_each(|(x, d)| *x /= d));
        }
        if let Some(block) = self.rotation {
            x.chunks_exact_mut(block).for_each(hadamard);
        }
    }

    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Multiplies a vector, whose length is a power of two, by the normalized Hadamard matrix: its own inverse.
pub fn hadamard(x: &mut [f32]) {
    let n = x.len();
    let mut half = 1;
    while half < n {
        for pair in x.chunks_exact_mut(2 * half) {
            let (a, b) = pair.split_at_mut(half);
            a.iter_mut().zip(b).for_each(|(a, b)| (*a, *b) = (*a + *b, *a - *b));
        }
        half *= 2;
    }
    let norm = 1.0 / (n as f32).sqrt();
    x.iter_mut().for_each(|v| *v *= norm);
}
