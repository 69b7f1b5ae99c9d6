//! Messages: what is checked before one waits for the log.

use std::sync::Arc;

use chat_domain::conversation::{Membership, SendRefusal};
use chat_domain::message::NewMessage;
use chat_protocol::AccountId;

use super::App;
use super::conversation::conversation_not_found;
use crate::failure::{Failure, Refusal};

impl App {
    /// Checks that an account may send a message, as far as is remembered; the
    /// transaction that stores it checks that nothing has changed since.
    ///
    /// # Errors
    /// [`Failure`] with `conversation_not_found` or `stale_device_list`.
    pub async fn check_send(
        &self,
        sender: AccountId,
        message: &NewMessage,
    ) -> Result<Arc<Membership>, Failure> {
        let remembered = self.memberships.lookup(message.conversation);
        if let Some(membership) = remembered
            && membership.check_send(sender, &message.known_lists).is_ok()
        {
            return Ok(membership);
        }
        // Refused only by what the database says: what is remembered may be older
        // than what the client knows.
        // Boxed, for it is rare: every open socket would keep room for it.
        let membership = Box::pin(self.load_membership(message.conversation))
            .await?
            .ok_or_else(conversation_not_found)?;
        membership
            .check_send(sender, &message.known_lists)
            .map_err(refusal)?;
        Ok(membership)
    }
}

/// A refused send as it is told.
pub(crate) fn refusal(refused: SendRefusal) -> Refusal {
    let mut refusal = Refusal::new(refused.code(), refused.to_string());
    if let SendRefusal::StaleDeviceList { current } = refused {
        refusal.current_lists = current;
    }
    refusal
}
