//! What tables and charts have in common: which figures belong together, and which of them may be shown.

use std::collections::HashMap;
use std::fs;

use serde::Deserialize;

use super::format;
use crate::candidate::{Contract, Regime};
use crate::certificate::Winner;
use crate::layer::Layer;
use crate::record::{Outcome, Record};
use crate::run::Run;
use crate::target::Evidence;

/// Under which conditions figures were taken. Figures of different conditions are never in one chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Context {
    pub target: String,
    pub regime: Regime,
    pub threads: usize,
    pub evidence: Evidence,
}

/// A number format under a contract.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub scheme: String,
    pub contract: Contract,
}

impl Context {
    pub fn holds(&self, r: &Record) -> bool {
        (&r.target, r.regime, r.threads) == (&self.target, self.regime, self.threads)
    }

    /// One line: `x86-avx2 · 1 thread · caches hot · measured on the device`.
    pub fn title(&self) -> String {
        let threads = format::count(self.threads, "thread");
        match self.evidence {
            Evidence::Measured => {
                let caches = match self.regime {
                    Regime::Hot => "caches hot",
                    Regime::WeightsCold => "weights cold",
                    Regime::AllCold => "all cold",
                };
                format!("{} · {threads} · {caches} · measured on the device", self.target)
            }
            Evidence::Emulated => format!("{} · {threads} · emulated: checked only", self.target),
            Evidence::Modelled => {
                format!(
                    "{} · {threads} · answers checked by an emulator, times modelled: nobody measured them",
                    self.target
                )
            }
        }
    }

    fn slug(&self) -> String {
        format!("-{}-{}-t{}", format::slug(&self.target), self.regime.name(), self.threads)
    }
}

impl Series {
    pub fn of(r: &Record) -> Self {
        Self { scheme: r.scheme.clone(), contract: r.contract }
    }
    pub fn holds(&self, r: &Record) -> bool {
        (&r.scheme, r.contract) == (&self.scheme, self.contract)
    }
    pub fn is_f32(&self) -> bool {
        self.scheme == "f32"
    }
    pub fn title(&self) -> String {
        format::series(&self.scheme, self.contract)
    }
}

/// Every context with what is added to the names of its charts: nothing where it is the only one.
pub fn contexts(run: &Run) -> Vec<(Context, String)> {
    let mut all: Vec<Context> = Vec::new();
    for r in &run.records {
        if !all.iter().any(|c| c.holds(r)) {
            let (target, regime, threads) = (r.target.clone(), r.regime, r.threads);
            all.push(Context { target, regime, threads, evidence: Evidence::Measured });
        }
        // a record without a kernel does not know how its target runs
        if r.evidence != Evidence::Measured {
            all.iter_mut().filter(|c| c.target == r.target).for_each(|c| c.evidence = r.evidence);
        }
    }
    for context in all.iter_mut().filter(|c| c.evidence == Evidence::Emulated) {
        if run.winners.iter().any(|w| context.holds(&w.record) && w.modelled.is_some()) {
            context.evidence = Evidence::Modelled;
        }
    }
    let one = all.len() == 1;
    all.into_iter().map(|c| (c.clone(), if one { String::new() } else { c.slug() })).collect()
}

/// In the order in which they were first recorded.
pub fn series(run: &Run) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for r in &run.records {
        if !all.iter().any(|s| s.holds(r)) {
            all.push(Series::of(r));
        }
    }
    all
}

/// The network of a layer's key, and the layer's own name.
pub fn split(key: &str) -> (&str, &str) {
    key.split_once('/').unwrap_or(("layers", key))
}

/// The networks of a run, in order.
pub fn networks(run: &Run) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for r in &run.records {
        let (network, _) = split(&r.layer);
        if !all.iter().any(|n| n == network) {
            all.push(network.into());
        }
    }
    all
}

/// What a layer is called where there is little room.
pub fn label(run: &Run, key: &str) -> String {
    let name = if networks(run).len() == 1 { split(key).1 } else { key };
    format::shorten(name, 28)
}

/// A figure that may be shown and calculated with.
pub fn positive(x: Option<f64>) -> Option<f64> {
    x.filter(|x| x.is_finite() && *x > 0.0)
}

/// The time of a right candidate; none where it was not measured on the device, whatever the record says.
pub fn time_of_record(r: &Record) -> Option<f64> {
    positive(r.median_ns).filter(|_| r.evidence == Evidence::Measured && r.outcome.right())
}

/// The time of a winner, under the same rule.
pub fn time_of(w: &Winner) -> Option<f64> {
    positive(w.median_ns).filter(|_| w.record.evidence == Evidence::Measured)
}

pub fn macs(r: &Record) -> f64 {
    r.m as f64 * r.n as f64 * r.k as f64
}

/// The modelled time of a winner that nobody timed.
pub fn modelled_of(w: &Winner) -> Option<f64> {
    positive(w.modelled.as_ref().and_then(|m| m.ns))
}

/// 1e9 multiply-accumulates per second of a winner.
pub fn gmacs_of(w: &Winner) -> Option<f64> {
    positive(time_of(w).map(|ns| macs(&w.record) / ns))
}

pub fn failed(outcome: Outcome) -> bool {
    !outcome.right()
}

/// What the study that made the run says of its layers: how often they occur, and their exact shapes.
#[derive(Default)]
pub struct Planned(HashMap<String, Layer>);

#[derive(Deserialize)]
struct StudyWire {
    layers: Vec<Layer>,
}

impl Planned {
    /// From `study.json`; knows nothing where there is none.
    pub fn of(run: &Run) -> Self {
        let text = fs::read(run.dir.join("study.json")).ok();
        let study = text.and_then(|text| serde_json::from_slice::<StudyWire>(&text).ok());
        Self(study.map_or(HashMap::new(), |s| s.layers.into_iter().map(|l| (l.key(), l)).collect()))
    }

    /// How often a layer occurs; once where nothing says.
    pub fn count(&self, r: &Record) -> f64 {
        self.layer(r).map_or(1, |l| l.count) as f64
    }

    /// The layer of a record, if it is the one that was recorded.
    pub fn layer(&self, r: &Record) -> Option<&Layer> {
        self.0.get(&r.layer).filter(|l| (l.shape.m(), l.shape.n(), l.shape.k()) == (r.m, r.n, r.k))
    }
}
