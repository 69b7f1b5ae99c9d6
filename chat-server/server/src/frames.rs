//! Frames to clients, encoded once and shared.

use bytes::{BufMut as _, Bytes, BytesMut};
use chat_protocol::frame::{self, server_frame};
use chat_protocol::{ConversationId, DeviceId};
use chat_store::conversation::ConversationState;
use chat_store::message::LoggedMessage;
use chat_store::server::Position;
use prost::Message as _;
use prost::encoding::{encode_varint, encoded_len_varint};

use crate::failure::Refusal;

/// Tag of `ServerFrame.deliver`: field 5, length-delimited.
const DELIVER_TAG: u8 = 5 << 3 | 2;
/// Tag of `Deliver.sealed_key`: field 9, length-delimited.
const SEALED_KEY_TAG: u8 = 9 << 3 | 2;

/// A frame as the bytes of one message.
#[must_use]
pub fn encode(frame: server_frame::Frame) -> Bytes {
    frame::ServerFrame { frame: Some(frame) }
        .encode_to_vec()
        .into()
}

/// An answer to a request.
#[must_use]
pub fn response(id: u32, answer: frame::response::Answer) -> Bytes {
    encode(server_frame::Frame::Response(frame::Response {
        id,
        answer: Some(answer),
    }))
}

/// A problem before a connection ends.
#[must_use]
pub fn problem(refusal: &Refusal) -> Bytes {
    encode(server_frame::Frame::Problem(refusal.to_frame()))
}

/// A message that is not stored.
#[must_use]
pub fn refused(message_id: Bytes, refusal: &Refusal) -> Bytes {
    encode(server_frame::Frame::Refused(frame::Refused {
        message_id,
        problem: Some(refusal.to_frame()),
    }))
}

/// Live frames were left out.
#[must_use]
pub fn gap(conversation: ConversationId, head_seq: u64) -> Bytes {
    encode(server_frame::Frame::Gap(frame::Gap {
        conversation: conversation.to_bytes(),
        head_seq,
    }))
}

/// A newer resume point.
#[must_use]
pub fn position(position: Position) -> Bytes {
    encode(server_frame::Frame::Position(frame::Position {
        resume: Some(resume_point(position)),
    }))
}

/// A position as clients keep it.
#[must_use]
pub fn resume_point(position: Position) -> frame::ResumePoint {
    frame::ResumePoint {
        epoch: position.epoch,
        position: position.position,
    }
}

/// A conversation as its members see it.
#[must_use]
pub fn conversation_state(state: &ConversationState) -> frame::ConversationState {
    frame::ConversationState {
        conversation: state.conversation.to_bytes(),
        kind: u32::from(state.kind),
        head_seq: state.head_seq,
        members: state
            .members
            .iter()
            .map(|(account, name)| frame::Member {
                account: account.to_bytes(),
                name: name.clone(),
            })
            .collect(),
    }
}

/// A message of the log for one reading device.
#[must_use]
pub fn deliver(
    conversation: ConversationId,
    message: &LoggedMessage,
    reader: DeviceId,
) -> frame::Deliver {
    frame::Deliver {
        conversation: conversation.to_bytes(),
        seq: message.seq,
        at_ms: message.at_ms,
        sender: message.sender.to_bytes(),
        sender_device: message.sender_device.to_bytes(),
        message_id: message.message_id.to_bytes(),
        kind: u32::from(message.kind),
        body: message.body.clone(),
        sealed_key: message.envelopes.sealed_to(reader).unwrap_or_default(),
    }
}

/// A message on its way to many connections: encoded once but for the one field
/// in which they differ, which protobuf lets stand at the end.
#[derive(Debug)]
pub struct Delivery<'a> {
    message: &'a LoggedMessage,
    common: Vec<u8>,
    without_key: Option<Bytes>,
}

impl<'a> Delivery<'a> {
    /// Encodes what all readers get.
    #[must_use]
    pub fn new(conversation: ConversationId, message: &'a LoggedMessage) -> Self {
        let common = frame::Deliver {
            conversation: conversation.to_bytes(),
            seq: message.seq,
            at_ms: message.at_ms,
            sender: message.sender.to_bytes(),
            sender_device: message.sender_device.to_bytes(),
            message_id: message.message_id.to_bytes(),
            kind: u32::from(message.kind),
            body: message.body.clone(),
            sealed_key: Bytes::new(),
        };
        Self {
            message,
            common: common.encode_to_vec(),
            without_key: None,
        }
    }

    /// The frame for one reading device.
    pub fn frame_for(&mut self, reader: DeviceId) -> Bytes {
        if let Some(key) = self.message.envelopes.sealed_to(reader) {
            return self.finish(&key);
        }
        if let Some(frame) = &self.without_key {
            return frame.clone();
        }
        let frame = self.finish(&[]);
        self.without_key.insert(frame).clone()
    }

    fn finish(&self, key: &[u8]) -> Bytes {
        let key_length = u64::try_from(key.len()).expect("lengths fit into 64 bits");
        let key_field = match key.len() {
            0 => 0,
            length => 1 + encoded_len_varint(key_length) + length,
        };
        let length = self.common.len() + key_field;
        let mut frame = BytesMut::with_capacity(length + 6);
        frame.put_u8(DELIVER_TAG);
        encode_varint(
            u64::try_from(length).expect("lengths fit into 64 bits"),
            &mut frame,
        );
        frame.put_slice(&self.common);
        if !key.is_empty() {
            frame.put_u8(SEALED_KEY_TAG);
            encode_varint(key_length, &mut frame);
            frame.put_slice(key);
        }
        frame.freeze()
    }
}

#[cfg(test)]
mod tests {
    use chat_domain::message::NewMessage;
    use chat_protocol::{AccountId, MessageId};

    use super::*;

    #[test]
    fn a_delivery_is_the_frame_that_prost_would_make() {
        let reader = DeviceId::from_bytes([5; 16]);
        let conversation = ConversationId::from_bytes([1; 16]);
        for (body, sealed) in [(1, 1), (200, 130), (70, 4096), (60_000, 300)] {
            let new = NewMessage::check(frame::Send {
                conversation: conversation.to_bytes(),
                message_id: Bytes::from_static(&[2; 16]),
                kind: 1,
                body: vec![3; body].into(),
                keys: vec![frame::KeyEnvelope {
                    device: reader.to_bytes(),
                    sealed: vec![4; sealed].into(),
                }],
                known_lists: Vec::new(),
            })
            .expect("the message is of the form");
            let message = LoggedMessage {
                seq: 300,
                at_ms: 1_700_000_000_000,
                sender: AccountId::from_bytes([6; 16]),
                sender_device: DeviceId::from_bytes([7; 16]),
                message_id: MessageId::from_bytes([2; 16]),
                kind: 1,
                body: new.body,
                envelopes: new.envelopes,
            };
            let mut delivery = Delivery::new(conversation, &message);
            for device in [reader, DeviceId::from_bytes([8; 16])] {
                let expected = encode(server_frame::Frame::Deliver(deliver(
                    conversation,
                    &message,
                    device,
                )));
                assert_eq!(delivery.frame_for(device), expected);
            }
        }
    }
}
