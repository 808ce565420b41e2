//! Block-Hadamard rotation of the input channels.

use super::{Correction, Draft, rotate};
use crate::scheme::Scheme;
use crate::scheme::observed::Observed;

/// Channels that are rotated together, at most.
const MOST_CHANNELS: usize = 128;

/// Rotates activations and weights alike by a normalized Hadamard matrix H: x w = (x H)(H w), as H is its own inverse.
/// An outlier channel is spread over its block, so that the grid of the others need not be as wide (Tseng et al.,
/// QuIP#, 2024; Ashkboos et al., QuaRot, 2024; without their random signs). The block is the largest power of two that
/// divides the channels, at most 128; where that is 1, and in depthwise layers, nothing is done.
pub struct Hadamard;

impl Correction for Hadamard {
    fn name(&self) -> &'static str {
        "hadamard"
    }
    fn about(&self) -> &'static str {
        "rotates input channels in blocks, which spreads outliers; activations are rotated at run time"
    }
    fn changes_input(&self) -> bool {
        true
    }
    fn before(&self, layer: &mut Draft, _observed: &Observed, _scheme: &Scheme) {
        let block = (1 << layer.shape.c.trailing_zeros()).min(MOST_CHANNELS);
        if block == 1 || !layer.mixes_channels() {
            return;
        }
        let mut weights = layer.weights.clone();
        weights.chunks_exact_mut(block).for_each(rotate); // blocks divide the channels: none reaches across taps
        if weights.iter().all(|w| w.is_finite()) {
            layer.weights = weights;
            layer.input.rotation = Some(block);
        }
    }
}
