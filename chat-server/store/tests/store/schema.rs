//! The schema itself.

use sqlx::{Connection as _, PgConnection, Row as _};

use crate::database::{NOW_MS, connect, fresh};

/// What a column can be to somebody who steals the database.
const KINDS: &[&str] = &["metadata: ", "public key: ", "hash: ", "sealed: "];

#[tokio::test]
async fn every_table_and_column_says_what_it_holds() {
    let (_store, url) = fresh().await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    // Partitions are their parents again.
    let columns = sqlx::query(
        "SELECT c.relname::text, a.attname::text, col_description(c.oid, a.attnum),
            obj_description(c.oid, 'pg_class')
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
            AND NOT c.relispartition AND c.relname <> '_sqlx_migrations'
         ORDER BY 1, a.attnum",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert!(columns.len() > 40, "{} columns", columns.len());
    let mut sealed = Vec::new();
    for column in columns {
        let place = format!("{}.{}", column.get::<&str, _>(0), column.get::<&str, _>(1));
        let comment: Option<&str> = column.get(2);
        let comment = comment.unwrap_or_else(|| panic!("{place} has a comment"));
        assert!(
            KINDS.iter().any(|kind| comment.starts_with(kind)),
            "{place}: {comment:?} begins with one of {KINDS:?}"
        );
        assert!(
            column.get::<Option<&str>, _>(3).is_some(),
            "{place}'s table"
        );
        if comment.starts_with("sealed: ") {
            sealed.push(place);
        }
    }
    assert_eq!(
        sealed,
        ["conversation_log.body", "conversation_log.envelopes"]
    );
}

#[tokio::test]
async fn several_servers_that_start_at_once_make_one_schema() {
    let url = chat_testkit::postgres::temporary::shared()
        .fresh_database()
        .unwrap();
    let start = async || {
        let store = connect(&url);
        store.migrate().await.unwrap();
        store.settle_partitions(NOW_MS).await.unwrap();
        store.settle_epoch(NOW_MS).await.unwrap()
    };
    let (one, two, three) = tokio::join!(start(), start(), start());
    assert_eq!((one, two, three), (NOW_MS, NOW_MS, NOW_MS));
}

#[tokio::test]
async fn a_database_that_was_put_elsewhere_begins_a_new_epoch() {
    let (store, url) = fresh().await;
    assert_eq!(store.settle_epoch(NOW_MS + 5).await.unwrap(), NOW_MS);
    // As after a dump was read into another cluster.
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query("UPDATE server SET lineage = 'another'")
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(store.settle_epoch(NOW_MS + 5).await.unwrap(), NOW_MS + 5);
    assert_eq!(store.settle_epoch(NOW_MS + 9).await.unwrap(), NOW_MS + 5);
    // It rises even when the clock went back.
    assert_eq!(store.begin_epoch(0).await.unwrap(), NOW_MS + 6);
}

#[tokio::test]
async fn a_schema_of_a_later_version_is_left_alone() {
    let (store, url) = fresh().await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9999, 'of a later version', true, '', 0)",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    store.migrate().await.expect("version N−1 works on it");
}

#[tokio::test]
async fn without_a_schema_that_is_what_is_missing() {
    let url = chat_testkit::postgres::temporary::shared()
        .fresh_database()
        .unwrap();
    let error = connect(&url).check().await.unwrap_err();
    assert!(error.is_missing_schema() && !error.is_transient());
}
