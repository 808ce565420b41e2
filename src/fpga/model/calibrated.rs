//! What a unit takes of a fabric, by a model that is calibrated on units of ours that its open tools synthesized. Block RAMs and
//! hard multipliers are counted as synthesis lays them out, and so are the look-up tables of adders and of memories that are
//! written; those of the other parts of a unit are what they should take, each with a factor that the rows say. How far that is off is told by rows in turn, each by a fit that has not seen it.

use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{blocks, solve};
use crate::fpga::fabric::Fabric;
use crate::fpga::ir::{Memory, Multiplier, Mvau, Requant, UnitKind, in_block_ram};
use crate::fpga::resources::Resources;
use crate::stats::median;

/// Fabrics with their rows: one row each. How rows are made: `benches/fpga_sweep.rs`.
static SWEEPS: &[(&str, &str)] = &[("ecp5", include_str!("ecp5.csv"))];
/// Rows are judged in so many turns: of each turn those whose place in the file leaves its number as remainder.
const TURNS: usize = 5;

/// A unit that was synthesized, and whose netlist was proved.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Synthesized {
    pub design: String,
    pub lut: u64,
    pub ff: u64,
    pub bram: u64,
    pub dsp: u64,
}

/// How far a model is off on rows that it did not see: shares of the true number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Error {
    pub median: f64,
    pub p95: f64,
    /// Rows that say so.
    pub rows: usize,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "±{:.0} % (95 of 100 within {:.0} %)", self.median * 100.0, self.p95 * 100.0)
    }
}

/// What a unit should take, and how far off the look-up tables are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    pub resources: Resources,
    pub lut_error: Error,
}

/// None where the fabric has no rows.
pub fn estimate(fabric: &Fabric, unit: &Mvau) -> Option<Estimate> {
    let model = of(fabric)?;
    let lut = Some(model.lut(unit).round() as u64);
    let [bram, dsp] = [block_rams(fabric, unit), multipliers(unit)].map(Some);
    let resources = Resources { lut, ff: None, bram, dsp, uram: Some(0) };
    Some(Estimate { resources, lut_error: model.error })
}

/// How far off the look-up tables of a fabric's model are; none where it has no rows.
pub fn error(fabric: &Fabric) -> Option<Error> {
    of(fabric).map(|model| model.error)
}

fn of(fabric: &Fabric) -> Option<&'static Calibrated> {
    static MODELS: OnceLock<Vec<(&str, Calibrated)>> = OnceLock::new();
    let all = MODELS.get_or_init(|| {
        // rows are part of the program: a test says that they are whole
        let made = SWEEPS.iter().filter_map(|(name, text)| Some((*name, Calibrated::of(&rows(text).ok()?).ok()?)));
        made.collect()
    });
    all.iter().find(|(name, _)| *name == fabric.name).map(|(_, model)| model)
}

/// # Errors
/// Rows that are none.
fn rows(text: &str) -> Result<Vec<Synthesized>> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.context("a row of a sweep")).collect()
}

/// A factor for each part of a unit.
struct Calibrated {
    factors: Vec<f64>,
    error: Error,
}

impl Calibrated {
    fn of(rows: &[Synthesized]) -> Result<Self> {
        let unit = |r: &Synthesized| Ok((r.design.parse::<Mvau>()?, r.lut as f64));
        let units = rows.iter().map(unit).collect::<Result<Vec<_>>>()?;
        let mut errors = Vec::new();
        for turn in 0..TURNS {
            let seen: Vec<_> = units.iter().enumerate().filter(|(at, _)| at % TURNS != turn).map(|(_, u)| u).collect();
            let factors = fit(&seen)?;
            let out = units.iter().skip(turn).step_by(TURNS);
            errors.extend(out.map(|(unit, lut)| (sum(&factors, unit) - lut).abs() / lut));
        }
        errors.sort_by(f64::total_cmp);
        let error = Error {
            median: median(&errors),
            p95: errors[(errors.len() * 95).div_ceil(100).saturating_sub(1)],
            rows: errors.len(),
        };
        Ok(Self { factors: fit(&units.iter().collect::<Vec<_>>())?, error })
    }

    fn lut(&self, unit: &Mvau) -> f64 {
        sum(&self.factors, unit)
    }
}

fn sum(factors: &[f64], unit: &Mvau) -> f64 {
    let others = parts(unit).iter().zip(factors).map(|(x, f)| x * f).sum::<f64>();
    (counted(unit) + others).max(1.0)
}

/// The fit of the least squared relative error of which no factor is below zero: parts that would have one are left out,
/// the most negative first.
fn fit(rows: &[&(Mvau, f64)]) -> Result<Vec<f64>> {
    let x: Vec<Vec<f64>> = rows.iter().map(|(unit, lut)| parts(unit).iter().map(|p| p / lut).collect()).collect();
    let left: Vec<f64> = rows.iter().map(|(unit, lut)| (lut - counted(unit)) / lut).collect();
    let count = x.first().map_or(0, Vec::len);
    ensure!(rows.len() > 2 * count, "{} rows; a fit of {count} factors needs more than twice as many", rows.len());
    let used = |part: &usize| x.iter().any(|row| row[*part] != 0.0);
    let mut kept: Vec<usize> = (0..count).filter(used).collect();
    loop {
        let product = |a: usize, b: usize| x.iter().map(|row| row[a] * row[b]).sum::<f64>();
        let line = |a: &usize| {
            let mut line: Vec<f64> = kept.iter().map(|b| product(*a, *b)).collect();
            line.push(x.iter().zip(&left).map(|(row, left)| row[*a] * left).sum());
            line
        };
        let found = solve(kept.iter().map(line).collect()).context("the rows do not tell the parts of a unit apart")?;
        let least = found.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
        match least {
            Some((at, factor)) if *factor < 0.0 => {
                kept.remove(at);
            }
            _ => {
                let mut factors = vec![0.0; count];
                kept.iter().zip(found).for_each(|(part, f)| factors[*part] = f);
                return Ok(factors);
            }
        }
    }
}

/// Look-up tables of a memory that is never written, of four inputs each. A single word is a constant; of few words many bits
/// are the same function of the address, and made once.
fn constant(bits: usize, words: usize) -> f64 {
    match words {
        0 | 1 => 0.0,
        2..=12 => bits.min(1 << words) as f64,
        _ => (bits * words.div_ceil(16)) as f64,
    }
}

/// Share of the bits that are not the same in all of so many words by chance.
fn live(words: usize) -> f64 {
    1.0 - 2f64.powi(1 - words.min(64) as i32)
}

/// Look-up tables of an adder: pairs of bits.
fn adder(bits: u32) -> f64 {
    f64::from(2 * bits.div_ceil(2))
}

/// Full adders that bring so many bits down to two numbers of `width` bits.
fn full_adders(bits: f64, width: u32) -> f64 {
    (bits - 2.0 * f64::from(width)).max(0.0)
}

fn when(is: bool, value: f64) -> f64 {
    if is { value } else { 0.0 }
}

/// Full adders of a unit's adder tree, and look-up tables of the adders behind them: levels without a register between them
/// are one sum of many terms.
fn tree(u: &Mvau) -> [f64; 2] {
    let (mut adders, mut tables, mut count, mut bits, mut level) = (0.0, 0.0, u.simd, u.product_bits(), 0);
    while count > 1 {
        let step = if u.tree == 0 { u.tree_levels() } else { u.tree.min(u.tree_levels() - level) };
        let terms = count.min(1 << step) as f64;
        let nodes = u.pe as f64 * count as f64 / terms;
        adders += nodes * full_adders(terms * f64::from(bits), bits + step);
        tables += nodes * adder(bits + step);
        (0..step).for_each(|_| count = count.div_ceil(2));
        (bits, level) = (bits + step, level + step);
    }
    [adders, tables]
}

/// Does a unit keep activations, to go through them again for its other outputs?
fn replays(u: &Mvau) -> bool {
    u.kind == UnitKind::Dense && u.neuron_folds() > 1
}

/// Look-up tables of adders and of memories that are written, of 16 words of 4 bits in 6 tables each.
fn counted(u: &Mvau) -> f64 {
    let written = |bits: usize, words: usize| (6 * bits.div_ceil(4) * words.div_ceil(16)) as f64;
    let [_, tree_tables] = tree(u);
    let folds = u.synapse_folds();
    let replay = replays(u) && !(u.registered && in_block_ram(folds));
    tree_tables
        + u.pe as f64 * adder(u.accumulator)
        + when(replay, written(u.input_lanes() * u.activation_bits as usize, folds))
        + written(u.pe * u.output_bits() as usize, u.queue())
}

/// What the other parts of a unit should take, in a unit of measure of their own each.
fn parts(u: &Mvau) -> Vec<f64> {
    let (pe, simd) = (u.pe as f64, u.simd as f64);
    let (w, a, acc) = (f64::from(u.weight_bits), f64::from(u.activation_bits), f64::from(u.accumulator));
    let (sf, nf) = (u.synapse_folds(), u.neuron_folds());
    let (word, words) = u.weight_memory();
    let bits = |count: usize| f64::from(usize::BITS - count.saturating_sub(1).leading_zeros());
    let x = u.input_lanes() * u.activation_bits as usize;
    let [tree_adders, _] = tree(u);
    // synthesis leaves out what is the same in all words
    let products = pe * simd * live(words);
    let fabric = u.multiplier == Multiplier::Fabric;
    let by_tables = when(fabric && u.weight_bits > 1, products);
    let (shift, thresholds) = match u.requant {
        Requant::None => (0, 0),
        Requant::Shift { bits } => (bits, 0),
        Requant::Thresholds { bits } => (0, bits),
    };
    let scaled = when(shift > 0, pe);
    let per_fold = |bits: usize| when(!in_block_ram(nf), constant(bits, nf));
    let tables = (0..thresholds).map(|bit| nf << bit).filter(|words| !in_block_ram(*words));
    vec![
        1.0,
        bits(words) + bits(sf) + 2.0 * bits(nf),
        // products and their sums
        by_tables * w * a,
        by_tables * full_adders(w * a, u.product_bits()),
        when(u.weight_bits == 1, products * (a + 1.0)),
        when(u.packing > 1, pe * simd * (w + a)),
        tree_adders,
        when(sf > 1, pe * acc),
        // memories and queues
        when(u.memory == Memory::Distributed, constant(word, words)),
        when(thresholds == 0, per_fold(u.pe * u.accumulator as usize)),
        when(replays(u), x as f64),
        // multiplier and shift
        scaled * (acc + 17.0),
        scaled * f64::from(shift),
        when(fabric, scaled * live(nf) * full_adders(17.0 * acc, 17 + u.accumulator)),
        when(fabric, scaled * (1.0 - live(nf)) * 17.0 * acc),
        when(shift > 0, per_fold(u.pe * 17)),
        // thresholds
        pe * f64::from(thresholds) * acc,
        tables.map(|words| constant(u.pe * u.accumulator as usize, words)).sum(),
    ]
}

/// Block RAMs, as synthesis lays them out: weights, activations that are replayed, constants of outputs. Bits that are the same
/// in all words take none; of few words so many are by chance that the count is what is to be expected.
pub fn block_rams(fabric: &Fabric, u: &Mvau) -> u64 {
    let of = |bits: usize, words: usize| blocks(fabric, bits as u64, words as u64);
    let beyond = |bits: usize, words: usize| if in_block_ram(words) { of(bits, words) } else { 0 };
    let (word, words) = u.weight_memory();
    let varied = (word as f64 * live(words)).ceil() as usize;
    let weights = if u.memory == Memory::Block && words > 1 { of(varied, words) } else { 0 };
    let (nf, acc) = (u.neuron_folds(), u.accumulator as usize);
    let replay = if replays(u) && u.registered {
        beyond(u.input_lanes() * u.activation_bits as usize, u.synapse_folds())
    } else {
        0
    };
    let constants = match u.requant {
        Requant::None => beyond(u.pe * acc, nf),
        Requant::Shift { .. } => beyond(u.pe * acc, nf) + beyond(u.pe * 17, nf),
        Requant::Thresholds { bits } => u.pe as u64 * (0..bits).map(|bit| beyond(acc, nf << bit)).sum::<u64>(),
    };
    weights + replay + constants
}

/// Hard multipliers of 18 x 18 bits.
pub fn multipliers(u: &Mvau) -> u64 {
    if u.multiplier == Multiplier::Fabric {
        return 0;
    }
    // operands of one bit are no multiplication
    let operand = u.activation_bits + u32::from(!u.signed);
    let products = if operand > 1 && (u.weight_bits > 1 || u.packing > 1) { u.multipliers() as u64 } else { 0 };
    let each = if u.packing > 1 { u64::from(u.packed_bits().div_ceil(18)) } else { 1 };
    let scaled = match u.requant {
        Requant::Shift { .. } => u.pe as u64 * if u.accumulator > 18 { 2 } else { 1 },
        _ => 0,
    };
    products * each + scaled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fpga::fabric;

    #[test]
    fn rows_that_a_fit_has_not_seen_say_how_far_it_is_off() {
        for (name, text) in SWEEPS {
            let rows = rows(text).unwrap();
            let mut model = Calibrated::of(&rows).unwrap();
            assert!(model.error.rows == rows.len() && rows.len() > 150, "{name}: {:?}", model.error);
            assert!(model.error.median <= 0.09 && model.error.p95 <= 0.33, "{name}: {:?}", model.error);
            assert!(model.factors.iter().all(|f| *f >= 0.0));
            // rows of other units, and a factor that is wrong, are seen
            let others = rows.iter().rev().map(|r| r.lut);
            let other: Vec<_> = rows.iter().zip(others).map(|(r, lut)| Synthesized { lut, ..r.clone() }).collect();
            let blind = Calibrated::of(&other).unwrap().error;
            model.factors.iter_mut().for_each(|f| *f *= 2.0);
            let off = rows.iter().map(|r| (model.lut(&r.design.parse().unwrap()) / r.lut as f64 - 1.0).abs());
            assert!(median(&off.collect::<Vec<_>>()) > 0.2 && blind.p95 > 0.33, "{name}: {blind:?}");
        }
        assert!(Calibrated::of(&rows(SWEEPS[0].1).unwrap()[..30]).is_err(), "too few rows");
    }

    #[test]
    fn block_rams_and_multipliers_are_those_that_synthesis_took() {
        for (name, text) in SWEEPS {
            let fabric = fabric::find(name).unwrap();
            for row in rows(text).unwrap() {
                let unit: Mvau = row.design.parse().unwrap();
                assert_eq!((block_rams(fabric, &unit), multipliers(&unit)), (row.bram, row.dsp), "{unit}");
                let estimate = estimate(fabric, &unit).unwrap();
                assert_eq!((estimate.resources.bram, estimate.resources.dsp), (Some(row.bram), Some(row.dsp)));
            }
        }
        assert!(estimate(fabric::find("xc7").unwrap(), &"mvau.w4a4.r4c4".parse().unwrap()).is_none());
    }
}
