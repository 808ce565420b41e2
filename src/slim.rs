//! Networks without some of their channels: what a layer no longer gives, later layers no longer take.

use crate::data::{Parameters, Trained};
use crate::layer::{Layer, Network, Op};
use crate::scheme::Scheme;
use crate::scheme::compress::channels::{chosen, pick};
use crate::scheme::compress::refit;
use crate::scheme::correct::{Draft, Input};
use crate::scheme::observed::Observed;

/// A layer without some inputs: [n, k] weights, inputs in blocks of `taken.len()`. Where a scheme refits, those that are left make
/// up for the others first.
pub fn without_inputs(layer: &mut Draft, taken: &[bool], samples: Option<&[&[f32]]>) {
    let k = layer.shape.k();
    if let Some(samples) = samples {
        let kept: Vec<bool> = (0..layer.weights.len()).map(|i| taken[i % k % taken.len()]).collect();
        let whole = layer.weights.clone();
        layer.weights.iter_mut().zip(&kept).filter(|(_, kept)| !**kept).for_each(|(w, _)| *w = 0.0);
        refit(layer, &whole, &kept, &Observed::of(&layer.shape, samples));
    }
    layer.weights = pick(&layer.weights, taken, 1);
    let left = taken.iter().filter(|t| **t).count();
    layer.shape.c = layer.shape.c / taken.len() * left;
}

/// A layer that gives some of its outputs only.
pub fn without_outputs(layer: &mut Draft, given: &[bool]) {
    let k = layer.shape.k();
    layer.weights = pick(&layer.weights, given, k);
    layer.bias = pick(&layer.bias, given, 1);
    layer.shape.f = layer.bias.len();
    if layer.shape.op == Op::Depthwise {
        layer.shape.c = layer.shape.f;
    }
}

/// A network of layers that follow one another, without the channels that the scheme leaves out, and the scheme of what is left.
/// Every layer but the last gives fewer; depthwise layers what reaches them. None where the scheme leaves out none.
pub fn slim(network: &Network, trained: &Trained, scheme: &Scheme) -> Option<(Network, Trained, Scheme)> {
    let (compression, rest) = scheme.channels()?;
    let mut layers: Vec<Layer> = Vec::new();
    let mut parameters = Vec::new();
    // which of the channels that the layer before gave are left
    let mut given: Option<Vec<bool>> = None;
    let last = network.layers.len() - 1;
    for (i, (layer, p)) in network.layers.iter().zip(&trained.layers).enumerate() {
        let mut draft = Draft {
            shape: layer.shape,
            weights: p.weights.clone(),
            bias: p.bias.clone(),
            input: Input::default(),
            importance: None,
        };
        let outputs = layer.shape.n();
        let depthwise = layer.shape.op == Op::Depthwise;
        let next = match &given {
            Some(taken) if depthwise => Some(taken.clone()),
            _ if depthwise || i == last => None,
            _ => compression.channels(outputs).map(|left| chosen(&p.weights, layer.shape.k(), left)),
        };
        if let Some(taken) = given.as_ref().filter(|_| !depthwise) {
            let samples = scheme.refits().then(|| trained.layer_data(network, i, usize::MAX).samples);
            let samples: Option<Vec<&[f32]>> = samples.as_ref().map(|s| s.iter().map(Vec::as_slice).collect());
            without_inputs(&mut draft, taken, samples.as_deref());
        }
        if let Some(next) = &next {
            without_outputs(&mut draft, next);
        }
        given = next;
        layers.push(Layer { shape: draft.shape, ..layer.clone() });
        parameters.push(Parameters { weights: draft.weights, bias: draft.bias });
    }
    let network = Network { layers, ..network.clone() };
    Some((network, Trained { layers: parameters, ..trained.clone() }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheme::find;

    #[test]
    fn channels_go_on_both_sides_and_what_is_left_runs() {
        let network = Network::built_in("digits").unwrap();
        let trained = Trained::load(&network).unwrap().unwrap();
        let (slimmer, less, rest) = slim(&network, &trained, &find("w8a8+c25+p50").unwrap()).unwrap();
        assert_eq!(rest, find("w8a8+p50").unwrap());
        let outputs: Vec<usize> = slimmer.layers.iter().map(|l| l.shape.n()).collect();
        assert_eq!(outputs, [12, 12, 24, 24, 48, 10]);
        assert!(slimmer.layers.windows(2).all(|pair| pair[0].shape.out_len() == pair[1].shape.lhs_len()));
        for (l, p) in slimmer.layers.iter().zip(&less.layers) {
            assert_eq!((p.weights.len(), p.bias.len()), (l.shape.weights_len(), l.shape.n()), "{}", l.name);
        }
        assert!(slim(&network, &trained, &find("w8a8").unwrap()).is_none());
    }

    #[test]
    fn channels_that_give_nothing_are_missed_by_nobody() {
        let network = Network::built_in("digits").unwrap();
        let mut trained = Trained::load(&network).unwrap().unwrap();
        // of pw1, a quarter of the channels gives nothing whatever comes in
        let k = network.layers[2].shape.k();
        for n in (0..32).step_by(4) {
            trained.layers[2].weights[n * k..][..k].fill(0.0);
            trained.layers[2].bias[n] = 0.0;
        }
        let run = |network: &Network, trained: &Trained| {
            let each = network.layers.iter().zip(&trained.layers);
            each.fold(trained.test.x[0].clone(), |x, (l, p)| {
                crate::op::forward(&l.shape, l.relu, &x, &p.weights, &p.bias)
            })
        };
        // only pw1 loses channels
        struct One;
        impl crate::scheme::compress::Compression for One {
            fn name(&self) -> String {
                "one".into()
            }
            fn channels(&self, n: usize) -> Option<usize> {
                Some(if n == 32 { 24 } else { n })
            }
        }
        let mut scheme = find("f32").unwrap();
        scheme.compressions = vec![std::sync::Arc::new(One)];
        // dw2 gives its bias where nothing comes in, so that must be zero too
        trained.layers[3].bias.fill(0.0);
        let (slimmer, less, _) = slim(&network, &trained, &scheme).unwrap();
        assert_eq!(slimmer.layers[2].shape.n(), 24);
        for (a, b) in run(&network, &trained).iter().zip(run(&slimmer, &less)) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }
}
