//! Who won, and how sure we are: computed from records and finals alone, so that a report needs nothing else.

use std::collections::{BTreeMap, HashSet};

use crate::candidate::{Contract, Regime};
use crate::record::{Final, Modelled, Outcome, Record, whole_final};
use crate::stats::{equal_probability, median, median_interval};
use crate::target::Evidence;

/// A kernel this much slower than the fastest, or less, is as good.
pub const EQUAL: f64 = 0.005;
/// Standard deviation of what a kernel's time differs by from one start of its program to the next, as a share: where its code and
/// its operands happen to lie.
const BETWEEN: f64 = 0.005;

/// The chosen candidate of one layer x scheme, and what speaks for it.
#[derive(Clone, Debug)]
pub struct Winner {
    /// The winner's own record; its times are those of its batch.
    pub record: Record,
    /// From the final where there was one, otherwise from the record.
    pub median_ns: Option<f64>,
    pub ci_ns: Option<(f64, f64)>,
    pub gmacs: Option<f64>,
    /// Of the roof as it was in the final, round by round; of the probe's where there was no final.
    pub roof_share: Option<f64>,
    /// Probability that no finalist is faster by more than [`EQUAL`].
    pub p_best: Option<f64>,
    /// Finalists that cannot be told from the fastest: candidate names.
    pub ties: Vec<String>,
    /// The fastest candidate that is not a tie, with its median.
    pub runner_up: Option<(String, f64)>,
    pub final_rounds: usize,
    /// Candidates by outcome.
    pub outcomes: BTreeMap<String, usize>,
    pub tried: usize,
    /// Of a candidate that nobody timed: what a model makes of it. It was chosen by that, among those with such a time.
    pub modelled: Option<Modelled>,
}

impl Winner {
    /// What its time rests on, or that it has none.
    pub fn evidence(&self) -> Evidence {
        if self.modelled.is_some() { Evidence::Modelled } else { self.record.evidence }
    }
}

/// What belongs to the same competition.
pub type Group = (String, String, Contract, String, Regime, usize);

pub fn group_of(r: &Record) -> Group {
    (r.layer.clone(), r.scheme.clone(), r.contract, r.target.clone(), r.regime, r.threads)
}

/// The winners, in the order in which their layers were first recorded. A layer no candidate of which was right has none.
pub fn winners(records: &[Record], finals: &[Final], modelled: &[Modelled]) -> Vec<Winner> {
    let mut order: Vec<Group> = Vec::new();
    let mut groups: BTreeMap<String, Vec<&Record>> = BTreeMap::new();
    let key = |g: &Group| format!("{g:?}");
    for r in records {
        let group = group_of(r);
        let rows = groups.entry(key(&group)).or_default();
        if rows.is_empty() {
            order.push(group);
        }
        rows.push(r);
    }
    order.iter().filter_map(|g| winner(&groups[&key(g)], &finals_of(g, finals), modelled)).collect()
}

fn finals_of<'a>(group: &Group, finals: &'a [Final]) -> Vec<&'a Final> {
    let same = |f: &&Final| {
        let (layer, scheme, contract, target, regime, threads) = group;
        (&f.layer, &f.scheme, &f.target) == (layer, scheme, target)
            && (f.contract, f.regime, f.threads) == (*contract, *regime, *threads)
    };
    finals.iter().filter(same).collect()
}

fn winner(records: &[&Record], finals: &[&Final], modelled: &[Modelled]) -> Option<Winner> {
    // a run that went on with another compiler or machine is judged by its latest part
    let last = records.last()?;
    let of_now = |r: &&&Record| (&r.host, &r.compiler) == (&last.host, &last.compiler);
    let records: Vec<&Record> = records.iter().filter(of_now).copied().collect();
    let mut outcomes = BTreeMap::new();
    for r in &records {
        *outcomes.entry(format!("{:?}", r.outcome)).or_insert(0) += 1;
    }
    let verdict = Verdict::of(finals);
    let by_time = |r: &&&Record| r.median_ns.unwrap_or(f64::INFINITY);
    let rank = |a: &&&Record, b: &&&Record| {
        let order = |o| u8::from(o != Outcome::Measured);
        (order(a.outcome)).cmp(&order(b.outcome)).then(by_time(a).total_cmp(&by_time(b)))
    };
    let right = || records.iter().filter(|r| r.outcome.right());
    let modelled = if verdict.is_none() { fastest_modelled(&records, modelled) } else { None };
    let record = match (&verdict, &modelled) {
        (Some(v), _) => right().rfind(|r| r.candidate == v.chosen && r.source_hash == v.source_hash)?,
        (None, Some(m)) => right().rfind(|r| m.is_of(r))?,
        (None, None) => right().min_by(rank)?,
    };
    let record = (*record).clone();
    let timed = record.evidence == Evidence::Measured;
    // a time that did not come from the device itself is no time
    let median_ns = verdict.as_ref().map(|v| v.median_ns).or(record.median_ns).filter(|_| timed);
    let ci_ns = verdict.as_ref().map(|v| v.ci_ns).or(record.ci_low_ns.zip(record.ci_high_ns)).filter(|_| timed);
    let macs = record.m as f64 * record.n as f64 * record.k as f64;
    let roof_ns = record.roof_share.zip(record.median_ns).map(|(share, ns)| share * ns);
    let share = roof_ns.zip(median_ns).map(|(roof, ns)| roof / ns);
    Some(Winner {
        gmacs: median_ns.map(|ns| macs / ns),
        roof_share: verdict.as_ref().and_then(|v| v.roof_share).filter(|_| timed).or(share),
        median_ns,
        ci_ns,
        p_best: verdict.as_ref().map(|v| v.p_best),
        ties: verdict.as_ref().map_or(vec![], |v| v.ties.clone()),
        runner_up: verdict.as_ref().and_then(|v| v.runner_up.clone()),
        final_rounds: verdict.map_or(0, |v| v.rounds),
        outcomes,
        tried: records.len(),
        record,
        modelled,
    })
}

/// The least modelled time of candidates none of which was timed. Where one was, models are not asked.
fn fastest_modelled(records: &[&Record], modelled: &[Modelled]) -> Option<Modelled> {
    if records.iter().any(|r| r.median_ns.is_some()) {
        return None;
    }
    let right: HashSet<(&str, &str)> =
        records.iter().filter(|r| r.outcome.right()).map(|r| (r.candidate.as_str(), r.source_hash.as_str())).collect();
    let first = records.first()?;
    let of_group = |m: &&Modelled| {
        let candidate = (m.candidate.as_str(), m.source_hash.as_str());
        let alike = Record { candidate: m.candidate.clone(), source_hash: m.source_hash.clone(), ..(*first).clone() };
        m.ns.is_some() && right.contains(&candidate) && m.is_of(&alike)
    };
    let ns = |m: &&Modelled| m.ns.unwrap_or(f64::INFINITY);
    modelled.iter().filter(of_group).min_by(|a, b| ns(a).total_cmp(&ns(b))).cloned()
}

struct Verdict {
    chosen: String,
    source_hash: String,
    median_ns: f64,
    ci_ns: (f64, f64),
    p_best: f64,
    ties: Vec<String>,
    runner_up: Option<(String, f64)>,
    rounds: usize,
    roof_share: Option<f64>,
}

impl Verdict {
    fn of(finals: &[&Final]) -> Option<Self> {
        let mut series: BTreeMap<&str, (usize, Vec<f64>)> = BTreeMap::new();
        let held = whole_final(finals);
        for f in &held {
            series.entry(&f.candidate).or_insert((f.source_bytes, vec![])).1.push(f.ns);
        }
        let rounds = series.values().map(|s| s.1.len()).min()?;
        if rounds < 2 {
            return None;
        }
        let names: Vec<&str> = series.keys().copied().collect();
        let values: Vec<Vec<f64>> = series.values().map(|s| s.1.clone()).collect();
        let medians: Vec<f64> = values.iter().map(|v| median(v)).collect();
        let (chosen, equal) = choice(&names, &series, &values, &medians)?;
        let others = (0..names.len()).filter(|i| !equal.contains(i));
        let runner_up = others.min_by(|a, b| medians[*a].total_cmp(&medians[*b]));
        Some(Self {
            source_hash: finals.iter().rfind(|f| f.candidate == names[chosen])?.source_hash.clone(),
            chosen: names[chosen].into(),
            median_ns: medians[chosen],
            ci_ns: median_interval(&values[chosen]),
            p_best: equal_probability(&values, chosen, EQUAL, BETWEEN, 0),
            ties: equal.iter().filter(|i| **i != chosen).map(|i| names[*i].to_string()).collect(),
            runner_up: runner_up.map(|i| (names[i].to_string(), medians[i])),
            rounds,
            roof_share: share(&held, names[chosen]),
        })
    }
}

/// Of the candidates of a final (bytes of text and samples by name): which one is chosen, and those that cannot be told from
/// the fastest.
fn choice(
    names: &[&str],
    series: &BTreeMap<&str, (usize, Vec<f64>)>,
    values: &[Vec<f64>],
    medians: &[f64],
) -> Option<(usize, Vec<usize>)> {
    let fastest = (0..names.len()).min_by(|a, b| medians[*a].total_cmp(&medians[*b]))?;
    let behind = |i: usize| -> Vec<f64> { values[i].iter().zip(&values[fastest]).map(|(a, b)| a / b - 1.0).collect() };
    let tied = |i: &usize| *i == fastest || median_interval(&behind(*i)).0 <= EQUAL;
    let equal: Vec<usize> = (0..names.len()).filter(tied).collect();
    let simplest = |i: &&usize| (series[names[**i]].0, names[**i]);
    // one that may tie, but was seen to be slower than that, is not chosen
    let close = equal.iter().filter(|i| **i == fastest || median(&behind(**i)) <= EQUAL);
    let chosen = *close.min_by_key(simplest)?;
    Some((chosen, equal))
}

/// The candidate that a whole final chose, by the rule of the certificate; None where it has fewer than two rounds.
pub fn chosen<'a>(held: &[&'a Final]) -> Option<&'a str> {
    let mut series: BTreeMap<&str, (usize, Vec<f64>)> = BTreeMap::new();
    for f in held {
        series.entry(&f.candidate).or_insert((f.source_bytes, vec![])).1.push(f.ns);
    }
    if series.values().map(|s| s.1.len()).min()? < 2 {
        return None;
    }
    let names: Vec<&str> = series.keys().copied().collect();
    let values: Vec<Vec<f64>> = series.values().map(|s| s.1.clone()).collect();
    let medians: Vec<f64> = values.iter().map(|v| median(v)).collect();
    choice(&names, &series, &values, &medians).map(|c| names[c.0])
}

/// Median over a final's rounds of the roof in that round over the candidate's time in it.
fn share(finals: &[&Final], candidate: &str) -> Option<f64> {
    let of = finals.iter().filter(|f| f.candidate == candidate);
    let shares: Vec<f64> = of.filter_map(|f| Some(f.roof_ns? / f.ns)).filter(|s| s.is_finite()).collect();
    (!shares.is_empty()).then(|| median(&shares))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(name: &str, bytes: usize, base: f64) -> Vec<Final> {
        let row = |round: usize| Final {
            layer: "l".into(),
            scheme: "w8a8".into(),
            contract: Contract::Int8,
            target: "t".into(),
            regime: Regime::Hot,
            threads: 1,
            candidate: name.into(),
            source_hash: String::new(),
            source_bytes: bytes,
            round,
            ns: base * (1.0 + 0.001 * ((round * 7) % 5) as f64),
            held: 1,
            roof_ns: None,
            rows: 60,
        };
        (0..20).map(row).collect()
    }

    #[test]
    fn ties_go_to_the_simplest_and_losers_are_named() {
        let all: Vec<Final> = [rows("fast", 900, 100.0), rows("simple", 500, 100.2), rows("slow", 100, 104.0)].concat();
        let verdict = Verdict::of(&all.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(verdict.chosen, "simple");
        assert_eq!(verdict.ties, ["fast"]);
        assert_eq!(verdict.runner_up.unwrap().0, "slow");
        assert!(verdict.p_best > 0.6, "half of the margin is between them: {}", verdict.p_best);
        assert!(verdict.ci_ns.0 <= verdict.median_ns && verdict.median_ns <= verdict.ci_ns.1);
    }
}
