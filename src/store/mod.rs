//! The history of all runs: an index over their folders, which stay the truth. It answers questions over months without
//! reading their tables, can be thrown away at any time, and is filled again from the folders.

mod postgres;
mod sqlite;
mod tables;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::record::{Record, read_table};
use crate::sessions::{Environment, Key, Session, Side};
use crate::stats::median_interval;

/// Version of the tables. A store of a later one is refused, one of an earlier one is migrated.
pub const SCHEMA: i64 = 2;

/// What history asks for; empty texts ask for everything.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The layer's key, or the end of it after a `/`.
    pub layer: String,
    pub scheme: String,
    pub target: String,
}

/// One night of one key: a point of a trend.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The folder of the run, and when it began (RFC 3339).
    pub run: String,
    pub started: String,
    /// Median of the medians of its sessions, and the extremes of their intervals.
    pub median_ns: f64,
    pub low_ns: f64,
    pub high_ns: f64,
    pub sessions: usize,
    pub candidate: String,
    pub source_hash: String,
    /// Candidates that were recorded.
    pub tried: usize,
    /// Median of what the roof's own products took in the sessions: the device's pace; none where they did not race along.
    pub pace_ns: Option<f64>,
    pub environment: Environment,
}

/// What an index says of one key: its nights in the order of time.
#[derive(Clone, Debug)]
pub struct History {
    pub key: Key,
    pub points: Vec<Point>,
}

/// One run, ready to be indexed.
pub struct Night {
    /// What it is known by: its absolute folder.
    pub run: String,
    /// Of its tables' sizes and dates: a run that grew is indexed anew.
    pub stamp: String,
    pub environment: Environment,
    pub rows: Vec<(Key, Row)>,
}

/// What a run says of one key.
pub struct Row {
    pub median_ns: f64,
    pub low_ns: f64,
    pub high_ns: f64,
    pub sessions: usize,
    pub candidate: String,
    pub source_hash: String,
    pub tried: usize,
    pub pace_ns: Option<f64>,
}

/// An index, wherever it is kept.
pub trait Store {
    /// Stamps of the runs that are indexed, by folder.
    fn stamps(&mut self) -> Result<std::collections::HashMap<String, String>>;

    /// Puts a run in place of what was known of its folder, whole or not at all.
    fn put(&mut self, night: &Night) -> Result<()>;

    /// Every key that fits, with its nights.
    fn history(&mut self, query: &Query) -> Result<Vec<History>>;

    /// What a reader must know of how it was opened.
    fn notes(&self) -> &[String];
}

/// A kind of store, by how its address begins.
pub struct Kind {
    pub scheme: &'static str,
    pub about: &'static str,
    open: fn(&str) -> Result<Box<dyn Store>>,
}

/// Every kind: one file and one row each. An address that begins with none of these is a file of the last.
pub static KINDS: &[Kind] = &[
    Kind { scheme: "postgres://", about: "a database that machines share (PostgreSQL)", open: postgres::open },
    Kind { scheme: "postgresql://", about: "the same", open: postgres::open },
    Kind { scheme: "", about: "a file (SQLite)", open: sqlite::open },
];

/// Names the store where no option does.
pub const VARIABLE: &str = "BITSMITH_STORE";

/// The store of the runs below a folder: what [`VARIABLE`] says, or the file beside them.
pub fn address(root: &Path) -> String {
    match std::env::var(VARIABLE) {
        Ok(named) if !named.is_empty() => named,
        _ => default_address(root).display().to_string(),
    }
}

/// An address as it may be shown: without its password.
pub fn shown(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.into() };
    let Some((user, place)) = rest.split_once('@') else { return address.into() };
    let name = user.split(':').next().unwrap_or_default();
    format!("{scheme}://{name}{}@{place}", if user.contains(':') { ":..." } else { "" })
}

/// Opens the store at an address.
/// # Errors
/// One that cannot be reached, or is of a later version of bitsmith.
pub fn open(address: &str) -> Result<Box<dyn Store>> {
    let kind = KINDS.iter().find(|k| address.starts_with(k.scheme));
    (kind.unwrap_or(&KINDS[KINDS.len() - 1]).open)(address)
}

/// Brings the store at an address up to date with the runs below a folder and asks it. A file in which damage shows only
/// now is set aside and filled again, once.
/// # Errors
/// As [`open`]; a store that cannot be written or read.
pub fn ask(address: &str, root: &Path, query: &Query) -> Result<(Vec<History>, Updated)> {
    let once = || {
        let mut store = open(address)?;
        let mut updated = update(store.as_mut(), root)?;
        updated.notes.extend(store.notes().to_vec());
        Ok((store.history(query)?, updated))
    };
    match once() {
        Err(e) if sqlite::is_damaged(&e) => {
            let aside = sqlite::set_aside(Path::new(address))?;
            let (found, mut updated) = once()?;
            updated.notes.push(format!("{address} was damaged; it is now {}, and was filled again", aside.display()));
            Ok((found, updated))
        }
        other => other,
    }
}

/// What an update did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Updated {
    pub added: usize,
    pub known: usize,
    /// Runs that could not be read, and why.
    pub notes: Vec<String>,
}

/// Indexes every run below a folder that is not indexed as it is now. Damaged runs are told and left out.
/// # Errors
/// A store that cannot be written.
pub fn update(store: &mut dyn Store, root: &Path) -> Result<Updated> {
    let stamps = store.stamps()?;
    let mut updated = Updated::default();
    for run in crate::sessions::runs_below(root) {
        let (name, stamp) = (absolute(&run), stamp(&run));
        if stamps.get(&name) == Some(&stamp) {
            updated.known += 1;
            continue;
        }
        match read(&run, name, stamp) {
            Ok((night, notes)) => {
                store.put(&night)?;
                updated.added += 1;
                updated.notes.extend(notes);
            }
            Err(e) => updated.notes.push(format!("left out {}: {e:#}", run.display())),
        }
    }
    Ok(updated)
}

fn absolute(run: &Path) -> String {
    std::fs::canonicalize(run).unwrap_or_else(|_| run.into()).display().to_string()
}

/// Sizes and dates of the tables.
fn stamp(run: &Path) -> String {
    let one = |name: &str| {
        let meta = std::fs::metadata(run.join(name)).ok()?;
        let date = meta.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        Some(format!("{name} {} {}", meta.len(), date.as_nanos()))
    };
    let all = ["records.csv", "finals.csv", crate::sessions::REPEATS, "host.toml"];
    all.iter().filter_map(|n| one(n)).collect::<Vec<_>>().join("; ")
}

fn read(run: &Path, name: String, stamp: String) -> Result<(Night, Vec<String>)> {
    let mut side = Side::default();
    side.add(run)?;
    let records: Vec<Record> = read_table(&run.join("records.csv")).context("cannot index")?;
    let mut tried: std::collections::HashMap<Key, usize> = std::collections::HashMap::new();
    for r in &records {
        *tried.entry(Key::of(&crate::certificate::group_of(r))).or_default() += 1;
    }
    let mut groups: std::collections::BTreeMap<Key, Vec<&Session>> = std::collections::BTreeMap::new();
    side.sessions.iter().for_each(|s| groups.entry(s.key.clone()).or_default().push(s));
    let row = |(key, sessions): (Key, Vec<&Session>)| {
        let medians: Vec<f64> = sessions.iter().map(|s| s.median_ns()).collect();
        let paces: Vec<f64> = sessions.iter().filter_map(|s| s.roof_ns).collect();
        let ends: Vec<(f64, f64)> = sessions.iter().map(|s| median_interval(&s.samples)).collect();
        let row = Row {
            median_ns: crate::stats::median(&medians),
            low_ns: ends.iter().map(|e| e.0).fold(f64::INFINITY, f64::min),
            high_ns: ends.iter().map(|e| e.1).fold(0.0, f64::max),
            sessions: sessions.len(),
            candidate: sessions[0].candidate.clone(),
            source_hash: sessions[0].source_hash.clone(),
            tried: tried.get(&key).copied().unwrap_or(0),
            pace_ns: (!paces.is_empty()).then(|| crate::stats::median(&paces)),
        };
        (key, row)
    };
    let rows = groups.into_iter().map(row).collect();
    let environment = side.nights.remove(0).1;
    Ok((Night { run: name, stamp, environment, rows }, side.notes))
}

/// The index that a run's folder belongs to, and the folder of all runs: the nearest above it that has one.
pub fn beside(run: &Path) -> Option<(String, PathBuf)> {
    let run = std::fs::canonicalize(run).ok()?;
    if std::env::var(VARIABLE).is_ok_and(|named| !named.is_empty()) {
        // RESULTS/TARGET/DATE-N
        let root = run.ancestors().nth(2)?;
        return Some((address(root), root.into()));
    }
    let root = run.ancestors().skip(1).take(4).find(|dir| default_address(dir).is_file())?;
    Some((default_address(root).display().to_string(), root.into()))
}

/// Where the index is kept where nobody says so: beside the runs.
pub fn default_address(root: &Path) -> PathBuf {
    root.join("history.sqlite")
}
