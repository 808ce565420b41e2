//! Layers that can be trained: forwards as the law says, but in f32, and backwards.

use crate::layer::{Layer, Op, Shape};
use crate::scheme::observed::window;

/// A layer of a network in a row.
pub struct Block {
    pub shape: Shape,
    relu: bool,
    /// The inputs of each output pixel, [m, k], of a depthwise layer [m, n, k]; `NOWHERE` is padding.
    taps: Vec<u32>,
}

const NOWHERE: u32 = u32::MAX;

/// What a sample says about a layer's weights and bias.
#[derive(Clone, Default)]
pub struct Gradient {
    pub weights: Vec<f32>,
    pub bias: Vec<f32>,
}

impl Block {
    pub fn of(layer: &Layer) -> Self {
        let shape = layer.shape;
        let places: Vec<u32> = (0..shape.lhs_len() as u32).collect();
        let mut taps = Vec::with_capacity(shape.m() * shape.k());
        for pixel in 0..shape.m() {
            match shape.op {
                Op::Depthwise => {
                    (0..shape.n()).for_each(|c| window(&shape, &places, pixel, Some(c), NOWHERE, &mut taps));
                }
                _ => window(&shape, &places, pixel, None, NOWHERE, &mut taps),
            }
        }
        Self { shape, relu: layer.relu, taps }
    }

    /// Numbers from one output pixel's taps to the next's.
    fn span(&self) -> usize {
        self.taps.len() / self.shape.m()
    }

    /// The numbers of a row that output `n` is a product with.
    fn own(&self, n: usize) -> std::ops::Range<usize> {
        let k = self.shape.k();
        if self.shape.op == Op::Depthwise { n * k..(n + 1) * k } else { 0..k }
    }

    fn row(&self, taps: &[u32], x: &[f32], row: &mut Vec<f32>) {
        row.clear();
        row.extend(taps.iter().map(|t| x.get(*t as usize).copied().unwrap_or(0.0)));
    }

    /// [m, n] from an input.
    pub fn forward(&self, weights: &[f32], bias: &[f32], x: &[f32]) -> Vec<f32> {
        let k = self.shape.k();
        let (mut out, mut row) = (Vec::with_capacity(self.shape.out_len()), Vec::new());
        for taps in self.taps.chunks_exact(self.span()) {
            self.row(taps, x, &mut row);
            for (n, (w, b)) in weights.chunks_exact(k).zip(bias).enumerate() {
                let sum: f32 = w.iter().zip(&row[self.own(n)]).map(|(w, x)| w * x).sum();
                out.push(if self.relu { (sum + b).max(0.0) } else { sum + b });
            }
        }
        out
    }

    /// What the loss changes by with the input, given what it changes by with the output `y`; adds up the rest.
    pub fn backward(&self, weights: &[f32], x: &[f32], y: &[f32], by: &[f32], into: &mut Gradient) -> Vec<f32> {
        let (k, n) = (self.shape.k(), self.shape.n());
        into.weights.resize(n * k, 0.0);
        into.bias.resize(n, 0.0);
        let (mut out, mut row, mut back) = (vec![0f32; x.len()], Vec::new(), Vec::new());
        for (pixel, taps) in self.taps.chunks_exact(self.span()).enumerate() {
            self.row(taps, x, &mut row);
            back.clear();
            back.resize(row.len(), 0f32);
            for i in 0..n {
                let at = pixel * n + i;
                if by[at] == 0.0 || self.relu && y[at] <= 0.0 {
                    continue;
                }
                let own = self.own(i);
                into.bias[i] += by[at];
                let each = row[own.clone()].iter().zip(&mut back[own]);
                let weights = weights[i * k..][..k].iter().zip(&mut into.weights[i * k..][..k]);
                for ((x, back), (w, into)) in each.zip(weights) {
                    *into += by[at] * x;
                    *back += by[at] * w;
                }
            }
            taps.iter().zip(&back).filter(|(t, _)| **t != NOWHERE).for_each(|(t, b)| out[*t as usize] += b);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op;

    #[test]
    fn gradients_are_those_of_small_changes() {
        let mut rng = fastrand::Rng::with_seed(2);
        let shapes = [
            Shape::conv(Op::Conv2d, [5, 4, 3], 2, [3, 2], 2, [1, 1, 1, 0]).unwrap(),
            Shape::conv(Op::Depthwise, [5, 4, 3], 3, [3, 3], 1, [1; 4]).unwrap(),
            Shape::gemm(1, 4, 6).unwrap(),
        ];
        for shape in shapes {
            for relu in [false, true] {
                let block = Block::of(&Layer { relu, ..Layer::of_shape("x", shape) });
                let mut draw = |n: usize| (0..n).map(|_| rng.f32() * 2.0 - 1.0).collect::<Vec<f32>>();
                let (x, w, b) = (draw(shape.lhs_len()), draw(shape.weights_len()), draw(shape.n()));
                let by = draw(shape.out_len());
                let y = block.forward(&w, &b, &x);
                let law = op::forward(&shape, relu, &x, &w, &b);
                assert!(y.iter().zip(&law).all(|(a, b)| (a - b).abs() < 1e-5));
                let loss = |w: &[f32], b: &[f32], x: &[f32]| -> f64 {
                    block.forward(w, b, x).iter().zip(&by).map(|(y, g)| f64::from(y * g)).sum()
                };
                let mut got = Gradient::default();
                let inputs = block.backward(&w, &x, &y, &by, &mut got);
                let step = 1e-3;
                let check = |at: usize, analytic: f32, which: usize| {
                    let ends = [step, -step].map(|d| {
                        let (mut w, mut b, mut x) = (w.clone(), b.clone(), x.clone());
                        [&mut w, &mut b, &mut x][which][at] += d;
                        loss(&w, &b, &x)
                    });
                    let slope = (ends[0] - ends[1]) / f64::from(2.0 * step);
                    // a ReLU may bend in between
                    assert!(
                        (slope - f64::from(analytic)).abs() < if relu { 0.6 } else { 1e-2 },
                        "{shape:?} {which} {at}"
                    );
                };
                (0..w.len()).for_each(|i| check(i, got.weights[i], 0));
                (0..b.len()).for_each(|i| check(i, got.bias[i], 1));
                (0..x.len()).for_each(|i| check(i, inputs[i], 2));
            }
        }
    }
}
