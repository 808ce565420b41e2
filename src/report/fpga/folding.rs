//! Heatmaps of foldings: outputs and inputs side by side.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use plotters::prelude::*;

use super::Data;
use super::walls::sized;
use crate::fpga::ir::Mvau;
use crate::fpga::row::Row;
use crate::fpga::tune::choose::{Layer, Objective};
use crate::report::Drawing;
use crate::report::canvas::{ACCENT, Area, GRID, INK, LABEL, LINE, NOTE, PAPER, svg};
use crate::report::format;
use crate::report::heatmap::{MOST, shade};

const CELL: (i32, i32) = (50, 34);
/// Two of these stand beside each other on the page.
const WIDTH: i32 = 620;
const EDGE: (i32, i32) = (64, 14);

/// One chart for each layer, under the scheme of its fastest design.
pub fn draw(data: &Data) -> Result<Vec<Drawing>> {
    let all = sized(data);
    let layers = data.layers();
    let charts = layers.iter().filter_map(|layer| Chart::new(layer, &all)).take(MOST);
    charts.map(|c| Ok((format!("folding-{}", format::slug(c.layer)), c.svg()?))).collect()
}

struct Chart<'a> {
    layer: &'a str,
    fastest: &'a Row,
    /// By pe and simd, of each the best row of its strongest evidence.
    cells: BTreeMap<(usize, usize), &'a Row>,
    /// Foldings that were chosen for something.
    chosen: BTreeMap<(usize, usize), Vec<&'static str>>,
}

fn folding(row: &Row) -> Option<(usize, usize)> {
    let unit: Mvau = row.design.parse().ok()?;
    Some((unit.pe, unit.simd))
}

impl<'a> Chart<'a> {
    /// None where there is nothing to compare.
    fn new(layer: &Layer<'a>, all: &[&'a Row]) -> Option<Self> {
        let fastest = layer.best.iter().find(|(o, _)| *o == Objective::Throughput)?.1;
        let mut cells: BTreeMap<(usize, usize), &Row> = BTreeMap::new();
        for row in all.iter().filter(|r| r.layer == layer.name && r.scheme == fastest.scheme) {
            let Some(at) = folding(row) else { continue };
            let own = cells.entry(at).or_insert(row);
            let better =
                (row.evidence, -row.share.unwrap_or(f64::MAX)) > (own.evidence, -own.share.unwrap_or(f64::MAX));
            if better {
                *own = row;
            }
        }
        let mut chosen: BTreeMap<(usize, usize), Vec<&'static str>> = BTreeMap::new();
        for (objective, row) in layer.best.iter().filter(|(_, r)| r.scheme == fastest.scheme) {
            folding(row).into_iter().for_each(|at| chosen.entry(at).or_default().push(objective.name()));
        }
        (cells.len() > 1).then_some(Self { layer: layer.name, fastest, cells, chosen })
    }

    fn svg(&self) -> Result<String> {
        let pes: Vec<usize> = self.cells.keys().map(|k| k.0).collect::<BTreeSet<_>>().into_iter().collect();
        let simds: Vec<usize> = self.cells.keys().map(|k| k.1).collect::<BTreeSet<_>>().into_iter().collect();
        let lines = [
            "Share of the room that a folding takes, and its clock cycles a call. Plain: modelled; bold: counted by"
                .into(),
            "synthesis, underlined: routed. Pale: does not fit. Outlined: chosen for speed, latency or size.".into(),
        ];
        let (width, height) = (EDGE.0 + CELL.0 * pes.len() as i32 + 12, EDGE.1 + CELL.1 * simds.len() as i32 + 52);
        let title = format!("{} · {}", format::shorten(self.layer, 40), self.fastest.scheme);
        svg((&title, &lines), (WIDTH.max(width) as u32, height as u32), |area| {
            for (j, simd) in simds.iter().rev().enumerate() {
                let y = EDGE.1 + CELL.1 * j as i32;
                NOTE.right().draw(area, &simd.to_string(), (EDGE.0 - 8, y + CELL.1 / 2))?;
                for (i, pe) in pes.iter().enumerate() {
                    self.cell(area, (*pe, *simd), (EDGE.0 + CELL.0 * i as i32, y))?;
                }
            }
            let bottom = EDGE.1 + CELL.1 * simds.len() as i32;
            for (i, pe) in pes.iter().enumerate() {
                NOTE.centred().draw(area, &pe.to_string(), (EDGE.0 + CELL.0 * i as i32 + CELL.0 / 2, bottom + 12))?;
            }
            NOTE.draw(area, "pe: outputs side by side", (EDGE.0, bottom + 32))?;
            NOTE.centred().draw_up(area, "simd", (16, (EDGE.1 + bottom) / 2))
        })
    }

    fn cell(&self, area: &Area, at: (usize, usize), (x, y): (i32, i32)) -> Result<()> {
        let room = [(x + 1, y + 1), (x + CELL.0 - 1, y + CELL.1 - 1)];
        let Some(row) = self.cells.get(&at) else {
            return Ok(area.draw(&Rectangle::new(room, GRID.mix(0.45).filled()))?);
        };
        let share = row.share.unwrap_or(0.0);
        let (fill, ink) = match share {
            s if s > 1.0 => (GRID, LINE),
            // even one hundredth of the device can be told from none
            s => (shade(s.sqrt()), if s.sqrt() > 0.55 { PAPER } else { INK }),
        };
        area.draw(&Rectangle::new(room, fill.filled()))?;
        let counted = row.evidence > crate::fpga::Evidence::Modelled;
        let text = if share > 9.99 { ">999 %".into() } else { format::percent(share, usize::from(share < 0.0995)) };
        let style = if counted { LABEL.bold() } else { LABEL };
        style.size(10.5).color(ink).centred().draw(area, &text, (x + CELL.0 / 2, y + 11))?;
        let cycles = row.interval * row.vectors;
        let cycles = if cycles < 10_000 {
            cycles.to_string()
        } else {
            format!("{}k", format::significant(cycles as f64 / 1e3, 3))
        };
        NOTE.size(9.0).color(ink).centred().draw(area, &cycles, (x + CELL.0 / 2, y + 25))?;
        if row.fmax_mhz.is_some() {
            area.draw(&PathElement::new(vec![(x + 8, y + 18), (x + CELL.0 - 8, y + 18)], ink.stroke_width(1)))?;
        }
        if self.chosen.contains_key(&at) {
            let (r, b) = (x + CELL.0, y + CELL.1);
            let around = vec![(x, y), (r, y), (r, b), (x, b), (x, y), (r, y)];
            area.draw(&PathElement::new(around, ACCENT.stroke_width(3)))?;
        }
        Ok(())
    }
}
