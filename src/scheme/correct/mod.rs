//! Corrections: what is done to a layer, or to a network, so that quantizing it hurts less.

mod awq;
mod bias;
mod cle;
mod hadamard;
mod importance;
mod refit;
mod smoothquant;

use super::Scheme;
use super::lattice::Quantized;
use super::observed::Observed;
use crate::layer::{Op, Shape};

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

/// What is done to activations before they are quantized, to match what was done to the weights: first they are rotated,
/// then divided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    /// Every run of so many channels is rotated by a normalized Hadamard matrix.
    pub rotation: Option<usize>,
    /// Every channel is divided by its own number.
    pub divisors: Option<Vec<f32>>,
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
    /// Does it fit what a compression leaves to the calibration inputs?
    fn refits(&self) -> bool {
        false
    }
    /// Changes one layer before its grid is chosen. `observed` is of the input as the weights see
    /// it so far.
    fn before(&self, _layer: &mut Draft, _observed: &Observed, _scheme: &Scheme) {}
    /// Changes the bias once the weights are quantized. `observed` is of the input as the weights see it.
    fn after(&self, _layer: &mut Draft, _quantized: &Quantized, _observed: &Observed) {}
}

/// Every correction, in the order in which they are applied: one file and one row each.
pub static CORRECTIONS: &[&dyn Correction] = &[
    &cle::CrossLayer,
    &hadamard::Hadamard,
    &smoothquant::SmoothQuant,
    &awq::Awq,
    &importance::Importance,
    &refit::Refit,
    &bias::BiasCorrection,
];

pub fn find(name: &str) -> Option<&'static dyn Correction> {
    CORRECTIONS.iter().copied().find(|c| c.name() == name)
}

impl Draft {
    /// Can its input channels be changed alone? In a depthwise layer one is all that an output has.
    fn mixes_channels(&self) -> bool {
        self.shape.op != Op::Depthwise
    }

    /// Largest weight of every input channel; of a depthwise layer, whose weights' rows are its channels, too.
    fn channel_peaks(&self) -> Vec<f32> {
        let mut peaks = vec![0f32; self.shape.c];
        for (i, w) in self.weights.iter().enumerate() {
            let peak = &mut peaks[self.channel(i)];
            *peak = peak.max(w.abs());
        }
        peaks
    }

    /// The input channel of a weight.
    fn channel(&self, index: usize) -> usize {
        if self.mixes_channels() { index % self.shape.c } else { index / self.shape.k() }
    }

    /// Multiplies the weights of every input channel by its own number, unless that exceeds floats.
    fn scaled(&self, by: &[f32]) -> Option<Vec<f32>> {
        let scaled: Vec<f32> = self.weights.iter().enumerate().map(|(i, w)| w * by[self.channel(i)]).collect();
        let whole = by.iter().all(|s| s.is_normal() && *s > 0.0) && scaled.iter().all(|w| w.is_finite());
        whole.then_some(scaled)
    }

    /// The same, and divides the input to match.
    fn scale_input(&mut self, by: &[f32]) {
        let Some(weights) = self.scaled(by) else { return };
        self.weights = weights;
        let divisors = self.input.divisors.get_or_insert_with(|| vec![1.0; by.len()]);
        divisors.iter_mut().zip(by).for_each(|(d, s)| *d *= s);
    }
}

impl Input {
    /// Applies it to activations of `channels` channels, row-major.
    pub fn apply(&self, x: &mut [f32], channels: usize) {
        if let Some(block) = self.rotation {
            x.chunks_exact_mut(block).for_each(rotate);
        }
        if let Some(divisors) = &self.divisors {
            x.chunks_exact_mut(channels).for_each(|row| row.iter_mut().zip(divisors).for_each(|(x, d)| *x /= d));
        }
    }

    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Multiplies a vector, whose length is a power of two, by the normalized Hadamard matrix: its own inverse.
pub fn rotate(x: &mut [f32]) {
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
