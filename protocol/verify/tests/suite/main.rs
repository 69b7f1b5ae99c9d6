//! What chat-verify believes, and what it refuses.

mod device_list;
mod fixed_bytes;
mod keys;
mod signature;
mod signer;
