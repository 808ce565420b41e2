//! Compressions: what is taken out of a layer's weights beside their bits. They go with any number format that has a zero.

pub mod channels;
mod magnitude;
mod pattern;
mod rank;
mod refit;
mod sharing;

use std::sync::Arc;

use super::Scheme;
use super::correct::Draft;
use super::lattice::{Matrix, Quantized};
use super::observed::Observed;
use crate::layer::{Op, Shape};

pub use rank::{factors, shapes};
pub use refit::{follow, refit};
pub use sharing::Shared;

/// Makes a layer smaller. Each answers one of these questions.
pub trait Compression: Send + Sync {
    /// As schemes spell it, without the plus.
    fn name(&self) -> String;
    /// Which weights stay, row-major [n, k], where others become zeros; those of the greatest scores, of equal ones the first.
    fn kept(&self, _scores: &Matrix) -> Option<Vec<bool>> {
        None
    }
    /// Codes that are stored, and bits that say which weights they are of.
    fn index_bits(&self, _kept: &[bool], _k: usize) -> (usize, f64) {
        (0, 0.0)
    }
    /// How many values all weights of a layer share.
    fn values(&self) -> Option<usize> {
        None
    }
    /// The rank of the two factors that a layer of [n, k] weights is replaced by; it may be too large to make it smaller.
    fn rank(&self, _n: usize, _k: usize) -> Option<usize> {
        None
    }
    /// How many of n output channels stay.
    fn channels(&self, _n: usize) -> Option<usize> {
        None
    }
}

/// One row of the registry: how names of a kind of compression look, and who reads them.
pub struct Kind {
    /// For help and error messages.
    pub pattern: &'static str,
    pub about: &'static str,
    pub parse: fn(&str) -> Option<Arc<dyn Compression>>,
    /// Names that stand for the kind in suggestions and tests.
    pub examples: &'static [&'static str],
}

/// Every kind of compression, in the order in which they are applied: one file and one row each.
pub static COMPRESSIONS: &[Kind] = &[channels::KIND, rank::KIND, magnitude::KIND, pattern::KIND, sharing::KIND];

/// The compression of that name, and its place in the registry.
pub fn parse(name: &str) -> Option<(usize, Arc<dyn Compression>)> {
    COMPRESSIONS.iter().enumerate().find_map(|(i, kind)| Some((i, (kind.parse)(name)?)))
}

/// `prefix` and a whole number of percent from 1 to 99.
fn percent(text: &str, prefix: &str) -> Option<usize> {
    number(text.strip_prefix(prefix)?).filter(|p| (1..100).contains(p))
}

/// Decimal digits and nothing else, without zeros in front.
fn number(text: &str) -> Option<usize> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    plain.then(|| text.parse().ok()).flatten()
}

/// What was taken out of a layer's weights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reduced {
    /// Which weights are there, row-major [n, k]; None: all.
    pub kept: Option<Vec<bool>>,
    /// Codes that are stored, and bits that say which weights they are of.
    stored: Option<(usize, f64)>,
    pub shared: Option<Shared>,
}

impl Reduced {
    /// Share of the weights that are zeros without a code.
    pub fn sparsity(&self) -> f64 {
        self.kept.as_ref().map_or(0.0, |k| k.iter().filter(|k| !**k).count() as f64 / k.len().max(1) as f64)
    }

    /// Bits that quantized weights take, everything counted that is needed to have them back: codes of those that are there,
    /// where they are, shared values with the lengths of their Huffman codes, scales.
    pub fn stored_bits(&self, scheme: &Scheme, quantized: &Quantized) -> f64 {
        let bits = scheme.weights.bits();
        let beside = quantized.lattice.stored_bits - quantized.values.len() as f64 * bits;
        let (codes, index) = self.stored.unwrap_or((quantized.values.len(), 0.0));
        let codes = match &self.shared {
            Some(shared) => shared.stored_bits(codes),
            None => codes as f64 * bits,
        };
        beside + codes + index
    }
}

/// Takes out of a layer's weights what the scheme says: prunes by size (not in depthwise layers) (times the importance of columns, where there is
/// one), makes the rest up for it where a correction refits, and lets what is left share values.
/// Factors and channels are others' work: see [`factors`] and [`channels`].
pub fn reduce(layer: &mut Draft, scheme: &Scheme, observed: Option<&Observed>) -> Reduced {
    let mut reduced = Reduced::default();
    let k = layer.shape.k();
    for compression in &scheme.compressions {
        if let Some(left) = compression.channels(layer.shape.n()) {
            // a layer by itself: what nobody gives any more is zero
            let chosen = channels::chosen(&layer.weights, k, left);
            for (n, _) in chosen.iter().enumerate().filter(|(_, kept)| !**kept) {
                layer.weights[n * k..][..k].fill(0.0);
                layer.bias[n] = 0.0;
            }
            let rows = chosen.iter().filter(|kept| **kept).count();
            reduced.stored = Some((rows * k, 0.0));
            reduced.kept = Some(chosen.iter().flat_map(|kept| vec![*kept; k]).collect());
        }
        // a depthwise layer has few weights, and each output few of its own
        let prunable = layer.shape.op != Op::Depthwise;
        let scores = scores(layer);
        if let Some(kept) = compression.kept(&Matrix::new(&scores, k)).filter(|_| prunable) {
            reduced.stored = Some(compression.index_bits(&kept, k));
            let whole = layer.weights.clone();
            layer.weights.iter_mut().zip(&kept).filter(|(_, kept)| !**kept).for_each(|(w, _)| *w = 0.0);
            if let Some(observed) = observed.filter(|_| scheme.refits()) {
                refit(layer, &whole, &kept, observed);
            }
            reduced.kept = Some(kept);
        }
        if let Some(count) = compression.values() {
            reduced.shared = Some(Shared::among(&mut layer.weights, reduced.kept.as_deref(), count));
        }
    }
    reduced
}

/// Sizes of weights, times the root mean square of their inputs where that is known.
fn scores(layer: &Draft) -> Vec<f32> {
    let k = layer.shape.k();
    let root = |j: usize| layer.importance.as_ref().map_or(1.0, |i| i[j].sqrt());
    layer.weights.iter().enumerate().map(|(i, w)| w.abs() * root(i % k)).collect()
}

impl Scheme {
    /// Does a correction fit what compression leaves to the calibration inputs?
    pub fn refits(&self) -> bool {
        self.corrections.iter().any(|c| c.refits())
    }

    /// Does a compression give layers another shape?
    pub fn reshapes(&self) -> bool {
        self.compressions.iter().any(|c| c.channels(2).is_some() || c.rank(2, 2).is_some())
    }

    /// Are some weights zeros that have no code?
    pub fn prunes(&self) -> bool {
        self.compressions.iter().any(|c| c.kept(&Matrix::new(&[1.0], 1)).is_some())
    }

    /// The scheme whose kernels run this one: they are dense, so zeros and shared values are numbers like any other.
    pub fn on_device(&self) -> Self {
        let mut scheme = self.clone();
        let one = Matrix::new(&[1.0], 1);
        scheme.compressions.retain(|c| c.kept(&one).is_none() && c.values().is_none());
        scheme
    }

    /// The same without a fit that nothing is left for.
    pub fn without_idle(mut self) -> Self {
        if self.compressions.is_empty() {
            self.corrections.retain(|c| !c.refits());
        }
        self
    }

    /// The compression that leaves out channels, and the scheme without it.
    pub fn channels(&self) -> Option<(Arc<dyn Compression>, Self)> {
        self.split(|c| c.channels(2).is_some())
    }

    /// The rank that this layer's factors have where they are smaller than the layer, and the scheme of each factor.
    pub fn rank(&self, shape: &Shape) -> Option<(usize, Self)> {
        let (compression, rest) = self.split(|c| c.rank(2, 2).is_some())?;
        let (n, k) = (shape.n(), shape.k());
        let rank = compression.rank(n, k)?;
        (shape.op != Op::Depthwise && rank * (n + k) < n * k).then_some((rank, rest))
    }

    /// The same scheme for a layer that is no product of factors.
    pub fn without_rank(&self) -> Self {
        self.split(|c| c.rank(2, 2).is_some()).map_or_else(|| self.clone(), |(_, rest)| rest)
    }

    fn split(&self, of: impl Fn(&dyn Compression) -> bool) -> Option<(Arc<dyn Compression>, Self)> {
        let found = self.compressions.iter().position(|c| of(&**c))?;
        let mut rest = self.clone();
        Some((rest.compressions.remove(found), rest))
    }
}
