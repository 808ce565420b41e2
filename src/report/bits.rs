//! What a bit is worth: the fastest kernel of each family against the width of its weights, layer by layer.

use std::collections::BTreeMap;

use anyhow::Result;
use plotters::prelude::*;

use super::Drawing;
use super::canvas::{Area, LABEL, LINES, NOTE, Point, SOFT, WIDTH, line, svg};
use super::plot::{Axis, Labels, Plot, extent, plain, tick_time};
use super::view::{Context, contexts, label, time_of_record};
use crate::record::Record;
use crate::run::Run;
use crate::scheme;

/// Fewer widths than this make no picture.
const LEAST: usize = 3;

/// One family with one granularity of scales: the least time, in ns, and its tile, by 8ths of a bit of width.
struct Curve {
    title: String,
    points: BTreeMap<u32, (f64, String)>,
}

/// One chart for each layer that was tuned with weights of several widths.
pub fn draw(run: &Run) -> Result<Vec<Drawing>> {
    let mut charts = Vec::new();
    for (context, suffix) in contexts(run) {
        let mut layers: Vec<&str> = Vec::new();
        run.records.iter().filter(|r| context.holds(r)).for_each(|r| {
            if !layers.contains(&r.layer.as_str()) {
                layers.push(&r.layer);
            }
        });
        for layer in layers {
            let curves = curves(run, &context, layer);
            let widths: std::collections::BTreeSet<&u32> = curves.iter().flat_map(|c| c.points.keys()).collect();
            if widths.len() >= LEAST {
                let stem = format!("bits{suffix}-{}", layer.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
                charts.push((stem, svg_of(&context, &label(run, layer), &curves)?));
            }
        }
    }
    Ok(charts)
}

fn curves(run: &Run, context: &Context, layer: &str) -> Vec<Curve> {
    let mut curves: BTreeMap<String, Curve> = BTreeMap::new();
    for r in run.records.iter().filter(|r| context.holds(r) && r.layer == layer) {
        let (Some((title, width)), Some(ns)) = (series(r), time_of_record(r)) else { continue };
        let curve = curves.entry(title.clone()).or_insert_with(|| Curve { title, points: BTreeMap::new() });
        let tile = r.schedule.split('.').next().unwrap_or_default();
        let best = curve.points.entry(width).or_insert((f64::INFINITY, String::new()));
        if ns < best.0 {
            *best = (ns, tile.into());
        }
    }
    curves.into_values().collect()
}

/// The curve that a record belongs to, and the width of its weights in 8ths of a bit.
fn series(r: &Record) -> Option<(String, u32)> {
    let scheme = scheme::find(&r.scheme).ok()?;
    let group = scheme.group().map_or(String::new(), |group| format!(", g{group}"));
    let title = format!("{} {}, a{}{group}", r.family, r.contract.name(), scheme.activations.kind);
    Some((title, (scheme.weight_bits() * 8.0) as u32))
}

fn svg_of(context: &Context, layer: &str, curves: &[Curve]) -> Result<String> {
    let about = "Fastest kernel found of each family, the tile it uses beside it; floats as a line. Lower is better."
        .to_string();
    let height = 420 + 18 * curves.len() as u32;
    let (floats, curves): (Vec<&Curve>, Vec<&Curve>) = curves.iter().partition(|c| c.points.keys().all(|w| *w > 64));
    svg((&format!("Time against bits: {layer}"), &[context.title(), about]), (WIDTH, height), |area| {
        let all = || curves.iter().flat_map(|c| &c.points);
        let times = curves.iter().chain(&floats).flat_map(|c| c.points.values().map(|p| p.0));
        let (low, high) = extent(all().map(|(w, _)| f64::from(*w) / 8.0), 1.0);
        let plot = Plot {
            x: Axis::linear("bits of a weight, scales not counted", low - 0.5..high + 0.5, plain),
            y: Axis::log("time, log scale", times, 1.15, tick_time),
            left: 76,
            top: 10,
            right: WIDTH as i32 - 24,
            bottom: 356,
        };
        plot.draw(area)?;
        for (ns, float) in floats.iter().flat_map(|c| c.points.values().map(|p| (p.0, &c.title))) {
            let y = plot.at(low, ns).1;
            line(area, vec![(plot.left, y), (plot.right, y)], SOFT.stroke_width(1))?;
            NOTE.right().draw(area, float, (plot.right - 6, y + 9))?;
        }
        let mut labels = plot.labels(0);
        let drawn = || curves.iter().zip(LINES.iter().cycle()).enumerate().map(|(i, (c, l))| (i, c, *l));
        drawn().try_for_each(|(i, curve, color)| draw_curve(area, &plot, &mut labels, curve, (color, marker(i))))?;
        for (i, curve, color) in drawn() {
            let y = 412 + 18 * i as i32;
            line(area, vec![(76, y), (98, y)], color.stroke_width(3))?;
            area.draw(&marker(i)((87, y), color))?;
            LABEL.size(12.0).draw(area, &curve.title, (106, y))?;
        }
        Ok(())
    })
}

type Marker = fn(Point, RGBColor) -> Circle<Point, i32>;

/// Filled where a color stands for the first curve, hollow where it does for a second one.
fn marker(i: usize) -> Marker {
    match i / LINES.len() % 2 {
        0 => |at, color| Circle::new(at, 4, color.filled()),
        _ => |at, color| Circle::new(at, 4, color.stroke_width(2)),
    }
}

fn draw_curve(
    area: &Area,
    plot: &Plot,
    labels: &mut Labels,
    curve: &Curve,
    (color, marker): (RGBColor, Marker),
) -> Result<()> {
    let at = |width: &u32, ns: f64| plot.at(f64::from(*width) / 8.0, ns);
    let path: Vec<Point> = curve.points.iter().map(|(w, p)| at(w, p.0)).collect();
    line(area, path.clone(), color.stroke_width(2))?;
    path.windows(2).for_each(|ends| labels.keep_off_line(ends[0], ends[1]));
    for (here, (_, tile)) in path.iter().zip(curve.points.values()) {
        area.draw(&marker(*here, color))?;
        labels.keep_off(*here, 4);
        labels.beside(area, tile, NOTE.color(color), *here, true)?;
    }
    Ok(())
}
