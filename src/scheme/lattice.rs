//! Where the numbers of a matrix may lie once it is quantized, and the matrix put there.

use rayon::prelude::*;

use super::levels::Levels;

/// A row-major matrix, `k` numbers a row: weights [n, k], or activations [m, k].
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    pub data: &'a [f32],
    pub k: usize,
}

impl<'a> Matrix<'a> {
    /// # Panics
    /// When the data are no whole rows.
    pub fn new(data: &'a [f32], k: usize) -> Self {
        assert!(k > 0 && data.len().is_multiple_of(k), "{} numbers are no rows of {k}", data.len());
        Self { data, k }
    }
    pub fn rows(&self) -> usize {
        self.data.len() / self.k
    }
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.data[i * self.k..][..self.k]
    }
}

/// What a level of 0 stands for, group by group.
#[derive(Clone, Debug, PartialEq)]
pub enum Origin {
    /// Zero: symmetric.
    Zero,
    /// `scale * (level - point)`: an integer zero point.
    Points(Vec<i32>),
    /// `scale * level + offset`.
    Offsets(Vec<f64>),
}

/// The quantization grid of a matrix: each row is cut into groups of `group` columns (the last may be shorter), and each
/// group maps levels to numbers with a scale and an origin of its own. One scale for the whole tensor is repeated.
#[derive(Clone, Debug, PartialEq)]
pub struct Lattice {
    pub k: usize,
    pub group: usize,
    pub levels: Levels,
    /// Row-major [rows, ceil(k / group)].
    pub scales: Vec<f32>,
    pub origin: Origin,
    /// What the quantized matrix takes to store, in bits: codes, scales, origins, tables.
    pub stored_bits: f64,
}

impl Lattice {
    /// Numbers as they are.
    pub fn exact(x: &Matrix, bits: u32) -> Self {
        let stored_bits = x.data.len() as f64 * f64::from(bits);
        let scales = vec![1.0; x.rows()];
        Self { k: x.k, group: x.k, levels: Levels::Exact, scales, origin: Origin::Zero, stored_bits }
    }

    pub fn groups(&self) -> usize {
        self.k.div_ceil(self.group)
    }

    /// The map of the group that holds column `col` of `row`.
    pub fn step(&self, row: usize, col: usize) -> Step<'_> {
        let index = row * self.groups() + col / self.group;
        let origin = match &self.origin {
            Origin::Zero => At::Zero,
            Origin::Points(p) => At::Point(p[index]),
            Origin::Offsets(o) => At::Offset(o[index]),
        };
        Step { levels: &self.levels, scale: self.scales[index], origin }
    }

    /// Every number at its nearest level.
    pub fn nearest(self, x: &Matrix) -> Quantized {
        self.choose(x, |step, _, _, v| step.nearest(v))
    }

    /// Every number at the level that `code` gives for its group's map, row, column and value.
    pub fn choose(self, x: &Matrix, code: impl Fn(Step, usize, usize, f32) -> u16 + Sync) -> Quantized {
        if self.levels == Levels::Exact {
            return Quantized { values: x.data.to_vec(), codes: vec![], lattice: self };
        }
        let mut codes = vec![0; x.data.len()];
        codes.par_chunks_mut(self.k).enumerate().for_each(|(row, codes)| {
            for (g, codes) in codes.chunks_mut(self.group).enumerate() {
                let begin = g * self.group;
                let step = self.step(row, begin);
                let values = &x.row(row)[begin..];
                for (i, (c, v)) in codes.iter_mut().zip(values).enumerate() {
                    *c = code(step, row, begin + i, *v);
                }
            }
        });
        Quantized::of(self, codes)
    }
}

#[derive(Clone, Copy, Debug)]
enum At {
    Zero,
    Point(i32),
    Offset(f64),
}

/// One group's map between levels and numbers.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    pub levels: &'a Levels,
    pub scale: f32,
    origin: At,
}

impl<'a> Step<'a> {
    pub fn symmetric(levels: &'a Levels, scale: f32) -> Self {
        Self { levels, scale, origin: At::Zero }
    }
    pub fn with_point(levels: &'a Levels, scale: f32, point: i32) -> Self {
        Self { levels, scale, origin: At::Point(point) }
    }

    /// The number that a code stands for, rounded once.
    pub fn value(&self, code: u16) -> f32 {
        let (scale, level) = (f64::from(self.scale), f64::from(self.levels.value(code)));
        let exact = match self.origin {
            At::Zero => scale * level,
            At::Point(p) => scale * (level - f64::from(p)),
            At::Offset(o) => scale * level + o,
        };
        exact as f32
    }

    /// The code nearest to finite `x`. With a zero point as ONNX's QuantizeLinear: the point is added after rounding.
    pub fn nearest(&self, x: f32) -> u16 {
        if *self.levels == Levels::Exact {
            return 0;
        }
        self.levels.nearest(match self.origin {
            At::Point(p) => (x / self.scale).round_ties_even() + p as f32,
            At::Zero | At::Offset(_) => self.position(x),
        })
    }

    /// The codes of the numbers below and above `x`: see [`Levels::neighbours`]. Of a negative scale the greater code
    /// is the lesser number.
    pub fn neighbours(&self, x: f32) -> (u16, u16) {
        let (low, high) = self.levels.neighbours(self.position(x));
        if self.scale < 0.0 { (high, low) } else { (low, high) }
    }

    /// Where `x` lies among the levels; 0 where they all stand for the same number, as in an empty block.
    pub fn position(&self, x: f32) -> f32 {
        if self.scale == 0.0 {
            return 0.0;
        }
        match self.origin {
            At::Zero => x / self.scale,
            At::Point(p) => x / self.scale + p as f32,
            At::Offset(o) => ((f64::from(x) - o) / f64::from(self.scale)) as f32,
        }
    }

    /// `x` put on its nearest level.
    pub fn round(&self, x: f32) -> f32 {
        if *self.levels == Levels::Exact { x } else { self.value(self.nearest(x)) }
    }
}

/// A quantized matrix: its lattice, its codes (empty where nothing is rounded) and the numbers they stand for.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    pub lattice: Lattice,
    pub codes: Vec<u16>,
    pub values: Vec<f32>,
}

impl Quantized {
    pub fn of(lattice: Lattice, codes: Vec<u16>) -> Self {
        let mut values = vec![0.0; codes.len()];
        values.par_chunks_mut(lattice.k).zip(codes.par_chunks(lattice.k)).enumerate().for_each(
            |(row, (values, codes))| {
                let groups = values.chunks_mut(lattice.group).zip(codes.chunks(lattice.group));
                for (g, (values, codes)) in groups.enumerate() {
                    let step = lattice.step(row, g * lattice.group);
                    values.iter_mut().zip(codes).for_each(|(v, c)| *v = step.value(*c));
                }
            },
        );
        Self { lattice, codes, values }
    }

    /// s8 codes and the scales, [rows, groups], where the matrix is of that form.
    pub fn int8(&self) -> Option<(Vec<i8>, Vec<f32>)> {
        let levels = &self.lattice.levels;
        let fits = |c: u16| levels.value(c).fract() == 0.0 && (-128.0..=127.0).contains(&levels.value(c));
        let plain = self.lattice.origin == Origin::Zero && self.codes.iter().all(|c| fits(*c));
        let codes = || self.codes.iter().map(|c| levels.value(*c) as i8).collect();
        (plain && !self.codes.is_empty()).then(|| (codes(), self.lattice.scales.clone()))
    }
}
