//! The numbers of a layer: a user's tensors, a trained network's own, or synthetic ones of a stated distribution.

use anyhow::{Context, Result, anyhow, ensure};
use fastrand::Rng;
use sha2::{Digest, Sha256};

use crate::layer::{Layer, Network, NetworkData, Op, Shape, built_in_file};
use crate::op;
use crate::tensor::Tensor;

/// No layer keeps more samples than these; a quantization error is known well before.
pub const MOST_SAMPLES: usize = 200;

/// Of a layer with more weights than these only the first outputs are looked at, and synthetic weights repeat.
pub const MOST_WEIGHTS: usize = 1 << 24;

/// Weights and activations of one layer, all finite.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerData {
    /// Row-major [n, k]: the order of `Shape::weights_shape`.
    pub weights: Vec<f32>,
    /// [n]; zeros where the layer has none.
    pub bias: Vec<f32>,
    /// Activations, each `Shape::lhs_len` long; at least one, at most [`MOST_SAMPLES`].
    pub samples: Vec<Vec<f32>>,
    /// Are weights and activations both somebody's real ones?
    pub real: bool,
}

impl LayerData {
    /// The tensors that the layer names; for weights or activations that it doesn't name, synthetic ones.
    ///
    /// Synthetic data depend on nothing but the layer's key and shape, and are drawn as follows.
    /// - Weights: Gaussian of standard deviation sqrt(2 / k), each output channel scaled by a log-normal of sigma 0.5, as
    ///   channels of trained networks differ in range.
    /// - Activations, one sample: Gaussian, each input channel scaled by a log-normal of sigma 0.3; for conv2d and
    ///   depthwise its absolute value, as if after a ReLU. Of 32 channels or more, 1 % (at least one) are outlier channels,
    ///   20 times as large: what makes language models hard to quantize.
    /// - Bias: zero.
    /// # Errors
    /// A tensor that cannot be read or has not the layer's shape: one line that names the file.
    pub fn of(layer: &Layer) -> Result<Self> {
        let shape = &layer.shape;
        let read = |spec: &Option<String>, what: &str, dims: &[usize]| {
            let tensor = spec.as_ref().map(|spec| {
                let tensor = Tensor::read(spec, &layer.folder)?;
                tensor.expect(what, dims).with_context(|| layer.folder.join(spec).display().to_string())
            });
            tensor.transpose().map(|t| t.map(|t| t.data))
        };
        let weights = read(&layer.weights, "weights", &shape.weights_shape())?;
        let bias = read(&layer.bias, "bias", &[shape.n()])?;
        let samples = layer.activations.as_ref().map(|spec| {
            let tensor = Tensor::read(spec, &layer.folder)?;
            samples(tensor, shape).with_context(|| layer.folder.join(spec).display().to_string())
        });
        let samples = samples.transpose()?;
        Ok(Self {
            real: weights.is_some() && samples.is_some(),
            weights: weights.unwrap_or_else(|| synthetic_weights(shape, &mut rng(layer, "weights"))),
            bias: bias.unwrap_or_else(|| vec![0.0; shape.n()]),
            samples: samples.unwrap_or_else(|| vec![synthetic_sample(shape, &mut rng(layer, "activations"))]),
        })
    }
}

/// Cuts [samples, ...lhs_shape], or one sample without the leading dimension, into samples.
fn samples(tensor: Tensor, shape: &Shape) -> Result<Vec<Vec<f32>>> {
    let (len, dims) = (shape.lhs_len(), shape.lhs_shape());
    let count = tensor.data.len() / len;
    let batch = [&[count.max(1)], &dims[..]].concat();
    let tensor = tensor.expect("activations", &batch)?;
    Ok(tensor.data.chunks_exact(len).take(MOST_SAMPLES).map(<[f32]>::to_vec).collect())
}

fn rng(layer: &Layer, what: &str) -> Rng {
    let digest = Sha256::digest(format!("{} {:?} {what}", layer.key(), layer.shape));
    Rng::with_seed(digest.iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte)))
}

fn synthetic_weights(shape: &Shape, rng: &mut Rng) -> Vec<f32> {
    let (n, k) = (shape.n(), shape.k());
    let spread = (2.0 / k as f64).sqrt();
    let mut weights = Vec::with_capacity(n * k);
    let own = n.min((MOST_WEIGHTS / k).max(1)); // outputs
    for _ in 0..own {
        let scale = spread * (0.5 * normal_pair(rng).0).exp();
        weights.extend(normals(rng).take(k).map(|z| (scale * z) as f32));
    }
    while weights.len() < n * k {
        weights.extend_from_within(..(n * k - weights.len()).min(own * k));
    }
    weights
}

fn synthetic_sample(shape: &Shape, rng: &mut Rng) -> Vec<f32> {
    let scales = channel_scales(shape.c, rng);
    let one_sided = matches!(shape.op, Op::Conv2d | Op::Depthwise);
    let values = normals(rng).take(shape.lhs_len()).map(|z| if one_sided { z.abs() } else { z });
    values.enumerate().map(|(i, z)| (scales[i % shape.c] * z) as f32).collect()
}

/// Log-normal scales of `c` input channels, a few of them outliers.
fn channel_scales(c: usize, rng: &mut Rng) -> Vec<f64> {
    let mut scales: Vec<f64> = normals(rng).take(c).map(|z| (0.3 * z).exp()).collect();
    let outliers = if c < 32 { 0 } else { (c / 100).max(1) };
    for channel in rng.choose_multiple(0..c, outliers) {
        scales[channel] *= 20.0;
    }
    scales
}

/// Standard normal numbers without end.
fn normals(rng: &mut Rng) -> impl Iterator<Item = f64> {
    std::iter::repeat_with(|| normal_pair(rng)).flat_map(|(a, b)| [a, b])
}

/// Two of them: Marsaglia's polar method.
fn normal_pair(rng: &mut Rng) -> (f64, f64) {
    loop {
        let (x, y) = (2.0 * rng.f64() - 1.0, 2.0 * rng.f64() - 1.0);
        let square = x * x + y * y;
        if square > 0.0 && square < 1.0 {
            let radius = (-2.0 * square.ln() / square).sqrt();
            return (x * radius, y * radius);
        }
    }
}

/// Inputs of a network, and the class that each belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    pub x: Vec<Vec<f32>>,
    pub y: Vec<u8>,
}

/// Trained numbers of one layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    pub weights: Vec<f32>,
    pub bias: Vec<f32>,
}

/// A network's trained weights, and labelled data that took no part in the training: `calibration` to choose
/// quantization ranges, `test` to score with.
#[derive(Clone, Debug)]
pub struct Trained {
    /// In the order of the network's layers.
    pub layers: Vec<Parameters>,
    pub calibration: Labelled,
    pub test: Labelled,
}

impl Trained {
    /// None where the network comes without trained weights.
    /// # Errors
    /// A tensor that is missing or of another shape, layers that don't follow one another: one line that names the file.
    pub fn load(network: &Network) -> Result<Option<Self>> {
        let Some(data) = &network.data else { return Ok(None) };
        for pair in network.layers.windows(2) {
            let (gives, takes) = (pair[0].shape.out_len(), pair[1].shape.lhs_len());
            let (a, b) = (&pair[0].name, &pair[1].name);
            let name = &network.name;
            ensure!(gives == takes, "{name}: `{a}` gives {gives} numbers and `{b}` takes {takes}; they cannot be run");
        }
        let repeated = network.layers.iter().find(|l| l.count != 1);
        ensure!(repeated.is_none(), "{}: a layer of a network with trained weights occurs once", network.name);
        let layers = network.layers.iter().map(|layer| parameters(layer, &data.weights));
        let layers = layers.collect::<Result<_>>()?;
        let (calibration, test) = (split(network, data, "calibration")?, split(network, data, "test")?);
        Ok(Some(Self { layers, calibration, test }))
    }

    /// The split of a network's data that its weights were trained on.
    /// # Errors
    /// It has none, or one of another shape.
    pub fn training(network: &Network) -> Result<Labelled> {
        let data = network.data.as_ref().with_context(|| format!("{} has no training data", network.name))?;
        split(network, data, "train")
    }

    /// A layer's own weights, and what reaches it when the float network runs on the first `samples` (at most
    /// [`MOST_SAMPLES`]) of the calibration split.
    /// # Panics
    /// When the network is not the one that was loaded, or has no such layer.
    pub fn layer_data(&self, network: &Network, layer_index: usize, samples: usize) -> LayerData {
        assert!(layer_index < network.layers.len() && network.layers.len() == self.layers.len());
        let before = network.layers.iter().zip(&self.layers).take(layer_index);
        let before: Vec<_> = before.collect();
        let images = self.calibration.x.iter().take(samples.clamp(1, MOST_SAMPLES));
        let samples = images.map(|image| {
            before
                .iter()
                .fold(image.clone(), |x, (layer, p)| op::forward(&layer.shape, layer.relu, &x, &p.weights, &p.bias))
        });
        let Parameters { weights, bias } = self.layers[layer_index].clone();
        LayerData { weights, bias, samples: samples.collect(), real: true }
    }
}

fn parameters(layer: &Layer, file: &str) -> Result<Parameters> {
    let read = |what: &str, dims: &[usize]| {
        let name = format!("{}.{what}", layer.name);
        tensor(file, &name)?.expect("it", dims).with_context(|| format!("{file}#{name}"))
    };
    let (weights, bias) = (read("weight", &layer.shape.weights_shape())?, read("bias", &[layer.shape.n()])?);
    Ok(Parameters { weights: weights.data, bias: bias.data })
}

fn split(network: &Network, data: &NetworkData, name: &str) -> Result<Labelled> {
    let file = &data.samples;
    let (x, y) = (tensor(file, &format!("{name}.x"))?, tensor(file, &format!("{name}.y"))?);
    let (first, last) = (network.layers[0].shape, network.layers[network.layers.len() - 1].shape);
    let dims = [&[y.data.len()], &first.lhs_shape()[..]].concat();
    let x = x.expect("it", &dims).with_context(|| format!("{file}#{name}.x"))?;
    let classes = last.out_len().min(256);
    let label = |v: &f32| (v.fract() == 0.0 && *v >= 0.0 && *v < classes as f32).then_some(*v as u8);
    let labels: Option<Vec<u8>> = y.data.iter().map(label).collect();
    let labels = labels.filter(|l| !l.is_empty());
    let y = labels.ok_or_else(|| anyhow!("{file}#{name}.y: labels must be 0 to {}, and at least one", classes - 1))?;
    let x = x.data.chunks_exact(first.lhs_len()).map(|image| image.iter().map(|v| v * data.input_scale).collect());
    Ok(Labelled { x: x.collect(), y })
}

/// A named tensor of a built-in network's file.
fn tensor(file: &str, name: &str) -> Result<Tensor> {
    let bytes = built_in_file(file).with_context(|| format!("{file} belongs to no built-in network"))?;
    Tensor::from_safetensors(bytes, name).with_context(|| file.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(shape: Shape) -> Layer {
        Layer::of_shape("x", shape)
    }

    /// Root mean square of each channel of row-major [.., channels].
    fn rms(x: &[f32], channels: usize) -> Vec<f64> {
        let rows = (x.len() / channels) as f64;
        let power = |c: usize| x.iter().skip(c).step_by(channels).map(|v| f64::from(*v).powi(2)).sum::<f64>();
        (0..channels).map(|c| (power(c) / rows).sqrt()).collect()
    }

    #[test]
    fn synthetic_data_are_their_layers_own() {
        let (a, b) = (Shape::gemm(4, 8, 64).unwrap(), Shape::gemm(4, 8, 65).unwrap());
        let data = LayerData::of(&layer(a)).unwrap();
        assert_eq!(data, LayerData::of(&layer(a)).unwrap());
        assert_ne!(data.weights[..8], LayerData::of(&layer(b)).unwrap().weights[..8]);
        assert_ne!(data.weights, LayerData::of(&Layer::of_shape("y", a)).unwrap().weights);
        assert!(!data.real);
        assert_eq!((data.weights.len(), data.bias.len(), data.samples.len()), (512, 8, 1));
        assert_eq!(data.samples[0].len(), a.lhs_len());
        assert!(data.weights.iter().chain(&data.samples[0]).all(|v| v.is_finite()));
    }

    #[test]
    fn synthetic_data_follow_the_stated_distribution() {
        let data = LayerData::of(&layer(Shape::gemm(500, 200, 400).unwrap())).unwrap();
        let scales = rms(&data.samples[0], 400);
        assert_eq!(scales.iter().filter(|s| **s > 6.0).count(), 4, "1 % of the channels are outliers");
        let mut usual: Vec<f64> = scales.iter().copied().filter(|s| *s <= 6.0).collect();
        usual.sort_by(f64::total_cmp);
        assert!((usual[198] - 1.0).abs() < 0.1, "median scale {}", usual[198]);
        assert!(data.samples[0].iter().any(|v| *v < 0.0));
        let mut channels: Vec<f64> = data.weights.chunks_exact(400).map(|row| rms(row, 1)[0]).collect();
        channels.sort_by(f64::total_cmp);
        let expected = (2.0f64 / 400.0).sqrt();
        assert!((channels[100] / expected - 1.0).abs() < 0.15, "median deviation {}", channels[100]);
        assert!((channels[168] / channels[32]).ln() / 2.0 > 0.4, "channels differ in range");

        let conv = |c| Shape::conv(Op::Conv2d, [9, 9, c], 4, [3, 3], 1, [1; 4]).unwrap();
        let few = LayerData::of(&layer(conv(31))).unwrap();
        assert!(few.samples[0].iter().all(|v| *v >= 0.0), "as if after a ReLU");
        assert!(rms(&few.samples[0], 31).iter().all(|s| *s < 6.0), "no outliers among few channels");
        let some = LayerData::of(&layer(conv(32))).unwrap();
        assert_eq!(rms(&some.samples[0], 32).iter().filter(|s| **s > 6.0).count(), 1);
    }

    #[test]
    fn digits_load_and_the_rest_have_nothing_to_load() {
        let digits = Network::built_in("digits").unwrap();
        let trained = Trained::load(&digits).unwrap().unwrap();
        assert_eq!((trained.calibration.x.len(), trained.test.x.len()), (200, 400));
        assert_eq!(trained.layers.iter().map(|p| p.weights.len()).sum::<usize>(), 13376);
        assert!(trained.test.x.iter().flatten().all(|v| (0.0..=1.0).contains(v)));
        let data = trained.layer_data(&digits, 5, 1000);
        assert_eq!((data.samples.len(), data.samples[0].len(), data.real), (200, 1024, true));
        assert_eq!(trained.layer_data(&digits, 0, 3).samples, trained.calibration.x[..3]);
        assert!(Trained::load(&Network::built_in("resnet50").unwrap()).unwrap().is_none());
    }
}
