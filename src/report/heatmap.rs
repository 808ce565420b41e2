//! Tiling heatmaps: how fast each register block is, over everything else that was chosen with it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use plotters::prelude::*;

use super::Drawing;
use super::canvas::{ACCENT, Area, GRID, INK, LABEL, NOTE, PAPER, svg};
use super::format;
use super::view::{Context, Planned, Series, contexts, macs, time_of, time_of_record};
use crate::candidate::Schedule;
use crate::certificate::{Winner, group_of};
use crate::record::Record;
use crate::run::Run;

/// Charts of this kind in one report.
pub const MOST: usize = 12;

/// Rows and vectors of a block.
type Block = (usize, usize);
/// Best GMAC/s of a block; none where every candidate failed.
type Cells = BTreeMap<Block, Option<f64>>;

/// One chart per winner, those first in which most time is spent, and no more than [`MOST`].
pub fn draw(run: &Run) -> Result<Vec<Drawing>> {
    let planned = Planned::of(run);
    let total = |w| Some((w, time_of(w)? * planned.count(&w.record)));
    let mut winners: Vec<(&Winner, f64)> = run.winners.iter().filter_map(total).collect();
    winners.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut charts: Vec<Drawing> = Vec::new();
    for (winner, _) in winners {
        let Some(chart) = Chart::new(run, winner) else { continue };
        let stem = unused(&charts, chart.stem());
        charts.push((stem, chart.svg()?));
        if charts.len() == MOST {
            break;
        }
    }
    Ok(charts)
}

/// Two layers may be the same when written as file names.
fn unused(charts: &[Drawing], stem: String) -> String {
    let taken = |s: &String| charts.iter().any(|(t, _)| t.eq_ignore_ascii_case(s));
    let numbered = (2..).map(|i| format!("{stem}-{i}"));
    std::iter::once(stem.clone()).chain(numbered).find(|s| !taken(s)).unwrap_or(stem)
}

/// Tile and block of a candidate, where its schedule has them.
fn place(r: &Record) -> Option<(String, Block)> {
    let schedule: Schedule = r.schedule.parse().ok()?;
    let [rows, vectors] = schedule.sizes("b");
    let tile = schedule.0.first()?.to_string();
    (rows > 0 && vectors > 0).then_some((format!("{} {tile}", r.family), (rows, vectors)))
}

struct Chart<'a> {
    winner: &'a Winner,
    context: (Context, String),
    tiles: BTreeMap<String, Cells>,
    rows: Vec<usize>,
    vectors: Vec<usize>,
    right: usize,
}

const CELL: (i32, i32) = (40, 26);
/// Two of these stand beside each other on the page.
const WIDTH: i32 = 620;
/// Room of a panel for its name and axes: left, top, right, bottom.
const EDGE: (i32, i32, i32, i32) = (48, 26, 10, 50);

impl<'a> Chart<'a> {
    /// None where there is nothing to compare.
    fn new(run: &Run, winner: &'a Winner) -> Option<Self> {
        let group = group_of(&winner.record);
        let mut tiles: BTreeMap<String, Cells> = BTreeMap::new();
        let mut right = 0;
        for r in run.records.iter().filter(|r| group_of(r) == group) {
            let Some((tile, block)) = place(r) else { continue };
            let cell = tiles.entry(tile).or_default().entry(block).or_insert(None);
            if let Some(ns) = time_of_record(r) {
                *cell = Some(cell.unwrap_or(0.0).max(macs(r) / ns));
                right += 1;
            }
        }
        let blocks: Vec<Block> = tiles.values().flat_map(|c| c.keys().copied()).collect();
        let each = |f: fn(&Block) -> usize| blocks.iter().map(f).collect::<BTreeSet<_>>().into_iter().collect();
        let context = contexts(run).into_iter().find(|c| c.0.holds(&winner.record))?;
        let timed = tiles.values().flat_map(|c| c.values()).filter(|v| v.is_some()).count();
        (timed > 1).then(|| Self { winner, context, tiles, rows: each(|b| b.0), vectors: each(|b| b.1), right })
    }

    fn stem(&self) -> String {
        let r = &self.winner.record;
        let layer = format::slug(&r.layer);
        format!("heatmap-{layer}-{}-{}{}", format::slug(&r.scheme), r.contract.name(), self.context.1)
    }

    fn panel(&self) -> (i32, i32) {
        let (columns, lines) = (self.rows.len() as i32, self.vectors.len() as i32);
        let width = (EDGE.0 + CELL.0 * columns + EDGE.2).max(EDGE.0 + 130);
        (width, EDGE.1 + CELL.1 * lines + EDGE.3)
    }

    fn svg(&self) -> Result<String> {
        let r = &self.winner.record;
        let (width, height) = self.panel();
        let per_line = ((WIDTH - 16) / width).max(1);
        let lines = (self.tiles.len() as i32 + per_line - 1) / per_line;
        let title = format!("{} · {}", format::shorten(&r.layer, 36), Series::of(r).title());
        let explain = [
            self.context.0.title(),
            format!(
                "{} · GMAC/s of the best of {} in each block",
                format::shape(r.m, r.n, r.k),
                format::count(self.right, "timed candidate")
            ),
            "Outlined: the winner's block. Empty: not tried.".into(),
        ];
        svg((&title, &explain), (WIDTH.max(16 + width) as u32, (lines * height + 4) as u32), |area| {
            for (i, (tile, cells)) in self.tiles.iter().enumerate() {
                let (column, row) = (i as i32 % per_line, i as i32 / per_line);
                self.draw(area, tile, cells, (8 + column * width, row * height))?;
            }
            Ok(())
        })
    }

    /// Least and greatest of all panels, which share their colours.
    fn range(&self) -> (f64, f64) {
        let all = self.tiles.values().flat_map(|c| c.values()).flatten();
        super::plot::extent(all.copied(), 1.0)
    }

    fn draw(&self, area: &Area, tile: &str, cells: &Cells, (x, y): (i32, i32)) -> Result<()> {
        let (left, top) = (x + EDGE.0, y + EDGE.1);
        LABEL.size(12.0).bold().draw(area, tile, (left, y + 12))?;
        let bottom = top + CELL.1 * self.vectors.len() as i32;
        for (i, rows) in self.rows.iter().enumerate() {
            NOTE.centred().draw(area, &rows.to_string(), (left + CELL.0 * i as i32 + CELL.0 / 2, bottom + 12))?;
        }
        let middle = left + CELL.0 * self.rows.len() as i32 / 2;
        NOTE.centred().draw(area, "rows of the block", (middle.max(left + 50), bottom + 30))?;
        NOTE.centred().draw_up(area, "vectors", (x + 18, (top + bottom) / 2))?;
        for (j, vectors) in self.vectors.iter().rev().enumerate() {
            let line = top + CELL.1 * j as i32;
            NOTE.right().draw(area, &vectors.to_string(), (left - 7, line + CELL.1 / 2))?;
            for (i, rows) in self.rows.iter().enumerate() {
                self.cell(area, cells.get(&(*rows, *vectors)), (left + CELL.0 * i as i32, line))?;
            }
        }
        self.outline(area, tile, (left, top))
    }

    fn cell(&self, area: &Area, value: Option<&Option<f64>>, (x, y): (i32, i32)) -> Result<()> {
        let room = [(x + 1, y + 1), (x + CELL.0 - 1, y + CELL.1 - 1)];
        let middle = (x + CELL.0 / 2, y + CELL.1 / 2);
        match value {
            None => Ok(area.draw(&Rectangle::new(room, GRID.mix(0.45).filled()))?),
            Some(None) => {
                area.draw(&Rectangle::new(room, GRID.filled()))?;
                NOTE.size(10.0).centred().draw(area, "failed", middle)
            }
            Some(Some(gmacs)) => {
                let (low, high) = self.range();
                let share = if high > low { (gmacs - low) / (high - low) } else { 1.0 };
                area.draw(&Rectangle::new(room, shade(share).filled()))?;
                let ink = if share > 0.55 { PAPER } else { INK };
                LABEL.color(ink).centred().draw(area, &format::significant(*gmacs, 3), middle)
            }
        }
    }

    fn outline(&self, area: &Area, tile: &str, (left, top): (i32, i32)) -> Result<()> {
        let Some((own, (rows, vectors))) = place(&self.winner.record) else { return Ok(()) };
        let column = self.rows.iter().position(|r| *r == rows);
        let line = self.vectors.iter().rev().position(|v| *v == vectors);
        let (Some(column), Some(line), true) = (column, line, own == tile) else { return Ok(()) };
        let (x, y) = (left + CELL.0 * column as i32, top + CELL.1 * line as i32);
        let (right, bottom) = (x + CELL.0, y + CELL.1);
        let around = vec![(x, y), (right, y), (right, bottom), (x, bottom), (x, y), (right, y)];
        super::canvas::line(area, around, ACCENT.stroke_width(3))
    }
}

/// From pale to deep blue: darker is faster, also without colour.
pub fn shade(share: f64) -> RGBColor {
    const STOPS: [(f64, f64, f64); 5] = [
        (237.0, 244.0, 249.0),
        (184.0, 213.0, 232.0),
        (110.0, 170.0, 210.0),
        (40.0, 116.0, 174.0),
        (12.0, 62.0, 118.0),
    ];
    let at = share.clamp(0.0, 1.0) * (STOPS.len() - 1) as f64;
    let i = (at.floor() as usize).min(STOPS.len() - 2);
    let (a, b, t) = (STOPS[i], STOPS[i + 1], at - i as f64);
    let mix = |a: f64, b: f64| (a + (b - a) * t).round() as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}
