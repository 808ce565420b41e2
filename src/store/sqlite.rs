//! The index in a file, by SQLite: write-ahead logging, one transaction for each run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rusqlite::{Connection, ErrorCode, types};

use super::Store;
use super::tables::{Column, Sql, Tables, Value};

struct Sqlite(Connection);

/// Opens or creates the file; one that is damaged is set aside, as the folders fill a new one.
pub fn open(address: &str) -> Result<Box<dyn Store>> {
    let path = Path::new(address);
    let tables = match connect(path).and_then(|sqlite| Tables::new(sqlite, vec![])) {
        Err(e) if is_damaged(&e) => {
            let aside = set_aside(path)?;
            let note = format!("{address} was damaged; it is now {}, and is filled again", aside.display());
            connect(path).and_then(|sqlite| Tables::new(sqlite, vec![note]))
        }
        other => other,
    };
    Ok(Box::new(tables.with_context(|| format!("cannot open {address}"))?))
}

fn connect(path: &Path) -> Result<Sqlite> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(60))?;
    let _: String = connection.query_row("PRAGMA journal_mode = WAL", [], |r| r.get(0))?;
    connection.execute_batch("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -65536;")?;
    Ok(Sqlite(connection))
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

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<types::ToSqlOutput<'_>> {
        Ok(match self {
            Value::Int(i) => (*i).into(),
            Value::Real(x) => (*x).into(),
            Value::Text(t) => t.as_str().into(),
            Value::Null => types::Null.into(),
        })
    }
}

impl Sql for Sqlite {
    const ID: &'static str = "INTEGER PRIMARY KEY";

    fn batch(&mut self, statements: &str) -> Result<()> {
        Ok(self.0.execute_batch(statements)?)
    }

    fn execute(&mut self, statement: &str, values: &[Value]) -> Result<()> {
        self.0.prepare_cached(statement)?.execute(rusqlite::params_from_iter(values))?;
        Ok(())
    }

    fn rows(&mut self, statement: &str, values: &[Value], columns: &[Column]) -> Result<Vec<Vec<Value>>> {
        let mut statement = self.0.prepare_cached(statement)?;
        let row = |r: &rusqlite::Row| {
            let one = |(i, column): (usize, &Column)| {
                Ok(match column {
                    Column::Int => Value::Int(r.get(i)?),
                    Column::Real => r.get::<_, Option<f64>>(i)?.map_or(Value::Null, Value::Real),
                    Column::Text => Value::Text(r.get(i)?),
                })
            };
            columns.iter().enumerate().map(one).collect::<rusqlite::Result<Vec<Value>>>()
        };
        Ok(statement.query_map(rusqlite::params_from_iter(values), row)?.collect::<rusqlite::Result<_>>()?)
    }

    fn begin(&mut self) -> Result<()> {
        self.batch("BEGIN IMMEDIATE")
    }

    fn version(&mut self) -> Result<i64> {
        Ok(self.0.query_row("PRAGMA user_version", [], |r| r.get(0))?)
    }

    fn set_version(&mut self, version: i64) -> Result<()> {
        Ok(self.0.pragma_update(None, "user_version", version)?)
    }
}
