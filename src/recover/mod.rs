//! Recovery by training: networks in a row are trained with their layers under a scheme, so that they learn to live with it.

mod net;

use anyhow::Result;
use fastrand::Rng;
use rayon::prelude::*;

use crate::candidate::Contract;
use crate::data::{Labelled, Parameters};
use crate::layer::Network;
use crate::op;
use crate::quantized::QuantizedLayer;
use crate::scheme::Scheme;
use crate::scheme::activations::Activations;
use crate::scheme::correct::{Draft, Input};
use crate::scheme::round::Nearest;
use net::{Block, Gradient};

/// A way to train.
pub struct Recipe {
    pub name: &'static str,
    pub about: &'static str,
    /// Does it learn from the float network's probabilities?
    taught: bool,
    /// Networks that are trained and averaged.
    runs: u64,
}

/// Every recipe: one row each.
pub static RECIPES: &[Recipe] = &[
    Recipe {
        name: "qat",
        about: "quantization-aware: labels, gradients straight through the rounding (Bengio et al., 2013; Jacob et al., 2018)",
        taught: false,
        runs: 1,
    },
    Recipe {
        name: "distill",
        about: "the same, taught by the float network's probabilities (Hinton et al., 2015)",
        taught: true,
        runs: 1,
    },
    Recipe {
        name: "fuse",
        about: "the mean of the weights of two such networks, trained in other orders (Wortsman et al., Model soups, 2022)",
        taught: false,
        runs: 2,
    },
];

/// Samples of a step, the greatest learning rate (which falls to nothing by half a cosine), and Adam's constants (Kingma and Ba, 2015).
const BATCH: usize = 32;
const RATE: f32 = 1e-3;
const MOMENTS: (f32, f32) = (0.9, 0.999);
const TINY: f32 = 1e-8;
/// The temperature of a teacher's probabilities, and their share of the loss; the rest is the labels'.
const TEMPERATURE: f32 = 4.0;
const TAUGHT: f32 = 0.9;

/// What is done for how long.
pub struct Course<'a> {
    pub recipe: &'a Recipe,
    pub epochs: usize,
    pub seed: u64,
}

/// The scheme that layers have in training and after it: rounded to nearest and not corrected, as the weights themselves learn
/// what these would do.
pub fn trained_scheme(scheme: &Scheme) -> Scheme {
    Scheme { rounding: &Nearest, corrections: vec![], ..scheme.clone() }
}

/// Trains a network that begins with some weights under a scheme (see [`trained_scheme`]), and returns the weights that it is to be
/// quantized from, with the mean loss of the last epoch. `teacher` gives the float network's answers to the samples. Activations are on
/// dynamic grids in training. Depends on nothing but what is given, not on the number of threads. `tick` after each step, with the
/// loss so far in the epoch; false ends it.
/// # Errors
/// It was stopped.
pub fn train(
    network: &Network,
    start: &[Parameters],
    scheme: &Scheme,
    (data, teacher): (&Labelled, &[Vec<f32>]),
    course: &Course,
    tick: &mut dyn FnMut(f32) -> bool,
) -> Result<(Vec<Parameters>, f32)> {
    let mut all = Vec::new();
    for run in 0..course.recipe.runs {
        let mut student = Student::new(network, start, scheme);
        let mut rng = Rng::with_seed(course.seed * course.recipe.runs + run);
        let steps = data.x.len().div_ceil(BATCH) * course.epochs;
        let mut done = 0;
        let mut mean = 0.0;
        for _ in 0..course.epochs {
            let mut order: Vec<usize> = (0..data.x.len()).collect();
            rng.shuffle(&mut order);
            let mut sum = 0.0;
            for (i, batch) in order.chunks(BATCH).enumerate() {
                let along = done as f32 / steps as f32;
                let rate = RATE * 0.5 * (1.0 + (std::f32::consts::PI * along).cos());
                let taught = course.recipe.taught.then_some(teacher);
                sum += student.step(data, taught, batch, rate);
                done += 1;
                mean = sum / (i + 1) as f32;
                anyhow::ensure!(tick(mean), "stopped");
            }
        }
        all.push((student.parameters, mean));
    }
    let (mut parameters, mut loss) = all.remove(0);
    let count = course.recipe.runs as f32;
    loss /= count;
    let scale = |p: &mut Parameters| p.weights.iter_mut().chain(&mut p.bias).for_each(|v| *v /= count);
    parameters.iter_mut().for_each(scale);
    for (other, own) in &all {
        loss += own / count;
        for (a, b) in parameters.iter_mut().zip(other) {
            a.weights.iter_mut().zip(&b.weights).for_each(|(a, b)| *a += b / count);
            a.bias.iter_mut().zip(&b.bias).for_each(|(a, b)| *a += b / count);
        }
    }
    Ok((parameters, loss))
}

/// A network in training.
struct Student {
    blocks: Vec<Block>,
    parameters: Vec<Parameters>,
    scheme: Scheme,
    activations: Activations,
    /// Means of the gradients and of their squares, of weights and biases in a row.
    moments: Vec<(Vec<f32>, Vec<f32>)>,
    steps: i32,
}

impl Student {
    fn new(network: &Network, start: &[Parameters], scheme: &Scheme) -> Self {
        let mut scheme = trained_scheme(scheme);
        scheme.activations.fixed = None;
        let size = |p: &Parameters| p.weights.len() + p.bias.len();
        Self {
            blocks: network.layers.iter().map(Block::of).collect(),
            parameters: start.to_vec(),
            activations: scheme.activations.clone(),
            scheme,
            moments: start.iter().map(|p| (vec![0.0; size(p)], vec![0.0; size(p)])).collect(),
            steps: 0,
        }
    }

    /// What the weights stand for under the scheme.
    fn quantized(&self) -> Vec<Vec<f32>> {
        let each = self.blocks.par_iter().zip(&self.parameters);
        let of = |(block, p): (&Block, &Parameters)| {
            let (weights, bias, shape) = (p.weights.clone(), p.bias.clone(), block.shape);
            let draft = Draft { shape, weights, bias, input: Input::default(), importance: None };
            QuantizedLayer::of(draft, &[], &self.scheme, Contract::F32io).values
        };
        each.map(of).collect()
    }

    /// One step of Adam; the mean loss. Gradients pass roundings as if there were none.
    fn step(&mut self, data: &Labelled, teacher: Option<&[Vec<f32>]>, batch: &[usize], rate: f32) -> f32 {
        let weights = self.quantized();
        let one = |i: &usize| self.sample(&weights, &data.x[*i], data.y[*i], teacher.map(|t| t[*i].as_slice()));
        let samples: Vec<(f32, Vec<Gradient>)> = batch.par_iter().map(one).collect();
        self.steps += 1;
        let (first, second) = (1.0 - MOMENTS.0.powi(self.steps), 1.0 - MOMENTS.1.powi(self.steps));
        for (l, (p, (mean, square))) in self.parameters.iter_mut().zip(&mut self.moments).enumerate() {
            let mut sums = vec![0f32; mean.len()];
            for (_, gradients) in &samples {
                let g = &gradients[l];
                sums.iter_mut().zip(g.weights.iter().chain(&g.bias)).for_each(|(s, g)| *s += g);
            }
            for (i, v) in p.weights.iter_mut().chain(&mut p.bias).enumerate() {
                let g = sums[i] / batch.len() as f32;
                mean[i] = MOMENTS.0 * mean[i] + (1.0 - MOMENTS.0) * g;
                square[i] = MOMENTS.1 * square[i] + (1.0 - MOMENTS.1) * g * g;
                *v -= rate * (mean[i] / first) / ((square[i] / second).sqrt() + TINY);
            }
        }
        samples.iter().map(|(loss, _)| loss).sum::<f32>() / batch.len() as f32
    }

    fn sample(&self, weights: &[Vec<f32>], x: &[f32], label: u8, teacher: Option<&[f32]>) -> (f32, Vec<Gradient>) {
        let mut inputs = Vec::new();
        let mut x = x.to_vec();
        let mut outputs: Vec<Vec<f32>> = Vec::new();
        for ((block, w), p) in self.blocks.iter().zip(weights).zip(&self.parameters) {
            self.activations.apply(&mut x, block.shape.c, op::grid_span(&block.shape), None);
            let y = block.forward(w, &p.bias, &x);
            inputs.push(std::mem::replace(&mut x, y.clone()));
            outputs.push(y);
        }
        let (loss, mut by) = loss(&x, label, teacher);
        let mut gradients = vec![Gradient::default(); self.blocks.len()];
        for l in (0..self.blocks.len()).rev() {
            by = self.blocks[l].backward(&weights[l], &inputs[l], &outputs[l], &by, &mut gradients[l]);
        }
        (loss, gradients)
    }
}

/// The loss of some logits, and what it changes by with each.
fn loss(logits: &[f32], label: u8, teacher: Option<&[f32]>) -> (f32, Vec<f32>) {
    let soft = |logits: &[f32], temperature: f32| {
        let most = logits.iter().fold(f32::NEG_INFINITY, |m, v| m.max(*v));
        let powers: Vec<f32> = logits.iter().map(|v| ((v - most) / temperature).exp()).collect();
        let sum: f32 = powers.iter().sum();
        powers.into_iter().map(|p| p / sum).collect::<Vec<f32>>()
    };
    let own = soft(logits, 1.0);
    let share = if teacher.is_some() { 1.0 - TAUGHT } else { 1.0 };
    let mut loss = -share * own[usize::from(label)].max(f32::MIN_POSITIVE).ln();
    let right = |i: usize| f32::from(u8::from(i == usize::from(label)));
    let mut by: Vec<f32> = own.iter().enumerate().map(|(i, p)| share * (p - right(i))).collect();
    if let Some(teacher) = teacher {
        let (own, truth) = (soft(logits, TEMPERATURE), soft(teacher, TEMPERATURE));
        for ((by, own), truth) in by.iter_mut().zip(&own).zip(&truth) {
            // both gradients are of one size where the divergence is times the temperature's square
            *by += TAUGHT * TEMPERATURE * (own - truth);
            let ratio = truth.max(f32::MIN_POSITIVE) / own.max(f32::MIN_POSITIVE);
            loss += TAUGHT * TEMPERATURE * TEMPERATURE * truth * ratio.ln();
        }
    }
    (loss, by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_fall_as_their_gradients_say() {
        let (logits, teacher) = ([0.5f32, -1.0, 2.0], [1.0f32, 0.0, 0.5]);
        for teacher in [None, Some(&teacher[..])] {
            let (_, by) = loss(&logits, 1, teacher);
            for i in 0..3 {
                let ends = [1e-2, -1e-2].map(|d| {
                    let mut moved = logits;
                    moved[i] += d;
                    loss(&moved, 1, teacher).0
                });
                assert!(((ends[0] - ends[1]) / 2e-2 - by[i]).abs() < 1e-2, "{i} {teacher:?}");
            }
        }
    }
}
