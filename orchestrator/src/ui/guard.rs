//! Who may ask. A page elsewhere could make a browser call this machine by a name of its own that points here; the names
//! under which a user calls it are known.

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// The names of this machine for itself.
const HERE: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Refuses requests that were not addressed to this machine by one of its own names.
pub async fn from_here(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(name, _)| name);
    match HERE.contains(&name) {
        true => next.run(request).await,
        false => (StatusCode::FORBIDDEN, "this address is for this machine alone: http://localhost\n").into_response(),
    }
}
