//! A small GET over plain HTTP, for health checks: no client library, no async.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// How long one exchange may take. A health check that takes longer is an answer
/// too: not healthy.
const BOUND: Duration = Duration::from_secs(5);

/// The largest answer that is read, in bytes. Health checks and API answers have
/// a few hundred.
const LARGEST_ANSWER: u64 = 1024 * 1024;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header lines as they came, without the status line.
    pub head: String,
    /// The body as text.
    pub body: String,
}

/// Fetches `path` from a server on this machine.
///
/// # Errors
/// When nothing listens, the exchange takes too long, or what comes back is not
/// HTTP.
pub fn get(address: SocketAddr, path: &str) -> Result<Response> {
    let mut stream = TcpStream::connect_timeout(&address, BOUND)
        .with_context(|| format!("cannot connect to {address}"))?;
    stream
        .set_read_timeout(Some(BOUND))
        .context("a timeout can be set")?;
    stream
        .set_write_timeout(Some(BOUND))
        .context("a timeout can be set")?;
    // HTTP/1.0: the answer ends with the connection and is never chunked.
    let request = format!(
        "GET {path} HTTP/1.0\r\nHost: {address}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .with_context(|| format!("cannot ask {address}"))?;
    let mut answer = Vec::new();
    stream
        .take(LARGEST_ANSWER)
        .read_to_end(&mut answer)
        .with_context(|| format!("{address} broke off its answer to GET {path}"))?;
    parse(&String::from_utf8_lossy(&answer))
        .with_context(|| format!("{address} did not answer GET {path} in HTTP"))
}

/// True when `path` is answered with 200.
#[must_use]
pub fn is_ok(address: SocketAddr, path: &str) -> bool {
    get(address, path).is_ok_and(|response| response.status == 200)
}

fn parse(answer: &str) -> Option<Response> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let (status_line, head) = head.split_once("\r\n").unwrap_or((head, ""));
    let mut words = status_line.split(' ');
    if !words.next()?.starts_with("HTTP/") {
        return None;
    }
    Some(Response {
        status: words.next()?.parse().ok()?,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let response = parse("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok").expect("it is HTTP");
        assert_eq!((response.status, response.body.as_str()), (200, "ok"));
        assert_eq!(response.head, "content-length: 2");
        assert_eq!(parse("SSH-2.0-something\r\n\r\n"), None);
    }

    #[test]
    fn nobody_listening_is_an_error() {
        let port = crate::port::free().expect("a port is free");
        assert!(!is_ok(SocketAddr::from(([127, 0, 0, 1], port)), "/livez"));
    }
}
