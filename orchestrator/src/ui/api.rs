//! What the page asks for: lists of runs, one run, its curves, pictures and log.

use std::collections::BTreeSet;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use exp_api::figure::explains;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::files::{open, small};
use crate::history::{Column, Detail, History, common, seconds, varied};
use crate::plot::with_means;
use crate::process::{LOG, Process};

/// How old a list of runs may be.
const FRESH: Duration = Duration::from_secs(1);
/// How much of the end of a log is shown.
const TAIL: u64 = 64 << 10;

/// What all answers are made of.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    folders: Vec<PathBuf>,
    cache: Option<PathBuf>,
    /// The newest list of runs, as text, and when it was made.
    runs: Mutex<Option<(Instant, Arc<str>)>>,
}

/// The run that a request is about.
#[derive(Debug, Deserialize)]
pub struct About {
    /// Its directory, as the list of runs names it.
    dir: PathBuf,
    /// A file in it.
    path: Option<PathBuf>,
}

/// A request that cannot be answered, in words.
pub struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, self.1 + "\n").into_response()
    }
}

impl App {
    /// Looks at the runs below folders.
    pub fn new(folders: Vec<PathBuf>, cache: Option<PathBuf>) -> App {
        App(Arc::new(Shared { folders, cache, runs: Mutex::new(None) }))
    }

    /// The list of runs, as JSON.
    pub fn runs(&self) -> io::Result<Arc<str>> {
        // Whoever asks while another makes the list waits for it.
        let mut newest = self.0.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, text)) = newest.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return Ok(Arc::clone(text));
        }
        let mut history = History::default();
        for folder in &self.0.folders {
            match History::of(folder, self.0.cache.as_deref()) {
                Ok(found) => history = history.and(found),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        let text: Arc<str> = list(&history).to_string().into();
        *newest = Some((Instant::now(), Arc::clone(&text)));
        Ok(text)
    }

    /// The directory of a run, if it is one below the folders that are shown.
    pub fn locate(&self, dir: &Path) -> Result<PathBuf, Refused> {
        let refused = || Refused(StatusCode::NOT_FOUND, format!("there is no run {}", dir.display()));
        let whole = dir.canonicalize().map_err(|_| refused())?;
        let inside = |folder: &PathBuf| folder.canonicalize().is_ok_and(|folder| whole.starts_with(folder));
        let shown = self.0.folders.iter().any(inside) && whole.join(crate::status::Status::FILE).is_file();
        shown.then_some(whole).ok_or_else(refused)
    }
}

/// What the table of runs needs, and no more: of configurations what runs differ in, and once what all of them share.
fn list(history: &History) -> Value {
    let keys = varied(&history.runs, &history.parts);
    let columns: Vec<Column> = keys.iter().map(|key| Column::new(history, key)).collect();
    let run = |run: &crate::history::Run| {
        let values: Vec<Option<Value>> = columns.iter().map(|column| column.value(run)).collect();
        // By number: null is also a value.
        let lacks: Vec<usize> = (0..keys.len()).filter(|&at| values[at].is_none()).collect();
        json!({
            "dir": run.dir.display().to_string(),
            "state": run.state(),
            "started": run.begun,
            "seconds": seconds(run),
            "step": run.step(),
            "cause": run.status.cause,
            "tags": run.labels.tags,
            "note": run.labels.notes,
            "words": run.words.clone(),
            "figures": run.figures,
            "last": run.last,
            "frozen": !run.config.is_empty(),
            "config": values,
            "lacks": lacks,
        })
    };
    // Figures that nobody compares runs by.
    let explaining: BTreeSet<&String> =
        history.runs.iter().flat_map(|run| run.figures.keys()).filter(|name| explains(name)).collect();
    let runs: Vec<Value> = history.runs.iter().map(run).collect();
    json!({"keys": keys, "common": common(history), "explaining": explaining, "runs": runs})
}

/// The list of runs.
pub async fn runs(State(app): State<App>) -> Result<Response, Refused> {
    let text = work(move || app.runs().map_err(|error| failed(&error))).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text.to_string()).into_response())
}

/// All that is known of a run.
pub async fn run(State(app): State<App>, Query(about): Query<About>) -> Result<Response, Refused> {
    work(move || {
        let dir = app.locate(&about.dir)?;
        let detail = Detail::read(&dir).map_err(|error| Refused(StatusCode::NOT_FOUND, error))?;
        let text = serde_json::to_string(&detail).map_err(|error| failed(&error.into()))?;
        Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
    })
    .await
}

/// The metrics of a run over its steps.
pub async fn curves(State(app): State<App>, Query(about): Query<About>) -> Result<Response, Refused> {
    work(move || {
        let found = with_means(&app.locate(&about.dir)?);
        let text = serde_json::to_string(&found).map_err(|error| failed(&error.into()))?;
        Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
    })
    .await
}

/// A picture of a run.
pub async fn picture(State(app): State<App>, Query(about): Query<About>) -> Result<Response, Refused> {
    work(move || {
        let dir = app.locate(&about.dir)?;
        let name = about.path.unwrap_or_default();
        let none = || Refused(StatusCode::NOT_FOUND, format!("there is no picture {}", name.display()));
        let path = dir.join(&name).canonicalize().map_err(|_| none())?;
        if !path.starts_with(&dir) || path.extension().is_none_or(|end| end != "png") {
            return Err(none());
        }
        let bytes = small(&path).map_err(|_| none())?;
        Ok(([(header::CONTENT_TYPE, "image/png")], bytes).into_response())
    })
    .await
}

/// The end of the log of a run.
pub async fn log(State(app): State<App>, Query(about): Query<About>) -> Result<String, Refused> {
    work(move || tail(&app.locate(&about.dir)?).map_err(|error| failed(&error))).await
}

/// The log of a run.
pub fn log_of(dir: &Path) -> PathBuf {
    let name = Process::open(dir).ok().and_then(|process| process.logging.file);
    dir.join(name.as_deref().unwrap_or(LOG))
}

/// The last lines of the log of a run; nothing if it has none.
pub fn tail(dir: &Path) -> io::Result<String> {
    let mut file = match open(&log_of(dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        file => file?,
    };
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // The first line is cut off where the log is longer.
    Ok(if size > TAIL { text.split_once('\n').map_or(String::new(), |(_, rest)| rest.to_owned()) } else { text })
}

/// Reads files where that holds up nobody else.
async fn work<T: Send + 'static>(work: impl FnOnce() -> Result<T, Refused> + Send + 'static) -> Result<T, Refused> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(failed(&io::Error::other(error))))
}

fn failed(error: &io::Error) -> Refused {
    Refused(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}
