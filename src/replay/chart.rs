//! Replay curves: how good the best so far is after so many measurements, for each space and strategy.

use anyhow::Result;
use plotters::prelude::*;

use super::table::Line;
use crate::report::canvas::{LABEL, LINE, LINES, SOFT, WIDTH, line, svg};
use crate::report::plot::{Axis, Plot, plain};

const PANEL: i32 = 250;
const COLUMNS: usize = 2;

/// The expectation of chance, by space, as shares of the optimum.
pub type Chance = Vec<(String, Vec<f64>)>;

/// One panel per space.
/// # Errors
/// The drawing's own.
pub fn draw(lines: &[Line], chances: &Chance, runs: u64) -> Result<String> {
    let mut strategies: Vec<&str> = Vec::new();
    for l in lines {
        if !strategies.contains(&l.strategy.as_str()) {
            strategies.push(&l.strategy);
        }
    }
    let rows = chances.len().div_ceil(COLUMNS) as i32;
    let about = [
        format!(
            "Optimum over the best so far, median of {runs} games. Grey, dashed: what chance finds on average. Dotted: 98 %."
        ),
        "Times are those that were recorded on the device; nothing is measured again.".to_string(),
    ];
    svg(("Search strategies on recorded spaces", &about), (WIDTH, (rows * PANEL + 40) as u32), |area| {
        for (i, (space, chance)) in chances.iter().enumerate() {
            let (left, top) = ((i % COLUMNS) as i32 * 450 + 66, (i / COLUMNS) as i32 * PANEL + 22);
            let here: Vec<&Line> = lines.iter().filter(|l| l.space == *space).collect();
            let most = here.iter().map(|l| l.curve.len()).max().unwrap_or(1).max(2) as f64;
            let plot = Plot {
                x: Axis::log_range("measurements, log scale", 1.0..most, plain),
                y: Axis::linear("share of the optimum", 0.5..1.005, plain),
                left,
                top,
                right: left + 366,
                bottom: top + PANEL - 74,
            };
            plot.draw(area)?;
            let points = here.first().map_or(0, |l| l.points);
            LABEL.size(12.0).color(SOFT).draw(area, &format!("{space}: {points} points"), (left, top - 12))?;
            let at = |(i, share): (usize, &f64)| plot.at((i + 1) as f64, share.clamp(0.5, 1.0));
            let dots = (0..74).map(|i| (left + i * 5, plot.at(1.0, super::table::GOOD).1));
            for (x, y) in dots {
                line(area, vec![(x, y), (x + 1, y)], SOFT.stroke_width(1))?;
            }
            let path: Vec<_> = chance.iter().enumerate().take(most as usize).map(at).collect();
            for pair in path.windows(2).step_by(2) {
                line(area, pair.to_vec(), LINE.stroke_width(2))?;
            }
            for l in here.iter().rev() {
                let place = strategies.iter().position(|s| *s == l.strategy).unwrap_or(0);
                let width = if place == 0 { 3 } else { 1 };
                line(
                    area,
                    l.curve.iter().enumerate().map(at).collect(),
                    LINES[place % LINES.len()].stroke_width(width),
                )?;
            }
        }
        let mut x = 66;
        for (i, name) in strategies.iter().enumerate() {
            let y = rows * PANEL + 16;
            line(area, vec![(x, y), (x + 20, y)], LINES[i % LINES.len()].stroke_width(3))?;
            LABEL.size(12.0).draw(area, name, (x + 26, y))?;
            x += 26 + LABEL.size(12.0).width(name) + 18;
        }
        Ok(())
    })
}
