//! The ladder: what each bit per weight buys, family by family.

use anyhow::Result;
use plotters::prelude::*;

use super::view::{Data, Entry, Input, Net, distinct, networks};
use crate::report::Drawing;
use crate::report::canvas::{ACCENT, Area, LABEL, LINES, Mark, NOTE, Point, Shape, WIDTH, legend, line, svg};
use crate::report::format;
use crate::report::plot::{Axis, Labels, Plot, extent, plain};

/// Larger schemes are not drawn: there is nothing to choose among them.
pub const MOST_BITS: f64 = 24.0;
const PANEL: i32 = 350;

/// What the height of a point is.
struct Measure {
    stem: &'static str,
    title: &'static str,
    axis: &'static str,
    about: &'static str,
    value: fn(&Entry) -> Option<f64>,
    interval: fn(&Entry) -> Option<(f64, f64)>,
    /// A line to compare with.
    level: fn(&Net) -> Option<f64>,
    /// Nothing below this is drawn.
    least: fn(&Net) -> f64,
}

fn percent(e: &Entry) -> Option<f64> {
    e.score().map(|s| s * 100.0)
}

fn percent_interval(e: &Entry) -> Option<(f64, f64)> {
    let (hits, of) = e.top1()?;
    format::wilson(hits, of).map(|(low, high)| (low * 100.0, high * 100.0))
}

fn float_percent(net: &Net) -> Option<f64> {
    net.float().and_then(percent)
}

static MEASURES: [Measure; 3] = [
    Measure {
        stem: "ladder",
        title: "Error against bits",
        axis: "median SQNR of layers, dB",
        about: "Up is more accurate, left is smaller. Height: the median over the layers.",
        value: |e| e.median.filter(|v| v.is_finite()),
        interval: |_| None,
        level: |_| None,
        least: |_| f64::NEG_INFINITY,
    },
    Measure {
        stem: "ladder-top1",
        title: "Top-1 against bits",
        axis: "top-1, %",
        about: "Up is more accurate, left is smaller. Bars: 95 % interval (Wilson). Dashed: f32.",
        value: percent,
        interval: percent_interval,
        level: float_percent,
        least: |_| f64::NEG_INFINITY,
    },
    Measure {
        stem: "ladder-close",
        title: "Top-1 against bits, close to f32",
        axis: "top-1, %",
        about: "Only schemes within 5 points of f32. Bars: 95 % interval (Wilson). Dashed: f32.",
        value: percent,
        interval: percent_interval,
        level: float_percent,
        least: |n| float_percent(n).map_or(f64::INFINITY, |f| f - 5.0),
    },
];

/// Three charts per network at most.
pub fn draw(data: &Data) -> Result<Vec<Drawing>> {
    let mut charts = Vec::new();
    for net in networks(&data.rows) {
        for measure in &MEASURES {
            charts.extend(chart(&net, measure)?);
        }
    }
    Ok(charts)
}

struct Panel<'a> {
    title: String,
    net: &'a Net<'a>,
    measure: &'a Measure,
    entries: Vec<(&'a Entry<'a>, f64)>,
    /// In one order in all panels, which share their colours.
    families: Vec<&'a str>,
}

fn chart(net: &Net, measure: &Measure) -> Result<Option<Drawing>> {
    let fits = |e: &&Entry| e.bits > 0.0 && e.bits <= MOST_BITS;
    let least = (measure.least)(net);
    let value = |e| (measure.value)(e).filter(|v| *v >= least);
    let shown: Vec<(&Entry, f64)> = net.entries.iter().filter(fits).filter_map(|e| Some((e, value(e)?))).collect();
    let mut families = distinct(shown.iter().map(|(e, _)| e.family.as_str()));
    families.sort_unstable();
    let panel = |input: Input| Panel {
        title: input.title().into(),
        net,
        measure,
        entries: shown.iter().copied().filter(|(e, _)| e.input == input).collect(),
        families: families.clone(),
    };
    let panels: Vec<Panel> = Input::ALL.map(panel).into_iter().filter(|p| !p.entries.is_empty()).collect();
    if panels.is_empty() {
        return Ok(None);
    }
    let title = format!("{}: {} ({})", measure.title, net.name, net.data);
    let mut lines = vec![
        measure.about.into(),
        "Solid and named: Pareto-best of its panel, none being both smaller and better. A line joins a family's best."
            .into(),
    ];
    let left_out = net.entries.iter().filter(|e| e.bits > MOST_BITS).map(|e| e.title.as_str()).collect::<Vec<_>>();
    if !left_out.is_empty() {
        let names = format::shorten(&left_out.join(", "), 90);
        lines.push(format!("Not drawn, of more than {MOST_BITS} bits: {names}."));
    }
    let text = svg((&title, &lines), (WIDTH, (PANEL * panels.len() as i32) as u32), |area| {
        let mut rest = area.clone();
        for panel in &panels {
            let (own, below) = rest.split_vertically(PANEL);
            panel.draw(&own)?;
            rest = below;
        }
        Ok(())
    })?;
    Ok(Some((format!("{}-{}", measure.stem, format::slug(net.name)), text)))
}

/// Colour and shape of the family at this place.
fn mark(place: usize) -> Mark {
    let shapes = [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Diamond];
    Mark { color: LINES[place % LINES.len()], shape: shapes[place % shapes.len()] }
}

impl Panel<'_> {
    fn plot(&self) -> Plot {
        let bits = self.net.entries.iter().map(|e| e.bits).filter(|b| *b > 0.0 && *b <= MOST_BITS);
        let ends = self.entries.iter().flat_map(|(e, v)| {
            let (low, high) = (self.measure.interval)(e).unwrap_or((*v, *v));
            [low, high]
        });
        let (low, high) = extent(ends.chain((self.measure.level)(self.net)), 0.0);
        let room = ((high - low) * 0.08).max(1.0);
        Plot {
            x: Axis::log("bits per weight as stored, log scale", bits, 1.12, plain),
            y: Axis::linear(self.measure.axis, low - room..high + room, plain),
            left: 78,
            top: 44,
            right: WIDTH as i32 - 24,
            bottom: PANEL - 54,
        }
    }

    fn draw(&self, area: &Area) -> Result<()> {
        let plot = self.plot();
        LABEL.size(13.0).bold().draw(area, &self.title, (16, 10))?;
        plot.draw(area)?;
        let mut labels = plot.labels(0);
        if let Some(level) = (self.measure.level)(self.net) {
            let y = plot.at(plot.x.range.start, level).1;
            dashes(area, (plot.left, y), plot.right)?;
            labels.keep_off_line((plot.left, y), (plot.right, y));
        }
        let best = self.best();
        self.lines(area, &plot, &mut labels)?;
        // the best on top
        let mut order: Vec<(&(&Entry, f64), bool)> = self.entries.iter().zip(best).collect();
        order.sort_by_key(|(_, best)| *best);
        for ((e, v), best) in &order {
            let at = plot.at(e.bits, *v);
            if let Some((low, high)) = (self.measure.interval)(e) {
                let (top, bottom) = (plot.at(e.bits, high).1, plot.at(e.bits, low).1);
                let style = self.mark(e).color.mix(if *best { 0.8 } else { 0.35 }).stroke_width(1);
                line(area, vec![(at.0, top), (at.0, bottom)], style)?;
                [top, bottom].iter().try_for_each(|y| line(area, vec![(at.0 - 4, *y), (at.0 + 4, *y)], style))?;
                labels.keep_off_line((at.0, top), (at.0, bottom));
            }
            self.mark(e).draw(area, at, *best)?;
            labels.keep_off(at, 6);
        }
        let mut left_out = 0;
        for ((e, v), _) in order.iter().filter(|(_, best)| *best) {
            // in ink, as some families are too pale to read
            let text = format::shorten(&e.title, 28);
            left_out += usize::from(!labels.beside(area, &text, LABEL, plot.at(e.bits, *v), true)?);
        }
        self.legend(area, left_out)
    }

    fn best(&self) -> Vec<bool> {
        let beaten = |(e, v): &(&Entry, f64)| {
            self.entries.iter().any(|(o, w)| o.bits <= e.bits && w >= v && (o.bits < e.bits || w > v))
        };
        self.entries.iter().map(|e| !beaten(e)).collect()
    }

    fn mark(&self, e: &Entry) -> Mark {
        mark(self.families.iter().position(|f| *f == e.family).unwrap_or(0))
    }

    /// Through the best of each family.
    fn lines(&self, area: &Area, plot: &Plot, labels: &mut Labels) -> Result<()> {
        for (i, family) in self.families.iter().enumerate() {
            let own: Vec<(&Entry, f64)> = self.entries.iter().copied().filter(|(e, _)| e.family == *family).collect();
            let mut path: Vec<Point> = Vec::new();
            let mut most = f64::NEG_INFINITY;
            for (e, v) in own {
                if v > most {
                    path.push(plot.at(e.bits, v));
                    most = v;
                }
            }
            path.windows(2).for_each(|ends| labels.keep_off_line(ends[0], ends[1]));
            if path.len() > 1 {
                line(area, path, mark(i).color.mix(0.55).stroke_width(2))?;
            }
        }
        Ok(())
    }

    fn legend(&self, area: &Area, left_out: usize) -> Result<()> {
        let here = |f: &str| self.entries.iter().any(|(e, _)| e.family == f);
        let families = self.families.iter().enumerate().filter(|(_, f)| here(f));
        let entries: Vec<_> = families.map(|(i, f)| (mark(i), true, format::shorten(f, 22))).collect();
        legend(area, &entries, (78, 30))?;
        if left_out > 0 {
            let text = format!("({} left out: no room)", format::count(left_out, "label"));
            NOTE.draw(area, &text, (360, 10))?; // beside the panel's title
        }
        Ok(())
    }
}

fn dashes(area: &Area, (left, y): Point, right: i32) -> Result<()> {
    for x in (left..right).step_by(12) {
        line(area, vec![(x, y), ((x + 6).min(right), y)], ACCENT.stroke_width(1))?;
    }
    NOTE.color(ACCENT).right().draw(area, "f32", (right - 4, y - 8))
}
