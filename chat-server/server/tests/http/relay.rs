//! A server in this process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use chat_domain::invite::{InviteCode, InviteTerms};
use chat_domain::permission::Role;
use chat_protocol::ErrorCode;
use chat_server::clock::{Clock as _, SystemClock};
use chat_server::config::{
    Config, DatabaseConfig, LogConfig, LogFormat, MetricsAccess, RegistrationPolicy,
};
use chat_server::random::{Random as _, SystemRandom};
use chat_server::serve::{Server, Surroundings};
use chat_store::invite::NewInvite;
use chat_store::{Store, StoreOptions};
use chat_testkit::postgres::temporary;

/// A running server and its database.
pub struct Relay {
    /// `None` for the program in a process of its own.
    server: Option<Server>,
    pub address: SocketAddr,
    pub store: Store,
    pub http: reqwest::Client,
    pub config: Config,
}

/// The repository, for the documents that tests hold to the code.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the crate lies in the repository")
}

pub fn config(database_url: String) -> Config {
    Config {
        listen: "127.0.0.1:0".parse().expect("an address"),
        public_url: None,
        server_name: "Test".to_owned(),
        database: DatabaseConfig {
            url: database_url,
            max_connections: 5,
        },
        registration: RegistrationPolicy::Invite,
        log: LogConfig {
            format: LogFormat::Text,
            filter: "warn".to_owned(),
        },
        metrics: MetricsAccess::Loopback,
    }
}

impl Relay {
    /// Starts one on a fresh database of the cluster that all tests share.
    pub async fn start() -> Self {
        let url = temporary::shared()
            .fresh_database()
            .expect("a database is made");
        Self::start_on(config(url)).await
    }

    pub async fn start_on(config: Config) -> Self {
        let surroundings = Surroundings {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        };
        let server = Server::start(&config, surroundings)
            .await
            .expect("the server starts");
        let address = server.address();
        Self::around(Some(server), address, config)
    }

    /// The server program, which listens at an address already.
    pub fn of_program(address: SocketAddr, database_url: String) -> Self {
        Self::around(None, address, config(database_url))
    }

    fn around(server: Option<Server>, address: SocketAddr, config: Config) -> Self {
        let store = Store::new(&StoreOptions {
            database_url: config.database.url.clone(),
            max_connections: 4,
        })
        .expect("the URL is one");
        Self {
            server,
            address,
            store,
            http: reqwest::Client::new(),
            config,
        }
    }

    /// Ends the server as a signal would.
    pub async fn stop(self) {
        if let Some(server) = self.server {
            server.stop().await;
        }
    }

    /// `http://127.0.0.1:PORT` and the path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.http
            .get(self.url(path))
            .send()
            .await
            .expect("the server answers")
    }

    /// Makes an invite that ends after so many milliseconds from now.
    pub async fn invite_until(&self, role: Role, uses: u32, hours: u32) -> InviteCode {
        let mut bytes = [0; 26];
        SystemRandom.fill(&mut bytes);
        let code = InviteCode::from_random(bytes);
        let now_ms = SystemClock.now_ms();
        let terms = if hours == 0 {
            InviteTerms {
                uses,
                expires_at_ms: now_ms,
            }
        } else {
            InviteTerms::new(uses, hours, now_ms).expect("the terms are in range")
        };
        let new = NewInvite {
            hash: code.hash(),
            role,
            invited_by: None,
            terms,
        };
        self.store
            .add_invite(&new, now_ms)
            .await
            .expect("the invite is made");
        code
    }

    pub async fn invite(&self) -> InviteCode {
        self.invite_until(Role::Member, 1, 1).await
    }
}

/// Checks that an answer is a problem document of a code, with its status.
pub async fn expect_problem(response: reqwest::Response, code: ErrorCode) {
    assert_eq!(response.status().as_u16(), code.http_status());
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let document: serde_json::Value = response.json().await.expect("a JSON document");
    assert_eq!(document["code"], code.as_str(), "{document}");
    assert_eq!(document["status"], code.http_status());
    assert!(document["title"].is_string());
    let detail = document["detail"].as_str().expect("a detail");
    assert!(detail.ends_with('.'), "a sentence: {detail:?}");
}
