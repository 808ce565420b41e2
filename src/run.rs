//! The folder of a run: what lies in it, and where it came from.
//!
//! ```text
//! results/<target>/<date>-<run>/ records.csv finals.csv accuracy.csv baselines.csv modelled.csv host.toml study.json profile.toml charts/ report.html
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bench::probe::Roofs;
use crate::certificate::{Winner, winners};
use crate::decision::Whole;
use crate::host::Host;
use crate::record::{Accuracy, Baseline, Energy, Final, Modelled, Record, read_table};

/// `host.toml`: everything a figure depends on besides the code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    pub schema: u32,
    pub tool: Tool,
    /// The command that made the run.
    pub command: String,
    /// UTC, RFC 3339.
    pub started: String,
    pub target: String,
    pub target_title: String,
    pub compiler: String,
    pub compiler_flags: Vec<String>,
    /// Why there are no hardware counters, if there are none.
    pub counters: String,
    /// Why nothing says what kernels take, if nothing does.
    #[serde(default)]
    pub energy: String,
    pub host: Host,
    /// None on a target that gives no times.
    pub roofs: Option<Roofs>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    pub version: String,
    pub revision: String,
}

impl Tool {
    pub fn this() -> Self {
        Self { version: env!("CARGO_PKG_VERSION").into(), revision: env!("BITSMITH_REVISION").into() }
    }
}

/// Everything recorded in one run's folder, and what follows from it.
pub struct Run {
    pub dir: PathBuf,
    pub records: Vec<Record>,
    pub finals: Vec<Final>,
    pub accuracy: Vec<Accuracy>,
    /// Peers beside our winners.
    pub baselines: Vec<Baseline>,
    /// Of kernels that nobody timed.
    pub modelled: Vec<Modelled>,
    /// What chosen kernels took, where counters said it.
    pub energy: Vec<Energy>,
    /// None where `host.toml` is missing.
    pub provenance: Option<Provenance>,
    pub winners: Vec<Winner>,
    /// What a run of a model chose.
    pub whole: Option<Whole>,
}

impl Run {
    /// # Errors
    /// A folder that is no run, or a damaged file in it.
    pub fn load(dir: &Path) -> Result<Self> {
        if !["records.csv", "baselines.csv"].iter().any(|table| dir.join(table).is_file()) {
            bail!("{} holds no records.csv; give the folder that `bitsmith tune` printed", dir.display());
        }
        let records: Vec<Record> = read_table(&dir.join("records.csv"))?;
        let finals: Vec<Final> = read_table(&dir.join("finals.csv"))?;
        let modelled: Vec<Modelled> = read_table(&dir.join("modelled.csv"))?;
        let winners = winners(&records, &finals, &modelled);
        Ok(Self {
            dir: dir.into(),
            accuracy: read_table(&dir.join("accuracy.csv"))?,
            baselines: read_table(&dir.join("baselines.csv"))?,
            energy: read_table(&dir.join("energy.csv"))?,
            provenance: read_provenance(dir)?,
            whole: Whole::of(dir)?,
            records,
            finals,
            modelled,
            winners,
        })
    }

    /// The accuracy of a layer under a scheme, where it was measured.
    pub fn accuracy_of(&self, record: &Record) -> Option<&Accuracy> {
        let same = |a: &&Accuracy| {
            !a.layer.is_empty()
                && format!("{}/{}", a.network, a.layer) == record.layer
                && (&a.scheme, a.contract) == (&record.scheme, record.contract)
        };
        self.accuracy.iter().find(same)
    }
}

/// `host.toml` of a run's folder, where there is one.
pub fn read_provenance(dir: &Path) -> Result<Option<Provenance>> {
    let path = dir.join("host.toml");
    match fs::read_to_string(&path) {
        Ok(text) => crate::input::parse_toml(&path.display().to_string(), &text).map(Some),
        Err(_) => Ok(None),
    }
}

/// Writes a file so that it is there whole or not at all.
pub fn write_file(path: &Path, text: &str) -> Result<()> {
    write_bytes(path, text.as_bytes())
}

/// The same of bytes.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("tmp");
    let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary); // half a file, perhaps on a full disk
    }
    written.with_context(|| format!("cannot write {}", path.display()))
}
