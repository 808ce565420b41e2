//! Where weights and activations lie, and the grids that schemes put them on.

use std::collections::BTreeMap;

use anyhow::Result;
use plotters::prelude::*;

use super::view::{Data, Entry, Net, networks};
use crate::candidate::Contract;
use crate::record::{Accuracy, Histogram, What};
use crate::report::Drawing;
use crate::report::canvas::{ACCENT, Area, GRID, LABEL, LINES, NOTE, WIDTH, line, svg};
use crate::report::format;
use crate::report::plot::{Axis, Plot, plain};

/// Layers of a network: the largest.
pub const MOST_LAYERS: usize = 12;
/// Sizes of codes for which a scheme is shown.
const BITS: [f64; 4] = [8.0, 4.0, 3.0, 2.0];
const PANEL: (i32, i32) = (WIDTH as i32 / 2, 208);
/// Of a finer grid only the ends are drawn.
const MOST_LINES: usize = 64;

/// Which scheme is shown, and for which numbers.
pub type Pick = (String, Contract, What);

/// For each number of bits, of weights and of activations: the scheme of best median SQNR.
pub fn picks(rows: &[Accuracy], network: &str) -> Vec<Pick> {
    let nets = networks(rows);
    nets.iter().find(|n| n.name == network).map_or(vec![], |net| {
        let all = BITS.into_iter().flat_map(|bits| {
            [What::Weights, What::Activations].into_iter().filter_map(move |what| best(net, bits, what))
        });
        all.collect()
    })
}

fn best(net: &Net, bits: f64, what: What) -> Option<Pick> {
    let of = |e: &&Entry| {
        e.code_bits.is_some_and(|(weights, inputs)| bits == if what == What::Weights { weights } else { inputs })
    };
    let rated = net.entries.iter().filter(of).filter_map(|e| Some((e, e.median?)));
    let (e, _) = rated.max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some((e.scheme.into(), e.contract, what))
}

pub fn draw(data: &Data) -> Result<Vec<Drawing>> {
    let mut charts = Vec::new();
    for net in networks(&data.rows) {
        let picks = picks(&data.rows, net.name);
        let mut layers: BTreeMap<&str, Vec<Shown>> = BTreeMap::new();
        for h in data.histograms.iter().filter(|h| h.network == net.name) {
            let place = picks.iter().position(|p| (&p.0, p.1, p.2) == (&h.scheme, h.contract, h.what));
            let Some((place, shown)) = place.zip(Shown::of(h)) else { continue };
            layers.entry(&h.layer).or_default().push(Shown { place, ..shown });
        }
        let mut order: Vec<(&str, Vec<Shown>)> = layers.into_iter().collect();
        order.sort_by(|a, b| size(&b.1).total_cmp(&size(&a.1)));
        for (layer, mut shown) in order.into_iter().take(MOST_LAYERS) {
            shown.sort_by_key(|s| s.place);
            let stem = format!("histogram-{}-{}", format::slug(net.name), format::slug(layer));
            if charts.iter().all(|(s, _): &Drawing| !s.eq_ignore_ascii_case(&stem)) {
                charts.push((stem, chart(&net, layer, &shown)?));
            }
        }
    }
    Ok(charts)
}

/// How many weights the layer has.
fn size(shown: &[Shown]) -> f64 {
    shown.iter().filter(|s| s.row.what == What::Weights).map(|s| s.counts.iter().sum()).fold(0.0, f64::max)
}

struct Shown<'a> {
    row: &'a Histogram,
    counts: Vec<f64>,
    levels: Vec<f64>,
    place: usize,
}

fn numbers(text: &str) -> Vec<f64> {
    text.split(';').filter_map(|t| t.parse().ok()).filter(|v: &f64| v.is_finite()).collect()
}

impl<'a> Shown<'a> {
    /// None of what cannot be drawn.
    fn of(row: &'a Histogram) -> Option<Self> {
        let (counts, levels) = (numbers(&row.counts), numbers(&row.levels));
        let right = row.low.is_finite() && row.high.is_finite() && row.low < row.high && !counts.is_empty();
        right.then_some(Self { row, counts, levels, place: 0 })
    }

    fn draw(&self, area: &Area) -> Result<()> {
        let most = self.counts.iter().fold(1.0f64, |m, c| m.max(*c));
        let weights = self.row.what == What::Weights;
        let axis = if weights { "weight / (scale × greatest level)" } else { "activation" };
        let plot = Plot {
            x: Axis::linear(axis, self.row.low..self.row.high, plain),
            y: Axis::log_range("numbers", 0.7..most * 1.6, plain_count),
            left: 74,
            top: 40,
            right: PANEL.0 - 16,
            bottom: PANEL.1 - 50,
        };
        plot.draw(area)?;
        self.beyond(area, &plot)?;
        let width = (self.row.high - self.row.low) / self.counts.len() as f64;
        for (i, count) in self.counts.iter().enumerate().filter(|(_, c)| **c > 0.0) {
            let low = self.row.low + i as f64 * width;
            let (left, top) = plot.at(low, *count);
            let right = plot.at(low + width, 1.0).0;
            area.draw(&Rectangle::new([(left, top), (right.max(left + 1), plot.bottom)], LINES[4].mix(0.9).filled()))?;
        }
        for (i, level) in self.levels.iter().enumerate() {
            let end = i == 0 || i + 1 == self.levels.len();
            if !end && self.levels.len() > MOST_LINES {
                continue;
            }
            let x = plot.at(*level, 1.0).0;
            let style = if end { ACCENT.stroke_width(2) } else { ACCENT.mix(0.55).stroke_width(1) };
            line(area, vec![(x, plot.top), (x, plot.bottom)], style)?;
        }
        self.title(area)
    }

    /// Shades what lies outside the grid.
    fn beyond(&self, area: &Area, plot: &Plot) -> Result<()> {
        let (Some(first), Some(last)) = (self.levels.first(), self.levels.last()) else { return Ok(()) };
        let ends = [(plot.left, plot.at(*first, 1.0).0), (plot.at(*last, 1.0).0, plot.right)];
        for (left, right) in ends.into_iter().filter(|(left, right)| right > left) {
            area.draw(&Rectangle::new([(left, plot.top), (right, plot.bottom)], GRID.filled()))?;
        }
        Ok(())
    }

    fn title(&self, area: &Area) -> Result<()> {
        let what = if self.row.what == What::Weights { "weights" } else { "activations" };
        let name = format!("{what}: {}", format::shorten(&self.row.scheme, 28));
        LABEL.size(12.0).bold().draw(area, &name, (74, 12))?;
        let levels = if self.levels.is_empty() {
            "no grid of the whole tensor".into()
        } else {
            format::count(self.levels.len(), "level")
        };
        let grid = if self.row.note.contains("run time") { " over all samples; found at run time" } else { "" };
        NOTE.draw(area, &format!("{levels}{grid}"), (74, 28))
    }
}

fn plain_count(n: f64) -> String {
    match n {
        n if n >= 1e6 => format!("{}M", plain(n / 1e6)),
        n if n >= 1e3 => format!("{}k", plain(n / 1e3)),
        n => plain(n),
    }
}

fn chart(net: &Net, layer: &str, shown: &[Shown]) -> Result<String> {
    let column = |what: What| shown.iter().filter(move |s| s.row.what == what);
    let columns = [column(What::Weights).collect::<Vec<_>>(), column(What::Activations).collect()];
    let rows = columns.iter().map(Vec::len).max().unwrap_or(0) as i32;
    let data = shown.first().map_or(net.data.clone(), |s| format!("{} data", s.row.data));
    let title = format!("{}/{} ({data})", format::shorten(net.name, 24), format::shorten(layer, 36));
    let lines = [
        "Numbers in each bin, log scale. Lines: levels of the grid; thick at its ends. Grey: beyond them, so clipped."
            .to_string(),
        "Each scheme is the one of best SQNR with its number of bits, of weights (left) or of activations (right)."
            .into(),
    ];
    svg((&title, &lines), (WIDTH, (rows * PANEL.1) as u32), |area| {
        for (i, column) in columns.iter().enumerate() {
            for (j, shown) in column.iter().enumerate() {
                let (x, y) = (PANEL.0 * i as i32, PANEL.1 * j as i32);
                shown.draw(&area.clone().shrink((x, y), PANEL))?;
            }
        }
        Ok(())
    })
}
