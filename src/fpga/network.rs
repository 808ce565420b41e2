//! A trained network under a scheme as one stream: every layer a stage, every stage as fast as the others, and the numbers
//! between them those that the network's own arithmetic gives, bit for bit.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};

use super::chain::{Chain, Stage, Window};
use super::design::unit_input;
use super::ir::{Memory, Mvau, Requant, UnitKind, divisors};
use super::parameters::{Parameters, Rescale};
use crate::accuracy::{quantized_layer, quantized_layers};
use crate::candidate::Contract;
use crate::data::{LayerData, Trained};
use crate::layer::{Layer, Network, Op};
use crate::op;
use crate::quantized::QuantizedLayer;
use crate::scheme::activations::Fixed;
use crate::scheme::affine::Grid;
use crate::scheme::{Scheme, Weights};

/// Memories of weights of no more words than these are made of look-up tables.
const DISTRIBUTED_WORDS: usize = 128;

/// A network that streams. It takes codes of activations and gives the sums of its last layer.
pub struct Stream {
    pub chain: Chain,
    numbers: Arc<Numbers>,
}

/// A network under a scheme, at any interval.
pub struct Numbers {
    network: Network,
    layers: Vec<QuantizedLayer>,
    parts: Vec<Part>,
    weight_bits: u32,
}

/// What a layer's integers stand for.
struct Part {
    grid: Grid,
    bits: u32,
    codes: Vec<i8>,
    scales: Vec<f32>,
    sums: Vec<i32>,
    bias: Vec<f32>,
    relu: bool,
}

impl Part {
    fn of(layer: &Layer, q: &QuantizedLayer, scheme: &Scheme) -> Result<Self> {
        let refused =
            || format!("layer {}: designs need integers with one scale for each output; {scheme} has none", layer.name);
        ensure!(scheme.integer(), refused());
        let Weights::Int { codes, scales, group: None } = &q.weights else { bail!(refused()) };
        let Some((Fixed::Grid(grid), false)) = q.input_map(&[]) else { bail!(refused()) };
        Ok(Self {
            grid,
            bits: (grid.top + 1).ilog2(),
            sums: op::column_sums(codes, layer.shape.k()),
            codes: codes.clone(),
            scales: scales.clone(),
            bias: q.bias.clone(),
            relu: layer.relu,
        })
    }

    /// What a sum of an output stands for.
    fn finish(&self, row: usize, sum: i32) -> f32 {
        self.grid.finish(sum, self.scales[row], self.sums[row], self.bias[row], self.relu)
    }
}

impl Numbers {
    /// # Errors
    /// A scheme without integers.
    pub fn of(network: &Network, trained: &Trained, scheme: &Scheme) -> Result<Self> {
        let has = scheme.contracts().contains(&Contract::Int8);
        ensure!(has, "designs need integer activations on one grid; {scheme} has none");
        let layers = quantized_layers(network, trained, scheme, Contract::Int8);
        let parts = network.layers.iter().zip(&layers).map(|(l, q)| Part::of(l, q, scheme));
        let parts: Vec<Part> = parts.collect::<Result<_>>()?;
        Ok(Self { network: network.clone(), layers, parts, weight_bits: scheme.weight_bits().ceil() as u32 })
    }
}

impl Stream {
    /// A stream of at most `interval` clock cycles from frame to frame, of as few multipliers as that takes.
    /// # Errors
    /// A scheme without integers, or an interval that the network cannot have.
    pub fn of(network: &Network, trained: &Trained, scheme: &Scheme, interval: u64) -> Result<Self> {
        Self::at(&Arc::new(Numbers::of(network, trained, scheme)?), interval)
    }

    /// The same of numbers that are there.
    /// # Errors
    /// An interval that the network cannot have.
    pub fn at(given: &Arc<Numbers>, interval: u64) -> Result<Self> {
        let Numbers { network, parts, weight_bits: bits, .. } = &**given;
        let name = super::design::symbol(&network.name);
        let mut chain = Chain { name, frame: network.layers[0].shape.lhs_len(), stages: vec![] };
        let mut lanes = None;
        for (i, layer) in network.layers.iter().enumerate() {
            let unit = unit_of(layer, *bits, parts[i].bits, lanes, interval)?;
            let (unit, own) = numbers(unit, &parts[i], parts.get(i + 1));
            resize(&mut chain.stages, lanes, unit.input_lanes(), unit.activation_bits);
            if !layer.shape.is_plain() {
                let (lanes, pad) = (unit.input_lanes(), parts[i].grid.zero);
                chain.stages.push(Stage::Window(Window { shape: layer.shape, lanes, bits: unit.activation_bits, pad }));
            }
            if layer.shape.is_plain() && unit.neuron_folds() > 1 && lanes.is_some() {
                // a vector of the next frame comes while the folds of this one are gone through
                let depth = unit.synapse_folds().max(2).next_power_of_two();
                chain.stages.push(Stage::Queue { stream: unit_input(&unit), depth });
            }
            lanes = Some(unit.pe);
            let name = format!("{}_{}", chain.name, super::design::symbol(&layer.name));
            chain.stages.push(Stage::Unit { name, unit, own });
        }
        chain.check()?;
        Ok(Self { chain, numbers: given.clone() })
    }

    /// The codes of an image.
    pub fn frame(&self, image: &[f32]) -> Vec<i32> {
        image.iter().map(|v| i32::from(self.numbers.parts[0].grid.quantize(*v))).collect()
    }

    /// What the sums of the last layer stand for.
    pub fn logits(&self, sums: &[i32]) -> Vec<f32> {
        let parts = &self.numbers.parts;
        let last = &parts[parts.len() - 1];
        sums.iter().enumerate().map(|(i, v)| last.finish(i % last.scales.len(), *v)).collect()
    }

    /// What the network gives in its own arithmetic: that of [`crate::accuracy::of_network`] under the int8 contract.
    pub fn reference(&self, image: &[f32]) -> Vec<f32> {
        let each = self.numbers.network.layers.iter().zip(&self.numbers.layers);
        each.fold(image.to_vec(), |x, (layer, q)| q.forward(&layer.shape, layer.relu, &x))
    }
}

/// The least folding of a layer that is fast enough, and of equal ones one whose beats are as wide as those that come.
fn unit_of(layer: &Layer, weight_bits: u32, bits: u32, lanes: Option<usize>, interval: u64) -> Result<Mvau> {
    let s = &layer.shape;
    let depthwise = s.op == Op::Depthwise;
    let kind = if depthwise { UnitKind::Depthwise } else { UnitKind::Dense };
    let vectors = s.m() as u64;
    let simds = if depthwise { vec![1] } else { divisors(s.c) };
    let pairs = divisors(s.n()).into_iter().flat_map(|pe| simds.iter().map(move |simd| (pe, *simd)));
    let folds = |(pe, simd): &(usize, usize)| vectors * (s.n() / pe * (s.k() / simd)) as u64;
    let taken = |(pe, simd): &(usize, usize)| if depthwise { *pe } else { *simd };
    let fast = |pair: &(usize, usize)| {
        let beats = (s.lhs_len() / taken(pair)) as u64;
        folds(pair) <= interval && beats <= interval
    };
    let cost = |pair: &(usize, usize)| {
        let width = taken(pair);
        let other = lanes.is_some_and(|from| from % width != 0 && width % from != 0);
        (pair.0 * pair.1, other, lanes.is_some_and(|from| from != width), pair.0.abs_diff(pair.1))
    };
    let Some((pe, simd)) = pairs.filter(fast).min_by_key(cost) else {
        let widest = if depthwise { s.n() } else { s.c };
        let least = folds(&(s.n(), if depthwise { 1 } else { s.c })).max((s.lhs_len() / widest) as u64);
        bail!("layer {} takes at least {least} cycles; give it an interval of no less", layer.name);
    };
    let mut unit = Mvau::new(kind, [s.n(), s.k()], [weight_bits, bits], [pe, simd])
        .with_context(|| format!("layer {}", layer.name))?;
    unit.memory = if unit.weight_memory().1 > DISTRIBUTED_WORDS { Memory::Block } else { Memory::Distributed };
    Ok(unit)
}

/// A unit with its numbers, and the accumulator that they need. Thresholds say at which sums the code of the next layer's
/// grid changes: scaling, bias, clamping and rounding in f32 never make a greater sum a lesser code.
fn numbers(mut unit: Mvau, part: &Part, next: Option<&Part>) -> (Mvau, Parameters) {
    let mut own = Parameters { weights: part.codes.clone(), init: vec![0; unit.rows], rescale: Rescale::None };
    if let Some(next) = next {
        let code = |row: usize, sum: i32| i32::from(next.grid.quantize(part.finish(row, sum)));
        own.rescale = Parameters::thresholds(unit.rows, next.bits, &own.sums(&unit), code);
        unit.requant = Requant::Thresholds { bits: next.bits };
    }
    unit.accumulator = own.accumulator(&unit);
    (unit, own)
}

/// What makes beats of `to` elements out of those of `from`: two stages where neither divides the other.
fn resize(stages: &mut Vec<Stage>, from: Option<usize>, to: usize, bits: u32) {
    let Some(from) = from else { return };
    let between = divisors(from).into_iter().rfind(|d| to.is_multiple_of(*d)).unwrap_or(1);
    for (from, to) in [(from, between), (between, to)] {
        if from != to {
            stages.push(Stage::Resize { bits, from, to });
        }
    }
}

/// One layer as a stream that gives its sums, and the codes of its samples. In a layer of a network nothing follows: what
/// becomes of the sums is left to whoever takes them.
/// # Errors
/// A scheme without integers, an interval that the layer cannot have, data of another shape.
pub fn of_layer(layer: &Layer, data: &LayerData, scheme: &Scheme, interval: u64) -> Result<(Chain, Vec<Vec<i32>>)> {
    let q = quantized_layer(layer, data, scheme, Contract::Int8)?;
    let part = Part::of(layer, &q, scheme)?;
    let unit = unit_of(layer, scheme.weight_bits().ceil() as u32, part.bits, None, interval)?;
    let (unit, own) = numbers(unit, &part, None);
    let name = super::design::symbol(&layer.key());
    let mut stages = vec![];
    if !layer.shape.is_plain() {
        let (lanes, bits) = (unit.input_lanes(), unit.activation_bits);
        stages.push(Stage::Window(Window { shape: layer.shape, lanes, bits, pad: part.grid.zero }));
    }
    stages.push(Stage::Unit { name: format!("{name}_unit"), unit, own });
    let chain = Chain { name, frame: layer.shape.lhs_len(), stages };
    chain.check()?;
    let codes = |x: &Vec<f32>| q.input_of(&layer.shape, x).iter().map(|v| i32::from(part.grid.quantize(*v))).collect();
    Ok((chain, data.samples.iter().map(codes).collect()))
}
