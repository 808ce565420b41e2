//! How fast the search found what it found: the best so far against tries and against time.

use anyhow::Result;
use plotters::prelude::*;

use super::Drawing;
use super::canvas::{Area, LABEL, LINE, LINES, WIDTH, line, svg};
use super::format;
use super::plot::{Axis, Plot, extent, plain};
use super::view::{Context, Series, contexts, label, time_of_record};
use crate::certificate::{Group, group_of};
use crate::record::Record;
use crate::run::Run;

/// One search: tries, seconds and the best so far as a multiple of the final best, at every improvement and at the end.
struct Curve {
    label: String,
    best_ns: f64,
    steps: Vec<(f64, f64, f64)>,
}

/// One chart per context.
pub fn draw(run: &Run) -> Result<Vec<Drawing>> {
    let mut charts = Vec::new();
    for (context, suffix) in contexts(run) {
        let mut curves = curves(run, &context);
        if curves.is_empty() {
            continue;
        }
        curves.sort_by(|a, b| b.best_ns.total_cmp(&a.best_ns));
        charts.push((format!("convergence{suffix}"), Chart { context, curves }.svg()?));
    }
    Ok(charts)
}

fn curves(run: &Run, context: &Context) -> Vec<Curve> {
    let mut groups: Vec<(Group, f64, Vec<&Record>)> = Vec::new();
    let mut before = 0.0f64;
    for r in &run.records {
        let group = group_of(r);
        match groups.iter_mut().rfind(|g| g.0 == group) {
            Some((_, _, all)) => all.push(r),
            // a search begins when the one before it ended; a resumed run starts the clock anew
            None => groups.push((group, if before <= r.at_s { before } else { 0.0 }, vec![r])),
        }
        before = if r.at_s.is_finite() { r.at_s } else { before };
    }
    let inside = groups.iter().filter(|(_, _, all)| all.first().is_some_and(|r| context.holds(r)));
    inside.filter_map(|(_, start, all)| curve(run, *start, all)).collect()
}

fn curve(run: &Run, start: f64, records: &[&Record]) -> Option<Curve> {
    let mut improved: Vec<(f64, f64, f64)> = Vec::new();
    let mut seconds = 0.0f64;
    for (i, r) in records.iter().enumerate() {
        seconds = seconds.max(r.at_s - start);
        if let Some(ns) = time_of_record(r).filter(|ns| improved.last().is_none_or(|last| *ns < last.2)) {
            improved.push(((i + 1) as f64, seconds, ns));
        }
    }
    let best_ns = improved.last()?.2;
    if records.len() < 2 {
        return None; // one try is no search
    }
    improved.push((records.len() as f64, seconds, best_ns));
    let first = records.first()?;
    Some(Curve {
        label: format!("{} · {}", label(run, &first.layer), Series::of(first).title()),
        best_ns,
        steps: improved.into_iter().map(|(tries, s, ns)| (tries, s, ns / best_ns)).collect(),
    })
}

struct Chart {
    context: Context,
    /// Slowest kernel first.
    curves: Vec<Curve>,
}

const PANEL: i32 = 360;
const ENTRY: i32 = 18;

impl Chart {
    fn svg(&self) -> Result<String> {
        let named = self.curves.len().min(LINES.len());
        let rest = self.curves.len() - named;
        let legend_rows = (named + usize::from(rest > 0)).div_ceil(2) as i32;
        let mut lines = vec![self.context.title()];
        lines.push("Best time so far as a multiple of the best time in the end; failures count as tries. Slowest layers first.".into());
        let height = PANEL + 8 + legend_rows * ENTRY + 8;
        svg(("Convergence of the search", &lines), (WIDTH, height as u32), |area| {
            self.panel(area, (70, 432), "candidates tried", |s| s.0)?;
            self.panel(area, (516, WIDTH as i32 - 24), "seconds since the search of the layer began", |s| s.1)?;
            self.legend(area, rest)
        })
    }

    fn panel(&self, area: &Area, (left, right): (i32, i32), title: &str, x: fn(&(f64, f64, f64)) -> f64) -> Result<()> {
        let all = || self.curves.iter().flat_map(|c| &c.steps);
        let worst = extent(all().map(|s| s.2), 1.0).1.max(1.1);
        let furthest = extent(all().map(x), 1.0).1.max(1e-3);
        let plot = Plot {
            x: Axis::linear(title, 0.0..furthest * 1.02, plain),
            y: Axis::log_range("best so far / best, log scale", 0.985..worst * 1.08, plain),
            left,
            top: 10,
            right,
            bottom: PANEL - 56,
        };
        plot.draw(area)?;
        for (i, curve) in self.curves.iter().enumerate().rev() {
            let mut path: Vec<(i32, i32)> = Vec::new();
            for step in &curve.steps {
                let here = plot.at(x(step), step.2);
                // candidates of one batch come at one time: what counts is the best of them
                match path.last_mut() {
                    Some(last) if here.0 - last.0 <= 2 => last.1 = here.1,
                    Some(last) => {
                        let corner = (here.0, last.1);
                        path.extend([corner, here]);
                    }
                    None => path.push(here),
                }
            }
            let (color, width) = LINES.get(i).map_or((LINE.mix(0.6), 1), |c| (c.to_rgba(), 2));
            if let Some(end) = path.last() {
                area.draw(&Circle::new(*end, 1 + width as i32, color.filled()))?;
            }
            line(area, path, color.stroke_width(width))?;
        }
        Ok(())
    }

    fn legend(&self, area: &Area, rest: usize) -> Result<()> {
        let named = self
            .curves
            .iter()
            .zip(LINES)
            .map(|(c, color)| (format!("{} ({})", c.label, format::time(c.best_ns)), color));
        let others = (rest > 0).then(|| (format!("{rest} more"), LINE));
        let entries: Vec<(String, RGBColor)> = named.chain(others).collect();
        let rows = entries.len().div_ceil(2).max(1);
        for (i, (text, color)) in entries.iter().enumerate() {
            let (x, y) = (70 + 446 * (i / rows) as i32, PANEL + 8 + ENTRY * (i % rows) as i32);
            line(area, vec![(x, y), (x + 22, y)], color.stroke_width(3))?;
            LABEL.size(12.0).draw(area, text, (x + 30, y))?;
        }
        Ok(())
    }
}
