//! Two factors of low rank in place of one matrix.

use std::sync::Arc;

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Mat, MatRef, Par};

use super::{Compression, Kind, number, percent};
use crate::layer::{Op, Shape};
use crate::scheme::correct::{Draft, Input};
use crate::scheme::observed::Observed;
use crate::scheme::product::{leave_avx, product};

pub const KIND: Kind = Kind {
    pattern: "rN, rN%",
    about: "a product of rank N, or of N % of the weights, in two layers: the truncated SVD; depthwise layers stay",
    parse: |text| {
        let share = text.strip_suffix('%').and_then(|t| percent(t, "r")).map(Rank::Share);
        share.or_else(|| number(text.strip_prefix('r')?).map(Rank::Of)).map(|r| Arc::new(r) as _)
    },
    examples: &["r32", "r50%"],
};

enum Rank {
    Of(usize),
    /// Percent of the weights that the factors have together.
    Share(usize),
}

impl Compression for Rank {
    fn name(&self) -> String {
        match self {
            Rank::Of(rank) => format!("r{rank}"),
            Rank::Share(share) => format!("r{share}%"),
        }
    }
    fn rank(&self, n: usize, k: usize) -> Option<usize> {
        Some(match self {
            Rank::Of(rank) => *rank,
            Rank::Share(share) => (n * k * share / 100 / (n + k)).max(1),
        })
    }
}

/// A layer as two: `rank` outputs of its own windows, then a matrix product of these. The nearest such product to the weights
/// (Eckart and Young, 1936); where inputs are given the one nearest in outputs, which are projected on their `rank` main
/// directions, what is lost on average going to the bias.
pub fn factors(layer: &Draft, rank: usize, observed: Option<&Observed>) -> [Draft; 2] {
    let (n, k) = (layer.shape.n(), layer.shape.k());
    let weights: Vec<f64> = layer.weights.iter().map(|w| f64::from(*w)).collect();
    let w = MatRef::from_row_major_slice(&weights, n, k);
    let mut bias = layer.bias.clone();
    let (left, right) = match observed {
        None if k < n => {
            let v = leading(&of(k, k, |out| product(out, w.transpose(), w, 1.0)), rank);
            (of(n, rank, |out| product(out, w, v.as_ref(), 1.0)), v.transpose().to_owned())
        }
        _ => {
            let metric = match observed {
                None => of(n, n, |out| product(out, w, w.transpose(), 1.0)),
                Some(observed) => {
                    let (spread, _) = observed.covariance(0);
                    let half = of(n, k, |out| product(out, w, spread.as_ref(), 1.0));
                    of(n, n, |out| product(out, half.as_ref(), w.transpose(), 1.0))
                }
            };
            let u = leading(&metric, rank);
            let right = of(rank, k, |out| product(out, u.transpose(), w, 1.0));
            (u, right)
        }
    };
    if let Some(observed) = observed {
        let means = observed.covariance(0).1;
        let whole = of(n, k, |out| product(out, left.as_ref(), right.as_ref(), 1.0));
        for (i, b) in bias.iter_mut().enumerate() {
            let lost: f64 = (0..k).map(|j| (w[(i, j)] - whole[(i, j)]) * means[j]).sum();
            *b = (f64::from(*b) + lost) as f32;
        }
    }
    // the sizes of both sides of a direction are made alike, or grids of few bits would lose one of them
    let norm = |column: &dyn Fn(usize) -> f64, count: usize| (0..count).map(|i| column(i).powi(2)).sum::<f64>().sqrt();
    let balance: Vec<f64> = (0..rank)
        .map(|r| {
            let (a, b) = (norm(&|i| left[(i, r)], n), norm(&|j| right[(r, j)], k));
            let by = (b / a).sqrt();
            if by.is_normal() { by } else { 1.0 }
        })
        .collect();
    let row_major = |rows: usize, columns: usize, at: &dyn Fn(usize, usize) -> f64| -> Vec<f32> {
        (0..rows * columns).map(|i| at(i / columns, i % columns) as f32).collect()
    };
    let draft = |shape, weights, bias| Draft { shape, weights, bias, input: Input::default(), importance: None };
    let (first, second) = shapes(&layer.shape, rank);
    [
        draft(first, row_major(rank, k, &|r, j| right[(r, j)] / balance[r]), vec![0.0; rank]),
        draft(second, row_major(n, rank, &|i, r| left[(i, r)] * balance[r]), bias),
    ]
}

/// The shapes of a layer's two factors.
pub fn shapes(shape: &Shape, rank: usize) -> (Shape, Shape) {
    let first = Shape { f: rank, ..*shape };
    let second = match shape.op {
        Op::Gemm | Op::Gemv => Shape { c: rank, ..*shape },
        _ => Shape {
            op: Op::Conv2d,
            h: shape.oh,
            w: shape.ow,
            c: rank,
            kh: 1,
            kw: 1,
            stride: 1,
            top: 0,
            left: 0,
            ..*shape
        },
    };
    (first, second)
}

fn of(rows: usize, columns: usize, fill: impl FnOnce(faer::MatMut<f64>)) -> Mat<f64> {
    let mut out = Mat::zeros(rows, columns);
    fill(out.as_mut());
    out
}

/// The eigenvectors of the `count` greatest eigenvalues, as columns, the greatest first.
fn leading(symmetric: &Mat<f64>, count: usize) -> Mat<f64> {
    let n = symmetric.nrows();
    let (mut values, mut vectors) = (faer::Col::<f64>::zeros(n), Mat::<f64>::zeros(n, n));
    let scratch = self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(scratch);
    let done = self_adjoint_evd(
        symmetric.as_ref(),
        values.as_diagonal_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut memory),
        Default::default(),
    );
    leave_avx();
    match done {
        Ok(()) => Mat::from_fn(n, count, |i, r| vectors[(i, n - 1 - r)]),
        // never seen; the first directions are as good as any then
        Err(_) => Mat::from_fn(n, count, |i, r| f64::from(i == r)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(layer: &Draft, [a, b]: &[Draft; 2], rank: usize) -> f64 {
        let (n, k) = (layer.shape.n(), layer.shape.k());
        let at = |i: usize, j: usize| (0..rank).map(|r| b.weights[i * rank + r] * a.weights[r * k + j]).sum::<f32>();
        (0..n * k).map(|i| f64::from(layer.weights[i] - at(i / k, i % k)).powi(2)).sum()
    }

    #[test]
    fn factors_are_the_nearest_of_their_rank() {
        for (n, k) in [(5, 7), (7, 5)] {
            // singular values 4, 2, 1 on coordinate axes that are rotated among each other
            let mut weights = vec![0f32; n * k];
            let (c, s) = (0.6, 0.8);
            for (i, j, v) in [(0, 0, 4.0 * c), (0, 1, 4.0 * s), (1, 0, -2.0 * s), (1, 1, 2.0 * c), (2, 2, 1.0)] {
                weights[i * k + j] = v;
            }
            let shape = Shape::gemm(3, n, k).unwrap();
            let layer = Draft { shape, weights, bias: vec![0.0; n], input: Input::default(), importance: None };
            for (rank, lost) in [(1, 5.0), (2, 1.0), (3, 0.0)] {
                let two = factors(&layer, rank, None);
                assert!((error(&layer, &two, rank) - lost).abs() < 1e-5, "{n} {k} {rank}");
                assert_eq!((two[0].shape.n(), two[1].shape.k(), two[1].shape.n()), (rank, rank, n));
            }
        }
    }

    #[test]
    fn with_inputs_outputs_are_nearest_and_means_go_to_the_bias() {
        let shape = Shape::gemm(64, 4, 6).unwrap();
        let mut rng = fastrand::Rng::with_seed(1);
        let x: Vec<f32> = (0..64 * 6).map(|i| (rng.f32() + 1.0) * if i % 6 == 0 { 9.0 } else { 1.0 }).collect();
        let weights: Vec<f32> = (0..24).map(|_| rng.f32() - 0.5).collect();
        let layer = Draft { shape, weights, bias: vec![0.0; 4], input: Input::default(), importance: None };
        let observed = Observed::of(&shape, &[&x]);
        let outputs = |[a, b]: &[Draft; 2]| {
            let middle = crate::op::forward(&a.shape, false, &x, &a.weights, &a.bias);
            crate::op::forward(&b.shape, false, &middle, &b.weights, &b.bias)
        };
        let truth = crate::op::forward(&shape, false, &x, &layer.weights, &layer.bias);
        let distance =
            |two: [Draft; 2]| -> f64 { outputs(&two).iter().zip(&truth).map(|(a, b)| f64::from(a - b).powi(2)).sum() };
        let (plain, fitted) = (distance(factors(&layer, 2, None)), distance(factors(&layer, 2, Some(&observed))));
        assert!(fitted < 0.5 * plain, "{fitted} {plain}");
    }
}
