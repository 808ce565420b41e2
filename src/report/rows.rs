//! The rows of the headline table, as text: one per layer, number format and context. The page and the terminal both
//! show these.

use serde::Serialize;

use super::format::{self, known};
use super::view::{Context, contexts, failed, gmacs_of, positive, split, time_of};
use crate::certificate::{Group, Winner, group_of};
use crate::record::{Modelled, Outcome, Record};
use crate::run::Run;
use crate::target::Evidence;

#[derive(Debug, Serialize)]
pub struct Row {
    pub network: String,
    pub layer: String,
    pub op: String,
    pub scheme: String,
    pub contract: String,
    pub series: String,
    #[serde(skip)]
    pub context: Context,
    pub shape: String,
    pub candidate: String,
    pub right: bool,
    /// Why there is no time, where there is none.
    pub no_time: String,
    pub time: String,
    pub interval: String,
    pub spread: String,
    pub gmacs: String,
    pub roof: String,
    /// Width of the bar beside it, in percent.
    pub roof_bar: u32,
    pub p_best: String,
    pub ties: Vec<String>,
    pub runner_up: String,
    pub rounds: usize,
    pub sqnr: String,
    pub cosine: String,
    pub data: String,
    pub tried: usize,
    pub failed: usize,
    /// The figures themselves: share of the roof, nanoseconds with the ends of their interval, P(best).
    pub share: Option<f64>,
    pub ns: Option<f64>,
    pub low_ns: Option<f64>,
    pub high_ns: Option<f64>,
    pub sure: Option<f64>,
}

/// In the order in which layers were first recorded.
pub fn rows(run: &Run) -> Vec<Row> {
    let mut groups: Vec<(Group, Vec<&Record>)> = Vec::new();
    for r in &run.records {
        let group = group_of(r);
        match groups.iter_mut().rfind(|(g, _)| *g == group) {
            Some((_, all)) => all.push(r),
            None => groups.push((group, vec![r])),
        }
    }
    let winners: Vec<(Group, &Winner)> = run.winners.iter().map(|w| (group_of(&w.record), w)).collect();
    let winner = |group: &Group| winners.iter().find(|(g, _)| g == group).map(|(_, w)| *w);
    groups.iter().filter_map(|(g, all)| row(run, all, winner(g))).collect()
}

fn row(run: &Run, records: &[&Record], winner: Option<&Winner>) -> Option<Row> {
    let first = winner.map(|w| &w.record).or(records.first().copied())?;
    let (context, _) = contexts(run).into_iter().find(|c| c.0.holds(first))?;
    let (network, layer) = split(&first.layer);
    let ns = winner.and_then(time_of);
    let ci = winner.and_then(|w| w.ci_ns).filter(|(low, high)| ns.is_some() && low.is_finite() && high.is_finite());
    let share = winner.and_then(|w| positive(w.roof_share)).filter(|_| ns.is_some());
    let accuracy = run.accuracy_of(first);
    let runner_up = winner.and_then(|w| w.runner_up.as_ref()).zip(ns);
    let p_best = winner.and_then(|w| w.p_best).filter(|_| ns.is_some());
    Some(Row {
        network: network.into(),
        layer: layer.into(),
        op: first.op.clone(),
        scheme: first.scheme.clone(),
        contract: first.contract.name().into(),
        series: format::series(&first.scheme, first.contract),
        context,
        shape: format::shape(first.m, first.n, first.k),
        candidate: winner.map_or(String::new(), |w| w.record.candidate.clone()),
        right: winner.is_some(),
        no_time: if ns.is_some() { String::new() } else { why_no_time(winner, records) },
        time: known(ns, format::time),
        interval: known(ci, format::interval),
        spread: known(ci.zip(ns), |(ci, ns)| format::spread(ci, ns)),
        gmacs: known(winner.and_then(gmacs_of), |g| format::significant(g, 3)),
        roof: known(share, |s| format::percent(s, 0)),
        roof_bar: (share.unwrap_or(0.0) * 100.0).clamp(0.0, 100.0) as u32,
        p_best: known(p_best, format::probability),
        ties: winner.filter(|_| ns.is_some()).map_or(vec![], |w| w.ties.clone()),
        runner_up: runner_up
            .map_or(String::new(), |((name, other), ns)| format!("{name} (+{})", format::percent(other / ns - 1.0, 1))),
        rounds: winner.map_or(0, |w| w.final_rounds),
        sqnr: known(accuracy.and_then(|a| a.sqnr_db.filter(|db| db.is_finite())), format::decibels),
        cosine: known(accuracy.and_then(|a| a.cosine), format::cosine),
        data: accuracy.map_or(String::new(), |a| a.data.clone()),
        tried: records.len(),
        failed: records.iter().filter(|r| failed(r.outcome)).count(),
        share,
        ns,
        low_ns: ci.map(|c| c.0),
        high_ns: ci.map(|c| c.1),
        sure: p_best,
    })
}

fn why_no_time(winner: Option<&Winner>, records: &[&Record]) -> String {
    let all = |outcome| records.iter().all(|r| r.outcome == outcome);
    match winner {
        None if all(Outcome::Unsupported) => "no kernel serves it".into(),
        None if all(Outcome::Dominated) => "not tuned: beaten in accuracy and time".into(),
        None => "no candidate was right".into(),
        Some(Winner { modelled: Some(m), .. }) => modelled(m),
        Some(w) if w.record.evidence == Evidence::Emulated => "emulated: checked only".into(),
        Some(_) => "checked; no time".into(),
    }
}

/// What a model says of a kernel that nobody timed.
fn modelled(m: &Modelled) -> String {
    let rate = m.gmacs.map_or(String::new(), |g| format!(", {} GMAC/s", format::significant(g, 3)));
    let share = m.peak_share.map_or(String::new(), |s| format!(", {} of peak", format::percent(s, 0)));
    let bound = if m.bound == "core" { String::new() } else { format!(", waits for {}", m.bound) };
    format!("modelled {}{rate}{share}{bound}", known(m.ns, format::time))
}
