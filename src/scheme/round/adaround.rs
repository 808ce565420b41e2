//! AdaRound.

use faer::{Mat, MatMut, MatRef};
use rayon::prelude::*;

use super::{Fit, Format, Matrix, Observed, Quantized, Rounding};
use crate::scheme::lattice::Lattice;
use crate::scheme::levels::Levels;
use crate::scheme::observed::OUTPUTS_TOGETHER;
use crate::scheme::product::product;

/// Ends of the stretched sigmoid that says how far up a weight goes, before it is cut to [0, 1].
const ZETA: f32 = 1.1;
const GAMMA: f32 = -0.1;
/// Weight of the term that drives weights to either level, and its exponent, from mostly flat to steep.
const LAMBDA: f32 = 0.5;
const BETA: (f32, f32) = (20.0, 2.0);
/// Share of the steps before that term begins.
const WARM_UP: f32 = 0.2;
/// Steps of Adam, at least and at most, and what they and the weights multiply to in between.
const STEPS: (usize, usize) = (250, 1000);
const WORK: usize = 1 << 29;
/// Learning rate times steps: as far as a choice can go.
const REACH: f32 = 30.0;
/// Inputs up to which the loss is that of all rows, through their Gram matrix; beyond, of a random few at a step.
const MOST_GRAM: usize = 2048;
const BATCH: usize = 32;
const SEED: u64 = 0xada;

/// Learns for every weight whether to go up or down (Nagel et al., Up or Down?, 2020): the layer's squared output error
/// is minimized by Adam over a soft choice h(V) = clip(sigmoid(V) (zeta - gamma) + gamma) between the two levels, and a
/// regularizer 1 - |2 h - 1|^beta, beta annealed from 20 to 2, makes it hard.
///
/// The loss is that of the layer's own output on float inputs, without the ReLU. Every output's is divided by what its
/// rounding may cost, so that neither rate nor regularizer depends on scales. Up to 2048 inputs it is tr(dW H dW') on
/// all rows, beyond that on 32 random ones at a step. 1000 steps up to 2^19 weights, fewer of more, 250 from 2^21 on,
/// which keeps 4096 x 4096 feasible. An output that came out worse than nearest on the calibration rows stays nearest.
pub struct AdaRound;

impl Rounding for AdaRound {
    fn name(&self) -> &'static str {
        "adaround"
    }
    fn about(&self) -> &'static str {
        "up or down, learned from the layer's output error; needs activations"
    }
    fn needs_inputs(&self) -> bool {
        true
    }
    fn round(&self, x: &Matrix, format: &dyn Format, how: &Fit, observed: Option<&Observed>) -> Quantized {
        let nearest = format.quantize(x, how);
        let Some(observed) = observed.filter(|_| nearest.lattice.levels != Levels::Exact) else { return nearest };
        let steps = (WORK / x.data.len()).clamp(STEPS.0, STEPS.1);
        let mut codes = vec![0; x.data.len()];
        let learn = |loss: &Loss, first: usize, codes: &mut [u16]| {
            let mut soft = Soft::of(x, &nearest.lattice, first, codes.len() / x.k, loss);
            (0..steps).for_each(|i| soft.step(loss, i, steps));
            soft.harden(codes);
        };
        if observed.own_inputs() {
            let each = codes.par_chunks_mut(x.k).enumerate();
            each.for_each(|(row, codes)| learn(&Loss::of(observed, row), row, codes));
        } else {
            let loss = Loss::of(observed, 0);
            let some = codes.par_chunks_mut(OUTPUTS_TOGETHER * x.k).enumerate();
            some.for_each(|(i, codes)| learn(&loss, i * OUTPUTS_TOGETHER, codes));
        }
        better(x, nearest, codes, observed)
    }
}

/// Of every row the better one.
fn better(x: &Matrix, nearest: Quantized, codes: Vec<u16>, observed: &Observed) -> Quantized {
    let learned = Quantized::of(nearest.lattice.clone(), codes);
    let cost = |q: &Quantized| {
        let errors: Vec<f32> = q.values.iter().zip(x.data).map(|(v, w)| v - w).collect();
        observed.output_errors(&errors)
    };
    let worse = cost(&learned).into_iter().zip(cost(&nearest)).map(|(l, n)| l.is_nan() || l > n);
    let mut codes = learned.codes;
    for (row, _) in worse.enumerate().filter(|(_, worse)| *worse) {
        codes[row * x.k..][..x.k].copy_from_slice(&nearest.codes[row * x.k..][..x.k]);
    }
    Quantized::of(nearest.lattice, codes)
}

/// The inputs that errors are weighed with, over their mean square.
struct Loss<'a> {
    k: usize,
    /// Mean square of every column.
    diagonal: Vec<f32>,
    inputs: Inputs<'a>,
}

enum Inputs<'a> {
    /// [k, k].
    Gram(Mat<f32>),
    /// Row-major [rows, k], and what their products are divided by.
    Rows(&'a [f32], f32),
}

impl<'a> Loss<'a> {
    fn of(observed: &'a Observed, output: usize) -> Self {
        let (k, rows) = (observed.k, observed.rows(output));
        let over = |d: &[f64]| Some(d.iter().sum::<f64>() / k as f64).filter(|m| *m > 0.0).unwrap_or(1.0);
        if k > MOST_GRAM {
            let squares: Vec<f64> = observed.mean_squares().into_iter().map(f64::from).collect();
            let mean = over(&squares);
            let diagonal = squares.into_iter().map(|s| (s / mean) as f32).collect();
            return Self { k, diagonal, inputs: Inputs::Rows(rows, mean as f32) };
        }
        let own = observed.own_inputs().then(|| observed.gram_of(output));
        let gram = own.as_ref().unwrap_or_else(|| observed.gram());
        let mean = over(&(0..k).map(|j| gram[(j, j)]).collect::<Vec<f64>>());
        let gram = Mat::from_fn(k, k, |i, j| (gram[(i, j)] / mean) as f32);
        Self { k, diagonal: (0..k).map(|j| gram[(j, j)]).collect(), inputs: Inputs::Gram(gram) }
    }

    /// H times the errors of some outputs, both row-major [outputs, k]: half the loss's gradient.
    fn slope(&self, errors: &[f32], step: usize, out: &mut [f32]) {
        let (k, n) = (self.k, errors.len() / self.k);
        let errors = MatRef::from_row_major_slice(errors, n, k);
        let out = MatMut::from_row_major_slice_mut(out, n, k).transpose_mut();
        match &self.inputs {
            Inputs::Gram(gram) => product(out, gram.as_ref(), errors.transpose(), 1.0),
            Inputs::Rows(rows, mean) => {
                let mut rng = fastrand::Rng::with_seed(SEED ^ step as u64); // the same rows for all outputs
                let count = rows.len() / k;
                let batch: Vec<f32> = (0..BATCH).flat_map(|_| &rows[rng.usize(..count) * k..][..k]).copied().collect();
                let batch = MatRef::from_row_major_slice(&batch, BATCH, k);
                let mut outputs = Mat::<f32>::zeros(BATCH, n);
                product(outputs.as_mut(), batch, errors.transpose(), 1.0);
                let over = 1.0 / (BATCH as f32 * mean);
                product(out, batch.transpose(), outputs.as_ref(), over);
            }
        }
    }
}

/// The soft choices of some rows and the state of Adam.
struct Soft {
    k: usize,
    weights: Vec<f32>,
    /// Codes and values of the levels around, and how far apart they are; 0 where there is but one.
    below: Vec<u16>,
    low: Vec<f32>,
    gap: Vec<f32>,
    v: Vec<f32>,
    first: Vec<f32>,
    second: Vec<f32>,
    /// What rounding may cost, by row.
    costs: Vec<f32>,
    errors: Vec<f32>,
    slopes: Vec<f32>,
}

impl Soft {
    fn of(x: &Matrix, lattice: &Lattice, first: usize, rows: usize, loss: &Loss) -> Self {
        let k = x.k;
        let weights = x.data[first * k..][..rows * k].to_vec();
        let (mut below, mut low, mut gap, mut v) = (vec![], vec![], vec![], vec![]);
        for (i, w) in weights.iter().enumerate() {
            let step = lattice.step(first + i / k, i % k);
            let (a, b) = step.neighbours(*w);
            let (least, most) = (step.value(a), step.value(b));
            below.push(a);
            low.push(least);
            gap.push(most - least);
            let share = if most > least { ((w - least) / (most - least)).clamp(0.0, 1.0) } else { 0.5 };
            v.push(-((ZETA - GAMMA) / (share - GAMMA) - 1.0).ln()); // h(v) = share
        }
        let cost = |gap: &[f32]| {
            let sum: f64 = gap.iter().zip(&loss.diagonal).map(|(g, d)| f64::from(*g).powi(2) * f64::from(*d)).sum();
            Some((sum / k as f64) as f32).filter(|c| c.is_normal()).unwrap_or(1.0)
        };
        let costs = gap.chunks_exact(k).map(cost).collect();
        let zeros = || vec![0f32; weights.len()];
        let (one, two, errors, slopes) = (zeros(), zeros(), zeros(), zeros());
        Self { k, below, low, gap, v, first: one, second: two, costs, errors, slopes, weights }
    }

    fn step(&mut self, loss: &Loss, step: usize, steps: usize) {
        for i in 0..self.v.len() {
            self.errors[i] = self.low[i] + self.gap[i] * share(self.v[i]).0 - self.weights[i];
        }
        loss.slope(&self.errors, step, &mut self.slopes);
        let since = (step as f32 / steps as f32 - WARM_UP) / (1.0 - WARM_UP);
        let beta = BETA.1 + (BETA.0 - BETA.1) * 0.5 * (1.0 + (since * std::f32::consts::PI).cos());
        let time = step as i32 + 1;
        let rate = REACH / steps as f32;
        let (fade1, fade2) = (1.0 - 0.9f32.powi(time), 1.0 - 0.999f32.powi(time));
        for i in 0..self.v.len() {
            let (h, slope) = share(self.v[i]);
            let mut gradient = 2.0 * self.slopes[i] * self.gap[i] / self.costs[i / self.k];
            if since > 0.0 {
                let side = 2.0 * h - 1.0;
                gradient -= LAMBDA * 2.0 * beta * side.abs().powf(beta - 1.0).copysign(side);
            }
            let g = gradient * slope;
            self.first[i] = 0.9 * self.first[i] + 0.1 * g;
            self.second[i] = 0.999 * self.second[i] + 0.001 * g * g;
            self.v[i] -= rate * (self.first[i] / fade1) / ((self.second[i] / fade2).sqrt() + 1e-8);
        }
    }

    fn harden(&self, codes: &mut [u16]) {
        for (i, code) in codes.iter_mut().enumerate() {
            *code = self.below[i] + u16::from(self.gap[i] > 0.0 && share(self.v[i]).0 >= 0.5);
        }
    }
}

/// h(v) and its derivative.
fn share(v: f32) -> (f32, f32) {
    let sigmoid = 1.0 / (1.0 + (-v).exp());
    let h = sigmoid * (ZETA - GAMMA) + GAMMA;
    if h > 0.0 && h < 1.0 { (h, sigmoid * (1.0 - sigmoid) * (ZETA - GAMMA)) } else { (h.clamp(0.0, 1.0), 0.0) }
}
