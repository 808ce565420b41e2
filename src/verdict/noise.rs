//! How much two sides differ where nothing changed: by the nights of each kernel where a device has enough, else by its
//! sessions, helped out by what all kernels of the device have in common.

use std::collections::{BTreeMap, BTreeSet};

use super::{Pair, unchanged};
use crate::sessions::{Session, Side};
use crate::significance::{Prior, too_noisy, typical_variance};

/// Nights of a base that make the night the unit.
const NIGHTS: usize = 3;
/// Unchanged kernels that say how nights differ where there are no more than one on either side.
const UNCHANGED: usize = 10;

/// What was measured of one key, in natural logarithms.
#[derive(Clone, Copy, Debug)]
pub struct Measured {
    /// ln(new / base).
    pub difference: f64,
    /// Standard error of that.
    pub error: f64,
    /// Degrees of freedom of it.
    pub freedom: f64,
}

/// The values of a device's keys, in order.
pub struct Units {
    /// (base, new) of each key.
    values: Vec<(Vec<f64>, Vec<f64>)>,
    prior: Prior,
    /// Is a key so much noisier than the others that what they have in common says nothing of it?
    apart: Vec<bool>,
    /// Of a key whose repeats of the new nights alone are that noisy: the variance of their mean, and its degrees of freedom.
    restless: Vec<Option<(f64, f64)>>,
}

/// Error probability of taking any key for noisier than the others.
const APART: f64 = 0.01;

impl Units {
    /// None where nothing tells how much two sessions differ.
    pub(super) fn of(pairs: &[Pair], base: &Side, new: &Side) -> Option<Self> {
        let nights = |p: &Pair| p.base.iter().map(|s| s.night).collect::<BTreeSet<_>>().len();
        let long = pairs.iter().filter(|p| nights(p) >= NIGHTS).count();
        let by_night = 2 * long > pairs.len();
        let values: Vec<_> = pairs.iter().map(|p| (units(&p.base, by_night), units(&p.new, by_night))).collect();
        let own: Vec<(f64, f64)> = values.iter().map(|(b, n)| within(b, n)).collect();
        let apart = apart(&own);
        let common: Vec<(f64, f64)> = own.iter().zip(&apart).filter(|(_, a)| !**a).map(|(o, _)| *o).collect();
        let between = if by_night { None } else { between(pairs, &values, base, new) };
        let prior = match (Prior::of(&common), between) {
            (Some(within), Some(between)) if between.variance > within.variance => between,
            (within, between) => within.or(between)?,
        };
        let repeats: Vec<(f64, f64, usize)> = pairs.iter().map(|p| repeats(&p.new)).collect();
        let noisy = self::apart(&repeats.iter().map(|r| (r.0, r.1)).collect::<Vec<_>>());
        let restless =
            repeats.iter().zip(noisy).map(|((v, d, n), noisy)| noisy.then_some((v / *n as f64, *d))).collect();
        Some(Self { values, prior, apart, restless })
    }

    /// A key that is much noisier than the others keeps its own variance (Phipson et al., 2016): it sees less, and the others are
    /// none the worse for it.
    pub fn measure(&self, i: usize) -> Measured {
        let (base, new) = &self.values[i];
        let own = within(base, new);
        let (variance, freedom) = if self.apart[i] { own } else { self.prior.with(own.0, own.1) };
        let (before, mut after) = (variance / base.len() as f64, variance / new.len() as f64);
        let mut freedom = freedom;
        if let Some((noise, of)) = self.restless[i].filter(|r| r.0 > after) {
            // Welch and Satterthwaite
            after = noise;
            freedom = (before + after).powi(2) / (before.powi(2) / freedom + after.powi(2) / of);
        }
        Measured { difference: mean(new) - mean(base), error: (before + after).sqrt(), freedom }
    }

    /// Standard deviation of a unit where nothing changed, as a share.
    pub fn deviation(&self) -> f64 {
        self.prior.variance.sqrt()
    }
}

/// Which variances, with their degrees of freedom, are too great to be the others'; none where that would be many of them.
fn apart(all: &[(f64, f64)]) -> Vec<bool> {
    let typical = typical_variance(all);
    let each = APART / all.len().max(1) as f64;
    let far = |own: &(f64, f64)| own.1 > 0.0 && typical.is_some_and(|t| too_noisy(*own, t) < each);
    let apart: Vec<bool> = all.iter().map(far).collect();
    let few = 3 * apart.iter().filter(|a| **a).count() <= all.len();
    if few && all.len() >= 3 { apart } else { vec![false; all.len()] }
}

/// Variance between the sessions of a night around their mean, its degrees of freedom, and the sessions.
fn repeats(sessions: &[&Session]) -> (f64, f64, usize) {
    let mut nights: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    sessions.iter().for_each(|s| nights.entry(s.night).or_default().push(s.median_ns().ln()));
    let squares = |v: &Vec<f64>| {
        let middle = mean(v);
        v.iter().map(|x| (x - middle).powi(2)).sum::<f64>()
    };
    let freedom = (sessions.len() - nights.len()) as f64;
    let all: f64 = nights.values().map(squares).sum();
    (if freedom > 0.0 { all / freedom } else { 0.0 }, freedom, sessions.len())
}

fn mean(v: &[f64]) -> f64 {
    v.iter().sum::<f64>() / v.len() as f64
}

/// ln of the medians: one for each night, or for each session.
fn units(sessions: &[&Session], by_night: bool) -> Vec<f64> {
    let log = |s: &&Session| s.median_ns().ln();
    if !by_night {
        return sessions.iter().map(log).collect();
    }
    let nights: BTreeSet<usize> = sessions.iter().map(|s| s.night).collect();
    nights.iter().map(|n| mean(&sessions.iter().filter(|s| s.night == *n).map(log).collect::<Vec<_>>())).collect()
}

/// Pooled variance around each side's own mean, and its degrees of freedom.
fn within(base: &[f64], new: &[f64]) -> (f64, f64) {
    let squares = |v: &[f64]| {
        let middle = mean(v);
        v.iter().map(|x| (x - middle).powi(2)).sum::<f64>()
    };
    let freedom = (base.len() + new.len()).saturating_sub(2) as f64;
    (if freedom > 0.0 { (squares(base) + squares(new)) / freedom } else { 0.0 }, freedom)
}

/// What unchanged kernels say of two nights: their differences are noise, whatever they are.
fn between(pairs: &[Pair], values: &[(Vec<f64>, Vec<f64>)], base: &Side, new: &Side) -> Option<Prior> {
    let same = pairs.iter().zip(values).filter(|(p, _)| unchanged(p, base, new));
    let variance = |(_, (b, n)): (&Pair, &(Vec<f64>, Vec<f64>))| {
        ((mean(n) - mean(b)).powi(2) / (1.0 / b.len() as f64 + 1.0 / n.len() as f64), 1.0)
    };
    let all: Vec<(f64, f64)> = same.map(variance).collect();
    if all.len() < UNCHANGED { None } else { Prior::of(&all) }
}
