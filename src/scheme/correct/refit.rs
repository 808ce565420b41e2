//! Least squares after compression.

use super::Correction;

/// Lets what a compression leaves of a layer make up for what it took, by least squares on the calibration inputs: weights that are
/// left after pruning, factors of low rank, inputs of channels that are left. See [`crate::scheme::compress::refit`] and
/// [`crate::scheme::compress::factors`]. In a network each layer also makes up for what was done to those before, compression or
/// rounding, see [`crate::scheme::compress::follow`]; so there it helps without a compression too. A layer alone then stays as it is.
pub struct Refit;

impl Correction for Refit {
    fn name(&self) -> &'static str {
        "refit"
    }
    fn about(&self) -> &'static str {
        "layers make up for what compression took of them and for the layers before: least squares on calibration inputs"
    }
    fn refits(&self) -> bool {
        true
    }
}
