//! The connection to the server: opening it, losing it, what comes in on it.

use prost::Message as _;
use serde::{Deserialize, Serialize};

use chat_protocol::frame::{self, client_frame, server_frame};
use chat_protocol::{ErrorCode, PROTOCOL_VERSION};

use crate::api::{Event, Record, Table};
use crate::machine::Machine;
use crate::message::LogEntry;
use crate::record::{self, OpenError};
use crate::request::Ask;
use crate::turn::Turn;

/// The key of the record with the resume point.
const KEY: &[u8] = b"resume";

/// How the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// No socket. `failures` counts the attempts since the last Welcome.
    Closed { failures: u32 },
    /// Hello is sent.
    Opening { failures: u32 },
    /// Welcome came.
    Online,
    /// The session ended: only signing in again helps.
    SignedOut,
}

#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct StoredResume {
    epoch: u64,
    position: u64,
    generation: u64,
}

/// The connection and where it left off.
pub(crate) struct Connection {
    state: State,
    resume: StoredResume,
    /// A newer resume point, stored once everything before it is here.
    next_resume: Option<StoredResume>,
}

impl Connection {
    pub fn open(stored: Option<&Record>) -> Result<Self, OpenError> {
        let resume = match stored {
            Some(record) => record::decode(record)?,
            None => StoredResume::default(),
        };
        Ok(Self {
            state: State::Closed { failures: 0 },
            resume,
            next_resume: None,
        })
    }

    /// Whether a record of the device table is this one.
    pub fn is_record(record: &Record) -> bool {
        record.table == Table::Device && record.key == KEY
    }

    pub fn is_online(&self) -> bool {
        self.state == State::Online
    }

    pub fn is_signed_out(&self) -> bool {
        self.state == State::SignedOut
    }

    /// Whether waiting for the server has become hopeless for now: it could not
    /// be reached twice in a row. Once may be a restart.
    pub fn is_given_up(&self) -> bool {
        matches!(self.state, State::Closed { failures } | State::Opening { failures } if failures >= 2)
    }
}

impl Machine {
    pub(crate) fn on_connected(&mut self, turn: &mut Turn<'_>) {
        let failures = match self.connection.state {
            State::Closed { failures } | State::Opening { failures } => failures,
            State::Online => 0,
            State::SignedOut => return turn.out.close("the session has ended"),
        };
        // Whatever was on a connection before this one got no answer, even if
        // nobody said that it ended.
        self.requests.requeue();
        self.outbox.connection_lost();
        self.connection.state = State::Opening { failures };
        let resume = self.connection.resume;
        turn.out.transmit(client_frame::Frame::Hello(frame::Hello {
            protocol_version: PROTOCOL_VERSION,
            token: self.own.token.to_vec().into(),
            resume: (resume.epoch != 0).then_some(frame::ResumePoint {
                epoch: resume.epoch,
                position: resume.position,
            }),
            client: concat!("chatalot/", env!("CARGO_PKG_VERSION")).to_owned(),
        }));
    }

    pub(crate) fn on_disconnected(&mut self, turn: &mut Turn<'_>) {
        let failures = match self.connection.state {
            State::Online => 1,
            State::Closed { failures } | State::Opening { failures } => failures + 1,
            State::SignedOut => return,
        };
        self.connection.state = State::Closed { failures };
        self.connection.next_resume = None;
        self.requests.requeue();
        self.outbox.connection_lost();
        for conversation in self.conversations.values_mut() {
            conversation.stalled = false;
        }
        if self.connection.is_given_up() {
            self.fail_waiting_offline(turn);
        }
    }

    pub(crate) fn on_frame(&mut self, turn: &mut Turn<'_>, bytes: &[u8]) {
        let Ok(frame::ServerFrame { frame: Some(frame) }) = frame::ServerFrame::decode(bytes)
        else {
            // A frame of a later version, or noise: nothing to act on.
            return;
        };
        match frame {
            server_frame::Frame::Welcome(welcome) => self.on_welcome(turn, &welcome),
            server_frame::Frame::Acknowledged(ack) => self.on_acknowledged(turn, &ack),
            server_frame::Frame::Refused(refusal) => self.on_refused_send(turn, &refusal),
            server_frame::Frame::Response(response) => self.on_response(turn, response),
            server_frame::Frame::Deliver(delivered) => self.on_deliver(delivered),
            server_frame::Frame::Gap(gap) => {
                if let Ok(id) = gap.conversation[..].try_into()
                    && let Some(conversation) = self.conversations.get_mut(&id)
                {
                    conversation.known_seq = conversation.known_seq.max(gap.head_seq);
                    self.work.insert(id);
                }
            }
            server_frame::Frame::Position(position) => {
                if let Some(resume) = position.resume {
                    let generation = self.connection.resume.generation;
                    self.connection.next_resume = Some(StoredResume {
                        epoch: resume.epoch,
                        position: resume.position,
                        generation,
                    });
                }
            }
            server_frame::Frame::ConversationOpened(opened) => {
                if let Some(state) = opened.state {
                    self.on_conversation_state(turn, &state);
                }
            }
            server_frame::Frame::DeviceListChanged(changed) => {
                if let Ok(account) = changed.account[..].try_into()
                    && account != self.own.account
                    && self.peers.contains_key(&account)
                {
                    self.ask_device_list(turn, account);
                }
            }
            server_frame::Frame::Problem(problem) => self.on_problem(turn, &problem),
            // The driver looks after these: they are about the socket.
            server_frame::Frame::Drain(_) | server_frame::Frame::Pong(_) => {}
        }
    }

    fn on_welcome(&mut self, turn: &mut Turn<'_>, welcome: &frame::Welcome) {
        if welcome.account != self.own.account.as_bytes()[..]
            || welcome.device != self.own.address.device.as_bytes()[..]
        {
            return turn.out.close("the server welcomed another device");
        }
        self.connection.state = State::Online;
        for state in &welcome.conversations {
            self.on_conversation_state(turn, state);
        }
        // What was behind when the last connection ended is behind still.
        let behind = self
            .conversations
            .values()
            .filter(|here| here.is_behind())
            .map(|here| here.id);
        let behind: Vec<_> = behind.collect();
        self.work.extend(behind);
        if let Some(resume) = &welcome.resume {
            // Each conversation's known seq is stored in the same turn, so that
            // nothing of what this point covers can be forgotten.
            self.store_resume(
                turn,
                StoredResume {
                    epoch: resume.epoch,
                    position: resume.position,
                    generation: welcome.device_generation,
                },
            );
        }
        turn.out.event(Event::Online);
        self.ask_once(turn, Ask::CountPrekeys);
        self.pump_requests(turn);
    }

    fn store_resume(&mut self, turn: &mut Turn<'_>, resume: StoredResume) {
        self.connection.resume = resume;
        self.connection.next_resume = None;
        turn.out.put(record::record(Table::Device, KEY, &resume));
    }

    /// Stores a newer resume point once everything before it is stored.
    pub(crate) fn settle_resume(&mut self, turn: &mut Turn<'_>) {
        if let Some(resume) = self.connection.next_resume
            && !self
                .conversations
                .values()
                .any(crate::conversation::Conversation::is_behind)
        {
            self.store_resume(turn, resume);
        }
    }

    fn on_deliver(&mut self, delivered: frame::Deliver) {
        let Some(entry) = LogEntry::from_frame(delivered, self.turn_number) else {
            return;
        };
        let id = entry.conversation;
        if let Some(conversation) = self.conversations.get_mut(&id) {
            conversation.keep(entry);
            self.work.insert(id);
        }
    }

    fn on_problem(&mut self, turn: &mut Turn<'_>, problem: &frame::Problem) {
        if ErrorCode::from_code(&problem.code) == Some(ErrorCode::NotSignedIn) {
            self.connection.state = State::SignedOut;
            turn.out.event(Event::SignedOut {
                reason: "This device's session has ended. Sign in again with your password."
                    .to_owned(),
            });
            self.fail_waiting_signed_out(turn);
        }
        turn.out.close("the server reported a problem");
    }
}
