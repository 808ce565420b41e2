//! What a kernel is checked and timed on: random and adversarial operands for the real shape, and the right answers.

use std::collections::HashMap;

use anyhow::Result;

use crate::candidate::Schedule;
use crate::kernel::{Arithmetic, Task};
use crate::op;
use crate::scheme::Weights;
use crate::scheme::affine::Grid;

/// A layer's operands and expected outputs. One set of weights, several sets of activations.
pub struct Problem {
    pub task: Task,
    pub weights: Weights,
    pub columns: Vec<u8>,
    pub inputs: Vec<Input>,
    /// Packed weights, by the key of their schedules.
    pub packed: HashMap<String, Vec<u8>>,
}

/// One set of activations.
pub struct Input {
    pub lhs: Vec<u8>,
    pub zero: i32,
    pub expected: Expected,
}

/// The right output, as 32-bit words.
pub enum Expected {
    /// Bit for bit; the words' FNV-1a hash comes with them.
    Exact { hash: u64, words: Vec<u32> },
    /// Within the rounding bound of any order of summation.
    Within { value: Vec<f64>, bound: Vec<f64> },
}

/// Row patterns of the activations, and column patterns of the weights, repeat with this period.
const PATTERNS: usize = 8;

/// What an output holds before a check: as a float so small that it is within the bound of a zero.
const UNWRITTEN: u32 = 0xa5a5_a5a5;

impl Problem {
    pub fn new(task: Task, seed: u64) -> Result<Self> {
        task.families()?;
        let (shape, mut rng) = (task.shape, fastrand::Rng::with_seed(seed));
        let (n, k) = (shape.n(), shape.k());
        let most = if task.is_integer() { task.scheme.greatest_code().min(127) as i8 } else { 127 };
        let codes: Vec<i8> = (0..n * k).map(|i| adversarial_weight(i / k, i % k, k, most, &mut rng)).collect();
        let weights = match task.arithmetic() {
            Arithmetic::Float => {
                Weights::Float(codes.iter().map(|c| f32::from(*c) * 0.01 + rng.f32() * 1e-3).collect())
            }
            _ => Weights::Int { codes, scales: (0..n).map(|_| 0.001 + rng.f32() * 0.1).collect() },
        };
        let init: Vec<i32> = (0..n).map(|column| adversarial_init(column, &mut rng)).collect();
        let bias: Vec<f32> = (0..n).map(|_| rng.f32() * 20.0 - 10.0).collect();
        let columns = task.pack_columns(&weights, &init, &bias);
        // every activation pattern must meet every weight pattern
        let rows = if op::rows_per_grid(&shape) == 1 { shape.m() } else { shape.h };
        let sets = PATTERNS.div_ceil(rows).max(if shape.macs() < 50_000_000 || shape.padded() { 2 } else { 1 });
        let span = shape.lhs_len() / rows;
        let mut problem = Self { task, weights, columns, inputs: vec![], packed: HashMap::new() };
        for set in 0..sets {
            let zero = [0, 255, 128, 77][set % 4];
            let pattern = |row: usize| (row + set * rows + set / PATTERNS) % PATTERNS;
            // an image has one grid: in every other set its first and last element alone are the ends of it
            let outermost = op::rows_per_grid(&shape) > 1 && set % 2 == 1;
            let draw = |r, i, rng: &mut fastrand::Rng| (pattern(r), i, span, rng.f32());
            let input = problem.input(zero, &init, &bias, &mut rng, outermost, draw);
            problem.inputs.push(input);
        }
        Ok(problem)
    }

    /// Packed weights of a schedule; schedules with the same key share them.
    pub fn pack(&mut self, schedule: &Schedule) -> Result<&[u8]> {
        let key = self.task.pack_key(schedule);
        if !self.packed.contains_key(&key) {
            let bytes = self.task.pack(schedule, &self.weights)?;
            self.packed.insert(key.clone(), bytes);
        }
        Ok(&self.packed[&key])
    }

    fn input(
        &self,
        zero: i32,
        init: &[i32],
        bias: &[f32],
        rng: &mut fastrand::Rng,
        outermost: bool,
        pattern: impl Fn(usize, usize, &mut fastrand::Rng) -> (usize, usize, usize, f32),
    ) -> Input {
        let shape = &self.task.shape;
        let (len, relu) = (shape.lhs_len(), self.task.relu);
        let span = pattern(0, 0, rng).2;
        let mut draw = |i: usize| pattern(i / span, i % span, rng);
        let codes = |weights: &Weights| match weights {
            Weights::Int { codes, scales } => (codes.clone(), scales.clone()),
            Weights::Float(_) => (vec![], vec![]),
        };
        match self.task.arithmetic() {
            Arithmetic::Int => {
                let lhs: Vec<u8> = (0..len).map(|i| adversarial_u8(draw(i), zero)).collect();
                let out = op::reference_int(shape, &lhs, &codes(&self.weights).0, init, zero);
                Input { lhs, zero, expected: Expected::exact(out.into_iter().map(|v| v as u32).collect()) }
            }
            Arithmetic::Dynamic => {
                let mut x: Vec<f32> = (0..len).map(|i| adversarial_f32(draw(i))).collect();
                if outermost {
                    (x[0], x[len - 1]) = (9000.0, -9000.0);
                }
                let (codes, scales) = codes(&self.weights);
                let out = op::forward_int(shape, relu, &x, (&codes, &scales), bias, |row| Grid::of(row, 8));
                Input {
                    lhs: bytes(&x),
                    zero: 0,
                    expected: Expected::exact(out.into_iter().map(f32::to_bits).collect()),
                }
            }
            Arithmetic::Float => {
                let x: Vec<f32> = (0..len).map(|i| adversarial_f32(draw(i))).collect();
                let Weights::Float(weights) = &self.weights else { unreachable!("float arithmetic has float weights") };
                let (mut value, mut bound) = op::reference_f64(shape, &x, weights);
                for (i, (v, b)) in value.iter_mut().zip(&mut bound).enumerate() {
                    let bias = f64::from(bias[i % shape.n()]);
                    *b = rounding_bound(shape.k() + 2) * (*b + bias.abs()) + 1e-30;
                    *v = if relu { (*v + bias).max(0.0) } else { *v + bias };
                }
                Input { lhs: bytes(&x), zero: 0, expected: Expected::Within { value, bound } }
            }
        }
    }
}

/// `n u / (1 - n u)`: relative error of n roundings to f32 in any order (Higham, Accuracy and Stability, lemma 3.1).
fn rounding_bound(n: usize) -> f64 {
    let nu = n as f64 * 2f64.powi(-24);
    nu / (1.0 - nu)
}

fn bytes(x: &[f32]) -> Vec<u8> {
    x.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Half of the columns are random; the others are all at one end, alternating ends, and zero but for the last weight.
fn adversarial_weight(column: usize, i: usize, k: usize, most: i8, rng: &mut fastrand::Rng) -> i8 {
    let random = rng.i8(-most..=most);
    match column % PATTERNS {
        3 => most,
        4 => -most,
        5 if i.is_multiple_of(2) => most,
        5 => -most,
        6 if i + 1 == k => most,
        6 => 0,
        _ => random,
    }
}

/// Mostly random; where the weights are all at one end, sums wrap around.
fn adversarial_init(column: usize, rng: &mut fastrand::Rng) -> i32 {
    match column % PATTERNS {
        3 => i32::MAX,
        4 => i32::MIN,
        _ => rng.i32(-1_000_000..1_000_000),
    }
}

fn adversarial_u8((pattern, i, span, random): (usize, usize, usize, f32), zero: i32) -> u8 {
    match pattern {
        2 => 255,
        3 if i.is_multiple_of(2) => 255,
        3 => 0,
        4 => zero as u8,
        5 if i + 1 == span => 255,
        5 => 0,
        6 => 129,
        _ => (random * 256.0) as u8,
    }
}

/// Finite rows: random, constant, zero, one-sided, with an outlier, alternating, with only their last element, and with every
/// number exactly between two codes, the largest of them past the last code.
fn adversarial_f32((pattern, i, span, random): (usize, usize, usize, f32)) -> f32 {
    // of an image's one grid too, as no other number is larger; its inverse rounds up so far that some of the products
    // with it are no longer between two codes, while the quotients are
    const STEP: f32 = 52.0;
    let end = 127.5 * STEP;
    match pattern {
        1 if i == 0 => end,
        1 if i == 1 => -end,
        1 => (random * 255.0).floor() * STEP - end,
        2 => 3.25,
        3 if i.is_multiple_of(2) => end,
        3 => -end,
        4 => 0.0,
        5 if i + 1 == span => -7.5,
        5 => 0.0,
        6 if i == span / 2 => 1000.0,
        6 => random,
        7 => -1.0 - random,
        _ => random * 8.0 - 3.0,
    }
}

impl Expected {
    pub fn exact(words: Vec<u32>) -> Self {
        let hash = fnv1a(words.iter().flat_map(|w| w.to_le_bytes()));
        Expected::Exact { hash, words }
    }

    /// Does a hash alone prove the output right?
    pub fn proves(&self, hash: u64) -> bool {
        matches!(self, Expected::Exact { hash: right, .. } if *right == hash)
    }

    /// The first wrong element of an output, in words.
    pub fn first_wrong(&self, out: &[u8], n: usize) -> Option<String> {
        let words = || out.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        let at = |i: usize| format!("row {}, column {}", i / n, i % n);
        match self {
            Expected::Exact { words: right, .. } => {
                let wrong = words().zip(right).enumerate().find(|(_, (got, right))| got != *right);
                wrong.map(|(i, (got, right))| format!("{}: 0x{got:08x}, should be 0x{right:08x}", at(i)))
            }
            Expected::Within { value, bound } => {
                let far = |(got, (v, b)): &(u32, (&f64, &f64))| {
                    let error = (f64::from(f32::from_bits(*got)) - **v).abs();
                    error > **b || error.is_nan() || *got == UNWRITTEN
                };
                let wrong = words().zip(value.iter().zip(bound)).enumerate().find(|(_, x)| far(x));
                wrong.map(|(i, (got, (v, b)))| format!("{}: {}, should be {v} +- {b:.2e}", at(i), f32::from_bits(got)))
            }
        }
    }
}

/// FNV-1a, 64 bits.
pub fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
