//! Axes, and labels that keep out of each other's way.

use std::ops::Range;

use anyhow::Result;
use plotters::coord::ranged1d::Ranged;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{Area, GRID, LABEL, LINE, NOTE, Point, SOFT, Text, line};
use super::format;

enum Scale {
    Log(LogCoord<f64>),
    Linear(RangedCoordf64),
}

/// One axis: its range, and where it is marked.
pub struct Axis {
    scale: Scale,
    pub range: Range<f64>,
    pub title: String,
    ticks: Vec<(f64, String)>,
}

impl Axis {
    /// log10, ending in some room on both sides of the values.
    pub fn log(title: &str, values: impl IntoIterator<Item = f64>, room: f64, write: fn(f64) -> String) -> Self {
        let (low, high) = extent(values, 1.0);
        Self::log_range(title, low / room..high * room, write)
    }

    pub fn log_range(title: &str, range: Range<f64>, write: fn(f64) -> String) -> Self {
        let ticks = log_ticks(&range).into_iter().map(|t| (t, write(t))).collect();
        Self { scale: Scale::Log(range.clone().log_scale().into()), range, title: title.into(), ticks }
    }

    pub fn linear(title: &str, range: Range<f64>, write: fn(f64) -> String) -> Self {
        let ticks = linear_ticks(&range, 6).into_iter().map(|t| (t, write(t))).collect();
        Self { scale: Scale::Linear(range.clone().into()), range, title: title.into(), ticks }
    }

    /// Where a value is, between two ends in pixels.
    pub fn at(&self, value: f64, pixels: (i32, i32)) -> i32 {
        self.map(value, pixels)
    }

    /// Values that are marked, with their texts.
    pub fn ticks(&self) -> &[(f64, String)] {
        &self.ticks
    }

    fn map(&self, value: f64, pixels: (i32, i32)) -> i32 {
        match &self.scale {
            Scale::Log(log) => log.map(&value, pixels),
            Scale::Linear(linear) => linear.map(&value, pixels),
        }
    }
}

/// Least and greatest of the values that a chart can hold.
pub fn extent(values: impl IntoIterator<Item = f64>, otherwise: f64) -> (f64, f64) {
    let all = values.into_iter().filter(|v| v.is_finite());
    let ends = all.fold(None, |e: Option<(f64, f64)>, v| e.map_or(Some((v, v)), |(a, b)| Some((a.min(v), b.max(v)))));
    ends.unwrap_or((otherwise, otherwise))
}

/// 1, 2, 5 times powers of ten; powers alone over many decades; evenly spaced over less than one.
fn log_ticks(range: &Range<f64>) -> Vec<f64> {
    let decades = (range.end / range.start).log10();
    if decades < 0.7 {
        return linear_ticks(range, 6);
    }
    let steps: &[f64] = if decades < 3.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let (first, last) = (range.start.log10().floor() as i32, range.end.log10().ceil() as i32);
    let every = (decades / 10.0).ceil().max(1.0) as usize;
    let all = (first..=last).step_by(every).flat_map(|e| steps.iter().map(move |s| s * 10f64.powi(e)));
    all.filter(|t| (range.start..=range.end).contains(t)).collect()
}

fn linear_ticks(range: &Range<f64>, about: usize) -> Vec<f64> {
    let rough = (range.end - range.start) / about as f64;
    if !rough.is_finite() || rough <= 0.0 {
        return vec![range.start];
    }
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|s| s * power).find(|s| *s >= rough).unwrap_or(rough);
    let (first, last) = ((range.start / step).ceil() as i64, (range.end / step + 1e-9).floor() as i64);
    (first..=last).map(|i| i as f64 * step).collect()
}

/// A figure at a tick.
pub fn plain(x: f64) -> String {
    let text = format::significant(x, 3);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

/// A time at a tick.
pub fn tick_time(ns: f64) -> String {
    let text = format::time(ns);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            format!("{} {unit}", number.trim_end_matches('0').trim_end_matches('.'))
        }
        _ => text,
    }
}

/// A frame with two axes, in pixels of the area it is drawn on.
pub struct Plot {
    pub x: Axis,
    pub y: Axis,
    pub left: i32,
    pub top: i32,
    pub right: i32,
    pub bottom: i32,
}

impl Plot {
    pub fn at(&self, x: f64, y: f64) -> Point {
        (self.x.map(x, (self.left, self.right)), self.y.map(y, (self.bottom, self.top)))
    }

    pub fn draw(&self, area: &Area) -> Result<()> {
        self.draw_above(area, 0)
    }

    /// The same above a band for values that a logarithm has no place for: zeros.
    pub fn draw_above(&self, area: &Area, band: i32) -> Result<()> {
        let foot = self.bottom + band;
        if band > 0 {
            area.draw(&Rectangle::new([(self.left, self.bottom + 2), (self.right, foot)], GRID.mix(0.6).filled()))?;
            NOTE.right().draw(area, "0", (self.left - 8, foot - band / 2))?;
        }
        for (value, text) in &self.x.ticks {
            let x = self.at(*value, self.y.range.start).0;
            line(area, vec![(x, self.top), (x, foot)], GRID.stroke_width(1))?;
            NOTE.centred().draw(area, text, (x, foot + 14))?;
        }
        for (value, text) in &self.y.ticks {
            let y = self.at(self.x.range.start, *value).1;
            line(area, vec![(self.left, y), (self.right, y)], GRID.stroke_width(1))?;
            NOTE.right().draw(area, text, (self.left - 8, y))?;
        }
        line(area, vec![(self.left, self.top), (self.left, foot), (self.right, foot)], LINE.stroke_width(1))?;
        let title = LABEL.size(12.0).color(SOFT).centred();
        title.draw(area, &self.x.title, ((self.left + self.right) / 2, foot + 36))?;
        title.draw_up(area, &self.y.title, (self.left - 52, (self.top + self.bottom) / 2))
    }

    /// Labels inside this frame, and so far above it.
    pub fn labels(&self, above: i32) -> Labels {
        Labels { taken: vec![], bounds: (self.left + 2, self.top - above, self.right, self.bottom - 2) }
    }
}

/// Points that are few enough to be named from a distance.
pub const FEW: usize = 24;

/// Left, top, right, bottom.
type Box4 = (i32, i32, i32, i32);

/// Text on the right of its point grows to the right, and so on.
fn side(style: Text, dx: i32) -> Text {
    match dx.signum() {
        0 => style.centred(),
        1 => style,
        _ => style.right(),
    }
}

/// Points of a straight line, a few pixels apart.
fn along(from: Point, to: Point) -> impl Iterator<Item = Point> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let steps = (dx.abs().max(dy.abs()) / 5).max(1);
    (0..=steps).map(move |i| (from.0 + dx * i / steps, from.1 + dy * i / steps))
}

/// Puts each label where nothing else is, and leaves it out where there is no such place.
pub struct Labels {
    taken: Vec<Box4>,
    bounds: Box4,
}

impl Labels {
    /// Keeps labels off a marker.
    pub fn keep_off(&mut self, (x, y): Point, radius: i32) {
        self.taken.push((x - radius, y - radius, x + radius, y + radius));
    }

    /// Keeps labels off a straight line.
    pub fn keep_off_line(&mut self, from: Point, to: Point) {
        along(from, to).for_each(|p| self.keep_off(p, 2));
    }

    /// Writes the text beside a point; where that is crowded and `far` allows it, further off with a thin line to it.
    pub fn beside(&mut self, area: &Area, text: &str, style: Text, at: Point, far: bool) -> Result<bool> {
        const NEAR: [Point; 8] = [(10, 0), (-10, 0), (8, -12), (8, 12), (-8, -12), (-8, 12), (0, -15), (0, 15)];
        const SIDES: [Point; 8] = [(2, -1), (2, 1), (-2, -1), (-2, 1), (1, -2), (1, 2), (-1, -2), (-1, 2)];
        for (dx, dy) in NEAR {
            if self.try_at(area, text, side(style, dx), (at.0 + dx, at.1 + dy))? {
                return Ok(true);
            }
        }
        let distances: &[i32] = if far { &[12, 19, 27] } else { &[] };
        for (dx, dy) in distances.iter().flat_map(|d| SIDES.map(|(dx, dy)| (dx * d, dy * d))) {
            let end = (at.0 + dx, at.1 + dy);
            // from the edge of the marker to the edge of the text
            let leader = [(at.0 + dx.signum() * 6, at.1 + dy.signum() * 6), (end.0 - 2 * dx.signum(), end.1)];
            let clear = along(leader[0], leader[1]).skip(1).all(|p| self.is_free((p.0, p.1, p.0, p.1)));
            if clear && self.try_at(area, text, side(style, dx), end)? {
                line(area, leader.to_vec(), LINE.stroke_width(1))?;
                self.keep_off_line(leader[0], leader[1]);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_free(&self, own: Box4) -> bool {
        self.taken.iter().all(|o| own.2 < o.0 || o.2 < own.0 || own.3 < o.1 || o.3 < own.1)
    }

    /// Writes the text right here, if there is room.
    pub fn try_at(&mut self, area: &Area, text: &str, style: Text, (x, y): Point) -> Result<bool> {
        let (width, half) = (style.width(text), (style.size * 0.6).ceil() as i32);
        let left = match style.at {
            HPos::Left => x,
            HPos::Center => x - width / 2,
            HPos::Right => x - width,
        };
        let own = (left, y - half, left + width, y + half);
        let (l, t, r, b) = self.bounds;
        let inside = own.0 >= l && own.1 >= t && own.2 <= r && own.3 <= b;
        let free = self.is_free(own);
        if inside && free {
            self.taken.push((own.0 - 4, own.1, own.2 + 4, own.3)); // a gap between words
            style.draw(area, text, (x, y))?;
        }
        Ok(inside && free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks() {
        assert_eq!(log_ticks(&(0.9..60.0)), [1.0, 2.0, 5.0, 10.0, 20.0, 50.0]);
        assert_eq!(log_ticks(&(1.0..1.5)).len(), 6);
        assert_eq!(log_ticks(&(1.0..1e5)), [1.0, 10.0, 100.0, 1e3, 1e4, 1e5]);
        assert_eq!(linear_ticks(&(0.0..24.0), 6), [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(linear_ticks(&(3.0..3.0), 6), [3.0]);
        assert_eq!((plain(1.50), tick_time(2000.0)), ("1.5".into(), "2 µs".into()));
        assert_eq!(plain(100.0), "100");
    }
}
