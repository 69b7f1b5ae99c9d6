//! Where a request comes from: the address of the TCP connection.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

/// The address of whoever opened the connection. Headers that say otherwise are
/// not believed: anybody can write them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClientAddress(pub IpAddr);

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // Every connection has one; a request without it came from nowhere that
        // anything is allowed to.
        let nowhere = Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let address = parts.extensions.get().copied().unwrap_or(nowhere);
        Ok(address)
    }
}
