//! What to deploy on each device, and how devices compare: the first things that a reader of a report wants to know. From
//! whole networks alone: a format is offered where every layer has a measured time.

use serde::Serialize;

use super::format::{self, known};
use super::network::{Sum, Total, totals};
use super::prices::Prices;
use super::view::{Planned, contexts, positive, split, time_of};
use crate::run::Run;
use crate::scheme;
use crate::target::Evidence;

/// Without labelled data a format is offered only where the worst layer has this SQNR: an error of a tenth of the signal.
const ENOUGH_DB: f64 = 20.0;

/// One network on one device.
#[derive(Serialize)]
pub struct Offer {
    pub network: String,
    pub device: String,
    pub cpu: String,
    pub context: String,
    /// The format to deploy; empty where none can be offered.
    pub format: String,
    pub why: String,
    pub time: String,
    pub per_second: String,
    pub speed_up: String,
    pub top1: String,
    pub size: String,
    pub roof: String,
    pub ns: Option<f64>,
    /// Of the processor's packages for one inference, where counters said it: what is shown, and the figure.
    pub energy: String,
    pub joules: Option<f64>,
    /// Of a million inferences, where the device has a price: what is shown, and the figure.
    pub cost: String,
    pub cost_per_million: Option<f64>,
    /// The command that writes what is offered here.
    pub again: String,
    /// The fastest device that the report has for the network.
    pub fastest: bool,
}

/// Every network on every device that times it; devices in the order of the runs, networks as they come.
pub fn offers(runs: &[&Run], prices: &Prices) -> Vec<Offer> {
    let mut all: Vec<Offer> = Vec::new();
    for run in runs {
        all.extend(
            totals(run).iter().filter(|t| t.context.evidence == Evidence::Measured).map(|t| offer(run, t, prices)),
        );
    }
    // networks together, so that devices stand below each other
    let order: Vec<String> = all.iter().map(|o| o.network.clone()).collect();
    all.sort_by_key(|o| order.iter().position(|n| *n == o.network));
    let names: Vec<(String, Option<f64>)> = all.iter().map(|o| (o.network.clone(), o.ns)).collect();
    for offer in &mut all {
        let own: Vec<f64> = names.iter().filter(|n| n.0 == offer.network).filter_map(|n| n.1).collect();
        let least = own.iter().copied().fold(f64::INFINITY, f64::min);
        offer.fastest = own.len() > 1 && offer.ns.is_some_and(|ns| ns <= least);
    }
    all
}

/// What a run of a model chose, which need not be one format. Nothing of other runs.
fn layer_by_layer(run: &Run) -> String {
    let chosen = run.whole.as_ref().filter(|w| w.one_for_all().is_none());
    chosen.map_or(String::new(), |w| format!("; but this run chose layer by layer: {}", w.decision.mix()))
}

fn offer(run: &Run, total: &Total, prices: &Prices) -> Offer {
    let chosen = choose(total);
    let sum = chosen.as_ref().map(|c| c.0);
    let provenance = run.provenance.as_ref();
    let title = provenance.map(|p| p.target_title.clone()).filter(|t| !t.is_empty());
    let cost = sum.and_then(|s| s.ns).and_then(|ns| prices.of_a_million(&total.context.target, ns));
    let export = |s: &Sum| format!("bitsmith export {} --scheme {} --out deploy", run.dir.display(), s.series.scheme);
    let joules = sum.and_then(|s| joules(run, total, s));
    Offer {
        energy: known(joules, format::energy),
        joules,
        cost: known(cost, |c| format!("{} {}", sum_of_money(c), prices.currency).trim().into()),
        cost_per_million: cost,
        again: sum.map_or(String::new(), export),
        network: total.network.clone(),
        device: title.unwrap_or_else(|| total.context.target.clone()),
        cpu: provenance.map_or(String::new(), |p| p.host.cpu.clone()),
        context: total.context.title(),
        format: sum.map_or(String::new(), |s| s.series.title()),
        why: chosen.as_ref().map_or_else(|| why_not(total), |c| c.1.clone()) + &layer_by_layer(run),
        time: known(sum.and_then(|s| s.ns), format::time),
        per_second: known(sum.and_then(|s| s.ns), |ns| per_second(1e9 / ns)),
        speed_up: known(sum.and_then(|s| s.speed_up), format::times),
        top1: known(sum.and_then(|s| s.top1), |(hits, of)| format::top1(hits, of)),
        size: known(sum.and_then(|s| bytes(run, total, s)), format::bytes),
        roof: known(sum.and_then(|s| roof(run, total, s)), |share| format::percent(share, 0)),
        ns: sum.and_then(|s| s.ns),
        fastest: false,
    }
}

/// The fastest format that takes and gives floats and is as accurate as f32 as far as the samples can tell, and why.
fn choose(total: &Total) -> Option<(&Sum, String)> {
    let whole = |s: &&Sum| total.complete(s) && s.ns.is_some();
    let comparable = |s: &&Sum| total.f32().is_none_or(|f| f.series.contract == s.series.contract);
    let mut fast: Vec<&Sum> = total.sums.iter().filter(whole).filter(comparable).collect();
    fast.sort_by(|a, b| a.ns.unwrap_or(f64::MAX).total_cmp(&b.ns.unwrap_or(f64::MAX)));
    let faster = |chosen: &Sum| {
        let passed: Vec<String> =
            fast.iter().take_while(|s| s.series != chosen.series).map(|s| s.series.title()).collect();
        if passed.is_empty() { String::new() } else { format!("; faster and not good enough: {}", passed.join(", ")) }
    };
    let reference = total.f32().and_then(|f| f.top1).filter(|t| t.1 > 0);
    if let Some((hits, of)) = reference {
        let share = hits as f64 / of as f64;
        let good = |s: &&&Sum| s.top1.and_then(|(h, n)| format::wilson(h, n)).is_some_and(|(_, high)| high >= share);
        let sum = fast.iter().find(good)?;
        let rest = faster(sum);
        return Some((sum, format!("the fastest whose top-1 cannot be told from f32's on {of} samples{rest}")));
    }
    let good = |s: &&&Sum| s.series.is_f32() || s.worst_sqnr_db.is_some_and(|db| db >= ENOUGH_DB);
    let sum = fast.iter().find(good)?;
    let rest = faster(sum);
    let how =
        format!("the fastest whose worst layer keeps {ENOUGH_DB} dB; no labelled data says what that does to the task");
    Some((sum, format!("{how}{rest}")))
}

fn why_not(total: &Total) -> String {
    if total.sums.iter().any(|s| total.complete(s) && s.ns.is_some()) {
        return "no format that was timed on all layers is accurate enough, or known to be".into();
    }
    format!("no format has a time for all {}", format::count(total.layers, "layer"))
}

/// Bytes of the weights as they are stored.
fn bytes(run: &Run, total: &Total, sum: &Sum) -> Option<f64> {
    let inside = |w: &&crate::certificate::Winner| {
        let r = &w.record;
        split(&r.layer).0 == total.network && total.context.holds(r) && sum.series.holds(r)
    };
    let planned = Planned::of(run);
    let own = |w: &crate::certificate::Winner| w.record.n as f64 * w.record.k as f64 * planned.count(&w.record);
    let weights: f64 = run.winners.iter().filter(inside).map(own).sum();
    Some(weights * sum.weight_bits? / 8.0).filter(|b| *b > 0.0)
}

fn per_second(rate: f64) -> String {
    let (scale, unit) = [(1e6, " M"), (1e3, " k"), (1.0, "")].into_iter().find(|s| rate >= s.0).unwrap_or((1.0, ""));
    format!("{}{unit}/s", format::significant(rate / scale, 3))
}

/// Kernels of nanoseconds cost next to nothing.
fn sum_of_money(cost: f64) -> String {
    if cost < 1e-3 { format!("{cost:.2e}") } else { format::significant(cost, 3) }
}

/// What the packages take while all layers run once, each as often as it occurs; none where a layer is not known.
fn joules(run: &Run, total: &Total, sum: &Sum) -> Option<f64> {
    let planned = Planned::of(run);
    let inside = run.winners.iter().filter(|w| {
        let r = &w.record;
        split(&r.layer).0 == total.network && total.context.holds(r) && sum.series.holds(r)
    });
    let one = |w: &crate::certificate::Winner| {
        let r = &w.record;
        let own = run.energy.iter().rfind(|e| {
            (&e.layer, &e.scheme, &e.candidate, &e.source_hash) == (&r.layer, &r.scheme, &r.candidate, &r.source_hash)
                && (e.contract, e.regime, e.threads) == (r.contract, r.regime, r.threads)
        });
        own.filter(|e| e.calls > 0).map(|e| e.joules / e.calls as f64 * planned.count(r))
    };
    let all: Vec<Option<f64>> = inside.map(one).collect();
    if all.is_empty() { None } else { all.into_iter().sum() }
}

/// Share of the roofs that bind, weighted by time.
fn roof(run: &Run, total: &Total, sum: &Sum) -> Option<f64> {
    let (mut time, mut least) = (0.0, 0.0);
    for w in &run.winners {
        let r = &w.record;
        if split(&r.layer).0 == total.network && total.context.holds(r) && sum.series.holds(r) {
            let ns = time_of(w)?;
            (time, least) = (time + ns, least + ns * positive(w.roof_share)?);
        }
    }
    (time > 0.0).then(|| least / time)
}

/// One layer under a contract, at several widths of its weights.
#[derive(Serialize)]
pub struct Widths {
    pub layer: String,
    pub device: String,
    pub contract: &'static str,
    /// From the widest to the narrowest.
    pub times: Vec<String>,
    pub best: String,
    /// Formats of fewer bits that are slower than one of more.
    pub slower: String,
}

/// A narrower format counts as slower from this ratio on: below it, a final cannot tell.
const SLOWER: f64 = 1.02;

/// Layers that were timed at two widths of integer weights or more.
pub fn widths(runs: &[&Run]) -> Vec<Widths> {
    let mut all = Vec::new();
    for run in runs {
        for (context, _) in contexts(run) {
            let mut keys: Vec<(&str, &'static str)> = Vec::new();
            for r in run.records.iter().filter(|r| context.holds(r)) {
                let key = (r.layer.as_str(), r.contract.name());
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
            all.extend(keys.into_iter().filter_map(|(layer, contract)| {
                let own = run.winners.iter().filter(|w| {
                    let r = &w.record;
                    context.holds(r) && (r.layer.as_str(), r.contract.name()) == (layer, contract)
                });
                let timed = own.filter_map(|w| {
                    let scheme = scheme::find(&w.record.scheme).ok().filter(|s| s.integer())?;
                    Some((scheme.weight_bits(), w.record.scheme.clone(), time_of(w)?))
                });
                widths_of(timed.collect(), layer, &context.target, contract)
            }));
        }
    }
    all
}

fn widths_of(mut timed: Vec<(f64, String, f64)>, layer: &str, device: &str, contract: &'static str) -> Option<Widths> {
    timed.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (first, best) = (timed.first()?, timed.iter().min_by(|a, b| a.2.total_cmp(&b.2))?);
    if timed.iter().all(|t| t.0 == first.0) {
        return None;
    }
    let slower = timed.iter().filter_map(|t| {
        let wider = timed.iter().filter(|w| w.0 > t.0).min_by(|a, b| a.2.total_cmp(&b.2))?;
        let ratio = t.2 / wider.2;
        (ratio >= SLOWER).then(|| format!("{} takes {} longer than {}", t.1, format::percent(ratio - 1.0, 0), wider.1))
    });
    let slower = slower.collect::<Vec<_>>().join("; ");
    Some(Widths {
        layer: layer.into(),
        device: device.into(),
        contract,
        times: timed.iter().map(|t| format!("{} {}", t.1, format::time(t.2))).collect(),
        best: best.1.clone(),
        slower,
    })
}
