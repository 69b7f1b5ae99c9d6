//! The store: one SQLite file of sealed records.
//!
//! Keys lie in the clear, since ranges are read by them: ids and sequence
//! numbers. Values are sealed one by one ([`seal`]). Whoever can write the file
//! can put back an older file as a whole; that a restored device does not use a
//! message key twice is the machine's and the protocol's work.

mod seal;

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rand_core::CryptoRng;
use rusqlite::{Connection, OptionalExtension as _, params};

use chat_client::{Change, Order, Query, Record, Table};

use crate::store_key::StoreKey;
use seal::{Sealer, UnsealError};

/// The format of the file as a whole; values have a version of their own.
const FORMAT: u32 = 1;

/// What proves the key before any record is read.
const KEY_CHECK: &str = "key_check";

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be made or opened.
    #[error("the file {} cannot be opened", file.display())]
    File {
        /// Which file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// SQLite says no: a full disk, a damaged file.
    #[error("the store cannot be read or written")]
    Sqlite(#[from] rusqlite::Error),
    /// A later version of this program made the file.
    #[error("the store has format {found}, and this version knows {FORMAT}")]
    Format {
        /// What the file says.
        found: u32,
    },
    /// The file is sealed under another key.
    #[error("the key of this home does not open its store")]
    WrongKey,
    /// A record was altered, moved or cut.
    #[error("a record of the table {table} was altered outside this program")]
    Altered {
        /// In which table.
        table: &'static str,
    },
    /// A later version of this program sealed a record.
    #[error("a record of the table {table} has the unknown format {version}")]
    RecordFormat {
        /// In which table.
        table: &'static str,
        /// What it says.
        version: u8,
    },
}

/// One open store. Its methods block on the disk.
pub(crate) struct Store {
    connection: Connection,
    sealer: Sealer,
}

impl Store {
    /// Opens the file, or makes it.
    pub fn open(path: &Path, key: &StoreKey, rng: &mut impl CryptoRng) -> Result<Self, StoreError> {
        // SQLite gives its journal the mode of the file, so that this one mode
        // keeps all of them private.
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|source| StoreError::File {
                file: path.to_owned(),
                source,
            })?;
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // A ratchet that was used and then forgotten by a power cut would be
        // used again: a commit waits for the disk.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
             CREATE TABLE IF NOT EXISTS record (
                 table_name TEXT NOT NULL,
                 key BLOB NOT NULL,
                 value BLOB NOT NULL,
                 PRIMARY KEY (table_name, key)
             ) WITHOUT ROWID;",
        )?;
        let mut store = Self {
            connection,
            sealer: Sealer::new(key),
        };
        store.check_format(rng)?;
        Ok(store)
    }

    fn check_format(&mut self, rng: &mut impl CryptoRng) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        let meta = |name: &str| {
            transaction
                .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| {
                    row.get::<_, Vec<u8>>(0)
                })
                .optional()
        };
        let (format, check) = (meta("format")?, meta(KEY_CHECK)?);
        if let Some(format) = format {
            let found = format.try_into().map_or(0, u32::from_be_bytes);
            if found != FORMAT {
                return Err(StoreError::Format { found });
            }
            let check = check.unwrap_or_default();
            return match self.sealer.open("meta", KEY_CHECK.as_bytes(), &check) {
                Ok(_) => Ok(()),
                Err(_) => Err(StoreError::WrongKey),
            };
        }
        let check = self.sealer.seal("meta", KEY_CHECK.as_bytes(), &[], rng);
        for (name, value) in [
            ("format", FORMAT.to_be_bytes().to_vec()),
            (KEY_CHECK, check),
        ] {
            transaction.execute(
                "INSERT INTO meta (name, value) VALUES (?1, ?2)",
                params![name, value],
            )?;
        }
        Ok(transaction.commit()?)
    }

    /// What a machine needs to open.
    pub fn at_open(&self) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::new();
        for table in Table::AT_OPEN {
            let everything = Query::Range {
                table: *table,
                prefix: Vec::new(),
                before: None,
                after: None,
                limit: usize::MAX,
                order: Order::Ascending,
            };
            records.extend(self.load(&everything)?);
        }
        Ok(records)
    }

    /// Writes all of the changes, in their order, or none.
    pub fn apply<'a>(
        &mut self,
        changes: impl IntoIterator<Item = &'a Change>,
        rng: &mut impl CryptoRng,
    ) -> Result<(), StoreError> {
        let transaction = self.connection.transaction()?;
        {
            let mut put = transaction.prepare_cached(
                "INSERT INTO record (table_name, key, value) VALUES (?1, ?2, ?3)
                 ON CONFLICT (table_name, key) DO UPDATE SET value = excluded.value",
            )?;
            let mut delete = transaction
                .prepare_cached("DELETE FROM record WHERE table_name = ?1 AND key = ?2")?;
            for change in changes {
                match change {
                    Change::Put(Record { table, key, value }) => {
                        let sealed = self.sealer.seal(table.name(), key, value, rng);
                        put.execute(params![table.name(), key, sealed])?;
                    }
                    Change::Delete { table, key } => {
                        delete.execute(params![table.name(), key])?;
                    }
                }
            }
        }
        Ok(transaction.commit()?)
    }

    /// Answers a question of the machine.
    pub fn load(&self, query: &Query) -> Result<Vec<Record>, StoreError> {
        match query {
            Query::Keys { table, keys } => {
                let mut select = self.connection.prepare_cached(
                    "SELECT value FROM record WHERE table_name = ?1 AND key = ?2",
                )?;
                let mut records = Vec::with_capacity(keys.len());
                for key in keys {
                    let sealed: Option<Vec<u8>> = select
                        .query_row(params![table.name(), key], |row| row.get(0))
                        .optional()?;
                    if let Some(sealed) = sealed {
                        records.push(self.unseal(*table, key.clone(), &sealed)?);
                    }
                }
                Ok(records)
            }
            Query::Range {
                table,
                prefix,
                before,
                after,
                limit,
                order,
            } => self.load_range(
                *table,
                &Bounds::new(prefix, before.as_deref(), after.as_deref()),
                *limit,
                *order,
            ),
        }
    }

    fn load_range(
        &self,
        table: Table,
        bounds: &Bounds<'_>,
        limit: usize,
        order: Order,
    ) -> Result<Vec<Record>, StoreError> {
        let sql = match order {
            Order::Ascending => {
                "SELECT key, value FROM record
                 WHERE table_name = ?1 AND key >= ?2 AND key > ?3
                   AND (?4 IS NULL OR key < ?4) AND (?5 IS NULL OR key < ?5)
                 ORDER BY key ASC LIMIT ?6"
            }
            Order::Descending => {
                "SELECT key, value FROM record
                 WHERE table_name = ?1 AND key >= ?2 AND key > ?3
                   AND (?4 IS NULL OR key < ?4) AND (?5 IS NULL OR key < ?5)
                 ORDER BY key DESC LIMIT ?6"
            }
        };
        let mut select = self.connection.prepare_cached(sql)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let found = select.query_map(
            params![
                table.name(),
                bounds.from,
                bounds.after,
                bounds.until,
                bounds.before,
                limit
            ],
            |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)),
        )?;
        let mut records = Vec::new();
        for row in found {
            let (key, sealed) = row?;
            records.push(self.unseal(table, key, &sealed)?);
        }
        Ok(records)
    }

    fn unseal(&self, table: Table, key: Vec<u8>, sealed: &[u8]) -> Result<Record, StoreError> {
        match self.sealer.open(table.name(), &key, sealed) {
            Ok(value) => Ok(Record {
                table,
                key,
                value: value.to_vec(),
            }),
            Err(UnsealError::Altered) => Err(StoreError::Altered {
                table: table.name(),
            }),
            Err(UnsealError::Version(version)) => Err(StoreError::RecordFormat {
                table: table.name(),
                version,
            }),
        }
    }
}

/// A stretch of keys.
struct Bounds<'a> {
    from: &'a [u8],
    /// An empty key never occurs below this, so that "nothing" needs no case.
    after: &'a [u8],
    /// The first key that no longer begins with the prefix.
    until: Option<Vec<u8>>,
    before: Option<&'a [u8]>,
}

impl<'a> Bounds<'a> {
    fn new(prefix: &'a [u8], before: Option<&'a [u8]>, after: Option<&'a [u8]>) -> Self {
        Self {
            from: prefix,
            after: after.unwrap_or_default(),
            until: end_of_prefix(prefix),
            before,
        }
    }
}

/// The lowest key above all that begin with `prefix`; `None` when there is none.
fn end_of_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}

#[cfg(test)]
mod tests;
