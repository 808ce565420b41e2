//! Rounding: which level each weight gets, once the grid is known or together with it.

mod adaround;
mod directed;
mod gptq;
mod hqq;

use super::format::{Fit, Format};
use super::lattice::{Matrix, Quantized};
use super::observed::Observed;

/// Gives every weight its level.
pub trait Rounding: Send + Sync {
    fn name(&self) -> &'static str;
    fn about(&self) -> &'static str;
    /// Does it look at activations?
    fn needs_inputs(&self) -> bool {
        false
    }
    /// Does it choose zero points? Then weights must have some.
    fn moves_points(&self) -> bool {
        false
    }
    /// Quantizes finite weights [n, k]. Without observed inputs a rounding that needs them takes all inputs for independent and
    /// alike.
    fn round(&self, x: &Matrix, format: &dyn Format, how: &Fit, observed: Option<&Observed>) -> Quantized;
}

/// Every rounding: one file and one row each (the simple ones share a file). The first is the default.
pub static ROUNDINGS: &[&dyn Rounding] =
    &[&Nearest, &directed::Floor, &directed::Stochastic, &gptq::Gptq, &adaround::AdaRound, &hqq::HalfQuadratic];

/// To the nearest level, halfway to even: what the format's own definition does.
pub struct Nearest;

impl Rounding for Nearest {
    fn name(&self) -> &'static str {
        "nearest"
    }
    fn about(&self) -> &'static str {
        "to the nearest level, ties to even"
    }
    fn round(&self, x: &Matrix, format: &dyn Format, how: &Fit, _observed: Option<&Observed>) -> Quantized {
        format.quantize(x, how)
    }
}

pub fn find(name: &str) -> Option<&'static dyn Rounding> {
    ROUNDINGS.iter().copied().find(|r| r.name() == name)
}
