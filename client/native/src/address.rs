//! Where a server is.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// Whether a server may be talked to without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlainHttp {
    /// Only on this very machine.
    Loopback,
    /// Anywhere. Messages stay end-to-end encrypted, but the password, the
    /// session token and who talks to whom travel in the clear.
    Anywhere,
}

/// The address of a server: `http(s)://host[:port][/prefix]`, without a slash at
/// its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    url: String,
}

/// Why a text is not the address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It does not read as an address.
    #[error("{text:?} is not an address; write it as https://chat.example.org")]
    Form {
        /// What was given.
        text: String,
    },
    /// It has a user, a query or a fragment.
    #[error("the address of a server has no user, no '?' and no '#'")]
    Extra,
    /// Plain http beyond this machine.
    #[error(
        "{host} is not this machine, and with http:// your password and your session would \
         travel there in the clear"
    )]
    PlainHttp {
        /// The host.
        host: String,
    },
}

impl ServerAddress {
    /// Reads an address that a person wrote.
    ///
    /// # Errors
    /// [`AddressError`] names what is wrong with it.
    pub fn parse(text: &str, plain_http: PlainHttp) -> Result<Self, AddressError> {
        let form = || AddressError::Form {
            text: text.to_owned(),
        };
        let url = Url::parse(text.trim()).map_err(|_| form())?;
        let host = url.host_str().ok_or_else(form)?;
        match url.scheme() {
            "https" => {}
            "http" if plain_http == PlainHttp::Anywhere || is_loopback(host) => {}
            "http" => {
                return Err(AddressError::PlainHttp {
                    host: host.to_owned(),
                });
            }
            _ => return Err(form()),
        }
        let extra = url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some();
        if extra {
            return Err(AddressError::Extra);
        }
        Ok(Self {
            url: url.as_str().trim_end_matches('/').to_owned(),
        })
    }

    /// Takes the address that a device has kept since its registration, when it
    /// was checked.
    pub(crate) fn kept(url: String) -> Self {
        Self { url }
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Where one endpoint is; `path` begins with a slash.
    pub(crate) fn endpoint(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Where the WebSocket is.
    pub(crate) fn socket(&self) -> String {
        // "http" becomes "ws", and "https" "wss".
        format!(
            "ws{}/api/v1/socket",
            self.url.strip_prefix("http").unwrap_or(&self.url)
        )
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

fn is_loopback(host: &str) -> bool {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    match name.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        // Resolvers keep these names on this machine (RFC 6761).
        Err(_) => name == "localhost" || name.ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_endpoints() {
        for (text, socket) in [
            (
                "https://chat.example.org",
                "wss://chat.example.org/api/v1/socket",
            ),
            (
                "https://example.org/chat/",
                "wss://example.org/chat/api/v1/socket",
            ),
            (
                "http://127.0.0.1:8080/",
                "ws://127.0.0.1:8080/api/v1/socket",
            ),
            ("http://[::1]:8080", "ws://[::1]:8080/api/v1/socket"),
            ("http://localhost:1", "ws://localhost:1/api/v1/socket"),
        ] {
            let address = ServerAddress::parse(text, PlainHttp::Loopback).unwrap();
            assert_eq!(address.socket(), socket);
        }
    }

    #[test]
    fn plain_http_beyond_this_machine_needs_to_be_asked_for() {
        for text in [
            "http://chat.example.org",
            "http://10.0.0.7:8080",
            "http://127.0.0.1.example.org",
        ] {
            let refused = ServerAddress::parse(text, PlainHttp::Loopback);
            assert!(
                matches!(refused, Err(AddressError::PlainHttp { .. })),
                "{text}"
            );
            assert!(
                ServerAddress::parse(text, PlainHttp::Anywhere).is_ok(),
                "{text}"
            );
        }
    }

    #[test]
    fn anything_else_is_named() {
        for text in [
            "chat.example.org",
            "ftp://example.org",
            "",
            "localhost:8080",
        ] {
            let refused = ServerAddress::parse(text, PlainHttp::Anywhere);
            assert!(matches!(refused, Err(AddressError::Form { .. })), "{text}");
        }
        for text in [
            "https://u@example.org",
            "https://example.org/?a",
            "https://example.org/#a",
        ] {
            assert_eq!(
                ServerAddress::parse(text, PlainHttp::Loopback),
                Err(AddressError::Extra)
            );
        }
    }
}
