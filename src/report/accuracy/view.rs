//! What the table and the charts have in common: one entry per network, scheme and contract.

use std::path::Path;

use anyhow::Result;

use crate::candidate::Contract;
use crate::overflow::Overflow;
use crate::record::{Accuracy, Histogram, read_table};
use crate::report::format;
use crate::scheme;
use crate::stats::median;

/// All that a report is made from.
#[derive(Default)]
pub struct Data {
    pub rows: Vec<Accuracy>,
    pub overflows: Vec<Overflow>,
    pub histograms: Vec<Histogram>,
}

impl Data {
    /// The tables of a folder; one that is not there has no rows.
    /// # Errors
    /// A damaged table.
    pub fn read(dir: &Path) -> Result<Self> {
        Ok(Self {
            rows: read_table(&dir.join("accuracy.csv"))?,
            overflows: read_table(&dir.join("overflow.csv"))?,
            histograms: read_table(&dir.join("histograms.csv"))?,
        })
    }
}

/// What activations cost decides whom a scheme compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    Float,
    Eight,
    Other,
}

impl Input {
    pub const ALL: [Self; 3] = [Self::Float, Self::Eight, Self::Other];
    pub fn title(self) -> &'static str {
        match self {
            Self::Float => "weights only: activations f32",
            Self::Eight => "activations of 8 bits",
            Self::Other => "other activations",
        }
    }
}

/// A scheme under a contract on one network.
pub struct Entry<'a> {
    pub scheme: &'a str,
    pub contract: Contract,
    /// The scheme; its contract too where both were measured.
    pub title: String,
    /// Line of the ladder.
    pub family: String,
    pub input: Input,
    /// Bits of codes alone: of weights, of activations. None where the scheme's name isn't understood.
    pub code_bits: Option<(f64, f64)>,
    /// Per weight, as stored: the network's own, or the median of the layers'.
    pub bits: f64,
    /// Over the layers; infinite where there is no error.
    pub least: Option<f64>,
    pub median: Option<f64>,
    pub weights: Option<f64>,
    pub layers: Vec<&'a Accuracy>,
    pub whole: Option<&'a Accuracy>,
    /// No other is both smaller and better.
    pub best: bool,
}

pub struct Net<'a> {
    pub name: &'a str,
    /// `real data`, `synthetic data`, or both.
    pub data: String,
    pub layers: Vec<&'a str>,
    /// By size, the smallest first.
    pub entries: Vec<Entry<'a>>,
}

/// Each once, in the order in which they come.
pub fn distinct<T: Copy + Eq + std::hash::Hash>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut seen = std::collections::HashSet::new();
    all.into_iter().filter(|n| seen.insert(*n)).collect()
}

/// Infinite where there is no error at all.
pub fn sqnr(row: &Accuracy) -> Option<f64> {
    let exact = (row.mse == Some(0.0)).then_some(f64::INFINITY);
    row.sqnr_db.filter(|db| db.is_finite()).or(exact)
}

/// The mean of those that are finite; infinite where all are.
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let all: Vec<f64> = values.into_iter().filter(|v| !v.is_nan()).collect();
    let finite: Vec<f64> = all.iter().copied().filter(|v| v.is_finite()).collect();
    if finite.is_empty() { all.first().copied() } else { Some(finite.iter().sum::<f64>() / finite.len() as f64) }
}

/// The middle of those there are.
fn middle(values: Vec<f64>) -> Option<f64> {
    (!values.is_empty()).then(|| median(&values)).filter(|v| !v.is_nan())
}

pub fn networks(rows: &[Accuracy]) -> Vec<Net<'_>> {
    let names = distinct(rows.iter().map(|r| r.network.as_str()));
    names.into_iter().map(|n| network(n, rows.iter().filter(|r| r.network == n).collect())).collect()
}

fn network<'a>(name: &'a str, rows: Vec<&'a Accuracy>) -> Net<'a> {
    let mut kinds = distinct(rows.iter().map(|r| r.data.as_str()));
    kinds.sort_unstable();
    let keys = distinct(rows.iter().map(|r| (r.scheme.as_str(), r.contract)));
    let contracts = distinct(keys.iter().map(|k| k.1)).len();
    let each = keys.into_iter().map(|(scheme, contract)| {
        let own = rows.iter().copied().filter(|r| r.scheme == scheme && r.contract == contract).collect();
        entry((scheme, contract), own, contracts > 1)
    });
    let mut entries: Vec<Entry> = each.collect();
    entries.sort_by(|a, b| a.bits.total_cmp(&b.bits).then(order(b.median).total_cmp(&order(a.median))));
    let front = front(&entries, |e| e.median);
    entries.iter_mut().zip(front).for_each(|(e, front)| e.best = front);
    Net {
        name,
        data: format!("{} data", kinds.join(" and ")),
        layers: distinct(rows.iter().map(|r| r.layer.as_str())).into_iter().filter(|l| !l.is_empty()).collect(),
        entries,
    }
}

fn order(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NEG_INFINITY)
}

fn entry<'a>((scheme, contract): (&'a str, Contract), rows: Vec<&'a Accuracy>, contracts: bool) -> Entry<'a> {
    let parsed = scheme::find(scheme).ok();
    let whole = rows.iter().copied().find(|r| r.layer.is_empty());
    let layers: Vec<&Accuracy> = rows.into_iter().filter(|r| !r.layer.is_empty()).collect();
    let figures: Vec<f64> = layers.iter().filter_map(|r| sqnr(r)).collect();
    let bits = whole.map(|w| w.weight_bits).or(middle(layers.iter().map(|r| r.weight_bits).collect()));
    let family = parsed.as_ref().map_or("unknown".into(), |s| s.family());
    let input = parsed.as_ref().map_or(Input::Other, |s| match s.activations.bits() {
        _ if s.float_activations() => Input::Float,
        8.0 => Input::Eight,
        _ => Input::Other,
    });
    Entry {
        scheme,
        contract,
        title: if contracts { format::series(scheme, contract) } else { scheme.into() },
        // the panel says what activations are
        family: family.rsplit_once(", a").map_or(family.clone(), |(weights, _)| weights.into()),
        input,
        code_bits: parsed.map(|s| (s.weight_bits(), s.activations.bits())),
        bits: bits.filter(|b| b.is_finite()).unwrap_or(0.0),
        least: figures.iter().copied().reduce(f64::min),
        median: middle(figures),
        weights: middle(layers.iter().filter_map(|r| r.weight_sqnr_db).collect()),
        layers,
        whole,
        best: false,
    }
}

/// Which have no other that is at least as small and as good, and better in one of the two. Entries without the figure
/// are no part of it.
pub fn front(entries: &[Entry], figure: impl Fn(&Entry) -> Option<f64>) -> Vec<bool> {
    let points: Vec<Option<(f64, f64)>> = entries.iter().map(|e| figure(e).map(|f| (e.bits, f))).collect();
    let beaten = |p: (f64, f64)| points.iter().flatten().any(|o| o.0 <= p.0 && o.1 >= p.1 && (o.0 < p.0 || o.1 > p.1));
    points.iter().map(|p| p.is_some_and(|p| !beaten(p))).collect()
}

impl Entry<'_> {
    /// Hits, and of how many.
    pub fn top1(&self) -> Option<(usize, usize)> {
        let whole = self.whole?;
        whole.top1.map(|hits| (hits, whole.samples)).filter(|(hits, of)| *of > 0 && hits <= of)
    }

    /// As a share.
    pub fn score(&self) -> Option<f64> {
        self.top1().map(|(hits, of)| hits as f64 / of as f64)
    }

    pub fn kl(&self) -> Option<f64> {
        self.whole.and_then(|w| w.kl)
    }
}

impl Net<'_> {
    /// What the float network scores.
    pub fn float(&self) -> Option<&Entry<'_>> {
        self.entries.iter().find(|e| e.scheme == "f32" && e.top1().is_some())
    }
}

/// A ratio in dB that may be infinite.
pub fn decibels(db: f64) -> String {
    if db.is_infinite() { "exact".into() } else { format::decibels(db) }
}
