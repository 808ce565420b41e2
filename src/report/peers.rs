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
    /// Is the whole interval above 1, or below? Neither where the peer is hardly compared.
    pub ahead: bool,
    pub behind: bool,
    /// Share of the peer's time that a call costs it in any case, where it is much.
    pub overhead: String,
    /// Why there is no time, or none of ours.
    pub note: String,
    pub failed: bool,
}

/// Where a call that computes nothing would take this share of a peer's time, or more, its kernel is hardly compared.
const MUCH: f64 = 0.1;

fn overhead(b: &Baseline) -> Option<f64> {
    b.call_ns.zip(positive(b.median_ns)).map(|(call, ns)| call / ns).filter(|share| *share > MUCH)
}

/// Every comparison but those that a later one replaces, in the order in which they were first made.
fn latest(run: &Run) -> Vec<&Baseline> {
    let mut all: Vec<&Baseline> = Vec::new();
    for b in &run.baselines {
        let same = |o: &&Baseline| {
            (&o.peer, &o.layer, &o.scheme, &o.target) == (&b.peer, &b.layer, &b.scheme, &b.target)
                && (o.contract, o.regime, o.threads) == (b.contract, b.regime, b.threads)
        };
        match all.iter().position(same) {
            Some(i) => all[i] = b,
            None => all.push(b),
        }
    }
    all
}

/// Peers of one layer and number format stand together.
pub fn peer_rows(run: &Run) -> Vec<PeerRow> {
    let mut groups: Vec<Vec<PeerRow>> = Vec::new();
    for row in latest(run).into_iter().map(row) {
        let same = |o: &PeerRow| {
            (&o.network, &o.layer, &o.series, &o.context) == (&row.network, &row.layer, &row.series, &row.context)
        };
        match groups.iter_mut().find(|g| same(&g[0])) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups.into_iter().flatten().collect()
}

fn ratio_of(b: &Baseline) -> Option<f64> {
    positive(b.ratio).filter(|_| b.outcome == Outcome::Measured)
}

fn row(b: &Baseline) -> PeerRow {
    let (network, layer) = split(&b.layer);
    let ns = positive(b.median_ns).filter(|_| b.outcome == Outcome::Measured);
    let ratio = ratio_of(b);
    let bounds =
        b.ratio_low.zip(b.ratio_high).filter(|(low, high)| ratio.is_some() && low.is_finite() && high.is_finite());
    let context =
        Context { target: b.target.clone(), regime: b.regime, threads: b.threads, evidence: Evidence::Measured };
    let alone = if ns.is_some() && b.own.is_empty() { "no winner of ours" } else { "" };
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
        ahead: overhead(b).is_none() && bounds.is_some_and(|b| b.0 > 1.0),
        behind: overhead(b).is_none() && bounds.is_some_and(|b| b.1 < 1.0),
        overhead: overhead(b).filter(|_| ns.is_some()).map_or(String::new(), |s| format::percent(s.min(1.0), 0)),
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

/// One line for each peer, number format and context: how our kernels compare with it over all layers. Those in which a
/// call costs the peer much, whatever it computes, are left out: they say nothing about its kernels.
pub fn verdicts(run: &Run) -> Vec<String> {
    let all = latest(run);
    let key = |b: &Baseline| {
        let row = row(b);
        (row.peer, row.series, row.context)
    };
    let mut keys: Vec<(String, String, String)> = Vec::new();
    all.iter().map(|b| key(b)).for_each(|k| {
        if !keys.contains(&k) {
            keys.push(k)
        }
    });
    let several = keys.iter().any(|k| k.2 != keys[0].2);
    let line = |wanted: &(String, String, String)| {
        let compared: Vec<&Baseline> =
            all.iter().filter(|b| key(b) == *wanted && ratio_of(b).is_some()).copied().collect();
        let logs: Vec<f64> =
            compared.iter().filter(|b| overhead(b).is_none()).filter_map(|b| ratio_of(b)).map(f64::ln).collect();
        let (peer, series, context) = wanted;
        let under = if several { format!(" ({context})") } else { String::new() };
        let layers = format::count(compared.len(), "layer");
        match logs.len() {
            _ if compared.is_empty() => None,
            0 => Some(format!(
                "{series} beside {peer}: no mean; in each of {layers} calling it takes much of its time{under}"
            )),
            some => {
                let mean = format::times((logs.iter().sum::<f64>() / some as f64).exp());
                let of = if some < compared.len() { format!("{some} of {layers}") } else { layers };
                Some(format!("{series}: ours is {mean} as fast as {peer}, geometric mean of {of}{under}"))
            }
        }
    };
    keys.iter().filter_map(line).collect()
}
