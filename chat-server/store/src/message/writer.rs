//! The write path: many messages of many senders in one transaction.

use std::collections::HashMap;

use chat_domain::message::NewMessage;
use chat_protocol::{AccountId, ConversationId, DeviceId, MessageId};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::StoreError;
use crate::conversation::kind_number;
use crate::convert::{self, AsUuid as _, bigint, unsigned};

/// How the writer's statements are planned: once, through the indices. Tables
/// that have just been made look empty to the planner, who would then read all
/// of a partition that is full by the evening; and to plan a join over a week of
/// partitions costs more than to run it.
const SESSION: &str = "SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;
    SET enable_bitmapscan = off; SET jit = off";

/// One message of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// What is stored.
    pub message: &'a NewMessage,
    /// Whose it is.
    pub sender: AccountId,
    /// The device that sealed it.
    pub device: DeviceId,
    /// The membership version that its sender's right was checked against.
    pub membership_version: u64,
}

/// What became of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is stored.
    Stored {
        /// Its place.
        seq: u64,
    },
    /// It was stored before: the same answer as then.
    Repeated {
        /// Its place.
        seq: u64,
        /// When that was.
        at_ms: u64,
    },
}

/// Why a batch is not stored. Nothing of it is.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Members or their device lists changed since they were checked, or the
    /// conversation is gone: check again, then store again.
    #[error("the membership of {} conversations has changed", .0.len())]
    MembershipChanged(Vec<ConversationId>),
    /// The database failed. If it failed at the commit, the batch may be stored:
    /// storing it again answers right either way.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for AppendError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Stores messages in batches, on a connection of its own.
#[derive(Debug)]
pub struct Writer {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
}

impl Writer {
    pub(crate) fn new(options: PgConnectOptions) -> Self {
        Self {
            options,
            connection: None,
        }
    }

    /// Stores a batch in one transaction and returns what became of each message,
    /// in order. Returns after the commit is on disk.
    ///
    /// Messages of one conversation get their places in the order of the batch.
    /// The rows of all its conversations are locked in the order of their ids
    /// first: no two replicas wait for each other in a ring, and what is read
    /// below (repeats, membership) cannot change before the commit.
    ///
    /// Not cancel-safe in the sense that a dropped call may or may not have
    /// stored the batch; to store it again is safe.
    ///
    /// # Errors
    /// [`AppendError`] when nothing was stored, or the commit's outcome is unknown.
    pub async fn append(
        &mut self,
        entries: &[Entry<'_>],
        at_ms: u64,
    ) -> Result<Vec<Outcome>, AppendError> {
        // Taken out while it works: a call that fails or is dropped leaves none
        // behind, and no half of a transaction comes back with the next batch.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let result = append(&mut connection, entries, at_ms).await;
        if matches!(result, Ok(_) | Err(AppendError::MembershipChanged(_))) {
            self.connection = Some(connection);
        }
        result
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let mut connection = PgConnection::connect_with(&self.options).await?;
        sqlx::raw_sql(SESSION).execute(&mut connection).await?;
        Ok(connection)
    }
}

/// A conversation while its row is locked.
struct Head {
    seq: u64,
    membership_version: u64,
}

async fn append(
    connection: &mut PgConnection,
    entries: &[Entry<'_>],
    at_ms: u64,
) -> Result<Vec<Outcome>, AppendError> {
    let mut transaction = connection.begin().await?;
    let mut heads = lock(&mut transaction, entries).await?;
    let changed = changed(entries, &heads);
    if !changed.is_empty() {
        transaction.rollback().await?;
        return Err(AppendError::MembershipChanged(changed));
    }
    // After the locks, hence with all that another replica has committed.
    let mut known = repeated(&mut transaction, entries).await?;
    let mut outcomes = Vec::with_capacity(entries.len());
    let mut rows = Rows::with_capacity(entries.len());
    for entry in entries {
        let key = (entry.device, entry.message.id);
        if let Some((seq, at_ms)) = known.get(&key).copied() {
            outcomes.push(Outcome::Repeated { seq, at_ms });
            continue;
        }
        let head = heads
            .get_mut(&entry.message.conversation)
            .expect("every conversation of the batch is locked");
        head.seq += 1;
        let seq = head.seq;
        // The same message twice in one batch is a repeat too.
        known.insert(key, (seq, at_ms));
        rows.push(entry, seq);
        outcomes.push(Outcome::Stored { seq });
    }
    if !rows.seqs.is_empty() {
        rows.write(&mut transaction, at_ms).await?;
    }
    transaction.commit().await?;
    Ok(outcomes)
}

/// Locks the rows of all conversations of a batch, in the order of their ids.
async fn lock(
    connection: &mut PgConnection,
    entries: &[Entry<'_>],
) -> Result<HashMap<ConversationId, Head>, AppendError> {
    let mut ids: Vec<Uuid> = entries
        .iter()
        .map(|entry| entry.message.conversation.uuid())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let rows = sqlx::query!(
        r#"
        SELECT id, head_seq, membership_version FROM conversations
        WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE
        "#,
        &ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let head = Head {
                seq: unsigned(row.head_seq),
                membership_version: unsigned(row.membership_version),
            };
            (convert::conversation(row.id), head)
        })
        .collect())
}

/// The conversations whose membership is not the one that was checked.
fn changed(entries: &[Entry<'_>], heads: &HashMap<ConversationId, Head>) -> Vec<ConversationId> {
    let mut changed: Vec<ConversationId> = entries
        .iter()
        .filter(|entry| {
            heads
                .get(&entry.message.conversation)
                .is_none_or(|head| head.membership_version != entry.membership_version)
        })
        .map(|entry| entry.message.conversation)
        .collect();
    changed.sort_unstable();
    changed.dedup();
    changed
}

type Places = HashMap<(DeviceId, MessageId), (u64, u64)>;

/// The messages of a batch that were stored before, with place and time.
async fn repeated(
    connection: &mut PgConnection,
    entries: &[Entry<'_>],
) -> Result<Places, AppendError> {
    let devices: Vec<Uuid> = entries.iter().map(|entry| entry.device.uuid()).collect();
    let messages: Vec<Uuid> = entries
        .iter()
        .map(|entry| entry.message.id.uuid())
        .collect();
    let rows = sqlx::query!(
        r#"
        SELECT d.device, d.message_id, d.seq, d.at_ms
        FROM unnest($1::uuid[], $2::uuid[]) AS sent(device, message_id)
        JOIN send_dedup d ON d.device = sent.device AND d.message_id = sent.message_id
        "#,
        &devices,
        &messages,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            let key = (
                convert::device(row.device),
                convert::message(row.message_id),
            );
            (key, (unsigned(row.seq), unsigned(row.at_ms)))
        })
        .collect())
}

/// The new rows of a batch, column by column as `unnest` takes them.
#[derive(Default)]
struct Rows<'a> {
    conversations: Vec<Uuid>,
    seqs: Vec<i64>,
    senders: Vec<Uuid>,
    devices: Vec<Uuid>,
    messages: Vec<Uuid>,
    kinds: Vec<i16>,
    bodies: Vec<&'a [u8]>,
    envelopes: Vec<&'a [u8]>,
    heads: HashMap<Uuid, i64>,
}

impl<'a> Rows<'a> {
    fn with_capacity(count: usize) -> Self {
        Self {
            conversations: Vec::with_capacity(count),
            seqs: Vec::with_capacity(count),
            senders: Vec::with_capacity(count),
            devices: Vec::with_capacity(count),
            messages: Vec::with_capacity(count),
            kinds: Vec::with_capacity(count),
            bodies: Vec::with_capacity(count),
            envelopes: Vec::with_capacity(count),
            heads: HashMap::with_capacity(count),
        }
    }

    fn push(&mut self, entry: &Entry<'a>, seq: u64) {
        let conversation = entry.message.conversation.uuid();
        let seq = bigint(seq);
        self.conversations.push(conversation);
        self.seqs.push(seq);
        self.senders.push(entry.sender.uuid());
        self.devices.push(entry.device.uuid());
        self.messages.push(entry.message.id.uuid());
        self.kinds.push(kind_number(entry.message.kind.number()));
        self.bodies.push(&entry.message.body);
        self.envelopes.push(entry.message.envelopes.as_bytes());
        // Pushed in order, so that the last one is the newest.
        self.heads.insert(conversation, seq);
    }

    /// Log, memory of repeats and heads in one statement: one round trip.
    async fn write(&self, connection: &mut PgConnection, at_ms: u64) -> Result<(), AppendError> {
        let (changed, heads): (Vec<Uuid>, Vec<i64>) = self.heads.iter().unzip();
        sqlx::query!(
            r#"
            WITH logged AS (
                INSERT INTO conversation_log (conversation, seq, at_ms, sender, sender_device,
                    message_id, kind, body, envelopes)
                SELECT new.conversation, new.seq, $9, new.sender, new.device, new.message_id,
                    new.kind, new.body, new.envelopes
                FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[],
                        $6::smallint[], $7::bytea[], $8::bytea[])
                    AS new(conversation, seq, sender, device, message_id, kind, body, envelopes)
            ), remembered AS (
                INSERT INTO send_dedup (device, message_id, at_ms, seq)
                SELECT new.device, new.message_id, $9, new.seq
                FROM unnest($4::uuid[], $5::uuid[], $2::bigint[])
                    AS new(device, message_id, seq)
            )
            UPDATE conversations c
            SET head_seq = new.head_seq,
                changed_xid = (SELECT pg_current_xact_id()::text::bigint)
            FROM unnest($10::uuid[], $11::bigint[]) AS new(id, head_seq)
            WHERE c.id = new.id
            "#,
            &self.conversations,
            &self.seqs,
            &self.senders,
            &self.devices,
            &self.messages,
            &self.kinds,
            &self.bodies as &[&[u8]],
            &self.envelopes as &[&[u8]],
            bigint(at_ms),
            &changed,
            &heads,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}
