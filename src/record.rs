//! Records: one row per candidate and regime, append-only, flushed as they are made. Columns: `docs/formats.md`.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::candidate::{Contract, Regime};
use crate::target::Evidence;

/// How a candidate ended. A failure is data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// Right, and timed to the end.
    Measured,
    /// Right, timed until it could no longer win.
    Eliminated,
    /// Right, on a target that gives no times.
    Checked,
    /// Not tried: another scheme is as accurate, and faster than the roof allows this one.
    Dominated,
    /// No kernel serves it.
    Unsupported,
    BuildFailed,
    WrongAnswer,
    Crashed,
    TimedOut,
    /// Right, but the device held itself back whenever it was timed: it has no time.
    Throttled,
}

impl Outcome {
    pub const ALL: [Outcome; 10] = [
        Outcome::Measured,
        Outcome::Eliminated,
        Outcome::Checked,
        Outcome::Dominated,
        Outcome::Unsupported,
        Outcome::BuildFailed,
        Outcome::WrongAnswer,
        Outcome::Crashed,
        Outcome::TimedOut,
        Outcome::Throttled,
    ];
    /// Did the kernel give the right answer?
    pub fn right(self) -> bool {
        matches!(self, Outcome::Measured | Outcome::Eliminated | Outcome::Checked)
    }
}

/// One row of `records.csv`. Times are of one call, in nanoseconds; an empty cell is unknown, never zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub candidate: String,
    pub layer: String,
    pub op: String,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub scheme: String,
    pub contract: Contract,
    pub target: String,
    pub family: String,
    pub schedule: String,
    pub regime: Regime,
    pub threads: usize,
    pub outcome: Outcome,
    pub evidence: Evidence,
    pub samples: usize,
    pub min_ns: Option<f64>,
    pub median_ns: Option<f64>,
    /// 95 % confidence interval of the median.
    pub ci_low_ns: Option<f64>,
    pub ci_high_ns: Option<f64>,
    /// 1e9 multiply-accumulates per second.
    pub gmacs: Option<f64>,
    /// Share of the measured roof that binds.
    pub roof_share: Option<f64>,
    pub source_hash: String,
    pub compiler: String,
    pub host: String,
    pub message: String,
    /// Hardware counters per call, where the kernel gives them.
    pub cycles: Option<f64>,
    pub instructions: Option<f64>,
    /// Seconds since the run began, for the convergence chart.
    pub at_s: f64,
    /// The median at the pace of the job's first batch: what candidates of different batches are compared by.
    pub corrected_ns: Option<f64>,
}

impl Record {
    /// What makes two rows the same measurement.
    pub fn key(&self) -> Key {
        Key {
            layer: self.layer.clone(),
            candidate: self.candidate.clone(),
            contract: self.contract,
            target: self.target.clone(),
            regime: self.regime,
            threads: self.threads,
            source_hash: self.source_hash.clone(),
            compiler: self.compiler.clone(),
            host: self.host.clone(),
        }
    }
}

/// See [`Record::key`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub layer: String,
    pub candidate: String,
    pub contract: Contract,
    pub target: String,
    pub regime: Regime,
    pub threads: usize,
    pub source_hash: String,
    pub compiler: String,
    pub host: String,
}

/// One row of `modelled.csv`: what a model makes of a candidate that was found right and that nobody could time. Times of a
/// model are never ranked with measured ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Modelled {
    pub candidate: String,
    pub layer: String,
    pub scheme: String,
    pub contract: Contract,
    pub target: String,
    pub regime: Regime,
    pub threads: usize,
    pub source_hash: String,
    pub compiler: String,
    /// Always `modelled`.
    pub evidence: Evidence,
    /// `llvm-mca 19.1.7 neoverse-n1`.
    pub model: String,
    pub clock_ghz: f64,
    /// Cycles of one call, and nanoseconds at that clock.
    pub cycles: Option<f64>,
    pub ns: Option<f64>,
    /// What it waits for: `core`, `l2`, `l3` or `memory`.
    pub bound: String,
    pub gmacs: Option<f64>,
    /// Share of the published peak of one core.
    pub peak_share: Option<f64>,
    /// Instructions of one call, counted; those of functions that it calls are not among them.
    pub instructions: Option<f64>,
    /// Calls of other functions.
    pub calls: Option<f64>,
    /// Why there is no time, or what a reader must know.
    pub message: String,
}

impl Modelled {
    /// Is it of this record's very kernel?
    pub fn is_of(&self, r: &Record) -> bool {
        (&self.layer, &self.candidate, &self.target, &self.source_hash, &self.compiler)
            == (&r.layer, &r.candidate, &r.target, &r.source_hash, &r.compiler)
            && (self.contract, self.regime, self.threads) == (r.contract, r.regime, r.threads)
    }
}

/// One sample of a final: the balanced comparison that decides among the best. One row of `finals.csv`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Final {
    pub layer: String,
    pub scheme: String,
    pub contract: Contract,
    pub target: String,
    pub regime: Regime,
    pub threads: usize,
    pub candidate: String,
    pub source_hash: String,
    /// Length of the emitted text: of kernels that tie, the simplest is chosen.
    pub source_bytes: usize,
    pub round: usize,
    pub ns: f64,
    /// When the final was held (Unix milliseconds), and how many rows it has: one that was interrupted does not count.
    pub held: u64,
    pub rows: usize,
    /// The least time the task could take by the roof as it was in this very round; none where there is no roof.
    pub roof_ns: Option<f64>,
}

/// One row of `energy.csv`: what a chosen kernel took when it ran alone, by the counters of the processor's packages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Energy {
    pub layer: String,
    pub scheme: String,
    pub contract: Contract,
    pub target: String,
    pub regime: Regime,
    pub threads: usize,
    pub candidate: String,
    pub source_hash: String,
    pub calls: u64,
    /// That the calls took together.
    pub seconds: f64,
    /// Of all packages meanwhile, idle cores and neighbours included.
    pub joules: f64,
    /// Of all packages just before.
    pub idle_watts: f64,
}

/// The rows of the latest whole final among `finals`, which are of one competition, in the order of their table: a clock may
/// have been set back between two of them.
pub fn whole_final<'a>(finals: &[&'a Final]) -> Vec<&'a Final> {
    let whole = |f: &&&Final| finals.iter().filter(|g| g.held == f.held).count() == f.rows;
    let latest = finals.iter().rev().find(whole).map(|f| f.held);
    finals.iter().filter(|f| Some(f.held) == latest).copied().collect()
}

/// One row of `baselines.csv`: a peer's kernel of a layer, and ours of the run, timed in turns in one session. Never one
/// of our candidates, so it has a table of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// Name and version: `onnxruntime-1.32.0`.
    pub peer: String,
    pub layer: String,
    pub op: String,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub scheme: String,
    pub contract: Contract,
    pub target: String,
    pub regime: Regime,
    pub threads: usize,
    /// The peer's.
    pub outcome: Outcome,
    pub evidence: Evidence,
    pub rounds: usize,
    pub median_ns: Option<f64>,
    pub ci_low_ns: Option<f64>,
    pub ci_high_ns: Option<f64>,
    pub gmacs: Option<f64>,
    /// What a call of the peer costs that computes nothing.
    pub call_ns: Option<f64>,
    /// Our candidate and the hash of its text; empty where the run had none.
    pub own: String,
    pub own_hash: String,
    pub own_ns: Option<f64>,
    /// Median over the rounds of the peer's time over ours in the same round, with its 95 % interval.
    pub ratio: Option<f64>,
    pub ratio_low: Option<f64>,
    pub ratio_high: Option<f64>,
    pub compiler: String,
    pub host: String,
    /// Unix milliseconds.
    pub held: u64,
    pub message: String,
    /// The peer's nanoseconds of one call by round, joined by `;`, and ours.
    pub samples: String,
    pub own_samples: String,
}

impl Baseline {
    /// Is it the same comparison: same layer, conditions, peer, kernel of ours and machine?
    pub fn same(&self, other: &Self) -> bool {
        let text = |b: &Self| {
            [&b.peer, &b.layer, &b.scheme, &b.target, &b.own, &b.own_hash, &b.compiler, &b.host].map(String::clone)
        };
        text(self) == text(other)
            && (self.contract, self.regime, self.threads) == (other.contract, other.regime, other.threads)
    }
}

/// One row of `accuracy.csv`: how wrong a layer is under a scheme, or (layer empty) what a network scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    pub network: String,
    pub layer: String,
    pub scheme: String,
    pub contract: Contract,
    /// `real` weights and activations, or `synthetic`.
    pub data: String,
    pub samples: usize,
    pub sqnr_db: Option<f64>,
    pub cosine: Option<f64>,
    pub mse: Option<f64>,
    pub max_error: Option<f64>,
    /// Correctly classified samples of the test split.
    pub top1: Option<usize>,
    /// Bits per weight, scales included.
    pub weight_bits: f64,
    /// Signal to quantization noise of the weights alone.
    pub weight_sqnr_db: Option<f64>,
    /// Of a network: mean Kullback-Leibler divergence of its class probabilities from the float network's, in nats.
    pub kl: Option<f64>,
    /// What a user must know of it, or empty.
    pub note: String,
}

/// Which numbers of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    Weights,
    Activations,
}

/// One row of `histograms.csv`: how often the numbers of a layer lie where, and the grid that a scheme puts them on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    pub network: String,
    pub layer: String,
    pub scheme: String,
    pub contract: Contract,
    pub what: What,
    /// `real` or `synthetic`.
    pub data: String,
    /// Ends of the bins, which are of equal width. The first and the last also hold what lies beyond.
    pub low: f64,
    pub high: f64,
    /// Numbers in each bin, joined by `;`.
    pub counts: String,
    /// The grid in the same unit, ascending, joined by `;`; empty where there is none to show.
    pub levels: String,
    /// What a reader must know of it, or empty.
    pub note: String,
}

/// An append-only CSV file. Rows are whole or absent: a torn last line is cut off when the file is opened again.
pub struct Table {
    file: File,
    name: String,
}

impl Table {
    /// Opens or creates `path` and returns the rows it already has.
    /// # Errors
    /// An unwritable folder, a header or row that is not of this type (the line is named), or a table that another
    /// process has open.
    pub fn open<T: Serialize + DeserializeOwned>(path: &Path) -> Result<(Self, Vec<T>)> {
        let name = path.display().to_string();
        let file = OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut file = file.with_context(|| format!("cannot write {name}"))?;
        if file.try_lock().is_err() {
            bail!("{name} is in use by another run; wait for it, or give another --out");
        }
        let mut text = String::new();
        file.seek(SeekFrom::Start(0))?;
        file.read_to_string(&mut text).with_context(|| format!("cannot read {name}"))?;
        let whole = text.rfind('\n').map_or(0, |i| i + 1);
        if whole < text.len() {
            file.set_len(whole as u64).with_context(|| format!("cannot repair {name}"))?;
            text.truncate(whole);
        }
        Ok((Self { file, name: name.clone() }, parse_rows(&name, &text)?))
    }

    /// Appends one row.
    pub fn append<T: Serialize>(&mut self, row: &T) -> Result<()> {
        self.append_all(std::slice::from_ref(row))
    }

    /// Appends rows in one write.
    pub fn append_all<T: Serialize>(&mut self, rows: &[T]) -> Result<()> {
        let empty = self.file.seek(SeekFrom::End(0))? == 0;
        let mut writer = csv::WriterBuilder::new().has_headers(empty).from_writer(Vec::new());
        rows.iter().try_for_each(|row| writer.serialize(row))?;
        let bytes = writer.into_inner().map_err(|e| e.into_error())?;
        let before = self.file.metadata()?.len();
        self.file.write_all(&bytes).map_err(|e| {
            let _ = self.file.set_len(before); // never leave half a row
            anyhow::anyhow!("cannot write {}: {e}; rows before it are kept, `--resume` goes on from there", self.name)
        })
    }
}

/// Reads a table without opening it for writing. A missing file has no rows.
pub fn read_table<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse_rows(&name, &text[..text.rfind('\n').map_or(0, |i| i + 1)]),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(vec![]),
        Err(e) => Err(e).with_context(|| format!("cannot read {name}")),
    }
}

fn parse_rows<T: DeserializeOwned>(name: &str, text: &str) -> Result<Vec<T>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(|row| row.with_context(|| format!("{name} is damaged; mend or remove the row"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(round: usize) -> Final {
        Final {
            layer: "a, \"b\"".into(),
            scheme: "w8a8".into(),
            contract: Contract::Int8,
            target: "t".into(),
            regime: Regime::WeightsCold,
            threads: 1,
            candidate: "gemm.x".into(),
            source_hash: "0".into(),
            source_bytes: 1,
            round,
            ns: 0.5,
            held: 1,
            rows: 3,
            roof_ns: None,
        }
    }

    #[test]
    fn torn_rows_are_cut_and_whole_ones_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.csv");
        {
            let (mut table, rows) = Table::open::<Final>(&path).unwrap();
            assert!(rows.is_empty());
            (0..3).for_each(|i| table.append(&sample(i)).unwrap());
            assert!(Table::open::<Final>(&path).err().unwrap().to_string().contains("in use"));
        }
        let whole = std::fs::read(&path).unwrap();
        let header = whole.iter().position(|b| *b == b'\n').unwrap() + 1;
        for cut in 0..=whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let (mut table, rows) = Table::open::<Final>(&path).unwrap();
            let complete = whole[..cut].iter().filter(|b| **b == b'\n').count().saturating_sub(1);
            assert_eq!(rows, (0..complete).map(sample).collect::<Vec<_>>(), "cut at {cut}");
            table.append(&sample(9)).unwrap();
            drop(table);
            let rows: Vec<Final> = read_table(&path).unwrap();
            assert_eq!(rows.len(), complete + 1, "cut at {cut}, header ends at {header}");
        }
    }
}
