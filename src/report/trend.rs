//! The trend of one kernel: night by night its time, the levels that it had, and what changed around it.

use anyhow::Result;
use plotters::prelude::*;

use super::canvas::{ACCENT, INK, LABEL, LINE, NOTE, SOFT, WIDTH, line, svg};
use super::format;
use super::plot::{Axis, Plot, plain, tick_time};
use crate::store::{History, Point};
use crate::trend::Change;

const HEIGHT: i32 = 380;

/// SVG of a history with its change points.
/// # Errors
/// A chart that cannot be drawn.
pub fn draw(history: &History, changes: &[Change]) -> Result<String> {
    let points = &history.points;
    let (low, high) = ends(points);
    let room = (high - low).max(high * 0.01) * 0.15;
    let plot = Plot {
        x: Axis::linear("night", -0.5..points.len() as f64 - 0.5, |x| plain(x + 1.0)),
        y: Axis::linear("time of one call", low - room..high + 2.0 * room, tick_time),
        left: 92,
        top: 12,
        right: WIDTH as i32 - 24,
        bottom: HEIGHT - 56,
    };
    let dates = points.first().zip(points.last()).map(|(a, b)| format!("{} to {}", day(a), day(b)));
    let lines = [
        dates.unwrap_or_default(),
        "Dots: the median of a night's sessions; bars: the extremes of their 95 % intervals; open: another kernel than the night before.".into(),
        "Steps: levels between change points. Dashed: something besides the code changed; a step there may be its.".into(),
    ];
    svg((&history.key.to_string(), &lines), (WIDTH, HEIGHT as u32), |area| {
        plot.draw(area)?;
        for (i, (before, now)) in points.iter().zip(points.iter().skip(1)).enumerate() {
            let differences = before.environment.differences(&now.environment);
            if differences.is_empty() {
                continue;
            }
            let x = plot.at(i as f64 + 0.5, low).0;
            for y in (plot.top..plot.bottom).step_by(8) {
                line(area, vec![(x, y), (x, y + 4)], SOFT.stroke_width(1))?;
            }
            let text = format::shorten(&differences.join(", "), 48);
            let half = x < (plot.left + plot.right) / 2;
            let style = if half { NOTE } else { NOTE.right() };
            style.draw(area, &text, (if half { x + 5 } else { x - 5 }, plot.top + 8))?;
        }
        let starts: Vec<usize> = std::iter::once(0).chain(changes.iter().map(|c| c.at)).collect();
        for (i, start) in starts.iter().enumerate() {
            let end = starts.get(i + 1).copied().unwrap_or(points.len());
            let level = crate::stats::median(&points[*start..end].iter().map(|p| p.median_ns).collect::<Vec<_>>());
            let (from, to) = (plot.at(*start as f64 - 0.4, level), plot.at(end as f64 - 0.6, level));
            line(area, vec![from, to], ACCENT.stroke_width(2))?;
            if let Some(change) = changes.iter().find(|c| c.at == *start) {
                let text = format!("{:+.1} %", 100.0 * (change.ratio - 1.0));
                LABEL.size(12.0).color(ACCENT).draw(area, &text, (from.0, from.1 - 14))?;
            }
        }
        for (i, p) in points.iter().enumerate() {
            let at = plot.at(i as f64, p.median_ns);
            let (top, bottom) = (plot.at(i as f64, p.high_ns.min(high)).1, plot.at(i as f64, p.low_ns.max(low)).1);
            line(area, vec![(at.0, top), (at.0, bottom)], LINE.stroke_width(1))?;
            let same = i == 0 || points[i - 1].candidate == p.candidate;
            let style = if same { INK.filled() } else { INK.stroke_width(1) };
            area.draw(&Circle::new(at, 3, style))?;
        }
        Ok(())
    })
}

/// Least and greatest that the chart shows: bars far beyond the medians are cut.
fn ends(points: &[Point]) -> (f64, f64) {
    let medians = || points.iter().map(|p| p.median_ns);
    let (least, most) = (medians().fold(f64::INFINITY, f64::min), medians().fold(0.0, f64::max));
    let reach = (most - least).max(0.02 * most);
    let low = points.iter().map(|p| p.low_ns).fold(f64::INFINITY, f64::min).max(least - reach);
    let high = points.iter().map(|p| p.high_ns).fold(0.0, f64::max).min(most + reach);
    (low.max(0.0), high)
}

fn day(point: &Point) -> &str {
    point.started.get(..10).unwrap_or(&point.started)
}
