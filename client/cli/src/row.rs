//! The rows of all verbs. `docs/cli.md` describes their JSON form; fields are
//! added, never renamed or removed.

use jiff::Timestamp;
use serde::Serialize;

use chat_client::{MessageRow, RowKind, RowState};
use chat_client_native::Identity;
use chat_protocol::{AccountId, DeviceId, MessageId};

use crate::output::{Page, Row, harmless};
use crate::target::Target;

/// A message, as `read` and `listen` print it.
#[derive(Serialize)]
pub(crate) struct Message {
    seq: Option<u64>,
    sent_at: String,
    from: String,
    kind: RowKind,
    text: String,
    state: RowState,
    id: MessageId,
    own: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip)]
    at: Timestamp,
}

impl Message {
    /// `target` names the conversation, where a reader cannot know it.
    pub fn new(row: MessageRow, target: Option<&Target>) -> Self {
        let at = timestamp(row.sent_at);
        Self {
            seq: row.seq,
            sent_at: rfc3339(at),
            from: row.from.name,
            kind: row.kind,
            text: row.text,
            state: row.state,
            id: row.id,
            own: row.own,
            reason: row.reason,
            target: target.map(Target::to_string),
            at,
        }
    }
}

impl Row for Message {
    fn text(&self, page: &mut Page) -> String {
        let paint = page.paint;
        let local = self.at.to_zoned(page.zone.clone());
        let mut text = String::new();
        if page.day.replace(local.date()) != Some(local.date()) {
            let day = local.strftime("%A, %-d %B %Y").to_string();
            text.push_str(&paint.dim(&format!("── {day} ──")));
            text.push('\n');
        }
        let seq = self
            .seq
            .map_or_else(|| "–".to_owned(), |seq| format!("#{seq}"));
        let time = local.strftime("%H:%M").to_string();
        text.push_str(&paint.dim(&format!("{seq:>5}  {time}")));
        text.push_str("  ");
        text.push_str(&paint.name(&harmless(&self.from)));
        text.push_str("  ");
        let reason = self.reason.as_deref().unwrap_or("no reason is known");
        match self.state {
            RowState::Unreadable => {
                text.push_str(&paint.alarm(&format!("cannot be decrypted: {reason}")));
            }
            RowState::Failed => {
                text.push_str(&indented(&self.text));
                text.push_str(&paint.alarm(&format!("  (not sent: {reason})")));
            }
            RowState::Sending => {
                text.push_str(&indented(&self.text));
                text.push_str(&paint.dim("  (on its way)"));
            }
            RowState::Sent | RowState::Received => text.push_str(&indented(&self.text)),
        }
        text
    }
}

/// Later lines of a text stand under its first, so that nobody can write a line
/// that looks like a row of its own.
fn indented(text: &str) -> String {
    harmless(text).replace('\n', "\n              ")
}

/// A message that the server has stored.
#[derive(Serialize)]
pub(crate) struct Sent {
    seq: u64,
    id: MessageId,
    #[serde(rename = "sent_at")]
    at: String,
}

impl Sent {
    pub fn new(seq: u64, id: MessageId, at_ms: u64) -> Self {
        Self {
            seq,
            id,
            at: rfc3339(timestamp(at_ms)),
        }
    }
}

impl Row for Sent {
    fn text(&self, _page: &mut Page) -> String {
        self.seq.to_string()
    }
}

/// Whose device this is.
#[derive(Serialize)]
pub(crate) struct WhoAmI {
    pub name: String,
    pub account: AccountId,
    pub device: DeviceId,
    pub server: String,
}

impl From<Identity> for WhoAmI {
    fn from(own: Identity) -> Self {
        let Identity {
            account,
            device,
            name,
            server,
        } = own;
        Self {
            name,
            account,
            device,
            server,
        }
    }
}

impl Row for WhoAmI {
    fn text(&self, page: &mut Page) -> String {
        let paint = page.paint;
        format!(
            "{} on {}\n{}",
            paint.bold(&format!("@{}", harmless(&self.name))),
            self.server,
            paint.dim(&format!(
                "account {}\ndevice  {}",
                self.account, self.device
            )),
        )
    }
}

/// An invite.
#[derive(Serialize)]
pub(crate) struct Invite {
    pub url: String,
    pub code: String,
    pub uses: u32,
}

impl Row for Invite {
    fn text(&self, _page: &mut Page) -> String {
        harmless(&self.url)
    }
}

/// The number that both sides compare.
#[derive(Serialize)]
pub(crate) struct SafetyNumber {
    pub safety_number: String,
}

impl Row for SafetyNumber {
    fn text(&self, _page: &mut Page) -> String {
        self.safety_number.clone()
    }
}

fn timestamp(ms: u64) -> Timestamp {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
        .unwrap_or(Timestamp::MAX)
}

fn rfc3339(at: Timestamp) -> String {
    format!("{at:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_with_milliseconds() {
        assert_eq!(
            rfc3339(timestamp(1_700_000_000_000)),
            "2023-11-14T22:13:20.000Z"
        );
        assert_eq!(
            rfc3339(timestamp(1_700_000_000_007)),
            "2023-11-14T22:13:20.007Z"
        );
    }
}
