//! How wrong a layer or a network is under a scheme. It belongs to layer and scheme alone: every right kernel gives the
//! same numbers, so it is computed here by the law and measured on no device.

use anyhow::{Result, ensure};
use rayon::prelude::*;

use crate::candidate::Contract;
use crate::data::{LayerData, MOST_WEIGHTS, Parameters, Trained};
use crate::layer::{Layer, Network, Op, Shape};
use crate::op;
use crate::quantized::QuantizedLayer;
use crate::record::Accuracy;
use crate::scheme::Scheme;
use crate::scheme::compress::follow;
use crate::scheme::correct::{Draft, Input};
use crate::slim::slim;

/// Multiply-accumulates that measuring one layer may take: about half a second of [`op::forward_f64`].
const MOST_MACS: u64 = 500_000_000;

/// How far an output is from the truth, over all its elements. None where a figure is not a finite number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// Signal to quantization noise: -10 log10(sum (y - got)^2 / sum y^2). None where there is no error, as the ratio is
    /// infinite, and where the truth is all zeros.
    pub sqnr_db: Option<f64>,
    /// None where either side is all zeros.
    pub cosine: Option<f64>,
    pub mse: Option<f64>,
    pub max_error: Option<f64>,
}

/// # Panics
/// When the lengths differ.
pub fn metrics(truth: &[f64], got: &[f32]) -> Metrics {
    assert_eq!(truth.len(), got.len());
    let (mut signal, mut output, mut product, mut noise, mut max) = (0.0, 0.0, 0.0, 0.0, 0.0f64);
    for (y, got) in truth.iter().zip(got) {
        let got = f64::from(*got);
        let error = y - got;
        signal += y * y;
        output += got * got;
        product += y * got;
        noise += error * error;
        max = max.max(error.abs()); // loses a NaN, which the sums keep
    }
    let finite = |v: f64| v.is_finite().then_some(v);
    let mse = finite(noise / truth.len() as f64);
    Metrics {
        sqnr_db: finite(-10.0 * (noise / signal).log10()),
        cosine: finite(product / (signal.sqrt() * output.sqrt())).map(|c| c.clamp(-1.0, 1.0)),
        mse,
        max_error: mse.and(finite(max)),
    }
}

/// One layer's error under a scheme, against the same layer in f64 on unquantized numbers.
///
/// With two samples or more, the first half calibrates and the second is measured: by every scheme and contract alike, so
/// that their figures compare. A single sample is both. Under the int8 contract the activations' grid is static, from
/// the least to the greatest calibration value; under f32io it is what the scheme says. Of a layer too large to measure
/// in about a second fewer samples are taken, and the first rows and columns of the output. A correction that works
/// across layers does nothing to one alone.
///
/// The f32 scheme's output is the truth rounded once to f32: a kernel that sums in f32 is at least as wrong.
/// # Errors
/// Data of another shape, or a contract that the scheme does not have.
pub fn of_layer(layer: &Layer, data: &LayerData, scheme: &Scheme, contract: Contract) -> Result<Accuracy> {
    let trial = Trial::of(layer, data, scheme, contract)?;
    let quantized = &trial.quantized;
    let weights: Vec<f64> = quantized.truth.iter().map(|w| f64::from(*w)).collect();
    let row = Accuracy {
        network: layer.network.clone(),
        layer: layer.name.clone(),
        data: if data.real { "real" } else { "synthetic" }.into(),
        samples: trial.measured.len(),
        weight_bits: quantized.stored_bits / weights.len() as f64,
        weight_sqnr_db: metrics(&weights, &quantized.values).sqnr_db,
        note: quantized.notes(scheme, true).join("; "),
        ..blank(scheme, contract)
    };
    Ok(with_metrics(row, &trial.metrics(|x| quantized.forward(&trial.shape, layer.relu, x))))
}

/// A layer quantized, and what it is measured on.
pub struct Trial<'a> {
    pub quantized: QuantizedLayer,
    /// What of the layer is measured.
    pub shape: Shape,
    pub measured: &'a [Vec<f32>],
    truth: Vec<f64>,
}

impl<'a> Trial<'a> {
    /// # Errors
    /// See [`of_layer`].
    pub fn of(layer: &Layer, data: &'a LayerData, scheme: &Scheme, contract: Contract) -> Result<Self> {
        let quantized = quantized_layer(layer, data, scheme, contract)?;
        let (shape, relu, measured) = (layer.shape, layer.relu, halves(data).1);
        let columns = outputs(shape, MOST_WEIGHTS);
        let (floats, bias) = (&data.weights[..columns.weights_len()], &data.bias[..columns.n()]);
        let (shape, count) = portion(shape, measured.len(), MOST_MACS, MOST_WEIGHTS);
        let measured = &measured[..count];
        let truth = measured.iter().flat_map(|x| op::forward_f64(&shape, relu, x, floats, bias)).collect();
        Ok(Self { quantized, shape, measured, truth })
    }

    /// How far what `forward` makes of the measured samples is from the truth.
    pub fn metrics(&self, forward: impl FnMut(&Vec<f32>) -> Vec<f32>) -> Metrics {
        metrics(&self.truth, &self.measured.iter().flat_map(forward).collect::<Vec<f32>>())
    }
}

/// The samples that calibrate and those that are measured.
pub(crate) fn halves(data: &LayerData) -> (&[Vec<f32>], &[Vec<f32>]) {
    match data.samples.len() {
        1 => (&data.samples[..], &data.samples[..]),
        n => data.samples.split_at(n / 2),
    }
}

/// A layer as [`of_layer`] measures it.
pub(crate) fn quantized_layer(
    layer: &Layer,
    data: &LayerData,
    scheme: &Scheme,
    contract: Contract,
) -> Result<QuantizedLayer> {
    check(scheme, contract)?;
    let shape = layer.shape;
    let right = data.weights.len() == shape.weights_len()
        && data.bias.len() == shape.n()
        && !data.samples.is_empty()
        && data.samples.iter().all(|x| x.len() == shape.lhs_len());
    ensure!(right, "layer {}: the data are not of its shape", layer.key());
    let columns = outputs(shape, MOST_WEIGHTS);
    let draft = draft(columns, &data.weights[..columns.weights_len()], &data.bias[..columns.n()]);
    let calibration: Vec<&[f32]> = halves(data).0.iter().map(Vec::as_slice).collect();
    Ok(QuantizedLayer::of(draft, &calibration, scheme, contract))
}

/// What a network scores on its test split when every layer runs under the scheme, in the very arithmetic of its kernels;
/// and how far its outputs are from the float network's.
/// Between layers numbers are f32: under the int8 contract each layer's accumulators are scaled, biased and clamped in
/// f32, then put on the next layer's static grid, which comes from the float network on the whole calibration split.
/// # Errors
/// A contract that the scheme does not have.
/// # Panics
/// When the network is not the one that was loaded.
pub fn of_network(network: &Network, trained: &Trained, scheme: &Scheme, contract: Contract) -> Result<Accuracy> {
    check(scheme, contract)?;
    let whole = (network, trained);
    let row = match slim(network, trained, scheme) {
        Some((network, trained, rest)) => compare(whole, (&network, &trained), &rest, contract)?,
        None => compare(whole, whole, scheme, contract)?,
    };
    Ok(Accuracy { scheme: scheme.to_string(), ..row })
}

/// The same of a network that was made from another in float, with fewer channels or other weights: how it scores under the scheme, and how
/// far it is from that one.
/// # Errors
/// A contract that the scheme does not have.
/// # Panics
/// When a network is not the one that was loaded.
pub fn compare(
    (network, trained): (&Network, &Trained),
    (other, changed): (&Network, &Trained),
    scheme: &Scheme,
    contract: Contract,
) -> Result<Accuracy> {
    check(scheme, contract)?;
    assert_eq!(network.layers.len(), trained.layers.len());
    assert_eq!(other.layers.len(), changed.layers.len());
    let layers = quantized_layers(other, changed, scheme, contract);
    let test = &trained.test;
    let (mut truth, mut got) = (vec![], vec![]);
    let (mut kl, mut correct) = (0.0, 0);
    for (image, label) in test.x.iter().zip(&test.y) {
        let float = network
            .layers
            .iter()
            .zip(&trained.layers)
            .fold(image.clone(), |x, (layer, p)| op::forward(&layer.shape, layer.relu, &x, &p.weights, &p.bias));
        let logits = other
            .layers
            .iter()
            .zip(&layers)
            .fold(image.clone(), |x, (layer, q)| q.forward(&layer.shape, layer.relu, &x));
        kl += divergence(&float, &logits);
        correct += usize::from(class(&logits) == Some(usize::from(*label)));
        truth.extend(float.into_iter().map(f64::from));
        got.extend(logits);
    }
    let total: usize = trained.layers.iter().map(|p| p.weights.len()).sum();
    let stored: f64 = layers.iter().map(|q| q.stored_bits).sum();
    let kl = kl / test.x.len() as f64;
    let row = Accuracy {
        network: network.name.clone(),
        data: "real".into(),
        samples: test.x.len(),
        top1: Some(correct),
        weight_bits: stored / total as f64,
        kl: Some(kl).filter(|v| v.is_finite()),
        ..blank(scheme, contract)
    };
    Ok(with_metrics(row, &metrics(&truth, &got)))
}

/// The class that has the greatest logit; of equal ones the first.
pub fn class(logits: &[f32]) -> Option<usize> {
    (0..logits.len()).rev().max_by(|a, b| logits[*a].total_cmp(&logits[*b]))
}

/// Every layer of a network under a scheme.
pub fn quantized_layers(
    network: &Network,
    trained: &Trained,
    scheme: &Scheme,
    contract: Contract,
) -> Vec<QuantizedLayer> {
    let each = network.layers.iter().zip(&trained.layers);
    let mut drafts: Vec<Draft> = each.map(|(l, p)| draft(l.shape, &p.weights, &p.bias)).collect();
    let relu: Vec<bool> = network.layers.iter().map(|l| l.relu).collect();
    scheme.corrections.iter().for_each(|c| c.across(&mut drafts, &relu));
    let changed = |d: &Draft| Parameters { weights: d.weights.clone(), bias: d.bias.clone() };
    let trained = Trained { layers: drafts.iter().map(changed).collect(), ..trained.clone() };
    // what refits does so on what reaches it now: each layer makes up for those before
    let mut now = scheme.refits().then(|| trained.layer_data(network, 0, usize::MAX).samples);
    let quantize = |(i, mut draft)| {
        let samples = trained.layer_data(network, i, usize::MAX).samples;
        let samples: Vec<&[f32]> = samples.iter().map(Vec::as_slice).collect();
        let Some(reaching) = &mut now else { return QuantizedLayer::of(draft, &samples, scheme, contract) };
        let inputs: Vec<&[f32]> = reaching.iter().map(Vec::as_slice).collect();
        let whole: Draft = draft.clone();
        follow(&mut draft, (&whole, &samples), &inputs);
        let quantized = QuantizedLayer::of(draft, &inputs, scheme, contract);
        let layer = &network.layers[i];
        *reaching = inputs.par_iter().map(|x| quantized.forward(&layer.shape, layer.relu, x)).collect();
        quantized
    };
    drafts.into_iter().enumerate().map(quantize).collect()
}

fn draft(shape: Shape, weights: &[f32], bias: &[f32]) -> Draft {
    Draft { shape, weights: weights.to_vec(), bias: bias.to_vec(), input: Input::default(), importance: None }
}

/// Kullback-Leibler divergence, in nats, of the classes' probabilities from the true ones; both are given as logits.
fn divergence(truth: &[f32], got: &[f32]) -> f64 {
    let log_softmax = |logits: &[f32]| {
        let most = logits.iter().fold(f64::NEG_INFINITY, |m, v| m.max(f64::from(*v)));
        let sum: f64 = logits.iter().map(|v| (f64::from(*v) - most).exp()).sum();
        logits.iter().map(|v| f64::from(*v) - most - sum.ln()).collect::<Vec<f64>>()
    };
    let (p, q) = (log_softmax(truth), log_softmax(got));
    p.iter().zip(&q).map(|(p, q)| p.exp() * (p - q)).sum()
}

fn blank(scheme: &Scheme, contract: Contract) -> Accuracy {
    Accuracy {
        network: String::new(),
        layer: String::new(),
        scheme: scheme.to_string(),
        contract,
        data: String::new(),
        samples: 0,
        sqnr_db: None,
        cosine: None,
        mse: None,
        max_error: None,
        top1: None,
        weight_bits: 0.0,
        weight_sqnr_db: None,
        kl: None,
        note: String::new(),
    }
}

fn with_metrics(row: Accuracy, m: &Metrics) -> Accuracy {
    Accuracy { sqnr_db: m.sqnr_db, cosine: m.cosine, mse: m.mse, max_error: m.max_error, ..row }
}

/// A layer of no more weights than these: of a larger one the first outputs.
fn outputs(shape: Shape, most_weights: usize) -> Shape {
    let outputs = if shape.op == Op::Depthwise { shape.f } else { shape.f.min((most_weights / shape.k()).max(1)) };
    Shape { f: outputs, ..shape }
}

/// What of a layer is measured: so many samples, and of their outputs the first columns and rows. The input stays whole,
/// and so does an image's grid.
fn portion(shape: Shape, samples: usize, most_macs: u64, most_weights: usize) -> (Shape, usize) {
    let shape = outputs(shape, most_weights);
    let line = shape.macs() / shape.oh as u64;
    let rows = shape.oh.min((most_macs / line).max(1) as usize);
    (Shape { oh: rows, ..shape }, samples.min((most_macs / shape.macs()).max(1) as usize))
}

fn check(scheme: &Scheme, contract: Contract) -> Result<()> {
    let has = scheme.contracts().contains(&contract);
    ensure!(has, "scheme `{scheme}` has no {} contract", contract.name());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::find;

    #[test]
    fn metrics_by_hand() {
        // errors 1, 0, -2; sum of squares of the truth 25, of the output 4 + 16 + 4 = 24; product 6 + 16 + 0 = 22
        let m = metrics(&[3.0, 4.0, 0.0], &[2.0, 4.0, 2.0]);
        assert!((m.sqnr_db.unwrap() - 6.989_700_043_360_188).abs() < 1e-12); // 10 log10(25 / 5)
        assert!((m.cosine.unwrap() - 22.0 / (5.0 * 24f64.sqrt())).abs() < 1e-12);
        assert_eq!((m.mse, m.max_error), (Some(5.0 / 3.0), Some(2.0)));
    }

    #[test]
    fn figures_that_are_no_numbers_are_none() {
        let exact = metrics(&[1.0, -2.0], &[1.0, -2.0]);
        assert_eq!((exact.sqnr_db, exact.mse, exact.max_error), (None, Some(0.0), Some(0.0)));
        assert!((exact.cosine.unwrap() - 1.0).abs() < 1e-15);
        let zeros = metrics(&[0.0, 0.0], &[0.0, 0.0]);
        assert_eq!(zeros, Metrics { sqnr_db: None, cosine: None, mse: Some(0.0), max_error: Some(0.0) });
        let noise = metrics(&[0.0, 0.0], &[3.0, 0.0]);
        assert_eq!(noise, Metrics { sqnr_db: None, cosine: None, mse: Some(4.5), max_error: Some(3.0) });
        let none = Metrics { sqnr_db: None, cosine: None, mse: None, max_error: None };
        for got in [[f32::NAN, 1.0], [1.0, f32::NAN], [f32::INFINITY, 1.0]] {
            assert_eq!(metrics(&[1.0, 1.0], &got), none, "{got:?}");
        }
        assert_eq!(metrics(&[], &[]).sqnr_db, None);
    }

    fn layer(shape: Shape) -> (Layer, LayerData) {
        let layer = Layer::of_shape("x", shape);
        let data = LayerData::of(&layer).unwrap();
        (layer, data)
    }

    #[test]
    fn a_layer_that_the_grid_holds_exactly_has_no_error() {
        let (layer, mut data) = layer(Shape::gemm(1, 2, 2).unwrap());
        data.weights = vec![127.0, -3.0, 127.0, 50.0];
        data.samples = vec![vec![0.0, 255.0]];
        for contract in [Contract::Int8, Contract::F32io] {
            let row = of_layer(&layer, &data, &find("w8a8").unwrap(), contract).unwrap();
            assert_eq!((row.mse, row.max_error, row.sqnr_db), (Some(0.0), Some(0.0), None));
            assert_eq!((row.layer.as_str(), row.data.as_str(), row.top1), ("x", "synthetic", None));
            assert_eq!(row.weight_bits, 8.0 + 32.0 / 2.0);
        }
    }

    #[test]
    fn the_first_half_calibrates_and_the_second_is_measured() {
        let (layer, mut data) = layer(Shape::gemm(1, 1, 2).unwrap());
        data.weights = vec![1.0, 1.0];
        data.samples = vec![vec![0.0, 1.0], vec![0.0, 4.0], vec![2.0, 4.0]];
        let fixed = of_layer(&layer, &data, &find("w8a8").unwrap(), Contract::Int8).unwrap();
        assert_eq!(fixed.samples, 2);
        assert!((fixed.max_error.unwrap() - 4.0).abs() < 1e-5, "6 is cut off at 1 + 1");
        let dynamic = of_layer(&layer, &data, &find("w8a8").unwrap(), Contract::F32io).unwrap();
        assert!(dynamic.max_error.unwrap() < 0.02 && dynamic.samples == 2);
    }

    #[test]
    fn large_layers_are_measured_in_part() {
        let gemm = Shape::gemm(128, 11008, 4096).unwrap();
        assert_eq!(portion(gemm, 9, MOST_MACS, MOST_WEIGHTS), (Shape { f: 4096, oh: 29, ..gemm }, 1));
        let conv = Shape::conv(Op::Conv2d, [6, 5, 3], 4, [3, 3], 1, [1; 4]).unwrap(); // 135 for a row of one output
        assert_eq!(portion(conv, 9, 10 * conv.macs(), 1000), (conv, 9));
        assert_eq!(portion(conv, 9, 3 * conv.macs(), 1000), (conv, 3));
        assert_eq!(portion(conv, 9, 1100, 1000), (Shape { oh: 2, ..conv }, 1));
        assert_eq!(portion(conv, 9, 1, 1), (Shape { oh: 1, f: 1, ..conv }, 1));
        let depthwise = Shape::conv(Op::Depthwise, [6, 5, 3], 3, [3, 3], 1, [1; 4]).unwrap();
        assert_eq!(portion(depthwise, 1, 1, 1), (Shape { oh: 1, ..depthwise }, 1));
        let (_, data) = layer(conv);
        for scheme in ["f32", "w8a8"].map(|n| find(n).unwrap()) {
            let run = |shape: &Shape| {
                let (weights, bias) = (&data.weights[..shape.weights_len()], &data.bias[..shape.n()]);
                let layer = draft(*shape, weights, bias);
                QuantizedLayer::of(layer, &[&data.samples[0]], &scheme, Contract::F32io).forward(
                    shape,
                    true,
                    &data.samples[0],
                )
            };
            let part = run(&portion(conv, 1, 300, 60).0);
            let whole = run(&conv);
            let first: Vec<f32> = whole[..10 * 4].chunks_exact(4).flat_map(|row| row[..2].to_vec()).collect();
            assert_eq!(part, first[..part.len()], "the first rows and columns are those of the whole");
            assert_eq!(part.len(), 5 * 2);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (layer, mut data) = layer(Shape::gemm(2, 3, 4).unwrap());
        let error = of_layer(&layer, &data, &find("f32").unwrap(), Contract::Int8).unwrap_err().to_string();
        assert_eq!(error, "scheme `f32` has no int8 contract");
        data.samples[0].pop();
        let error = of_layer(&layer, &data, &find("f32").unwrap(), Contract::F32io).unwrap_err().to_string();
        assert_eq!(error, "layer user/x: the data are not of its shape");
        data.samples.clear();
        assert!(of_layer(&layer, &data, &find("f32").unwrap(), Contract::F32io).is_err());
    }

    #[test]
    fn extreme_numbers_never_reach_a_row_as_infinities() {
        let (layer, mut data) = layer(Shape::gemm(2, 3, 4).unwrap());
        for scale in [1e-45f32, 1e-38, 1e38, 3e38] {
            data.weights = (0..12).map(|i| scale * (i as f32 / 12.0 - 0.5)).collect();
            data.samples = vec![(0..8).map(|i| scale * (0.5 - i as f32 / 8.0)).collect()];
            for contract in Contract::ALL {
                let row = of_layer(&layer, &data, &find("w8a8").unwrap(), contract).unwrap();
                let figures = [row.sqnr_db, row.cosine, row.mse, row.max_error];
                assert!(figures.iter().flatten().all(|v| v.is_finite()), "{row:?}");
            }
        }
    }
}
