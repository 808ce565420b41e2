//! How much each layer matters: what its scheme does to the network when all other layers stay in f32.

use std::sync::Arc;

use anyhow::{Result, bail};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::program::Program;
use super::score::Answers;
use super::{Model, ModelLayer};
use crate::accuracy::class;
use crate::candidate::Contract;
use crate::quantized::QuantizedLayer;

/// A row of `sensitivity.csv`: a layer under a scheme, all others in f32.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    pub network: String,
    pub layer: String,
    pub scheme: String,
    pub contract: Contract,
    pub samples: usize,
    /// Of the network's output.
    pub sqnr_db: Option<f64>,
    /// Mean divergence of the classes' probabilities from the float network's, in nats.
    pub kl: Option<f64>,
    /// Samples right in f32 less those right with this layer quantized; negative where it gains.
    pub drop: i64,
    pub weight_bytes: f64,
    pub note: String,
}

/// What reaches each layer in f32 when the network runs on some samples: [layer][sample].
/// # Errors
/// As [`Program::trace`]; `tick` said to stop.
pub fn inputs(
    program: &Program,
    layers: &[ModelLayer],
    x: &[Vec<f32>],
    tick: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<Vec<Vec<f32>>>> {
    let one = |sample: &Vec<f32>| {
        if !tick() {
            bail!("stopped");
        }
        let values = program.trace(sample)?;
        Ok(layers.iter().map(|l| program.layer_input(&values, l.node).unwrap_or_default()).collect::<Vec<_>>())
    };
    let all = x.par_iter().map(one).collect::<Result<Vec<Vec<Vec<f32>>>>>()?;
    let mut by_layer: Vec<Vec<Vec<f32>>> = layers.iter().map(|_| Vec::with_capacity(x.len())).collect();
    for sample in all {
        by_layer.iter_mut().zip(sample).for_each(|(of, input)| of.push(input));
    }
    Ok(by_layer)
}

/// Samples of which the calibration inputs of all layers take at most so many numbers.
pub fn affordable(model: &Model, layers: &[ModelLayer], samples: usize) -> usize {
    const MOST: usize = 64 << 20;
    let all: usize = layers.iter().map(|l| l.layer.shape.lhs_len()).sum();
    let values: usize = model
        .graph
        .values
        .iter()
        .filter_map(|v| v.dims.as_ref())
        .map(|d| d.iter().product::<usize>())
        .max()
        .unwrap_or(1);
    samples.min((MOST / all.max(values).max(1)).max(1))
}

/// One layer under some schemes, measured on samples. The float network runs once per sample up to the layer, and from
/// there on once per scheme.
/// # Errors
/// As [`Program::trace`]; `tick` said to stop.
pub fn of_layer(
    program: &Program,
    node: usize,
    schemes: &[Arc<QuantizedLayer>],
    x: &[Vec<f32>],
    tick: &(dyn Fn() -> bool + Sync),
) -> Result<Vec<Answers>> {
    let variants: Vec<Program> = schemes
        .iter()
        .map(|q| {
            let mut p = program.clone();
            p.set(node, q.clone());
            p
        })
        .collect();
    let one = |sample: &Vec<f32>| {
        if !tick() {
            bail!("stopped");
        }
        let values = program.trace(sample)?;
        variants.iter().map(|p| p.again(values.clone(), node)).collect::<Result<Vec<Vec<f32>>>>()
    };
    let all = x.par_iter().map(one).collect::<Result<Vec<_>>>()?;
    let probabilities = program.gives_probabilities();
    let mut answers: Vec<Answers> = schemes.iter().map(|_| Answers { outputs: vec![], probabilities }).collect();
    for sample in all {
        answers.iter_mut().zip(sample).for_each(|(a, output)| a.outputs.push(output));
    }
    Ok(answers)
}

/// The row of a layer under a scheme.
pub fn row(
    layer: &ModelLayer,
    scheme: &str,
    contract: Contract,
    quantized: &QuantizedLayer,
    (got, truth): (&Answers, &Answers),
    labels: &[u8],
) -> Sensitivity {
    let right =
        |a: &Answers| a.outputs.iter().zip(labels).filter(|(o, y)| class(o) == Some(usize::from(**y))).count() as i64;
    let divergences = got.divergences(truth);
    let kl = divergences.iter().sum::<f64>() / divergences.len().max(1) as f64;
    Sensitivity {
        network: layer.layer.network.clone(),
        layer: layer.layer.name.clone(),
        scheme: scheme.into(),
        contract,
        samples: labels.len(),
        sqnr_db: got.sqnr_db(truth),
        kl: Some(kl).filter(|v| v.is_finite()),
        drop: right(truth) - right(got),
        weight_bytes: quantized.stored_bits / 8.0,
        note: quantized.warnings.join("; "),
    }
}
