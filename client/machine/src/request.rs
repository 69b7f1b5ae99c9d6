//! Questions to the server, and what happens with the answers.

use std::collections::{BTreeMap, VecDeque};

use chat_protocol::frame::{self, client_frame, request, response};
use chat_protocol::{AccountId, ConversationId, DeviceId, ErrorCode, limits};

use crate::api::{CommandId, Failure, FailureCode, Reply};
use crate::machine::Machine;
use crate::turn::Turn;

/// A question. All but the invite may be asked twice without harm, so whatever
/// had no answer when a connection was lost is asked again on the next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ask {
    FindPerson {
        name: String,
    },
    FetchDeviceList {
        account: AccountId,
    },
    ClaimPrekeys {
        account: AccountId,
        devices: Vec<DeviceId>,
    },
    UploadPrekeys(frame::Prekeys),
    CountPrekeys,
    OpenDirect {
        peer: AccountId,
    },
    Fetch {
        conversation: ConversationId,
        after_seq: u64,
    },
    CreateInvite {
        uses: u32,
        command: CommandId,
    },
}

/// Questions on their way.
#[derive(Default)]
pub(crate) struct Requests {
    last_id: u32,
    waiting: VecDeque<Ask>,
    in_flight: BTreeMap<u32, Ask>,
    /// Asked again when the time has come: the server said "later".
    delayed: Vec<(u64, Ask)>,
}

impl Requests {
    fn holds(&self, ask: &Ask) -> bool {
        self.asks().any(|other| other == ask)
    }

    /// Whether a log is being fetched.
    pub fn holds_fetch(&self) -> bool {
        self.asks().any(|ask| matches!(ask, Ask::Fetch { .. }))
    }

    /// Whether the log of one conversation is being fetched.
    pub fn holds_fetch_of(&self, id: ConversationId) -> bool {
        self.asks()
            .any(|ask| matches!(ask, Ask::Fetch { conversation, .. } if *conversation == id))
    }

    fn asks(&self) -> impl Iterator<Item = &Ask> {
        let delayed = self.delayed.iter().map(|(_, ask)| ask);
        self.waiting
            .iter()
            .chain(self.in_flight.values())
            .chain(delayed)
    }

    /// The connection is gone: what has no answer waits for the next.
    pub fn requeue(&mut self) {
        let lost = std::mem::take(&mut self.in_flight);
        for ask in lost.into_values().rev() {
            self.waiting.push_front(ask);
        }
    }

    /// Takes back invites nobody waits for any more.
    pub fn forget_command(&mut self, id: CommandId) {
        self.waiting
            .retain(|ask| !matches!(ask, Ask::CreateInvite { command, .. } if *command == id));
    }
}

impl Machine {
    /// Asks, as soon as the connection allows.
    pub(crate) fn ask(&mut self, turn: &mut Turn<'_>, ask: Ask) {
        self.requests.waiting.push_back(ask);
        self.pump_requests(turn);
    }

    /// Asks, unless the same question is on its way already.
    pub(crate) fn ask_once(&mut self, turn: &mut Turn<'_>, ask: Ask) {
        if !self.requests.holds(&ask) {
            self.ask(turn, ask);
        }
    }

    /// Sends what waits, as far as the limit allows.
    pub(crate) fn pump_requests(&mut self, turn: &mut Turn<'_>) {
        if !self.connection.is_online() {
            return;
        }
        let now_ms = turn.now_ms;
        let (due, later) = std::mem::take(&mut self.requests.delayed)
            .into_iter()
            .partition(|(due_ms, _)| *due_ms <= now_ms);
        self.requests.delayed = later;
        let due: Vec<(u64, Ask)> = due;
        self.requests
            .waiting
            .extend(due.into_iter().map(|(_, ask)| ask));
        while self.requests.in_flight.len() < limits::REQUESTS_IN_FLIGHT {
            let Some(ask) = self.requests.waiting.pop_front() else {
                return;
            };
            self.requests.last_id = self.requests.last_id.wrapping_add(1);
            let id = self.requests.last_id;
            let frame = frame::Request {
                id,
                ask: Some(self.to_frame(&ask)),
            };
            turn.out.transmit(client_frame::Frame::Request(frame));
            self.requests.in_flight.insert(id, ask);
        }
    }

    fn to_frame(&self, ask: &Ask) -> request::Ask {
        match ask {
            Ask::FindPerson { name } => {
                request::Ask::FindPerson(frame::FindPerson { name: name.clone() })
            }
            Ask::FetchDeviceList { account } => {
                let pinned = self.peers.get(account).and_then(|peer| peer.list.as_ref());
                request::Ask::FetchDeviceList(frame::FetchDeviceList {
                    account: account.to_bytes(),
                    after_seq: pinned.map_or(0, |list| list.latest().seq),
                    from_start: pinned.is_none(),
                })
            }
            Ask::ClaimPrekeys { account, devices } => {
                request::Ask::ClaimPrekeys(frame::ClaimPrekeys {
                    account: account.to_bytes(),
                    devices: devices.iter().map(|device| device.to_bytes()).collect(),
                })
            }
            Ask::UploadPrekeys(prekeys) => request::Ask::UploadPrekeys(frame::UploadPrekeys {
                prekeys: Some(prekeys.clone()),
            }),
            Ask::CountPrekeys => request::Ask::CountPrekeys(frame::CountPrekeys {}),
            Ask::OpenDirect { peer } => request::Ask::OpenDirect(frame::OpenDirect {
                conversation: chat_verify::direct_id(self.own.account, *peer).to_bytes(),
                peer: peer.to_bytes(),
            }),
            Ask::Fetch {
                conversation,
                after_seq,
            } => request::Ask::Fetch(frame::Fetch {
                conversation: conversation.to_bytes(),
                after_seq: *after_seq,
                limit: limits::LOG_PAGE_MAX,
            }),
            Ask::CreateInvite { uses, .. } => request::Ask::CreateInvite(frame::CreateInvite {
                uses: *uses,
                expires_hours: 0,
            }),
        }
    }

    /// An answer came in.
    pub(crate) fn on_response(&mut self, turn: &mut Turn<'_>, response: frame::Response) {
        let Some(ask) = self.requests.in_flight.remove(&response.id) else {
            return;
        };
        let answer = match response.answer {
            Some(response::Answer::Problem(problem)) => {
                if let Some(due_ms) = retry_at(turn.now_ms, &problem) {
                    self.requests.delayed.push((due_ms, ask));
                    return;
                }
                return self.on_refused_ask(turn, &ask, &problem);
            }
            Some(answer) => answer,
            None => return self.on_refused_ask(turn, &ask, &nonsense()),
        };
        match (ask, answer) {
            (Ask::FindPerson { name }, response::Answer::Person(person)) => {
                self.on_person(turn, &name, &person);
            }
            (Ask::FetchDeviceList { account }, response::Answer::DeviceList(list)) => {
                self.on_device_list(turn, account, Some(&list));
            }
            (Ask::ClaimPrekeys { account, devices }, response::Answer::PrekeyBundles(bundles)) => {
                self.on_bundles(turn, account, &devices, &bundles);
            }
            (Ask::UploadPrekeys(_) | Ask::CountPrekeys, response::Answer::PrekeyCount(count)) => {
                self.on_prekey_count(turn, count);
            }
            (Ask::OpenDirect { peer }, response::Answer::Conversation(state)) => {
                self.on_direct_opened(turn, peer, &state);
            }
            (
                Ask::Fetch {
                    conversation,
                    after_seq,
                },
                response::Answer::LogPage(page),
            ) => {
                self.on_log_page(turn, conversation, after_seq, page);
            }
            (Ask::CreateInvite { command, .. }, response::Answer::Invite(invite)) => {
                let reply = Reply::Invite {
                    url: invite.url,
                    code: invite.code,
                    uses: invite.uses,
                };
                if self.invites.remove(&command) {
                    turn.out.answer(command, Ok(reply));
                }
            }
            (ask, _) => self.on_refused_ask(turn, &ask, &nonsense()),
        }
    }

    /// The server will not answer: whoever waits for it learns why.
    fn on_refused_ask(&mut self, turn: &mut Turn<'_>, ask: &Ask, problem: &frame::Problem) {
        let failure = refused(problem);
        match ask {
            Ask::FindPerson { name } => self.fail_open_by_name(turn, name, &failure),
            Ask::OpenDirect { peer } => self.fail_open_by_account(turn, *peer, &failure),
            Ask::FetchDeviceList { account } => {
                self.on_device_list(turn, *account, None);
                self.fail_outbox_of(turn, *account, &failure);
            }
            Ask::ClaimPrekeys { account, .. } => {
                self.fail_outbox_of(turn, *account, &failure);
            }
            Ask::CreateInvite { command, .. } => {
                if self.invites.remove(command) {
                    turn.out.answer(*command, Err(failure));
                }
            }
            Ask::Fetch { conversation, .. } => self.on_fetch_refused(*conversation),
            // The next connection counts and uploads again.
            Ask::UploadPrekeys(_) | Ask::CountPrekeys => {}
        }
    }
}

/// When to ask again, if the server says "later" rather than "no".
pub(crate) fn retry_at(now_ms: u64, problem: &frame::Problem) -> Option<u64> {
    match ErrorCode::from_code(&problem.code) {
        Some(ErrorCode::RateLimited | ErrorCode::Overloaded | ErrorCode::Internal) => {
            Some(now_ms.saturating_add(u64::from(problem.retry_after_ms.max(500))))
        }
        _ => None,
    }
}

fn nonsense() -> frame::Problem {
    frame::Problem {
        code: ErrorCode::MalformedRequest.as_str().to_owned(),
        detail: "The server's answer does not fit the question; is one of the two too old?"
            .to_owned(),
        ..frame::Problem::default()
    }
}

/// The failure that a problem of the server's is to a person.
pub(crate) fn refused(problem: &frame::Problem) -> Failure {
    let code = match ErrorCode::from_code(&problem.code) {
        Some(ErrorCode::PersonNotFound) => FailureCode::PersonNotFound,
        Some(ErrorCode::NotSignedIn) => FailureCode::SignedOut,
        _ => FailureCode::Refused,
    };
    let message = if problem.detail.is_empty() {
        format!("The server refused: {}.", problem.code)
    } else {
        problem.detail.clone()
    };
    Failure {
        code,
        reason: Some(problem.code.clone()),
        message,
    }
}
