//! The error of every layer under every scheme, in one picture.

use anyhow::Result;
use plotters::prelude::*;

use super::view::{Data, Entry, Net, networks, sqnr};
use crate::report::Drawing;
use crate::report::canvas::{Area, GRID, INK, LABEL, NOTE, PAPER, svg};
use crate::report::format;
use crate::report::heatmap::shade;

/// Schemes and layers in one chart; more go to another.
const MOST: (usize, usize) = (60, 18);
const CELL: (i32, i32) = (48, 19);
/// Room for the schemes' names and bits, and for the scale above the layers' names.
const LEFT: i32 = 230;
const TOP: i32 = 56;
/// What the colours span, in dB: the same in all charts.
const SPAN: f64 = 60.0;

pub fn draw(data: &Data) -> Result<Vec<Drawing>> {
    let mut charts = Vec::new();
    for net in networks(&data.rows) {
        let entries: Vec<&Entry> = net.entries.iter().filter(|e| !e.layers.is_empty()).collect();
        let parts: Vec<(&[&Entry], &[&str])> = entries
            .chunks(MOST.0)
            .flat_map(|rows| net.layers.chunks(MOST.1).map(move |columns| (rows, columns)))
            .collect();
        for (i, (rows, columns)) in parts.iter().enumerate() {
            let part = if parts.len() > 1 { format!("{} of {}", i + 1, parts.len()) } else { String::new() };
            let suffix = if parts.len() > 1 { format!("-{}", i + 1) } else { String::new() };
            let stem = format!("sqnr-{}{suffix}", format::slug(net.name));
            charts.push((stem, chart(&net, rows, columns, &part)?));
        }
    }
    Ok(charts)
}

fn chart(net: &Net, rows: &[&Entry], columns: &[&str], part: &str) -> Result<String> {
    let width = (LEFT + CELL.0 * columns.len() as i32 + 40).max(620) as u32;
    let longest = columns.iter().map(|c| LABEL.width(&format::shorten(c, 16))).max().unwrap_or(0);
    let top = TOP + longest;
    let height = (top + CELL.1 * rows.len() as i32 + 12) as u32;
    let title = format!("SQNR of layers: {} ({}) {part}", net.name, net.data);
    let lines = ["dB; higher is better, each 6 dB halve the error. Schemes by stored bits per weight.".to_string()];
    svg((title.trim_end(), &lines), (width, height), |area| {
        scale(area)?;
        for (i, layer) in columns.iter().enumerate() {
            let x = LEFT + CELL.0 * i as i32 + CELL.0 / 2;
            LABEL.draw_up(area, &format::shorten(layer, 16), (x, top - 8))?;
        }
        for (j, e) in rows.iter().enumerate() {
            row(area, e, columns, top + CELL.1 * j as i32)?;
        }
        Ok(())
    })
}

fn row(area: &Area, e: &Entry, columns: &[&str], y: i32) -> Result<()> {
    let middle = y + CELL.1 / 2;
    LABEL.right().draw(area, &format::shorten(&e.title, 26), (LEFT - 54, middle))?;
    NOTE.right().draw(area, &format!("{:.2}", e.bits), (LEFT - 10, middle))?;
    for (i, layer) in columns.iter().enumerate() {
        let x = LEFT + CELL.0 * i as i32;
        let room = [(x + 1, y + 1), (x + CELL.0 - 1, y + CELL.1 - 1)];
        let value = e.layers.iter().find(|r| r.layer == *layer).map(|r| sqnr(r));
        let share = value.flatten().map(|db| db / SPAN);
        let fill = share.map_or(GRID.mix(0.6), |s| shade(s).mix(1.0));
        area.draw(&Rectangle::new(room, fill.filled()))?;
        let text = match value {
            None => "",
            Some(None) => format::UNKNOWN,
            Some(Some(db)) if db.is_infinite() => "exact",
            Some(Some(db)) => &format!("{db:.1}"),
        };
        let ink = if share.is_some_and(|s| s > 0.55) { PAPER } else { INK };
        LABEL.color(ink).centred().draw(area, text, (x + CELL.0 / 2, middle))?;
    }
    Ok(())
}

/// What the colours mean.
fn scale(area: &Area) -> Result<()> {
    const STEPS: i32 = 40;
    let (left, top, width) = (16, 12, 4);
    for i in 0..STEPS {
        let x = left + i * width;
        let color = shade(f64::from(i) / f64::from(STEPS - 1));
        area.draw(&Rectangle::new([(x, top), (x + width, top + 12)], color.filled()))?;
    }
    for (share, text) in [(0.0, "≤ 0"), (1.0 / 3.0, "20"), (2.0 / 3.0, "40"), (1.0, "≥ 60 dB")] {
        let x = left + (share * f64::from(STEPS * width)) as i32;
        let style = if share == 0.0 { NOTE } else { NOTE.centred() };
        style.draw(area, text, (x, top + 24))?;
    }
    Ok(())
}
