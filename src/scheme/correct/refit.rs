//! Least squares after compression.

use super::Correction;

/// Lets what a compression leaves of a layer make up for what it took, by least squares on the calibration inputs: weights that are
/// left after pruning, factors of low rank, inputs of channels that are left. See [`crate::scheme::compress::refit`] and
/// [`crate::scheme::compress::factors`]. Without a compression it does nothing.
pub struct Refit;

impl Correction for Refit {
    fn name(&self) -> &'static str {
        "refit"
    }
    fn about(&self) -> &'static str {
        "what a compression leaves makes up for what it took: least squares on calibration inputs"
    }
    fn refits(&self) -> bool {
        true
    }
}
