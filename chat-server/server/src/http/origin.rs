//! Which pages may open a socket.

use axum::http::{HeaderMap, Uri, header};

/// Whether a request to open a socket comes from this server's own page, or from
/// no page at all.
///
/// Browsers let any page open a socket to any server, and say in `Origin` which
/// page it was. A page of another site must not: it could try what the server
/// answers. Programs that are no browsers send no `Origin`.
pub(super) fn is_own(headers: &HeaderMap, public_url: &str) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return true;
    };
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    if origin.eq_ignore_ascii_case(public_url) {
        return true;
    }
    // Reached by another name than the public one, as on a test machine: the page
    // came from where the socket is opened.
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let authority = origin.parse::<Uri>().ok().and_then(|uri| {
        uri.authority()
            .map(|authority| authority.as_str().to_owned())
    });
    matches!((host, authority), (Some(host), Some(authority)) if host.eq_ignore_ascii_case(&authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(origin: Option<&'static str>, host: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        is_own(&headers, "https://chat.example.org")
    }

    #[test]
    fn only_the_own_page_opens_a_socket() {
        assert!(from(None, "chat.example.org"));
        assert!(from(Some("https://chat.example.org"), "10.0.0.1:8080"));
        assert!(from(Some("http://localhost:8080"), "localhost:8080"));
        assert!(!from(Some("https://evil.example"), "chat.example.org"));
        assert!(!from(Some("http://localhost:1"), "localhost:8080"));
        assert!(!from(Some("null"), "chat.example.org"));
    }
}
