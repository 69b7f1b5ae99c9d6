//! The store on real files.

use std::os::unix::fs::MetadataExt as _;

use super::*;
use crate::system::system_rng;

fn key(byte: u8) -> StoreKey {
    StoreKey::from_bytes([byte; 32])
}

fn put(table: Table, key: &[u8], value: &[u8]) -> Change {
    Change::Put(Record {
        table,
        key: key.to_vec(),
        value: value.to_vec(),
    })
}

fn open(folder: &Path, byte: u8) -> Result<Store, StoreError> {
    Store::open(&folder.join("store.sqlite"), &key(byte), &mut system_rng())
}

fn range(prefix: &[u8], limit: usize, order: Order) -> Query {
    Query::Range {
        table: Table::Message,
        prefix: prefix.to_vec(),
        before: None,
        after: None,
        limit,
        order,
    }
}

fn keys(store: &Store, query: &Query) -> Vec<Vec<u8>> {
    store
        .load(query)
        .unwrap()
        .into_iter()
        .map(|record| record.key)
        .collect()
}

#[test]
fn what_was_written_is_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 1).unwrap();
    let changes = [
        put(Table::Device, b"account", b"first"),
        put(Table::Device, b"account", b"second"),
        put(Table::Peer, b"p", b"peer"),
        put(Table::Session, b"s", b"session"),
        put(Table::Outbox, b"o", b"gone"),
        Change::Delete {
            table: Table::Outbox,
            key: b"o".to_vec(),
        },
        Change::Delete {
            table: Table::Outbox,
            key: b"never there".to_vec(),
        },
    ];
    store.apply(&changes, &mut system_rng()).unwrap();
    drop(store);
    let store = open(folder.path(), 1).unwrap();
    let records = store.at_open().unwrap();
    let found: Vec<_> = records
        .iter()
        .map(|record| (record.table, &record.value[..]))
        .collect();
    assert_eq!(
        found,
        [(Table::Device, &b"second"[..]), (Table::Peer, b"peer")]
    );
    let sessions = Query::Keys {
        table: Table::Session,
        keys: vec![b"missing".to_vec(), b"s".to_vec()],
    };
    assert_eq!(store.load(&sessions).unwrap()[0].value, b"session");
}

#[test]
fn a_range_has_bounds_and_an_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 1).unwrap();
    let all: Vec<_> = [
        [1, 1],
        [1, 2],
        [1, 3],
        [1, 255],
        [2, 0],
        [255, 1],
        [255, 255],
    ]
    .iter()
    .map(|key| put(Table::Message, key, b"x"))
    .collect();
    store.apply(&all, &mut system_rng()).unwrap();
    assert_eq!(
        keys(&store, &range(&[1], 9, Order::Ascending)),
        [[1, 1], [1, 2], [1, 3], [1, 255]]
    );
    assert_eq!(
        keys(&store, &range(&[1], 2, Order::Descending)),
        [[1, 255], [1, 3]]
    );
    assert_eq!(
        keys(&store, &range(&[255], 9, Order::Ascending)),
        [[255, 1], [255, 255]]
    );
    assert_eq!(keys(&store, &range(&[], 9, Order::Ascending)).len(), 7);
    let between = Query::Range {
        table: Table::Message,
        prefix: vec![1],
        before: Some(vec![1, 255]),
        after: Some(vec![1, 1]),
        limit: 9,
        order: Order::Ascending,
    };
    assert_eq!(keys(&store, &between), [[1, 2], [1, 3]]);
}

#[test]
fn a_wrong_key_is_told_from_an_altered_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 1).unwrap();
    store
        .apply(&[put(Table::Peer, b"p", b"peer")], &mut system_rng())
        .unwrap();
    drop(store);
    assert!(matches!(open(folder.path(), 2), Err(StoreError::WrongKey)));

    let file = Connection::open(folder.path().join("store.sqlite")).unwrap();
    file.execute(
        "UPDATE record SET value = CAST(substr(value, 1, 30) || x'00' AS BLOB)",
        [],
    )
    .unwrap();
    let altered = open(folder.path(), 1).unwrap().at_open();
    assert!(matches!(
        altered,
        Err(StoreError::Altered { table: "peer" })
    ));
    file.execute(
        "UPDATE record SET value = CAST(x'02' || substr(value, 2) AS BLOB)",
        [],
    )
    .unwrap();
    let later = open(folder.path(), 1).unwrap().at_open();
    assert!(matches!(
        later,
        Err(StoreError::RecordFormat {
            table: "peer",
            version: 2
        })
    ));
}

#[test]
fn a_record_that_was_moved_does_not_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 1).unwrap();
    store
        .apply(&[put(Table::Peer, b"p", b"peer")], &mut system_rng())
        .unwrap();
    store
        .connection
        .execute("UPDATE record SET key = x'71'", [])
        .unwrap();
    assert!(matches!(
        store.at_open(),
        Err(StoreError::Altered { table: "peer" })
    ));
}

#[test]
fn a_later_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), 1).unwrap();
    store
        .connection
        .execute(
            "UPDATE meta SET value = x'00000002' WHERE name = 'format'",
            [],
        )
        .unwrap();
    assert!(matches!(
        open(folder.path(), 1),
        Err(StoreError::Format { found: 2 })
    ));
}

#[test]
fn no_file_shows_a_value_or_is_open_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), 1).unwrap();
    let canary = b"canary that must not be on the disk";
    store
        .apply(&[put(Table::Message, b"m", canary)], &mut system_rng())
        .unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(
            std::fs::metadata(&path).unwrap().mode() & 0o777,
            0o600,
            "{path:?}"
        );
        let bytes = std::fs::read(&path).unwrap();
        assert!(
            !bytes.windows(canary.len()).any(|window| window == canary),
            "{path:?}"
        );
    }
}
