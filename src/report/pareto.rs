//! Latency against accuracy: what each number format costs and gives, per layer and for the whole network.

use anyhow::Result;
use plotters::prelude::*;

use super::Drawing;
use super::canvas::{Area, GRID, INK, LABEL, LINE, Mark, NOTE, Point, SOFT, WIDTH, legend, line, svg};
use super::format;
use super::network::{Sum, Total, totals};
use super::plot::{Axis, FEW, Labels, Plot, extent, plain, tick_time};
use super::view::{Context, Series, contexts, series, split, time_of};
use crate::run::Run;

/// A winner with a time and an accuracy.
struct Entry {
    key: String,
    label: String,
    series: Series,
    ns: f64,
    /// None of the reference, which has no error.
    sqnr_db: Option<f64>,
    front: bool,
}

impl Entry {
    fn db(&self) -> f64 {
        self.sqnr_db.unwrap_or(f64::INFINITY)
    }

    /// Is the other one as good in both respects, and better in one?
    fn beaten_by(&self, other: &Self) -> bool {
        let comparable = self.key == other.key && self.series.contract == other.series.contract;
        let no_worse = other.ns <= self.ns && other.db() >= self.db();
        comparable && no_worse && (other.ns < self.ns || other.db() > self.db())
    }
}

/// One chart per network and context.
pub fn draw(run: &Run) -> Result<Vec<Drawing>> {
    let mut charts = Vec::new();
    for total in totals(run) {
        let entries = entries(run, &total.network, &total.context);
        let bars: Vec<&Sum> = total.sums.iter().filter(|s| total.complete(s) && s.ns.is_some()).collect();
        let bars = if bars.len() > 1 { bars } else { vec![] };
        if entries.is_empty() && bars.is_empty() {
            continue;
        }
        let suffix = contexts(run).into_iter().find(|c| c.0 == total.context).map_or(String::new(), |c| c.1);
        let stem = format!("pareto-{}{suffix}", format::slug(&total.network));
        let chart = Chart { total: &total, entries, bars, all: series(run) };
        charts.push((stem, chart.svg()?));
    }
    Ok(charts)
}

fn entries(run: &Run, network: &str, context: &Context) -> Vec<Entry> {
    let inside = run.winners.iter().filter(|w| split(&w.record.layer).0 == network && context.holds(&w.record));
    let each = inside.filter_map(|w| {
        let series = Series::of(&w.record);
        let sqnr_db = run.accuracy_of(&w.record).and_then(|a| a.sqnr_db).filter(|db| db.is_finite());
        (series.is_f32() || sqnr_db.is_some()).then_some(())?;
        Some(Entry {
            key: w.record.layer.clone(),
            label: format::shorten(split(&w.record.layer).1, 28),
            ns: time_of(w)?,
            sqnr_db: if series.is_f32() { None } else { sqnr_db },
            series,
            front: false,
        })
    });
    let mut all: Vec<Entry> = each.collect();
    if all.iter().all(|e| e.sqnr_db.is_none()) {
        return vec![]; // only the reference: no accuracy was measured
    }
    let front: Vec<bool> = all.iter().map(|e| !all.iter().any(|o| e.beaten_by(o))).collect();
    all.iter_mut().zip(front).for_each(|(e, front)| e.front = front);
    all
}

struct Chart<'a> {
    total: &'a Total,
    entries: Vec<Entry>,
    /// Number formats in which every layer has a time, where there are several.
    bars: Vec<&'a Sum>,
    all: Vec<Series>,
}

/// Heights of the two panels, and of a bar's line.
const POINTS: i32 = 450;
const BAR: i32 = 30;

impl Chart<'_> {
    fn svg(&self) -> Result<String> {
        let points = if self.entries.is_empty() { 0 } else { POINTS };
        let bars = if self.bars.is_empty() { 0 } else { 56 + BAR * self.bars.len() as i32 };
        let mut lines = vec![self.total.context.title()];
        if points > 0 {
            lines.push(
                "Left is faster, up is more accurate; f32 is above the scale. Solid: on the Pareto front of its layer."
                    .into(),
            );
            if self.entries.iter().any(|e| !e.front) {
                lines.push("Outline: another number format is faster and at least as accurate there.".into());
            }
        }
        let title = format!("Latency against accuracy: {}", self.total.network);
        svg((&title, &lines), (WIDTH, (points + bars) as u32), |area| {
            let (upper, lower) = area.split_vertically(points);
            if points > 0 {
                self.points(&upper)?;
            }
            if bars > 0 { self.network(&lower) } else { Ok(()) }
        })
    }

    fn points(&self, area: &Area) -> Result<()> {
        let band = if self.entries.iter().any(|e| e.sqnr_db.is_none()) { 44 } else { 0 };
        let (low, high) = extent(self.entries.iter().filter_map(|e| e.sqnr_db), 0.0);
        let room = ((high - low) * 0.15).max(1.5);
        let plot = Plot {
            x: Axis::log("time of one call, log scale", self.entries.iter().map(|e| e.ns), 1.35, tick_time),
            y: Axis::linear("SQNR of the layer's output, dB", low - room..high + room, plain),
            left: 78,
            top: 34 + band,
            right: WIDTH as i32 - 24,
            bottom: POINTS - 58,
        };
        if band > 0 {
            let room = [(plot.left, 32), (plot.right, 30 + band)];
            area.draw(&Rectangle::new(room, GRID.mix(0.6).filled()))?;
            NOTE.right().draw(area, "f32", (plot.left - 8, 32 + band / 2))?;
        }
        plot.draw(area)?;
        let at = |e: &Entry| e.sqnr_db.map_or((plot.at(e.ns, low).0, 32 + band / 2), |db| plot.at(e.ns, db));
        let mut labels = plot.labels(band);
        self.connect(area, &mut labels, &at)?;
        for e in &self.entries {
            Mark::of(&e.series, &self.all).draw(area, at(e), e.front)?;
            labels.keep_off(at(e), 7);
        }
        let mut order: Vec<&Entry> = self.entries.iter().collect();
        order.sort_by(|a, b| a.sqnr_db.is_none().cmp(&b.sqnr_db.is_none()).then(b.ns.total_cmp(&a.ns)));
        let (mut left_out, few) = (0, self.entries.len() <= FEW);
        for e in order {
            let color = Mark::of(&e.series, &self.all).color;
            left_out +=
                usize::from(!labels.beside(area, &e.label, LABEL.color(color), at(e), few && e.sqnr_db.is_some())?);
        }
        let shown = self.all.iter().filter(|s| self.entries.iter().any(|e| e.series == **s));
        let entries: Vec<_> = shown.map(|s| (Mark::of(s, &self.all), true, s.title())).collect();
        let end = legend(area, &entries, (78, 12))?;
        if left_out > 0 {
            let text = format!("({} left out: no room)", format::count(left_out, "label"));
            NOTE.draw(area, &text, (end + 8, 12))?;
        }
        Ok(())
    }

    /// A thin line through the number formats of each layer, where that does not become a tangle.
    fn connect(&self, area: &Area, labels: &mut Labels, at: &dyn Fn(&Entry) -> Point) -> Result<()> {
        let mut keys: Vec<&str> = self.entries.iter().map(|e| e.key.as_str()).collect();
        keys.dedup();
        if keys.len() > 12 {
            return Ok(());
        }
        for key in keys {
            let mut own: Vec<&Entry> = self.entries.iter().filter(|e| e.key == key).collect();
            own.sort_by(|a, b| a.db().total_cmp(&b.db()));
            let path: Vec<Point> = own.into_iter().map(at).collect();
            path.windows(2).for_each(|ends| labels.keep_off_line(ends[0], ends[1]));
            line(area, path, LINE.mix(0.7).stroke_width(1))?;
        }
        Ok(())
    }

    /// One bar per number format: the layers' times added up.
    fn network(&self, area: &Area) -> Result<()> {
        let (left, most) = (170, 360.0);
        let title = format!("All of {}: {}", self.total.network, self.total.basis());
        LABEL.size(13.0).bold().draw(area, &title, (16, 16))?;
        let longest = self.bars.iter().filter_map(|s| s.ns).fold(0.0, f64::max);
        for (i, sum) in self.bars.iter().enumerate() {
            let (y, ns) = (46 + BAR * i as i32, sum.ns.unwrap_or(0.0));
            let end = left + (ns / longest * most).round() as i32;
            let mark = Mark::of(&sum.series, &self.all);
            area.draw(&Rectangle::new([(left, y - 9), (end.max(left + 1), y + 9)], mark.color.filled()))?;
            LABEL.size(12.0).right().draw(area, &sum.series.title(), (left - 10, y))?;
            let time = format::time(ns);
            LABEL.size(12.0).bold().color(INK).draw(area, &time, (end + 8, y))?;
            let x = end + 16 + LABEL.size(12.0).bold().width(&time);
            NOTE.size(12.0).color(SOFT).draw(area, &self.remark(sum), (x, y))?;
        }
        Ok(())
    }

    fn remark(&self, sum: &Sum) -> String {
        let mut parts = Vec::new();
        if let Some(ratio) = sum.speed_up.filter(|_| !sum.series.is_f32()) {
            parts.push(format!("{} f32's speed", format::times(ratio)));
        }
        if let Some((hits, of)) = sum.top1 {
            parts.push(format!("top-1 {}", format::top1(hits, of)));
        }
        if self.total.is_product(sum) {
            parts.push("product alone".into());
        }
        parts.join(" · ")
    }
}
