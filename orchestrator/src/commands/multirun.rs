//! One run for each point of a sweep, one after another.

use std::path::PathBuf;

use exp_api::{Job, Task};
use indicatif::MultiProgress;

use super::Failure;
use super::run::{composed, warn};
use super::spec::typed;
use crate::cli::Cli;
use crate::compose::sweep::{Grid, expand};
use crate::compose::{Composed, Library, Mode, Problem, Problems, Request, World, compose, text};
use crate::process::Process;
use crate::run_dir::{Place, RunDir};
use crate::screen::{answer, tell};
use crate::{callbacks, dispatch, log, report};

/// Composes and checks all jobs, then runs them; or only lists them.
pub(super) fn multirun(cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let master = composed(cli, library, world, &cli.overrides, Mode::Multirun)?;
    warn(&master);
    let grid = expand(&master.sweep_words(), library, 0)?;
    if cli.flags.dry_run {
        return dry_run(cli, library, world, &master, &grid);
    }
    check_plugins(&master)?;
    let around = Process::of(&master)?;
    // All are composed and checked before the first one starts.
    let mut jobs = Vec::new();
    for (number, point) in grid.points().enumerate() {
        let composed = job(cli, library, world, &master, point, number)?;
        let spec = typed(&composed)?;
        let process = Process::of(&composed)?;
        jobs.push((composed, Job { task: Task::Train, spec }, process));
    }
    let place = Place::Automatic(PathBuf::from(master.text("hydra.sweep.dir")?));
    let sweep = RunDir::for_sweep(&place, &master)?;
    let mut dirs = Vec::new();
    for (mut composed, job, process) in jobs {
        let place = Place::Automatic(sweep.path().join(composed.text("hydra.sweep.subdir")?));
        let words = composed.task_overrides.join(" ");
        dirs.push((RunDir::freeze(&place, &mut composed, &job, &process)?, words));
    }
    callbacks::run(&around, "on_multirun_start", sweep.path(), "running");
    let ended = run_sweep(&dirs);
    callbacks::run(&around, "on_multirun_end", sweep.path(), if ended.is_ok() { "done" } else { "failed" });
    ended
}

/// Other launchers and sweepers than Hydra's own compose, but there is nothing here that does their work.
fn check_plugins(master: &Composed) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for (group, own) in [("launcher", "BasicLauncher"), ("sweeper", "BasicSweeper")] {
        let path = format!("hydra.{group}._target_");
        let node = master.tree.at(&path);
        let target = node.map(|node| text(&node.value)).unwrap_or_default();
        if !target.ends_with(own) {
            let trail = node.map(|node| node.trail.clone()).unwrap_or_default();
            let problem = Problem::new(format!("no {group} does here what `{target}` does in Python"));
            problems.0.push(problem.key(path).trail(&trail).hint(format!("hydra/{group}=basic")));
        }
    }
    problems.or_ok(())
}

fn run_sweep(dirs: &[(RunDir, String)]) -> Result<(), Failure> {
    let bars = MultiProgress::new();
    let (mut number, mut failed, mut interrupted) = (0, Vec::new(), false);
    tracing::dispatcher::with_default(&log::terminal(&bars), || {
        let announced = dirs.iter().enumerate().map(|(n, (dir, words))| {
            tell(format_args!("#{n} : {words}"));
            dir.path()
        });
        dispatch::run_all(announced, &bars, |dir, outcome| {
            match outcome {
                Ok(report) if report.interrupted => interrupted = true,
                Ok(report) => tell(report::summary(dir, &report)),
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
        answer(format_args!("#{number} : {words}\n"))?;
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
