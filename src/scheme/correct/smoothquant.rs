//! SmoothQuant.

use super::{Correction, Draft};
use crate::scheme::Scheme;
use crate::scheme::observed::Observed;

/// Share of the difficulty that moves from activations to weights.
const ALPHA: f32 = 0.5;

/// Divides every input channel by s = max|X|^a / max|W|^(1 - a) and multiplies its weights by it, so that both have the
/// same peak at a = 0.5 (Xiao et al., SmoothQuant, 2022). The paper folds the division into the layer before; here it
/// is done at run time. Channels without input or weights stay, and so do depthwise layers.
pub struct SmoothQuant;

impl Correction for SmoothQuant {
    fn name(&self) -> &'static str {
        "smoothquant"
    }
    fn about(&self) -> &'static str {
        "moves the range of outlier channels from activations to weights; activations are divided at run time"
    }
    fn changes_input(&self) -> bool {
        true
    }
    fn before(&self, layer: &mut Draft, observed: &Observed, _scheme: &Scheme) {
        if !layer.mixes_channels() {
            return;
        }
        let scale = |(x, w): (&f32, &f32)| {
            let s = x.powf(ALPHA) / w.powf(1.0 - ALPHA);
            if s.is_normal() { s } else { 1.0 }
        };
        let scales: Vec<f32> = observed.channel_peaks().iter().zip(&layer.channel_peaks()).map(scale).collect();
        layer.scale_input(&scales);
    }
}
