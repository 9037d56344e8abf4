//! `exp sync` and `exp export`: runs for other programs, when a user asks for it and never while training waits.

use super::Failure;
use super::show::open;
use crate::cli::{Export, Sync, Tracker};
use crate::export::Metrics;
use crate::files::write_atomically;
use crate::history::History;
use crate::recorder::METRICS;
use crate::screen::tell;
use crate::sweep_dir::SweepDir;
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
