//! Conversations: opening them, who is in them, and which have changed.

use chat_domain::conversation::{Member, Membership, NewDirect};
use chat_domain::limits::CONVERSATIONS_PER_ACCOUNT;
use chat_protocol::{AccountId, ConversationId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::convert::{self, AsUuid as _, bigint, unsigned};
use crate::server::{self, Position};
use crate::{Store, StoreError};

/// A conversation as its members see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversationState {
    /// Which.
    pub conversation: ConversationId,
    /// The number of its kind.
    pub kind: u16,
    /// The newest message's place.
    pub head_seq: u64,
    /// Who is in it, with names.
    pub members: Vec<(AccountId, String)>,
}

/// A direct conversation after it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenedDirect {
    /// It is new: the peer has not heard of it.
    New(ConversationState),
    /// It was there.
    Known(ConversationState),
}

/// Why a conversation is not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenDirectError {
    /// There is no such account.
    #[error("there is no such account")]
    PersonNotFound,
    /// One of the two accounts is in as many conversations as an account can be.
    #[error("an account is in too many conversations")]
    TooMany,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for OpenDirectError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// What has changed for an account since a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Where it is now.
    pub position: Position,
    /// False: the earlier position is of another history, and this is everything.
    pub resumed: bool,
    /// The conversations that have changed.
    pub conversations: Vec<ConversationState>,
}

impl Store {
    /// Opens the direct conversation of two accounts, or finds it.
    ///
    /// # Errors
    /// [`OpenDirectError`] when the peer does not exist or a limit is reached.
    pub async fn open_direct(&self, new: &NewDirect) -> Result<OpenedDirect, OpenDirectError> {
        let id = new.conversation.uuid();
        if let Some(state) = self.lookup_state(new.conversation).await? {
            return Ok(OpenedDirect::Known(state));
        }
        let accounts = [new.own.uuid(), new.peer.uuid()];
        let mut transaction = self.pool.begin().await?;
        // Counted without a lock on the accounts: a few too many after a race do
        // no harm, while two who open towards each other must not wait in a ring.
        let counts = sqlx::query!(
            r#"
            SELECT a.id, (
                SELECT count(*) FROM conversation_members m WHERE m.account = a.id
            ) AS "conversations!"
            FROM accounts a WHERE a.id = ANY($1)
            "#,
            &accounts,
        )
        .fetch_all(&mut *transaction)
        .await?;
        if counts.len() < accounts.len() {
            return Err(OpenDirectError::PersonNotFound);
        }
        let limit = i64::from(CONVERSATIONS_PER_ACCOUNT);
        if counts.iter().any(|row| row.conversations >= limit) {
            return Err(OpenDirectError::TooMany);
        }
        let made = sqlx::query!(
            r#"
            INSERT INTO conversations (id, kind, changed_xid)
            VALUES ($1, $2, pg_current_xact_id()::text::bigint)
            ON CONFLICT (id) DO NOTHING
            "#,
            id,
            kind_number(NewDirect::KIND.number()),
        )
        .execute(&mut *transaction)
        .await?;
        let is_new = made.rows_affected() > 0;
        if is_new {
            sqlx::query!(
                r#"
                INSERT INTO conversation_members (conversation, account)
                SELECT $1, account FROM unnest($2::uuid[]) AS new(account)
                "#,
                id,
                &accounts,
            )
            .execute(&mut *transaction)
            .await?;
        }
        let state = state(&mut transaction, new.conversation)
            .await?
            .ok_or(StoreError::from(sqlx::Error::RowNotFound))?;
        transaction.commit().await?;
        Ok(if is_new {
            OpenedDirect::New(state)
        } else {
            OpenedDirect::Known(state)
        })
    }

    /// Who is in a conversation, and how far their device lists reach: all as of
    /// one moment.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn lookup_membership(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<Membership>, StoreError> {
        let rows = sqlx::query!(
            r#"
            SELECT c.membership_version, m.account, (
                SELECT max(e.seq) FROM device_list_entries e WHERE e.account = m.account
            ) AS list_seq
            FROM conversations c JOIN conversation_members m ON m.conversation = c.id
            WHERE c.id = $1
            "#,
            conversation.uuid(),
        )
        .fetch_all(&self.pool)
        .await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        Ok(Some(Membership {
            conversation,
            version: unsigned(first.membership_version),
            members: rows
                .iter()
                .map(|row| Member {
                    account: convert::account(row.account),
                    list_seq: row.list_seq.map_or(0, unsigned),
                })
                .collect(),
        }))
    }

    /// The conversations of an account that have changed since a position, and
    /// the position that holds now.
    ///
    /// The position is taken first: a change that it does not cover has a
    /// transaction id from it on, so that the next question finds it. A change
    /// that is listed twice does no harm, one that is listed never would.
    ///
    /// # Errors
    /// [`StoreError`] when the database is away.
    pub async fn list_changes(
        &self,
        account: AccountId,
        since: Option<Position>,
    ) -> Result<Changes, StoreError> {
        let mut connection = self.pool.acquire().await?;
        let position = server::position(&mut connection).await?;
        // One of another epoch, or from the future, is of another history.
        let since = since
            .filter(|since| since.epoch == position.epoch && since.position <= position.position);
        let rows = sqlx::query!(
            r#"
            SELECT c.id, c.kind, c.head_seq, a.id AS account, a.name
            FROM conversation_members own
            JOIN conversations c ON c.id = own.conversation
            JOIN conversation_members m ON m.conversation = c.id
            JOIN accounts a ON a.id = m.account
            WHERE own.account = $1 AND c.changed_xid >= $2
            ORDER BY c.id, a.id
            "#,
            account.uuid(),
            since.map_or(0, |since| bigint(since.position)),
        )
        .fetch_all(&mut *connection)
        .await?;
        let rows = rows.into_iter().map(|row| StateRow {
            id: row.id,
            kind: row.kind,
            head_seq: row.head_seq,
            account: row.account,
            name: row.name,
        });
        Ok(Changes {
            position,
            resumed: since.is_some(),
            conversations: group(rows),
        })
    }

    async fn lookup_state(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<ConversationState>, StoreError> {
        let mut connection = self.pool.acquire().await?;
        state(&mut connection, conversation).await
    }
}

struct StateRow {
    id: Uuid,
    kind: i16,
    head_seq: i64,
    account: Uuid,
    name: String,
}

/// One state per conversation out of one row per member; rows of a conversation
/// follow each other.
fn group(rows: impl Iterator<Item = StateRow>) -> Vec<ConversationState> {
    let mut states: Vec<ConversationState> = Vec::new();
    for row in rows {
        let conversation = convert::conversation(row.id);
        let member = (convert::account(row.account), row.name);
        match states.last_mut() {
            Some(last) if last.conversation == conversation => last.members.push(member),
            _ => states.push(ConversationState {
                conversation,
                kind: u16::try_from(row.kind).unwrap_or_default(),
                head_seq: unsigned(row.head_seq),
                members: vec![member],
            }),
        }
    }
    states
}

async fn state(
    connection: &mut PgConnection,
    conversation: ConversationId,
) -> Result<Option<ConversationState>, StoreError> {
    let rows = sqlx::query!(
        r#"
        SELECT c.id, c.kind, c.head_seq, a.id AS account, a.name
        FROM conversations c
        JOIN conversation_members m ON m.conversation = c.id
        JOIN accounts a ON a.id = m.account
        WHERE c.id = $1 ORDER BY a.id
        "#,
        conversation.uuid(),
    )
    .fetch_all(connection)
    .await?;
    let rows = rows.into_iter().map(|row| StateRow {
        id: row.id,
        kind: row.kind,
        head_seq: row.head_seq,
        account: row.account,
        name: row.name,
    });
    Ok(group(rows).pop())
}

pub(crate) fn kind_number(kind: u16) -> i16 {
    i16::try_from(kind).expect("the numbers of kinds are small")
}
