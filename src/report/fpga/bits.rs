//! Bits against look-up tables of a multiply-accumulate.

use std::collections::BTreeMap;

use anyhow::Result;
use plotters::prelude::*;

use super::Data;
use super::walls::sized;
use crate::fpga::Evidence;
use crate::fpga::ir::{Multiplier, Mvau};
use crate::report::Drawing;
use crate::report::canvas::{LINES, Mark, Shape, WIDTH, legend, line, svg};
use crate::report::format;
use crate::report::plot::{Axis, Plot, extent, plain};

/// Look-up tables of one product a cycle, and whether they were counted.
type Least = (f64, bool);

/// One chart for each layer of which two or more widths are known.
pub fn draw(data: &Data) -> Result<Vec<Drawing>> {
    let all = sized(data);
    let mut charts = Vec::new();
    for layer in data.layers() {
        // by what multiplies and bits of activations, then bits of weights
        let mut curves: BTreeMap<(bool, u32), BTreeMap<u32, Least>> = BTreeMap::new();
        for row in all.iter().filter(|r| r.layer == layer.name) {
            let (Ok(unit), Some(lut)) = (row.design.parse::<Mvau>(), row.lut) else { continue };
            let own = (lut as f64 / (unit.pe * unit.simd) as f64, row.evidence > Evidence::Modelled);
            let hard = unit.multiplier == Multiplier::Dsp;
            let curve = curves.entry((hard, unit.activation_bits)).or_default();
            let best = curve.entry(unit.weight_bits).or_insert(own);
            if own.1 && !best.1 || own.1 == best.1 && own.0 < best.0 {
                *best = own;
            }
        }
        let points: usize = curves.values().map(BTreeMap::len).sum();
        let mut widths: Vec<u32> = curves.iter().flat_map(|((_, a), c)| c.keys().map(move |w| w * 16 + a)).collect();
        widths.sort_unstable();
        widths.dedup();
        if points > 1 && widths.len() > 1 {
            charts.push((format!("bits-{}", format::slug(layer.name)), chart(layer.name, &curves)?));
        }
    }
    Ok(charts)
}

fn chart(layer: &str, curves: &BTreeMap<(bool, u32), BTreeMap<u32, Least>>) -> Result<String> {
    let lines = [
        "The least of each width. Solid: counted by synthesis or place and route; outlined: modelled. Filled"
            .to_string(),
        "designs have more to share: control, weights and requantisation are in these figures.".into(),
    ];
    let values = || curves.values().flat_map(BTreeMap::values).map(|v| v.0);
    let (low, high) = extent(curves.values().flat_map(BTreeMap::keys).map(|w| f64::from(*w)), 1.0);
    let lines_of_key = curves.len().div_ceil(4) as i32;
    svg((&format!("Look-up tables of a product: {layer}"), &lines), (WIDTH, 350 + 20 * lines_of_key as u32), |area| {
        let plot = Plot {
            x: Axis::linear("bits of a weight", low - 0.5..high + 0.5, plain),
            y: Axis::log("LUT for each multiply-accumulate a cycle, log scale", values(), 1.3, plain),
            left: 76,
            top: 20 * lines_of_key + 12,
            right: WIDTH as i32 - 24,
            bottom: 20 * lines_of_key + 300,
        };
        plot.draw(area)?;
        for (i, ((hard, a), curve)) in curves.iter().enumerate() {
            let mark = mark(i, *hard);
            let path: Vec<_> = curve.iter().map(|(w, v)| plot.at(f64::from(*w), v.0)).collect();
            line(area, path.clone(), mark.color.mix(0.6).stroke_width(2))?;
            path.iter().zip(curve.values()).try_for_each(|(at, v)| mark.draw(area, *at, v.1))?;
            let (column, row) = (i as i32 % 4, i as i32 / 4);
            let title = format!("a{a}, {}", if *hard { "hard multipliers" } else { "look-up tables" });
            legend(area, &[(mark, true, title)], (76 + 205 * column, 8 + 20 * row))?;
        }
        Ok(())
    })
}

fn mark(place: usize, hard: bool) -> Mark {
    Mark { color: LINES[place % LINES.len()], shape: if hard { Shape::Square } else { Shape::Circle } }
}
