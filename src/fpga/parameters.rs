//! The numbers that a unit holds, and the law of what it computes: plain loops over integers, which C++ and RTL must equal.

use std::ops::RangeInclusive;

use anyhow::{Result, ensure};

use super::ir::{MULTIPLIER_BITS, Mvau, Requant, UnitKind, bits_of};

/// What a unit holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    /// Row-major [rows, columns], within [`Mvau::weight_range`].
    pub weights: Vec<i8>,
    /// [rows]: what sums begin with. Zeros where there are thresholds, which have taken it in.
    pub init: Vec<i32>,
    pub rescale: Rescale,
}

/// How sums become outputs.
#[derive(Clone, Debug, PartialEq)]
pub enum Rescale {
    None,
    /// `multipliers` [rows], each below 2^17; outputs are within `low..`.
    Shift {
        multipliers: Vec<u32>,
        shift: u32,
        zero: i32,
        low: i32,
    },
    /// [rows, 2^bits - 1], ascending.
    Thresholds(Vec<i32>),
}

impl Parameters {
    /// # Errors
    /// Numbers that the unit cannot hold.
    pub fn check(&self, unit: &Mvau) -> Result<()> {
        let (rows, weights) = (unit.rows, unit.rows * unit.columns);
        ensure!(self.weights.len() == weights, "{} weights; the unit has {weights}", self.weights.len());
        ensure!(self.init.len() == rows, "{} initial sums; the unit has {rows}", self.init.len());
        let legal = |w: &i8| unit.weight_range().contains(&i64::from(*w)) && (unit.weight_bits > 1 || *w != 0);
        let wrong = self.weights.iter().find(|w| !legal(w));
        ensure!(wrong.is_none(), "weight {} is none of {} bits", wrong.unwrap_or(&0), unit.weight_bits);
        let needed = self.accumulator(unit);
        ensure!(needed <= unit.accumulator, "acc = {}; these weights need {needed}", unit.accumulator);
        match (&self.rescale, unit.requant) {
            (Rescale::None, Requant::None) => {}
            (Rescale::Shift { multipliers, shift, zero, low }, Requant::Shift { bits }) => {
                ensure!(multipliers.len() == rows, "{} multipliers; the unit has {rows}", multipliers.len());
                let wide = multipliers.iter().find(|m| **m >= 1 << MULTIPLIER_BITS);
                ensure!(wide.is_none(), "multiplier {} has more than 17 bits", wide.unwrap_or(&0));
                let codes = 0..1 << bits;
                ensure!((1..48).contains(shift), "shift = {shift}; it must be 1 to 47");
                ensure!(codes.contains(zero) && codes.contains(low), "zero and low must be outputs of {bits} bits");
            }
            (Rescale::Thresholds(steps), Requant::Thresholds { bits }) => {
                let each = (1 << bits) - 1;
                ensure!(steps.len() == rows * each, "{} thresholds; the unit has {}", steps.len(), rows * each);
                ensure!(steps.chunks(each).all(<[i32]>::is_sorted), "thresholds of an output are not ascending");
                ensure!(self.init.iter().all(|v| *v == 0), "initial sums beside thresholds; take them in");
            }
            _ => anyhow::bail!("the numbers are of another requantisation than the unit"),
        }
        Ok(())
    }

    /// Every partial sum of these weights lies within, whatever the activations and the order of the products.
    pub fn sums(&self, unit: &Mvau) -> RangeInclusive<i64> {
        let a = unit.activation_range();
        let of_row = |(row, init): (&[i8], &i32)| {
            let ends = row.iter().map(|w| {
                let (x, y) = (i64::from(*w) * a.start(), i64::from(*w) * a.end());
                (x.min(y), x.max(y))
            });
            let (low, high) = ends.fold((0, 0), |(l, h), (x, y)| (l + x.min(0), h + y.max(0)));
            (i64::from(*init) + low, i64::from(*init) + high)
        };
        let rows = self.weights.chunks(unit.columns).zip(&self.init).map(of_row);
        let (low, high) = rows.fold((0, 0), |(l, h), (x, y)| (l.min(x), h.max(y)));
        low..=high
    }

    /// Bits that hold every partial sum of these weights, and whatever sums are compared with.
    pub fn accumulator(&self, unit: &Mvau) -> u32 {
        let sums = self.sums(unit);
        let mut all = *sums.start()..=*sums.end();
        if let Rescale::Thresholds(steps) = &self.rescale {
            let least = steps.iter().min().map_or(0, |v| i64::from(*v));
            let most = steps.iter().max().map_or(0, |v| i64::from(*v));
            all = least.min(*all.start())..=most.max(*all.end());
        }
        bits_of(&all)
    }

    /// What the unit gives for one vector: of a dense unit `columns` activations, of a depthwise one [rows, columns].
    pub fn law(&self, unit: &Mvau, x: &[i32]) -> Vec<i32> {
        let of = |row: usize| {
            let own = if unit.kind == UnitKind::Depthwise { &x[row * unit.columns..] } else { x };
            let weights = &self.weights[row * unit.columns..][..unit.columns];
            let sum = weights.iter().zip(own).map(|(w, x)| i32::from(*w) * x).sum::<i32>() + self.init[row];
            self.rescaled(unit, row, sum)
        };
        (0..unit.rows).map(of).collect()
    }

    /// What becomes of a sum.
    pub fn rescaled(&self, unit: &Mvau, row: usize, sum: i32) -> i32 {
        match (&self.rescale, unit.requant) {
            (Rescale::Shift { multipliers, shift, zero, low }, Requant::Shift { bits }) => {
                let product = i64::from(sum) * i64::from(multipliers[row]) + (1 << (shift - 1));
                let code = (product >> shift) + i64::from(*zero);
                code.clamp(i64::from(*low), (1 << bits) - 1) as i32
            }
            (Rescale::Thresholds(steps), Requant::Thresholds { bits }) => {
                let each = (1usize << bits) - 1;
                steps[row * each..][..each].iter().filter(|t| sum >= **t).count() as i32
            }
            _ => sum,
        }
    }

    /// Thresholds that say what `code` says: a function that never falls, of a row and a sum, to 0..2^bits. Sums are those
    /// of `weights` without anything added; they lie within `sums`.
    pub fn thresholds(rows: usize, bits: u32, sums: &RangeInclusive<i64>, code: impl Fn(usize, i32) -> i32) -> Rescale {
        let first = |row: usize, wanted: i32| {
            let (mut low, mut high) = (*sums.start(), sums.end() + 1);
            while low < high {
                let middle = (low + high).div_euclid(2);
                if code(row, middle as i32) >= wanted { high = middle } else { low = middle + 1 }
            }
            low as i32
        };
        let all = (0..rows).flat_map(|row| (1..1 << bits).map(move |wanted| (row, wanted)));
        Rescale::Thresholds(all.map(|(row, wanted)| first(row, wanted)).collect())
    }

    /// Numbers by chance, always the same for a seed: weights of the whole range, and a requantisation that uses the whole
    /// range of outputs. The unit with the accumulator that they need.
    pub fn synthetic(unit: &Mvau, seed: u64) -> (Mvau, Self) {
        let rng = &mut fastrand::Rng::with_seed(seed);
        let weight = |rng: &mut fastrand::Rng| match unit.weight_bits {
            1 => {
                if rng.bool() {
                    1
                } else {
                    -1
                }
            }
            _ => rng.i64(unit.weight_range()) as i8,
        };
        let weights: Vec<i8> = (0..unit.rows * unit.columns).map(|_| weight(rng)).collect();
        let mut own = Self { weights, init: vec![0; unit.rows], rescale: Rescale::None };
        let sums = own.sums(unit);
        let spread = (sums.end() - sums.start()).max(1);
        if !matches!(unit.requant, Requant::Thresholds { .. }) {
            let most = spread.min(1 << 16) as i32;
            own.init = (0..unit.rows).map(|_| rng.i32(-most / 2..=most / 2)).collect();
        }
        own.rescale = match unit.requant {
            Requant::None => Rescale::None,
            Requant::Shift { bits } => {
                let multipliers: Vec<u32> = (0..unit.rows).map(|_| rng.u32(1 << 14..1 << MULTIPLIER_BITS)).collect();
                // half of the sums saturate
                let shift = (MULTIPLIER_BITS + spread.ilog2()).saturating_sub(bits + 1).clamp(1, 47);
                let top = (1 << bits) - 1;
                Rescale::Shift { multipliers, shift, zero: rng.i32(0..=top), low: rng.i32(0..=top / 2) }
            }
            Requant::Thresholds { bits } => {
                let each = (1 << bits) - 1;
                let row = |rng: &mut fastrand::Rng| {
                    let mut steps: Vec<i32> =
                        (0..each).map(|_| rng.i64(*sums.start()..=sums.end() + 1) as i32).collect();
                    steps.sort_unstable();
                    steps
                };
                Rescale::Thresholds((0..unit.rows).flat_map(|_| row(rng)).collect())
            }
        };
        let mut unit = unit.clone();
        unit.accumulator = own.accumulator(&unit);
        (unit, own)
    }

    /// Inputs by chance, and before them those that make sums as large and as small as they get: all at one end of the
    /// range, all at the other, and for each of the first rows the activations that its weights ask for.
    pub fn inputs(&self, unit: &Mvau, vectors: usize, seed: u64) -> Vec<Vec<i32>> {
        let (low, high) = unit.activation_range().into_inner();
        let (low, high) = (low as i32, high as i32);
        let rng = &mut fastrand::Rng::with_seed(seed);
        let length = if unit.kind == UnitKind::Depthwise { unit.rows * unit.columns } else { unit.columns };
        let of = |i: usize| -> Vec<i32> {
            let row = (i / 2).saturating_sub(1) % unit.rows;
            let weight = |j: usize| match unit.kind {
                UnitKind::Depthwise => self.weights[j],
                UnitKind::Dense => self.weights[row * unit.columns + j],
            };
            let mut each = |j: usize| match i {
                0 => high,
                1 => low,
                2..6 if (weight(j) > 0) == i.is_multiple_of(2) => high,
                2..6 => low,
                _ => rng.i32(low..=high),
            };
            (0..length).map(&mut each).collect()
        };
        (0..vectors).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Op, Shape};
    use crate::op;

    #[test]
    fn the_law_is_that_of_the_kernels() {
        let unit: Mvau = "mvau.w8a8.r5c12".parse().unwrap();
        let (unit, own) = Parameters::synthetic(&unit, 3);
        let shape = Shape::gemm(1, 5, 12).unwrap();
        for x in own.inputs(&unit, 20, 4) {
            let codes: Vec<u8> = x.iter().map(|v| *v as u8).collect();
            assert_eq!(own.law(&unit, &x), op::reference_int(&shape, &codes, &own.weights, &own.init, 0));
            assert!(own.law(&unit, &x).iter().all(|y| own.sums(&unit).contains(&i64::from(*y))));
        }
        let shape = Shape::conv(Op::Depthwise, [3, 4, 5], 5, [3, 4], 1, [0; 4]).unwrap();
        let unit: Mvau = "vvau.w4a8.r5c12".parse().unwrap();
        let (unit, own) = Parameters::synthetic(&unit, 3);
        let x = &own.inputs(&unit, 8, 5)[7];
        // [channels, taps] as the unit takes it, [taps, channels] as the image lies
        let image: Vec<u8> = (0..12).flat_map(|t| (0..5).map(move |c| x[c * 12 + t] as u8)).collect();
        assert_eq!(own.law(&unit, x), op::reference_int(&shape, &image, &own.weights, &own.init, 0));
    }

    #[test]
    fn the_proof_is_tight_and_thresholds_are_any_function() {
        let unit: Mvau = "mvau.w4a4.r3c16".parse().unwrap();
        let (unit, own) = Parameters::synthetic(&unit, 1);
        let sums = own.sums(&unit);
        let reached: Vec<i64> = (0..3)
            .flat_map(|row| {
                let ends = |top: bool| {
                    let x: Vec<i32> =
                        own.weights[row * 16..][..16].iter().map(|w| if (*w > 0) == top { 15 } else { 0 }).collect();
                    i64::from(own.law(&unit, &x)[row])
                };
                [ends(true), ends(false)]
            })
            .collect();
        assert_eq!((reached.iter().min(), reached.iter().max()), (Some(sums.start()), Some(sums.end())));
        let root = |row: usize, sum: i32| ((sum + 700 + row as i32).max(0) as f64).sqrt().min(15.0) as i32;
        let steps = Parameters::thresholds(3, 4, &(-900..=900), root);
        let other: Mvau = "mvau.w4a4.r3c16.thr4".parse().unwrap();
        let own = Parameters { init: vec![0; 3], rescale: steps, ..own };
        for (row, sum) in (0..3).flat_map(|r| (-900..=900).map(move |s| (r, s))) {
            assert_eq!(own.rescaled(&other, row, sum), root(row, sum));
        }
    }
}
