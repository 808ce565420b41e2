//! Where the numbers of a layer lie, and the grid that a scheme puts them on.

use anyhow::Result;

use crate::accuracy::{halves, quantized_layer};
use crate::candidate::Contract;
use crate::data::LayerData;
use crate::layer::Layer;
use crate::quantized::QuantizedLayer;
use crate::record::{Histogram, What};
use crate::scheme::Scheme;
use crate::scheme::lattice::{Lattice, Origin};

const BINS: usize = 96;
/// Levels that a picture can show.
const MOST_LEVELS: usize = 256;
/// How far weights are counted, in units of their group's greatest level.
const REACH: f64 = 2.0;

/// Weights and activations of a layer under a scheme.
///
/// Weights are in units of their group's scale times the largest magnitude among the levels, so that one grid stands for
/// all groups; with zero points, in units of half the grid around its middle. Activations are the calibration samples', in
/// their own unit.
/// # Errors
/// As [`crate::accuracy::of_layer`].
pub fn of_layer(layer: &Layer, data: &LayerData, scheme: &Scheme, contract: Contract) -> Result<[Histogram; 2]> {
    let quantized = quantized_layer(layer, data, scheme, contract)?;
    let blank = Histogram {
        network: layer.network.clone(),
        layer: layer.name.clone(),
        scheme: scheme.to_string(),
        contract,
        what: What::Weights,
        data: if data.real { "real" } else { "synthetic" }.into(),
        low: 0.0,
        high: 0.0,
        counts: String::new(),
        levels: String::new(),
        note: String::new(),
    };
    let inputs: Vec<Vec<f32>> = halves(data).0.iter().map(|x| quantized.input_of(&layer.shape, x)).collect();
    Ok([weights(&quantized, blank.clone()), activations(&quantized, &inputs, blank)])
}

fn weights(layer: &QuantizedLayer, blank: Histogram) -> Histogram {
    let lattice = &layer.lattice;
    let count = lattice.levels.count();
    let (middle, half) = span(lattice);
    let place = |(i, w): (usize, &f32)| {
        let step = lattice.step(i / lattice.k, i % lattice.k);
        (f64::from(step.position(*w)) - middle) / half
    };
    let values: Vec<f64> = layer.truth.iter().enumerate().map(place).filter(|v| v.is_finite()).collect();
    let far = values.iter().fold(1.0f64, |m, v| m.max(v.abs())).min(REACH);
    let shown = (1..=MOST_LEVELS).contains(&count);
    let levels: Vec<f64> = if shown { lattice.levels.values().map(|v| (v - middle) / half).collect() } else { vec![] };
    counted(blank, &values, (-far, far), &levels)
}

/// The middle of the grid in levels, and how far it reaches from there.
fn span(lattice: &Lattice) -> (f64, f64) {
    if lattice.levels.count() == 0 {
        return (0.0, 1.0);
    }
    let (least, greatest) = (f64::from(lattice.levels.least()), f64::from(lattice.levels.greatest()));
    let (middle, half) = match lattice.origin {
        Origin::Zero => (0.0, greatest.max(-least)),
        Origin::Points(_) | Origin::Offsets(_) => ((least + greatest) / 2.0, (greatest - least) / 2.0),
    };
    (middle, if half > 0.0 { half } else { 1.0 })
}

fn activations(layer: &QuantizedLayer, inputs: &[Vec<f32>], blank: Histogram) -> Histogram {
    let slices: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
    let map = layer.input_map(&slices);
    let levels = map.as_ref().map_or(vec![], |(map, _)| map.levels(MOST_LEVELS));
    let values: Vec<f64> = inputs.iter().flatten().map(|v| f64::from(*v)).filter(|v| v.is_finite()).collect();
    let ends = values.iter().chain(&levels).fold((0.0f64, 0.0f64), |(l, h), v| (l.min(*v), h.max(*v)));
    let ends = if ends.0 < ends.1 { ends } else { (0.0, 1.0) };
    let note = match map {
        Some((_, true)) => "the grid is found at run time; this one is that of all calibration values together",
        Some((_, false)) => "static grid",
        None => "",
    };
    counted(Histogram { what: What::Activations, note: note.into(), ..blank }, &values, ends, &levels)
}

fn counted(row: Histogram, values: &[f64], (low, high): (f64, f64), levels: &[f64]) -> Histogram {
    let mut counts = vec![0usize; BINS];
    for v in values {
        let bin = (v - low) / (high - low) * BINS as f64;
        counts[bin.clamp(0.0, BINS as f64 - 1.0) as usize] += 1;
    }
    let counts: Vec<String> = counts.iter().map(ToString::to_string).collect();
    let levels: Vec<String> = levels.iter().map(|v| format!("{:e}", *v as f32)).collect();
    Histogram { low, high, counts: counts.join(";"), levels: levels.join(";"), ..row }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Shape;
    use crate::scheme::find;

    fn numbers(text: &str) -> Vec<f64> {
        text.split(';').filter(|t| !t.is_empty()).map(|t| t.parse().unwrap()).collect()
    }

    fn rows(scheme: &str, contract: Contract) -> [Histogram; 2] {
        let layer = Layer::of_shape("x", Shape::gemm(1, 2, 4).unwrap());
        let mut data = LayerData::of(&layer).unwrap();
        data.weights = vec![7.0, -7.0, 0.0, 1.0, 0.7, -0.7, 0.0, 0.35];
        data.samples = vec![vec![0.0, 1.0, 2.0, 3.0]];
        of_layer(&layer, &data, &find(scheme).unwrap(), contract).unwrap()
    }

    #[test]
    fn one_grid_fits_every_group() {
        let [weights, activations] = rows("w4a8", Contract::Int8);
        assert_eq!((weights.low, weights.high), (-1.0, 1.0));
        let (counts, levels) = (numbers(&weights.counts), numbers(&weights.levels));
        assert_eq!((counts.len(), counts.iter().sum::<f64>()), (BINS, 8.0));
        assert_eq!((counts[0], counts[BINS - 1], counts[BINS / 2]), (2.0, 2.0, 2.0), "both rows reach both ends");
        assert_eq!((levels.len(), levels[0], levels[7], levels[14]), (15, -1.0, 0.0, 1.0));
        assert_eq!((activations.what, activations.note.as_str()), (What::Activations, "static grid"));
        let levels = numbers(&activations.levels);
        assert_eq!((levels.len(), levels[0]), (256, 0.0));
        assert!((levels[255] - 3.0).abs() < 1e-6);
    }

    #[test]
    fn grids_that_are_not_there() {
        let [weights, activations] = rows("f32", Contract::F32io);
        assert_eq!((weights.levels.as_str(), activations.levels.as_str(), activations.note.as_str()), ("", "", ""));
        let [weights, activations] = rows("w4a8", Contract::F32io);
        assert_eq!(numbers(&weights.levels).len(), 15);
        assert!(activations.note.contains("run time"), "{}", activations.note);
        let [weights, _] = rows("w4a32g32-affine", Contract::F32io);
        let levels = numbers(&weights.levels);
        assert_eq!((levels.len(), levels[0], levels[15]), (16, -1.0, 1.0));
    }
}
