//! The native driver of the Chatalot client machine: tokio, WebSocket, SQLite,
//! OS keychain.
//!
//! The machine (crate chat-client) decides; this crate does. [`Client`] is one
//! device in one folder, the [`Home`]. Any number of programs may open a client
//! on the same home at once: the one that holds the home's lock runs the
//! machine, the others hand it their commands over a Unix socket in that folder,
//! and one of them takes over when it ends. Two ratchets of one device never
//! advance side by side.
//!
//! This crate must never hold protocol logic, and never write a record that is
//! not sealed.
//!
//! To add a command, add it to the machine: commands and events pass through
//! here unread. To add something that needs the operating system, give it a
//! module here and an effect there.

mod account;
mod address;
mod backoff;
mod client;
mod driver;
mod home;
mod host;
mod link;
mod local;
mod lock;
mod store;
mod store_key;
mod supervisor;
mod system;

pub use account::{AccountError, Identity, NewAccount, Problem, register, sign_in};
pub use address::{AddressError, PlainHttp, ServerAddress};
pub use client::{Answer, Client, ClientError, ClientOptions, NotOnline, Reach, Update, Updates};
pub use home::{Home, HomeError};
pub use link::LinkState;
pub use lock::LockError;
pub use store::StoreError;
pub use store_key::StoreKeyError;
pub use system::{Clock, SystemClock, SystemRng, system_rng};

/// The version of this client, as the server's log shows it.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Chooses aws-lc-rs for every TLS connection of this process. A program calls
/// it once at its start; calling it again changes nothing.
pub fn install_tls_provider() {
    // An error says that a provider is installed already, which is what we want.
    let _already_there = rustls::crypto::aws_lc_rs::default_provider().install_default();
}
