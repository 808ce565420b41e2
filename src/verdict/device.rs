//! Is a device fit to be judged by? Its repeats must agree as they used to, its own products must run at the pace they did,
//! and it must be the same device.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, FisherSnedecor};

use super::noise::Units;
use super::{Pair, Rules, environment, unchanged};
use crate::sessions::{Key, Session, Side};
use crate::significance::{median_p, too_noisy, typical_variance};
use crate::stats::median;

/// Keys that a device's pace is told by, at least.
const CONTROLS: usize = 3;
/// Unchanged kernels that it is told by where no roof ran along.
const UNCHANGED: usize = 10;
/// Error probability of finding repeats noisier than they were.
const NOISIER: f64 = 1e-4;

/// A device in one comparison.
#[derive(Clone, Debug, Serialize)]
pub struct DeviceState {
    pub target: String,
    /// Comparisons on it.
    pub comparisons: usize,
    /// Standard deviation, as a share, between sessions or nights where nothing changed; none where nothing tells.
    pub noise: Option<f64>,
    /// Standard deviation between repeats of one night, that most kernels have: base and new.
    pub repeats: (Option<f64>, Option<f64>),
    /// Median over the kernels of the slowdown that the bases and sessions at hand find with 95 % probability.
    pub detectable: Option<f64>,
    /// ln of the device's own pace, new over base, by the roof's products; 0 where nothing tells.
    pub shift: f64,
    /// Why nothing on it is judged.
    pub quarantined: Option<String>,
}

impl DeviceState {
    /// Why a comparison on it is not judged.
    pub(super) fn reason(&self) -> String {
        self.quarantined.clone().unwrap_or_default()
    }
}

pub(super) fn state(
    target: &str,
    pairs: &[Pair],
    (base, new): (&Side, &Side),
    units: &Option<Units>,
    rules: &Rules,
) -> DeviceState {
    let shift = shift(pairs, base, new);
    let before = repeats(pairs.iter().flat_map(|p| &p.base));
    let after = repeats(pairs.iter().flat_map(|p| &p.new));
    let detectable: Vec<f64> =
        units.iter().flat_map(|u| (0..pairs.len()).map(|i| u.measure(i))).map(see(pairs.len(), rules)).collect();
    let detectable = (!detectable.is_empty()).then(|| median(&detectable));
    let quarantined = other_machine(pairs, base, new)
        .or_else(|| {
            units
                .is_none()
                .then(|| "no repeats: how much its sessions differ is unknown; `bitsmith nightly` holds some".into())
        })
        .or_else(|| noisier(&before, &after, detectable, rules))
        .or_else(|| other_pace(shift, rules));
    let deviation = |r: &Spread| typical(r).map(f64::sqrt);
    DeviceState {
        target: target.into(),
        comparisons: pairs.len(),
        noise: units.as_ref().map(Units::deviation),
        repeats: (deviation(&before), deviation(&after)),
        detectable,
        shift: shift.unwrap_or(0.0),
        quarantined: quarantined.filter(|_| !pairs.is_empty()),
    }
}

/// The slowdown that is found with 95 % probability among so many comparisons.
fn see(comparisons: usize, rules: &Rules) -> impl Fn(super::Measured) -> f64 {
    let strict = rules.rate / 2.0 / comparisons.max(1) as f64;
    move |m| {
        let q = |p| crate::significance::quantile(p, m.freedom);
        ((q(strict) + q(0.05)) * m.error).exp() - 1.0
    }
}

fn other_machine(pairs: &[Pair], base: &Side, new: &Side) -> Option<String> {
    let pair = pairs.first()?;
    let (before, after) = (environment(base, pair.base.last()?), environment(new, pair.new.last()?));
    (before.host != after.host).then(|| {
        let mut differences = before.differences(after);
        differences.retain(|d| !d.starts_with("compiler ") && !d.starts_with("kernel "));
        format!("another machine or setting: {}", differences.join(", "))
    })
}

/// By kernel, the variance between the sessions of a night around their mean, with its degrees of freedom.
type Spread<'a> = BTreeMap<&'a Key, (f64, f64)>;

fn repeats<'a>(sessions: impl Iterator<Item = &'a &'a Session>) -> Spread<'a> {
    let mut nights: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    sessions.for_each(|s| nights.entry((&s.key, s.night, &s.source_hash)).or_default().push(s.median_ns().ln()));
    let mut all = Spread::new();
    for ((key, ..), night) in nights.iter().filter(|(_, n)| n.len() > 1) {
        let mean = night.iter().sum::<f64>() / night.len() as f64;
        let (squares, freedom) = all.entry(key).or_default();
        *squares += night.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        *freedom += night.len() as f64 - 1.0;
    }
    all.values_mut().for_each(|(squares, freedom)| *squares /= *freedom);
    all
}

/// What most kernels have.
fn typical(spread: &Spread) -> Option<f64> {
    typical_variance(&spread.values().copied().collect::<Vec<_>>())
}

/// The A/A test: repeats of one night that differ more than those of the base, by so much that the gate is out of sight. It is the
/// device's where half of its kernels say so; what a single kernel's own noise does is in that kernel's interval.
fn noisier(before: &Spread, after: &Spread, detectable: Option<f64>, rules: &Rules) -> Option<String> {
    let now = typical(after)?;
    let percent = |variance: f64| format!("{:.1} %", 100.0 * variance.sqrt());
    if let Some(then) = typical(before)
        && are_noisier(before, after, rules)
    {
        let (a, b) = (percent(now), percent(then));
        return Some(format!(
            "its A/A failed: repeats of one kernel differ by {a}, before by {b} (a noisy neighbour?)"
        ));
    }
    detectable.filter(|_| now.sqrt() > 2.0 * rules.gate).map(|d| {
        let (a, d) = (percent(now), percent(d * d));
        format!("its A/A failed: repeats of one kernel differ by {a}; nothing below {d} can be seen")
    })
}

/// Is the second as a whole greater, and by so much that it matters? Each kernel against itself, or where it has no repeats there,
/// against what most have.
fn are_noisier(before: &Spread, after: &Spread, rules: &Rules) -> bool {
    let (Some(then), Some(now)) = (typical(before), typical(after)) else { return false };
    let one = |(key, (variance, n)): (&&Key, &(f64, f64))| match before.get(key) {
        Some((own, m)) => FisherSnedecor::new(*n, *m).map_or(1.0, |f| f.sf(variance / own.max(1e-8))),
        None => too_noisy((*variance, *n), then),
    };
    let p: Vec<f64> = after.iter().map(one).collect();
    median_p(&p) < NOISIER && now.sqrt() > rules.gate / 2.0
}

/// Nights of a base of three and more that failed their A/A test beside the others: they would blind the base for as long as
/// they are in it.
pub(super) fn disturbed_nights(pairs: &[Pair], rules: &Rules) -> BTreeSet<usize> {
    let mut nights: BTreeSet<usize> = pairs.iter().flat_map(|p| &p.base).map(|s| s.night).collect();
    let mut disturbed = BTreeSet::new();
    while nights.len() >= 3 {
        let of = |wanted: &dyn Fn(usize) -> bool| {
            repeats(pairs.iter().flat_map(|p| &p.base).filter(|s| nights.contains(&s.night) && wanted(s.night)))
        };
        let each = nights.iter().filter_map(|n| Some((*n, typical(&of(&|m| m == *n))?)));
        let Some((worst, _)) = each.max_by(|a, b| a.1.total_cmp(&b.1)) else { break };
        if !are_noisier(&of(&|m| m != worst), &of(&|m| m == worst), rules) {
            break;
        }
        nights.remove(&worst);
        disturbed.insert(worst);
    }
    disturbed
}

/// ln of new over base, of what races along in every final; else of kernels that nothing changed about.
fn shift(pairs: &[Pair], base: &Side, new: &Side) -> Option<f64> {
    let roof = |side: &[&Session]| {
        let all: Vec<f64> = side.iter().filter_map(|s| s.roof_ns).map(f64::ln).collect();
        (!all.is_empty()).then(|| median(&all))
    };
    let of = |side: &[&Session]| median(&side.iter().map(|s| s.median_ns().ln()).collect::<Vec<_>>());
    let roofs: Vec<f64> = pairs.iter().filter_map(|p| Some(roof(&p.new)? - roof(&p.base)?)).collect();
    if roofs.len() >= CONTROLS {
        return Some(median(&roofs));
    }
    let same = pairs.iter().filter(|p| unchanged(p, base, new));
    let layers: BTreeSet<&str> = same.clone().map(|p| p.key.layer.as_str()).collect();
    let all: Vec<f64> = same.map(|p| of(&p.new) - of(&p.base)).collect();
    (all.len() >= UNCHANGED && layers.len() >= CONTROLS).then(|| median(&all))
}

fn other_pace(shift: Option<f64>, rules: &Rules) -> Option<String> {
    let pace = shift.filter(|s| s.abs() > rules.gate)?.exp();
    let change = format!("{:.1} %", 100.0 * (pace - 1.0).abs());
    Some(match pace > 1.0 {
        true => format!("the device itself ran {change} slower than in the base (throttled, or a neighbour)"),
        false => format!("the device itself ran {change} faster than in the base (the base was throttled?)"),
    })
}
