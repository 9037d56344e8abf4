//! `exp sync` and `exp export`: runs for other programs, when a user asks for it and never while training waits.

use std::path::Path;

use super::Failure;
use super::show::open;
use crate::cli::{Export, Sync, Tracker};
use crate::export::Metrics;
use crate::files::write_atomically;
use crate::history::History;
use crate::recorder::METRICS;
use crate::screen::{self, tell};
use crate::sweep_dir::SweepDir;
use crate::track::mlflow::Server;
use crate::track::wandb;

/// Sends runs, each of them whether others can be sent or not.
pub(super) fn sync(sync: &Sync) -> Result<(), Failure> {
    let url = sync.url.clone().or_else(|| std::env::var("MLFLOW_TRACKING_URI").ok());
    let missing = || Failure::Look("where is the server? --url URL, or MLFLOW_TRACKING_URI".to_owned());
    let server = match sync.to {
        Tracker::Mlflow => Some(Server::new(&url.ok_or_else(missing)?)),
        Tracker::Wandb => None,
    };
    let send = |dir: &Path| -> Result<String, Failure> {
        let detail = open(dir)?;
        match &server {
            Some(server) => {
                let warn = |what: String| screen::warn(format_args!("warning: {what}"));
                let failed = |reason| Failure::Look(format!("{}: {reason}", dir.display()));
                server.send(dir, &detail, &sync.project, &warn).map_err(failed)
            }
            None => {
                let failed = |error| Failure::Look(format!("cannot write {}: {error}", dir.display()));
                let folder = wandb::write(dir, &detail, &sync.project).map_err(failed)?;
                Ok(format!("to send it: wandb sync {}", folder.display()))
            }
        }
    };
    let mut failures = Vec::new();
    for dir in &sync.dirs {
        match send(dir) {
            Ok(said) => tell(said),
            Err(failure) => failures.push(failure),
        }
    }
    let Some(last) = failures.pop() else { return Ok(()) };
    failures.iter().for_each(screen::warn);
    Err(last)
}

/// Writes metrics of runs as one file.
pub(super) fn export(export: &Export) -> Result<(), Failure> {
    let mut dirs = Vec::new();
    for dir in &export.dirs {
        match SweepDir::is_one(dir) {
            true => dirs.extend(History::of(dir, None)?.runs.into_iter().map(|run| run.dir)),
            false => {
                open(dir)?;
                dirs.push(dir.clone());
            }
        }
    }
    for dir in &dirs {
        let path = dir.join(METRICS);
        if let Err(error) = std::fs::File::open(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(Failure::Look(format!("cannot read {}: {error}", path.display())));
        }
    }
    let metrics = Metrics::of(&dirs);
    if metrics.is_empty() {
        let asked: Vec<String> = export.dirs.iter().map(|dir| dir.display().to_string()).collect();
        let figures = format!("what they came to: exp ls --csv {}", asked.join(" "));
        screen::warn(format_args!("warning: there are no metrics, and no row is written; {figures}"));
    }
    let mut bytes = Vec::new();
    let written = match export.out.extension().and_then(|end| end.to_str()) {
        Some("csv") => metrics.csv(&mut bytes),
        Some("parquet") => metrics.parquet(&mut bytes),
        _ => Err("expected a name that ends in .csv or .parquet".into()),
    };
    let failed = |error: &dyn std::fmt::Display| Failure::Look(format!("{}: {error}", export.out.display()));
    written.map_err(|error| failed(&error))?;
    write_atomically(&export.out, &bytes).map_err(|error| failed(&error))?;
    tell(export.out.display());
    Ok(())
}
