//! A layer under a scheme: corrected, calibrated, quantized and ready to run, in the arithmetic of its kernels where it has
//! some.

use std::sync::Arc;

use crate::candidate::Contract;
use crate::layer::{Op, Shape};
use crate::op;
use crate::scheme::activations::{Activations, Fixed, Kind};
use crate::scheme::affine::Grid;
use crate::scheme::calibrate::MinMax;
use crate::scheme::compress::{self, factors, reduce};
use crate::scheme::correct::{Draft, Input};
use crate::scheme::lattice::{Lattice, Matrix};
use crate::scheme::observed::Observed;
use crate::scheme::{Scheme, Weights};

/// What no figure of a pruned layer says by itself.
pub const DENSE: &str = "pruned weights are stored without codes and multiplied as zeros by dense kernels";

/// What became of a layer.
pub struct QuantizedLayer {
    pub weights: Weights,
    /// The weights that the quantized ones stand for in the equations: the float weights, corrected.
    pub truth: Vec<f32>,
    /// What the quantized weights stand for, [n, k].
    pub values: Vec<f32>,
    /// The grid of the weights.
    pub lattice: Lattice,
    /// Share of the weights that are zeros without a code.
    pub sparsity: f64,
    pub bias: Vec<f32>,
    /// Of the weights: codes, scales, tables.
    pub stored_bits: f64,
    /// What a user must know: a calibrator that did nothing, or harm.
    pub warnings: Vec<String>,
    input: Input,
    activations: Activations,
    fixed: Option<Fixed>,
    /// Of the qdq contract: the range of the outputs, before a ReLU.
    out: Option<(f32, f32)>,
    /// Where the layer runs as two: its factors.
    parts: Option<[Arc<QuantizedLayer>; 2]>,
}

impl QuantizedLayer {
    /// Quantizes a layer. `samples`, each of the layer's input shape, calibrate: corrections, roundings, and static ranges
    /// of activations, which the int8 and qdq contracts always have, and of qdq the range of the outputs.
    pub fn of(mut layer: Draft, samples: &[&[f32]], scheme: &Scheme, contract: Contract) -> Self {
        let needs = scheme.rounding.needs_inputs() || !scheme.corrections.is_empty();
        let seen = needs.then(|| Observed::of(&layer.shape, samples));
        if let Some((rank, rest)) = scheme.rank(&layer.shape) {
            return Self::of_factors(
                &layer,
                factors(&layer, rank, seen.as_ref().filter(|_| scheme.refits())),
                samples,
                &rest,
            );
        }
        let scheme = &scheme.without_rank();
        let seen = seen.map(|e| correct(&mut layer, e, scheme));
        let truth = layer.weights.clone();
        let reduced = reduce(&mut layer, scheme, seen.as_ref());
        let (shape, channels) = (layer.shape, layer.shape.c);
        let k = layer.shape.k();
        let rounded =
            scheme.quantize_reduced(&layer.weights, k, layer.importance.as_deref(), (seen.as_ref(), &reduced));
        if let Some(seen) = &seen {
            scheme.corrections.iter().for_each(|c| c.after(&mut layer, &rounded, seen));
        }
        let mut activations = scheme.activations.clone();
        if contract != Contract::F32io && activations.fixed.is_none() {
            activations.fixed = Some(std::sync::Arc::new(MinMax));
        }
        let corrected: Vec<Vec<f32>> = match (&activations.fixed, layer.input.is_none()) {
            (Some(_), false) => samples.iter().map(|s| applied(&layer.input, s, channels)).collect(),
            _ => vec![],
        };
        let batches: Vec<&[f32]> =
            if corrected.is_empty() { samples.to_vec() } else { corrected.iter().map(Vec::as_slice).collect() };
        let (fixed, warning) = activations.calibrate(&batches).unzip();
        let clipped = scheme.clip_warning(&layer.weights, k, layer.importance.as_deref());
        let lattice = &rounded.lattice;
        let padded = lattice.groups() * lattice.group;
        let padding = (padded > k).then(|| format!("groups of {} pad k = {k} to {padded}", lattice.group));
        let mut quantized = Self {
            stored_bits: scheme.stored_bits(&rounded, &reduced),
            values: rounded.values.clone(),
            lattice: rounded.lattice.clone(),
            weights: scheme.kernel_weights(rounded),
            truth,
            sparsity: reduced.sparsity(),
            bias: layer.bias,
            warnings: warning.flatten().into_iter().chain(clipped).chain(padding).collect(),
            input: layer.input,
            activations,
            fixed,
            out: None,
            parts: None,
        };
        if contract == Contract::Qdq {
            quantized.out = Some(quantized.out_range(&shape, samples));
        }
        quantized
    }

    /// A layer in two, each of which is quantized by itself. What stands for the weights is the product of both.
    fn of_factors(layer: &Draft, [first, second]: [Draft; 2], samples: &[&[f32]], scheme: &Scheme) -> Self {
        let (n, k, rank) = (layer.shape.n(), layer.shape.k(), first.shape.n());
        let between: Vec<Vec<f32>> =
            samples.iter().map(|x| op::forward(&first.shape, false, x, &first.weights, &first.bias)).collect();
        let between: Vec<&[f32]> = between.iter().map(Vec::as_slice).collect();
        let parts = [(first, samples), (second, &between)]
            .map(|(part, samples)| Arc::new(Self::of(part, samples, scheme, Contract::F32io)));
        let at = |i: usize| {
            let (row, column) = (i / k, i % k);
            let terms = (0..rank)
                .map(|r| f64::from(parts[1].values[row * rank + r]) * f64::from(parts[0].values[r * k + column]));
            terms.sum::<f64>() as f32
        };
        let values: Vec<f32> = (0..n * k).map(at).collect();
        let notes = parts.iter().flat_map(|p| p.warnings.clone());
        Self {
            weights: Weights::Float(values.clone()),
            lattice: Lattice::exact(&Matrix::new(&values, k), 32),
            values,
            truth: layer.weights.clone(),
            sparsity: 0.0,
            bias: parts[1].bias.clone(),
            stored_bits: parts.iter().map(|p| p.stored_bits).sum(),
            warnings: notes.collect(),
            input: Input::default(),
            activations: parts[0].activations.clone(),
            fixed: None,
            out: None,
            parts: Some(parts),
        }
    }

    /// What a reader of its figures must know: warnings, and what a compression does and does not do. `alone`: of a layer by itself.
    pub fn notes(&self, scheme: &Scheme, alone: bool) -> Vec<String> {
        let mut notes = self.warnings.clone();
        if self.sparsity > 0.0 {
            notes.push(DENSE.into());
        }
        if alone && scheme.channels().is_some() {
            notes.push(
                "channels that go count as zeros of their layer, and in a network the last layer keeps all".into(),
            );
        }
        notes
    }

    /// The factors that the layer runs as, where it runs as two.
    pub fn parts(&self) -> Option<&[Arc<QuantizedLayer>; 2]> {
        self.parts.as_ref()
    }

    /// The range of all outputs of the calibration samples.
    fn out_range(&self, shape: &Shape, samples: &[&[f32]]) -> (f32, f32) {
        let outputs = samples.iter().flat_map(|x| self.forward(shape, false, x));
        outputs.fold((0.0, 0.0), |(low, high), y| (low.min(y), high.max(y)))
    }

    /// The layer's output, [m, n], for activations of the shape that the layer had or of its first lines.
    pub fn forward(&self, shape: &Shape, relu: bool, x: &[f32]) -> Vec<f32> {
        if let Some([first, second]) = self.parts.as_ref() {
            let (before, after) = compress::shapes(shape, first.bias.len());
            return second.forward(&after, relu, &first.forward(&before, false, x));
        }
        let exact =
            &mut |lhs: &[u8], codes: &[i8], zero| op::reference_int(shape, lhs, codes, &vec![0; shape.n()], zero);
        self.forward_with(shape, relu, x, exact)
    }

    /// The same; where its sums are integers they are made by `sums`, which a layer of two factors has no one way for.
    pub fn forward_with(&self, shape: &Shape, relu: bool, x: &[f32], sums: &mut op::Sums) -> Vec<f32> {
        if self.parts.is_some() {
            return self.forward(shape, relu, x);
        }
        let mut x = applied(&self.input, x, shape.c);
        match (&self.weights, &self.activations.kind) {
            // groups of a depthwise layer have no law of their own
            (Weights::Int { codes, scales, group }, kind @ (Kind::Affine(_) | Kind::Signs))
                if group.is_none() || shape.op != Op::Depthwise =>
            {
                let bias = &self.bias;
                let grid = |row: &[f32]| match &self.fixed {
                    Some(Fixed::Grid(grid)) => *grid,
                    _ => kind.grid(row).expect("these kinds have grids"),
                };
                match (group, &self.out) {
                    (Some(group), _) => op::forward_groups(shape, relu, &x, (codes, scales, *group), bias, grid),
                    (None, Some((low, high))) => {
                        let out = Grid::of_range(if relu { 0.0 } else { *low }, *high, 8);
                        op::forward_qdq(shape, relu, &x, (codes, scales), bias, (grid(&x), out), sums)
                    }
                    (None, None) => op::forward_int_with(shape, relu, &x, (codes, scales), bias, grid, sums),
                }
            }
            _ => {
                self.activations.apply(&mut x, shape.c, op::grid_span(shape), self.fixed.as_ref());
                op::forward(shape, relu, &x, &self.values, &self.bias)
            }
        }
    }

    /// What kernels of integers add to their sums and multiply them with, for each output: `bs_args.cols` of the int8 and qdq
    /// contracts. Zeros where the contract has none.
    pub fn integers(&self, shape: &Shape, relu: bool) -> (Vec<i32>, Vec<f32>) {
        match (&self.weights, self.grids(relu)) {
            (Weights::Int { codes, scales, .. }, (Some(input), Some(output))) => {
                op::requantization((codes, scales), &self.bias, shape.k(), (input, output))
            }
            _ => (vec![0; shape.n()], vec![0.0; shape.n()]),
        }
    }

    /// The static grids of inputs and, under the qdq contract, of outputs.
    pub fn grids(&self, relu: bool) -> (Option<Grid>, Option<Grid>) {
        let input = match &self.fixed {
            Some(Fixed::Grid(grid)) => Some(*grid),
            _ => None,
        };
        (input, self.out.map(|(low, high)| Grid::of_range(if relu { 0.0 } else { low }, high, 8)))
    }

    /// An input and its output as a kernel of the int8 or qdq contract takes and gives them: codes, and s32 sums or codes.
    /// Nothing where the layer is not one of integers.
    pub fn codes(&self, shape: &Shape, relu: bool, x: &[f32]) -> (Vec<u8>, Vec<u8>) {
        let (Weights::Int { codes, .. }, (Some(input), output)) = (&self.weights, self.grids(relu)) else {
            return (vec![], vec![]);
        };
        let x = applied(&self.input, x, shape.c);
        let lhs: Vec<u8> = x.iter().map(|v| input.quantize(*v)).collect();
        let (init, multiplier) = self.integers(shape, relu);
        let sums = op::reference_int(shape, &lhs, codes, &init, input.zero);
        let out = match output {
            None => sums.into_iter().flat_map(i32::to_le_bytes).collect(),
            Some(output) => op::requantize_all(&sums, &multiplier, output.zero, relu),
        };
        (lhs, out)
    }

    /// What is done to activations before they are quantized.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// How activations are quantized, and the static map where there is one.
    pub fn activations(&self) -> (&Activations, Option<&Fixed>) {
        (&self.activations, self.fixed.as_ref())
    }

    /// Activations as the quantizer sees them.
    pub fn input_of(&self, shape: &Shape, x: &[f32]) -> Vec<f32> {
        applied(&self.input, x, shape.c)
    }

    /// The map of activations: the static one; or, where each tensor, row or block finds its own, the one that all these
    /// inputs together would have, and true. None where they stay floats, or no such map stands for the others.
    pub fn input_map(&self, inputs: &[&[f32]]) -> Option<(Fixed, bool)> {
        let comparable = match &self.activations.kind {
            Kind::F32 => false,
            Kind::Affine(_) | Kind::Signs => true,
            Kind::Format(f) => f.takes().clip,
        };
        if let Some(fixed) = &self.fixed {
            return Some((fixed.clone(), false));
        }
        let all = Activations { fixed: Some(std::sync::Arc::new(MinMax)), ..self.activations.clone() };
        comparable.then(|| all.calibrate(inputs)).flatten().map(|(fixed, _)| (fixed, true))
    }
}

/// Corrects a layer; the observed as its weights then see it.
fn correct(layer: &mut Draft, observed: Observed, scheme: &Scheme) -> Observed {
    let channels = layer.shape.c;
    let mut seen = None;
    for correction in &scheme.corrections {
        let input = layer.input.clone();
        correction.before(layer, seen.as_ref().unwrap_or(&observed), scheme);
        if layer.input != input {
            seen = Some(observed.map(|row| layer.input.apply(row, channels)));
        }
    }
    seen.unwrap_or(observed)
}

fn applied(input: &Input, x: &[f32], channels: usize) -> Vec<f32> {
    let mut x = x.to_vec();
    input.apply(&mut x, channels);
    x
}
