//! Nights: which devices tune what every night, and how far one night has come. `cli/nightly.rs` carries them out.
//!
//! ```text
//! <results>/nightly/<plan>/<date>-<n>/ plan.toml night.json verdict.txt verdict.json verdict.xml verdict.md report.html
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::candidate::{Contract, Regime};
use crate::input::{bad_field, parse_toml};
use crate::run::write_file;
use crate::sessions::Side;
use crate::study::Budget;

/// What is done every night (schema: `docs/formats.md`).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NightPlan {
    /// The least slowdown that matters: `2%`.
    #[serde(default = "gate")]
    pub gate: String,
    /// Nights before this one that it is compared with, at most.
    #[serde(default = "base")]
    pub base: usize,
    /// Sessions of each winner beside its final: the A/A test. They have as much of the budget as the finals.
    #[serde(default = "repeats")]
    pub repeats: usize,
    /// Where runs and nights go; relative to the working directory.
    #[serde(default = "results")]
    pub results: PathBuf,
    /// What prices are in: `EUR`.
    #[serde(default)]
    pub currency: String,
    /// In the order in which they are measured.
    #[serde(rename = "device")]
    pub devices: Vec<DevicePlan>,
}

fn gate() -> String {
    "2%".into()
}

fn base() -> usize {
    7
}

fn repeats() -> usize {
    2
}

fn results() -> PathBuf {
    "results".into()
}

/// What one device does.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevicePlan {
    pub target: String,
    #[serde(default)]
    pub networks: Vec<String>,
    /// A file of layers; relative to the plan.
    pub layers: Option<PathBuf>,
    #[serde(default)]
    pub gemm: Vec<String>,
    #[serde(default)]
    pub conv: Vec<String>,
    #[serde(default)]
    pub schemes: Vec<String>,
    #[serde(default = "contract")]
    pub contract: Contract,
    #[serde(default)]
    pub regime: Regime,
    #[serde(default = "threads")]
    pub threads: usize,
    /// As of `bitsmith tune --budget`; 5 s for each layer x scheme where there is none.
    pub budget: Option<String>,
    /// Of an hour of the whole device.
    pub price: Option<f64>,
}

fn contract() -> Contract {
    Contract::F32io
}

fn threads() -> usize {
    1
}

impl NightPlan {
    /// # Errors
    /// A field that is none or makes no sense, with its line.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let plan: Self = parse_toml(file, text)?;
        if plan.devices.is_empty() {
            bail!("{file}: it has no [[device]]; each needs a `target`");
        }
        let mut at = 0;
        for device in &plan.devices {
            at += text[at..].find("[[device]]").unwrap_or(0) + 1;
            device.budget().map_err(|why| bad_field(file, text, at, "budget", &why))?;
            if device.price.is_some_and(|p| !(p > 0.0 && p.is_finite())) {
                return Err(bad_field(file, text, at, "price", "must be a positive number, of one hour"));
            }
        }
        Ok(plan)
    }
}

impl DevicePlan {
    /// # Errors
    /// What was expected.
    pub fn budget(&self) -> std::result::Result<Option<Budget>, String> {
        self.budget.as_deref().map(str::parse).transpose()
    }
}

/// How far one device has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    Waiting,
    /// Its run's folder is known, and may hold something.
    Running,
    Done,
    /// It could not be reached, or failed; the others went on.
    Failed,
}

/// One device in one night.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    pub target: String,
    pub stage: Stage,
    pub run: Option<PathBuf>,
    /// Why it failed.
    pub why: String,
}

/// `night.json`: written whole before and after every step, so that a night can end at any moment and go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Night {
    pub schema: u32,
    /// Of its plan, from 1: nights follow one another by it, whatever their clocks said. 0 in those that had none yet.
    #[serde(default)]
    pub number: u64,
    /// UTC, RFC 3339.
    pub started: String,
    /// The folder of the plan's file, which its paths are relative to.
    pub folder: PathBuf,
    pub devices: Vec<Part>,
    /// The exit code that it ended with; none before the end.
    pub verdict: Option<u8>,
}

impl Night {
    /// The night after the one with this number.
    pub fn new(plan: &NightPlan, folder: &Path, last: u64) -> Self {
        let part =
            |d: &DevicePlan| Part { target: d.target.clone(), stage: Stage::Waiting, run: None, why: String::new() };
        Self {
            schema: 1,
            number: last + 1,
            started: jiff::Timestamp::now().to_string(),
            folder: folder.into(),
            devices: plan.devices.iter().map(part).collect(),
            verdict: None,
        }
    }

    /// # Errors
    /// A folder that holds no night.
    pub fn read(dir: &Path) -> Result<Self> {
        let path = dir.join("night.json");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    }

    /// # Errors
    /// A folder that cannot be written.
    pub fn write(&self, dir: &Path) -> Result<()> {
        write_file(&dir.join("night.json"), &format!("{}\n", serde_json::to_string_pretty(self)?))
    }

    /// Folders of the runs that were finished.
    pub fn runs(&self) -> impl Iterator<Item = &PathBuf> {
        self.devices.iter().filter(|d| d.stage == Stage::Done).filter_map(|d| d.run.as_ref())
    }

    pub fn side<'a>(runs: impl IntoIterator<Item = &'a PathBuf>) -> Side {
        let mut side = Side::default();
        for run in runs {
            if let Err(e) = side.add(run) {
                side.notes.push(format!("left out {}: {e:#}", run.display()));
            }
        }
        side
    }
}

/// Where the nights of one plan are.
pub struct Nights {
    pub root: PathBuf,
    _lock: File,
}

impl Nights {
    /// Opens the folder and keeps other nights of the same plan out while this lives.
    /// # Errors
    /// Another night is under way; a folder that cannot be written.
    pub fn open(results: &Path, name: &str) -> Result<Self> {
        let root = results.join("nightly").join(name);
        fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
        let path = root.join("lock");
        let lock = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        if lock.try_lock().is_err() {
            bail!("a night of {name} is under way; wait for it, or end it and go on with --resume");
        }
        Ok(Self { root, _lock: lock })
    }

    /// Folders of all nights, the oldest first.
    pub fn all(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten().map(|e| e.path());
        let begun = |dir: PathBuf| {
            let night = Night::read(&dir).ok()?;
            Some((night.number, night.started, dir))
        };
        entries.filter_map(begun).collect::<BTreeSet<_>>().into_iter().map(|(.., dir)| dir).collect()
    }

    /// What was measured in the last `count` nights before the one in `dir`, the oldest first.
    pub fn before(&self, dir: &Path, count: usize) -> Vec<PathBuf> {
        let earlier: Vec<Night> =
            self.all().iter().take_while(|d| *d != dir).filter_map(|d| Night::read(d).ok()).collect();
        let measured: Vec<&Night> = earlier.iter().filter(|n| n.runs().next().is_some()).collect();
        measured[measured.len().saturating_sub(count)..].iter().flat_map(|n| n.runs().cloned()).collect()
    }
}
