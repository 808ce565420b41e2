//! The roofline: what the winners reach of what the device can do.

use anyhow::Result;
use plotters::prelude::*;

use super::Drawing;
use super::canvas::{ACCENT, Area, INK, LABEL, LINE, Mark, NOTE, SOFT, WIDTH, legend, line, svg};
use super::format;
use super::plot::{Axis, FEW, Labels, Plot, extent, plain};
use super::view::{Context, Planned, Series, contexts, gmacs_of, label, positive, series, time_of};
use crate::bench::probe::Roofs;
use crate::candidate::Contract;
use crate::record::Record;
use crate::run::Run;
use crate::target::Evidence;

struct Entry {
    label: String,
    series: Series,
    /// Multiply-accumulates per byte.
    intensity: f64,
    gmacs: f64,
    ns: f64,
}

/// One chart per context whose target has measured roofs.
pub fn draw(run: &Run) -> Result<Vec<Drawing>> {
    let Some(roofs) = run.provenance.as_ref().and_then(|p| p.roofs.as_ref()) else { return Ok(vec![]) };
    let planned = Planned::of(run);
    let mut charts = Vec::new();
    for (context, suffix) in contexts(run) {
        let own = run.winners.iter().filter(|w| context.holds(&w.record));
        let entry = |w| {
            let (gmacs, ns) = (gmacs_of(w)?, time_of(w)?);
            let intensity = positive(Some(intensity(run, &planned, &w.record)))?;
            Some(Entry { label: label(run, &w.record.layer), series: Series::of(&w.record), intensity, gmacs, ns })
        };
        let entries: Vec<Entry> = own.clone().filter_map(entry).collect();
        if entries.is_empty() || context.evidence != Evidence::Measured || roofs.target != context.target {
            continue;
        }
        let estimated = own.clone().any(|w| windowed(&w.record) && planned.layer(&w.record).is_none());
        let chart = Chart { context, roofs, entries, estimated, all: series(run) };
        charts.push((format!("roofline{suffix}"), chart.svg()?));
    }
    Ok(charts)
}

fn windowed(r: &Record) -> bool {
    !r.op.starts_with("gem")
}

/// Multiply-accumulates per byte of weights and activations, each counted once.
fn intensity(run: &Run, planned: &Planned, r: &Record) -> f64 {
    let (m, n, k) = (r.m as f64, r.n as f64, r.k as f64);
    let float = r.scheme == "f32";
    let bits = positive(run.accuracy_of(r).map(|a| a.weight_bits)).unwrap_or(8.0);
    let weight_bytes = if float { 4.0 } else { bits / 8.0 };
    let activation_bytes = if float || r.contract == Contract::F32io { 4.0 } else { 1.0 };
    // a convolution of unknown shape: its windows in full, which is more than it reads
    let windows = if r.op == "depthwise" { m * n * k } else { m * k };
    let activations = planned.layer(r).map_or(windows, |l| l.shape.lhs_len() as f64);
    m * n * k / (n * k * weight_bytes + activations * activation_bytes)
}

struct Chart<'a> {
    context: Context,
    roofs: &'a Roofs,
    entries: Vec<Entry>,
    /// Does any point stand further left than it should?
    estimated: bool,
    all: Vec<Series>,
}

const HEIGHT: i32 = 520;

impl Chart<'_> {
    fn svg(&self) -> Result<String> {
        let mut lines = vec![self.context.title()];
        lines.push("Slopes: the most that reading operands once from each level allows. Ceilings: the most that multiplying allows. Both measured.".into());
        if self.estimated {
            lines.push("Convolutions: windows counted in full, so their true intensity is higher.".into());
        }
        svg(("Roofline: the winners under what the device can do", &lines), (WIDTH, HEIGHT as u32), |area| {
            self.draw(area)
        })
    }

    /// Name, GMAC/s over all threads, and colour of the ceilings.
    fn ceilings(&self) -> Vec<(&str, f64, RGBColor)> {
        let macs = &self.roofs.macs_per_s;
        let all = [("int8", macs.int8, INK), ("f32", macs.f32, ACCENT)];
        let scaled = all.map(|(name, per_s, color)| (name, per_s / 1e9 * self.roofs.threads.max(1) as f64, color));
        scaled.into_iter().filter(|c| positive(Some(c.1)).is_some()).collect()
    }

    /// Name and GB/s of the levels; one that is not there reads as the next, and is named with it.
    fn levels(&self) -> Vec<(String, f64)> {
        let r = &self.roofs.read_gb_per_s;
        let mut all: Vec<(String, f64)> = Vec::new();
        for (name, speed) in [("L1", r.l1), ("L2", r.l2), ("L3", r.l3), ("memory", r.memory)] {
            match all.last_mut() {
                _ if positive(Some(speed)).is_none() => {}
                Some((names, last)) if (speed / *last - 1.0).abs() < 0.05 => *names += &format!(", {name}"),
                _ => all.push((name.into(), speed)),
            }
        }
        all
    }

    fn draw(&self, area: &Area) -> Result<()> {
        let (ceilings, levels) = (self.ceilings(), self.levels());
        let top = ceilings.iter().map(|c| c.1).fold(0.0, f64::max);
        let highest = extent(self.entries.iter().map(|e| e.gmacs), 1.0).1.max(top);
        let ridges = levels.iter().map(|l| top / l.1).filter(|x| *x > 0.0);
        let intensities = self.entries.iter().map(|e| e.intensity);
        let slowest = extent(self.entries.iter().map(|e| e.gmacs), 1.0).0;
        let x_title = "arithmetic intensity, multiply-accumulates per byte of weights and activations, log scale";
        let plot = Plot {
            x: Axis::log(x_title, intensities.chain(ridges), 1.8, plain),
            y: Axis::log_range("GMAC/s, log scale", slowest / 2.2..highest * 2.6, plain),
            left: 78,
            top: 34,
            right: WIDTH as i32 - 24,
            bottom: HEIGHT - 56,
        };
        plot.draw(area)?;
        let mut labels = plot.labels(0);
        for e in &self.entries {
            labels.keep_off(plot.at(e.intensity, e.gmacs), 7);
        }
        self.slopes(area, &plot, &mut labels, top)?;
        self.flat(area, &plot, &mut labels)?;
        self.points(area, &plot, &mut labels)
    }

    fn flat(&self, area: &Area, plot: &Plot, labels: &mut Labels) -> Result<()> {
        let fastest = self.levels().iter().map(|l| l.1).fold(0.0, f64::max);
        for (name, gmacs, color) in self.ceilings() {
            let start = if fastest > 0.0 { gmacs / fastest } else { plot.x.range.start };
            let from = plot.at(start.max(plot.x.range.start), gmacs);
            let to = plot.at(plot.x.range.end, gmacs);
            line(area, vec![from, to], color.stroke_width(2))?;
            labels.keep_off_line(from, to);
            let text = format!("{name} ceiling {} GMAC/s", format::significant(gmacs, 3));
            labels.try_at(area, &text, LABEL.bold().color(color).right(), (to.0 - 4, to.1 - 10))?;
        }
        Ok(())
    }

    /// The levels' slopes up to the highest ceiling, each named where it ends.
    fn slopes(&self, area: &Area, plot: &Plot, labels: &mut Labels, top: f64) -> Result<()> {
        let (x, y) = (&plot.x.range, &plot.y.range);
        for (name, speed) in self.levels() {
            let end = (if top > 0.0 { top } else { y.end } / speed).min(x.end);
            let start = (y.start / speed).max(x.start);
            if start >= end {
                continue;
            }
            let (from, to) = (plot.at(start, start * speed), plot.at(end, end * speed));
            line(area, vec![from, to], SOFT.mix(0.7).stroke_width(1))?;
            let text = format!("{name} {} GB/s", format::significant(speed, 3));
            for up in [12, 27, 42, 57] {
                if labels.try_at(area, &text, NOTE.centred(), (to.0, to.1 - up))? {
                    line(area, vec![to, (to.0, to.1 - up + 7)], LINE.stroke_width(1))?;
                    break;
                }
            }
            labels.keep_off_line(from, to);
        }
        Ok(())
    }

    fn points(&self, area: &Area, plot: &Plot, labels: &mut Labels) -> Result<()> {
        let mut order: Vec<&Entry> = self.entries.iter().collect();
        order.sort_by(|a, b| b.ns.total_cmp(&a.ns));
        for e in &order {
            Mark::of(&e.series, &self.all).draw(area, plot.at(e.intensity, e.gmacs), true)?;
        }
        let (mut left_out, few) = (0, order.len() <= FEW);
        for e in order {
            let style = LABEL.color(Mark::of(&e.series, &self.all).color);
            left_out += usize::from(!labels.beside(area, &e.label, style, plot.at(e.intensity, e.gmacs), few)?);
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
}
