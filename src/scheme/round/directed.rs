//! Roundings that look at one weight at a time.

use super::{Fit, Format, Matrix, Observed, Quantized, Rounding};

/// Down. Kept because the literature uses it: it shifts every weight by half a step on average, which a layer adds up.
pub struct Floor;

impl Rounding for Floor {
    fn name(&self) -> &'static str {
        "floor"
    }
    fn about(&self) -> &'static str {
        "to the level below: biased by half a step"
    }
    fn round(&self, x: &Matrix, format: &dyn Format, how: &Fit, _observed: Option<&Observed>) -> Quantized {
        format.fit(x, how).choose(x, |step, _, _, v| step.neighbours(v).0)
    }
}

/// Up or down by chance, the nearer the likelier, so that the expected error is zero (Gupta et al., 2015).
pub struct Stochastic;

/// Every weight draws from a stream of its own row, so that the result depends on nothing but the matrix.
const SEED: u64 = 0x5eed_0fb1;

impl Rounding for Stochastic {
    fn name(&self) -> &'static str {
        "stochastic"
    }
    fn about(&self) -> &'static str {
        "up or down by chance, without bias; seeded"
    }
    fn round(&self, x: &Matrix, format: &dyn Format, how: &Fit, _observed: Option<&Observed>) -> Quantized {
        let k = x.k;
        format.fit(x, how).choose(x, |step, row, col, v| {
            let (below, above) = step.neighbours(v);
            let (low, high) = (step.value(below), step.value(above));
            if below == above {
                return below;
            }
            let mut rng = fastrand::Rng::with_seed(SEED ^ (row * k + col) as u64);
            if rng.f32() * (high - low) < v - low { above } else { below }
        })
    }
}
