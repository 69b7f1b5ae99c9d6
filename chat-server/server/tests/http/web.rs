//! The web client and the headers around everything.

use chat_protocol::ErrorCode;

use crate::relay::{Relay, expect_problem};

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_headers_that_fence_the_page_in() {
    let relay = Relay::start().await;
    for path in [
        "/",
        "/invite/abc",
        "/api/v1/server",
        "/api/nothing",
        "/livez",
    ] {
        let response = relay.get(path).await;
        let header = |name: &str| {
            let value = response.headers().get(name);
            value
                .unwrap_or_else(|| panic!("{path} has {name}"))
                .to_str()
                .unwrap()
                .to_owned()
        };
        let policy = header("content-security-policy");
        for directive in [
            "default-src 'none'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self' data: blob:",
            "worker-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "require-trusted-types-for 'script'",
            "trusted-types chatalot svelte-trusted-html",
        ] {
            assert!(
                policy.split("; ").any(|one| one == directive),
                "{directive} in {policy}"
            );
        }
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert_eq!(header("cross-origin-embedder-policy"), "require-corp");
        assert_eq!(header("x-request-id").len(), 16);
        assert!(
            response
                .headers()
                .get("strict-transport-security")
                .is_none()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_the_client_and_missing_files_are_missing() {
    let relay = Relay::start().await;
    let page = relay.get("/").await;
    let etag = page.headers().get("etag").cloned();
    let text = page.text().await.unwrap();
    let Some(etag) = etag else {
        // The web client was not built: the page says how to.
        assert!(text.contains("cargo xtask up"), "{text}");
        return;
    };
    let invite = relay.get("/invite/abcdef").await;
    assert_eq!(invite.headers()["cache-control"], "no-cache");
    assert_eq!(invite.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(invite.text().await.unwrap(), text);
    expect_problem(
        relay.get("/assets/none.js").await,
        ErrorCode::EndpointNotFound,
    )
    .await;
    expect_problem(relay.get("/none.txt").await, ErrorCode::EndpointNotFound).await;

    let again = relay.http.get(relay.url("/")).header("if-none-match", etag);
    assert_eq!(again.send().await.unwrap().status(), 304);

    let script = text
        .split('"')
        .find(|part| part.starts_with("/assets/") && part.rsplit('.').next() == Some("js"))
        .expect("the page has a script");
    let response = relay
        .http
        .get(relay.url(script))
        .header("accept-encoding", "gzip, br")
        .send()
        .await
        .unwrap();
    let headers = response.headers();
    assert_eq!(
        headers["cache-control"],
        "public, max-age=31536000, immutable"
    );
    assert_eq!(headers["content-type"], "text/javascript; charset=utf-8");
    assert_eq!(headers["content-encoding"], "br");
    let plain = relay.get(script).await;
    assert!(plain.headers().get("content-encoding").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_and_name_nobody() {
    let relay = Relay::start().await;
    let alice = crate::device::Device::register(&relay, "alice").await;
    let _socket = alice.connect(&relay).await;
    let text = relay.get("/metrics").await.text().await.unwrap();
    assert!(text.contains("chatalot_connections"), "{text}");
    assert!(text.contains(r#"route="/api/v1/accounts""#), "{text}");
    for secret in ["alice", &alice.account.to_string(), &alice.token] {
        assert!(!text.contains(secret));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_too_large_is_refused() {
    let relay = Relay::start().await;
    let response = relay
        .http
        .post(relay.url("/api/v1/accounts"))
        .header("content-type", "application/json")
        .body(" ".repeat(chat_domain::limits::HTTP_BODY_MAX_BYTES + 1))
        .send()
        .await
        .unwrap();
    expect_problem(response, ErrorCode::TooLarge).await;
    // A form of another site's page is not JSON.
    let response = relay
        .http
        .post(relay.url("/api/v1/sessions"))
        .body("{}")
        .send()
        .await
        .unwrap();
    expect_problem(response, ErrorCode::MalformedRequest).await;
}
