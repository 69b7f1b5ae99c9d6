//! The form of stored values: one byte of format version, then postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::{Record, Table};

const VERSION: u8 = 1;

/// Why a store does not make a machine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The store holds no account yet: register first.
    #[error("this device has no account yet")]
    NoAccount,
    /// A record does not read back as what it must be.
    #[error("the store of this device is damaged (table {table})")]
    Damaged {
        /// Where.
        table: &'static str,
    },
    /// Written by a later version of the program.
    #[error(
        "the store of this device has format {version} (table {table}), which this version does not know"
    )]
    Version {
        /// Where.
        table: &'static str,
        /// The format.
        version: u8,
    },
}

/// Encodes a value for the store.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![VERSION]).expect("a Vec takes what is appended to it")
}

/// Reads a value of the store.
pub(crate) fn decode<T: DeserializeOwned>(record: &Record) -> Result<T, OpenError> {
    let damaged = || OpenError::Damaged {
        table: record.table.name(),
    };
    match record.value.split_first() {
        Some((&VERSION, rest)) => postcard::from_bytes(rest).map_err(|_| damaged()),
        Some((&version, _)) => Err(OpenError::Version {
            table: record.table.name(),
            version,
        }),
        None => Err(damaged()),
    }
}

/// A record whose key is an id.
pub(crate) fn record<T: Serialize>(table: Table, key: impl Into<Vec<u8>>, value: &T) -> Record {
    Record {
        table,
        key: key.into(),
        value: encode(value),
    }
}
