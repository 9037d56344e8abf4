//! `exp sync`: runs sent to trackers, when a user asks for it and never while training waits.

use super::Failure;
use super::show::open;
use crate::cli::{Sync, Tracker};
use crate::screen::tell;
use crate::track::mlflow::Server;
use crate::track::wandb;

/// Sends runs.
pub(super) fn sync(sync: &Sync) -> Result<(), Failure> {
    let details = sync.dirs.iter().map(|dir| open(dir)).collect::<Result<Vec<_>, _>>()?;
    let server = sync.url.clone().or_else(|| std::env::var("MLFLOW_TRACKING_URI").ok());
    for (dir, detail) in sync.dirs.iter().zip(&details) {
        match sync.to {
            Tracker::Mlflow => {
                let missing = || Failure::Look("where is the server? --url URL, or MLFLOW_TRACKING_URI".to_owned());
                let server = Server::new(server.as_deref().ok_or_else(missing)?);
                tell(server.send(dir, detail, &sync.project).map_err(Failure::Look)?);
            }
            Tracker::Wandb => {
                let folder = wandb::write(dir, detail, &sync.project);
                let folder =
                    folder.map_err(|error| Failure::Look(format!("cannot write {}: {error}", dir.display())))?;
                tell(format_args!("to send it: wandb sync {}", folder.display()));
            }
        }
    }
    Ok(())
}
