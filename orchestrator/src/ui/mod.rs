//! `exp ui`: runs in a browser, from this binary alone.
//!
//! In: folders of runs, which are only read. Out: one page, its parts and its data over HTTP, on this machine alone unless a
//! user says otherwise. [`api`] answers what the page asks; `page/` is the page itself, plain files without a build.

mod api;
mod guard;
mod page;
mod watch;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::get;
use tokio::net::TcpListener;

pub use api::App;

/// Serves the runs below `folders` until the process is stopped; `ready` gets the address.
///
/// # Errors
/// The address is taken, or cannot be used.
pub async fn serve(
    folders: Vec<PathBuf>,
    cache: Option<PathBuf>,
    host: IpAddr,
    port: u16,
    ready: impl FnOnce(SocketAddr),
) -> io::Result<()> {
    let listener = TcpListener::bind((host, port)).await?;
    ready(listener.local_addr()?);
    let mut router = Router::new()
        .route("/api/runs", get(api::runs))
        .route("/api/run", get(api::run))
        .route("/api/curves", get(api::curves))
        .route("/api/picture", get(api::picture))
        .route("/api/log", get(api::log))
        .route("/api/watch", get(watch::watch))
        .with_state(App::new(folders, cache));
    for file in page::FILES {
        router = router.route(file.path, get(|| async { page::answer(file) }));
    }
    if host.is_loopback() {
        router = router.layer(from_fn(guard::from_here));
    }
    axum::serve(listener, router).await
}
