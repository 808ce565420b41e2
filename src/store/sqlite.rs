//! The index in a file, by SQLite: write-ahead logging, one transaction for each run.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rusqlite::{Connection, ErrorCode, params};

use super::{History, Night, Point, Query, SCHEMA, Store};
use crate::sessions::{Environment, Key};

/// Statements that bring a store from the version of their place to the next one. Old rows are never changed.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE environments (id INTEGER PRIMARY KEY, facts TEXT NOT NULL UNIQUE);
    CREATE TABLE runs (id INTEGER PRIMARY KEY, folder TEXT NOT NULL UNIQUE, stamp TEXT NOT NULL, started TEXT NOT NULL,
        environment INTEGER NOT NULL REFERENCES environments);
    CREATE TABLE keys (id INTEGER PRIMARY KEY, layer TEXT NOT NULL, scheme TEXT NOT NULL, contract TEXT NOT NULL,
        target TEXT NOT NULL, regime TEXT NOT NULL, threads INTEGER NOT NULL,
        UNIQUE (layer, scheme, contract, target, regime, threads));
    CREATE TABLE kernels (id INTEGER PRIMARY KEY, candidate TEXT NOT NULL, source_hash TEXT NOT NULL,
        UNIQUE (candidate, source_hash));
    CREATE TABLE nights (key INTEGER NOT NULL REFERENCES keys, run INTEGER NOT NULL REFERENCES runs,
        median_ns REAL NOT NULL, low_ns REAL NOT NULL, high_ns REAL NOT NULL, sessions INTEGER NOT NULL,
        kernel INTEGER NOT NULL REFERENCES kernels, tried INTEGER NOT NULL,
        PRIMARY KEY (key, run)) WITHOUT ROWID;
    CREATE INDEX nights_by_run ON nights (run);
"];

struct Sqlite {
    connection: Connection,
    notes: Vec<String>,
}

/// Opens or creates the file; one that is damaged is set aside, as the folders fill a new one.
pub fn open(address: &str) -> Result<Box<dyn Store>> {
    let path = Path::new(address);
    let mut notes = Vec::new();
    let connection = match connect(path) {
        Err(e) if is_damaged(&e) => {
            let aside = set_aside(path)?;
            notes.push(format!("{address} was damaged; it is now {}, and is filled again", aside.display()));
            connect(path)
        }
        other => other,
    };
    let connection = connection.with_context(|| format!("cannot open {address}"))?;
    Ok(Box::new(Sqlite { connection, notes }))
}

fn connect(path: &Path) -> Result<Connection> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(60))?;
    let _: String = connection.query_row("PRAGMA journal_mode = WAL", [], |r| r.get(0))?;
    connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;")?;
    // immediate: of two that find an old version, the second waits and finds the new one
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let version: i64 = transaction.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    if version > SCHEMA {
        bail!("it is of version {version}, this bitsmith knows {SCHEMA}; use a later bitsmith, or another --store");
    }
    for statements in MIGRATIONS.iter().skip(version.max(0) as usize) {
        transaction.execute_batch(statements)?;
    }
    transaction.pragma_update(None, "user_version", SCHEMA)?;
    transaction.commit()?;
    Ok(connection)
}

/// Is it the file that is at fault?
pub fn is_damaged(e: &anyhow::Error) -> bool {
    let code = e.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
    matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}

/// Makes room for a new file.
pub fn set_aside(path: &Path) -> Result<PathBuf> {
    let named = |end: &str| PathBuf::from(format!("{}{end}", path.display()));
    let aside = named(".damaged");
    std::fs::rename(path, &aside).with_context(|| format!("cannot set {} aside", path.display()))?;
    for end in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(named(end));
    }
    Ok(aside)
}

impl Store for Sqlite {
    fn stamps(&mut self) -> Result<HashMap<String, String>> {
        let mut statement = self.connection.prepare("SELECT folder, stamp FROM runs")?;
        let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn put(&mut self, night: &Night) -> Result<()> {
        let transaction = self.connection.transaction()?;
        let facts = facts(&night.environment)?;
        transaction.execute("INSERT OR IGNORE INTO environments (facts) VALUES (?1)", [&facts])?;
        transaction.execute("DELETE FROM nights WHERE run = (SELECT id FROM runs WHERE folder = ?1)", [&night.run])?;
        transaction.execute(
            "INSERT INTO runs (folder, stamp, started, environment)
             VALUES (?1, ?2, ?3, (SELECT id FROM environments WHERE facts = ?4))
             ON CONFLICT (folder) DO UPDATE SET stamp = ?2, started = ?3, environment = excluded.environment",
            params![night.run, night.stamp, night.environment.started, facts],
        )?;
        let run: i64 = transaction.query_row("SELECT id FROM runs WHERE folder = ?1", [&night.run], |r| r.get(0))?;
        {
            let mut key = transaction.prepare_cached(
                "INSERT OR IGNORE INTO keys (layer, scheme, contract, target, regime, threads) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            let mut kernel =
                transaction.prepare_cached("INSERT OR IGNORE INTO kernels (candidate, source_hash) VALUES (?1, ?2)")?;
            let mut row = transaction.prepare_cached(
                "INSERT OR REPLACE INTO nights VALUES ((SELECT id FROM keys WHERE layer = ?1 AND scheme = ?2
                 AND contract = ?3 AND target = ?4 AND regime = ?5 AND threads = ?6), ?7, ?8, ?9, ?10, ?11,
                 (SELECT id FROM kernels WHERE candidate = ?12 AND source_hash = ?13), ?14)",
            )?;
            for (k, r) in &night.rows {
                let threads = k.threads as i64;
                key.execute(params![k.layer, k.scheme, k.contract, k.target, k.regime, threads])?;
                kernel.execute(params![r.candidate, r.source_hash])?;
                row.execute(params![
                    k.layer,
                    k.scheme,
                    k.contract,
                    k.target,
                    k.regime,
                    threads,
                    run,
                    r.median_ns,
                    r.low_ns,
                    r.high_ns,
                    r.sessions as i64,
                    r.candidate,
                    r.source_hash,
                    r.tried as i64
                ])?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn history(&mut self, query: &Query) -> Result<Vec<History>> {
        let mut keys = self.connection.prepare_cached(
            "SELECT id, layer, scheme, contract, target, regime, threads FROM keys
             WHERE (?1 = '' OR layer = ?1 OR substr(layer, -length(?1) - 1) = '/' || ?1)
             AND (?2 = '' OR scheme = ?2) AND (?3 = '' OR target = ?3) ORDER BY 2, 3, 4, 5, 6, 7",
        )?;
        let key = |r: &rusqlite::Row| {
            let threads: i64 = r.get(6)?;
            let key = Key {
                layer: r.get(1)?,
                scheme: r.get(2)?,
                contract: r.get(3)?,
                target: r.get(4)?,
                regime: r.get(5)?,
                threads: threads as usize,
            };
            Ok((r.get::<_, i64>(0)?, key))
        };
        let found = keys.query_map([&query.layer, &query.scheme, &query.target], key)?;
        let found: Vec<(i64, Key)> = found.collect::<rusqlite::Result<_>>()?;
        let environments = self.environments()?;
        let mut nights = self.connection.prepare_cached(
            "SELECT folder, started, median_ns, low_ns, high_ns, sessions, candidate, source_hash, tried, environment
             FROM nights JOIN runs ON runs.id = run JOIN kernels ON kernels.id = kernel WHERE key = ?1 ORDER BY started, folder",
        )?;
        let mut all = Vec::new();
        for (id, key) in found {
            let point = |r: &rusqlite::Row| {
                let (sessions, tried, environment): (i64, i64, i64) = (r.get(5)?, r.get(8)?, r.get(9)?);
                let started: String = r.get(1)?;
                let facts = environments.get(&environment).cloned().unwrap_or_default();
                Ok(Point {
                    run: r.get(0)?,
                    environment: Environment { started: started.clone(), ..facts },
                    started,
                    median_ns: r.get(2)?,
                    low_ns: r.get(3)?,
                    high_ns: r.get(4)?,
                    sessions: sessions as usize,
                    candidate: r.get(6)?,
                    source_hash: r.get(7)?,
                    tried: tried as usize,
                })
            };
            let points = nights.query_map([id], point)?.collect::<rusqlite::Result<Vec<_>>>()?;
            all.extend((!points.is_empty()).then_some(History { key, points }));
        }
        Ok(all)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}

impl Sqlite {
    fn environments(&self) -> Result<HashMap<i64, Environment>> {
        let mut statement = self.connection.prepare_cached("SELECT id, facts FROM environments")?;
        let rows = statement.query_map([], |r| Ok((r.get(0)?, r.get::<_, String>(1)?)))?;
        let parsed = |row: rusqlite::Result<(i64, String)>| {
            let (id, facts) = row?;
            Ok((id, serde_json::from_str(&facts).context("the store's environments are damaged")?))
        };
        rows.map(parsed).collect()
    }
}

/// An environment without its date.
fn facts(environment: &Environment) -> Result<String> {
    Ok(serde_json::to_string(&Environment { started: String::new(), ..environment.clone() })?)
}
