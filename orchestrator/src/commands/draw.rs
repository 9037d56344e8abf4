//! `exp report` and `exp plot`: runs as a page, and as charts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use exp_api::Job;

use super::Failure;
use super::list::frequent;
use super::show::{facts, open};
use crate::cli::{Plot, Report};
use crate::compose::Problem;
use crate::files::write_atomically;
use crate::history::{History, known};
use crate::page;
use crate::plot::{self, Chart};
use crate::screen::tell;
use crate::sweep_dir::SweepDir;

/// The page of a run, in its directory.
const PAGE: &str = "report.html";
/// The charts of a run or sweep, in its directory.
const PLOTS: &str = "plots";

/// Writes a run as a page into its directory.
pub(super) fn report(report: &Report) -> Result<(), Failure> {
    let detail = open(&report.dir)?;
    let text = page::report(&report.dir, &detail, &facts(&detail)).map_err(Failure::Look)?;
    let path = report.dir.join(PAGE);
    write(&path, text.as_bytes())?;
    tell(path.display());
    Ok(())
}

/// Writes charts: of a sweep what it found, of runs their curves, of one the schedule too.
pub(super) fn plot(plot: &Plot) -> Result<(), Failure> {
    let first = plot.dirs.first().map(PathBuf::as_path).unwrap_or(Path::new("."));
    let charts = match &plot.dirs[..] {
        [dir] if SweepDir::is_one(dir) => of_sweep(dir, &plot.key)?,
        [dir] if plot.key.is_empty() => {
            open(dir)?;
            let schedule = Job::open(dir).ok().and_then(|job| plot::schedule(&job.spec).ok());
            plot::of_run(dir).into_iter().chain(schedule.into_iter().flatten()).collect()
        }
        dirs => of_runs(dirs, &plot.key)?,
    };
    let folder = plot.out.clone().unwrap_or_else(|| first.join(PLOTS));
    let mut written = 0;
    for chart in &charts {
        let picture = if plot.png { chart.png() } else { chart.svg().map(String::into_bytes) };
        let Some(picture) = picture else { continue };
        std::fs::create_dir_all(&folder)
            .map_err(|error| Failure::Look(format!("cannot make {}: {error}", folder.display())))?;
        let name = chart.title.replace(|c: char| !c.is_alphanumeric() && c != '_', "-");
        // Beside the charts of the first run alone.
        let compared = if plot.dirs.len() > 1 { "-compared" } else { "" };
        let path = folder.join(format!("{name}{compared}.{}", if plot.png { "png" } else { "svg" }));
        write(&path, &picture)?;
        tell(path.display());
        written += 1;
    }
    match written {
        0 if plot.key.is_empty() => Err(Failure::Look(format!("{} has no numbers to draw", first.display()))),
        0 => Err(Failure::Look(format!("no run has numbers of {}", plot.key.join(", ")))),
        _ => Ok(()),
    }
}

/// One chart a key, one line a run.
fn of_runs(dirs: &[PathBuf], keys: &[String]) -> Result<Vec<Chart>, Failure> {
    for dir in dirs {
        open(dir)?;
    }
    let usual = ["loss".to_owned()];
    let keys = if keys.is_empty() { &usual } else { keys };
    let runs = || dirs.iter().map(|dir| (dir.display().to_string(), dir.as_path()));
    Ok(keys.iter().map(|key| plot::compared(key, runs())).collect())
}

fn of_sweep(dir: &Path, keys: &[String]) -> Result<Vec<Chart>, Failure> {
    let history = History::of(dir, None)?;
    known(&history, keys.iter().map(String::as_str))?;
    let figures = if keys.is_empty() { frequent(&history.runs.iter().collect::<Vec<_>>()) } else { keys.to_vec() };
    let names = history.runs.iter().flat_map(|run| run.last.keys().map(String::as_str));
    let metrics: BTreeSet<&str> = names.filter(|name| *name != "step").collect();
    if let (true, Some(first)) = (figures.is_empty(), metrics.first()) {
        let usual = metrics.get("loss").unwrap_or(first);
        let names: Vec<&str> = metrics.iter().copied().collect();
        let problem = Problem::new(format!("the runs of {} have no figures in their reports", dir.display()));
        return Err(problem.hint(format!("--key {usual}; their metrics: {}", names.join(", "))).into());
    }
    Ok(figures.iter().flat_map(|figure| plot::sweep(&history, figure)).collect())
}

fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    write_atomically(path, content).map_err(|error| Failure::Look(format!("cannot write {}: {error}", path.display())))
}
