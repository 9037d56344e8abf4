//! News of a run as they come, as server-sent events: new rows of its metrics, its log, its state.

use std::convert::Infallible;
use std::fs::metadata;
use std::path::PathBuf;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Deserialize;
use serde_json::json;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::api::{App, Refused, log_of, tail};
use crate::outlived::known;
use crate::recorder::METRICS;
use crate::rows;
use crate::status::State as Life;

/// How often the files of a run are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What to watch.
#[derive(Debug, Deserialize)]
pub struct Watched {
    /// The run.
    dir: PathBuf,
    /// The step up to which metrics are known.
    after: Option<u64>,
}

/// What was sent of a run.
struct Sent {
    dir: PathBuf,
    /// The step up to which metrics were known.
    after: Option<u64>,
    /// Where the row begins that was read last.
    read: u64,
    /// The size of the metrics and of the log when they were looked at.
    sizes: Option<[u64; 2]>,
    state: Option<Life>,
}

/// Sends news of a run until the listener goes.
pub async fn watch(
    State(app): State<App>,
    Query(watched): Query<Watched>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Refused> {
    let dir = app.locate(&watched.dir)?;
    let sent = Sent { dir, after: watched.after, read: 0, sizes: None, state: None };
    let news = unfold(sent, |mut sent| async {
        loop {
            // Reads files where that holds up nobody else.
            let read = spawn_blocking(move || (news(&mut sent), sent)).await;
            let (news, back) = read.ok()?;
            sent = back;
            if let Some(news) = news {
                return Some((Ok(Event::default().data(news)), sent));
            }
            sleep(LOOK).await;
        }
    });
    Ok(Sse::new(news).keep_alive(KeepAlive::default()))
}

/// What is new of a run, as JSON; none if nothing is.
fn news(sent: &mut Sent) -> Option<String> {
    let size = |path: PathBuf| metadata(path).map_or(0, |file| file.len());
    let sizes = [size(sent.dir.join(METRICS)), size(log_of(&sent.dir))];
    let state = known(&sent.dir).map(|status| status.now());
    if sent.sizes == Some(sizes) && sent.state == state {
        return None;
    }
    let mut found = rows::read_from(&sent.dir.join(METRICS), sent.read);
    // The last row of the page may have been added to since.
    let rows: Vec<_> = found.by_ref().filter(|(step, _)| sent.after.is_none_or(|known| *step >= known)).collect();
    sent.read = found.last_begin();
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    let news = json!({
        "rows": rows,
        "log": tail(&sent.dir).unwrap_or_default(),
        "state": state,
    });
    (sent.sizes, sent.state) = (Some(sizes), state);
    Some(news.to_string())
}
