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
use tokio::time::sleep;

use super::api::{App, Refused, log_of, tail};
use crate::recorder::METRICS;
use crate::rows;
use crate::status::{State as Life, Status};

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
    step: Option<u64>,
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
    let sent = Sent { dir, step: watched.after, sizes: None, state: None };
    let news = unfold(sent, |mut sent| async {
        loop {
            if let Some(news) = news(&mut sent) {
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
    let state = Status::read(&sent.dir).map(|status| status.now());
    if sent.sizes == Some(sizes) && sent.state == state {
        return None;
    }
    let known = sent.step;
    let rows: Vec<_> = rows::read(&sent.dir.join(METRICS))
        .filter(|(step, _)| known.is_none_or(|known| *step > known))
        .map(|(_, row)| row)
        .collect();
    sent.step = rows.last().and_then(|row| row.get("step")?.as_u64()).or(known);
    let news = json!({
        "rows": rows,
        "log": tail(&sent.dir).unwrap_or_default(),
        "state": state,
    });
    (sent.sizes, sent.state) = (Some(sizes), state);
    Some(news.to_string())
}
