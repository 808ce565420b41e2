//! Peers beside our winners, as text: the latest comparison of each layer, number format, context and peer. The page and
//! the terminal both show these.

use serde::Serialize;

use super::format::{self, known};
use super::view::{Context, positive, split};
use crate::record::{Baseline, Outcome};
use crate::run::Run;
use crate::target::Evidence;

#[derive(Debug, Serialize)]
pub struct PeerRow {
    pub network: String,
    pub layer: String,
    pub op: String,
    pub series: String,
    pub shape: String,
    pub context: String,
    pub peer: String,
    pub own: String,
    pub own_time: String,
    pub time: String,
    pub interval: String,
    /// The peer's time over ours.
    pub ratio: String,
    pub ratio_interval: String,
    /// Is the whole interval above 1, or below?
    pub ahead: bool,
    pub behind: bool,
    /// Share of the peer's time that a call costs it in any case, where it is much.
    pub overhead: String,
    /// Why there is no time, or none of ours.
    pub note: String,
    pub failed: bool,
}

/// A tenth of the time for nothing is worth telling.
const MUCH: f64 = 0.1;

/// Every comparison but those that a later one replaces, in the order in which they were first made.
fn latest(run: &Run) -> Vec<&Baseline> {
    let mut all: Vec<&Baseline> = Vec::new();
    for b in &run.baselines {
        let same = |o: &&Baseline| {
            (&o.peer, &o.layer, &o.scheme, &o.target) == (&b.peer, &b.layer, &b.scheme, &b.target)
                && (o.contract, o.regime, o.threads) == (b.contract, b.regime, b.threads)
        };
        match all.iter().position(|o| same(o)) {
            Some(i) => all[i] = b,
            None => all.push(b),
        }
    }
    all
}

pub fn peer_rows(run: &Run) -> Vec<PeerRow> {
    latest(run).into_iter().map(row).collect()
}

fn ratio_of(b: &Baseline) -> Option<f64> {
    positive(b.ratio).filter(|_| b.outcome == Outcome::Measured)
}

fn row(b: &Baseline) -> PeerRow {
    let (network, layer) = split(&b.layer);
    let ns = positive(b.median_ns).filter(|_| b.outcome == Outcome::Measured);
    let ratio = ratio_of(b);
    let bounds = b.ratio_low.zip(b.ratio_high).filter(|(low, high)| {
        ratio.is_some() && low.is_finite() && high.is_finite()
    });
    let overhead = b.call_ns.zip(ns).map(|(call, ns)| call / ns).filter(|share| *share > MUCH);
    let context =
        Context { target: b.target.clone(), regime: b.regime, threads: b.threads, evidence: Evidence::Measured };
    let alone = if ns.is_some() && b.own.is_empty() { "no winner of ours; tune it first" } else { "" };
    let why = if b.message.is_empty() { alone.into() } else { format::shorten(&b.message, 200) };
    PeerRow {
        network: network.into(),
        layer: layer.into(),
        op: b.op.clone(),
        series: format::series(&b.scheme, b.contract),
        shape: format::shape(b.m, b.n, b.k),
        context: context.title(),
        peer: b.peer.clone(),
        own: b.own.clone(),
        own_time: known(positive(b.own_ns).filter(|_| ns.is_some()), format::time),
        time: if ns.is_some() { known(ns, format::time) } else { failure(b.outcome).into() },
        interval: b.ci_low_ns.zip(b.ci_high_ns).filter(|_| ns.is_some()).map_or(String::new(), format::interval),
        ratio: known(ratio, |r| format!("{}×", format::significant(r, 3))),
        ratio_interval: bounds.map_or(String::new(), |(low, high)| {
            format!("{} – {}", format::significant(low, 3), format::significant(high, 3))
        }),
        ahead: bounds.is_some_and(|b| b.0 > 1.0),
        behind: bounds.is_some_and(|b| b.1 < 1.0),
        overhead: overhead.map_or(String::new(), |share| format!("{} of it is the call", format::percent(share.min(1.0), 0))),
        note: why,
        failed: ns.is_none(),
    }
}

fn failure(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Unsupported => "unsupported",
        Outcome::TimedOut => "no answer",
        Outcome::Crashed => "crashed",
        _ => "failed",
    }
}

/// One line for each peer and context: how our kernels compare with it over all layers.
pub fn verdicts(run: &Run) -> Vec<String> {
    let all = latest(run);
    let mut keys: Vec<(&str, String, String)> = Vec::new();
    let key = |b: &'_ Baseline| (row(b).context, format::series(&b.scheme, b.contract));
    for b in &all {
        let (context, series) = key(b);
        if !keys.iter().any(|(p, c, s)| (*p, c, s) == (b.peer.as_str(), &context, &series)) {
            keys.push((&b.peer, context, series));
        }
    }
    let several = keys.iter().any(|k| k.1 != keys[0].1);
    let line = |(peer, context, series): &(&str, String, String)| {
        let own = all.iter().filter(|b| b.peer == *peer && key(b) == (context.clone(), series.clone()));
        let logs: Vec<f64> = own.filter_map(|b| ratio_of(b)).map(f64::ln).collect();
        let mean = (!logs.is_empty()).then(|| (logs.iter().sum::<f64>() / logs.len() as f64).exp())?;
        let under = if several { format!(" ({context})") } else { String::new() };
        Some(format!(
            "{series}: {} as fast as {peer}, geometric mean over {}{under}",
            format::times(mean),
            format::count(logs.len(), "layer")
        ))
    };
    keys.iter().filter_map(line).collect()
}
