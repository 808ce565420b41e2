//! Schemes: how weights and activations become numbers of few bits.
//!
//! A scheme is a weight format, an activation format, and how their grids are chosen and rounded to. Each of these is a
//! registry: [`format::KINDS`], [`calibrate::CALIBRATORS`], [`round::ROUNDINGS`], [`correct::CORRECTIONS`],
//! [`compress::COMPRESSIONS`]. `name.rs` has the one grammar that names them all.

pub mod activations;
pub mod affine;
pub mod calibrate;
pub mod coded;
pub mod compress;
pub mod correct;
pub mod observed;
pub mod format;
pub mod lattice;
pub mod levels;
mod name;
mod product;
pub mod round;

use std::sync::Arc;

use crate::candidate::Contract;
use activations::{Activations, Per};
use calibrate::{Calibrator, MinMax};
use compress::{Compression, Reduced};
use correct::Correction;
use format::{Fit, Format, Granularity};
use lattice::{Matrix, Quantized};
use observed::Observed;
use round::Rounding;

pub use name::{GRAMMAR, WrongName, find, matching, wildcard};

/// A number format for weights and activations, and how their grids are chosen. Printed and parsed by its name.
#[derive(Clone)]
pub struct Scheme {
    pub weights: Arc<dyn Format>,
    pub granularity: Granularity,
    /// Weights have a zero point.
    pub affine: bool,
    /// Weights use the full range of two's complement.
    pub full: bool,
    /// Scales are powers of two.
    pub pow2: bool,
    /// Clips weights.
    pub clip: Arc<dyn Calibrator>,
    pub activations: Activations,
    pub rounding: &'static dyn Rounding,
    pub corrections: Vec<&'static dyn Correction>,
    /// What is taken out of the weights, in the order of [`compress::COMPRESSIONS`].
    pub compressions: Vec<Arc<dyn Compression>>,
}

/// Weights as the kernels see them, before packing: row-major [n, k].
#[derive(Clone, Debug, PartialEq)]
pub enum Weights {
    Float(Vec<f32>),
    /// `weight[n][k] = scales[n] * codes[n][k]`.
    Int {
        codes: Vec<i8>,
        /// [n], or [n, groups]
        scales: Vec<f32>,
        /// Inputs of one output that share a scale, where that is not all of them. The last group may be shorter.
        group: Option<usize>,
    },
    /// Codes of levels: see [`Scheme::decoded`].
    Coded(Quantized),
}

/// Schemes worth listing: what `bitsmith schemes` shows, what a `*` in `--scheme` is matched with, and what is compared
/// where no scheme is named. Any other name of the grammar works as well.
pub static LISTED: &[&str] = &[
    "f64",
    "f32",
    "f16a16",
    "bf16abf16",
    "fp8e4m3",
    "fp8e4m3afp8e4m3",
    "fp8e5m2",
    "fp6e2m3",
    "fp6e3m2",
    "fp4e2m1",
    "w8a8",
    "w8a8-static",
    "w8a32",
    "w7a8",
    "w6a8",
    "w5a8",
    "w4a8",
    "w4a8g32",
    "w4a8g128",
    "w4a32",
    "w4a16g32",
    "w4a32g32",
    "w4a32g32-affine",
    "w4a32g32q6",
    "w4a4",
    "w4a32-pow2",
    "w4a32-tensor",
    "w3a8",
    "w3a32g32",
    "w2a8",
    "w2a4",
    "w2a2",
    "w2a32g32",
    "wta8",
    "wta32",
    "w1a8",
    "w1a1",
    "w1a32",
    "nf4",
    "kmeans4",
    "kmeans3",
    "kmeans2",
    "lloyd4",
    "lloyd3",
    "lloyd2",
    "equal4",
    "uniform4",
    "mxfp8e4m3",
    "mxfp8e4m3amxfp8e4m3",
    "mxfp8e5m2",
    "mxfp6e2m3",
    "mxfp6e3m2",
    "mxfp4",
    "mxfp4amxfp4",
    "mxint8",
    "nvfp4",
    "q4_0",
    "q4_0aq8_0",
    "q4_1",
    "q5_0",
    "q5_1",
    "q8_0",
    "iq4_nl",
    "q2_k",
    "q3_k",
    "q4_k",
    "q5_k",
    "q6_k",
    "tq1_0",
    "tq2_0",
    "w4a8-mse",
    "w4a8-floor",
    "w4a8-stochastic",
    "w4a8-gptq",
    "w3a8-gptq",
    "w2a8-gptq",
    "w4a8-adaround",
    "w4a32g32-affine-hqq",
    "w2a32g32-affine-hqq",
    "w4a8-static_kl",
    "w4a8-cle",
    "w4a8-hadamard",
    "w4a8-smoothquant",
    "w4a8-awq",
    "w4a8-mse-importance",
    "w4a8-biascorr",
];

impl Scheme {
    /// Are activations f32 throughout?
    pub fn float_activations(&self) -> bool {
        self.activations.float()
    }

    /// Are activations f32, or f32 rounded to a float of 16 bits?
    pub fn real_activations(&self) -> bool {
        self.activations.float() || self.activations.half().is_some()
    }

    /// Bits of a weight's code, scales not counted.
    pub fn weight_bits(&self) -> f64 {
        self.weights.bits()
    }

    /// s8 weights with a scale per output or group of inputs, and unsigned activations of 8 to 1 bits on one grid per row or
    /// tensor: what integer kernels multiply.
    pub fn integer(&self) -> bool {
        let scales = matches!(self.granularity, Granularity::Row | Granularity::Group { sub: None, .. });
        let name = self.weights.name();
        let signed = self.weights.takes().integer || name == "wt" || name.starts_with("w1");
        let plain = scales && !self.affine && signed;
        let input = self.activations.per == Per::Row && self.activations.kind.top().is_some();
        plain && input && !self.reshapes() && self.corrections.iter().all(|c| !c.changes_input())
    }

    /// Contracts that a kernel of this scheme could have.
    pub fn contracts(&self) -> &'static [Contract] {
        if self.integer() && self.group().is_none() { &Contract::ALL } else { &[Contract::F32io] }
    }

    /// Weights of one output that share a scale, where that is fewer than all.
    pub fn group(&self) -> Option<usize> {
        match self.granularity {
            Granularity::Group { columns, .. } => Some(columns),
            _ => None,
        }
    }

    /// Do the kernel families here implement it? The rounding of weights is nothing to them.
    pub fn has_kernels(&self) -> bool {
        let exact = self.weights.name() == "f32" && self.corrections.iter().all(|c| !c.changes_input());
        let own = self.reshapes();
        !own && exact && self.real_activations() || self.integer() || self.decoded().is_some()
    }

    /// Codes of integer weights, ascending.
    pub fn codes(&self) -> Vec<i8> {
        let greatest = self.greatest_code() as i32;
        let all = (-greatest..=greatest - i32::from(self.full)).map(|c| c as i8);
        all.filter(|c| *c != 0 || self.weights.bits() > 1.0).collect()
    }

    /// The greatest code of integer activations: 255 of 8 bits, 1 of signs.
    pub fn greatest_activation(&self) -> usize {
        self.activations.kind.top().unwrap_or(0) as usize
    }

    /// The largest size of an integer weight's code: 127 of 8 bits, 7 of 4, 8 with the full range.
    pub fn greatest_code(&self) -> usize {
        match self.weights.bits() as u32 {
            0..=1 => 1,
            bits => (1 << (bits - 1)) - usize::from(!self.full),
        }
    }

    pub fn fit(&self) -> Fit<'_> {
        Fit {
            granularity: self.granularity,
            affine: self.affine,
            full: self.full,
            pow2: self.pow2,
            calibrator: &*self.clip,
            importance: None,
            kept: None,
        }
    }

    /// Quantizes finite weights, row-major [n, k].
    pub fn quantize(
        &self,
        weights: &[f32],
        k: usize,
        importance: Option<&[f32]>,
        observed: Option<&Observed>,
    ) -> Quantized {
        self.quantize_reduced(weights, k, importance, (observed, &Reduced::default()))
    }

    /// The same of weights that something was taken out of: what is not there stays zero, whatever the rounding.
    pub fn quantize_reduced(
        &self,
        weights: &[f32],
        k: usize,
        importance: Option<&[f32]>,
        (observed, reduced): (Option<&Observed>, &Reduced),
    ) -> Quantized {
        let how = Fit { importance, kept: reduced.kept.as_deref(), ..self.fit() };
        let mut q = self.rounding.round(&Matrix::new(weights, k), &*self.weights, &how, observed);
        for i in (0..q.codes.len()).filter(|i| how.kept.is_some_and(|kept| !kept[*i])) {
            let step = q.lattice.step(i / k, i % k);
            let zero = step.nearest(0.0);
            (q.codes[i], q.values[i]) = (zero, step.value(zero));
        }
        q
    }

    /// What a user must know of the calibrator that clipped these weights: see [`calibrate::warning`].
    pub fn clip_warning(&self, weights: &[f32], k: usize, importance: Option<&[f32]>) -> Option<String> {
        if self.clip.name() == MinMax.name() {
            return None;
        }
        let x = Matrix::new(weights, k);
        let with = self.weights.quantize(&x, &Fit { importance, ..self.fit() });
        let without = self.weights.quantize(&x, &Fit { calibrator: &MinMax, ..self.fit() });
        let error = |q: &Quantized| q.values.iter().zip(weights).map(|(v, w)| f64::from(v - w).powi(2)).sum::<f64>();
        let same = with.lattice.scales == without.lattice.scales;
        calibrate::verdict(&self.clip.name(), same, error(&with), error(&without)).map(|w| format!("weights: {w}"))
    }

    /// Quantized weights as a kernel, or the law, takes them.
    pub fn kernel_weights(&self, quantized: Quantized) -> Weights {
        match quantized.int8().filter(|_| self.integer()) {
            Some((codes, scales)) => Weights::Int { codes, scales, group: self.group() },
            None if self.decoded().is_some() => Weights::Coded(quantized),
            None => Weights::Float(quantized.values),
        }
    }

    /// Bits that the quantized weights take, scales and tables included.
    pub fn stored_bits(&self, quantized: &Quantized, reduced: &Reduced) -> f64 {
        if *reduced != Reduced::default() {
            return reduced.stored_bits(self, quantized);
        }
        let codes = quantized.values.len() as f64 * self.weights.bits();
        let all = quantized.lattice.stored_bits;
        self.weights.coded_bits(quantized).map_or(all, |coded| all - codes + coded)
    }

    /// `tensor`, `channel`, `group 32`; what the format says where it has its own.
    pub fn granularity_name(&self) -> String {
        match self.granularity {
            _ if !self.weights.takes().scale => "format's own".into(),
            Granularity::Tensor => "tensor".into(),
            Granularity::Row => "channel".into(),
            Granularity::Group { columns, sub: None } => format!("group {columns}"),
            Granularity::Group { columns, sub: Some(bits) } => format!("group {columns}, {bits}-bit scales"),
        }
    }

    /// Line of the ladder chart.
    pub fn family(&self) -> String {
        let weights = self.weights.family();
        let group = match self.granularity {
            Granularity::Group { columns, .. } => format!(" g{columns}"),
            _ => String::new(),
        };
        let taken: String = self.compressions.iter().map(|c| format!(" +{}", c.name())).collect();
        format!("{weights}{group}{taken}, a{}", self.activations.kind)
    }

    /// One line for listings.
    pub fn about(&self) -> String {
        let kind = format::KINDS.iter().find(|k| (k.parse)(&self.weights.name()).is_some());
        kind.map_or(String::new(), |k| k.about.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_calibrator_that_does_nothing_to_weights_or_harm_is_told() {
        let mut weights: Vec<f32> = (0..256).map(|i| (i % 2) as f32 * 2.0 - 1.0).collect();
        let warning = |scheme: &str, weights: &[f32]| find(scheme).unwrap().clip_warning(weights, 256, None);
        assert_eq!(warning("w8a8", &weights), None);
        assert_eq!(warning("w8a8-p99", &weights).unwrap(), "weights: p99 equals minmax here");
        weights[0] = 100.0;
        let cliff = warning("w8a8-p99", &weights).unwrap();
        assert!(cliff.starts_with("weights: percentile cliff: p99 has"), "{cliff}");
    }
}
