//! The Chatalot client machine: one sans-IO state machine for the browser, the
//! command line, bots, load and tests.
//!
//! It holds the state of one device and decides everything that a client must
//! decide: what to seal for whom, what to believe of the server, what to ask it,
//! what to store. It never touches a socket, a disk, a clock or a random source:
//! a driver hands those in ([`Input`], time, RNG) and carries out the
//! [`Effect`]s, strictly in order. The order is what keeps a ratchet safe: a
//! state is stored before the envelope that it made leaves the device, and
//! before anybody is told of the message that it opened.
//!
//! To add a command: a variant of [`Command`] and its [`Reply`], a case in
//! `command.rs`, and the work in the module of the feature it belongs to. To add
//! something that the machine must wait for, look at `message.rs`: work stands in
//! a queue, and `progress` takes each queue as far as what is loaded and known
//! allows; nothing waits anywhere else.

mod account;
pub mod api;
mod command;
mod connection;
mod content;
mod conversation;
mod machine;
mod message;
mod outbox;
mod peer;
mod prekey;
mod record;
mod registration;
mod request;
mod session;
mod turn;

pub use api::{
    Change, Command, CommandId, ConversationView, Effect, Event, Failure, FailureCode, Input,
    LoadId, MessageRow, Order, Person, Query, Record, Reply, RowKind, RowState, Table, ViewKind,
};
pub use machine::Machine;
pub use record::OpenError;
pub use registration::{
    RegisterRequest, RegisterResponse, Registration, RegistrationError, SignInError, sign_in_again,
};
