//! The model against what was counted.

use std::collections::HashMap;

use anyhow::Result;
use plotters::prelude::*;

use super::Data;
use super::walls::mark;
use crate::fpga::Evidence;
use crate::fpga::row::Row;
use crate::report::Drawing;
use crate::report::canvas::{SOFT, WIDTH, legend, line, svg};
use crate::report::format;
use crate::report::plot::{Axis, Plot, plain};
use crate::stats::median;

/// One chart of look-up tables, over all layers.
pub fn draw(data: &Data) -> Result<Vec<Drawing>> {
    let key = |r: &Row| (r.layer.clone(), r.scheme.clone(), r.design.clone());
    let modelled: HashMap<_, u64> =
        data.rows.iter().filter(|r| r.evidence == Evidence::Modelled).filter_map(|r| Some((key(r), r.lut?))).collect();
    let counted = data
        .rows
        .iter()
        .filter(|r| matches!(r.evidence, Evidence::SynthOpen | Evidence::PnrOpen | Evidence::Csynth | Evidence::Impl));
    let pairs: Vec<(Evidence, f64, f64)> = counted
        .filter_map(|r| Some((r.evidence, *modelled.get(&key(r))? as f64, r.lut? as f64)))
        .filter(|(_, m, c)| *m > 0.0 && *c > 0.0)
        .collect();
    if pairs.is_empty() {
        return Ok(vec![]);
    }
    let mut classes: Vec<Evidence> = pairs.iter().map(|p| p.0).collect();
    classes.sort_unstable();
    classes.dedup();
    let of = |class: Evidence| {
        let errors: Vec<f64> = pairs.iter().filter(|p| p.0 == class).map(|(_, m, c)| (m - c).abs() / c).collect();
        let most = errors.iter().copied().fold(0.0, f64::max);
        format!(
            "{}: median error {}, greatest {}, of {}",
            class.name(),
            format::percent(median(&errors), 0),
            format::percent(most, 0),
            format::count(errors.len(), "design")
        )
    };
    let lines: Vec<String> =
        classes.iter().map(|c| of(*c)).chain(["Line: no error. Dotted: twice and half.".into()]).collect();
    let all = || pairs.iter().flat_map(|p| [p.1, p.2]);
    let text = svg(("Look-up tables: modelled against counted", &lines), (WIDTH, 470), |area| {
        let plot = Plot {
            x: Axis::log("modelled LUT, log scale", all(), 1.3, plain),
            y: Axis::log("counted LUT, log scale", all(), 1.3, plain),
            left: 76,
            top: 28,
            right: WIDTH as i32 - 24,
            bottom: 416,
        };
        plot.draw(area)?;
        let (low, high) = (plot.x.range.start, plot.x.range.end);
        line(area, vec![plot.at(low, low), plot.at(high, high)], SOFT.stroke_width(1))?;
        for factor in [0.5, 2.0] {
            let at = |t: f64| low * (high / low).powf(t);
            for t in (0..120).map(|i| f64::from(i) / 120.0) {
                let (x, y) = (at(t), at(t) * factor);
                if (low..high).contains(&y) {
                    area.draw(&Circle::new(plot.at(x, y), 1, SOFT.mix(0.5).filled()))?;
                }
            }
        }
        for (class, m, c) in &pairs {
            let (mark, solid) = mark(*class);
            mark.draw(area, plot.at(*m, *c), solid)?;
        }
        let entries: Vec<_> = classes.iter().map(|c| (mark(*c).0, mark(*c).1, c.name().to_string())).collect();
        legend(area, &entries, (76, 10)).map(drop)
    })?;
    Ok(vec![("model".into(), text)])
}
