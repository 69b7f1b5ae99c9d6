//! A relay and stores in memory, so that machines can talk in one thread, with
//! every message, restart and lost frame under the test's control.
//!
//! The relay keeps the documented contract (gapless seq, idempotent ids, resume)
//! and nothing else; the real server is tested with real sockets elsewhere.

use std::collections::{BTreeMap, VecDeque};

use prost::Message as _;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use chat_client::{
    Change, Command, Effect, Event, Failure, Input, Machine, MessageRow, Order, Query, Record,
    RegisterResponse, Registration, Reply, Table,
};
use chat_protocol::frame::{self, client_frame, request, response, server_frame};
use chat_protocol::{AccountId, ConversationId, DeviceId, MessageId};

/// An account as the relay knows it.
struct Account {
    name: String,
    device: DeviceId,
    list: Vec<frame::SignedEntry>,
    prekeys: frame::Prekeys,
}

/// What a hostile relay does to a frame on its way to an account.
type Lie = Box<dyn FnMut(AccountId, &mut server_frame::Frame)>;

/// The relay's side of everything.
#[derive(Default)]
pub struct Relay {
    accounts: BTreeMap<AccountId, Account>,
    members: BTreeMap<ConversationId, [AccountId; 2]>,
    log: BTreeMap<ConversationId, Vec<(frame::Deliver, Vec<frame::KeyEnvelope>)>>,
    clock: u64,
    /// Changes a frame on its way to a client: what a hostile relay would do.
    pub tamper: Option<Lie>,
}

impl Relay {
    fn state(&self, id: ConversationId) -> frame::ConversationState {
        let members = self.members[&id]
            .iter()
            .map(|account| frame::Member {
                account: account.to_bytes(),
                name: self.accounts[account].name.clone(),
            })
            .collect();
        frame::ConversationState {
            conversation: id.to_bytes(),
            kind: 1,
            head_seq: self.log.get(&id).map_or(0, Vec::len) as u64,
            members,
        }
    }

    fn for_device(
        &self,
        (entry, keys): &(frame::Deliver, Vec<frame::KeyEnvelope>),
        device: DeviceId,
    ) -> frame::Deliver {
        let key = keys.iter().find(|key| key.device == device.as_bytes()[..]);
        frame::Deliver {
            sealed_key: key.map_or_else(Default::default, |key| key.sealed.clone()),
            ..entry.clone()
        }
    }

    /// Takes a client's frame; returns frames, each for one account.
    fn take(
        &mut self,
        from: AccountId,
        frame: client_frame::Frame,
    ) -> Vec<(AccountId, server_frame::Frame)> {
        match frame {
            client_frame::Frame::Hello(_) => {
                let mine = self
                    .members
                    .iter()
                    .filter(|(_, members)| members.contains(&from));
                let conversations = mine.map(|(id, _)| self.state(*id)).collect();
                vec![(
                    from,
                    server_frame::Frame::Welcome(frame::Welcome {
                        protocol_version: 1,
                        account: from.to_bytes(),
                        device: self.accounts[&from].device.to_bytes(),
                        resume: Some(frame::ResumePoint {
                            epoch: 1,
                            position: 1,
                        }),
                        resumed: false,
                        conversations,
                        server_time_ms: self.clock,
                        device_generation: 1,
                    }),
                )]
            }
            client_frame::Frame::Send(send) => self.send(from, send),
            client_frame::Frame::Request(ask) => {
                let id = ask.id;
                let (answer, mut others) = self.answer(from, ask.ask.unwrap());
                let response = frame::Response {
                    id,
                    answer: Some(answer),
                };
                others.insert(0, (from, server_frame::Frame::Response(response)));
                others
            }
            client_frame::Frame::Ping(_) => Vec::new(),
        }
    }

    fn send(
        &mut self,
        from: AccountId,
        send: frame::Send,
    ) -> Vec<(AccountId, server_frame::Frame)> {
        let id = ConversationId::try_from(&send.conversation[..]).unwrap();
        self.clock += 1;
        let log = self.log.entry(id).or_default();
        let sender_device = self.accounts[&from].device;
        let known = log
            .iter()
            .position(|(entry, _)| entry.message_id == send.message_id);
        let ack = |seq: usize, at_ms: u64| {
            server_frame::Frame::Acknowledged(frame::Acknowledged {
                message_id: send.message_id.clone(),
                conversation: send.conversation.clone(),
                seq: seq as u64,
                at_ms,
            })
        };
        if let Some(at) = known {
            return vec![(from, ack(at + 1, log[at].0.at_ms))];
        }
        let entry = frame::Deliver {
            conversation: send.conversation.clone(),
            seq: log.len() as u64 + 1,
            at_ms: self.clock,
            sender: from.to_bytes(),
            sender_device: sender_device.to_bytes(),
            message_id: send.message_id.clone(),
            kind: send.kind,
            body: send.body.clone(),
            sealed_key: Default::default(),
        };
        log.push((entry, send.keys.clone()));
        let seq = log.len();
        let mut out = vec![(from, ack(seq, self.clock))];
        let entry = self.log[&id].last().unwrap();
        for member in self.members[&id].iter().filter(|member| **member != from) {
            let deliver = self.for_device(entry, self.accounts[member].device);
            out.push((*member, server_frame::Frame::Deliver(deliver)));
        }
        out
    }

    fn answer(
        &mut self,
        from: AccountId,
        ask: request::Ask,
    ) -> (response::Answer, Vec<(AccountId, server_frame::Frame)>) {
        let missing = response::Answer::Problem(frame::Problem {
            code: "person_not_found".to_owned(),
            ..Default::default()
        });
        let answer = match ask {
            request::Ask::FindPerson(find) => {
                match self
                    .accounts
                    .iter()
                    .find(|(_, account)| account.name == find.name)
                {
                    Some((id, account)) => response::Answer::Person(frame::Person {
                        account: id.to_bytes(),
                        name: account.name.clone(),
                    }),
                    None => missing,
                }
            }
            request::Ask::FetchDeviceList(fetch) => {
                let account = AccountId::try_from(&fetch.account[..]).unwrap();
                let skip = if fetch.from_start {
                    0
                } else {
                    fetch.after_seq as usize + 1
                };
                let entries = self.accounts[&account]
                    .list
                    .iter()
                    .skip(skip)
                    .cloned()
                    .collect();
                response::Answer::DeviceList(frame::DeviceList {
                    account: fetch.account,
                    entries,
                })
            }
            request::Ask::ClaimPrekeys(claim) => {
                let id = AccountId::try_from(&claim.account[..]).unwrap();
                let account = self.accounts.get_mut(&id).unwrap();
                let one_time = (!account.prekeys.one_time.is_empty())
                    .then(|| account.prekeys.one_time.remove(0));
                let bundle = frame::PrekeyBundle {
                    device: account.device.to_bytes(),
                    signed: account.prekeys.signed.clone(),
                    one_time,
                };
                response::Answer::PrekeyBundles(frame::PrekeyBundles {
                    bundles: vec![bundle],
                })
            }
            request::Ask::UploadPrekeys(upload) => {
                let mine = self.accounts.get_mut(&from).unwrap();
                let prekeys = upload.prekeys.unwrap();
                mine.prekeys.signed = prekeys.signed;
                mine.prekeys.one_time.extend(prekeys.one_time);
                self.count(from)
            }
            request::Ask::CountPrekeys(_) => self.count(from),
            request::Ask::OpenDirect(open) => {
                let id = ConversationId::try_from(&open.conversation[..]).unwrap();
                let peer = AccountId::try_from(&open.peer[..]).unwrap();
                self.members.entry(id).or_insert([from, peer]);
                let opened = frame::ConversationOpened {
                    state: Some(self.state(id)),
                };
                let others = vec![(peer, server_frame::Frame::ConversationOpened(opened))];
                return (response::Answer::Conversation(self.state(id)), others);
            }
            request::Ask::Fetch(fetch) => {
                let id = ConversationId::try_from(&fetch.conversation[..]).unwrap();
                let device = self.accounts[&from].device;
                let log = self.log.get(&id).map_or(&[][..], |log| log);
                let messages = log
                    .iter()
                    .skip(fetch.after_seq as usize)
                    .take(fetch.limit.min(7) as usize)
                    .map(|entry| self.for_device(entry, device))
                    .collect();
                response::Answer::LogPage(frame::LogPage {
                    conversation: fetch.conversation,
                    messages,
                    head_seq: log.len() as u64,
                })
            }
            request::Ask::CreateInvite(create) => response::Answer::Invite(frame::Invite {
                code: "code".to_owned(),
                url: "url".to_owned(),
                uses: create.uses,
            }),
        };
        (answer, Vec::new())
    }

    fn count(&self, of: AccountId) -> response::Answer {
        let prekeys = &self.accounts[&of].prekeys;
        response::Answer::PrekeyCount(frame::PrekeyCount {
            one_time: prekeys.one_time.len() as u32,
            signed_prekey_id: prekeys.signed.as_ref().map_or(0, |signed| signed.id),
        })
    }
}

/// One device: a machine, its store, and frames on their way to it.
pub struct Device {
    pub account: AccountId,
    pub store: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
    pub machine: Machine,
    pub incoming: VecDeque<server_frame::Frame>,
    pub online: bool,
    pub events: Vec<Event>,
    pub answers: BTreeMap<u64, Result<Reply, Failure>>,
    rng: ChaCha20Rng,
    next_command: u64,
}

/// A relay with its devices, by name.
pub struct World {
    pub relay: Relay,
    pub devices: Vec<Device>,
    pub now_ms: u64,
}

impl World {
    pub fn new(names: &[&str]) -> Self {
        let mut world = Self {
            relay: Relay::default(),
            devices: Vec::new(),
            now_ms: 1_000_000,
        };
        for (number, name) in names.iter().enumerate() {
            world.register(name, number as u64);
        }
        world
    }

    fn register(&mut self, name: &str, seed: u64) {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let registration =
            Registration::begin(&mut rng, self.now_ms, name, "a long password", "code").unwrap();
        let request = registration.request();
        let bytes = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            request.device_setup,
        )
        .unwrap();
        let setup = frame::DeviceSetup::decode(&bytes[..]).unwrap();
        let account = AccountId::try_from(&setup.account[..]).unwrap();
        let device = DeviceId::try_from(&setup.device[..]).unwrap();
        self.relay.accounts.insert(
            account,
            Account {
                name: request.name.clone(),
                device,
                list: vec![setup.device_list.unwrap()],
                prekeys: setup.prekeys.unwrap(),
            },
        );
        let response = RegisterResponse {
            account_id: account,
            device_id: device,
            name: request.name,
            token: "00".repeat(32),
        };
        let mut store = BTreeMap::new();
        apply(
            &mut store,
            registration.finish("http://relay.test", &response).unwrap(),
        );
        let machine = open(&store);
        self.devices.push(Device {
            account,
            store,
            machine,
            incoming: VecDeque::new(),
            online: false,
            events: Vec::new(),
            answers: BTreeMap::new(),
            rng,
            next_command: 1,
        });
    }

    /// Hands one input to a device and carries its effects out.
    pub fn input(&mut self, who: usize, input: Input) {
        let device = &mut self.devices[who];
        let effects = device.machine.handle(input, self.now_ms, &mut device.rng);
        self.carry_out(who, effects);
    }

    fn carry_out(&mut self, who: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Persist(changes) => apply(&mut self.devices[who].store, changes),
                Effect::Load { load, query } => {
                    let records = ask(&self.devices[who].store, &query);
                    self.input(who, Input::Loaded { load, records });
                }
                Effect::Transmit(bytes) => {
                    if self.devices[who].online {
                        let frame = frame::ClientFrame::decode(&bytes[..])
                            .unwrap()
                            .frame
                            .unwrap();
                        let account = self.devices[who].account;
                        let frames = self.relay.take(account, frame);
                        self.deliver(frames);
                    }
                }
                Effect::Answer { id, outcome } => {
                    self.devices[who].answers.insert(id, outcome);
                }
                Effect::Event(event) => self.devices[who].events.push(event),
                Effect::CloseConnection { reason } => panic!("closed: {reason}"),
            }
        }
    }

    fn deliver(&mut self, frames: Vec<(AccountId, server_frame::Frame)>) {
        for (account, mut frame) in frames {
            let device = self
                .devices
                .iter_mut()
                .find(|device| device.account == account)
                .unwrap();
            if device.online {
                if let Some(tamper) = &mut self.relay.tamper {
                    tamper(account, &mut frame);
                }
                device.incoming.push_back(frame);
            }
        }
    }

    pub fn connect(&mut self, who: usize) {
        self.devices[who].online = true;
        self.input(who, Input::Connected);
    }

    /// Loses the connection and what was on it.
    pub fn disconnect(&mut self, who: usize) {
        self.devices[who].online = false;
        self.devices[who].incoming.clear();
        self.input(who, Input::Disconnected);
    }

    /// Ends the process and starts it again from its store.
    pub fn restart(&mut self, who: usize) {
        let device = &mut self.devices[who];
        device.online = false;
        device.incoming.clear();
        device.machine = open(&device.store);
    }

    /// Delivers one waiting frame to a device, if there is one.
    pub fn step(&mut self, who: usize) -> bool {
        let Some(frame) = self.devices[who].incoming.pop_front() else {
            return false;
        };
        let bytes = frame::ServerFrame { frame: Some(frame) }.encode_to_vec();
        self.input(who, Input::Frame(bytes));
        true
    }

    /// Delivers until nothing is on its way.
    pub fn settle(&mut self) {
        for _ in 0..100_000 {
            self.now_ms += 1;
            let moved: Vec<bool> = (0..self.devices.len()).map(|who| self.step(who)).collect();
            if moved.iter().all(|moved| !moved) {
                return;
            }
        }
        panic!("the machines keep talking without end");
    }

    /// Gives a command; the answer is looked up by the number.
    pub fn command(&mut self, who: usize, command: Command) -> u64 {
        let id = self.devices[who].next_command;
        self.devices[who].next_command += 1;
        self.input(who, Input::Command { id, command });
        id
    }

    /// Gives a command and delivers until it is answered.
    pub fn run(&mut self, who: usize, command: Command) -> Result<Reply, Failure> {
        let id = self.command(who, command);
        self.settle();
        self.devices[who]
            .answers
            .remove(&id)
            .expect("the command was not answered")
    }

    pub fn open_direct(&mut self, who: usize, name: &str) -> ConversationId {
        match self.run(
            who,
            Command::OpenDirect {
                name: name.to_owned(),
            },
        ) {
            Ok(Reply::Conversation { conversation }) => conversation.id,
            other => panic!("{other:?}"),
        }
    }

    pub fn say(&mut self, who: usize, conversation: ConversationId, text: &str) -> u64 {
        let mut id = [0; 16];
        self.devices[who].rng.fill_bytes(&mut id);
        let message_id = MessageId::from_bytes(id);
        self.command(
            who,
            Command::Send {
                conversation,
                message_id,
                text: text.to_owned(),
            },
        )
    }

    pub fn timeline(&mut self, who: usize, conversation: ConversationId) -> Vec<MessageRow> {
        let command = Command::Timeline {
            conversation,
            before: None,
            after: None,
            limit: 10_000,
        };
        match self.run(who, command) {
            Ok(Reply::Timeline { rows, .. }) => rows,
            other => panic!("{other:?}"),
        }
    }

    pub fn texts(&mut self, who: usize, conversation: ConversationId) -> Vec<String> {
        self.timeline(who, conversation)
            .into_iter()
            .map(|row| row.text)
            .collect()
    }
}

fn open(store: &BTreeMap<(Table, Vec<u8>), Vec<u8>>) -> Machine {
    let records: Vec<Record> = store
        .iter()
        .filter(|((table, _), _)| Table::AT_OPEN.contains(table))
        .map(|((table, key), value)| Record {
            table: *table,
            key: key.clone(),
            value: value.clone(),
        })
        .collect();
    Machine::open(&records).unwrap()
}

fn apply(store: &mut BTreeMap<(Table, Vec<u8>), Vec<u8>>, changes: Vec<Change>) {
    for change in changes {
        match change {
            Change::Put(record) => store.insert((record.table, record.key), record.value),
            Change::Delete { table, key } => store.remove(&(table, key)),
        };
    }
}

fn ask(store: &BTreeMap<(Table, Vec<u8>), Vec<u8>>, query: &Query) -> Vec<Record> {
    let record = |table: Table, key: &Vec<u8>| {
        let value = store.get(&(table, key.clone()))?.clone();
        Some(Record {
            table,
            key: key.clone(),
            value,
        })
    };
    match query {
        Query::Keys { table, keys } => keys.iter().filter_map(|key| record(*table, key)).collect(),
        Query::Range {
            table,
            prefix,
            before,
            after,
            limit,
            order,
        } => {
            let mut keys: Vec<Vec<u8>> = store
                .keys()
                .filter(|(other, key)| other == table && key.starts_with(prefix))
                .map(|(_, key)| key.clone())
                .filter(|key| before.as_ref().is_none_or(|before| key < before))
                .filter(|key| after.as_ref().is_none_or(|after| key > after))
                .collect();
            if *order == Order::Descending {
                keys.reverse();
            }
            keys.truncate(*limit);
            keys.iter().filter_map(|key| record(*table, key)).collect()
        }
    }
}
