//! Registering, signing in and out, invites.

use chat_domain::permission::Role;
use chat_protocol::{ErrorCode, limits};
use serde_json::json;

use crate::device::{Device, PASSWORD};
use crate::relay::{Relay, expect_problem};

async fn sign_in(relay: &Relay, name: &str, password: &str, device: &str) -> reqwest::Response {
    relay
        .http
        .post(relay.url("/api/v1/sessions"))
        .json(&json!({"name": name, "password": password, "device_id": device}))
        .send()
        .await
        .expect("the server answers")
}

async fn sign_out(relay: &Relay, token: &str) -> reqwest::Response {
    relay
        .http
        .delete(relay.url("/api/v1/sessions/current"))
        .bearer_auth(token)
        .send()
        .await
        .expect("the server answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_makes_as_many_accounts_as_it_says() {
    let relay = Relay::start().await;
    let code = relay.invite_until(Role::Member, 2, 1).await;
    let path = format!("/api/v1/invites/{}", code.as_str());
    let described: serde_json::Value = relay.get(&path).await.json().await.unwrap();
    let expected = json!({"server_name": "Test", "invited_by": null, "uses_left": 2});
    assert_eq!(described, expected);
    for name in ["alice", "bob"] {
        let device = Device::new(name);
        let response = device.post(&relay, &device.body(code.as_str())).await;
        assert_eq!(response.status(), 201);
    }
    expect_problem(relay.get(&path).await, ErrorCode::InviteNotFound).await;
    let carol = Device::new("carol");
    let response = carol.post(&relay, &carol.body(code.as_str())).await;
    expect_problem(response, ErrorCode::InviteNotFound).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_has_expired_or_never_was_holds_for_nobody() {
    let relay = Relay::start().await;
    let expired = relay.invite_until(Role::Member, 1, 0).await;
    let unknown = "2".repeat(26);
    for code in [expired.as_str(), &unknown, "not of the form"] {
        let device = Device::new("alice");
        let response = device.post(&relay, &device.body(code)).await;
        expect_problem(response, ErrorCode::InviteNotFound).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_has_one_owner() {
    let relay = Relay::start().await;
    let first = relay.invite_until(Role::Owner, 1, 1).await;
    let second = relay.invite_until(Role::Owner, 1, 1).await;
    let alice = Device::new("alice");
    let response = alice.post(&relay, &alice.body(first.as_str())).await;
    assert_eq!(response.status(), 201);
    assert!(relay.store.has_owner().await.unwrap());
    // The other owner's invite was made while there was none; it ended with that.
    let bob = Device::new("bob");
    let response = bob.post(&relay, &bob.body(second.as_str())).await;
    expect_problem(response, ErrorCode::InviteNotFound).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_registration_is_told_and_the_invite_is_kept() {
    let relay = Relay::start().await;
    Device::register(&relay, "alice").await;
    let code = relay.invite().await;
    let bob = Device::new("bob");
    let with = |key: &str, value: serde_json::Value| {
        let mut body = bob.body(code.as_str());
        body[key] = value;
        body
    };
    let long = "x".repeat(limits::PASSWORD_MAX_BYTES + 1);
    let someone_else = Device::new("alice").body(code.as_str())["device_setup"].clone();
    let cases = [
        (with("name", json!("Bob")), ErrorCode::NameInvalid),
        (with("name", json!("")), ErrorCode::NameInvalid),
        (with("name", json!("alice")), ErrorCode::NameTaken),
        (
            with("password", json!("1234567")),
            ErrorCode::PasswordLength,
        ),
        (with("password", json!(long)), ErrorCode::PasswordLength),
        (
            with("device_setup", json!("***")),
            ErrorCode::MalformedRequest,
        ),
        (
            with("device_setup", json!("AAAA")),
            ErrorCode::MalformedRequest,
        ),
        (
            with("device_setup", json!("")),
            ErrorCode::UnsupportedVersion,
        ),
        (with("device_setup", someone_else), ErrorCode::IdTaken),
        (with("invite_code", json!(7)), ErrorCode::MalformedRequest),
        (json!({}), ErrorCode::MalformedRequest),
    ];
    for (body, error) in cases {
        expect_problem(bob.post(&relay, &body).await, error).await;
    }
    let response = bob.post(&relay, &bob.body(code.as_str())).await;
    assert_eq!(response.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_use_the_last_use_at_once_are_not_both_let_in() {
    let relay = Relay::start().await;
    let code = relay.invite().await;
    let (alice, bob) = (Device::new("alice"), Device::new("bob"));
    let (one, other) = (alice.body(code.as_str()), bob.body(code.as_str()));
    let (one, other) = tokio::join!(alice.post(&relay, &one), bob.post(&relay, &other));
    let mut statuses = [one.status().as_u16(), other.status().as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 404]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_known_device_signs_in_again() {
    let relay = Relay::start().await;
    let mut alice = Device::register(&relay, "alice").await;
    let device = alice.device.to_string();
    let response = sign_in(&relay, "alice", PASSWORD, &device).await;
    assert_eq!(response.status(), 201);
    let answer: serde_json::Value = response.json().await.unwrap();
    assert_eq!(answer["account_id"], alice.account.to_string());
    let token = answer["token"].as_str().unwrap().to_owned();
    assert_ne!(token, alice.token);
    alice.token = token;
    alice.connect(&relay).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_name_and_a_wrong_password_look_the_same() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let device = alice.device.to_string();
    for (name, password) in [
        ("alice", "not the password"),
        ("nobody", PASSWORD),
        ("No Name", PASSWORD),
    ] {
        let response = sign_in(&relay, name, password, &device).await;
        expect_problem(response, ErrorCode::WrongCredentials).await;
    }
    // Only who knows the password learns whether a device is known.
    let unknown = "ab".repeat(16);
    let response = sign_in(&relay, "alice", PASSWORD, &unknown).await;
    expect_problem(response, ErrorCode::DeviceNotLinked).await;
    let response = sign_in(&relay, "alice", "not the password", &unknown).await;
    expect_problem(response, ErrorCode::WrongCredentials).await;
    let response = sign_in(&relay, "alice", PASSWORD, "no id").await;
    expect_problem(response, ErrorCode::MalformedRequest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessing_a_password_is_slowed_down() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let device = alice.device.to_string();
    let mut refused = None;
    for _ in 0..=chat_domain::limits::LOGIN_ATTEMPTS_PER_NAME {
        let response = sign_in(&relay, "alice", "not the password", &device).await;
        if response.status() == 429 {
            refused = Some(response);
        }
    }
    let refused = refused.expect("the last attempts are refused");
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=31).contains(&wait), "{wait}");
    expect_problem(refused, ErrorCode::RateLimited).await;
    // Other names are not held up by it.
    let bob = Device::register(&relay, "bob").await;
    let response = sign_in(&relay, "bob", PASSWORD, &bob.device.to_string()).await;
    assert_eq!(response.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_the_token_and_its_sockets_at_once() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let mut socket = alice.connect(&relay).await;
    assert_eq!(sign_out(&relay, &alice.token).await.status(), 204);
    let (problem, close) = socket.ended().await;
    assert_eq!(problem.unwrap().code, ErrorCode::NotSignedIn.as_str());
    assert_eq!(close, 1008);
    let response = sign_out(&relay, &alice.token).await;
    expect_problem(response, ErrorCode::NotSignedIn).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_has_a_few_logins_and_the_oldest_ends() {
    let relay = Relay::start().await;
    let alice = Device::register(&relay, "alice").await;
    let device = alice.device.to_string();
    for _ in 0..chat_domain::limits::LOGINS_PER_DEVICE {
        let response = sign_in(&relay, "alice", PASSWORD, &device).await;
        assert_eq!(response.status(), 201);
    }
    let response = sign_out(&relay, &alice.token).await;
    expect_problem(response, ErrorCode::NotSignedIn).await;
}
