//! A layer under a scheme as a unit with its numbers: those of a trained network, of a user's file, or synthetic ones.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use rayon::prelude::*;

use super::plan::Plan;
use crate::data::{LayerData, Trained};
use crate::fpga::chain::{Chain, Stage};
use crate::fpga::ir::Mvau;
use crate::fpga::network::{Stream, of_layer};
use crate::fpga::parameters::Parameters;
use crate::layer::{Layer, Network, Op};
use crate::scheme::{self, Scheme};

/// What is tuned together: one layer under one scheme. Its unit is folded once, entirely.
#[derive(Clone, Debug)]
pub struct Job {
    /// The layer's key.
    pub layer: String,
    pub scheme: String,
    /// Vectors of one call of the layer.
    pub vectors: u64,
    /// What SIMD divides: the channels of a convolution, whose windows come channel by channel.
    pub lanes: usize,
    pub unit: Mvau,
    pub own: Parameters,
}

/// A layer that no unit serves under a scheme, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    pub layer: String,
    pub scheme: String,
    pub vectors: u64,
    pub why: String,
}

/// Every layer under every scheme, layer by layer. In a trained network outputs are the next layer's codes, elsewhere sums.
/// # Errors
/// Data that cannot be read, a scheme that is none.
pub fn jobs(plan: &Plan) -> Result<(Vec<Job>, Vec<Refused>)> {
    let schemes: Vec<Scheme> = plan.schemes.iter().map(|s| scheme::find(s)).collect::<Result<_>>()?;
    let mut networks: BTreeMap<&str, Option<(Network, Trained)>> = BTreeMap::new();
    for name in plan.layers.iter().map(|l| l.network.as_str()) {
        if !networks.contains_key(name) {
            let network = Network::built_in(name).ok();
            let trained = network.as_ref().map(Trained::load).transpose()?.flatten();
            networks.insert(name, network.zip(trained));
        }
    }
    // a network's layers follow from one another, so they are made together
    let streams: BTreeMap<(&str, String), Result<Chain>> = networks
        .iter()
        .filter_map(|(name, whole)| Some((*name, whole.as_ref()?)))
        .flat_map(|(name, whole)| schemes.iter().map(move |s| (name, whole, s)))
        .collect::<Vec<_>>()
        .par_iter()
        .map(|(name, (network, trained), s)| {
            ((*name, s.to_string()), Stream::of(network, trained, s, u64::MAX).map(|stream| stream.chain))
        })
        .collect();
    let (mut jobs, mut refused) = (vec![], vec![]);
    for layer in &plan.layers {
        let whole = networks.get(layer.network.as_str()).and_then(Option::as_ref);
        let place = whole.and_then(|(network, _)| network.layers.iter().position(|l| l == layer));
        let data = if place.is_none() { Some(LayerData::of(layer)?) } else { None };
        for scheme in &schemes {
            let unit = match (place, &data) {
                (Some(i), _) => match &streams[&(layer.network.as_str(), scheme.to_string())] {
                    Ok(chain) => unit_at(chain, i),
                    Err(e) => Err(anyhow::anyhow!("{e:#}")),
                },
                (None, Some(data)) => of_layer(layer, data, scheme, u64::MAX).and_then(|(chain, _)| unit_at(&chain, 0)),
                (None, None) => bail!("layer {}: no data", layer.key()),
            };
            let vectors = layer.shape.m() as u64;
            match unit {
                Ok((unit, own)) => jobs.push(job(layer, scheme, (unit, own))),
                Err(e) => refused.push(Refused {
                    layer: layer.key(),
                    scheme: scheme.to_string(),
                    vectors,
                    why: format!("{e:#}"),
                }),
            }
        }
    }
    Ok((jobs, refused))
}

fn job(layer: &Layer, scheme: &Scheme, (unit, own): (Mvau, Parameters)) -> Job {
    let (s, scheme) = (&layer.shape, scheme.to_string());
    let lanes = if s.op == Op::Depthwise { 1 } else { s.c };
    Job { layer: layer.key(), scheme, vectors: s.m() as u64, lanes, unit, own }
}

/// The unit of a chain at this place among its units.
fn unit_at(chain: &Chain, place: usize) -> Result<(Mvau, Parameters)> {
    let mut units = chain.stages.iter().filter_map(|s| match s {
        Stage::Unit { unit, own, .. } => Some((unit.clone(), own.clone())),
        _ => None,
    });
    units.nth(place).context("the chain has no such unit")
}
