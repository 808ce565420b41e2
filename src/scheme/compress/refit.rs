//! What is left of a layer's weights makes up for what was taken out.

use faer::{Mat, MatRef};
use rayon::prelude::*;

use crate::scheme::correct::Draft;
use crate::scheme::observed::{OUTPUTS_TOGETHER, Observed};
use crate::scheme::product::product;

/// Steps of conjugate gradients at most, and the share of the first residual that is small enough.
const STEPS: usize = 200;
const SMALL: f64 = 1e-5;
/// How much weights are drawn to what they were, over the mean variance of an input.
const DRAWN: f64 = 0.01;

/// Changes the weights that are there, and the bias, so that the layer's outputs on the observed inputs are nearest in squares to
/// what they were with `whole`: min tr((W - V) C (W - V)') over W that is zero where nothing is kept, C the covariance of the
/// inputs, means go to the bias (as Hubara et al., 2021, and He et al., 2017, reconstruct layers). By conjugate gradients from the
/// pruned weights, so where inputs leave weights open those stay as they are.
pub fn refit(layer: &mut Draft, whole: &[f32], kept: &[bool], observed: &Observed) {
    let k = observed.k;
    let own = observed.own_inputs();
    let shared = (!own).then(|| observed.covariance(0));
    let together = if own { 1 } else { OUTPUTS_TOGETHER };
    let blocks = layer.weights.par_chunks_mut(together * k).zip(layer.bias.par_chunks_mut(together)).enumerate();
    blocks.for_each(|(i, (weights, bias))| {
        let first = i * together;
        let of_own;
        let (spread, means) = match &shared {
            Some(shared) => shared,
            None => {
                of_own = observed.covariance(first);
                &of_own
            }
        };
        let (whole, kept) = (&whole[first * k..][..weights.len()], &kept[first * k..][..weights.len()]);
        let lost = solve(weights, whole, kept, spread);
        for (row, bias) in bias.iter_mut().enumerate() {
            let each = (0..k).map(|j| lost[row * k + j] * means[j]);
            let fitted = f64::from(*bias) + each.sum::<f64>();
            if fitted.is_finite() {
                *bias = fitted as f32;
            }
        }
    });
}

/// Fits some rows; what they then lack of the whole ones.
fn solve(weights: &mut [f32], whole: &[f32], kept: &[bool], spread: &Mat<f64>) -> Vec<f64> {
    let lost: Vec<f64> = whole.iter().zip(&*weights).map(|(a, b)| f64::from(*a) - f64::from(*b)).collect();
    let change = descend(times(&lost, spread), Some(kept), spread);
    let each = weights.iter_mut().zip(whole).zip(kept).zip(change);
    each.map(|(((w, whole), kept), change)| {
        let fitted = (f64::from(*w) + change) as f32;
        *w = if !*kept {
            0.0
        } else if fitted.is_finite() {
            fitted
        } else {
            *w
        };
        f64::from(*whole) - f64::from(*w)
    })
    .collect()
}

/// Rows times a symmetric matrix.
fn times(rows: &[f64], spread: &Mat<f64>) -> Vec<f64> {
    let k = spread.nrows();
    let view = MatRef::from_row_major_slice(rows, rows.len() / k, k);
    let mut out = Mat::<f64>::zeros(k, view.nrows());
    product(out.as_mut(), spread.as_ref(), view.transpose(), 1.0);
    (0..view.nrows()).flat_map(|n| out.col_as_slice(n).to_vec()).collect()
}

/// Rows D, zero where nothing is kept, whose products with the matrix are nearest to the given ones: conjugate gradients from zero.
fn descend(mut residual: Vec<f64>, kept: Option<&[bool]>, spread: &Mat<f64>) -> Vec<f64> {
    let k = spread.nrows();
    let rows = residual.len() / k;
    let masked = |v: &mut [f64]| {
        v.iter_mut().enumerate().filter(|(i, _)| kept.is_some_and(|k| !k[*i])).for_each(|(_, v)| *v = 0.0);
    };
    let dots = |a: &[f64], b: &[f64]| -> Vec<f64> {
        (0..rows).map(|n| (n * k..(n + 1) * k).map(|i| a[i] * b[i]).sum()).collect()
    };
    masked(&mut residual);
    let mut found = vec![0f64; residual.len()];
    let mut direction = residual.clone();
    let start = dots(&residual, &residual);
    let mut size = start.clone();
    for _ in 0..STEPS {
        if size.iter().zip(&start).all(|(now, first)| *now <= first * SMALL * SMALL) {
            break;
        }
        let mut forward = times(&direction, spread);
        masked(&mut forward);
        let curve = dots(&direction, &forward);
        for n in 0..rows {
            let step = size[n] / curve[n];
            if !(step.is_finite() && size[n] > start[n] * SMALL * SMALL) {
                continue;
            }
            for i in n * k..(n + 1) * k {
                found[i] += step * direction[i];
                residual[i] -= step * forward[i];
            }
        }
        let next = dots(&residual, &residual);
        for n in 0..rows {
            let share = if size[n] > 0.0 { next[n] / size[n] } else { 0.0 };
            (n * k..(n + 1) * k).for_each(|i| direction[i] = residual[i] + share * direction[i]);
        }
        size = next;
    }
    found
}

/// Changes a layer so that from what it takes in `now`, in a network whose layers before were changed, it makes what `whole` made of
/// what it took in `before`: least squares again, from its weights and drawn to them (He et al., Channel Pruning, 2017, feed the
/// pruned network's inputs likewise). Samples of both are of the same inputs of the network, one by one; outputs are the same, `whole`
/// may have had more inputs.
pub fn follow(layer: &mut Draft, (whole, before): (&Draft, &[&[f32]]), now: &[&[f32]]) {
    let (k, wide) = (layer.shape.k(), whole.shape.k());
    let (old, new) = (Observed::of(&whole.shape, before), Observed::of(&layer.shape, now));
    let of = |n: usize| {
        let (mut spread, means) = new.covariance(n);
        let (across, old_means) = old.covariance_with(&new, n);
        let drawn = DRAWN * (0..k).map(|j| spread[(j, j)]).sum::<f64>() / k as f64;
        let own = spread.clone();
        (0..k).for_each(|j| spread[(j, j)] += drawn);
        (spread, means, (own, across), old_means)
    };
    let shared = (!old.own_inputs()).then(|| of(0));
    let together = if old.own_inputs() { 1 } else { OUTPUTS_TOGETHER };
    let blocks = layer.weights.par_chunks_mut(together * k).zip(layer.bias.par_chunks_mut(together)).enumerate();
    blocks.for_each(|(i, (weights, bias))| {
        let of_own;
        let (spread, means, (own_spread, across), old_means) = match &shared {
            Some(shared) => shared,
            None => {
                of_own = of(i);
                &of_own
            }
        };
        let rows: Vec<f64> = weights.iter().map(|w| f64::from(*w)).collect();
        let outputs = rows.len() / k;
        let old_rows = &whole.weights[i * together * wide..][..outputs * wide];
        let old_rows: Vec<f64> = old_rows.iter().map(|w| f64::from(*w)).collect();
        let view = MatRef::from_row_major_slice(&old_rows, outputs, wide);
        let mut wanted = Mat::<f64>::zeros(k, outputs);
        product(wanted.as_mut(), across.transpose(), view.transpose(), 1.0);
        let wanted = (0..outputs).flat_map(|n| wanted.col_as_slice(n).to_vec());
        let lacking = wanted.zip(times(&rows, own_spread)).map(|(wanted, got)| wanted - got).collect();
        let change = descend(lacking, None, spread);
        if change.iter().any(|c| !c.is_finite()) {
            return;
        }
        for (n, bias) in bias.iter_mut().enumerate() {
            let was: f64 = old_rows[n * wide..][..wide].iter().zip(old_means).map(|(w, m)| w * m).sum();
            let is: f64 = (0..k).map(|j| (rows[n * k + j] + change[n * k + j]) * means[j]).sum();
            *bias = (f64::from(whole.bias[i * together + n]) + was - is) as f32;
        }
        weights.iter_mut().zip(rows.iter().zip(&change)).for_each(|(w, (row, change))| *w = (row + change) as f32);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Op, Shape};
    use crate::op;
    use crate::scheme::correct::Input;

    /// Sum of squared differences of a layer's outputs from another's.
    fn distance(a: &Draft, b: &Draft, x: &[f32]) -> f64 {
        let run = |d: &Draft| op::forward(&d.shape, false, x, &d.weights, &d.bias);
        run(a).iter().zip(run(b)).map(|(a, b)| f64::from(a - b).powi(2)).sum()
    }

    #[test]
    fn a_column_that_another_repeats_is_made_up_for_and_nothing_beats_the_fit() {
        let mut rng = fastrand::Rng::with_seed(7);
        for op in [Op::Gemm, Op::Depthwise] {
            let shape = match op {
                Op::Gemm => Shape::gemm(40, 3, 6).unwrap(),
                _ => Shape::conv(op, [9, 9, 3], 3, [2, 3], 1, [0; 4]).unwrap(),
            };
            let mut x: Vec<f32> = (0..shape.lhs_len()).map(|_| rng.f32() + 0.5).collect();
            if op == Op::Gemm {
                x.chunks_exact_mut(6).for_each(|row| row[1] = 2.0 * row[0]);
            }
            let weights: Vec<f32> = (0..shape.weights_len()).map(|_| rng.f32() - 0.5).collect();
            let whole = Draft { shape, weights, bias: vec![0.1; 3], input: Input::default(), importance: None };
            let kept: Vec<bool> = (0..whole.weights.len()).map(|i| i % 6 != 1).collect();
            let mut pruned = whole.clone();
            pruned.weights.iter_mut().zip(&kept).filter(|(_, k)| !**k).for_each(|(w, _)| *w = 0.0);
            let mut fitted = pruned.clone();
            refit(&mut fitted, &whole.weights, &kept, &Observed::of(&shape, &[&x]));
            let (before, after) = (distance(&pruned, &whole, &x), distance(&fitted, &whole, &x));
            assert!(fitted.weights.iter().zip(&kept).all(|(w, k)| *k || *w == 0.0));
            if op == Op::Gemm {
                assert!(after < 1e-6 * before, "{after} {before}");
                assert!((fitted.weights[0] - (whole.weights[0] + 2.0 * whole.weights[1])).abs() < 1e-3);
            }
            assert!(after < 0.3 * before, "{op:?} {after} {before}");
            for i in (0..fitted.weights.len()).filter(|i| kept[*i]) {
                for by in [-0.01, 0.01] {
                    let mut other = fitted.clone();
                    other.weights[i] += by;
                    assert!(distance(&other, &whole, &x) > after, "{op:?} {i}");
                }
            }
        }
    }

    #[test]
    fn a_layer_follows_inputs_that_were_mixed() {
        let shape = Shape::gemm(60, 3, 5).unwrap();
        let mut rng = fastrand::Rng::with_seed(3);
        let x: Vec<f32> = (0..300).map(|_| rng.f32() + 0.5).collect();
        // what reaches the layer now: twice the first, the second and third in each other's place, all moved
        let now: Vec<f32> = x.chunks_exact(5).flat_map(|r| [2.0 * r[0] + 1.0, r[2], r[1] - 3.0, r[3], r[4]]).collect();
        let weights: Vec<f32> = (0..15).map(|_| rng.f32() - 0.5).collect();
        let layer = Draft { shape, weights, bias: vec![0.5; 3], input: Input::default(), importance: None };
        let mut changed = layer.clone();
        follow(&mut changed, (&layer, &[&x]), &[&now]);
        let truth = op::forward(&shape, false, &x, &layer.weights, &layer.bias);
        let error = |d: &Draft| -> f64 {
            let got = op::forward(&shape, false, &now, &d.weights, &d.bias);
            got.iter().zip(&truth).map(|(a, b)| f64::from(a - b).powi(2)).sum()
        };
        assert!(error(&changed) < 1e-3 * error(&layer), "{} {}", error(&changed), error(&layer));
        let mut same = layer.clone();
        follow(&mut same, (&layer, &[&x]), &[&x]);
        assert!(same.weights.iter().zip(&layer.weights).all(|(a, b)| (a - b).abs() < 1e-5));
    }

    #[test]
    fn a_layer_of_fewer_inputs_follows_one_of_more() {
        let mut rng = fastrand::Rng::with_seed(4);
        // the third input is the sum of the others, and goes
        let x: Vec<f32> = (0..50)
            .flat_map(|_| {
                let (a, b) = (rng.f32(), rng.f32());
                [a, b, a + b]
            })
            .collect();
        let now: Vec<f32> = x.chunks_exact(3).flat_map(|r| [r[0], r[1]]).collect();
        let draft = |k: usize, weights: Vec<f32>, bias| {
            let shape = Shape::gemm(50, 1, k).unwrap();
            Draft { shape, weights, bias: vec![bias], input: Input::default(), importance: None }
        };
        let whole = draft(3, vec![1.0, -2.0, 0.5], 0.25);
        let mut less = draft(2, vec![1.0, -2.0], 0.0);
        follow(&mut less, (&whole, &[&x]), &[&now]);
        assert!((less.weights[0] - 1.5).abs() < 0.02 && (less.weights[1] + 1.5).abs() < 0.02, "{less:?}");
        assert!((less.bias[0] - 0.25).abs() < 0.02, "{less:?}");
    }
}
