//! What a kernel is checked and timed on: random and adversarial operands for the real shape, and the right answers.

use std::collections::HashMap;

use anyhow::Result;
use fastrand::Rng;

use crate::candidate::Schedule;
use crate::kernel::{Arithmetic, Task};
use crate::layer::Shape;
use crate::op;
use crate::scheme::Weights;
use crate::scheme::affine::Grid;
use crate::scheme::calibrate::MinMax;
use crate::scheme::format::Fit;
use crate::scheme::lattice::Matrix;

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
#[derive(Default)]
pub struct Input {
    pub lhs: Vec<u8>,
    /// Of the int8 and qdq contracts.
    pub zero: i32,
    /// Of the qdq contract.
    pub out_zero: i32,
    pub expected: Expected,
}

/// The right output.
pub enum Expected {
    /// Bit for bit; the FNV-1a hash of the bytes comes with them. Elements are `width` bytes wide.
    Exact { hash: u64, bytes: Vec<u8>, width: usize },
    /// Within the rounding bound of any order of summation.
    Within { value: Vec<f64>, bound: Vec<f64> },
}

/// What an output holds before a check: as a float so small that it is within the bound of a zero.
const UNWRITTEN: u32 = 0xa5a5_a5a5;

/// What each output has beside its weights.
struct Columns {
    init: Vec<i32>,
    multiplier: Vec<f32>,
    bias: Vec<f32>,
}

impl Columns {
    /// `init` of up to a million, less where the products are less. Most requantized outputs are within 0..=255.
    fn random(task: &Task, rng: &mut Rng) -> Self {
        let (n, most) = (
            task.shape.n(),
            (task.shape.k() * task.scheme.greatest_activation() * task.scheme.greatest_code()).clamp(1, 1_000_000),
        );
        Self {
            init: (0..n).map(|column| adversarial_init(column, most as i32, rng)).collect(),
            // with the largest initial sums some products exceed 32 bits
            multiplier: (0..n)
                .map(|column| if column % PATTERNS == 3 { 4.0 } else { 2f32.powf(rng.f32() * 6.0 + 3.0) / most as f32 })
                .collect(),
            bias: (0..n).map(|_| rng.f32() * 20.0 - 10.0).collect(),
        }
    }
}

/// Row patterns of the activations, and column patterns of the weights, repeat with this period.
const PATTERNS: usize = 8;

impl Problem {
    pub fn new(task: Task, seed: u64) -> Result<Self> {
        task.families()?;
        let (shape, mut rng) = (task.shape, Rng::with_seed(seed));
        let (n, k) = (shape.n(), shape.k());
        let range = if task.is_integer() { task.scheme.codes() } else { (-127..=127).collect() };
        let codes: Vec<i8> = (0..n * k).map(|i| adversarial_weight(i / k, i % k, k, &range, &mut rng)).collect();
        let weights = match task.arithmetic() {
            Arithmetic::Float => {
                Weights::Float(codes.iter().map(|c| f32::from(*c) * 0.01 + rng.f32() * 1e-3).collect())
            }
            Arithmetic::Coded => coded_weights(&task, &codes, &mut rng),
            _ => {
                let groups = task.group().map_or(1, |group| k.div_ceil(group));
                // as they are stored: f16 holds 11 bits
                let scale = |_| (1.0 + rng.u32(0..64 * 31) as f32) / 16384.0;
                Weights::Int { codes, scales: (0..n * groups).map(scale).collect(), group: task.group() }
            }
        };
        let columns = Columns::random(&task, &mut rng);
        let packed = task.pack_columns(&weights, &columns.init, &columns.multiplier, &columns.bias);
        // every activation pattern must meet every weight pattern
        let least = if shape.macs() < 50_000_000 || shape.padded() { 2 } else { 1 };
        let sets = PATTERNS.div_ceil(pattern_rows(&shape)).max(least);
        let mut problem = Self { task, weights, columns: packed, inputs: vec![], packed: HashMap::new() };
        problem.inputs = (0..sets).map(|set| problem.input(set, &columns, &mut rng)).collect();
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

    fn input(&self, set: usize, columns: &Columns, rng: &mut Rng) -> Input {
        let shape = &self.task.shape;
        let len = shape.lhs_len();
        let rows = pattern_rows(shape);
        let span = len / rows;
        let mut draw = |i: usize| {
            let row = i / span;
            ((row + set * rows + set / PATTERNS) % PATTERNS, i % span, span, rng.f32())
        };
        if !matches!(self.task.arithmetic(), Arithmetic::Int | Arithmetic::Requant) {
            let top = if self.task.is_integer() { self.task.scheme.greatest_activation() } else { 255 };
            let mut x: Vec<f32> = (0..len).map(|i| adversarial_f32(draw(i), top)).collect();
            // an image has one grid: in every other set its first and last element alone are the ends of it
            if op::rows_per_grid(shape) > 1 && set % 2 == 1 {
                (x[0], x[len - 1]) = (9000.0, -9000.0);
            }
            let fixed = self.task.has_static_grid().then(|| self.static_grid(set, &x));
            let [zero, out_zero] = fixed.map_or([0; 2], |grid| grid.words());
            return Input { lhs: bytes(&x), zero, out_zero, expected: self.of_floats(&x, &columns.bias, fixed) };
        }
        let top = self.task.scheme.greatest_activation() as i32;
        let (zero, out_zero) = ([0, top, (top + 1) / 2, top * 77 / 255][set % 4], [128, 0, 3, 255][set % 4]);
        let lhs: Vec<u8> = (0..len).map(|i| adversarial_u8(draw(i), zero as u8, top as u8)).collect();
        let Weights::Int { codes, .. } = &self.weights else { unreachable!("integers have integer weights") };
        let sums = op::reference_int(shape, &lhs, codes, &columns.init, zero);
        let expected = if self.task.arithmetic() == Arithmetic::Requant {
            let low = if self.task.relu { out_zero } else { 0 };
            let code = |(i, acc): (usize, &i32)| op::requantize(*acc, columns.multiplier[i % shape.n()], out_zero, low);
            Expected::exact(sums.iter().enumerate().map(code).collect(), 1)
        } else {
            Expected::exact(sums.into_iter().flat_map(i32::to_le_bytes).collect(), 4)
        };
        Input { lhs, zero, out_zero, expected }
    }

    /// A grid that leaves numbers out on both sides, one of all, one that begins at zero.
    fn static_grid(&self, set: usize, x: &[f32]) -> Grid {
        let kind = &self.task.scheme.activations.kind;
        let ends: &[f32] = [&[-2.5, 4.0], x, &[0.0, 50.0]][set % 3];
        kind.grid(ends).expect("integers have a grid")
    }

    fn of_floats(&self, x: &[f32], bias: &[f32], fixed: Option<Grid>) -> Expected {
        let (shape, relu) = (&self.task.shape, self.task.relu);
        let kind = &self.task.scheme.activations.kind;
        let grid = |row: &[f32]| fixed.unwrap_or_else(|| kind.grid(row).expect("integers have a grid"));
        let out = match &self.weights {
            Weights::Int { codes, scales, group: None } => op::forward_int(shape, relu, x, (codes, scales), bias, grid),
            Weights::Int { codes, scales, group: Some(group) } => {
                op::forward_groups(shape, relu, x, (codes, scales, *group), bias, grid)
            }
            Weights::Float(weights) => return Expected::of_reals(&self.task, x, weights, bias),
            Weights::Coded(q) => return Expected::of_reals(&self.task, x, &q.values, bias),
        };
        Expected::exact(bytes(&out), 4)
    }
}

/// Numbers of these patterns, of another size in every sixteen columns, in the scheme's format.
fn coded_weights(task: &Task, codes: &[i8], rng: &mut Rng) -> Weights {
    let (scheme, k) = (&task.scheme, task.shape.k());
    let mut numbers = Vec::with_capacity(codes.len());
    for row in codes.chunks(k) {
        for sixteen in row.chunks(16) {
            let size = (1.0 + rng.f32()) * 2f32.powi(rng.i32(-4..=4)) * 0.01;
            numbers.extend(sixteen.iter().map(|c| f32::from(*c) * size));
        }
    }
    let how = Fit { calibrator: &MinMax, ..scheme.fit() };
    Weights::Coded(scheme.weights.quantize(&Matrix::new(&numbers, k), &how))
}

/// Rows that have a pattern each.
fn pattern_rows(shape: &Shape) -> usize {
    if op::rows_per_grid(shape) == 1 { shape.m() } else { shape.h }
}

/// `n u / (1 - n u)`: relative error of n roundings to f32 in any order (Higham, Accuracy and Stability, lemma 3.1). Fusing
/// saves roundings; vdpbf16ps rounds each sum to nearest, and products of bf16 are exact.
fn rounding_bound(n: usize) -> f64 {
    let nu = n as f64 * 2f64.powi(-24);
    nu / (1.0 - nu)
}

fn bytes(x: &[f32]) -> Vec<u8> {
    x.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// Half of the columns are random; the others are all at one end, alternating ends, and zero but for the last weight.
fn adversarial_weight(column: usize, i: usize, k: usize, codes: &[i8], rng: &mut Rng) -> i8 {
    let (least, most) = (codes[0], codes[codes.len() - 1]);
    let random = codes[rng.usize(..codes.len())];
    match column % PATTERNS {
        3 => most,
        4 => least,
        5 if i.is_multiple_of(2) => most,
        5 => least,
        6 if i + 1 == k => most,
        6 if codes.contains(&0) => 0,
        6 => least,
        _ => random,
    }
}

/// Mostly random; where the weights are all at one end, sums wrap around.
fn adversarial_init(column: usize, most: i32, rng: &mut Rng) -> i32 {
    match column % PATTERNS {
        3 => i32::MAX,
        4 => i32::MIN,
        _ => rng.i32(-most..most),
    }
}

fn adversarial_u8((pattern, i, span, random): (usize, usize, usize, f32), zero: u8, top: u8) -> u8 {
    match pattern {
        2 => top,
        3 if i.is_multiple_of(2) => top,
        3 => 0,
        4 => zero,
        5 if i + 1 == span => top,
        5 => 0,
        6 => (top / 2 + 2).min(top),
        _ => (random * (f32::from(top) + 1.0)) as u8,
    }
}

/// Finite rows: random, constant, zero, one-sided, with an outlier, alternating, with only their last element, and with every
/// number exactly between two codes, the largest of them past the last code. Zeros have either sign, and so have the least
/// numbers beside them.
fn adversarial_f32((pattern, i, span, random): (usize, usize, usize, f32), top: usize) -> f32 {
    // of an image's one grid too, as no other number is larger; its inverse rounds up so far that some of the products
    // with it are no longer between two codes, while the quotients are
    const STEP: f32 = 52.0;
    let end = top as f32 / 2.0 * STEP;
    match pattern {
        1 if i == 0 => end,
        1 if i == 1 => -end,
        1 => (random * top as f32).floor() * STEP - end,
        2 => 3.25,
        3 if i.is_multiple_of(2) => end,
        3 => -end,
        4 => [0.0, -0.0, f32::from_bits(1), -f32::from_bits(1)][i % 4],
        5 if i + 1 == span => -7.5,
        5 => 0.0,
        6 if i == span / 2 => 1000.0,
        6 => random,
        7 => -1.0 - random,
        _ => random * 8.0 - 3.0,
    }
}

impl Default for Expected {
    fn default() -> Self {
        Self::exact(vec![], 4)
    }
}

impl Expected {
    pub fn exact(bytes: Vec<u8>, width: usize) -> Self {
        Expected::Exact { hash: fnv1a(bytes.iter().copied()), bytes, width }
    }

    /// Sums of real products of activations and weights, [n, k]. Of each there are so many roundings: k sums and the bias; of
    /// decoded weights besides a scale for each of the groups' sums, the output's own scale, those of the
    /// weight as a number and of a scale over its unit.
    pub fn of_reals(task: &Task, x: &[f32], weights: &[f32], bias: &[f32]) -> Self {
        let (shape, relu) = (&task.shape, task.relu);
        let groups = task.group().map_or(1, |group| shape.k().div_ceil(group));
        let roundings = if task.is_coded() { shape.k() + 2 * groups + 5 } else { shape.k() + 2 };
        let mut x = x.to_vec();
        task.scheme.activations.apply(&mut x, shape.c, op::grid_span(shape), None);
        let (mut value, mut bound) = op::reference_f64(shape, &x, weights);
        // subnormal operands, products and sums may be taken for zeros, as vdpbf16ps does
        let most = |of: &[f32]| of.iter().fold(0f32, |most, v| most.max(v.abs()));
        let lost = f64::from(f32::MIN_POSITIVE) * roundings as f64 * f64::from(1.0 + most(&x) + most(weights));
        for (i, (v, b)) in value.iter_mut().zip(&mut bound).enumerate() {
            let bias = f64::from(bias[i % shape.n()]);
            *b = rounding_bound(roundings) * (*b + bias.abs()) + lost;
            *v = if relu { (*v + bias).max(0.0) } else { *v + bias };
        }
        Self::Within { value, bound }
    }

    /// Does a hash alone prove the output right?
    pub fn proves(&self, hash: u64) -> bool {
        matches!(self, Expected::Exact { hash: right, .. } if *right == hash)
    }

    /// The first wrong element of an output.
    pub fn first_wrong(&self, out: &[u8], n: usize) -> Option<String> {
        let at = |i: usize| format!("row {}, column {}", i / n, i % n);
        match self {
            Expected::Exact { bytes: right, width, .. } => {
                let hex = |e: &[u8]| e.iter().rev().fold("0x".to_string(), |text, b| format!("{text}{b:02x}"));
                let pairs = out.chunks_exact(*width).zip(right.chunks_exact(*width));
                let wrong = pairs.enumerate().find(|(_, (got, right))| got != right);
                wrong.map(|(i, (got, right))| format!("{}: {}, should be {}", at(i), hex(got), hex(right)))
            }
            Expected::Within { value, bound } => {
                let floats = out.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                let far = |(got, (v, b)): &(f32, (&f64, &f64))| {
                    let error = (f64::from(*got) - **v).abs();
                    error > **b || error.is_nan() || got.to_bits() == UNWRITTEN
                };
                let wrong = floats.zip(value.iter().zip(bound)).enumerate().find(|(_, x)| far(x));
                wrong.map(|(i, (got, (v, b)))| format!("{}: {got}, should be {v} +- {b:.2e}", at(i)))
            }
        }
    }
}

/// FNV-1a, 64 bits.
pub fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}
