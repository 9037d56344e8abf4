//! One run for each point of a sweep: from the command line to a directory of frozen runs, which `sweep` then runs.

use std::path::PathBuf;

use exp_api::{Job, Task};

use super::Failure;
use super::run::{composed, warn};
use super::spec::typed;
use crate::cli::Cli;
use crate::compose::sweep::{Grid, expand};
use crate::compose::{Composed, Library, Mode, Problem, Problems, Request, World, compose, text};
use crate::process::Process;
use crate::run_dir::{Place, RunDir};
use crate::screen::answer;
use crate::sweep_dir::{Entry, Manifest, SweepDir};
use crate::{git, launch};

/// Composes and checks all jobs, then freezes and runs them; or only lists them.
pub(super) fn multirun(cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let master = composed(cli, library, world, &cli.overrides, Mode::Multirun)?;
    warn(&master);
    let grid = expand(&master.sweep_words(), library, 0)?;
    if cli.flags.dry_run {
        return dry_run(cli, library, world, &master, &grid);
    }
    let launcher = plugins(&master)?;
    let around = Process::of(&master)?;
    let threads = share(launcher.slots());
    let prepared = |number: usize, point: Vec<String>| -> Result<_, Failure> {
        let composed = job(cli, library, world, &master, point, number)?;
        let spec = typed(&composed, threads)?;
        let process = Process::of(&composed)?;
        Ok((composed, Job { task: Task::Train, spec }, process))
    };
    // All are composed and checked before anything is written. They are made anew then: thousands of them would fill the
    // memory.
    for (number, point) in grid.points().enumerate() {
        prepared(number, point)?;
    }
    let place = Place::Automatic(PathBuf::from(master.text("hydra.sweep.dir")?));
    let sweep = RunDir::for_sweep(&place, &master, &around)?;
    let code = git::snapshot(&world.cwd);
    let mut jobs = Vec::new();
    for (number, point) in grid.points().enumerate() {
        let (mut composed, job, process) = prepared(number, point)?;
        let place = Place::Automatic(sweep.path().join(composed.text("hydra.sweep.subdir")?));
        let run = RunDir::freeze(&place, &mut composed, &job, &process, &code)?;
        let dir = run.path().strip_prefix(sweep.path()).unwrap_or(run.path()).to_owned();
        jobs.push(Entry { dir, words: composed.task_overrides.join(" ") });
    }
    let sweep = SweepDir::create(sweep.path(), &Manifest { launcher, jobs })?;
    let all = sweep.left(false);
    super::sweep::run(sweep, &all)
}

/// The launcher, if what the configuration wants is here. Other sweepers than Hydra's own compose, but there is nothing
/// that does their work.
fn plugins(master: &Composed) -> Result<launch::Choice, Problems> {
    let mut problems = Problems::default();
    let launcher = problems.collect_all(launch::Choice::of(master));
    let path = "hydra.sweeper._target_";
    let node = master.tree.at(path);
    let target = node.map(|node| text(&node.value)).unwrap_or_default();
    if !target.ends_with("BasicSweeper") {
        let trail = node.map(|node| node.trail.clone()).unwrap_or_default();
        let problem = Problem::new(format!("no sweeper does here what `{target}` does in Python"));
        problems.0.push(problem.key(path).trail(&trail).hint("hydra/sweeper=basic"));
    }
    match launcher {
        Some(launcher) => problems.or_ok(launcher),
        None => Err(problems),
    }
}

/// The threads that each of several jobs gets of this machine's; one job gets what its engine chooses.
fn share(jobs: usize) -> Option<u64> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (jobs > 1).then(|| (cores / jobs).max(1) as u64)
}

/// Composes every job and prints its overrides; starts nothing. Any Hydra tree will do, also one that is no training.
fn dry_run(cli: &Cli, library: &Library, world: &World, master: &Composed, grid: &Grid) -> Result<(), Failure> {
    let typing = master.tree.child("backend").is_some();
    for (number, point) in grid.points().enumerate() {
        let words = point.join(" ");
        let composed = job(cli, library, world, master, point, number)?;
        if typing {
            typed(&composed, None)?;
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
