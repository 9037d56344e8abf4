//! A run on an MLflow server while it is worked on: sent now and then by a thread that nothing waits for, from what its
//! directory tells. A server that is down, slow or full costs the run nothing but a warning; `exp sync` sends the rest later.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use exp_api::spec::MlflowSpec;

use super::mlflow::Server;
use crate::history::Detail;

/// Time between two looks at the directory.
const PERIOD: Duration = Duration::from_secs(15);
/// What the last look may take, once the run is over.
const PATIENCE: Duration = Duration::from_secs(10);

/// The thread of a run.
pub struct Live {
    over: Sender<()>,
    ended: Receiver<()>,
    later: String,
}

impl Live {
    /// Begins to send the run in `dir`, if there is a server to send it to.
    pub fn begin(dir: &Path, mlflow: &MlflowSpec) -> Option<Live> {
        let server = Server::new(mlflow.url.as_deref()?);
        let (url, project) = (server.url(), &mlflow.experiment);
        let later = format!("exp sync {} --to mlflow --url {url} --project {project}", dir.display());
        let (over, asked) = channel();
        let (told, ended) = channel();
        let (dir, experiment, hint) = (dir.to_owned(), mlflow.experiment.clone(), later.clone());
        let log = tracing::dispatcher::get_default(Clone::clone);
        let started = std::thread::Builder::new().spawn(move || {
            let (mut last, mut down) = (false, false);
            loop {
                let warn = |what: String| tracing::dispatcher::with_default(&log, || tracing::warn!("MLflow: {what}"));
                let sent = Detail::read(&dir).and_then(|detail| server.send(&dir, &detail, &experiment, &warn));
                match &sent {
                    Err(reason) if last => warn(format!("{reason}; to send the rest: {hint}")),
                    Err(reason) if !down => warn(format!("{reason}; it is tried again while the run goes on")),
                    _ => {}
                }
                down = sent.is_err();
                if last {
                    break;
                }
                last = asked.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout);
            }
            // Nobody listens any more if it took too long.
            let _ = told.send(());
        });
        if let Err(error) = started {
            tracing::warn!("MLflow: {error}; to send the run: {later}");
            return None;
        }
        Some(Live { over, ended, later })
    }

    /// Sends how the run ended, if the server is quick.
    pub fn end(self) {
        // It is gone only if it panicked.
        let _ = self.over.send(());
        if self.ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("MLflow: no answer within {} s; to send the rest: {}", PATIENCE.as_secs(), self.later);
        }
    }
}
