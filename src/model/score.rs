//! What a network scores on labelled samples, with how sure the figure is, and how far it is from the float network.

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::program::Program;
use crate::accuracy::{class, metrics};
use crate::candidate::Contract;
use crate::data::Labelled;
use crate::tensor::Tensor;

/// Normal quantile of the intervals: 95 %.
const Z: f64 = 1.959_963_984_540_054;
/// Resamples of bootstrap intervals.
const RESAMPLES: usize = 1000;
/// The least probability that a class is taken to have in divergences.
const FLOOR: f64 = 1e-12;

/// A row of `networks.csv`. Intervals are of 95 %: Wilson's for shares, percentiles of 1,000 resamples for the rest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkScore {
    pub network: String,
    /// `f32`, `as-is`, a scheme, or `chosen`: one of its own for each layer.
    pub scheme: String,
    pub contract: Contract,
    pub samples: usize,
    pub correct: usize,
    pub top1: f64,
    pub top1_low: f64,
    pub top1_high: f64,
    /// Means over the classes that occur.
    pub precision: f64,
    pub recall: f64,
    pub f1: f64,
    pub f1_low: f64,
    pub f1_high: f64,
    /// Samples of which the float network says the same class.
    pub agreement: f64,
    pub agreement_low: f64,
    pub agreement_high: f64,
    /// Mean divergence of the classes' probabilities from the float network's, in nats.
    pub kl: Option<f64>,
    pub kl_low: Option<f64>,
    pub kl_high: Option<f64>,
    /// Of the outputs, against the float network's.
    pub sqnr_db: Option<f64>,
    /// Samples that only the float network gets right, and that only this one does.
    pub lost: usize,
    pub won: usize,
    /// McNemar's exact test: how likely so uneven a split were if both networks were as good.
    pub p_value: f64,
    /// Of all layers' weights.
    pub weight_bytes: f64,
    pub note: String,
}

/// What a network says of every sample.
#[derive(Clone, Debug)]
pub struct Answers {
    pub outputs: Vec<Vec<f32>>,
    pub probabilities: bool,
}

/// Runs a network on samples; `tick` after each.
/// # Errors
/// As [`Program::run`]; `tick` said to stop.
pub fn answers(program: &Program, x: &[Vec<f32>], tick: &(dyn Fn() -> bool + Sync)) -> Result<Answers> {
    let one = |sample: &Vec<f32>| {
        if !tick() {
            bail!("stopped");
        }
        program.run(sample)
    };
    let outputs = x.par_iter().map(one).collect::<Result<Vec<_>>>()?;
    Ok(Answers { outputs, probabilities: program.gives_probabilities() })
}

impl Answers {
    pub fn classes(&self) -> Vec<Option<usize>> {
        self.outputs.iter().map(|o| class(o)).collect()
    }

    fn log_probabilities(&self, i: usize) -> Vec<f64> {
        let output = &self.outputs[i];
        if self.probabilities {
            // grids of outputs may lose or add a little
            let sum: f64 = output.iter().map(|v| f64::from(*v).max(FLOOR)).sum();
            return output.iter().map(|v| (f64::from(*v).max(FLOOR) / sum).ln()).collect();
        }
        let most = output.iter().fold(f64::NEG_INFINITY, |m, v| m.max(f64::from(*v)));
        let sum: f64 = output.iter().map(|v| (f64::from(*v) - most).exp()).sum();
        output.iter().map(|v| f64::from(*v) - most - sum.ln()).collect()
    }

    /// Kullback-Leibler divergence of each sample's classes from the true ones, in nats.
    pub fn divergences(&self, truth: &Self) -> Vec<f64> {
        let one = |i: usize| {
            let (p, q) = (truth.log_probabilities(i), self.log_probabilities(i));
            p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q.max(FLOOR.ln()))).sum::<f64>().max(0.0)
        };
        (0..self.outputs.len()).map(one).collect()
    }

    /// Signal to noise of the outputs, in dB.
    pub fn sqnr_db(&self, truth: &Self) -> Option<f64> {
        let flat: Vec<f64> = truth.outputs.iter().flatten().map(|v| f64::from(*v)).collect();
        metrics(&flat, &self.outputs.concat()).sqnr_db
    }
}

/// Compares a network's answers with the labels and with the float network's.
pub fn score(
    network: &str,
    scheme: &str,
    contract: Contract,
    got: &Answers,
    truth: &Answers,
    labels: &[u8],
) -> NetworkScore {
    let n = labels.len();
    let (classes, float) = (got.classes(), truth.classes());
    let right = |c: &Option<usize>, y: &u8| *c == Some(usize::from(*y));
    let hits: Vec<bool> = classes.iter().zip(labels).map(|(c, y)| right(c, y)).collect();
    let float_hits: Vec<bool> = float.iter().zip(labels).map(|(c, y)| right(c, y)).collect();
    let correct = hits.iter().filter(|h| **h).count();
    let same = classes.iter().zip(&float).filter(|(a, b)| a == b).count();
    let (lost, won) = (count(&float_hits, &hits), count(&hits, &float_hits));
    let ((top1_low, top1_high), (agreement_low, agreement_high)) = (wilson(correct, n), wilson(same, n));
    let pairs: Vec<(usize, usize)> =
        labels.iter().zip(&classes).map(|(y, c)| (usize::from(*y), c.unwrap_or(usize::MAX))).collect();
    let [precision, recall, f1] = macro_scores(pairs.iter().copied());
    let (f1_low, f1_high) = bootstrap(n, |places| macro_scores(places.iter().map(|i| pairs[*i]))[2]);
    let divergences = got.divergences(truth);
    let mean = |places: &[usize]| places.iter().map(|i| divergences[*i]).sum::<f64>() / places.len().max(1) as f64;
    let kl = Some(mean(&(0..n).collect::<Vec<_>>())).filter(|v| v.is_finite());
    let (kl_low, kl_high) = kl.map(|_| bootstrap(n, mean)).unzip();
    NetworkScore {
        network: network.into(),
        scheme: scheme.into(),
        contract,
        samples: n,
        correct,
        top1: correct as f64 / n as f64,
        top1_low,
        top1_high,
        precision,
        recall,
        f1,
        f1_low,
        f1_high,
        agreement: same as f64 / n as f64,
        agreement_low,
        agreement_high,
        kl,
        kl_low,
        kl_high,
        sqnr_db: got.sqnr_db(truth),
        lost,
        won,
        p_value: mcnemar(lost, won),
        weight_bytes: 0.0,
        note: String::new(),
    }
}

fn count(a: &[bool], b: &[bool]) -> usize {
    a.iter().zip(b).filter(|(a, b)| **a && !**b).count()
}

/// Wilson's score interval of a share (Wilson, JASA 22, 1927).
pub fn wilson(hits: usize, n: usize) -> (f64, f64) {
    if n == 0 {
        return (0.0, 1.0);
    }
    let (p, n) = (hits as f64 / n as f64, n as f64);
    let (middle, scale) = (p + Z * Z / (2.0 * n), 1.0 + Z * Z / n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

/// The two-sided exact test of McNemar: the chance of a split at least as uneven of lost + won fair coins.
pub fn mcnemar(lost: usize, won: usize) -> f64 {
    let n = lost + won;
    let mut term = -(n as f64) * std::f64::consts::LN_2; // log of the chance of none
    let mut tail = 0.0;
    for i in 0..=lost.min(won) {
        tail += term.exp();
        term += ((n - i) as f64 / (i + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

/// Precision, recall and F1, averaged over the classes that occur among the labels. Pairs are (label, answer).
fn macro_scores(pairs: impl Iterator<Item = (usize, usize)>) -> [f64; 3] {
    let mut counts = [[0usize; 3]; 256]; // right, labels, answers
    for (label, answer) in pairs {
        counts[label & 255][1] += 1;
        if answer < 256 {
            counts[answer][2] += 1;
        }
        counts[label & 255][0] += usize::from(label == answer);
    }
    let occur: Vec<&[usize; 3]> = counts.iter().filter(|c| c[1] > 0).collect();
    let mean = |of: fn(&[usize; 3]) -> f64| occur.iter().map(|c| of(c)).sum::<f64>() / occur.len().max(1) as f64;
    [
        mean(|c| c[0] as f64 / c[2].max(1) as f64),
        mean(|c| c[0] as f64 / c[1] as f64),
        mean(|c| 2.0 * c[0] as f64 / (c[1] + c[2]) as f64),
    ]
}

/// The 2.5 % and 97.5 % points of a figure over resamples of `n` samples.
fn bootstrap(n: usize, figure: impl Fn(&[usize]) -> f64 + Sync) -> (f64, f64) {
    let one = |seed: u64| {
        let mut rng = Rng::with_seed(seed);
        let places: Vec<usize> = (0..n).map(|_| rng.usize(0..n.max(1))).collect();
        figure(&places)
    };
    let mut values: Vec<f64> = (0..RESAMPLES as u64).into_par_iter().map(one).collect();
    values.sort_by(f64::total_cmp);
    (values[RESAMPLES / 40], values[RESAMPLES - 1 - RESAMPLES / 40])
}

/// Samples for a network's input, [n, ...] of its shape, and their labels, [n].
/// # Errors
/// Files that cannot be read, or not of this shape; labels that are no classes.
pub fn labelled(x: &std::path::Path, y: &std::path::Path, dims: &[usize]) -> Result<Labelled> {
    let labels = array(y)?;
    let count = labels.data.len();
    let samples = cut(array(x)?, dims, Some(count)).with_context(|| x.display().to_string())?;
    let label = |v: &f32| (v.fract() == 0.0 && (0.0..256.0).contains(v)).then_some(*v as u8);
    let labels: Option<Vec<u8>> = labels.data.iter().map(label).collect();
    let labels = labels.filter(|l| !l.is_empty());
    let y =
        labels.with_context(|| format!("{}: labels must be whole numbers from 0 to 255, at least one", y.display()))?;
    Ok(Labelled { x: samples, y })
}

/// Samples of a network's input.
/// # Errors
/// A file that cannot be read; another shape.
pub fn samples(x: &std::path::Path, dims: &[usize]) -> Result<Vec<Vec<f32>>> {
    cut(array(x)?, dims, None).with_context(|| x.display().to_string())
}

fn array(path: &std::path::Path) -> Result<Tensor> {
    let spec = path.to_str().with_context(|| format!("{}: the name is not UTF-8", path.display()))?;
    Tensor::read(spec, std::path::Path::new(""))
}

/// One sample for each index of the first dimension, of which there are as many as labels.
fn cut(data: Tensor, dims: &[usize], labels: Option<usize>) -> Result<Vec<Vec<f32>>> {
    let one: usize = dims.iter().product();
    let squeeze = |d: &[usize]| d.iter().copied().filter(|d| *d != 1).collect::<Vec<_>>();
    let first = data.shape.first().copied().unwrap_or(0);
    let (count, shape) = (labels.unwrap_or(first), data.shape.get(1..).unwrap_or(&[]));
    let fits = first == count && data.data.len() == count * one;
    let labels = labels.map_or(String::new(), |n| format!("{n} labels and "));
    ensure!(
        fits && (squeeze(shape) == squeeze(dims) || shape.len() == 1),
        "has shape {:?}; {labels}an input of {dims:?} need [{count}, ...] of that shape",
        data.shape
    );
    Ok(data.data.chunks_exact(one).map(<[f32]>::to_vec).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_and_tests_by_published_values() {
        // Wilson, 95 %: 8 of 10 gives 0.4902 to 0.9433; 0 of 20 gives 0 to 0.1611
        let (low, high) = wilson(8, 10);
        assert!((low - 0.490_162).abs() < 1e-5 && (high - 0.943_318).abs() < 1e-5, "{low} {high}");
        assert!((wilson(0, 20).1 - 0.161_13).abs() < 1e-4);
        // exact McNemar: 1 against 9 is 2 (1 + 10) / 2^10
        assert!((mcnemar(1, 9) - 22.0 / 1024.0).abs() < 1e-12);
        assert_eq!((mcnemar(0, 0), mcnemar(5, 5)), (1.0, 1.0));
        assert!((mcnemar(9, 1) - mcnemar(1, 9)).abs() < 1e-15);
    }

    #[test]
    fn macro_scores_by_hand() {
        // labels 0 0 1; answers 0 1 1: precision (1, 1/2), recall (1/2, 1), F1 (2/3, 2/3)
        let [p, r, f] = macro_scores([(0, 0), (0, 1), (1, 1)].into_iter());
        assert!((p - 0.75).abs() < 1e-12 && (r - 0.75).abs() < 1e-12 && (f - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn divergences_of_logits_and_probabilities_agree() {
        let logits = |v: Vec<f32>| Answers { outputs: vec![v], probabilities: false };
        let (a, b) = (logits(vec![0.0, 1.0]), logits(vec![0.5, 0.25]));
        let soft = |v: &Answers| {
            let e: Vec<f32> = v.outputs[0].iter().map(|x| x.exp()).collect();
            let sum: f32 = e.iter().sum();
            Answers { outputs: vec![e.iter().map(|x| x / sum).collect()], probabilities: true }
        };
        let (x, y) = (b.divergences(&a)[0], soft(&b).divergences(&soft(&a))[0]);
        assert!(x > 0.0 && (x - y).abs() < 1e-6, "{x} {y}");
        assert_eq!(a.divergences(&a)[0], 0.0);
    }
}
