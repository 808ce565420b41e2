//! Number formats: which values a tensor may take, and how its grid is laid on its data.

pub mod block;
pub mod codebook;
pub mod float;
pub mod ggml;
pub mod integer;
pub mod kquant;
pub mod mx;
pub mod nvfp4;
pub mod pack;
mod search;
pub mod signs;

pub use block::f16;

use std::sync::Arc;

use rayon::prelude::*;

use super::calibrate::{Calibrator, MinMax, Range};
use super::coded::ScaleType;
use super::lattice::{Lattice, Matrix, Origin, Quantized, Step};
use super::levels::{Levels, MiniFloat, round_within};

/// A number format.
pub trait Format: Send + Sync {
    /// As schemes spell it.
    fn name(&self) -> String;
    /// Line of the ladder chart.
    fn family(&self) -> &'static str;
    /// Bits of one code, scales not counted.
    fn bits(&self) -> f64;
    /// The grid for a matrix of finite numbers.
    fn fit(&self, x: &Matrix, how: &Fit) -> Lattice;
    /// The matrix in this format, as its own quantizer rounds: to the nearest level unless the format says otherwise.
    fn quantize(&self, x: &Matrix, how: &Fit) -> Quantized {
        self.fit(x, how).nearest(x)
    }
    /// Which of [`Fit`]'s choices it takes.
    fn takes(&self) -> Takes {
        Takes::default()
    }
    /// Numbers that share a scale, and how it is stored, where the format says so and each block has nothing else beside its
    /// codes.
    fn blocks(&self) -> Option<(usize, ScaleType)> {
        None
    }
    /// Bits that the codes take when they are coded by how often they occur, where the format does that.
    fn coded_bits(&self, _quantized: &Quantized) -> Option<f64> {
        None
    }
}

/// Choices that a format leaves open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Takes {
    /// Granularity, and scales that are powers of two.
    pub scale: bool,
    /// A zero point; the full range of two's complement.
    pub integer: bool,
    /// A calibrator that clips.
    pub clip: bool,
}

/// Numbers that share a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    Tensor,
    /// Output channel: one scale per row.
    Row,
    /// So many consecutive columns of a row. `sub` bits: scales are themselves quantized, 256 columns sharing an f16.
    Group {
        columns: usize,
        sub: Option<u32>,
    },
}

/// How a grid is laid on data.
#[derive(Clone)]
pub struct Fit<'a> {
    pub granularity: Granularity,
    /// With a zero point.
    pub affine: bool,
    /// The full range of two's complement: -8 too, of 4 bits.
    pub full: bool,
    /// Scales are powers of two.
    pub pow2: bool,
    pub calibrator: &'a dyn Calibrator,
    /// Weight of each column's error: the mean square of its activations.
    pub importance: Option<&'a [f32]>,
    /// Which weights are there; the others are zeros and stay zeros.
    pub kept: Option<&'a [bool]>,
}

impl Default for Fit<'_> {
    fn default() -> Self {
        Self {
            granularity: Granularity::Row,
            affine: false,
            full: false,
            pow2: false,
            calibrator: &MinMax,
            importance: None,
            kept: None,
        }
    }
}

/// A format, and the length of the name it was found by.
pub type Found = (Arc<dyn Format>, usize);

/// One row of the registry: how names of a kind of format look, and who reads them.
pub struct Kind {
    /// For help and error messages, `N` standing for a number of bits.
    pub pattern: &'static str,
    pub about: &'static str,
    /// The format at the start of the text, and the length of its name.
    pub parse: fn(&str) -> Option<Found>,
    /// Names that stand for the kind in listings.
    pub examples: &'static [&'static str],
}

/// Every kind of number format: one file and one row each.
pub static KINDS: &[Kind] = &[
    float::PLAIN,
    float::SMALL,
    integer::KIND,
    signs::TERNARY,
    signs::BINARY,
    codebook::NORMAL_FLOAT,
    codebook::KMEANS,
    codebook::LLOYD,
    codebook::EQUAL,
    codebook::UNIFORM,
    codebook::TABLE,
    mx::KIND,
    nvfp4::KIND,
    ggml::KIND,
    kquant::KIND,
];

/// The format whose name begins the text, and the name's length; the longest name wins.
pub fn parse(text: &str) -> Option<Found> {
    KINDS.iter().filter_map(|k| (k.parse)(text)).max_by_key(|(_, length)| *length)
}

/// `prefix` and a number of bits in `range`: the number, and the length of both.
pub(super) fn parse_bits(text: &str, prefix: &str, range: std::ops::RangeInclusive<u32>) -> Option<(u32, usize)> {
    let rest = text.strip_prefix(prefix)?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let bits = rest[..digits].parse().ok().filter(|b| range.contains(b))?;
    Some((bits, prefix.len() + digits))
}

/// Bits of a scale: f32 for a row or a tensor, f16 for a group (bf16 of small floats).
const ROW_SCALE_BITS: f64 = 32.0;
const GROUP_SCALE_BITS: f64 = 16.0;
/// Columns whose quantized group scales share one f16.
pub const SUPER_BLOCK: usize = 256;
/// The smallest scale: a group of zeros, or one too small to invert, has it.
const LEAST_SCALE: f32 = f32::MIN_POSITIVE * 16.0;

/// Lays scaled levels on a matrix, group by group, on the range that the calibrator chooses.
pub(super) fn fit_scaled(x: &Matrix, levels: Levels, code_bits: f64, how: &Fit) -> Lattice {
    let step = |values: &[f32], importance: Option<&[f32]>| step_of(values, &levels, how, importance);
    fit_groups(x, &levels, code_bits, how, step)
}

/// The one way all formats with free granularity share: `step` gives the scale and zero point of a group from its numbers
/// and the weights of their errors.
pub(super) fn fit_groups(
    x: &Matrix,
    levels: &Levels,
    code_bits: f64,
    how: &Fit,
    step: impl Fn(&[f32], Option<&[f32]>) -> (f32, i32) + Sync,
) -> Lattice {
    let group = match how.granularity {
        Granularity::Group { columns, .. } => columns.min(x.k),
        _ => x.k,
    };
    let groups = x.k.div_ceil(group);
    let steps: Vec<(f32, i32)> = if how.granularity == Granularity::Tensor {
        let one = step(x.data, None);
        vec![one; x.rows()]
    } else {
        let of_row = |row: usize| {
            let values = x.row(row).chunks(group).enumerate();
            values.map(move |(g, v)| (g * group, v)).collect::<Vec<_>>()
        };
        let all: Vec<(usize, &[f32])> = (0..x.rows()).flat_map(of_row).collect();
        let weights = |at: usize, n: usize| how.importance.map(|w| &w[at..at + n]);
        all.par_iter().map(|(at, v)| step(v, weights(*at, v.len()))).collect()
    };
    let (mut scales, points): (Vec<f32>, Vec<i32>) = steps.into_iter().unzip();
    let scale_bits = narrow_scales(&mut scales, groups, levels, how);
    let point_bits = if how.affine { code_bits * scale_count(&scales, how) } else { 0.0 };
    let padded = (x.rows() * groups * group) as f64;
    Lattice {
        k: x.k,
        group,
        levels: levels.clone(),
        scales,
        origin: if how.affine { Origin::Points(points) } else { Origin::Zero },
        stored_bits: padded * code_bits + scale_bits + point_bits,
    }
}

fn scale_count(scales: &[f32], how: &Fit) -> f64 {
    if how.granularity == Granularity::Tensor { 1.0 } else { scales.len() as f64 }
}

/// Rounds scales to what they are stored in; returns the bits they take.
fn narrow_scales(scales: &mut [f32], groups: usize, levels: &Levels, how: &Fit) -> f64 {
    // what is divided by the 448 of e4m3 would be a subnormal f16
    let stored = if matches!(levels, Levels::Float(_)) { MiniFloat::BF16 } else { MiniFloat::F16 };
    let narrow = |s: f32| stored.round(s).max(stored.ranked(1));
    match how.granularity {
        _ if how.pow2 => 8.0 * scale_count(scales, how),
        Granularity::Tensor => ROW_SCALE_BITS,
        Granularity::Row => ROW_SCALE_BITS * scales.len() as f64,
        Granularity::Group { sub: None, .. } => {
            scales.iter_mut().for_each(|s| *s = narrow(*s));
            GROUP_SCALE_BITS * scales.len() as f64
        }
        Granularity::Group { columns, sub: Some(bits) } => {
            let most = ((1u32 << bits) - 1) as f32;
            let together = (SUPER_BLOCK / columns).max(1);
            let mut supers = 0;
            for row in scales.chunks_mut(groups) {
                for block in row.chunks_mut(together) {
                    let unit = narrow(block.iter().fold(0f32, |a, s| a.max(*s)) / most);
                    block.iter_mut().for_each(|s| *s = unit * (*s / unit).round_ties_even().clamp(1.0, most));
                    supers += 1;
                }
            }
            f64::from(bits) * scales.len() as f64 + GROUP_SCALE_BITS * f64::from(supers)
        }
    }
}

/// Scale and zero point of one group.
fn step_of(values: &[f32], levels: &Levels, how: &Fit, importance: Option<&[f32]>) -> (f32, i32) {
    let lay = |r: Range| lay(r, levels, how);
    let error = |r: Range| {
        let (scale, point) = lay(r);
        let weight = |i: usize| importance.map_or(1.0, |w| w[i]);
        let squares = |round: &dyn Fn(f32) -> f32| {
            values.iter().enumerate().map(|(i, v)| f64::from((v - round(*v)).powi(2) * weight(i))).sum::<f64>()
        };
        let step = if how.affine { Step::with_point(levels, scale, point) } else { Step::symmetric(levels, scale) };
        match (levels, importance) {
            // what most searches are about, in a loop that vectorizes
            (Levels::Integers { low, high }, None) => {
                let (low, high, inverse) = ((low - point) as f32, (high - point) as f32, 1.0 / scale);
                let square = |v: f32| (v - scale * round_within(v * inverse, low, high)).powi(2);
                let mut lanes = [0f32; 8];
                let mut chunks = values.chunks_exact(8);
                for eight in &mut chunks {
                    lanes.iter_mut().zip(eight).for_each(|(sum, v)| *sum += square(*v));
                }
                let rest = chunks.remainder().iter().map(|v| square(*v)).sum::<f32>();
                f64::from(lanes.iter().sum::<f32>() + rest)
            }
            _ => squares(&|v| step.round(v)),
        }
    };
    lay(how.calibrator.range(&[values], !how.affine, levels.count(), &error))
}

/// The scale and zero point that lay levels on a range.
///
/// Symmetric levels reach the range's larger end with their greatest level; the full range of two's complement, which has
/// no level to match it, is laid half a step wider on either side. With a zero point the range, widened to contain zero,
/// is divided into count - 1 steps.
pub(super) fn lay(range: Range, levels: &Levels, how: &Fit) -> (f32, i32) {
    let pow2 = |scale: f32| if how.pow2 { power_of_two_above(scale) } else { scale };
    if how.affine {
        let (low, high) = (range.low.min(0.0), range.high.max(0.0));
        let steps = (levels.count() - 1) as f32;
        let scale = pow2(((high / steps) - (low / steps)).max(LEAST_SCALE));
        let least = levels.least();
        let point = (least - low / scale).round_ties_even().clamp(least, levels.greatest());
        return (scale, point as i32);
    }
    let peak = range.high.max(-range.low);
    let lopsided = matches!(levels, Levels::Integers { low, high } if *low == -high - 1);
    let reach = if lopsided { levels.peak() - 0.5 } else { levels.peak() };
    (pow2((peak / reach).max(LEAST_SCALE)), 0)
}

/// 2^ceil(log2 x).
pub fn power_of_two_above(x: f32) -> f32 {
    let floor = 2f32.powi(x.log2().floor() as i32);
    // log2 of f32 may round across a power of two
    [floor / 2.0, floor, floor * 2.0].into_iter().find(|p| *p >= x).unwrap_or(floor * 2.0)
}
