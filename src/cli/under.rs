//! Networks whose layers are under schemes.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;

use super::model::{Loaded, Ticker};
use crate::candidate::Contract;
use crate::model::program::{Numbers, Program, Values};
use crate::model::slim::Mask;
use crate::scheme::Scheme;

/// The float network that layers follow where schemes refit: this one, or the one that channels were left out of.
pub struct Origin<'a> {
    pub whole: &'a Loaded,
    /// Outputs that its layers still give, by node, where not all.
    pub given: &'a HashMap<usize, Mask>,
    /// What its layers take in on the calibration samples.
    pub inputs: &'a [Vec<Vec<f32>>],
}

/// A network that is ready to run, the bytes of its weights, and what a reader must know.
pub struct Under<'m> {
    pub program: Program<'m>,
    pub bytes: f64,
    pub notes: Vec<String>,
}

impl Loaded {
    /// All layers under their schemes, None of f32; `samples` are the layers' inputs in f32. Where an `origin` is given each layer, those
    /// in f32 too, makes up for the layers before, and for channels that are gone.
    /// # Errors
    /// As [`Loaded::quantize`].
    pub fn under(
        &self,
        schemes: &[Option<Scheme>],
        contract: Contract,
        samples: &[Vec<Vec<f32>>],
        origin: Option<&Origin>,
        ticker: &Ticker,
    ) -> Result<Under<'_>> {
        let mut program = Program::new(&self.model, Numbers::Float)?;
        let (mut bytes, mut notes) = (0.0, Vec::new());
        let begin = |_| self.calibration.iter().map(|x| program.begin(x)).collect::<Result<Vec<Values>>>();
        let mut runs = origin.map(begin).transpose()?.map(|values| (0, values));
        if runs.is_some() {
            ensure!(!self.calibration.is_empty(), "-refit needs samples to calibrate with; give --calibrate N");
            ticker.begin("layers", self.layers.len());
        }
        let float = crate::scheme::find(super::model::FLOAT)?;
        for (i, layer) in self.layers.iter().enumerate() {
            let q = match (origin, &mut runs, &schemes[i]) {
                (Some(origin), Some(runs), scheme) => {
                    let now = advanced(&program, runs, layer.node, ticker)?;
                    let inputs = origin.inputs.get(i).map_or(&[][..], Vec::as_slice);
                    let (whole, before) = origin.whole.followed(i, origin.given.get(&layer.node), inputs)?;
                    let scheme = scheme.as_ref().unwrap_or(&float);
                    self.quantize_on(i, scheme, contract, samples, Some((&now, &whole, &before)))?
                }
                (_, _, Some(scheme)) => self.quantize(i, scheme, contract, samples)?,
                (_, _, None) => {
                    bytes += 4.0 * layer.layer.shape.weights_len() as f64;
                    continue;
                }
            };
            bytes += q.stored_bits / 8.0;
            notes.extend(q.warnings.iter().map(|w| format!("{}: {w}", layer.layer.name)));
            program.set(layer.node, Arc::new(q));
        }
        if schemes.iter().flatten().any(Scheme::prunes) {
            notes.push(crate::quantized::DENSE.into());
        }
        Ok(Under { program, bytes, notes })
    }
}

/// Takes runs on to a node; what the layer there takes in.
fn advanced(
    program: &Program,
    (at, runs): &mut (usize, Vec<Values>),
    node: usize,
    ticker: &Ticker,
) -> Result<Vec<Vec<f32>>> {
    ensure!(ticker.tick(), "stopped");
    let inputs = runs.par_iter_mut().map(|values| {
        program.advance(values, *at..node)?;
        program.layer_input(values, node).context("a layer without its input")
    });
    let inputs = inputs.collect::<Result<_>>()?;
    *at = node;
    Ok(inputs)
}
