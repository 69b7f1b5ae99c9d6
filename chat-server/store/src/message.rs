//! Messages: the log of each conversation.

mod writer;

use bytes::Bytes;
use chat_domain::message::Envelopes;
use chat_protocol::{AccountId, ConversationId, DeviceId, MessageId, limits};

use crate::convert::{self, AsUuid as _, bigint, unsigned};
use crate::{Store, StoreError};

pub use writer::{AppendError, Entry, Outcome, Writer};

/// A message as the log holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedMessage {
    /// Its place.
    pub seq: u64,
    /// When the server took it, in milliseconds since 1970.
    pub at_ms: u64,
    /// Whose it is.
    pub sender: AccountId,
    /// The device that sealed it.
    pub sender_device: DeviceId,
    /// The id that the device drew.
    pub message_id: MessageId,
    /// The number of its kind.
    pub kind: u16,
    /// Sealed.
    pub body: Bytes,
    /// Its content key, sealed to each device.
    pub envelopes: Envelopes,
}

/// A part of a conversation's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// In order of their places, without gaps.
    pub messages: Vec<LoggedMessage>,
    /// The newest message's place when the page was read.
    pub head_seq: u64,
}

impl Store {
    /// The log of a conversation from `after_seq + 1` on; `None` when `reader` is
    /// not in it. The page ends at the limit of messages or of bytes, and holds at
    /// least one message if there is one.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn list_log_page(
        &self,
        conversation: ConversationId,
        reader: AccountId,
        after_seq: u64,
        limit: u32,
    ) -> Result<Option<LogPage>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        // The head first: rows that come after it are left for the next page, so
        // that head_seq never names a place that a reader must still wait for.
        let head_seq = sqlx::query_scalar!(
            r#"
            SELECT c.head_seq FROM conversations c
            JOIN conversation_members m ON m.conversation = c.id
            WHERE c.id = $1 AND m.account = $2
            "#,
            conversation.uuid(),
            reader.uuid(),
        )
        .fetch_optional(&mut *connection)
        .await?;
        let Some(head_seq) = head_seq else {
            return Ok(None);
        };
        let rows = sqlx::query!(
            r#"
            SELECT seq AS "seq!", at_ms AS "at_ms!", sender AS "sender!",
                sender_device AS "sender_device!", message_id AS "message_id!",
                kind AS "kind!", body AS "body!", envelopes AS "envelopes!"
            FROM (
                SELECT page.*, sum(octet_length(body) + octet_length(envelopes))
                    OVER (ORDER BY seq) AS bytes
                FROM (
                    SELECT * FROM conversation_log
                    WHERE conversation = $1 AND seq > $2 AND seq <= $3
                    ORDER BY seq LIMIT $4
                ) AS page
            ) AS counted
            WHERE bytes <= $5 OR seq = $2 + 1
            ORDER BY seq
            "#,
            conversation.uuid(),
            // Beyond the head there is nothing, however far.
            bigint(after_seq).min(head_seq),
            head_seq,
            i64::from(limit.clamp(1, limits::LOG_PAGE_MAX)),
            i64::try_from(limits::LOG_PAGE_MAX_BYTES).unwrap_or(i64::MAX),
        )
        .fetch_all(&mut *connection)
        .await?;
        Ok(Some(LogPage {
            head_seq: unsigned(head_seq),
            messages: rows
                .into_iter()
                .map(|row| LoggedMessage {
                    seq: unsigned(row.seq),
                    at_ms: unsigned(row.at_ms),
                    sender: convert::account(row.sender),
                    sender_device: convert::device(row.sender_device),
                    message_id: convert::message(row.message_id),
                    kind: u16::try_from(row.kind).unwrap_or_default(),
                    body: row.body.into(),
                    envelopes: Envelopes::from_stored(row.envelopes.into()),
                })
                .collect(),
        }))
    }
}
