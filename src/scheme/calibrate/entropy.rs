//! The clip that keeps the most information: the least Kullback-Leibler divergence between the histogram of sizes and the
//! same histogram quantized (Migacz, 8-bit Inference with TensorRT, 2017).

use std::sync::Arc;

use super::{Calibrator, Kind, Range, whole};

pub const KIND: Kind = Kind {
    pattern: "kl",
    about: "the clip with the least Kullback-Leibler divergence (entropy calibration, 2048 bins)",
    parse: |name| (name == "kl").then(|| Arc::new(Entropy) as Arc<dyn Calibrator>),
    examples: &["kl"],
};

const BINS: usize = 2048;
/// Candidate clips are this many bins apart.
const STRIDE: usize = 8;

struct Entropy;

impl Calibrator for Entropy {
    fn name(&self) -> String {
        "kl".into()
    }
    fn range(&self, batches: &[&[f32]], symmetric: bool, levels: usize, _error: &dyn Fn(Range) -> f64) -> Range {
        let all = whole(batches, symmetric);
        let peak = all.peak();
        // levels of one side of zero: with fewer bins than twice that there is nothing to choose
        let half = if symmetric { levels.div_ceil(2) } else { levels };
        if peak <= 0.0 || half == 0 || half * 2 > BINS {
            return Range { low: all.low.min(0.0), high: all.high.max(0.0) };
        }
        let mut histogram = vec![0f64; BINS];
        let width = peak / BINS as f32;
        for v in batches.iter().copied().flatten() {
            histogram[((v.abs() / width) as usize).min(BINS - 1)] += 1.0;
        }
        // zeros, of which a ReLU makes many, are exact on any grid; their bin would drown the others
        histogram[0] = histogram[1];
        let clips = (half.max(STRIDE)..=BINS).step_by(STRIDE);
        let best = clips.map(|n| (n, divergence(&histogram, n, half))).min_by(|a, b| a.1.total_cmp(&b.1));
        let clip = best.map_or(peak, |(n, _)| width * n as f32);
        Range { low: all.low.clamp(-clip, 0.0), high: all.high.clamp(0.0, clip) }
    }
}

/// Between the first `bins` of a histogram, with what lies beyond in the last of them, and the same merged into `levels`.
fn divergence(histogram: &[f64], bins: usize, levels: usize) -> f64 {
    let (inside, beyond) = histogram.split_at(bins);
    let total: f64 = histogram.iter().sum();
    let outliers: f64 = beyond.iter().sum();
    let kept: f64 = total - outliers;
    let mut sum = 0.0;
    for level in 0..levels {
        let (from, to) = (level * bins / levels, (level + 1) * bins / levels);
        let merged: f64 = inside[from..to].iter().sum();
        let filled = inside[from..to].iter().filter(|v| **v > 0.0).count() as f64;
        for (i, v) in inside.iter().enumerate().take(to).skip(from) {
            let p = (v + if i + 1 == bins { outliers } else { 0.0 }) / total;
            // an empty bin gets no share of its level, except the last, which must explain the outliers
            let q = if *v > 0.0 { merged / filled / kept } else { 0.0 };
            if p > 0.0 {
                sum += p * (p / q.max(1e-12)).ln();
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_do_not_move_the_clip() {
        let mut rng = fastrand::Rng::with_seed(2);
        let x: Vec<f32> = (0..20_000).map(|_| -rng.f32().max(1e-6).ln()).collect();
        let with_zeros: Vec<f32> = x.iter().copied().chain(std::iter::repeat_n(0.0, 80_000)).collect();
        let clip = |x: &[f32]| Entropy.range(&[x], false, 256, &|_| 0.0).high;
        assert_eq!(clip(&x), clip(&with_zeros));
        assert!(clip(&x) > 3.0, "{}: more than 1 in 20 would be clipped", clip(&x));
    }
}
