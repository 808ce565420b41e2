//! What calibration says of a layer's input, as quantizers see it: rows of the equivalent matrix product.

use std::sync::OnceLock;

use faer::{Mat, MatRef};
use rayon::prelude::*;

use super::product::product;
use crate::layer::{Op, Shape};

/// Rows that are kept of a layer's calibration samples, at most: evenly spaced ones.
const MOST_ROWS: usize = 4096;
/// Numbers that are kept at most.
const MOST_NUMBERS: usize = 1 << 26;
/// Outputs that are worked on together. Fixed, so that no sum depends on the number of threads.
pub const OUTPUTS_TOGETHER: usize = 64;
/// The same of columns.
const COLUMNS_TOGETHER: usize = 256;

/// Rows of inputs that outputs are products with.
pub struct Observed {
    pub k: usize,
    /// Input channels: column `j` of a row comes from channel `j % channels`. 1 in a depthwise layer.
    pub channels: usize,
    /// Row-major [rows, k]: one matrix, or in a depthwise layer one for each output.
    inputs: Vec<Vec<f32>>,
    gram: OnceLock<Mat<f64>>,
}

impl Observed {
    /// Cuts calibration samples, each of the layer's input shape, into rows; padding is zeros.
    /// # Panics
    /// When there is no sample, or one of another length.
    pub fn of(shape: &Shape, samples: &[&[f32]]) -> Self {
        assert!(!samples.is_empty() && samples.iter().all(|s| s.len() == shape.lhs_len()));
        let depthwise = shape.op == Op::Depthwise;
        let matrices = if depthwise { shape.n() } else { 1 };
        let all = samples.len() * shape.m();
        let most = (MOST_NUMBERS / (shape.k() * matrices)).clamp(1, MOST_ROWS);
        let kept = all.min(most);
        let mut inputs = vec![Vec::with_capacity(kept * shape.k()); matrices];
        for i in 0..kept {
            let at = i * all / kept;
            let (sample, pixel) = (samples[at / shape.m()], at % shape.m());
            for (channel, rows) in inputs.iter_mut().enumerate() {
                window(shape, sample, pixel, depthwise.then_some(channel), 0.0, rows);
            }
        }
        Self { k: shape.k(), channels: if depthwise { 1 } else { shape.c }, inputs, gram: OnceLock::new() }
    }

    /// Does each output have inputs of its own?
    pub fn own_inputs(&self) -> bool {
        self.inputs.len() > 1
    }

    /// The rows that this output is a product with, row-major [rows, k].
    pub fn rows(&self, output: usize) -> &[f32] {
        &self.inputs[if self.own_inputs() { output } else { 0 }]
    }

    /// All rows, of all outputs.
    pub fn all(&self) -> impl Iterator<Item = &[f32]> {
        self.inputs.iter().flat_map(|m| m.chunks_exact(self.k))
    }

    /// X'X over the number of rows, [k, k], of the rows that all outputs share (of a depthwise layer, the first's).
    pub fn gram(&self) -> &Mat<f64> {
        self.gram.get_or_init(|| gram(&self.inputs[0], self.k))
    }

    /// The same for one output of its own inputs.
    pub fn gram_of(&self, output: usize) -> Mat<f64> {
        gram(self.rows(output), self.k)
    }

    /// Covariance [k, k] and means [k] of the rows that this output is a product with.
    pub fn covariance(&self, output: usize) -> (Mat<f64>, Vec<f64>) {
        let (rows, k) = (self.rows(output), self.k);
        let mut means = vec![0f64; k];
        rows.chunks_exact(k).for_each(|r| means.iter_mut().zip(r).for_each(|(m, x)| *m += f64::from(*x)));
        let count = (rows.len() / k) as f64;
        means.iter_mut().for_each(|m| *m /= count);
        let of_own;
        let gram = if self.own_inputs() {
            of_own = self.gram_of(output);
            &of_own
        } else {
            self.gram()
        };
        (Mat::from_fn(k, k, |i, j| gram[(i, j)] - means[i] * means[j]), means)
    }

    /// Covariance [k, other k] of these rows with as many others, and the means [k] of these.
    pub fn covariance_with(&self, other: &Self, output: usize) -> (Mat<f64>, Vec<f64>) {
        let (rows, others) = (self.rows(output), other.rows(output));
        let count = (rows.len() / self.k).min(others.len() / other.k);
        let means = |rows: &[f32], k: usize| {
            let mut means = vec![0f64; k];
            rows.chunks_exact(k).for_each(|r| means.iter_mut().zip(r).for_each(|(m, x)| *m += f64::from(*x)));
            means.iter_mut().for_each(|m| *m /= count as f64);
            means
        };
        let (own, others_means) = (means(rows, self.k), means(others, other.k));
        let x = Mat::from_fn(count, self.k, |i, j| f64::from(rows[i * self.k + j]) - own[j]);
        let y = Mat::from_fn(count, other.k, |i, j| f64::from(others[i * other.k + j]) - others_means[j]);
        let mut out = Mat::zeros(self.k, other.k);
        product(out.as_mut(), x.transpose(), y.as_ref(), 1.0 / count as f64);
        (out, own)
    }

    /// Mean square of every column: what an error of its weight costs.
    pub fn mean_squares(&self) -> Vec<f32> {
        self.columns(|sum, x| sum + x * x).into_iter().map(|(s, n)| (s / n) as f32).collect()
    }

    /// Mean size of every input channel.
    pub fn channel_means(&self) -> Vec<f32> {
        self.by_channel(|sum, x| sum + x.abs()).into_iter().map(|(s, n)| (s / n) as f32).collect()
    }

    /// Largest size of every input channel.
    pub fn channel_peaks(&self) -> Vec<f32> {
        self.by_channel(|most, x| most.max(x.abs())).into_iter().map(|(m, _)| m as f32).collect()
    }

    /// Mean of every column, by output where outputs have inputs of their own.
    pub fn column_means(&self, output: usize) -> Vec<f32> {
        let rows = self.rows(output);
        let mut means = vec![0f64; self.k];
        rows.chunks_exact(self.k).for_each(|r| means.iter_mut().zip(r).for_each(|(m, x)| *m += f64::from(*x)));
        let count = (rows.len() / self.k) as f64;
        means.into_iter().map(|m| (m / count) as f32).collect()
    }

    /// What it costs each output that its weights are off by `errors`, row-major [n, k]: its squared error, averaged over
    /// the rows. Their sum is tr(dW H dW').
    pub fn output_errors(&self, errors: &[f32]) -> Vec<f64> {
        let k = self.k;
        if self.own_inputs() {
            let of = |(n, errors): (usize, &[f32])| products(self.rows(n), errors, k)[0];
            return errors.par_chunks_exact(k).enumerate().map(of).collect();
        }
        let rows = self.rows(0);
        if rows.len() / k <= k {
            return errors.par_chunks(OUTPUTS_TOGETHER * k).flat_map_iter(|e| products(rows, e, k)).collect();
        }
        let gram = self.gram();
        errors.par_chunks(OUTPUTS_TOGETHER * k).flat_map_iter(|e| squares(gram, e, k)).collect()
    }

    /// The same rows, changed.
    pub fn map(&self, change: impl Fn(&mut [f32])) -> Self {
        let mut inputs = self.inputs.clone();
        inputs.iter_mut().flat_map(|m| m.chunks_exact_mut(self.k)).for_each(change);
        Self { k: self.k, channels: self.channels, inputs, gram: OnceLock::new() }
    }

    fn columns(&self, fold: impl Fn(f64, f64) -> f64) -> Vec<(f64, f64)> {
        let mut out = vec![(0.0, 0.0); self.k];
        for row in self.all() {
            out.iter_mut().zip(row).for_each(|(o, x)| *o = (fold(o.0, f64::from(*x)), o.1 + 1.0));
        }
        out
    }

    fn by_channel(&self, fold: impl Fn(f64, f64) -> f64) -> Vec<(f64, f64)> {
        let mut out = vec![(0.0, 0.0); self.channels];
        for row in self.all() {
            for (j, x) in row.iter().enumerate() {
                let o = &mut out[j % self.channels];
                *o = (fold(o.0, f64::from(*x)), o.1 + 1.0);
            }
        }
        out
    }
}

/// Mean square of the products of rows and each of some errors.
fn products(rows: &[f32], errors: &[f32], k: usize) -> Vec<f64> {
    let (rows, errors) = (MatRef::from_row_major_slice(rows, rows.len() / k, k), (errors, errors.len() / k));
    let errors = MatRef::from_row_major_slice(errors.0, errors.1, k);
    let mut out = Mat::<f32>::zeros(rows.nrows(), errors.nrows());
    product(out.as_mut(), rows, errors.transpose(), 1.0);
    let mean = |n| out.col_as_slice(n).iter().map(|y| f64::from(*y).powi(2)).sum::<f64>() / rows.nrows() as f64;
    (0..errors.nrows()).map(mean).collect()
}

/// dW H dW' of each of some errors.
fn squares(gram: &Mat<f64>, errors: &[f32], k: usize) -> Vec<f64> {
    let errors: Vec<f64> = errors.iter().map(|e| f64::from(*e)).collect();
    let view = MatRef::from_row_major_slice(&errors, errors.len() / k, k);
    let mut out = Mat::<f64>::zeros(k, view.nrows());
    product(out.as_mut(), gram.as_ref(), view.transpose(), 1.0);
    let dot = |(n, e): (usize, &[f64])| e.iter().zip(out.col_as_slice(n)).map(|(a, b)| a * b).sum::<f64>();
    errors.chunks_exact(k).enumerate().map(dot).collect()
}

fn gram(rows: &[f32], k: usize) -> Mat<f64> {
    let count = rows.len() / k;
    let x = Mat::from_fn(count, k, |i, j| f64::from(rows[i * k + j]));
    let mut out = Mat::zeros(k, k);
    out.par_col_chunks_mut(COLUMNS_TOGETHER).enumerate().for_each(|(i, out)| {
        let columns = x.subcols(i * COLUMNS_TOGETHER, out.ncols());
        product(out, x.transpose(), columns, 1.0 / count as f64);
    });
    out
}

/// Appends the window of one output pixel, channels inside; of one channel where that is given. Padding reads as `zero`.
pub fn window<T: Copy>(s: &Shape, x: &[T], pixel: usize, channel: Option<usize>, zero: T, out: &mut Vec<T>) {
    let (top, left) = ((pixel / s.ow * s.stride) as isize, (pixel % s.ow * s.stride) as isize);
    for i in 0..s.kh as isize {
        for j in 0..s.kw as isize {
            let (y, x0) = (top + i - s.top as isize, left + j - s.left as isize);
            let inside = (0..s.h as isize).contains(&y) && (0..s.w as isize).contains(&x0);
            let at = (y * s.w as isize + x0) * s.c as isize;
            match (inside, channel) {
                (false, None) => out.resize(out.len() + s.c, zero),
                (false, Some(_)) => out.push(zero),
                (true, None) => out.extend_from_slice(&x[at as usize..][..s.c]),
                (true, Some(c)) => out.push(x[at as usize + c]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op;

    #[test]
    fn rows_times_weights_are_the_layer() {
        let mut rng = fastrand::Rng::with_seed(3);
        for op in [Op::Conv2d, Op::Depthwise] {
            let shape = Shape::conv(op, [5, 4, 3], 3, [3, 2], 2, [1, 1, 1, 0]).unwrap();
            let x: Vec<f32> = (0..shape.lhs_len()).map(|_| rng.f32()).collect();
            let w: Vec<f32> = (0..shape.weights_len()).map(|_| rng.f32()).collect();
            let observed = Observed::of(&shape, &[&x]);
            let (truth, _) = op::reference_f64(&shape, &x, &w);
            for (i, y) in truth.iter().enumerate() {
                let (row, n) = (i / shape.n(), i % shape.n());
                let (a, b) = (&observed.rows(n)[row * shape.k()..][..shape.k()], &w[n * shape.k()..][..shape.k()]);
                let got: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                assert!((got - y).abs() < 1e-9, "{op:?} {i}");
            }
        }
    }
}
