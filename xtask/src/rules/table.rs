//! The rules themselves. ARCHITECTURE.md draws them; this table holds them.
//!
//! A new package gets a row in [`MAY_IMPORT`]. A rule is loosened only together
//! with a decision in `docs/adr/` that says why.

/// Whom a rule is about.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    /// Every package of the workspace.
    Everybody,
    /// These packages.
    Only(&'static [&'static str]),
}

impl Who {
    pub fn covers(self, package: &str) -> bool {
        match self {
            Self::Everybody => true,
            Self::Only(packages) => packages.contains(&package),
        }
    }
}

/// Something that some packages never reach.
#[derive(Debug)]
pub struct Never {
    pub who: Who,
    pub what: &'static [&'static str],
    pub why: &'static str,
}

/// Something that is reached through one package only.
#[derive(Debug)]
pub struct Door {
    pub to: &'static str,
    pub through: &'static str,
    pub why: &'static str,
}

/// Which of our packages each of them may import: these, and what these may.
pub const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("chat-protocol", &[]),
    ("chat-verify", &["chat-protocol"]),
    ("chat-crypto", &["chat-verify"]),
    ("chat-client", &["chat-crypto"]),
    ("chat-client-native", &["chat-client"]),
    ("chat-client-wasm", &["chat-client"]),
    ("chatalot", &["chat-client-native"]),
    ("chat-domain", &["chat-verify"]),
    ("chat-store", &["chat-domain"]),
    ("chat-server", &["chat-store"]),
    ("chat-testkit", &[]),
    ("chat-e2e", &["chat-testkit"]),
    ("xtask", &["chat-testkit"]),
    ("web-bindgen", &[]),
    // It registers its people as a client does; what it measures is the server.
    ("bench-relay", &["chat-client"]),
];

/// The server's side of the house.
const SERVER: &[&str] = &["chat-domain", "chat-store", "chat-server"];

/// The packages without input and output: what they decide depends on what they
/// are handed, in a test, a browser and a server alike.
const PURE: &[&str] = &[
    "chat-protocol",
    "chat-verify",
    "chat-crypto",
    "chat-client",
    "chat-domain",
];

pub const NEVER: &[Never] = &[
    Never {
        who: Who::Only(SERVER),
        what: &["chat-crypto", "chat-client"],
        why: "a server must not be able to decrypt",
    },
    Never {
        who: Who::Only(PURE),
        what: &["tokio", "async-std", "smol", "futures-executor"],
        why: "this package is sans-IO: no runtime",
    },
    Never {
        who: Who::Only(PURE),
        what: &[
            "mio",
            "socket2",
            "hyper",
            "reqwest",
            "tungstenite",
            "rusqlite",
        ],
        why: "this package is sans-IO: no network, no files",
    },
    Never {
        who: Who::Only(&["chat-verify", "chat-crypto", "chat-client", "chat-domain"]),
        what: &["getrandom", "chrono", "time", "jiff"],
        why: "clock and randomness are parameters here",
    },
    Never {
        who: Who::Everybody,
        what: &["openssl", "openssl-sys", "native-tls", "ring"],
        why: "TLS is rustls on aws-lc-rs, one implementation for all programs",
    },
];

pub const DOORS: &[Door] = &[
    Door {
        to: "sqlx",
        through: "chat-store",
        why: "SQL lies in chat-store alone",
    },
    Door {
        to: "rusqlite",
        through: "chat-client-native",
        why: "the client's database is the native driver's alone",
    },
];
