//! Kernels that nobody timed: those that a model gives times are compared by these, which have no noise; those that were checked
//! alone are right or not. Neither is ever compared with a measured one.

use std::collections::BTreeMap;

use super::{Comparison, Finding, Half, KeyText, Rules, short};
use crate::sessions::{Key, Side, Untimed};
use crate::target::Evidence;

/// The latest night of each key on either side, and what a reader must know of their targets.
pub(super) fn compare(base: &Side, new: &Side, rules: &Rules) -> (Vec<Comparison>, Vec<String>) {
    let (before, after) = (latest(base), latest(new));
    let mut notes = Vec::new();
    let mut all = Vec::new();
    for (key, old) in &before {
        let now = after.get(key).copied();
        all.push(one((key, old, now), (base, new), rules));
        let how = match &old.modelled {
            Some((_, model)) => format!("modelled by {model}, not measured: exact, and only as good as the model"),
            None => "never timed: checked on an emulator, right or not".into(),
        };
        let note = format!("kernels of {} are {how}", key.target);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    (all, notes)
}

fn latest(side: &Side) -> BTreeMap<&Key, &Untimed> {
    // in the order of the nights
    side.untimed.iter().map(|u| (&u.key, u)).collect()
}

fn half(untimed: &Untimed, side: &Side) -> Option<Half> {
    let environment = &side.nights[untimed.night].1;
    Some(Half {
        median_ns: untimed.modelled.as_ref()?.0,
        nights: 1,
        sessions: 0,
        candidate: untimed.candidate.clone(),
        source_hash: untimed.source_hash.clone(),
        compiler: environment.compiler.clone(),
        revision: environment.revision.clone(),
    })
}

fn one((key, old, now): (&Key, &Untimed, Option<&Untimed>), (base, new): (&Side, &Side), rules: &Rules) -> Comparison {
    let ratio = now.and_then(|n| Some(n.modelled.as_ref()?.0 / old.modelled.as_ref()?.0));
    let (finding, mut why) = match (now, ratio) {
        (None, _) => (Finding::Unknown, "no right kernel in NEW".to_string()),
        (Some(now), Some(ratio)) => match (&old.modelled, &now.modelled) {
            (Some((_, a)), Some((_, b))) if a != b => {
                (Finding::Unknown, format!("modelled by another model: {a} -> {b}"))
            }
            _ if ratio >= 1.0 + rules.gate => (Finding::Regression, "by modelled times".into()),
            _ if ratio <= 1.0 / (1.0 + rules.gate) => (Finding::Better, "by modelled times".into()),
            _ => (Finding::Same, "by modelled times".into()),
        },
        (Some(now), None) if old.modelled.is_none() && now.modelled.is_none() => {
            (Finding::Same, "right, and never timed".into())
        }
        (Some(_), None) => (Finding::Unknown, "modelled on one side alone".into()),
    };
    let modelled = old.modelled.is_some();
    if let Some(now) = now.filter(|_| matches!(finding, Finding::Regression | Finding::Better)) {
        let (before, after) = (&base.nights[old.night].1, &new.nights[now.night].1);
        if old.candidate != now.candidate {
            why += "; another kernel won";
        } else if old.source_hash != now.source_hash {
            why += "; the kernel's text changed";
        }
        // nothing else can move a modelled time
        if before.compiler != after.compiler {
            why += &format!("; compiler {} -> {}", before.compiler, after.compiler);
        }
        if before.revision != after.revision {
            why += &format!("; revisions {}..{}", short(&before.revision), short(&after.revision));
        }
    }
    let k = key.clone();
    Comparison {
        key: KeyText {
            layer: k.layer,
            scheme: k.scheme,
            contract: k.contract,
            target: k.target,
            regime: k.regime,
            threads: k.threads,
        },
        evidence: if modelled { Evidence::Modelled } else { Evidence::Emulated },
        finding,
        why,
        ratio,
        interval: None,
        p: None,
        q: None,
        p_samples: None,
        detectable: None,
        base: half(old, base),
        new: now.and_then(|n| half(n, new)),
    }
}
