//! Cross-layer equalization.

use super::{Correction, Draft};

/// Passes over the network, at most; a chain of n layers needs about n.
const MOST_PASSES: usize = 50;
/// No channel moved by more: done.
const SETTLED: f32 = 1e-3;

/// Scales channels between consecutive layers so that the weights that give a channel and those that take it have the
/// same peak (Nagel et al., Data-Free Quantization, 2019, section 4.1, equation 11): with s = sqrt(r1 / r2), output
/// channels and biases are divided by s and the next layer's input channels multiplied by it. That needs f(s x) = s
/// f(x) between them, which holds with and without a ReLU. Nothing is to be done at run time.
pub struct CrossLayer;

impl Correction for CrossLayer {
    fn name(&self) -> &'static str {
        "cle"
    }
    fn about(&self) -> &'static str {
        "gives the two sides of every channel between layers the same weight range; nothing at run time"
    }
    fn across(&self, layers: &mut [Draft], _relu: &[bool]) {
        for _ in 0..MOST_PASSES {
            let pairs = 0..layers.len().saturating_sub(1);
            let moved = pairs.map(|i| {
                let (before, after) = layers.split_at_mut(i + 1);
                equalize(&mut before[i], &mut after[0])
            });
            if moved.fold(0f32, f32::max) < SETTLED {
                break;
            }
        }
    }
}

/// How far the farthest scale is from 1.
///
/// An output [h, w, f] may be taken flattened: then input channel j comes from output channel j % f.
fn equalize(gives: &mut Draft, takes: &mut Draft) -> f32 {
    let (outputs, k) = (gives.shape.n(), gives.shape.k());
    if gives.shape.out_len() != takes.shape.lhs_len() || !takes.shape.c.is_multiple_of(outputs) {
        return 0.0;
    }
    let given = gives.weights.chunks_exact(k).map(|row| row.iter().fold(0f32, |m, w| m.max(w.abs())));
    let mut taken = vec![0f32; outputs];
    for (j, peak) in takes.channel_peaks().into_iter().enumerate() {
        taken[j % outputs] = taken[j % outputs].max(peak);
    }
    let scale = |(r1, r2): (f32, f32)| {
        let s = (r1 / r2).sqrt();
        if s.is_normal() { s } else { 1.0 } // a channel that nobody gives or takes
    };
    let scales: Vec<f32> = given.zip(taken).map(scale).collect();
    let inputs: Vec<f32> = (0..takes.shape.c).map(|j| scales[j % outputs]).collect();
    let bias: Vec<f32> = gives.bias.iter().zip(&scales).map(|(b, s)| b / s).collect();
    let weights: Vec<f32> = gives.weights.iter().enumerate().map(|(i, w)| w / scales[i / k]).collect();
    let Some(scaled) = takes.scaled(&inputs) else { return 0.0 };
    if bias.iter().chain(&weights).any(|v| !v.is_finite()) {
        return 0.0;
    }
    (gives.weights, gives.bias, takes.weights) = (weights, bias, scaled);
    scales.iter().fold(0f32, |most, s| most.max((s - 1.0).abs()))
}
