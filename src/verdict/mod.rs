//! Verdicts: is NEW slower than BASE, faster, the same, or is it not known? The unit is the session, or the night where
//! there are enough; samples of one session are never taken for independent ones. `docs/methodology.md`, "Verdicts".

mod device;
mod noise;
mod untimed;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

pub use device::DeviceState;
use noise::{Measured, Units};

use crate::certificate::EQUAL;
use crate::sessions::{Environment, Key, Session, Side};
use crate::significance::{benjamini_hochberg, bootstrap_ratio, mann_whitney, quantile, student};
use crate::stats::{median, median_interval};
use crate::target::Evidence;

/// What counts as a change.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The least change that matters: 0.02 is 2 %.
    pub gate: f64,
    /// False discovery rate over all comparisons. Where nothing changed: the chance of any false alarm.
    pub rate: f64,
    /// Draws of a bootstrap.
    pub draws: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self { gate: 0.02, rate: 0.05, draws: 500 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Finding {
    /// Slower by more than the gate.
    Regression,
    /// It cannot be told.
    Unknown,
    /// Faster by more than the gate.
    Better,
    /// Shown not to be slower by more than the gate.
    Same,
}

/// One side of a comparison.
#[derive(Clone, Debug, Serialize)]
pub struct Half {
    /// Median of the sessions' medians, nanoseconds.
    pub median_ns: f64,
    pub nights: usize,
    pub sessions: usize,
    /// Of the latest session.
    pub candidate: String,
    pub source_hash: String,
    pub compiler: String,
    pub revision: String,
}

/// One layer x scheme x contract x target x regime x threads.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    #[serde(flatten)]
    pub key: KeyText,
    /// What both times rest on.
    pub evidence: Evidence,
    pub finding: Finding,
    /// Why it cannot be told, what changed with it, whether a new winner is a real gain.
    pub why: String,
    /// New over base; above 1 is slower. None where one side has no times.
    pub ratio: Option<f64>,
    /// 95 %: the wider of the bootstrap's interval and that of the moderated t.
    pub interval: Option<(f64, f64)>,
    /// Two-sided, of the moderated t; over all comparisons (Benjamini-Hochberg); and of Mann-Whitney on the samples alone.
    pub p: Option<f64>,
    pub q: Option<f64>,
    pub p_samples: Option<f64>,
    /// The slowdown that these numbers of sessions find with 95 % probability, as a share.
    pub detectable: Option<f64>,
    pub base: Option<Half>,
    pub new: Option<Half>,
}

/// A key as a table has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct KeyText {
    pub layer: String,
    pub scheme: String,
    pub contract: String,
    pub target: String,
    pub regime: String,
    pub threads: usize,
}

/// What a whole comparison came to.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub gate: f64,
    pub rate: f64,
    pub comparisons: Vec<Comparison>,
    pub devices: Vec<DeviceState>,
    pub notes: Vec<String>,
}

impl Report {
    pub fn count(&self, finding: Finding) -> usize {
        self.comparisons.iter().filter(|c| c.finding == finding).count()
    }

    /// 1: something is slower. 3: something is not known, or nothing was compared. 0: all is the same or better.
    pub fn exit_code(&self) -> u8 {
        match () {
            () if self.count(Finding::Regression) > 0 => 1,
            () if self.count(Finding::Unknown) > 0 || self.comparisons.is_empty() => 3,
            () => 0,
        }
    }
}

/// What both sides say of one key.
struct Pair<'a> {
    key: &'a Key,
    base: Vec<&'a Session>,
    new: Vec<&'a Session>,
}

/// Compares two sides.
pub fn compare(base: &Side, new: &Side, rules: &Rules) -> Report {
    let (of_base, of_new) = (by_key(base), by_key(new));
    let none = Vec::new();
    let keys: BTreeSet<&Key> = of_base.keys().chain(of_new.keys()).copied().collect();
    let all = keys.into_iter().map(|key| Pair {
        key,
        base: of_base.get(key).unwrap_or(&none).clone(),
        new: of_new.get(key).unwrap_or(&none).clone(),
    });
    let mut targets: BTreeMap<&str, Vec<Pair>> = BTreeMap::new();
    all.for_each(|pair| targets.entry(&pair.key.target).or_default().push(pair));
    let (mut comparisons, mut devices) = (Vec::new(), Vec::new());
    let mut notes: Vec<String> = base.notes.iter().chain(&new.notes).cloned().collect();
    // (place in `comparisons`, what was measured, the device's own shift)
    let mut judged: Vec<(usize, Pair, Measured, f64)> = Vec::new();
    for (target, mut pairs) in targets {
        let disturbed = device::disturbed_nights(&pairs, rules);
        pairs.iter_mut().for_each(|p| p.base.retain(|s| !disturbed.contains(&s.night)));
        let folder = |n: &usize| base.nights[*n].0.display();
        let left_out = |n| format!("left out of the base of {target}, as its A/A failed: {}", folder(n));
        notes.extend(disturbed.iter().map(left_out));
        let (pairs, alone): (Vec<Pair>, Vec<Pair>) =
            pairs.into_iter().partition(|p| !p.base.is_empty() && !p.new.is_empty());
        comparisons
            .extend(alone.iter().filter(|p| p.new.is_empty()).map(|p| one_sided(p, base, "not measured in NEW")));
        let pairs: Vec<Pair> = pairs.into_iter().map(|p| comparable(p, base, new)).collect();
        let units = Units::of(&pairs, base, new);
        let state = device::state(target, &pairs, (base, new), &units, rules);
        for (i, pair) in pairs.into_iter().enumerate() {
            comparisons.push(Comparison { why: state.reason(), ..blank(&pair, base, new) });
            let measured = units.as_ref().map(|u| u.measure(i));
            if let Some(m) = measured.filter(|_| state.quarantined.is_none()) {
                judged.push((comparisons.len() - 1, pair, m, state.shift));
            }
        }
        devices.push(state);
    }
    judge(&mut comparisons, &judged, (base, new), rules);
    let (untimed, said) = untimed::compare(base, new, rules);
    comparisons.extend(untimed);
    notes.extend(said);
    comparisons.sort_by(|a, b| a.finding.cmp(&b.finding).then_with(|| a.key.cmp(&b.key)));
    Report { gate: rules.gate, rate: rules.rate, comparisons, devices, notes }
}

fn by_key(side: &Side) -> BTreeMap<&Key, Vec<&Session>> {
    let mut keys: BTreeMap<&Key, Vec<&Session>> = BTreeMap::new();
    side.sessions.iter().for_each(|s| keys.entry(&s.key).or_default().push(s));
    keys
}

fn environment<'a>(side: &'a Side, session: &Session) -> &'a Environment {
    &side.nights[session.night].1
}

/// Without what does not compare: sessions of the base on another machine, or by an older compiler where the new one's are
/// there; and, of a long base, what lies before its last change of level.
fn comparable<'a>(mut pair: Pair<'a>, base: &Side, new: &Side) -> Pair<'a> {
    let Some(now) = pair.new.last().map(|s| environment(new, s)) else { return pair };
    let same: [fn(&Environment) -> &str; 2] = [|e| &e.host, |e| &e.compiler];
    for fact in same {
        let last = pair.base.last().map_or("", |s| fact(environment(base, s)));
        let wanted = if pair.base.iter().any(|s| fact(environment(base, s)) == fact(now)) { fact(now) } else { last }
            .to_string();
        pair.base.retain(|s| fact(environment(base, s)) == wanted);
    }
    let nights: Vec<usize> = pair.base.iter().map(|s| s.night).collect::<BTreeSet<_>>().into_iter().collect();
    let level =
        |n: &usize| median(&pair.base.iter().filter(|s| s.night == *n).map(|s| s.median_ns()).collect::<Vec<_>>());
    let levels: Vec<f64> = nights.iter().map(level).collect();
    if let Some(change) = crate::trend::changes(&levels, 0.01).last() {
        let first = nights[change.at];
        pair.base.retain(|s| s.night >= first);
    }
    pair
}

fn half(sessions: &[&Session], side: &Side) -> Option<Half> {
    let last = sessions.last()?;
    let environment = environment(side, last);
    Some(Half {
        median_ns: median(&sessions.iter().map(|s| s.median_ns()).collect::<Vec<_>>()),
        nights: sessions.iter().map(|s| s.night).collect::<BTreeSet<_>>().len(),
        sessions: sessions.len(),
        candidate: last.candidate.clone(),
        source_hash: last.source_hash.clone(),
        compiler: environment.compiler.clone(),
        revision: environment.revision.clone(),
    })
}

/// A comparison of which nothing is known yet.
fn blank(pair: &Pair, base: &Side, new: &Side) -> Comparison {
    let (base, new) = (half(&pair.base, base), half(&pair.new, new));
    let key = pair.key.clone();
    Comparison {
        key: KeyText {
            layer: key.layer,
            scheme: key.scheme,
            contract: key.contract,
            target: key.target,
            regime: key.regime,
            threads: key.threads,
        },
        evidence: Evidence::Measured,
        finding: Finding::Unknown,
        why: String::new(),
        ratio: base.as_ref().zip(new.as_ref()).map(|(b, n)| n.median_ns / b.median_ns),
        interval: None,
        p: None,
        q: None,
        p_samples: None,
        detectable: None,
        base,
        new,
    }
}

fn one_sided(pair: &Pair, base: &Side, why: &str) -> Comparison {
    Comparison { why: why.into(), ..blank(pair, base, &Side::default()) }
}

/// Fills in what was measured and finds, over all devices together.
fn judge(all: &mut [Comparison], judged: &[(usize, Pair, Measured, f64)], (base, new): (&Side, &Side), rules: &Rules) {
    let own: Vec<f64> =
        judged.iter().map(|(_, pair, m, shift)| m.difference - shared(pair, m.difference, *shift)).collect();
    let p: Vec<f64> = judged.iter().zip(&own).map(|((_, _, m, _), own)| student(own / m.error, m.freedom)).collect();
    let q = benjamini_hochberg(&p);
    // what the least p-value must fall below: the worst case of Benjamini and Hochberg
    let strict = rules.rate / 2.0 / judged.len().max(1) as f64;
    for (i, (at, pair, m, _)) in judged.iter().enumerate() {
        let samples = |side: &[&Session]| side.iter().map(|s| s.samples.clone()).collect::<Vec<_>>();
        let (before, after) = (samples(&pair.base), samples(&pair.new));
        let reach = quantile(0.025, m.freedom) * m.error;
        let drawn = bootstrap_ratio(&before, &after, rules.draws, i as u64);
        let (low, high) = ((m.difference - reach).exp().min(drawn.0), (m.difference + reach).exp().max(drawn.1));
        let c = &mut all[*at];
        let change = own[i].exp();
        // a device that runs faster than it did hides a slowdown
        let high_at_pace = high.max(high * (own[i] - m.difference).exp());
        c.ratio = Some(m.difference.exp());
        c.interval = Some((low, high));
        (c.p, c.q) = (Some(p[i]), Some(q[i]));
        c.p_samples = Some(mann_whitney(&before.concat(), &after.concat()));
        c.detectable = Some(((quantile(strict, m.freedom) + quantile(0.05, m.freedom)) * m.error).exp() - 1.0);
        let sure = q[i] <= rules.rate && c.p_samples.is_some_and(|p| p <= 0.05);
        c.finding = match () {
            () if sure && change >= 1.0 + rules.gate => Finding::Regression,
            () if sure && change <= 1.0 / (1.0 + rules.gate) => Finding::Better,
            () if high_at_pace < 1.0 + rules.gate => Finding::Same,
            () => Finding::Unknown,
        };
        c.why = explain(c, pair, (base, new), (m, high_at_pace), rules);
        if c.finding == Finding::Regression && unchanged(pair, base, new) {
            c.finding = Finding::Unknown;
            c.why = "slower, but text, compiler and machine are the same: the device or its system changed".into();
        }
    }
}

/// The part of a difference that is the device's own pace: all of it where the kernel is bound by the products that tell the
/// pace, and where it may wait for memory, which has a pace of its own, no more than the difference itself.
fn shared(pair: &Pair, difference: f64, shift: f64) -> f64 {
    let raced = |side: &[&Session]| side.iter().any(|s| s.roof_ns.is_some());
    match () {
        () if raced(&pair.base) && raced(&pair.new) => shift,
        () if difference * shift <= 0.0 => 0.0,
        () => shift.signum() * shift.abs().min(difference.abs()),
    }
}

/// Is all that was built the same on both sides?
fn unchanged(pair: &Pair, base: &Side, new: &Side) -> bool {
    let facts = |s: &Session, side: &Side| {
        let e = environment(side, s);
        (s.source_hash.clone(), s.candidate.clone(), e.compiler.clone(), e.host.clone())
    };
    let before: BTreeSet<_> = pair.base.iter().map(|s| facts(s, base)).collect();
    !before.is_empty() && before.len() == 1 && pair.new.iter().all(|s| before.contains(&facts(s, new)))
}

fn explain(
    c: &Comparison,
    pair: &Pair,
    (base, new): (&Side, &Side),
    (m, high): (&Measured, f64),
    rules: &Rules,
) -> String {
    let percent = |x: f64| format!("{:.1} %", 100.0 * x);
    if c.finding == Finding::Unknown {
        return format!(
            "may be up to {} slower; {} sessions and {} see {} at least",
            percent(high - 1.0),
            pair.base.len(),
            pair.new.len(),
            percent(c.detectable.unwrap_or(f64::NAN).max(quantile(0.05, m.freedom) * m.error + rules.gate))
        );
    }
    let (Some(b), Some(n)) = (&c.base, &c.new) else { return String::new() };
    let mut said = Vec::new();
    if b.candidate != n.candidate {
        said.push(new_winner(pair, &b.candidate));
    } else if b.source_hash != n.source_hash && c.finding != Finding::Same {
        said.push("the kernel's text changed".into());
    }
    if c.finding != Finding::Same {
        let (before, after) = (environment(base, pair.base[0]), environment(new, pair.new[0]));
        said.extend(before.differences(after));
        if before.revision != after.revision {
            said.push(format!("revisions {}..{}", short(&before.revision), short(&after.revision)));
        }
    }
    said.join("; ")
}

fn short(revision: &str) -> &str {
    revision.get(..10).unwrap_or(if revision.is_empty() { "unknown" } else { revision })
}

/// Another candidate won than before: is it faster than the old one side by side, in the same rounds?
fn new_winner(pair: &Pair, old: &str) -> String {
    let ratio = |s: &&Session| {
        let rival = s.rivals.get(old)?;
        Some(rival.iter().zip(&s.samples).map(|(r, w)| r / w).collect::<Vec<f64>>())
    };
    let ratios: Vec<f64> = pair.new.iter().filter_map(ratio).flatten().collect();
    match ratios.len() {
        0..6 => "another kernel won; the old one was not timed beside it".into(),
        _ if median_interval(&ratios).0 > 1.0 + EQUAL => {
            format!("another kernel won, {:.1} % faster than the old one beside it", 100.0 * (median(&ratios) - 1.0))
        }
        _ => "another kernel won; it ties with the old one beside it".into(),
    }
}
