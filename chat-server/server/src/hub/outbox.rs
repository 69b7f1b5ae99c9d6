//! What waits to be written to one connection.

use std::collections::VecDeque;

use bytes::Bytes;
use chat_domain::limits::{CONNECTION_OWED_FRAMES, CONNECTION_QUEUE_BYTES};
use chat_protocol::{ConversationId, limits::CONNECTION_QUEUE_FRAMES};

use super::Ending;
use crate::frames;

/// A bounded queue of frames.
///
/// Live frames (messages of others) are dropped when there is no room: all that
/// wait, at once, and one gap per conversation takes their place. As long as a
/// conversation's gap waits its live frames only move the gap, so that a client
/// never gets a message from behind a hole and takes it for the next.
#[derive(Debug, Default)]
pub struct Outbox {
    frames: VecDeque<Waiting>,
    live: usize,
    live_bytes: usize,
    gaps: Vec<(ConversationId, u64)>,
    ending: Option<Ending>,
}

#[derive(Debug)]
enum Waiting {
    Owed(Bytes),
    Live {
        conversation: ConversationId,
        seq: u64,
        frame: Bytes,
    },
}

/// What became of a live frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It waits.
    Queued,
    /// There was no room; it and all live frames before it became gaps.
    Dropped,
    /// A gap waits already, and reaches up to it now.
    InGap,
}

impl Outbox {
    pub(super) fn push_live(
        &mut self,
        conversation: ConversationId,
        seq: u64,
        frame: Bytes,
    ) -> Pushed {
        if let Some((_, head)) = self.gaps.iter_mut().find(|(gap, _)| *gap == conversation) {
            *head = seq.max(*head);
            return Pushed::InGap;
        }
        if self.live >= CONNECTION_QUEUE_FRAMES
            || self.live_bytes + frame.len() > CONNECTION_QUEUE_BYTES
        {
            self.drop_live();
            self.add_gap(conversation, seq);
            return Pushed::Dropped;
        }
        self.live += 1;
        self.live_bytes += frame.len();
        self.frames.push_back(Waiting::Live {
            conversation,
            seq,
            frame,
        });
        Pushed::Queued
    }

    pub(super) fn push_owed(&mut self, frame: Bytes) {
        if self.frames.len() - self.live >= CONNECTION_OWED_FRAMES {
            self.end(Ending::Slow);
        } else {
            self.frames.push_back(Waiting::Owed(frame));
        }
    }

    /// A position promises that everything before it was sent: with a gap that
    /// still waits it would promise too much.
    pub(super) fn push_position(&mut self, frame: Bytes) {
        if self.gaps.is_empty() {
            self.push_owed(frame);
        }
    }

    pub(super) fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
    }

    /// Why the connection is to end, once everything that waits has left.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.gaps.is_empty()
    }

    /// Takes the next frames, at most about `most`; gaps come after everything
    /// that was queued before them.
    pub fn take(&mut self, most: usize, into: &mut Vec<Bytes>) {
        while into.len() < most {
            match self.frames.pop_front() {
                Some(Waiting::Owed(frame)) => into.push(frame),
                Some(Waiting::Live { frame, .. }) => {
                    self.live -= 1;
                    self.live_bytes -= frame.len();
                    into.push(frame);
                }
                None => {
                    let gaps = self.gaps.drain(..);
                    into.extend(gaps.map(|(conversation, head)| frames::gap(conversation, head)));
                    break;
                }
            }
        }
        if self.frames.is_empty() {
            // A burst must not leave every connection with a large empty queue.
            self.frames.shrink_to(0);
        }
    }

    fn drop_live(&mut self) {
        let waiting = std::mem::take(&mut self.frames);
        for one in waiting {
            match one {
                Waiting::Live {
                    conversation, seq, ..
                } => self.add_gap(conversation, seq),
                owed @ Waiting::Owed(_) => self.frames.push_back(owed),
            }
        }
        self.live = 0;
        self.live_bytes = 0;
    }

    fn add_gap(&mut self, conversation: ConversationId, seq: u64) {
        match self.gaps.iter_mut().find(|(gap, _)| *gap == conversation) {
            Some((_, head)) => *head = seq.max(*head),
            None => self.gaps.push((conversation, seq)),
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_protocol::frame::{self, server_frame};
    use prost::Message as _;

    use super::*;

    const ONE: ConversationId = ConversationId::from_bytes([1; 16]);
    const OTHER: ConversationId = ConversationId::from_bytes([2; 16]);

    fn taken(outbox: &mut Outbox) -> Vec<Bytes> {
        let mut frames = Vec::new();
        outbox.take(usize::MAX, &mut frames);
        frames
    }

    fn gap_of(frame: &Bytes) -> Option<(ConversationId, u64)> {
        match frame::ServerFrame::decode(frame.clone()).ok()?.frame? {
            server_frame::Frame::Gap(gap) => Some((
                ConversationId::try_from(&gap.conversation[..]).ok()?,
                gap.head_seq,
            )),
            _ => None,
        }
    }

    #[test]
    fn frames_leave_in_the_order_they_came() {
        let mut outbox = Outbox::default();
        outbox.push_owed(Bytes::from_static(b"a"));
        outbox.push_live(ONE, 1, Bytes::from_static(b"b"));
        outbox.push_owed(Bytes::from_static(b"c"));
        assert_eq!(taken(&mut outbox), ["a", "b", "c"]);
        assert!(outbox.is_empty());
    }

    #[test]
    fn an_overflow_drops_live_frames_and_leaves_one_gap_per_conversation() {
        let mut outbox = Outbox::default();
        outbox.push_owed(Bytes::from_static(b"ack"));
        for seq in 1..=CONNECTION_QUEUE_FRAMES as u64 {
            let conversation = if seq == 1 { OTHER } else { ONE };
            let pushed = outbox.push_live(conversation, seq, Bytes::from_static(b"live"));
            assert_eq!(pushed, Pushed::Queued);
        }
        let next = CONNECTION_QUEUE_FRAMES as u64 + 1;
        let frame = || Bytes::from_static(b"live");
        assert_eq!(outbox.push_live(ONE, next, frame()), Pushed::Dropped);
        assert_eq!(outbox.push_live(ONE, next + 1, frame()), Pushed::InGap);
        outbox.push_position(Bytes::from_static(b"position"));
        let frames = taken(&mut outbox);
        assert_eq!(frames[0], "ack", "answers are never dropped");
        let gaps: Vec<_> = frames[1..].iter().map(gap_of).collect();
        assert_eq!(gaps, [Some((OTHER, 1)), Some((ONE, next + 1))]);
        assert_eq!(outbox.push_live(ONE, next + 2, frame()), Pushed::Queued);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let mut outbox = Outbox::default();
        let large = Bytes::from(vec![0; CONNECTION_QUEUE_BYTES / 2]);
        assert_eq!(outbox.push_live(ONE, 1, large.clone()), Pushed::Queued);
        assert_eq!(outbox.push_live(ONE, 2, large.clone()), Pushed::Queued);
        assert_eq!(outbox.push_live(ONE, 3, large), Pushed::Dropped);
    }

    #[test]
    fn a_client_that_takes_no_answers_is_cut_off() {
        let mut outbox = Outbox::default();
        for _ in 0..CONNECTION_OWED_FRAMES {
            outbox.push_owed(Bytes::from_static(b"answer"));
        }
        assert_eq!(outbox.ending(), None);
        outbox.push_owed(Bytes::from_static(b"answer"));
        assert_eq!(outbox.ending(), Some(Ending::Slow));
    }

    /// What a client makes of the frames: the place up to which it has everything
    /// or knows that it must fetch.
    #[derive(Default)]
    struct Client {
        known: u64,
    }

    impl Client {
        fn take(&mut self, frames: &[Bytes]) {
            for frame in frames {
                if let Some((_, head)) = gap_of(frame) {
                    self.known = self.known.max(head);
                    continue;
                }
                let seq: [u8; 8] = frame[..8].try_into().unwrap();
                let seq = u64::from_be_bytes(seq);
                assert_eq!(seq, self.known + 1, "a message from behind a hole");
                self.known = seq;
            }
        }
    }

    proptest::proptest! {
        /// However pushing and taking are mixed, a client that goes by the frames
        /// ends with everything, and never takes a message for the next that is not.
        #[test]
        fn nothing_is_lost_without_a_gap(
            steps in proptest::collection::vec((0_usize..400, 0_usize..300), 1..20),
            padding in 8_usize..20_000,
        ) {
            let mut outbox = Outbox::default();
            let mut clients = [Client::default(), Client::default()];
            let mut seqs = [0_u64; 2];
            for (pushes, takes) in steps {
                for place in 0..pushes {
                    let which = place % 2;
                    seqs[which] += 1;
                    let mut frame = vec![0; padding + which];
                    frame[..8].copy_from_slice(&seqs[which].to_be_bytes());
                    let conversation = [ONE, OTHER][which];
                    outbox.push_live(conversation, seqs[which], frame.into());
                }
                let mut frames = Vec::new();
                outbox.take(takes, &mut frames);
                for frame in frames {
                    let which = match gap_of(&frame) {
                        Some((conversation, _)) => usize::from(conversation == OTHER),
                        None => frame.len() - padding,
                    };
                    clients[which].take(&[frame]);
                }
                proptest::prop_assert!(outbox.live <= CONNECTION_QUEUE_FRAMES);
                proptest::prop_assert!(outbox.live_bytes <= CONNECTION_QUEUE_BYTES);
            }
            for frame in taken(&mut outbox) {
                let which = match gap_of(&frame) {
                    Some((conversation, _)) => usize::from(conversation == OTHER),
                    None => frame.len() - padding,
                };
                clients[which].take(&[frame]);
            }
            for (client, seq) in clients.iter().zip(seqs) {
                proptest::prop_assert_eq!(client.known, seq);
            }
        }
    }
}
