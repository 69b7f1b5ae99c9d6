//! The parts of a test run. To add one, add an entry here.
//!
//! A test target of Cargo runs in the part that [`of`] gives it, and in no other;
//! what nobody claims is `unit`. So a new test file runs without an entry, and an
//! end-to-end test needs one part of its own name.

use anyhow::Result;
use chat_testkit::need::Need;

use super::tally::Tally;
use super::{Context, checks, suite, web};

/// What must be built before a part runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requires {
    /// The client machine for the browser, in web/src/worker/wasm.
    Machine,
    /// The web client, in web/dist.
    WebClient,
    /// Test binaries and programs.
    Build,
}

/// One part.
pub struct Part {
    pub name: &'static str,
    /// What it shows, in a few words.
    pub what: &'static str,
    /// What the machine must have.
    pub needs: &'static [Need],
    /// What must be built.
    pub requires: &'static [Requires],
    pub run: fn(&Context<'_>) -> Result<Tally>,
    /// Where whoever sees it fail begins.
    pub first_look: &'static str,
}

use Requires::{Build, Machine, WebClient};

pub const PARTS: &[Part] = &[
    Part {
        name: "fmt",
        what: "formatting",
        needs: &[],
        requires: &[],
        run: |context| Ok(checks::formatting(context)),
        first_look: "`cargo fmt --all` puts it right",
    },
    Part {
        name: "rules",
        what: "which package may import which",
        needs: &[],
        requires: &[],
        run: |context| Ok(checks::rules(context)),
        first_look: "the path that is named; its last own package has the import to take back",
    },
    Part {
        name: "lint",
        what: "clippy without a warning, the browser's bindings included",
        needs: &[],
        requires: &[],
        run: |context| Ok(checks::lints(context)),
        first_look: "the first warning above",
    },
    Part {
        name: "gen",
        what: "generated files are what is generated",
        needs: &[Need::Postgres],
        requires: &[],
        run: |context| Ok(checks::drift(context)),
        first_look: "`cargo xtask gen`, and `git diff` after it",
    },
    Part {
        name: "unit",
        what: "every package's own tests and documents",
        needs: &[],
        requires: &[Build],
        run: |context| suite::run_with_documents(context, "unit"),
        first_look: "the first failed test above; `cargo test -p PACKAGE NAME` runs it alone",
    },
    Part {
        name: "store",
        what: "SQL and the private cluster on a real PostgreSQL",
        needs: &[Need::Postgres],
        requires: &[Build],
        run: |context| suite::run(context, "store"),
        first_look: "chat-server/store/migrations, and whether `cargo xtask gen sqlx` was run",
    },
    Part {
        name: "server",
        what: "HTTP and sockets of the server",
        needs: &[Need::Postgres],
        requires: &[Build],
        run: |context| suite::run(context, "server"),
        first_look: "the first failed test above; chat-server/server/tests has a file per area",
    },
    Part {
        name: "cli",
        what: "the command line against a real server",
        needs: &[Need::Postgres],
        requires: &[Build],
        run: |context| suite::run(context, "cli"),
        first_look: "what the command printed on stderr, above",
    },
    Part {
        name: "web",
        what: "the web client's lints, types and models",
        needs: &[Need::Node],
        requires: &[Machine],
        run: web::run,
        first_look: "the first message above; each check is a script in web/package.json",
    },
    Part {
        name: "up",
        what: "`cargo xtask up` through crashes and restarts",
        needs: &[Need::Postgres, Need::Node],
        requires: &[Machine, WebClient, Build],
        run: |context| suite::run(context, "up"),
        first_look: "log/server.log and log/postgres.log in the data folder that is named",
    },
    Part {
        name: "relay",
        what: "no acknowledged message is lost or doubled by a kill -9",
        needs: &[Need::Postgres],
        requires: &[Build],
        run: |context| suite::run(context, "relay"),
        first_look: "which set differs, the acknowledged or the read one",
    },
    Part {
        name: "hostile",
        what: "a server that swaps keys is noticed by both clients",
        needs: &[Need::Postgres],
        requires: &[Build],
        run: |context| suite::run(context, "hostile"),
        first_look: "which client did not refuse; crypto/ and protocol/verify decide it",
    },
    Part {
        name: "secrets",
        what: "neither plaintext nor private keys on the server's disk",
        needs: &[Need::Postgres],
        requires: &[Build],
        run: |context| suite::run(context, "secrets"),
        first_look: "the file and the form in which the canary was found",
    },
    Part {
        name: "browser",
        what: "two people in Chromium, and one on the command line",
        needs: &[Need::Postgres, Need::Node, Need::Chromium],
        requires: &[Machine, WebClient, Build],
        run: |context| suite::run(context, "browser"),
        first_look: "the screenshot and the page's console that the failed test names",
    },
];

/// The part that a test target of Cargo belongs to; `is_integration` tells a file
/// in `tests/` from the tests inside a library or program.
pub fn of(package: &str, kind: Kind, target: &str) -> &'static str {
    let named = || {
        PARTS
            .iter()
            .map(|part| part.name)
            .find(|name| *name == target)
    };
    match (package, kind) {
        ("chat-e2e", Kind::Integration) => named().unwrap_or("unit"),
        ("chat-store", _) | ("chat-testkit", Kind::Integration) => "store",
        ("chat-server", _) => "server",
        ("chatalot", Kind::Integration) => "cli",
        _ => "unit",
    }
}

/// Where a test target's tests stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Inside a library or a program.
    Inside,
    /// In a file of the folder `tests/`.
    Integration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once() {
        let mut names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
        names.sort_unstable();
        let all = names.len();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn a_test_runs_in_one_part() {
        assert_eq!(of("chat-e2e", Kind::Integration, "browser"), "browser");
        assert_eq!(of("chat-store", Kind::Inside, "chat_store"), "store");
        assert_eq!(of("chat-server", Kind::Integration, "http"), "server");
        assert_eq!(of("chat-crypto", Kind::Integration, "vectors"), "unit");
        assert_eq!(of("chat-e2e", Kind::Integration, "unclaimed"), "unit");
    }

    #[test]
    fn whoever_runs_binaries_has_them_built() {
        for target in ["cli", "browser", "relay", "hostile", "secrets", "up"] {
            let part = PARTS
                .iter()
                .find(|part| part.name == of("chat-e2e", Kind::Integration, target))
                .expect("the part exists");
            assert!(part.requires.contains(&Requires::Build), "{target}");
        }
    }
}
