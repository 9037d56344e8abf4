//! Who may ask. A page elsewhere could make a browser call this machine by a name of its own that points here; the names
//! under which a user calls it are known.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Whether a name, as it stands in an address, is of this machine for itself.
fn is_here(name: &str) -> bool {
    let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Refuses requests that were not addressed to this machine by one of its own names.
pub async fn from_here(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    match is_here(name) {
        true => next.run(request).await,
        false => (StatusCode::FORBIDDEN, "this address is for this machine alone: http://localhost\n").into_response(),
    }
}
