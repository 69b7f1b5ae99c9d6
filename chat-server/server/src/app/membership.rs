//! Who is in which conversation, remembered.
//!
//! What is remembered may be older than the database. Nothing wrong follows from
//! that: the transaction that stores a message compares the membership version.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chat_domain::conversation::Membership;
use chat_domain::limits::CONVERSATION_CACHE;
use chat_protocol::ConversationId;

use super::App;
use crate::failure::Failure;

/// A bounded memory of memberships, in two generations: when the young one is
/// half of the bound, it becomes the old one, and what the old one still held is
/// forgotten. What is used moves back into the young one.
#[derive(Debug, Default)]
pub struct Memberships {
    generations: Mutex<Generations>,
}

type Generation = HashMap<ConversationId, Arc<Membership>>;

#[derive(Debug, Default)]
struct Generations {
    young: Generation,
    old: Generation,
}

impl Generations {
    fn put(&mut self, membership: Arc<Membership>) {
        if self.young.len() >= CONVERSATION_CACHE / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(membership.conversation, membership);
    }
}

impl Memberships {
    /// What is remembered of a conversation.
    #[must_use]
    pub fn lookup(&self, conversation: ConversationId) -> Option<Arc<Membership>> {
        let mut generations = self.lock();
        if let Some(found) = generations.young.get(&conversation) {
            return Some(found.clone());
        }
        let found = generations.old.remove(&conversation)?;
        generations.put(found.clone());
        Some(found)
    }

    /// Remembers a conversation, instead of what was remembered of it.
    pub fn remember(&self, membership: Membership) -> Arc<Membership> {
        let membership = Arc::new(membership);
        let mut generations = self.lock();
        generations.old.remove(&membership.conversation);
        generations.put(membership.clone());
        membership
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// Who is in a conversation, from the database.
    pub(crate) async fn load_membership(
        &self,
        conversation: ConversationId,
    ) -> Result<Option<Arc<Membership>>, Failure> {
        let found = self.store.lookup_membership(conversation).await?;
        Ok(found.map(|membership| self.memberships.remember(membership)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn membership(number: usize) -> Membership {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&number.to_be_bytes());
        Membership {
            conversation: ConversationId::from_bytes(id),
            version: 1,
            members: Vec::new(),
        }
    }

    #[test]
    fn what_is_used_is_kept_and_the_rest_is_bounded() {
        let memberships = Memberships::default();
        let first = memberships.remember(membership(0)).conversation;
        for number in 1..CONVERSATION_CACHE * 2 {
            memberships.remember(membership(number));
            assert!(memberships.lookup(first).is_some(), "{number}");
        }
        let generations = memberships.lock();
        assert!(generations.young.len() + generations.old.len() <= CONVERSATION_CACHE);
    }
}
