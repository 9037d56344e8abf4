//! One run for each point of a sweep, one after another.

use std::path::PathBuf;

use exp_api::{Job, Task};
use indicatif::MultiProgress;

use super::Failure;
use super::run::{composed, warn};
use super::spec::typed;
use crate::cli::Cli;
use crate::compose::sweep::{Grid, expand};
use crate::compose::{Composed, Library, Mode, Problems, Request, World, compose};
use crate::run_dir::{Place, RunDir};
use crate::{dispatch, log, report};

/// Composes and checks all jobs, then runs them; or only lists them.
pub(super) fn multirun(cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let master = composed(cli, library, world, &cli.overrides, Mode::Multirun)?;
    warn(&master);
    let grid = expand(&master.sweep_words(), library, 0)?;
    if cli.flags.dry_run {
        return dry_run(cli, library, world, &master, &grid);
    }
    // All are composed and checked before the first one starts.
    let mut jobs = Vec::new();
    for (number, point) in grid.points().enumerate() {
        let composed = job(cli, library, world, &master, point, number)?;
        let spec = typed(&composed)?;
        jobs.push((composed, Job { task: Task::Train, spec }));
    }
    let place = Place::Automatic(PathBuf::from(master.text("hydra.sweep.dir")?));
    let sweep = RunDir::for_sweep(&place, &master)?;
    let mut dirs = Vec::new();
    for (mut composed, job) in jobs {
        let place = Place::Automatic(sweep.path().join(composed.text("hydra.sweep.subdir")?));
        let words = composed.task_overrides.join(" ");
        dirs.push((RunDir::freeze(&place, &mut composed, &job)?, words));
    }
    run_sweep(&dirs)
}

fn run_sweep(dirs: &[(RunDir, String)]) -> Result<(), Failure> {
    let bars = MultiProgress::new();
    let (mut number, mut failed, mut interrupted) = (0, Vec::new(), false);
    tracing::dispatcher::with_default(&log::terminal(&bars), || {
        let announced = dirs.iter().enumerate().map(|(n, (dir, words))| {
            println!("#{n} : {words}");
            dir.path()
        });
        dispatch::run_all(announced, &bars, |dir, outcome| {
            match outcome {
                Ok(report) if report.interrupted => interrupted = true,
                Ok(report) => print!("{}", report::summary(dir, &report)),
                Err(error) => failed.push(format!("#{number} failed: {error}\n  {}", dir.display())),
            }
            number += 1;
        })
    })?;
    if interrupted {
        return Err(Failure::Interrupted(format!("{number} of {} jobs were started", dirs.len())));
    }
    if failed.is_empty() { Ok(()) } else { Err(Failure::Sweep(failed.join("\n"))) }
}

/// Composes every job and prints its overrides; starts nothing. Any Hydra tree will do, also one that is no training.
fn dry_run(cli: &Cli, library: &Library, world: &World, master: &Composed, grid: &Grid) -> Result<(), Failure> {
    let typing = master.tree.child("backend").is_some();
    for (number, point) in grid.points().enumerate() {
        let words = point.join(" ");
        let composed = job(cli, library, world, master, point, number)?;
        if typing {
            typed(&composed)?;
        }
        println!("#{number} : {words}");
    }
    Ok(())
}

fn job(
    cli: &Cli,
    library: &Library,
    world: &World,
    master: &Composed,
    point: Vec<String>,
    number: usize,
) -> Result<Composed, Problems> {
    let overrides: Vec<String> = master.hydra_overrides.iter().cloned().chain(point).collect();
    let config_name = cli.flags.config_name.as_deref().unwrap_or("config");
    compose(&Request { library, config_name, overrides: &overrides, mode: Mode::Run, job: Some(number), world })
}
