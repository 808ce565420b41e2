//! GPTQ.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::llt::factor::{cholesky_in_place, cholesky_in_place_scratch};
use faer::{Mat, MatRef, Par};
use rayon::prelude::*;

use super::{Fit, Format, Matrix, Observed, Quantized, Rounding};
use crate::scheme::lattice::Lattice;
use crate::scheme::levels::Levels;
use crate::scheme::observed::OUTPUTS_TOGETHER;
use crate::scheme::product::{leave_avx, product};

/// Columns whose errors are passed on together.
const BLOCK: usize = 128;
/// What is added to the diagonal of H, over its mean.
const DAMPING: f64 = 0.01;
/// How often ten times as much is tried.
const MORE_DAMPING: usize = 5;

/// Rounds column after column, and lets the columns that are left make up for the error so far (Frantar et al., GPTQ,
/// 2022): the greedy minimum of tr(dW H dW') with H the Gram matrix of the inputs. Columns go by descending diagonal
/// ("act-order"), on grids laid on the original weights ("static groups"). H is damped by 1 % of its mean diagonal.
/// Columns without input go last and are rounded to nearest; GPTQ's authors zero them.
///
/// The paper takes the Cholesky factor of the inverse of H. With H = U U', U upper triangular, that factor is the
/// inverse of U, and passing errors on with it is the same as rounding each w_t + sum over i < t of (w_i - w^_i) U_it /
/// U_tt (Chee et al., QuIP, 2023, theorem 6): one Cholesky of H with its columns reversed, and no inverse.
pub struct Gptq;

impl Rounding for Gptq {
    fn name(&self) -> &'static str {
        "gptq"
    }
    fn about(&self) -> &'static str {
        "column by column, the rest making up for the error so far; needs activations"
    }
    fn needs_inputs(&self) -> bool {
        true
    }
    fn round(&self, x: &Matrix, format: &dyn Format, how: &Fit, observed: Option<&Observed>) -> Quantized {
        let lattice = format.fit(x, how);
        let Some(observed) = observed.filter(|_| lattice.levels != Levels::Exact) else {
            return format.quantize(x, how);
        };
        let mut codes = vec![0; x.data.len()];
        if observed.own_inputs() {
            codes.par_chunks_mut(x.k).enumerate().for_each(|(row, codes)| {
                match Factor::of(&observed.gram_of(row), Par::Seq) {
                    Some(factor) => factor.assign(&lattice, (x, how.kept), row, codes),
                    None => (0..x.k).for_each(|j| codes[j] = lattice.step(row, j).nearest(x.row(row)[j])),
                }
            });
        } else {
            let Some(factor) = Factor::of(observed.gram(), Par::rayon(0)) else { return format.quantize(x, how) };
            let together = OUTPUTS_TOGETHER * x.k;
            let assign =
                |(i, codes): (usize, &mut [u16])| factor.assign(&lattice, (x, how.kept), i * OUTPUTS_TOGETHER, codes);
            codes.par_chunks_mut(together).enumerate().for_each(assign);
        }
        Quantized::of(lattice, codes)
    }
}

/// The Cholesky factor of damped H, its columns in ascending order of their diagonal: the last is rounded first.
struct Factor {
    columns: Vec<usize>,
    lower: Mat<f64>,
}

impl Factor {
    /// None where no damping makes H positive.
    fn of(gram: &Mat<f64>, par: Par) -> Option<Self> {
        let k = gram.nrows();
        let live: Vec<f64> = (0..k).map(|j| gram[(j, j)]).filter(|d| *d > 0.0).collect();
        let mean = if live.is_empty() { 1.0 } else { live.iter().sum::<f64>() / live.len() as f64 };
        let mut columns: Vec<usize> = (0..k).rev().collect(); // of equal ones the first column goes first
        columns.sort_by(|a, b| gram[(*a, *a)].total_cmp(&gram[(*b, *b)]));
        let damped = |damping: f64| {
            let diagonal = |d: f64| if d > 0.0 { d } else { mean } + damping * mean;
            let entry = |i: usize, j: usize| gram[(columns[i], columns[j])];
            Mat::from_fn(k, k, |i, j| if i == j { diagonal(entry(i, i)) } else { entry(i, j) })
        };
        let tries = (0..=MORE_DAMPING as i32).map(|i| DAMPING * 10f64.powi(i));
        let lower = tries.map(damped).find_map(|h| cholesky(h, par))?;
        Some(Self { columns, lower })
    }

    /// The codes of the rows of `x` from `first` on. What was pruned stays zero, and the columns after it make up for it no less
    /// (Frantar and Alistarh, SparseGPT, 2023, with the zeros given).
    fn assign(&self, lattice: &Lattice, (x, kept): (&Matrix, Option<&[bool]>), first: usize, codes: &mut [u16]) {
        let (k, rows) = (x.k, codes.len() / x.k);
        let mut errors = vec![0f64; codes.len()]; // w - w^, columns in the factor's order
        let mut end = k;
        while end > 0 {
            let begin = end.saturating_sub(BLOCK);
            let mut due = Mat::<f64>::zeros(end - begin, rows);
            let passed = MatRef::from_row_major_slice(&errors, rows, k).subcols(end, k - end);
            let factor = self.lower.as_ref().submatrix(end, begin, k - end, end - begin);
            product(due.as_mut(), factor.transpose(), passed.transpose(), 1.0);
            for row in 0..rows {
                let (errors, codes) = (&mut errors[row * k..][..k], &mut codes[row * k..][..k]);
                for at in (begin..end).rev() {
                    let factor = &self.lower.col_as_slice(at)[at..end];
                    let inside = errors[at + 1..end].iter().zip(&factor[1..]).map(|(e, f)| e * f).sum::<f64>();
                    let column = self.columns[at];
                    let weight = f64::from(x.row(first + row)[column]);
                    let target = weight + (due[(at - begin, row)] + inside) / factor[0];
                    let step = lattice.step(first + row, column);
                    let gone = kept.is_some_and(|kept| !kept[(first + row) * k + column]);
                    let target = if gone { 0.0 } else { target };
                    codes[column] = step.nearest(target.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32);
                    errors[at] = weight - f64::from(step.value(codes[column]));
                }
            }
            end = begin;
        }
    }
}

/// The lower factor; what is above the diagonal is anything.
fn cholesky(mut h: Mat<f64>, par: Par) -> Option<Mat<f64>> {
    let k = h.nrows();
    let mut memory = MemBuffer::new(cholesky_in_place_scratch::<f64>(k, par, Default::default()));
    let stack = MemStack::new(&mut memory);
    let done = cholesky_in_place(h.as_mut(), Default::default(), par, stack, Default::default());
    leave_avx(); // other threads leave it with their first product
    done.ok()?;
    (0..k).all(|j| h[(j, j)].is_normal() && h[(j, j)] > 0.0).then_some(h)
}
