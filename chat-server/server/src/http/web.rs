//! The web client, which the program carries, and the headers that fence it in.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};

/// What the web client's build left in `web/dist`.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

/// The page instead of a web client that was not built.
const NOT_BUILT: &str = "This server was built without its web client.\n\n\
    Build it with `cargo xtask up`, which does all of it, or with `cargo xtask wasm` and then\n\
    `npm ci` and `npm run build` in web/, and build the server again.\n";

/// Only the client's own files run, and only as they were built: no script of
/// another place, none inside a page, no text that becomes one (Trusted Types).
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
    style-src 'self'; font-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
    connect-src 'self'; worker-src 'self'; manifest-src 'self'; object-src 'none'; \
    base-uri 'none'; frame-ancestors 'none'; form-action 'self'; \
    require-trusted-types-for 'script'; trusted-types chatalot svelte-trusted-html";

/// Nothing that the client does not use.
const PERMISSIONS: &str = "accelerometer=(), browsing-topics=(), camera=(), geolocation=(), \
    gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// The headers that every answer gets.
#[derive(Clone)]
pub(super) struct Headers {
    is_https: bool,
}

impl Headers {
    pub fn new(public_url: &str) -> Self {
        Self {
            is_https: public_url.starts_with("https://"),
        }
    }
}

pub(super) async fn add_headers(
    State(headers): State<Headers>,
    mut response: Response,
) -> Response {
    let mut add = |name, value| {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    };
    add(header::CONTENT_SECURITY_POLICY, POLICY);
    add(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    // An invite's link holds its code: no other site is told where one comes from.
    add(header::REFERRER_POLICY, "no-referrer");
    add(
        header::HeaderName::from_static("permissions-policy"),
        PERMISSIONS,
    );
    // No other site's window or frame shares a process with this one.
    add(
        header::HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    );
    add(
        header::HeaderName::from_static("cross-origin-embedder-policy"),
        "require-corp",
    );
    add(
        header::HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    );
    if headers.is_https {
        add(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

/// A file of the web client, or its page for every path that is one of its own.
pub(super) fn serve(method: &Method, path: &str, headers: &HeaderMap) -> Response {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return super::method_not_allowed_problem().into_response();
    }
    let name = path.trim_start_matches('/');
    let (name, caching) = if name.starts_with("assets/") {
        // Its name holds a hash of its content: it never changes.
        (name, "public, max-age=31536000, immutable")
    } else if is_file(name) {
        (name, "no-cache")
    } else {
        ("index.html", "no-cache")
    };
    if Dist::get("index.html").is_none() {
        return (StatusCode::OK, NOT_BUILT).into_response();
    }
    let Some(plain) = Dist::get(name) else {
        return super::endpoint_not_found().into_response();
    };
    let etag = format!("\"{}\"", hex::encode(&plain.metadata.sha256_hash()[..16]));
    let mut response = if is_known(headers, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let (file, encoding) = smallest(name, plain, headers);
        let mut response = Response::new(Body::from(bytes(file)));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(name)));
        if let Some(encoding) = encoding {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// A page's path has no dot in its last part; a file's name has.
fn is_file(name: &str) -> bool {
    name.rsplit('/')
        .next()
        .is_some_and(|last| last.contains('.'))
}

/// Whether the browser has this content already.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|known| {
            known
                .split(',')
                .any(|one| one.trim().trim_start_matches("W/") == etag)
        })
}

/// The compressed form that the build made, if the browser takes it.
fn smallest(
    name: &str,
    plain: EmbeddedFile,
    headers: &HeaderMap,
) -> (EmbeddedFile, Option<&'static str>) {
    let accepted = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let takes = |encoding: &str| {
        accepted.split(',').any(|one| {
            let mut parts = one.split(';').map(str::trim);
            parts.next() == Some(encoding) && !parts.any(|part| matches!(part, "q=0" | "q=0.0"))
        })
    };
    for (encoding, ending) in [("br", "br"), ("gzip", "gz")] {
        if takes(encoding)
            && let Some(file) = Dist::get(&format!("{name}.{ending}"))
        {
            return (file, Some(encoding));
        }
    }
    (plain, None)
}

fn bytes(file: EmbeddedFile) -> Bytes {
    match file.data {
        std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        std::borrow::Cow::Owned(bytes) => bytes.into(),
    }
}

/// The media type of a file, by the end of its name: those that the build makes.
fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
