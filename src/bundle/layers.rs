//! The layers of a bundle: quantized, with an input and what they make of it.

use anyhow::{Result, ensure};

use crate::accuracy;
use crate::bench::problem::Expected;
use crate::candidate::Contract;
use crate::data::{LayerData, Trained};
use crate::kernel::{Arithmetic, Task};
use crate::layer::{self, Layer};
use crate::op;
use crate::quantized::QuantizedLayer;
use crate::scheme::{self, Scheme};
use crate::study::Plan;

/// A layer under the scheme it is deployed with.
pub struct Deployed {
    pub layer: Layer,
    pub scheme: Scheme,
    pub contract: Contract,
    pub quantized: QuantizedLayer,
    /// Are its weights somebody's, and not synthetic?
    pub real: bool,
    /// One input, as the kernel takes it.
    pub input: Vec<u8>,
    pub output: Output,
}

/// The right output of a layer's input, and by how much each of its f32 may differ; none where it must be equal to the bit.
pub struct Output {
    pub bytes: Vec<u8>,
    pub bound: Vec<f32>,
}

/// Test inputs of a whole network, one after the other, with their labels and outputs.
pub struct Network {
    pub name: String,
    pub samples: usize,
    pub inputs: Vec<u8>,
    pub labels: Vec<u8>,
    pub outputs: Vec<u8>,
    /// Are the outputs equal to the bit? Otherwise only the classes are compared.
    pub exact: bool,
    pub right: usize,
}

impl Deployed {
    /// What a kernel takes for each output, beside weights and activations.
    pub fn columns(&self, task: &Task) -> Vec<u8> {
        let (init, multiplier) = self.quantized.integers(&self.layer.shape, self.layer.relu);
        task.pack_columns(&self.quantized.weights, &init, &multiplier, &self.quantized.bias)
    }
}

/// Every layer of a plan under a scheme.
pub fn quantized(plan: &Plan, name: &str) -> Result<Vec<Deployed>> {
    let scheme = scheme::find(name)?;
    if let Some((network, trained)) = trained(plan)? {
        let layers = accuracy::quantized_layers(&network, &trained, &scheme, plan.contract);
        let each = layers.into_iter().enumerate().map(|(i, quantized)| {
            let input = trained.layer_data(&network, i, 1).samples.remove(0);
            deployed(plan, &network.layers[i], &scheme, quantized, (&input, true))
        });
        return each.collect();
    }
    let each = plan.layers.iter().map(|layer| {
        let data = LayerData::of(layer)?;
        let right = data.weights.len() <= crate::data::MOST_WEIGHTS;
        ensure!(right, "layer {}: of so many weights only a part is quantized here; leave it out", layer.key());
        let quantized = accuracy::quantized_layer(layer, &data, &scheme, plan.contract)?;
        let input = data.samples.last().map_or(&[][..], Vec::as_slice);
        deployed(plan, layer, &scheme, quantized, (input, layer.weights.is_some()))
    });
    each.collect()
}

fn deployed(
    plan: &Plan,
    layer: &Layer,
    scheme: &Scheme,
    quantized: QuantizedLayer,
    (x, real): (&[f32], bool),
) -> Result<Deployed> {
    let (shape, relu) = (&layer.shape, layer.relu);
    let task = super::task(plan, layer, scheme, Default::default())?;
    let floats = |x: &[f32]| x.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let (input, bytes) = match plan.contract {
        Contract::F32io => (floats(x), floats(&quantized.forward(shape, relu, x))),
        _ => quantized.codes(shape, relu, x),
    };
    let bound = match task.arithmetic() {
        Arithmetic::Float | Arithmetic::Coded => match Expected::of_reals(&task, x, &quantized.values, &quantized.bias)
        {
            Expected::Within { bound, .. } => bound.iter().map(|b| *b as f32).collect(),
            Expected::Exact { .. } => vec![],
        },
        _ => vec![],
    };
    let (layer, scheme, contract) = (layer.clone(), scheme.clone(), plan.contract);
    Ok(Deployed { layer, scheme, contract, quantized, real, input, output: Output { bytes, bound } })
}

/// The built-in network whose layers these are, all of them and in its order, where it has trained weights.
fn trained(plan: &Plan) -> Result<Option<(layer::Network, Trained)>> {
    let Some(first) = plan.layers.first() else { return Ok(None) };
    let Ok(network) = layer::Network::built_in(&first.network) else { return Ok(None) };
    let whole = network.layers.iter().map(Layer::key).eq(plan.layers.iter().map(Layer::key));
    Ok(Trained::load(&network)?.filter(|_| whole).map(|trained| (network, trained)))
}

/// The whole network on its test split, where it can be run as one.
pub fn network(plan: &Plan, layers: &[Deployed]) -> Result<Option<Network>> {
    let Some((network, trained)) = trained(plan)?.filter(|_| plan.contract == Contract::F32io) else {
        return Ok(None);
    };
    let exact = layers.iter().all(|l| l.output.bound.is_empty());
    let mut out = Network {
        name: network.name,
        samples: trained.test.x.len(),
        inputs: vec![],
        labels: trained.test.y.clone(),
        outputs: vec![],
        exact,
        right: 0,
    };
    for (x, label) in trained.test.x.iter().zip(&trained.test.y) {
        let run = |x: Vec<f32>, d: &Deployed| d.quantized.forward(&d.layer.shape, d.layer.relu, &x);
        let logits = layers.iter().fold(x.clone(), run);
        out.right += usize::from(accuracy::class(&logits) == Some(usize::from(*label)));
        out.inputs.extend(x.iter().flat_map(|v| v.to_le_bytes()));
        out.outputs.extend(logits.iter().flat_map(|v| v.to_le_bytes()));
    }
    Ok(Some(out))
}

/// Rows of a layer that could be computed one by one: of a matrix product.
pub fn separable(layer: &Layer) -> bool {
    op::rows_per_grid(&layer.shape) == 1
}
