//! Sessions: what folders of runs say of each kernel's time, in the unit that can be compared. Samples of one session share
//! a program, an address layout and a moment, so two sessions differ by more than the samples of either tell.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::certificate::{Group, chosen, winners};
use crate::record::{Final, read_table, whole_final};
use crate::run::{Provenance, read_provenance};
use crate::stats::median;
use crate::target::Evidence;

/// The table of repeats: finals of a decided winner alone, each in a program of its own. Columns as in `finals.csv`.
pub const REPEATS: &str = "repeats.csv";

/// What is compared with what: layer x scheme x contract x target x regime x threads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Key {
    pub layer: String,
    pub scheme: String,
    pub contract: String,
    pub target: String,
    pub regime: String,
    pub threads: usize,
}

impl Key {
    pub fn of(group: &Group) -> Self {
        let (layer, scheme, contract, target, regime, threads) = group;
        Self {
            layer: layer.clone(),
            scheme: scheme.clone(),
            contract: contract.name().into(),
            target: target.clone(),
            regime: regime.name().into(),
            threads: *threads,
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let Self { layer, scheme, contract, target, regime, threads } = self;
        write!(f, "{layer} {scheme} {contract} {target} {regime} t{threads}")
    }
}

/// What a night's figures depend on besides the kernels' text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Fingerprint: CPU, microcode, governor, number of CPUs, caches.
    pub host: String,
    pub host_name: String,
    pub cpu: String,
    pub microcode: String,
    pub governor: String,
    pub kernel: String,
    pub compiler: String,
    pub version: String,
    pub revision: String,
    /// UTC, RFC 3339.
    pub started: String,
}

impl Environment {
    fn of(p: &Provenance) -> Self {
        Self {
            host: p.host.fingerprint(),
            host_name: p.host.name.clone(),
            cpu: p.host.cpu.clone(),
            microcode: p.host.microcode.clone(),
            governor: p.host.governor.clone(),
            kernel: p.host.kernel.clone(),
            compiler: p.compiler.clone(),
            version: p.tool.version.clone(),
            revision: p.tool.revision.clone(),
            started: p.started.clone(),
        }
    }

    /// What changed besides the code: `compiler gcc-12.2.0-3f9a01 -> gcc-13.1.0-77aa10`.
    pub fn differences(&self, new: &Self) -> Vec<String> {
        let facts = |e: &Self| {
            [
                ("CPU", e.cpu.clone()),
                ("microcode", e.microcode.clone()),
                ("governor", e.governor.clone()),
                ("kernel", e.kernel.clone()),
                ("compiler", e.compiler.clone()),
                ("machine", e.host.clone()),
            ]
        };
        let or_none = |s: &str| if s.is_empty() { "unknown".to_string() } else { s.to_string() };
        let pairs = facts(self).into_iter().zip(facts(new)).filter(|(a, b)| a.1 != b.1);
        let mut all: Vec<String> =
            pairs.map(|(a, b)| format!("{} {} -> {}", a.0, or_none(&a.1), or_none(&b.1))).collect();
        if all.len() > 1 {
            all.retain(|d| !d.starts_with("machine ")); // only where nothing more telling differs
        }
        all
    }
}

/// One session of one kernel: a final's chosen candidate, or a repeat of it.
#[derive(Clone, Debug)]
pub struct Session {
    pub key: Key,
    /// Place in [`Side::nights`].
    pub night: usize,
    /// Unix milliseconds.
    pub held: u64,
    pub candidate: String,
    pub source_hash: String,
    /// Nanoseconds of one call, by round.
    pub samples: Vec<f64>,
    /// Median of what the roof's own products took in the same rounds; none where they did not race along, or do not bind.
    pub roof_ns: Option<f64>,
    /// The other finalists' samples by round, by candidate.
    pub rivals: BTreeMap<String, Vec<f64>>,
}

impl Session {
    pub fn median_ns(&self) -> f64 {
        median(&self.samples)
    }
}

/// The chosen kernel of a competition on a target that gives no times.
#[derive(Clone, Debug)]
pub struct Untimed {
    pub key: Key,
    /// Place in [`Side::nights`].
    pub night: usize,
    pub candidate: String,
    pub source_hash: String,
    /// Nanoseconds of one call by a model, and the model; none where it was checked alone.
    pub modelled: Option<(f64, String)>,
}

/// Some nights: a night is one run's folder.
#[derive(Clone, Debug, Default)]
pub struct Side {
    pub nights: Vec<(PathBuf, Environment)>,
    pub sessions: Vec<Session>,
    /// In the order of the nights.
    pub untimed: Vec<Untimed>,
    /// What a reader must know: torn tables, folders without provenance.
    pub notes: Vec<String>,
}

impl Side {
    /// Every run in a folder, or in the folders below it.
    /// # Errors
    /// A folder that holds no run, or a damaged table in it.
    pub fn read(dir: &Path) -> Result<Self> {
        let runs = runs_below(dir);
        if runs.is_empty() {
            bail!("{} holds no run; give the folder of a run, or one that has such folders in it", dir.display());
        }
        let mut side = Self::default();
        runs.iter().try_for_each(|run| side.add(run))?;
        Ok(side)
    }

    /// Adds the run in a folder.
    /// # Errors
    /// A damaged table.
    pub fn add(&mut self, run: &Path) -> Result<()> {
        let night = self.nights.len();
        let provenance = read_provenance(run)?;
        if provenance.is_none() {
            self.notes.push(format!("{} has no host.toml; its machine is unknown", run.display()));
        }
        self.nights.push((run.into(), provenance.as_ref().map(Environment::of).unwrap_or_default()));
        let finals = self.table(&run.join("finals.csv"))?;
        let repeats = self.table(&run.join(REPEATS))?;
        if finals.is_empty() {
            self.untimed.extend(untimed_of(run, night)?);
        }
        self.sessions.extend(sessions_of(&finals, &repeats, night));
        Ok(())
    }

    fn table(&mut self, path: &Path) -> Result<Vec<Final>> {
        if fs::read(path).is_ok_and(|bytes| bytes.last().is_some_and(|b| *b != b'\n')) {
            self.notes.push(format!("{} ends in half a row; the whole rows before it count", path.display()));
        }
        read_table(path)
    }
}

/// Folders of runs, in order of their names: the folder itself, or those below it, four deep.
pub fn runs_below(dir: &Path) -> Vec<PathBuf> {
    fn walk(dir: &Path, depth: usize, into: &mut Vec<PathBuf>) {
        if ["finals.csv", "records.csv"].iter().any(|t| dir.join(t).is_file()) {
            return into.push(dir.into());
        }
        let Ok(entries) = fs::read_dir(dir) else { return };
        let mut below: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
        below.sort();
        if depth > 0 {
            below.iter().for_each(|d| walk(d, depth - 1, into));
        }
    }
    let mut all = Vec::new();
    walk(dir, 4, &mut all);
    all
}

/// The sessions of one run: of each competition the final that counts, and the repeats of whom it chose.
pub fn sessions_of(finals: &[Final], repeats: &[Final], night: usize) -> Vec<Session> {
    let by_group = |rows: &'_ [Final]| {
        let mut groups: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
        rows.iter().enumerate().for_each(|(i, f)| groups.entry(Key::of(&group_of(f))).or_default().push(i));
        groups
    };
    let again = by_group(repeats);
    let mut all = Vec::new();
    for (key, rows) in by_group(finals) {
        let rows: Vec<&Final> = rows.into_iter().map(|i| &finals[i]).collect();
        let held = whole_final(&rows);
        let Some(winner) = chosen(&held).map(String::from) else { continue };
        all.extend(session(&key, &held, &winner, night));
        let rows: Vec<&Final> = again.get(&key).into_iter().flatten().map(|i| &repeats[*i]).collect();
        for moment in rows.iter().map(|f| f.held).collect::<BTreeSet<u64>>() {
            let one: Vec<&Final> = rows.iter().filter(|f| f.held == moment).copied().collect();
            if one.first().is_some_and(|f| f.rows == one.len()) {
                all.extend(session(&key, &one, &winner, night));
            }
        }
    }
    all
}

/// What a run without finals chose.
fn untimed_of(run: &Path, night: usize) -> Result<Vec<Untimed>> {
    let (records, modelled) = (read_table(&run.join("records.csv"))?, read_table(&run.join("modelled.csv"))?);
    let all = winners(&records, &[], &modelled).into_iter().filter(|w| w.evidence() != Evidence::Measured);
    let one = |w: crate::certificate::Winner| Untimed {
        key: Key::of(&crate::certificate::group_of(&w.record)),
        night,
        candidate: w.record.candidate.clone(),
        source_hash: w.record.source_hash.clone(),
        modelled: w.modelled.and_then(|m| Some((m.ns?, m.model))),
    };
    Ok(all.map(one).collect())
}

pub fn group_of(f: &Final) -> Group {
    (f.layer.clone(), f.scheme.clone(), f.contract, f.target.clone(), f.regime, f.threads)
}

fn session(key: &Key, held: &[&Final], winner: &str, night: usize) -> Option<Session> {
    let first = held.iter().find(|f| f.candidate == winner)?;
    let mut series: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    held.iter().for_each(|f| series.entry(f.candidate.clone()).or_default().push(f.ns));
    let samples = series.remove(winner)?;
    let roofs: Vec<f64> = held.iter().filter(|f| f.candidate == winner).filter_map(|f| f.roof_ns).collect();
    // one that never varies is what reading takes, which was not measured in this session
    let varies = roofs.iter().any(|r| *r != roofs[0]);
    Some(Session {
        key: key.clone(),
        night,
        held: first.held,
        candidate: winner.into(),
        source_hash: first.source_hash.clone(),
        samples,
        roof_ns: varies.then(|| median(&roofs)),
        rivals: series,
    })
}
