//! Conversations: who is in one, and who may open one.

use chat_protocol::{AccountId, ConversationId, ConversationKind, ErrorCode};
use chat_verify::direct_id;

/// A member as the relay sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub account: AccountId,
    /// The number of the account's newest device list entry.
    pub list_seq: u64,
}

/// Who is in a conversation, as of one membership version.
///
/// The version rises whenever a member or a member's device list changes, and is
/// checked again inside the transaction that stores a message: what was decided
/// from a copy in memory is never stored against a newer truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// Which conversation.
    pub conversation: ConversationId,
    /// The version that this copy is of.
    pub version: u64,
    /// Everybody in it.
    pub members: Vec<Member>,
}

/// A device list that a sender sealed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownList {
    /// Whose.
    pub account: AccountId,
    /// The number of its newest entry that the sender knows.
    pub seq: u64,
}

/// Why an account may not send into a conversation now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendRefusal {
    /// It is not a member; and is not told whether the conversation exists.
    #[error("There is no such conversation, or you are not in it.")]
    NotMember,
    /// It sealed for a device list that is not the current one: a device that
    /// was added could not read the message, a removed one still could.
    #[error("The message was sealed for a device list that has changed since.")]
    StaleDeviceList {
        /// The lists that the sender must know, as they are.
        current: Vec<KnownList>,
    },
}

impl SendRefusal {
    /// What a client is told.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::NotMember => ErrorCode::ConversationNotFound,
            Self::StaleDeviceList { .. } => ErrorCode::StaleDeviceList,
        }
    }
}

impl Membership {
    /// Whether an account is in it.
    #[must_use]
    pub fn holds(&self, account: AccountId) -> bool {
        self.members.iter().any(|member| member.account == account)
    }

    /// Whether `sender` may send a message sealed for `known` device lists.
    ///
    /// # Errors
    /// [`SendRefusal`] when it may not.
    pub fn check_send(&self, sender: AccountId, known: &[KnownList]) -> Result<(), SendRefusal> {
        if !self.holds(sender) {
            return Err(SendRefusal::NotMember);
        }
        let is_stale = known.iter().any(|known| {
            self.members
                .iter()
                .any(|member| member.account == known.account && member.list_seq != known.seq)
        });
        if is_stale {
            let current = self
                .members
                .iter()
                .map(|member| KnownList {
                    account: member.account,
                    seq: member.list_seq,
                })
                .collect();
            return Err(SendRefusal::StaleDeviceList { current });
        }
        Ok(())
    }
}

/// A direct conversation that may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewDirect {
    /// Its derived id.
    pub conversation: ConversationId,
    /// Who opens it.
    pub own: AccountId,
    /// With whom.
    pub peer: AccountId,
}

/// Why a direct conversation is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NewDirectError {
    /// With oneself there is nobody to seal to.
    #[error("A direct conversation is between two accounts; this names yourself.")]
    Oneself,
    /// The id is not the one that both accounts derive.
    #[error("The id is not that of the direct conversation of these two accounts.")]
    OtherId,
}

impl NewDirectError {
    /// What a client is told.
    #[must_use]
    pub const fn code(self) -> ErrorCode {
        ErrorCode::MalformedRequest
    }
}

impl NewDirect {
    /// The kind of conversation that it is.
    pub const KIND: ConversationKind = ConversationKind::Direct;

    /// Checks that the id is the one that both sides derive: the server must not
    /// store a pair's messages under an id that the peer would not look for.
    ///
    /// # Errors
    /// [`NewDirectError`] when it is not.
    pub fn check(
        conversation: ConversationId,
        own: AccountId,
        peer: AccountId,
    ) -> Result<Self, NewDirectError> {
        if own == peer {
            return Err(NewDirectError::Oneself);
        }
        if direct_id(own, peer) != conversation {
            return Err(NewDirectError::OtherId);
        }
        Ok(Self {
            conversation,
            own,
            peer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: AccountId = AccountId::from_bytes([1; 16]);
    const BOB: AccountId = AccountId::from_bytes([2; 16]);
    const CAROL: AccountId = AccountId::from_bytes([3; 16]);

    fn membership() -> Membership {
        let member = |account, list_seq| Member { account, list_seq };
        Membership {
            conversation: direct_id(ALICE, BOB),
            version: 1,
            members: vec![member(ALICE, 0), member(BOB, 4)],
        }
    }

    #[test]
    fn only_members_send() {
        assert_eq!(membership().check_send(ALICE, &[]), Ok(()));
        assert_eq!(
            membership().check_send(CAROL, &[]),
            Err(SendRefusal::NotMember)
        );
    }

    #[test]
    fn an_older_or_newer_device_list_is_stale() {
        let known = |account, seq| KnownList { account, seq };
        let both = [known(ALICE, 0), known(BOB, 4)];
        assert_eq!(membership().check_send(ALICE, &both), Ok(()));
        for seq in [3, 5] {
            let refusal = membership()
                .check_send(ALICE, &[known(ALICE, 0), known(BOB, seq)])
                .expect_err("the list is stale");
            assert_eq!(refusal.code(), ErrorCode::StaleDeviceList);
            let current = both.to_vec();
            assert_eq!(refusal, SendRefusal::StaleDeviceList { current });
        }
    }

    #[test]
    fn a_direct_conversation_has_the_derived_id_and_two_accounts() {
        let id = direct_id(ALICE, BOB);
        assert!(NewDirect::check(id, ALICE, BOB).is_ok());
        assert!(NewDirect::check(id, BOB, ALICE).is_ok());
        assert_eq!(
            NewDirect::check(id, ALICE, CAROL),
            Err(NewDirectError::OtherId)
        );
        let own = direct_id(ALICE, ALICE);
        assert_eq!(
            NewDirect::check(own, ALICE, ALICE),
            Err(NewDirectError::Oneself)
        );
    }
}
