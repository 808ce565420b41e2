//! The tables and every question to them, in SQL that both kinds of store understand. What they differ in, a [`Sql`] says.

use std::collections::HashMap;

use anyhow::{Context, Result, bail, ensure};

use super::{History, Night, Point, Query, SCHEMA, Store};
use crate::sessions::{Environment, Key};

/// A value of a statement or of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Int(i64),
    Real(f64),
    Text(String),
    Null,
}

/// A connection. Statements have their parameters as `$1`, `$2`, each first named in this order.
pub trait Sql {
    /// The type of a key that is counted up, and any whole number's.
    const ID: &'static str;

    /// Statements without parameters.
    fn batch(&mut self, statements: &str) -> Result<()>;

    fn execute(&mut self, statement: &str, values: &[Value]) -> Result<()>;

    /// Rows, each of as many values as `columns` says, of these kinds.
    fn rows(&mut self, statement: &str, values: &[Value], columns: &[Column]) -> Result<Vec<Vec<Value>>>;

    /// Begins a transaction that writes: of two, one waits here.
    fn begin(&mut self) -> Result<()>;

    /// The version of the tables; 0 where there are none.
    fn version(&mut self) -> Result<i64>;

    fn set_version(&mut self, version: i64) -> Result<()>;
}

/// The kind of a column that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Int,
    /// Nothing too.
    Real,
    Text,
}

/// Statements that bring a store from the version of their place to the next one; `{id}` is [`Sql::ID`]. What a run says is never
/// changed here: where a version says more of runs, they are asked again.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE environments (id {id}, facts TEXT NOT NULL UNIQUE);
    CREATE TABLE runs (id {id}, folder TEXT NOT NULL UNIQUE, stamp TEXT NOT NULL, started TEXT NOT NULL,
        environment BIGINT NOT NULL REFERENCES environments);
    CREATE TABLE keys (id {id}, layer TEXT NOT NULL, scheme TEXT NOT NULL, contract TEXT NOT NULL,
        target TEXT NOT NULL, regime TEXT NOT NULL, threads BIGINT NOT NULL,
        UNIQUE (layer, scheme, contract, target, regime, threads));
    CREATE TABLE kernels (id {id}, candidate TEXT NOT NULL, source_hash TEXT NOT NULL,
        UNIQUE (candidate, source_hash));
    CREATE TABLE nights (key BIGINT NOT NULL REFERENCES keys, run BIGINT NOT NULL REFERENCES runs,
        median_ns DOUBLE PRECISION NOT NULL, low_ns DOUBLE PRECISION NOT NULL, high_ns DOUBLE PRECISION NOT NULL,
        sessions BIGINT NOT NULL, kernel BIGINT NOT NULL REFERENCES kernels, tried BIGINT NOT NULL,
        PRIMARY KEY (key, run));
    CREATE INDEX nights_by_run ON nights (run);
    ",
    // the device's own pace beside each time
    "
    ALTER TABLE nights ADD COLUMN pace_ns DOUBLE PRECISION;
    UPDATE runs SET stamp = '';
    ",
];

/// Stores of a later version are refused.
const _: () = assert!(MIGRATIONS.len() as i64 == SCHEMA);

/// The tables over a connection.
pub struct Tables<S> {
    sql: S,
    notes: Vec<String>,
}

impl<S: Sql> Tables<S> {
    /// Makes the tables, or brings them to this version.
    /// # Errors
    /// Tables of a later version; a connection that fails.
    pub fn new(mut sql: S, notes: Vec<String>) -> Result<Self> {
        // of two that find an old version, the second waits and finds the new one
        sql.begin()?;
        let version = sql.version()?;
        if version > SCHEMA {
            sql.batch("ROLLBACK")?;
            bail!("it is of version {version}, this bitsmith knows {SCHEMA}; use a later bitsmith, or another --store");
        }
        let migrated = MIGRATIONS
            .iter()
            .skip(version.max(0) as usize)
            .try_for_each(|statements| sql.batch(&statements.replace("{id}", S::ID)));
        match migrated.and_then(|()| sql.set_version(SCHEMA)) {
            Ok(()) => sql.batch("COMMIT")?,
            Err(e) => {
                sql.batch("ROLLBACK")?;
                return Err(e);
            }
        }
        Ok(Self { sql, notes })
    }

    fn write(&mut self, night: &Night) -> Result<()> {
        let text = |t: &str| Value::Text(t.into());
        let facts = facts(&night.environment)?;
        self.sql.execute("INSERT INTO environments (facts) VALUES ($1) ON CONFLICT DO NOTHING", &[text(&facts)])?;
        self.sql
            .execute("DELETE FROM nights WHERE run = (SELECT id FROM runs WHERE folder = $1)", &[text(&night.run)])?;
        self.sql.execute(
            "INSERT INTO runs (folder, stamp, started, environment)
             VALUES ($1, $2, $3, (SELECT id FROM environments WHERE facts = $4))
             ON CONFLICT (folder) DO UPDATE SET stamp = excluded.stamp, started = excluded.started, environment = excluded.environment",
            &[text(&night.run), text(&night.stamp), text(&night.environment.started), text(&facts)],
        )?;
        let run = self.sql.rows("SELECT id FROM runs WHERE folder = $1", &[text(&night.run)], &[Column::Int])?;
        let run = run.into_iter().flatten().next().context("a run that was just written is not there")?;
        for (k, r) in &night.rows {
            let key = [
                text(&k.layer),
                text(&k.scheme),
                text(&k.contract),
                text(&k.target),
                text(&k.regime),
                Value::Int(k.threads as i64),
            ];
            self.sql.execute(
                "INSERT INTO keys (layer, scheme, contract, target, regime, threads) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                &key,
            )?;
            let kernel = [text(&r.candidate), text(&r.source_hash)];
            self.sql.execute(
                "INSERT INTO kernels (candidate, source_hash) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                &kernel,
            )?;
            let figures = [
                run.clone(),
                Value::Real(r.median_ns),
                Value::Real(r.low_ns),
                Value::Real(r.high_ns),
                Value::Int(r.sessions as i64),
                Value::Int(r.tried as i64),
                r.pace_ns.map_or(Value::Null, Value::Real),
            ];
            self.sql.execute(
                "INSERT INTO nights (key, kernel, run, median_ns, low_ns, high_ns, sessions, tried, pace_ns) VALUES (
                 (SELECT id FROM keys WHERE layer = $1 AND scheme = $2 AND contract = $3 AND target = $4 AND regime = $5 AND threads = $6),
                 (SELECT id FROM kernels WHERE candidate = $7 AND source_hash = $8), $9, $10, $11, $12, $13, $14, $15)",
                &[&key[..], &kernel, &figures].concat(),
            )?;
        }
        Ok(())
    }

    fn environments(&mut self) -> Result<HashMap<i64, Environment>> {
        let rows = self.sql.rows("SELECT id, facts FROM environments", &[], &[Column::Int, Column::Text])?;
        let parsed = |row: Vec<Value>| {
            let mut row = Row(row.into_iter());
            Ok((row.int()?, serde_json::from_str(&row.text()?).context("the store's environments are damaged")?))
        };
        rows.into_iter().map(parsed).collect()
    }
}

impl<S: Sql> Store for Tables<S> {
    fn stamps(&mut self) -> Result<HashMap<String, String>> {
        let rows = self.sql.rows("SELECT folder, stamp FROM runs", &[], &[Column::Text, Column::Text])?;
        let pair = |row: Vec<Value>| {
            let mut row = Row(row.into_iter());
            Ok((row.text()?, row.text()?))
        };
        rows.into_iter().map(pair).collect()
    }

    fn put(&mut self, night: &Night) -> Result<()> {
        self.sql.begin()?;
        match self.write(night) {
            Ok(()) => self.sql.batch("COMMIT"),
            Err(e) => {
                // what was wrong is the first error, whatever becomes of the connection
                let _ = self.sql.batch("ROLLBACK");
                Err(e)
            }
        }
    }

    fn history(&mut self, query: &Query) -> Result<Vec<History>> {
        let text = |t: &str| Value::Text(t.into());
        let (int, real, words) = (Column::Int, Column::Real, Column::Text);
        let found = self.sql.rows(
            "SELECT id, layer, scheme, contract, target, regime, threads FROM keys
             WHERE ($1 = '' OR layer = $1 OR (length(layer) > length(CAST($1 AS TEXT))
                    AND substr(layer, length(layer) - length(CAST($1 AS TEXT))) = '/' || $1))
             AND ($2 = '' OR scheme = $2) AND ($3 = '' OR target = $3) ORDER BY 2, 3, 4, 5, 6, 7",
            &[text(&query.layer), text(&query.scheme), text(&query.target)],
            &[int, words, words, words, words, words, int],
        )?;
        let environments = self.environments()?;
        let mut all = Vec::new();
        for row in found {
            let mut row = Row(row.into_iter());
            let id = row.int()?;
            let (layer, scheme, contract) = (row.text()?, row.text()?, row.text()?);
            let key =
                Key { layer, scheme, contract, target: row.text()?, regime: row.text()?, threads: row.int()? as usize };
            let nights = self.sql.rows(
                "SELECT folder, started, median_ns, low_ns, high_ns, sessions, candidate, source_hash, tried, environment, pace_ns
                 FROM nights JOIN runs ON runs.id = run JOIN kernels ON kernels.id = kernel WHERE key = $1 ORDER BY started, folder",
                &[Value::Int(id)],
                &[words, words, real, real, real, int, words, words, int, int, real],
            )?;
            let points = nights.into_iter().map(|row| point(row, &environments)).collect::<Result<Vec<_>>>()?;
            all.extend((!points.is_empty()).then_some(History { key, points }));
        }
        Ok(all)
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}

fn point(row: Vec<Value>, environments: &HashMap<i64, Environment>) -> Result<Point> {
    let mut row = Row(row.into_iter());
    let (run, started) = (row.text()?, row.text()?);
    let (median_ns, low_ns, high_ns) = (row.real()?, row.real()?, row.real()?);
    let (sessions, candidate, source_hash) = (row.int()? as usize, row.text()?, row.text()?);
    let (tried, environment) = (row.int()? as usize, row.int()?);
    let facts = environments.get(&environment).cloned().unwrap_or_default();
    Ok(Point {
        run,
        environment: Environment { started: started.clone(), ..facts },
        started,
        median_ns,
        low_ns,
        high_ns,
        sessions,
        candidate,
        source_hash,
        tried,
        pace_ns: row.real_or_none()?,
    })
}

/// A row, value by value.
struct Row(std::vec::IntoIter<Value>);

impl Row {
    fn next(&mut self) -> Result<Value> {
        self.0.next().context("the store gave too few values")
    }

    fn int(&mut self) -> Result<i64> {
        let value = self.next()?;
        if let Value::Int(i) = value { Ok(i) } else { bail!("the store gave {value:?} for a whole number") }
    }

    fn text(&mut self) -> Result<String> {
        let value = self.next()?;
        if let Value::Text(t) = value { Ok(t) } else { bail!("the store gave {value:?} for a text") }
    }

    fn real_or_none(&mut self) -> Result<Option<f64>> {
        match self.next()? {
            Value::Null => Ok(None),
            Value::Real(x) => Ok(Some(x)),
            value => bail!("the store gave {value:?} for a number"),
        }
    }

    fn real(&mut self) -> Result<f64> {
        let value = self.real_or_none()?;
        ensure!(value.is_some(), "the store gave nothing for a number");
        Ok(value.unwrap_or_default())
    }
}

/// An environment without its date.
fn facts(environment: &Environment) -> Result<String> {
    Ok(serde_json::to_string(&Environment { started: String::new(), ..environment.clone() })?)
}
