//! Trends of kernels: night by night their times, the levels that they had, and what changed around them.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;
use serde::Serialize;

use super::canvas::{ACCENT, INK, LABEL, LINE, NOTE, SOFT, WIDTH, line, svg};
use super::format;
use super::plot::{Axis, Plot, plain, tick_time};
use crate::run::Run;
use crate::sessions::Key;
use crate::store::{self, History, Point, Query};
use crate::trend::{Change, changes};

const HEIGHT: i32 = 380;

/// Trends of one run on a page at most, and the least change of level in them.
const MOST: usize = 12;
const LEAST: f64 = 0.01;

/// A kernel's nights, and where its level changed.
pub type Trend = (History, Vec<Change>);

/// The changes of level of a history.
pub fn with_changes(history: History) -> Trend {
    let values: Vec<f64> = history.points.iter().map(|p| p.median_ns).collect();
    let changes = changes(&values, LEAST);
    (history, changes)
}

/// How the kernels of a run went over its nights, where there is a history of two nights or more: those whose level changed first,
/// then the slowest. What could not be read, the text says.
pub fn trends_of(run: &Run) -> (Vec<Trend>, Vec<String>) {
    let Some((address, root)) = store::beside(&run.dir) else { return (vec![], vec![]) };
    let target = run.provenance.as_ref().map_or(String::new(), |p| p.target.clone());
    let query = Query { target, ..Query::default() };
    let (found, mut notes) = match store::ask(&address, &root, &query) {
        Ok((found, updated)) => (found, updated.notes),
        Err(e) => (vec![], vec![format!("no trends: {e:#}")]),
    };
    let own: Vec<Key> = run.winners.iter().map(|w| Key::of(&crate::certificate::group_of(&w.record))).collect();
    let mut trends: Vec<Trend> =
        found.into_iter().filter(|h| h.points.len() > 1 && own.contains(&h.key)).map(with_changes).collect();
    let weight = |(h, c): &Trend| {
        let step = c.iter().map(|c| c.ratio.ln().abs()).fold(0.0, f64::max);
        (step, h.points.last().map_or(0.0, |p| p.median_ns))
    };
    trends.sort_by(|a, b| {
        let (a, b) = (weight(a), weight(b));
        b.0.total_cmp(&a.0).then(b.1.total_cmp(&a.1))
    });
    if trends.len() > MOST {
        notes.push(format!("{} of {} trends are on the page; `bitsmith history` has all", MOST, trends.len()));
        trends.truncate(MOST);
    }
    (trends, notes)
}

/// One trend in words.
#[derive(Serialize)]
pub struct TrendRow {
    pub layer: String,
    pub scheme: String,
    pub contract: String,
    pub nights: usize,
    pub first: String,
    pub last: String,
    pub time: String,
    pub ns: f64,
    /// Of the last night against the first.
    pub since: String,
    /// What is said of each change of level.
    pub changes: Vec<String>,
    /// What else changed, and when, whether or not the time did.
    pub environment: Vec<String>,
    /// What prints and draws it again.
    pub again: String,
}

pub fn row((h, changes): &Trend, run: &Path) -> Option<TrendRow> {
    let (first, last) = (h.points.first()?, h.points.last()?);
    let steps = h.points.iter().zip(h.points.iter().skip(1));
    let changed = steps.filter_map(|(a, b)| {
        let differences = a.environment.differences(&b.environment);
        (!differences.is_empty()).then(|| format!("{}: {}", day(b), differences.join(", ")))
    });
    let root = store::beside(run).map_or_else(|| "results".into(), |(_, root)| root.display().to_string());
    Some(TrendRow {
        layer: h.key.layer.clone(),
        scheme: h.key.scheme.clone(),
        contract: h.key.contract.clone(),
        nights: h.points.len(),
        first: day(first).into(),
        last: day(last).into(),
        time: format::time(last.median_ns),
        ns: last.median_ns,
        since: format::signed(last.median_ns / first.median_ns - 1.0, 1),
        changes: changes.iter().map(|c| sentence(h, c)).collect(),
        environment: changed.collect(),
        again: format!(
            "bitsmith history --layer {} --scheme {} --target {} --results {root} --charts charts",
            h.key.layer, h.key.scheme, h.key.target
        ),
    })
}

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
    let dates = points.first().zip(points.last()).map(|(a, b)| match (day(a), day(b)) {
        (a, b) if a == b => a.to_string(),
        (a, b) => format!("{a} to {b}"),
    });
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

/// `2026-01-14: +3.1 % between revisions a..b; compiler x -> y`
pub fn sentence(h: &History, change: &Change) -> String {
    let (before, after) = (&h.points[change.at - 1], &h.points[change.at]);
    let (old, new) = (&before.environment, &after.environment);
    let mut said = vec![format!("{}: {:+.1} %", after.started.get(..10).unwrap_or("?"), 100.0 * (change.ratio - 1.0))];
    let differences = old.differences(new);
    if old.revision != new.revision {
        said.push(format!("revisions {}..{}", short(&old.revision), short(&new.revision)));
    }
    if before.candidate != after.candidate {
        said.push("another kernel won".into());
    } else if before.source_hash != after.source_hash {
        said.push("the kernel's text changed".into());
    } else if differences.is_empty() {
        said.push("nothing that is recorded changed".into());
    }
    if !differences.is_empty() {
        said.push(format!("beside the code: {}", differences.join(", ")));
    }
    if let Some(pace) = pace(h, change.at).filter(|p| p.ln() * change.ratio.ln() > 0.5 * change.ratio.ln().powi(2)) {
        said.push(format!("the device's own pace went with it: its products take {:+.1} %", 100.0 * (pace - 1.0)));
    }
    said.join("; ")
}

/// What the device's own products took from a night on over what they took before, by medians of up to seven nights.
fn pace(h: &History, at: usize) -> Option<f64> {
    let median = |points: &[Point]| {
        let known: Vec<f64> = points.iter().filter_map(|p| p.pace_ns).collect();
        (!known.is_empty()).then(|| crate::stats::median(&known))
    };
    let (before, after) = (&h.points[at.saturating_sub(7)..at], &h.points[at..(at + 7).min(h.points.len())]);
    Some(median(after)? / median(before)?)
}

fn short(revision: &str) -> &str {
    revision.get(..10).unwrap_or(if revision.is_empty() { "unknown" } else { revision })
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
