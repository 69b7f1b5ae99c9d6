//! What kinds of conversation and message there are.

macro_rules! kind {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $number:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// The number that stands for it in frames and in the database.
            #[must_use]
            pub const fn number(self) -> u16 {
                match self { $(Self::$variant => $number),+ }
            }

            /// The kind behind a number; `None` for one of a later version.
            #[must_use]
            pub const fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

kind!(
    /// What a conversation is between.
    ConversationKind {
        /// Two accounts; membership never changes.
        Direct = 1,
    }
);
kind!(
    /// What the server may know of a message: enough to store it, no more.
    MessageKind {
        /// Something that a person said.
        Content = 1,
    }
);
