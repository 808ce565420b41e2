//! Resources against throughput, with the device's walls.

use anyhow::Result;
use plotters::prelude::*;

use super::Data;
use crate::fpga::Evidence;
use crate::fpga::resources::Resources;
use crate::fpga::row::Row;
use crate::fpga::tune::choose::Layer;
use crate::report::Drawing;
use crate::report::canvas::{ACCENT, Area, INK, LINES, Mark, NOTE, SOFT, Shape, WIDTH, legend, line, svg};
use crate::report::format;
use crate::report::plot::{Axis, Plot, plain};

const PANEL: i32 = 250;
/// Look-up tables, block RAMs, hard multipliers: what a user runs out of.
const SHOWN: [usize; 3] = [0, 2, 3];

/// How a figure's evidence is marked: what was counted is solid.
pub fn mark(evidence: Evidence) -> (Mark, bool) {
    match evidence {
        Evidence::Modelled | Evidence::Csim | Evidence::Rtlsim => (Mark { color: SOFT, shape: Shape::Circle }, false),
        Evidence::PnrOpen | Evidence::Impl => (Mark { color: ACCENT, shape: Shape::Diamond }, true),
        _ => (Mark { color: LINES[0], shape: Shape::Square }, true),
    }
}

/// One chart for each layer.
pub fn draw(data: &Data) -> Result<Vec<Drawing>> {
    let with_cells = sized(data);
    data.layers().iter().map(|layer| of_layer(data, layer, &with_cells)).collect()
}

/// Of each design the strongest row that counts cells: simulation counts none.
pub fn sized(data: &Data) -> Vec<&Row> {
    let mut best: std::collections::BTreeMap<(&str, &str, &str), &Row> = std::collections::BTreeMap::new();
    let right =
        |r: &&Row| r.lut.is_some() && r.outcome.is_none_or(|o| o.right()) || r.message.starts_with("does not fit");
    for row in data.rows.iter().filter(right) {
        let own = best.entry((&row.layer, &row.scheme, &row.design)).or_insert(row);
        if row.evidence >= own.evidence {
            *own = row;
        }
    }
    best.into_values().collect()
}

/// Calls in a million clock cycles.
fn pace(row: &Row) -> f64 {
    1e6 / (row.interval * row.vectors).max(1) as f64
}

fn of_layer(data: &Data, layer: &Layer, all: &[&Row]) -> Result<Drawing> {
    let rows: Vec<&Row> = all.iter().filter(|r| r.layer == layer.name).copied().collect();
    let device = &data.plan.device;
    let (total, room) = (device.total.each(), device.room().each());
    let shown: Vec<usize> = SHOWN.into_iter().filter(|i| total[*i].is_some_and(|n| n > 0)).collect();
    let lines = [
        format!("{} · {}", device.name, device.title),
        "Right is faster, down is smaller. Dashed: the wall. A line joins what nothing of the same evidence beats."
            .into(),
    ];
    let height = PANEL * shown.len() as i32 + 24;
    let text = svg((&format!("Speed and size: {}", layer.name), &lines), (WIDTH, height as u32), |area| {
        key(area, &rows)?;
        for (place, i) in shown.iter().enumerate() {
            let top = 24 + PANEL * place as i32;
            panel(area, &rows, *i, (total[*i].unwrap_or(1), room[*i].unwrap_or(0)), top)?;
        }
        Ok(())
    })?;
    Ok((format!("walls-{}", format::slug(layer.name)), text))
}

fn key(area: &Area, rows: &[&Row]) -> Result<()> {
    let mut seen: Vec<Evidence> = rows.iter().map(|r| r.evidence).collect();
    seen.sort_unstable();
    seen.dedup();
    let entries: Vec<_> = seen.into_iter().map(|e| (mark(e).0, mark(e).1, e.name().to_string())).collect();
    legend(area, &entries, (76, 10)).map(drop)
}

fn panel(area: &Area, rows: &[&Row], resource: usize, (total, room): (u64, u64), top: i32) -> Result<()> {
    let used = |r: &Row| Some(r.resources().each()[resource]? as f64 / total as f64 * 100.0);
    let wall = room as f64 / total as f64 * 100.0;
    let most = rows.iter().filter_map(|r| used(r)).fold(wall, f64::max).min(120.0);
    let title = format!("{}, % of {total}", Resources::NAMES[resource]);
    let plot = Plot {
        x: Axis::log("calls in a million clock cycles, log scale", rows.iter().map(|r| pace(r)), 1.3, plain),
        y: Axis::linear(&title, 0.0..most * 1.08, plain),
        left: 76,
        top: top + 8,
        right: WIDTH as i32 - 24,
        bottom: top + PANEL - 52,
    };
    plot.draw(area)?;
    let y = plot.at(plot.x.range.start, wall).1;
    for x in (plot.left..plot.right).step_by(12) {
        line(area, vec![(x, y), ((x + 7).min(plot.right), y)], INK.stroke_width(1))?;
    }
    NOTE.color(INK).right().draw(area, &format!("may take {room}"), (plot.right - 4, y - 8))?;
    let mut order: Vec<&&Row> = rows.iter().collect();
    order.sort_by_key(|r| r.evidence);
    let mut classes: Vec<Evidence> = order.iter().map(|r| r.evidence).collect();
    classes.dedup();
    for class in classes {
        let own: Vec<(f64, f64)> =
            order.iter().filter(|r| r.evidence == class).filter_map(|r| Some((pace(r), used(r)?.min(120.0)))).collect();
        let (mark, solid) = mark(class);
        let steps: Vec<_> = best(&own).into_iter().map(|(x, y)| plot.at(x, y)).collect();
        line(area, steps, mark.color.mix(0.6).stroke_width(1))?;
        match class {
            // thousands of them
            Evidence::Modelled => {
                for (x, y) in &own {
                    area.draw(&Circle::new(plot.at(*x, *y), 2, mark.color.mix(0.5).filled()))?;
                }
            }
            _ => own.iter().try_for_each(|(x, y)| mark.draw(area, plot.at(*x, *y), solid))?,
        }
    }
    Ok(())
}

/// What nothing is both faster and smaller than, from slow to fast.
fn best(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.total_cmp(&b.1)));
    let mut least = f64::INFINITY;
    sorted.retain(|p| {
        let better = p.1 < least;
        least = least.min(p.1);
        better
    });
    sorted.reverse();
    sorted
}
