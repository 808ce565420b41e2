//! The front of mixed assignments: divergence from f32 against time and against size, with each scheme alone and the one that was chosen.

use anyhow::Result;
use plotters::prelude::*;

use super::Drawing;
use super::canvas::{ACCENT, Area, LABEL, LINE, Mark, NOTE, PAPER, Point, SOFT, Shape, WIDTH, legend, line, svg};
use super::format;
use super::ladder::dashed;
use super::plot::{Axis, Plot, extent, tick_time};
use super::view::positive;
use crate::assign::{Assignment, Costs};
use crate::decision::{FrontPoint, Whole};
use crate::run::Run;

const BLUE: RGBColor = RGBColor(0, 114, 178);
const GREEN: RGBColor = RGBColor(0, 158, 115);
/// Height of the panels, and of the band of what has no divergence.
const BOTTOM: i32 = 400;
const BAND: i32 = 26;

/// One chart, of a run of a model that chose among several assignments.
pub fn draw(run: &Run) -> Result<Vec<Drawing>> {
    let Some(whole) = &run.whole else { return Ok(vec![]) };
    let Some(costs) = &whole.costs else { return Ok(vec![]) };
    let panels: Vec<Panel> = [
        ("latency_ns", "time of the layers, added up", tick_time as fn(f64) -> String),
        ("bytes", "size of the weights", tick_bytes),
    ]
    .into_iter()
    .filter_map(|(column, title, write)| Panel::of(whole, costs, column, (title, write)))
    .collect();
    if panels.iter().all(|p| p.front.len() < 2) {
        return Ok(vec![]);
    }
    let name = &whole.decision.chosen.network;
    Ok(vec![(format!("front-{}", format::slug(name)), picture(whole, &panels)?)])
}

/// A point: cost, divergence predicted, and measured where the network was run.
#[derive(Clone)]
struct Spot {
    cost: f64,
    kl: f64,
    measured: Option<f64>,
    label: String,
}

/// Divergence against one cost.
struct Panel {
    title: &'static str,
    write: fn(f64) -> String,
    front: Vec<Spot>,
    alone: Vec<Spot>,
    chosen: Spot,
    limit: Option<f64>,
    /// Is the front all there is of it?
    complete: bool,
}

impl Panel {
    fn of(
        whole: &Whole,
        costs: &Costs,
        column: &str,
        (title, write): (&'static str, fn(f64) -> String),
    ) -> Option<Self> {
        let d = &whole.decision;
        let (kl, cost) = (costs.column("kl").ok()?, costs.column(column).ok()?);
        let spot = |a: &Assignment, label: &str| Spot {
            cost: a.totals[cost],
            kl: a.totals[kl],
            measured: None,
            label: label.into(),
        };
        let priced = |of: &dyn Fn(&str) -> String| {
            Assignment::priced(costs, costs.layers().iter().map(|l| (l.to_string(), of(l))).collect())
        };
        let chosen = priced(&|layer| d.schemes.get(layer).and_then(|s| s.as_str()).unwrap_or_default().into());
        let mut schemes: Vec<&str> = Vec::new();
        costs.rows.iter().for_each(|r| {
            if !schemes.contains(&r.scheme.as_str()) {
                schemes.push(&r.scheme);
            }
        });
        let everywhere = |s: &&str| costs.rows.iter().filter(|r| r.scheme == *s).count() == costs.layers().len();
        let alone = schemes.into_iter().filter(everywhere).map(|s| spot(&priced(&|_| s.into()), s));
        let rows: Vec<&FrontPoint> = whole.front.iter().filter(|p| p.against == column).collect();
        let at = |p: &&FrontPoint| if column == "bytes" { p.bytes } else { p.latency_ns };
        let front = rows.iter().map(|p| Spot { cost: at(p), kl: p.kl, measured: p.measured_kl, label: String::new() });
        let known = |s: &Spot| positive(Some(s.cost)).is_some() && s.kl.is_finite() && s.kl >= 0.0;
        let chosen = Spot { measured: d.measured_kl, ..spot(&chosen, "as chosen") };
        Some(Self {
            title,
            write,
            front: front.filter(known).collect(),
            alone: alone.filter(known).collect(),
            limit: if column == "bytes" { d.limits.bytes } else { d.limits.latency_ns },
            complete: rows.iter().all(|p| p.whole),
            chosen: Some(chosen).filter(known)?,
        })
    }

    fn spots(&self) -> impl Iterator<Item = &Spot> {
        self.front.iter().chain(&self.alone).chain([&self.chosen])
    }
}

fn picture(whole: &Whole, panels: &[Panel]) -> Result<String> {
    let d = &whole.decision;
    let mut lines = vec![
        "Down and left is better. Each point of the line gives one scheme to each layer, and no assignment beats it in both.".to_string(),
        format!("Divergence from f32 and times are sums over the layers, each alone; triangles: the whole network, run on {} samples.", d.chosen_on),
    ];
    if panels.iter().any(|p| !p.complete) {
        lines.push("A front is not all there: the time for it was up.".into());
    }
    let title = format!("Mixed assignments: {}", d.chosen.network);
    let values: Vec<f64> =
        panels.iter().flat_map(Panel::spots).flat_map(|s| [Some(s.kl), s.measured]).flatten().collect();
    let zeros = values.iter().any(|v| *v <= 0.0);
    let (least, most) = extent(values.iter().copied().filter(|v| *v > 0.0), 1e-3);
    let range = least / 1.6..most * 1.6;
    svg((&title, &lines), (WIDTH, (BOTTOM + 50) as u32), |area| {
        let entries = [
            (Mark { color: BLUE, shape: Shape::Circle }, true, "the front".to_string()),
            (Mark { color: SOFT, shape: Shape::Square }, false, "one scheme for all layers".into()),
            (Mark { color: ACCENT, shape: Shape::Diamond }, true, "as chosen".into()),
            (Mark { color: GREEN, shape: Shape::Triangle }, false, "measured divergence".into()),
        ];
        legend(area, &entries, (78, 12))?;
        for (i, panel) in panels.iter().enumerate() {
            let left = 78 + 446 * i as i32;
            panel.draw(area, range.clone(), zeros, (left, left + 354))?;
        }
        Ok(())
    })
}

impl Panel {
    fn draw(&self, area: &Area, range: std::ops::Range<f64>, zeros: bool, (left, right): (i32, i32)) -> Result<()> {
        let band = if zeros { BAND } else { 0 };
        let costs = self.spots().map(|s| s.cost).chain(self.limit);
        let plot = Plot {
            x: Axis::log(self.title, costs, 1.12, self.write),
            y: Axis::log_range("divergence from f32, nats, log scale", range, scientific),
            left,
            top: 34,
            right,
            bottom: BOTTOM - band,
        };
        plot.draw_above(area, band)?;
        let floor = plot.y.range.start;
        let at = |s: &Spot, kl: f64| -> Point {
            let (x, y) = plot.at(s.cost, kl.max(floor));
            (x, if kl > 0.0 { y } else { BOTTOM - band / 2 })
        };
        if let Some(limit) = self.limit {
            dashed(area, plot.at(limit, floor).0, (plot.top, BOTTOM), ACCENT)?;
            NOTE.color(ACCENT).draw(area, "limit", (plot.at(limit, floor).0 + 5, plot.top + 8))?;
        }
        let mut labels = plot.labels(0);
        let path: Vec<Point> = self.front.iter().map(|s| at(s, s.kl)).collect();
        path.windows(2).for_each(|ends| labels.keep_off_line(ends[0], ends[1]));
        line(area, path, BLUE.mix(0.5).stroke_width(1))?;
        for s in &self.alone {
            Mark { color: SOFT, shape: Shape::Square }.draw(area, at(s, s.kl), false)?;
        }
        for s in &self.front {
            area.draw(&Circle::new(at(s, s.kl), 3, BLUE.filled()))?;
        }
        for (s, color) in self.front.iter().map(|s| (s, LINE)).chain([(&self.chosen, ACCENT)]) {
            if let Some(measured) = s.measured {
                line(area, vec![at(s, s.kl), at(s, measured)], color.stroke_width(1))?;
                Mark { color: GREEN, shape: Shape::Triangle }.draw(area, at(s, measured), false)?;
                labels.keep_off(at(s, measured), 7);
            }
        }
        let here = at(&self.chosen, self.chosen.kl);
        area.draw(&Circle::new(here, 11, PAPER.mix(0.6).filled()))?;
        area.draw(&Circle::new(here, 11, ACCENT.stroke_width(2)))?;
        Mark { color: ACCENT, shape: Shape::Diamond }.draw(area, here, true)?;
        self.spots().for_each(|s| labels.keep_off(at(s, s.kl), 6));
        labels.beside(area, "as chosen", LABEL.color(ACCENT).bold(), here, true)?;
        for s in &self.alone {
            labels.beside(area, &format::shorten(&s.label, 20), LABEL.color(SOFT), at(s, s.kl), true)?;
        }
        Ok(())
    }
}

/// Sizes at ticks: `10 kB`.
fn tick_bytes(v: f64) -> String {
    let text = format::bytes(v);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

/// `1e-3`, `0.02`.
fn scientific(v: f64) -> String {
    if v < 0.01 { format!("{v:.0e}") } else { super::plot::plain(v) }
}
