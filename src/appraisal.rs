//! Layers and networks under schemes: what fills `accuracy.csv`, of a tuning run or of `bitsmith accuracy`, and
//! `overflow.csv`.

use std::collections::BTreeMap;

use anyhow::Result;
use rayon::prelude::*;

use crate::accuracy;
use crate::candidate::Contract;
use crate::data::{LayerData, MOST_SAMPLES, Trained};
use crate::histogram;
use crate::layer::{Layer, Network};
use crate::overflow::{self, Overflow};
use crate::record::{Accuracy, Histogram};
use crate::scheme::{self, Scheme};

/// A network with trained weights, all of whose layers are looked at.
type Whole = (Network, Trained);

/// Rows of the table are computed so many at a time: enough to keep every core busy, few enough to stop soon.
const TOGETHER: usize = 8;

/// What is computed of a layer, and of a network with trained weights, under a scheme.
pub struct Question<R> {
    pub layer: fn(&Layer, &LayerData, &Scheme, Contract) -> Result<Vec<R>>,
    pub network: fn(&Network, &Trained, &Scheme, Contract) -> Result<Vec<R>>,
}

/// How wrong is it?
pub static ACCURACY: Question<Accuracy> = Question {
    layer: |layer, data, scheme, contract| Ok(vec![accuracy::of_layer(layer, data, scheme, contract)?]),
    network: |network, trained, scheme, contract| Ok(vec![accuracy::of_network(network, trained, scheme, contract)?]),
};

/// Would narrower sums overflow?
pub static OVERFLOW: Question<Overflow> = Question { layer: overflow::of_layer, network: overflow::of_network };

/// Answers the question for the (network, layer or "", scheme) of these layers and schemes that are `wanted`; some rows at a
/// time to `keep`. Schemes without this contract are passed over.
/// # Errors
/// A wrong scheme name, data that cannot be read, or what `keep` says.
pub fn appraise<R: Send>(
    question: &Question<R>,
    layers: &[Layer],
    schemes: &[String],
    contract: Contract,
    wanted: impl Fn(&str, &str, &str) -> bool,
    mut keep: impl FnMut(Vec<R>) -> Result<()>,
) -> Result<()> {
    let schemes: Vec<Scheme> = schemes.iter().map(|s| scheme::find(s)).collect::<Result<_>>()?;
    let schemes: Vec<&Scheme> = schemes.iter().filter(|s| s.contracts().contains(&contract)).collect();
    let networks = networks(layers)?;
    let left = |network: &str, layer: &str| {
        let left = schemes.iter().copied().filter(|s| wanted(network, layer, &s.to_string()));
        left.collect::<Vec<&Scheme>>()
    };
    for layer in layers {
        let left_here = left(&layer.network, &layer.name);
        if left_here.is_empty() {
            continue;
        }
        let data = data_of(layer, networks.get(layer.network.as_str()))?;
        for some in left_here.chunks(TOGETHER) {
            let some: Vec<&&Scheme> =
                some.iter().filter(|s| wanted(&layer.network, &layer.name, &s.to_string())).collect();
            let rows = some.par_iter().map(|s| (question.layer)(layer, &data, s, contract));
            keep(rows.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())?;
        }
    }
    for (network, trained) in networks.values() {
        for some in left(&network.name, "").chunks(TOGETHER) {
            let some: Vec<&&Scheme> = some.iter().filter(|s| wanted(&network.name, "", &s.to_string())).collect();
            let rows = some.par_iter().map(|s| (question.network)(network, trained, s, contract));
            keep(rows.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())?;
        }
    }
    Ok(())
}

/// Histograms of layers under the schemes that are `wanted` of each; those of one layer at a time to `keep`.
/// # Errors
/// As [`appraise`].
pub fn histograms(
    layers: &[Layer],
    contract: Contract,
    wanted: impl Fn(&Layer) -> Vec<String>,
    mut keep: impl FnMut(Vec<Histogram>) -> Result<()>,
) -> Result<()> {
    let networks = networks(layers)?;
    for layer in layers {
        let schemes: Vec<Scheme> = wanted(layer).iter().map(|s| scheme::find(s)).collect::<Result<_>>()?;
        if schemes.is_empty() {
            continue;
        }
        let data = data_of(layer, networks.get(layer.network.as_str()))?;
        let rows = schemes.par_iter().map(|s| histogram::of_layer(layer, &data, s, contract));
        keep(rows.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())?;
    }
    Ok(())
}

/// Networks with trained weights that all layers are there of.
fn networks(layers: &[Layer]) -> Result<BTreeMap<&str, Whole>> {
    let mut networks = BTreeMap::new();
    for name in layers.iter().map(|l| l.network.as_str()) {
        let Ok(network) = Network::built_in(name) else { continue };
        if networks.contains_key(name) || !network.layers.iter().all(|l| layers.contains(l)) {
            continue;
        }
        if let Some(trained) = Trained::load(&network)? {
            networks.insert(name, (network, trained));
        }
    }
    Ok(networks)
}

fn data_of(layer: &Layer, whole: Option<&Whole>) -> Result<LayerData> {
    let own = whole.and_then(|(network, trained)| {
        let index = network.layers.iter().position(|l| l.name == layer.name)?;
        Some(trained.layer_data(network, index, MOST_SAMPLES))
    });
    own.map_or_else(|| LayerData::of(layer), Ok)
}
