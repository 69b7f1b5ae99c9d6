//! What a sealed body opens to.

use prost::Message as _;

use chat_protocol::frame;
use chat_verify::Head;

/// The version of [`frame::Content`] that this machine writes.
const VERSION: u32 = 1;

/// A text with what the sender knew when it was written.
pub(crate) struct NewContent<'a> {
    pub text: &'a str,
    pub sent_at_ms: u64,
    pub seen_seq: u64,
    pub seen_head: Head,
    pub list_seq: u64,
    pub list_hash: &'a [u8; 32],
}

impl NewContent<'_> {
    pub fn encode(&self) -> Vec<u8> {
        frame::Content {
            version: VERSION,
            sent_at_ms: self.sent_at_ms,
            content: Some(frame::content::Content::Text(frame::Text {
                text: self.text.to_owned(),
            })),
            seen: Some(frame::SeenHead {
                seq: self.seen_seq,
                head: self.seen_head.as_bytes().to_vec().into(),
            }),
            own_list: Some(frame::KnownDeviceListHash {
                seq: self.list_seq,
                hash: self.list_hash.to_vec().into(),
            }),
            franking_key: Vec::new().into(),
        }
        .encode_to_vec()
    }
}

/// What was read of a body.
pub(crate) struct ReadContent {
    pub text: String,
    pub sent_at_ms: u64,
    pub seen: Option<(u64, Head)>,
    pub list: Option<(u64, [u8; 32])>,
}

/// Why an opened body is still nothing to show.
pub(crate) enum ContentError {
    Malformed,
    /// A later version, or a content that this version does not know.
    Newer,
}

pub(crate) fn read(bytes: &[u8]) -> Result<ReadContent, ContentError> {
    let content = frame::Content::decode(bytes).map_err(|_| ContentError::Malformed)?;
    let Some(frame::content::Content::Text(text)) = content.content else {
        return Err(ContentError::Newer);
    };
    if content.version != VERSION {
        return Err(ContentError::Newer);
    }
    let hash = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).map_err(|_| ContentError::Malformed);
    let seen = match content.seen {
        Some(seen) => Some((seen.seq, Head::from_bytes(hash(&seen.head)?))),
        None => None,
    };
    let list = match content.own_list {
        Some(list) => Some((list.seq, hash(&list.hash)?)),
        None => None,
    };
    Ok(ReadContent {
        text: text.text,
        sent_at_ms: content.sent_at_ms,
        seen,
        list,
    })
}
