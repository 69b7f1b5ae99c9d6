//! Who may do what.

/// What an account is to its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Anybody who was invited.
    Member,
    /// Who runs the server: the one account that an owner's invite made.
    Owner,
}

/// Something that not everybody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Make an invite for a member.
    InviteMember,
    /// Make an invite for the owner. Only the program on the server's own
    /// machine does: whoever can run it owns the server already.
    InviteOwner,
}

impl Role {
    /// The number that stands for it in the database.
    #[must_use]
    pub const fn number(self) -> i16 {
        match self {
            Self::Member => 1,
            Self::Owner => 2,
        }
    }

    /// The role behind a number; `None` for one of a later version.
    #[must_use]
    pub const fn from_number(number: i16) -> Option<Self> {
        match number {
            1 => Some(Self::Member),
            2 => Some(Self::Owner),
            _ => None,
        }
    }

    /// Whether an account of this role may do it over the network.
    #[must_use]
    pub const fn may(self, capability: Capability) -> bool {
        match (self, capability) {
            (Self::Owner | Self::Member, Capability::InviteMember) => true,
            (Self::Owner | Self::Member, Capability::InviteOwner) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_invites_an_owner_over_the_network() {
        for role in [Role::Member, Role::Owner] {
            assert!(role.may(Capability::InviteMember));
            assert!(!role.may(Capability::InviteOwner));
            assert_eq!(Role::from_number(role.number()), Some(role));
        }
    }
}
