//! The documents say what the code does.

use chat_protocol::ErrorCode;
use chat_server::config::{KEYS, VARIABLES};

use crate::relay::repository;

fn read(path: &str) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_error_code_has_a_paragraph() {
    let document = read("docs/errors.md");
    let paragraphs: Vec<&str> = document.split("\n## ").skip(1).collect();
    let codes: Vec<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let titles: Vec<&str> = paragraphs
        .iter()
        .map(|paragraph| {
            paragraph
                .lines()
                .next()
                .unwrap_or_default()
                .trim_matches('`')
        })
        .collect();
    assert_eq!(
        titles, codes,
        "one paragraph per code, in the order of the code"
    );
    for (code, paragraph) in ErrorCode::ALL.iter().zip(paragraphs) {
        let status = format!("HTTP {}", code.http_status());
        assert!(
            paragraph.contains(&status),
            "{} names {status}",
            code.as_str()
        );
        assert!(paragraph.len() > 150, "{} says what to do", code.as_str());
    }
}

/// The constants that a file declares.
fn constants(path: &str) -> Vec<String> {
    read(path)
        .lines()
        .filter_map(|line| line.strip_prefix("pub const "))
        .filter_map(|rest| rest.split_once(':'))
        .map(|(name, _)| name.to_owned())
        .collect()
}

macro_rules! values {
    ($path:path: $($name:ident)+) => {{
        use $path as module;
        vec![$((stringify!($name).to_owned(), module::$name.to_string())),+]
    }};
}

#[test]
fn every_limit_is_documented_with_its_value() {
    let protocol = values!(chat_protocol::limits:
        PASSWORD_MIN_CHARS PASSWORD_MAX_BYTES NAME_MIN_CHARS NAME_MAX_CHARS FRAME_MAX_BYTES
        BODY_MAX_BYTES TEXT_MAX_BYTES KEY_ENVELOPE_MAX_BYTES DEVICES_PER_ACCOUNT
        KEY_ENVELOPES_MAX ONE_TIME_PREKEYS ONE_TIME_PREKEYS_REFILL_BELOW ONE_TIME_PREKEYS_MAX
        PREKEY_CLAIMS_PER_HOUR LOG_PAGE_MAX LOG_PAGE_MAX_BYTES INVITE_USES_MAX
        INVITE_DEFAULT_HOURS INVITE_MAX_HOURS REQUESTS_IN_FLIGHT SENDS_IN_FLIGHT
        CONNECTION_QUEUE_FRAMES IDLE_TIMEOUT_SECONDS PING_INTERVAL_SECONDS);
    let server = values!(chat_domain::limits:
        CONVERSATIONS_PER_ACCOUNT OPEN_INVITES_PER_ACCOUNT LOGINS_PER_DEVICE
        SEND_DEDUP_DAYS HTTP_BODY_MAX_BYTES HTTP_HEADER_TIMEOUT_SECONDS HTTP_REQUEST_TIMEOUT_SECONDS HELLO_TIMEOUT_SECONDS
        WRITE_TIMEOUT_SECONDS CONNECTIONS CONNECTION_QUEUE_BYTES CONNECTION_OWED_FRAMES
        SEND_QUEUE_MESSAGES SEND_QUEUE_BYTES BATCH_MESSAGES BATCH_BYTES PASSWORDS_WAITING
        LOGIN_ATTEMPTS_PER_NAME LOGIN_ATTEMPT_EVERY_SECONDS CREDENTIALS_PER_ADDRESS
        CREDENTIALS_PER_ADDRESS_PER_SECOND RATE_LIMIT_KEYS CONVERSATION_CACHE);
    let document = read("docs/limits.md");
    for (path, listed) in [
        ("protocol/wire/src/limits.rs", protocol),
        ("chat-server/domain/src/limits.rs", server),
    ] {
        let names: Vec<String> = listed.iter().map(|(name, _)| name.clone()).collect();
        assert_eq!(
            constants(path),
            names,
            "this test lists every limit of {path}"
        );
        for (name, value) in listed {
            let row = format!("| `{name}` | {value} |");
            assert!(document.contains(&row), "docs/limits.md has a row {row}");
        }
    }
}

#[test]
fn every_key_and_variable_is_documented() {
    let document = read("docs/configuration.md");
    for (key, _) in KEYS {
        assert!(document.contains(&format!("\n### `{key}`\n")), "{key}");
    }
    for (variable, _) in VARIABLES {
        assert!(document.contains(&format!("`{variable}`")), "{variable}");
    }
    assert!(document.contains("`CHATALOT_CONFIG`"));
}
