//! What is wrong with a configuration is named with its place.

use chat_server::config::{Config, ConfigError, Environment, LogFormat, MetricsAccess};
use chat_server::failure::chain;

fn load(file: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("chatalot.toml");
    std::fs::write(&path, file).expect("it is written");
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(Some(&path), &Environment::of(variables)).map_err(|error: ConfigError| {
        // Where the file lies differs from run to run.
        chain(&error).replace(&format!("{}", path.display()), "chatalot.toml")
    })
}

const URL: &[(&str, &str)] = &[("DATABASE_URL", "postgres://localhost/chatalot")];

#[test]
fn every_key_is_read() {
    let file = r#"
        listen = "0.0.0.0:9000"
        public_url = "https://Chat.example.org/"
        server_name = "The house"
        [database]
        url = "postgres://localhost/one"
        max_connections = 20
        [registration]
        policy = "invite"
        [log]
        format = "json"
        filter = "warn,chat_server=debug"
        [metrics]
        access = "anyone"
    "#;
    let config = load(file, &[]).unwrap();
    assert_eq!(config.listen.to_string(), "0.0.0.0:9000");
    assert_eq!(
        config.public_url.as_deref(),
        Some("https://chat.example.org")
    );
    assert_eq!(config.server_name, "The house");
    assert_eq!(config.database.url, "postgres://localhost/one");
    assert_eq!(config.database.max_connections, 20);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.log.filter, "warn,chat_server=debug");
    assert_eq!(config.metrics, MetricsAccess::Anyone);
}

#[test]
fn the_environment_wins_over_the_file_and_an_empty_variable_is_none() {
    let file = "listen = \"127.0.0.1:1\"\npublic_url = \"http://one.example\"";
    let config = load(
        file,
        &[
            URL[0],
            ("CHATALOT_LISTEN", "127.0.0.1:2"),
            ("CHATALOT_PUBLIC_URL", ""),
            ("CHATALOT_LOG", "debug"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.public_url.as_deref(), Some("http://one.example"));
    assert_eq!(config.log.filter, "debug");
}

#[test]
fn mistakes_are_named_with_their_place_and_what_would_be_right() {
    let cases = [
        (
            "\nlisen = 1",
            "chatalot.toml:2: there is no key `lisen`; the keys are: listen, public_url, \
             server_name, database, registration, log, metrics",
        ),
        (
            "[database]\n\nurll = 1",
            "chatalot.toml:3: there is no key `database.urll`; [database] has: url, \
             max_connections",
        ),
        (
            "[log]\nformat = \"xml\"",
            "chatalot.toml:2: `log.format` is \"xml\", but takes \"text\" or \"json\"",
        ),
        (
            "listen = 8080",
            "chatalot.toml:1: `listen` is 8080, but takes an address and a port, as \
             \"127.0.0.1:8080\"",
        ),
        (
            "log.filter = \"a=b=c\"",
            "chatalot.toml:1: `log.filter` is \"a=b=c\", but takes a tracing filter, as \
             \"info\" or \"warn,chat_server=debug\"",
        ),
        (
            "[database]\nmax_connections = \"5\"",
            "chatalot.toml:2: `database.max_connections` is \"5\", but takes a number from 1 to \
             1000",
        ),
        (
            "database = true",
            "chatalot.toml:1: `database` is of type boolean, but takes a table; [database] has: \
             url, max_connections",
        ),
        (
            "[database]\nurl = \"mysql://root:secret@x\"",
            "chatalot.toml:2: `database.url` is something else, but takes \
             \"postgres://user:password@host/database\"",
        ),
        (
            "public_url = \"https://example.org/chat\"",
            "chatalot.toml:1: `public_url` is \"https://example.org/chat\", but takes the address \
             that people reach the server by, as \"https://chat.example.org\"",
        ),
    ];
    for (file, expected) in cases {
        assert_eq!(load(file, URL).err().as_deref(), Some(expected));
    }
    let syntax = load("server_name = \"x", URL).err().unwrap();
    assert!(syntax.starts_with("chatalot.toml:1: "), "{syntax}");
    let variable = load("", &[URL[0], ("CHATALOT_LISTEN", "8080")])
        .err()
        .unwrap();
    assert!(
        variable.starts_with("environment variable CHATALOT_LISTEN: `listen` is \"8080\""),
        "{variable}"
    );
    let missing = load("", &[]).err().unwrap();
    assert!(
        missing.contains("DATABASE_URL") && missing.contains("database.url"),
        "{missing}"
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let environment = Environment::of([(
        "CHATALOT_CONFIG".to_owned(),
        "/nowhere/chatalot.toml".to_owned(),
    )]);
    let error = Config::load(None, &environment).err().unwrap();
    assert!(chain(&error).starts_with("/nowhere/chatalot.toml: cannot be read: "));
}
