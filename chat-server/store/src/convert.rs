//! Between the types of the protocol and those of the database.

use chat_protocol::{AccountId, ConversationId, DeviceId, MessageId};
use uuid::Uuid;

/// An identifier as the database keeps it: a uuid column takes sixteen bytes of
/// any kind.
pub(crate) trait AsUuid {
    fn uuid(&self) -> Uuid;
}

macro_rules! as_uuid {
    ($($id:ident)+) => { $(
        impl AsUuid for $id {
            fn uuid(&self) -> Uuid {
                Uuid::from_bytes(*self.as_bytes())
            }
        }
    )+ };
}
as_uuid!(AccountId ConversationId DeviceId MessageId);

pub(crate) fn account(id: Uuid) -> AccountId {
    AccountId::from_bytes(id.into_bytes())
}

pub(crate) fn device(id: Uuid) -> DeviceId {
    DeviceId::from_bytes(id.into_bytes())
}

pub(crate) fn conversation(id: Uuid) -> ConversationId {
    ConversationId::from_bytes(id.into_bytes())
}

pub(crate) fn message(id: Uuid) -> MessageId {
    MessageId::from_bytes(id.into_bytes())
}

/// A number for a bigint column. One beyond its range was made up by a client,
/// and is as far away from every stored one as the largest.
pub(crate) fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number out of a bigint column; columns hold no negative ones.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// A device's own number, 32 bits, out of a bigint column.
pub(crate) fn prekey_id(number: i64) -> u32 {
    u32::try_from(number).unwrap_or_default()
}
