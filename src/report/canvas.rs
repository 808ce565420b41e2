//! The look of all charts: sizes, colours that colour-blind readers can tell apart, titles, markers and legends.

use anyhow::Result;
use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::FontStyle;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::view::Series;

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
pub type Point = (i32, i32);

pub const WIDTH: u32 = 900;
pub const INK: RGBColor = RGBColor(33, 37, 41);
pub const SOFT: RGBColor = RGBColor(96, 103, 112);
pub const LINE: RGBColor = RGBColor(173, 181, 189);
pub const GRID: RGBColor = RGBColor(233, 236, 239);
pub const PAPER: RGBColor = RGBColor(255, 255, 255);
pub const ACCENT: RGBColor = RGBColor(213, 94, 0);

/// f32 first (Okabe and Ito's colours).
const SERIES: [RGBColor; 7] = [
    ACCENT,
    RGBColor(0, 114, 178),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(148, 103, 24),
    RGBColor(51, 51, 51),
];
/// For many lines (Tol's muted scheme, and black).
pub const LINES: [RGBColor; 10] = [
    RGBColor(51, 34, 136),
    RGBColor(204, 102, 119),
    RGBColor(17, 119, 51),
    RGBColor(221, 170, 51),
    RGBColor(136, 204, 238),
    RGBColor(136, 34, 85),
    RGBColor(68, 170, 153),
    RGBColor(170, 68, 153),
    RGBColor(153, 153, 51),
    RGBColor(0, 0, 0),
];

#[derive(Clone, Copy)]
pub enum Shape {
    Square,
    Circle,
    Triangle,
    Diamond,
}

/// How a series is marked, in every chart alike.
#[derive(Clone, Copy)]
pub struct Mark {
    pub color: RGBColor,
    pub shape: Shape,
}

impl Mark {
    /// `all` are the series of the run, in order.
    pub fn of(series: &Series, all: &[Series]) -> Self {
        let mut others = all.iter().filter(|s| !s.is_f32());
        let place = if series.is_f32() { 0 } else { others.position(|s| s == series).unwrap_or(0) + 1 };
        let shapes = [Shape::Circle, Shape::Diamond, Shape::Triangle];
        let shape = if place == 0 { Shape::Square } else { shapes[(place - 1) % shapes.len()] };
        Self { color: SERIES[place.min(SERIES.len() - 1)], shape }
    }

    /// Solid, or an outline on paper.
    pub fn draw(&self, area: &Area, (x, y): Point, solid: bool) -> Result<()> {
        let corners: Vec<Point> = match self.shape {
            Shape::Circle => {
                let fill = if solid { self.color } else { PAPER };
                area.draw(&Circle::new((x, y), 5, fill.filled()))?;
                area.draw(&Circle::new((x, y), 5, self.color.stroke_width(2)))?;
                return Ok(());
            }
            Shape::Square => vec![(-5, -5), (5, -5), (5, 5), (-5, 5)],
            Shape::Diamond => vec![(0, -7), (7, 0), (0, 7), (-7, 0)],
            Shape::Triangle => vec![(0, -7), (7, 6), (-7, 6)],
        };
        let corners: Vec<Point> = corners.into_iter().map(|(dx, dy)| (x + dx, y + dy)).collect();
        area.draw(&Polygon::new(corners.clone(), if solid { self.color } else { PAPER }.filled()))?;
        let closed = corners.iter().chain(corners.first()).chain(corners.get(1)).copied();
        area.draw(&PathElement::new(closed.collect::<Vec<_>>(), self.color.stroke_width(2)))?;
        Ok(())
    }
}

/// Text that stands left, right or centred at a point; its middle line is the point's.
#[derive(Clone, Copy)]
pub struct Text {
    pub size: f64,
    pub color: RGBColor,
    pub at: HPos,
    pub bold: bool,
}

pub const LABEL: Text = Text { size: 11.0, color: INK, at: HPos::Left, bold: false };
pub const NOTE: Text = Text { size: 11.0, color: SOFT, at: HPos::Left, bold: false };

impl Text {
    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }
    pub fn color(self, color: RGBColor) -> Self {
        Self { color, ..self }
    }
    pub fn size(self, size: f64) -> Self {
        Self { size, ..self }
    }
    pub fn centred(self) -> Self {
        Self { at: HPos::Center, ..self }
    }
    pub fn right(self) -> Self {
        Self { at: HPos::Right, ..self }
    }

    pub fn draw(&self, area: &Area, text: &str, at: Point) -> Result<()> {
        self.write(area, text, at, FontTransform::None)
    }
    /// Reading upwards.
    pub fn draw_up(&self, area: &Area, text: &str, at: Point) -> Result<()> {
        self.write(area, text, at, FontTransform::Rotate270)
    }

    fn write(&self, area: &Area, text: &str, at: Point, turn: FontTransform) -> Result<()> {
        let style = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        // the SVG backend divides sizes by 1.24
        let font = FontDesc::new(FontFamily::SansSerif, self.size * 1.24, style).transform(turn);
        let style = TextStyle::from(font).color(&self.color).pos(Pos::new(self.at, VPos::Center));
        area.draw(&plotters::element::Text::new(clean(text), at, style))?;
        Ok(())
    }

    /// About how wide a text is: fonts differ, so rather too wide.
    pub fn width(&self, text: &str) -> i32 {
        (text.chars().count() as f64 * self.size * if self.bold { 0.66 } else { 0.6 }).ceil() as i32
    }
}

/// Control characters have no place in XML.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Draws a chart under its title and lines of explanation; `draw` is given the room below, whose origin is its corner.
pub fn svg(
    (title, lines): (&str, &[String]),
    (width, height): (u32, u32),
    draw: impl FnOnce(&Area) -> Result<()>,
) -> Result<String> {
    let head = 34 + 17 * lines.len() as u32 + 6;
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, (width, head + height)).into_drawing_area();
        root.fill(&PAPER)?;
        LABEL.size(17.0).bold().draw(&root, title, (16, 20))?;
        for (i, line) in lines.iter().enumerate() {
            NOTE.size(12.0).draw(&root, line, (16, 42 + 17 * i as i32))?;
        }
        let (_, room) = root.split_vertically(head);
        draw(&room)?;
        root.present()?;
    }
    Ok(text)
}

/// Marks and what they stand for, in one line; returns where it ends.
pub fn legend(area: &Area, entries: &[(Mark, bool, String)], (x, y): Point) -> Result<i32> {
    let mut x = x;
    for (mark, solid, text) in entries {
        mark.draw(area, (x + 6, y), *solid)?;
        LABEL.size(12.0).draw(area, text, (x + 18, y))?;
        x += 18 + LABEL.size(12.0).width(text) + 16;
    }
    Ok(x)
}

pub fn line(area: &Area, points: Vec<Point>, style: ShapeStyle) -> Result<()> {
    area.draw(&PathElement::new(points, style))?;
    Ok(())
}
