//! The form of stored values: one byte of format version, then postcard.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::{Record, Table};
use crate::machine::OpenError;

const VERSION: u8 = 1;

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
