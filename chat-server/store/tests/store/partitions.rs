//! Partitions over time.

use chat_domain::limits::SEND_DEDUP_DAYS;
use chat_store::message::{AppendError, Entry, Outcome};
use sqlx::{Connection as _, PgConnection};

use crate::database::{NOW_MS, fresh, message, open, register};

const DAY_MS: u64 = 86_400_000;

#[tokio::test]
async fn the_log_goes_on_over_months_and_repeats_are_forgotten_after_a_week() {
    let (store, url) = fresh().await;
    let (alice, bob) = (register(&store, 1).await, register(&store, 2).await);
    let conversation = open(&store, &alice, &bob).await;
    let mut writer = store.writer();
    let mut stored = 0;
    for week in 0..20 {
        let now_ms = NOW_MS + week * 7 * DAY_MS;
        let one = message(conversation, week);
        let entry = Entry {
            message: &one,
            sender: alice.account,
            device: alice.device,
            membership_version: 1,
        };
        // A server that was off for a while finds no partition for today.
        if let Err(AppendError::Store(error)) = writer.append(&[entry], now_ms).await {
            assert!(error.is_missing_partition(), "{error:?}");
            store.settle_partitions(now_ms).await.unwrap();
            let outcomes = writer.append(&[entry], now_ms).await.unwrap();
            assert_eq!(outcomes, [Outcome::Stored { seq: week + 1 }]);
        }
        stored += 1;
    }
    let page = store
        .list_log_page(conversation, bob.account, 0, 500)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(page.messages.len(), stored);
    assert!(page.messages.is_sorted_by_key(|message| message.seq));

    let mut connection = PgConnection::connect(&url).await.unwrap();
    let days: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'send_dedup'::regclass",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    // Those behind, yesterday's, today's and three ahead, of two settlings.
    assert!(
        days <= i64::try_from(SEND_DEDUP_DAYS).unwrap() + 10,
        "{days}"
    );
}
