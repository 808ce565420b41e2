//! What `tune --model` decided, as files of its run: `chosen.json` and `front.csv`. Beside them `networks.csv` has what the network scores
//! under each scheme alone and as chosen, `network.csv` what these take as one program.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::assign::Costs;
use crate::model::score::NetworkScore;
use crate::record::read_table;
use crate::whole::measure::NetworkTime;

pub const CHOSEN: &str = "chosen.json";
pub const FRONT: &str = "front.csv";
/// The scheme of a [`NetworkScore`] of the chosen network.
pub const AS_CHOSEN: &str = "chosen";

/// What the network had to keep; nothing of what was not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Most of top-1 that may be lost, 0 to 1.
    pub drop: Option<f64>,
    pub latency_ns: Option<f64>,
    pub bytes: Option<f64>,
}

/// `chosen.json`, and `network` of `tune --json`: one scheme for each layer, and what that came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// By layer, in the order of the graph.
    pub schemes: serde_json::Map<String, serde_json::Value>,
    /// Sum over the layers, each timed alone.
    pub latency_ns: f64,
    pub bytes: f64,
    /// Nats: the sum over the layers, and of the network on the samples that chose.
    pub predicted_kl: f64,
    pub measured_kl: Option<f64>,
    /// Samples, of the `chosen_on` that chose.
    pub predicted_drop: f64,
    pub measured_drop: i64,
    pub chosen_on: usize,
    /// On samples that nothing was chosen by: in f32, and as chosen.
    pub float: NetworkScore,
    pub chosen: NetworkScore,
    pub limits: Limits,
    /// Why it was chosen; begins with MISSED where it does not keep the limits.
    pub how: String,
    /// As one program, where it was built as one.
    pub whole: Option<NetworkTime>,
}

/// Everything that a run of a model says of whole networks.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole {
    pub decision: Decision,
    /// On samples that nothing was chosen by: in f32, under each scheme alone, as chosen.
    pub scores: Vec<NetworkScore>,
    /// As one program.
    pub times: Vec<NetworkTime>,
    pub front: Vec<FrontPoint>,
    /// None where `costs.csv` is missing.
    pub costs: Option<Costs>,
}

impl Whole {
    /// Of a run's folder; none of runs that chose nothing.
    /// # Errors
    /// A damaged file.
    pub fn of(dir: &Path) -> Result<Option<Self>> {
        let Some(decision) = Decision::of(dir)? else { return Ok(None) };
        let costs = dir.join("costs.csv");
        Ok(Some(Self {
            decision,
            scores: read_table(&dir.join("networks.csv"))?,
            times: read_table(&dir.join("network.csv"))?,
            front: read_table(&dir.join(FRONT))?,
            costs: if costs.is_file() { Some(Costs::read(&costs)?) } else { None },
        }))
    }

    /// The scheme that every layer was given, where it was one.
    pub fn one_for_all(&self) -> Option<&str> {
        let mut schemes = self.decision.schemes.values().filter_map(|s| s.as_str());
        let first = schemes.next()?;
        schemes.all(|s| s == first).then_some(first)
    }

    /// What the network takes under a scheme alone, where it was measured.
    pub fn time_of(&self, scheme: &str) -> Option<&NetworkTime> {
        let own = self.times.iter().rfind(|t| t.assignment.strip_prefix("all-") == Some(scheme));
        own.or(self.decision.whole.as_ref().filter(|_| self.one_for_all() == Some(scheme)))
    }
}

impl Decision {
    /// That of a run; none of runs that chose nothing.
    /// # Errors
    /// A damaged file.
    pub fn of(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(CHOSEN);
        let Ok(text) = fs::read_to_string(&path) else { return Ok(None) };
        let mend =
            || format!("{} is damaged; `bitsmith tune --resume {}` writes it again", path.display(), dir.display());
        serde_json::from_str(&text).map(Some).with_context(mend)
    }

    /// The schemes with how many layers each has, most first: `w8a8 (4), f32 (1)`.
    pub fn mix(&self) -> String {
        mix(self.schemes.values().filter_map(|s| s.as_str()))
    }
}

/// As [`Decision::mix`].
pub fn mix<'a>(schemes: impl Iterator<Item = &'a str>) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for scheme in schemes {
        match counts.iter_mut().find(|(s, _)| *s == scheme) {
            Some((_, n)) => *n += 1,
            None => counts.push((scheme, 1)),
        }
    }
    counts.sort_by_key(|c| std::cmp::Reverse(c.1)); // stable: of as many, the first first
    counts.iter().map(|(s, n)| format!("{s} ({n})")).collect::<Vec<_>>().join(", ")
}

/// A row of `front.csv`: an assignment that no other beats in divergence and in `against`, sums over the layers alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrontPoint {
    /// `latency_ns` or `bytes`.
    pub against: String,
    pub kl: f64,
    pub drop: f64,
    pub latency_ns: f64,
    pub bytes: f64,
    /// Of the network on the samples that chose, where it was run.
    pub measured_kl: Option<f64>,
    pub measured_drop: Option<i64>,
    /// Are these all the points there are? Else the time was up.
    pub whole: bool,
    /// Of the layers in their order, `;` between them.
    pub schemes: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mixes_name_the_commonest_first() {
        assert_eq!(mix(["f32", "w8a8", "w4a8", "w8a8"].into_iter()), "w8a8 (2), f32 (1), w4a8 (1)");
        assert_eq!(mix(std::iter::empty()), "");
    }
}
