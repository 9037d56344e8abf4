//! The jobs of a sweep directory, from those that are left to the outcome of the whole: for a sweep that begins and for
//! one that goes on.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use indicatif::MultiProgress;

use super::Failure;
use crate::cli::Cli;
use crate::compose::Problem;
use crate::dispatch::Moment;
use crate::process::Process;
use crate::screen::{tell, warn};
use crate::status::{State, Status};
use crate::sweep_dir::SweepDir;
use crate::{callbacks, dispatch, log, report};

/// Goes on with a sweep as it was frozen: what is done stays, what was cut short goes on, what has not started starts.
pub(super) fn resume(dir: &Path, cli: &Cli) -> Result<(), Failure> {
    if let Some(word) = cli.overrides.first() {
        let message = format!("`{word}`: a sweep goes on as it was frozen; overrides are for one run");
        return Err(Problem::new(message).hint(format!("exp resume {}/0 {word}", dir.display())).into());
    }
    let sweep = SweepDir::open(dir)?;
    let left = sweep.left(cli.flags.retry_failed);
    tell(format_args!("{}: {} of {} jobs are left", dir.display(), left.len(), sweep.manifest().jobs.len()));
    run(sweep, &left)
}

/// Brings the jobs of `left` to their outcome, and tells that of the sweep.
pub(super) fn run(mut sweep: SweepDir, left: &[usize]) -> Result<(), Failure> {
    let around = Process::open(sweep.path())?;
    callbacks::run(&around, "on_multirun_start", sweep.path(), "running");
    let ended = run_jobs(&mut sweep, left);
    callbacks::run(&around, "on_multirun_end", sweep.path(), if ended.is_ok() { "done" } else { "failed" });
    ended
}

fn run_jobs(sweep: &mut SweepDir, left: &[usize]) -> Result<(), Failure> {
    let bars = MultiProgress::new();
    let launcher = sweep.manifest().launcher.launcher(&bars);
    let dirs: Vec<PathBuf> = left.iter().map(|&n| sweep.dir(n)).collect();
    let mut noted = Ok(());
    let signalled = tracing::dispatcher::with_default(&log::terminal(&bars), || {
        dispatch::run_all(&dirs, &launcher, &bars, |moment| match moment {
            Moment::Started(i) => tell(format_args!("#{} : {}", left[i], sweep.manifest().jobs[left[i]].words)),
            Moment::Ended(i, outcome) => {
                let state = match &outcome {
                    Ok(report) if report.interrupted => State::Interrupted,
                    Ok(_) => State::Done,
                    Err(_) => State::Failed,
                };
                match outcome {
                    Ok(report) if report.interrupted => {}
                    Ok(report) => tell(format_args!("#{} {}", left[i], report::summary(&dirs[i], &report))),
                    Err(error) => warn(format_args!("#{} failed: {error}\n  {}", left[i], dirs[i].display())),
                }
                let written = sweep.note(left[i], state);
                noted = std::mem::replace(&mut noted, Ok(())).and(written);
            }
        })
    })?;
    noted?;
    let total = sweep.manifest().jobs.len();
    let (done, failed) = (sweep.count(Some(State::Done)), sweep.count(Some(State::Failed)));
    let mut text = format!("{total} jobs: {done} done");
    if failed > 0 {
        let _ = write!(text, ", {failed} failed");
    }
    if done + failed < total {
        let _ = write!(text, ", {} not done", total - done - failed);
    }
    // What failed is said once more: a sweep is long, and this is where it is looked for.
    for n in sweep.jobs_in(State::Failed) {
        let _ = write!(text, "\n{}", failure(sweep, n));
    }
    let place = sweep.path().display();
    if done + failed < total {
        let _ = write!(text, "\nto go on: exp resume {place}");
    }
    if failed > 0 {
        let _ = write!(text, "\nto try the failed ones again: exp resume {place} --retry-failed");
    }
    match (signalled, failed) {
        (true, _) => Err(Failure::Interrupted(text)),
        (false, 0) if done == total => {
            tell(format_args!("{text}\n  sweep:  {place}"));
            Ok(())
        }
        (false, _) => Err(Failure::Sweep(text)),
    }
}

/// A job that failed: its number and words, its cause, its memory and its log.
fn failure(sweep: &SweepDir, n: usize) -> String {
    let dir = sweep.dir(n);
    let status = Status::read(&dir);
    let cause =
        status.as_ref().and_then(|status| status.cause.clone()).unwrap_or_else(|| "no cause is known".to_owned());
    let peak = status.and_then(|status| status.exit).map(|exit| format!(" (at most {} MiB)", exit.peak_rss_mib));
    let words = &sweep.manifest().jobs[n].words;
    format!("#{n} : {words}\n  failed: {cause}{}\n  run:    {}", peak.unwrap_or_default(), dir.display())
}
