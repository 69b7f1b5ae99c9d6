//! Conversations: opening one, reading its log.

use chat_domain::conversation::NewDirect;
use chat_protocol::frame::server_frame;
use chat_protocol::{AccountId, ConversationId, ErrorCode, frame};
use chat_store::conversation::{ConversationState, OpenDirectError, OpenedDirect};
use chat_store::login::Login;
use chat_store::message::LogPage;

use super::App;
use super::account::person_not_found;
use crate::failure::Failure;
use crate::frames;

impl App {
    /// Opens the direct conversation with a peer, or finds it. Everybody who is
    /// connected and in it hears of a new one.
    ///
    /// # Errors
    /// [`Failure`] with `person_not_found`, `limit_exceeded`, or a wrong id.
    pub async fn open_direct(
        &self,
        login: &Login,
        conversation: ConversationId,
        peer: AccountId,
    ) -> Result<ConversationState, Failure> {
        let new = NewDirect::check(conversation, login.account, peer)
            .map_err(|error| Failure::refused(error.code(), error.to_string()))?;
        let publication = self.publication.read().await;
        let opened = self
            .store
            .open_direct(&new)
            .await
            .map_err(|error| match error {
                OpenDirectError::PersonNotFound => person_not_found(),
                OpenDirectError::TooMany => Failure::refused(
                    ErrorCode::LimitExceeded,
                    "You or this person are in as many conversations as an account can be.",
                ),
                OpenDirectError::Store(error) => error.into(),
            })?;
        let state = match opened {
            OpenedDirect::Known(state) => state,
            OpenedDirect::New(state) => {
                self.tell_opened(&state);
                state
            }
        };
        drop(publication);
        Ok(state)
    }

    fn tell_opened(&self, state: &ConversationState) {
        let frame = frames::encode(server_frame::Frame::ConversationOpened(
            frame::ConversationOpened {
                state: Some(frames::conversation_state(state)),
            },
        ));
        for (account, _) in &state.members {
            self.hub.for_account(*account, |connection| {
                connection.push_owed(frame.clone());
                connection.wake();
            });
        }
    }

    /// The log of a conversation from `after_seq + 1` on.
    ///
    /// # Errors
    /// [`Failure`] with `conversation_not_found` when the reader is not in it.
    pub async fn fetch(
        &self,
        login: &Login,
        conversation: ConversationId,
        after_seq: u64,
        limit: u32,
    ) -> Result<LogPage, Failure> {
        self.store
            .list_log_page(conversation, login.account, after_seq, limit)
            .await?
            .ok_or_else(conversation_not_found)
    }
}

pub(super) fn conversation_not_found() -> Failure {
    let refusal = chat_domain::conversation::SendRefusal::NotMember;
    Failure::refused(refusal.code(), refusal.to_string())
}
