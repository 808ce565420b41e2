//! Activation-aware weight quantization.

use super::{Correction, Draft};
use crate::scheme::Scheme;
use crate::scheme::format::Fit;
use crate::scheme::lattice::Matrix;
use crate::scheme::observed::Observed;

/// Exponents that are tried: 0, 1/20, .. 19/20.
const GRID: usize = 20;
/// The smallest scale, as in llm-awq.
const LEAST: f32 = 1e-4;

/// Multiplies the weights of every input channel by s = mean|X|^a and divides its activations by it: a finer grid for
/// weights that matter (Lin et al., AWQ, 2023). As in the authors' llm-awq, s is divided by sqrt(max s * min s), and a
/// is the one of 20 with the least output error tr(dW H dW'), here with the scheme's own weight format, rounded as it
/// rounds by itself. Activations are taken for exact; where all channels share one grid, dividing by a small s can hurt
/// more than it helps. Channels without input in calibration stay (llm-awq divides them by the smallest s, which blows
/// up what they may hold later), and so do depthwise layers.
pub struct Awq;

impl Correction for Awq {
    fn name(&self) -> &'static str {
        "awq"
    }
    fn about(&self) -> &'static str {
        "scales up weights of large activations, by a searched power; activations are divided at run time"
    }
    fn changes_input(&self) -> bool {
        true
    }
    fn before(&self, layer: &mut Draft, observed: &Observed, scheme: &Scheme) {
        if !layer.mixes_channels() {
            return;
        }
        let means = observed.channel_means();
        let tried = (0..GRID).filter_map(|i| {
            let scales = scales(&means, i as f32 / GRID as f32);
            output_error(layer, &scales, observed, scheme).map(|e| (e, scales))
        });
        let best = tried.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, scales)| scales);
        if let Some(scales) = best.filter(|s| s.iter().any(|s| *s != 1.0)) {
            layer.scale_input(&scales);
        }
    }
}

fn scales(means: &[f32], power: f32) -> Vec<f32> {
    let raw = |mean: &f32| mean.powf(power).max(LEAST);
    let live = means.iter().filter(|m| **m > 0.0).map(raw);
    let (least, most) = live.fold((f32::INFINITY, 0f32), |(l, m), s| (l.min(s), m.max(s)));
    let middle = least.sqrt() * most.sqrt();
    means.iter().map(|m| if *m > 0.0 { raw(m) / middle } else { 1.0 }).collect()
}

/// tr(dW H dW') where the weights are quantized scaled; None where that exceeds floats.
fn output_error(layer: &Draft, scales: &[f32], observed: &Observed, scheme: &Scheme) -> Option<f64> {
    let scaled = layer.scaled(scales)?;
    let how = Fit { importance: layer.importance.as_deref(), ..scheme.fit() };
    let mut errors = scheme.weights.quantize(&Matrix::new(&scaled, observed.k), &how).values;
    for (i, (e, w)) in errors.iter_mut().zip(&layer.weights).enumerate() {
        *e = *e / scales[layer.channel(i)] - w;
    }
    Some(observed.output_errors(&errors).iter().sum()).filter(|e: &f64| e.is_finite())
}
