//! The ladder: a whole network in f32, under each scheme alone, and as chosen; what it scores, takes and weighs.

use anyhow::Result;
use plotters::prelude::*;

use super::Drawing;
use super::canvas::{ACCENT, Area, GRID, INK, LABEL, LINE, NOTE, Point, SOFT, WIDTH, line, svg};
use super::chosen::{Rung, rungs};
use super::format;
use super::plot::{Axis, extent, plain};
use crate::decision::Whole;
use crate::run::Run;

const BLUE: RGBColor = RGBColor(0, 114, 178);
const ROW: i32 = 30;
const TOP: i32 = 34;
/// Left and right of the three panels; figures stand right of what is drawn.
const SCORE: (i32, i32) = (160, 390);
const TIME: (i32, i32) = (476, 610);
const SIZE: (i32, i32) = (700, 810);
/// A scheme that scores so far below f32 is no point on the scale, but an arrow at its end.
const FAR: f64 = 0.15;

/// One chart, of a run of a model.
pub fn draw(run: &Run) -> Result<Vec<Drawing>> {
    let Some(whole) = &run.whole else { return Ok(vec![]) };
    let rungs = rungs(whole);
    if rungs.len() < 2 {
        return Ok(vec![]);
    }
    let ladder = Ladder { whole, programs: rungs.iter().any(|r| r.chosen && r.ns().is_some()), rungs };
    Ok(vec![(format!("ladder-{}", format::slug(&whole.decision.chosen.network)), ladder.svg()?)])
}

struct Ladder<'a> {
    whole: &'a Whole,
    rungs: Vec<Rung<'a>>,
    /// Are times those of programs? Else of layers, added up.
    programs: bool,
}

impl Ladder<'_> {
    fn svg(&self) -> Result<String> {
        let d = &self.whole.decision;
        let times = if self.programs {
            "Times are those of the network as one program, measured on the device, with what lies between layers."
        } else {
            "Times are layers added up, each timed alone; what lies between them is not in it."
        };
        let lines = [
            format!(
                "Top-1 on {} samples that nothing was chosen by, with its 95 % interval; dashed: f32.",
                d.chosen.samples
            ),
            format!("{times} As chosen: {}.", format::shorten(&d.mix(), 90)),
        ];
        let height = TOP + ROW * self.rungs.len() as i32 + 30;
        let title = format!("Each scheme for the whole network, and as chosen: {}", d.chosen.network);
        svg((&title, &lines), (WIDTH, height as u32), |area| {
            let bottom = TOP + ROW * self.rungs.len() as i32;
            for (text, (left, right)) in [("top-1, %", SCORE), ("time", TIME), ("weights", SIZE)] {
                LABEL.size(12.0).color(SOFT).centred().draw(area, text, ((left + right) / 2, 12))?;
            }
            for (i, rung) in self.rungs.iter().enumerate() {
                let y = TOP + ROW * i as i32 + ROW / 2;
                let label = LABEL.size(12.0).right().color(if rung.chosen { ACCENT } else { INK });
                let label = if rung.chosen { label.bold() } else { label };
                label.draw(area, &format::shorten(&rung.label, 20), (SCORE.0 - 14, y))?;
                if rung.chosen {
                    line(area, vec![(16, y - ROW / 2), (WIDTH as i32 - 16, y - ROW / 2)], LINE.stroke_width(1))?;
                }
            }
            self.scores(area, bottom)?;
            let limits = &d.limits;
            self.bars(area, bottom, TIME, (&|r| self.time(r), limits.latency_ns, format::time))?;
            self.bars(area, bottom, SIZE, (&|r| Some((r.score.weight_bytes, None)), limits.bytes, format::bytes))
        })
    }

    /// Time and its interval.
    fn time(&self, rung: &Rung) -> Option<(f64, Option<(f64, f64)>)> {
        if self.programs {
            rung.ns().map(|(ns, low, high)| (ns, Some((low, high))))
        } else {
            rung.sum_ns.map(|ns| (ns, None))
        }
    }

    fn scores(&self, area: &Area, bottom: i32) -> Result<()> {
        let float = self.whole.decision.float.top1;
        let near = |r: &&Rung| r.score.top1 >= float - FAR;
        let ends = self.rungs.iter().filter(near).flat_map(|r| [r.score.top1_low, r.score.top1_high]).chain([float]);
        let (low, high) = extent(ends.map(|v| 100.0 * v), 0.0);
        let room = ((high - low) * 0.06).max(0.05);
        let axis = Axis::linear("", low - room..high + room, plain);
        let x = |share: f64| axis.at(100.0 * share, SCORE);
        for (value, text) in axis.ticks() {
            let at = axis.at(*value, SCORE);
            line(area, vec![(at, TOP), (at, bottom)], GRID.stroke_width(1))?;
            NOTE.centred().draw(area, text, (at, bottom + 14))?;
        }
        dashed(area, x(float), (TOP, bottom), SOFT)?;
        for (i, rung) in self.rungs.iter().enumerate() {
            let y = TOP + ROW * i as i32 + ROW / 2;
            let s = rung.score;
            let color = if rung.chosen { ACCENT } else { BLUE };
            if near(&rung) {
                whisker(area, (x(s.top1_low), x(s.top1_high)), y, color)?;
                area.draw(&Circle::new((x(s.top1), y), 5, color.filled()))?;
            } else {
                let tip = SCORE.0 + 2;
                area.draw(&Polygon::new(vec![(tip, y), (tip + 9, y - 5), (tip + 9, y + 5)], color.filled()))?;
            }
            LABEL.draw(area, &format!("{:.2}", 100.0 * s.top1), (SCORE.1 + 8, y))?;
        }
        Ok(())
    }

    #[allow(clippy::type_complexity)]
    fn bars(
        &self,
        area: &Area,
        bottom: i32,
        (left, right): (i32, i32),
        (of, limit, write): (&dyn Fn(&Rung) -> Option<(f64, Option<(f64, f64)>)>, Option<f64>, fn(f64) -> String),
    ) -> Result<()> {
        let longest = self.rungs.iter().filter_map(of).map(|v| v.1.map_or(v.0, |ci| ci.1)).chain(limit);
        let longest = longest.filter(|v| v.is_finite()).fold(f64::MIN_POSITIVE, f64::max);
        let at = |v: f64| left + (v / longest * f64::from(right - left)).round() as i32;
        for (i, rung) in self.rungs.iter().enumerate() {
            let y = TOP + ROW * i as i32 + ROW / 2;
            let Some((value, ci)) = of(rung) else {
                NOTE.draw(area, "not measured", (left + 4, y))?;
                continue;
            };
            let color = if rung.chosen { ACCENT } else { BLUE };
            area.draw(&Rectangle::new([(left, y - 8), (at(value).max(left + 1), y + 8)], color.mix(0.75).filled()))?;
            let end = ci.map_or(at(value), |(_, high)| at(high));
            if let Some((low, high)) = ci {
                whisker(area, (at(low), at(high)), y, INK)?;
            }
            LABEL.color(INK).draw(area, &write(value), (end + 8, y))?;
        }
        line(area, vec![(left, TOP), (left, bottom)], LINE.stroke_width(1))?;
        if let Some(limit) = limit {
            dashed(area, at(limit), (TOP, bottom), ACCENT)?;
            NOTE.color(ACCENT).centred().draw(area, &format!("limit {}", write(limit)), (at(limit), bottom + 14))?;
        }
        Ok(())
    }
}

/// An interval, its ends marked.
fn whisker(area: &Area, (from, to): (i32, i32), y: i32, color: RGBColor) -> Result<()> {
    line(area, vec![(from, y), (to, y)], color.stroke_width(2))?;
    [from, to].into_iter().try_for_each(|x| line(area, vec![(x, y - 4), (x, y + 4)], color.stroke_width(1)))
}

/// A dashed line downwards.
pub fn dashed(area: &Area, x: i32, (top, bottom): (i32, i32), color: RGBColor) -> Result<()> {
    let part = |y: i32| -> Vec<Point> { vec![(x, y), (x, (y + 5).min(bottom))] };
    (top..bottom).step_by(9).try_for_each(|y| line(area, part(y), color.stroke_width(1)))
}
