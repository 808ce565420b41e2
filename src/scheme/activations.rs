//! How activations become numbers of few bits: in the format of their own, per tensor, row or block, at run time or ahead.

use std::fmt;
use std::sync::Arc;

use super::affine::Grid;
use super::calibrate::{self, Calibrator, Range};
use super::format::{self, Fit, Format, Granularity};
use super::lattice::{Matrix, Step};
use super::levels::Levels;

/// Numbers that share a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    Tensor,
    /// A row of a matrix product; of an image, the whole image.
    Row,
    /// So many consecutive channels.
    Block(usize),
}

#[derive(Clone)]
pub enum Kind {
    /// As they come.
    F32,
    /// Unsigned integers of 2 to 8 bits with a zero point.
    Affine(u32),
    /// Signs times the mean size.
    Signs,
    Format(Arc<dyn Format>),
}

#[derive(Clone)]
pub struct Activations {
    pub kind: Kind,
    pub per: Per,
    /// Static: one range for the tensor, chosen by this calibrator. None: dynamic, from the numbers themselves.
    pub fixed: Option<Arc<dyn Calibrator>>,
}

/// A map chosen ahead of time.
#[derive(Clone, Debug)]
pub enum Fixed {
    Grid(Grid),
    Step { levels: Levels, scale: f32 },
}

impl Kind {
    /// The greatest code, of unsigned integers.
    pub fn top(&self) -> Option<i32> {
        match self {
            Kind::Affine(bits) => Some((1 << bits) - 1),
            Kind::Signs => Some(1),
            Kind::F32 | Kind::Format(_) => None,
        }
    }

    /// The dynamic grid of some numbers, of unsigned integers.
    pub fn grid(&self, x: &[f32]) -> Option<Grid> {
        match self {
            Kind::Affine(bits) => Some(Grid::of(x, *bits)),
            Kind::Signs => Some(Grid::of_signs(x)),
            Kind::F32 | Kind::Format(_) => None,
        }
    }
}

impl Activations {
    pub const F32: Self = Self { kind: Kind::F32, per: Per::Row, fixed: None };

    /// The activations whose name begins the text, and the name's length: bits, or the name of a format.
    pub fn parse(text: &str) -> Option<(Kind, usize)> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let named = |name: &str| format::parse(name).map(|(f, _)| Kind::Format(f));
        match text[..digits].parse::<u32>() {
            Ok(32) => Some((Kind::F32, 2)),
            Ok(16) => named("f16").map(|k| (k, 2)),
            Ok(bits @ 2..=8) => Some((Kind::Affine(bits), 1)),
            Ok(1) => Some((Kind::Signs, 1)),
            Ok(_) => None,
            Err(_) => {
                format::parse(text).filter(|(f, _)| !f.name().starts_with('w')).map(|(f, n)| (Kind::Format(f), n))
            }
        }
    }

    /// Are they f32 throughout?
    pub fn float(&self) -> bool {
        matches!(self.kind, Kind::F32)
    }

    /// `f16` or `bf16` where they are f32 rounded to that.
    pub fn half(&self) -> Option<&'static str> {
        let Kind::Format(f) = &self.kind else { return None };
        ["f16", "bf16"].into_iter().find(|name| f.name() == *name)
    }

    pub fn bits(&self) -> f64 {
        match &self.kind {
            Kind::F32 => 32.0,
            Kind::Affine(bits) => f64::from(*bits),
            Kind::Signs => 1.0,
            Kind::Format(f) => f.bits(),
        }
    }

    /// The static map of a tensor from calibration batches, with what a user must know of the calibrator's choice.
    pub fn calibrate(&self, batches: &[&[f32]]) -> Option<(Fixed, Option<String>)> {
        let calibrator = self.fixed.as_deref()?;
        let (fixed, symmetric, levels): (Box<dyn Fn(Range) -> Fixed>, _, _) = match &self.kind {
            Kind::F32 => return None,
            // no range to choose
            Kind::Signs => {
                let sizes = batches.iter().flat_map(|b| b.iter()).map(|v| f64::from(v.abs()));
                let count = batches.iter().map(|b| b.len()).sum::<usize>().max(1);
                return Some((Fixed::Grid(Grid::signs((sizes.sum::<f64>() / count as f64) as f32)), None));
            }
            Kind::Affine(bits) => {
                (Box::new(|r| Fixed::Grid(Grid::of_range(r.low, r.high, *bits))), false, 1usize << bits)
            }
            Kind::Format(f) => {
                let levels = f.fit(&Matrix::new(&[1.0], 1), &Fit::default()).levels;
                let count = levels.count();
                let step = move |r: Range| {
                    let (scale, _) = format::lay(r, &levels, &Fit::default());
                    Fixed::Step { levels: levels.clone(), scale }
                };
                (Box::new(step), true, count)
            }
        };
        let error = |r: Range| {
            let fixed = fixed(r);
            let square = |v: &f32| f64::from(v - fixed.round(*v)).powi(2);
            batches.iter().flat_map(|b| b.iter()).map(square).sum::<f64>()
        };
        let range = calibrator.range(batches, symmetric, levels, &error);
        let all = calibrate::MinMax.range(batches, symmetric, levels, &error);
        Some((fixed(range), calibrate::warning(calibrator, range, all, &error)))
    }

    /// Puts activations, `k` numbers a row and `span` numbers a dynamic range, on their grid.
    pub fn apply(&self, x: &mut [f32], k: usize, span: usize, fixed: Option<&Fixed>) {
        if let Some(fixed) = fixed {
            return x.iter_mut().for_each(|v| *v = fixed.round(*v));
        }
        let (whole, block) = match self.per {
            Per::Tensor => (x.len(), None),
            Per::Row => (span, None),
            Per::Block(columns) => (k, Some(columns)),
        };
        match &self.kind {
            Kind::F32 => {}
            Kind::Affine(_) | Kind::Signs => {
                for row in x.chunks_mut(whole) {
                    for block in row.chunks_mut(block.unwrap_or(whole)) {
                        let Some(grid) = self.kind.grid(block) else { return };
                        block.iter_mut().for_each(|v| *v = grid.round(*v));
                    }
                }
            }
            Kind::Format(f) => {
                let granularity = block.map_or(Granularity::Row, |columns| Granularity::Group { columns, sub: None });
                // formats with blocks of their own cut rows of channels; the others share a scale over the span
                let columns = if f.takes().scale { whole } else { k };
                let how = Fit { granularity, ..Fit::default() };
                let q = f.quantize(&Matrix::new(x, columns), &how);
                x.copy_from_slice(&q.values);
            }
        }
    }
}

impl Fixed {
    /// Every number of the grid, ascending; none of a grid of more than `most`.
    pub fn levels(&self, most: usize) -> Vec<f64> {
        match self {
            Fixed::Grid(g) => (0..=g.top).map(|q| f64::from(g.scale) * f64::from((q << g.shift) - g.zero)).collect(),
            Fixed::Step { levels, scale } if levels.count() <= most => {
                levels.values().map(|v| f64::from(*scale) * v).collect()
            }
            Fixed::Step { .. } => vec![],
        }
    }

    pub fn round(&self, x: f32) -> f32 {
        match self {
            Fixed::Grid(grid) => grid.round(x),
            Fixed::Step { levels, scale } => Step::symmetric(levels, *scale).round(x),
        }
    }
}

/// As a scheme spells them after its `a`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::F32 => f.write_str("32"),
            Kind::Affine(bits) => write!(f, "{bits}"),
            Kind::Signs => f.write_str("1"),
            Kind::Format(format) => match format.name().as_str() {
                "f16" => f.write_str("16"),
                name => f.write_str(name),
            },
        }
    }
}
