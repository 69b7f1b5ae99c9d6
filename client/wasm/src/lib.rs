//! The Chatalot client machine in the browser: bindings only.
//!
//! It turns JavaScript values into inputs and effects into JavaScript values,
//! and hands in the two things that a page has and the machine must not reach
//! for: the clock and the random source. It must never decide anything.
//!
//! Bytes cross as `Uint8Array`. Commands, replies, failures and events cross as
//! JSON text, in the form that chat-client documents; their TypeScript types
//! are made from the same Rust types by `cargo xtask gen ts`.

mod convert;

use getrandom::SysRng;
use js_sys::{Array, Date, Uint8Array};
use rand_core::UnwrapErr;
use wasm_bindgen::prelude::*;

use chat_client::{Input, RegisterResponse};

use convert::{change_to_js, effects_to_js, records_from_js};

/// The random source of the browser. It does not fail where a page may run at
/// all; a client must stop rather than go on without one.
fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// The browser's clock, in milliseconds since 1970.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a date between 1970 and the end of JavaScript's dates fits"
)]
fn now_ms() -> u64 {
    Date::now() as u64
}

fn error(error: &dyn std::error::Error) -> JsError {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    JsError::new(&text)
}

/// An account that is about to be made; see chat-client's `Registration`.
#[wasm_bindgen]
pub struct Registration(chat_client::Registration);

#[wasm_bindgen]
impl Registration {
    /// Draws ids and keys.
    ///
    /// # Errors
    /// When the password is too short.
    #[wasm_bindgen(constructor)]
    pub fn new(name: &str, password: &str, invite_code: &str) -> Result<Registration, JsError> {
        chat_client::Registration::begin(&mut rng(), now_ms(), name, password, invite_code)
            .map(Self)
            .map_err(|refusal| error(&refusal))
    }

    /// The JSON body of `POST /api/v1/accounts`.
    ///
    /// # Errors
    /// Never in practice: the request is plain text fields.
    pub fn request(&self) -> Result<String, JsError> {
        serde_json::to_string(&self.0.request()).map_err(|cause| error(&cause))
    }

    /// What to store once the server has answered, as an array of changes.
    ///
    /// # Errors
    /// When the answer is not about this account.
    pub fn finish(&self, server: &str, response_json: &str) -> Result<Array, JsError> {
        let response: RegisterResponse =
            serde_json::from_str(response_json).map_err(|cause| error(&cause))?;
        let changes = self
            .0
            .finish(server, &response)
            .map_err(|cause| error(&cause))?;
        Ok(changes.iter().map(change_to_js).collect())
    }
}

/// What to store once `POST /api/v1/sessions` has let this device in again: an
/// array of changes. `records` are those that a machine is opened with.
///
/// # Errors
/// When the answer is about another device, or the account does not read back.
#[wasm_bindgen(js_name = signInAgain)]
#[expect(
    clippy::needless_pass_by_value,
    reason = "the generated glue passes arrays by value"
)]
pub fn sign_in_again(records: Array, response_json: &str) -> Result<Array, JsError> {
    let response: RegisterResponse =
        serde_json::from_str(response_json).map_err(|cause| error(&cause))?;
    let changes = chat_client::sign_in_again(&records_from_js(&records), &response)
        .map_err(|cause| error(&cause))?;
    Ok(changes.iter().map(change_to_js).collect())
}

/// The machine of one device.
#[wasm_bindgen]
pub struct Machine(chat_client::Machine);

#[wasm_bindgen]
impl Machine {
    /// Opens a device from its records (all tables but `session` and `message`).
    ///
    /// # Errors
    /// When there is no account, or a record does not read back.
    #[wasm_bindgen(constructor)]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the generated glue passes arrays by value"
    )]
    pub fn new(records: Array) -> Result<Machine, JsError> {
        chat_client::Machine::open(&records_from_js(&records))
            .map(Self)
            .map_err(|cause| error(&cause))
    }

    /// A socket to the server is open.
    pub fn connected(&mut self) -> Array {
        self.handle(Input::Connected)
    }

    /// The socket is gone, or could not be opened.
    pub fn disconnected(&mut self) -> Array {
        self.handle(Input::Disconnected)
    }

    /// A binary message came in.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the generated glue passes arrays by value"
    )]
    pub fn frame(&mut self, bytes: Uint8Array) -> Array {
        self.handle(Input::Frame(bytes.to_vec()))
    }

    /// The store's answer to a `load` effect.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the generated glue passes arrays by value"
    )]
    pub fn loaded(&mut self, load: f64, records: Array) -> Array {
        self.handle(Input::Loaded {
            load: convert::number(load),
            records: records_from_js(&records),
        })
    }

    /// A person wants something: `json` is a `Command`.
    ///
    /// # Errors
    /// When it is not of the documented form.
    pub fn command(&mut self, id: f64, json: &str) -> Result<Array, JsError> {
        let command = serde_json::from_str(json).map_err(|cause| error(&cause))?;
        Ok(self.handle(Input::Command {
            id: convert::number(id),
            command,
        }))
    }

    /// About a second went by.
    pub fn tick(&mut self) -> Array {
        self.handle(Input::Tick)
    }
}

impl Machine {
    fn handle(&mut self, input: Input) -> Array {
        effects_to_js(self.0.handle(input, now_ms(), &mut rng()))
    }
}
