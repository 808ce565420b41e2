//! Half-quadratic quantization.

use rayon::prelude::*;

use super::{Fit, Format, Matrix, Observed, Quantized, Rounding};
use crate::scheme::format::Granularity;
use crate::scheme::lattice::{Lattice, Origin};
use crate::scheme::levels::MiniFloat;

/// The norm whose errors are minimized.
const NORM: f64 = 0.7;
/// The weight of the quadratic half, and what it grows by at every step.
const BETA: f64 = 10.0;
const KAPPA: f64 = 1.01;
const STEPS: usize = 20;

/// Moves every group's zero point, scale fixed, so that the errors' l0.7 norm falls: it forgives outliers and makes
/// most errors small (Badri and Shaji, Half-Quadratic Quantization, 2023). Two steps alternate: errors are shrunk
/// towards zero by the proximal operator of the norm, then the zero point is the mean that explains the rest. Zero
/// points are no integers any more.
///
/// Errors are counted in steps of the grid, so that weights twice as large are quantized alike, and of all zero points
/// met, the integer one included, the best is kept: the norm never rises.
pub struct HalfQuadratic;

impl Rounding for HalfQuadratic {
    fn name(&self) -> &'static str {
        "hqq"
    }
    fn about(&self) -> &'static str {
        "moves zero points so that the l0.7 norm of the errors falls; needs -affine, no activations"
    }
    fn moves_points(&self) -> bool {
        true
    }
    fn round(&self, x: &Matrix, format: &dyn Format, how: &Fit, _observed: Option<&Observed>) -> Quantized {
        let lattice = format.fit(x, how);
        let Origin::Points(points) = &lattice.origin else { return format.quantize(x, how) };
        let narrow = matches!(how.granularity, Granularity::Group { .. });
        let store = |z: f64| if narrow { f64::from(MiniFloat::F16.round(z as f32)) } else { f64::from(z as f32) };
        let best = |weights: &[f32], group: usize| {
            let (scale, start) = (f64::from(lattice.scales[group]), f64::from(points[group]));
            let weights: Vec<f64> = weights.iter().map(|w| f64::from(*w) / scale).collect();
            let ends = (f64::from(lattice.levels.least()), f64::from(lattice.levels.greatest()));
            -scale * zero_point(&weights, ends, start, store)
        };
        let offsets: Vec<f64> = if how.granularity == Granularity::Tensor {
            vec![best(x.data, 0); x.rows()]
        } else {
            let groups: Vec<&[f32]> = x.data.chunks_exact(x.k).flat_map(|row| row.chunks(lattice.group)).collect();
            groups.par_iter().enumerate().map(|(g, weights)| best(weights, g)).collect()
        };
        let wider = if narrow { 16.0 } else { 32.0 } - format.bits();
        let count = if how.granularity == Granularity::Tensor { 1 } else { offsets.len() };
        let stored_bits = lattice.stored_bits + wider * count as f64;
        Lattice { origin: Origin::Offsets(offsets), stored_bits, ..lattice }.nearest(x)
    }
}

/// The best zero point met for weights in steps of the grid: a weight w has the level round(w + zero).
fn zero_point(weights: &[f64], ends: (f64, f64), start: f64, store: impl Fn(f64) -> f64) -> f64 {
    let (mut zero, mut beta) = (start, BETA);
    let mut best = (f64::INFINITY, start);
    for _ in 0..=STEPS {
        let (mut norm, mut rest) = (0.0, 0.0);
        for w in weights {
            let error = w + zero - (w + zero).round_ties_even().clamp(ends.0, ends.1);
            let size = error.abs();
            if size > 0.0 {
                let slope = size.powf(NORM - 1.0);
                norm += size * slope;
                let shrunk = (size - slope / beta).max(0.0); // the authors' approximate proximal operator
                rest += error - shrunk.copysign(error);
            }
        }
        if norm < best.0 {
            best = (norm, zero);
        }
        // the mean of level - (w - shrunk), which is zero - (error - shrunk)
        zero = store(zero - rest / weights.len() as f64);
        beta *= KAPPA;
    }
    best.1
}
