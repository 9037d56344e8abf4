//! One run, from the command line to its end.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use exp_api::Report;
use indicatif::MultiProgress;
use tokio::signal::unix::SignalKind;

use super::multirun::multirun;
use super::spec::typed;
use super::{Failure, queue};
use crate::cli::{Cfg, Cli};
use crate::command::Command;
use crate::compose::problem::Caret;
use crate::compose::{Composed, Library, Mode, Origin, Part, Problem, Problems, Request, View, World, compose};
use crate::dispatch::{Cut, Jobs};
use crate::launch::{Children, Choice, InProcess, Launcher, Share, child};
use crate::process::Process;
use crate::registry::Registry;
use crate::run_dir::{Place, RunDir};
use crate::screen::{self, answer, tell};
use crate::work::Work;
use crate::worker::WorkerError;
use crate::{callbacks, dispatch, git, log, report};

/// Prints the composed configuration.
pub(super) fn print_config(cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let composed = composed(cli, library, world, &cli.overrides, Mode::Run)?;
    warn(&composed);
    let part = match cli.flags.cfg {
        Some(Cfg::Hydra) => Part::Hydra,
        Some(Cfg::All) => Part::All,
        Some(Cfg::Job) | None => Part::Job,
    };
    let package = cli.flags.package.clone();
    let view = View { part, package, resolve: cli.flags.resolve, origins: cli.flags.origins, brief: true };
    answer(composed.print(&view)?)?;
    Ok(())
}

/// Composes, freezes and runs.
pub(super) fn single(cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let mut composed = match composed(cli, library, world, &cli.overrides, Mode::Run) {
        Ok(composed) if is_multirun(&composed) && !cli.flags.run => return multirun(cli, library, world),
        Ok(composed) => composed,
        // What only a sweep may hold is fine if the configuration itself asks for one.
        Err(problems) => {
            let master = self::composed(cli, library, world, &cli.overrides, Mode::Multirun);
            let asked = !cli.flags.run && master.is_ok_and(|master| is_multirun(&master));
            return if asked {
                multirun(cli, library, world)
            } else {
                Err(besides(problems, cli, library, world).into())
            };
        }
    };
    warn(&composed);
    warn_of_missing(&composed);
    // Any Hydra tree can be looked at; only one with our `backend` key is a training run.
    if cli.flags.dry_run && composed.tree.child("backend").is_none() {
        answer(composed.print(&View::default())?)?;
        return Ok(());
    }
    let launcher = launcher(&composed)?;
    let share = launcher.as_ref().map(|launcher| launcher.share(1)).unwrap_or_default();
    let place = place(&composed)?;
    composed.begin("RUN");
    composed.set_output_dir(place.path());
    let checked = |composed: &Composed| -> Result<(Work, Process), Problems> {
        let work = typed(std::slice::from_ref(composed), share, &Registry::default())?.remove(0);
        Ok((work, Process::of(composed)?))
    };
    let (mut work, mut process) = checked(&composed)?;
    if cli.flags.dry_run {
        answer(composed.print(&View::default())?)?;
        return Ok(());
    }
    let code = git::snapshot(&world.cwd);
    let run = RunDir::create(&place)?;
    // The place may have been taken meanwhile, and what a job is given may tell where its run is.
    if composed.set_output_dir(run.path()) {
        (work, process) = checked(&composed)?;
    }
    let run = run.freeze(&composed, &work, &process, &code)?;
    match launcher.as_ref().and_then(|launcher| Some((launcher, launcher.queue()?))) {
        Some((launcher, queue)) => {
            queue::keep(run.path(), launcher)?;
            queue::hand_in(queue, run.path(), &[run.path().to_owned()])
        }
        None => run_with(run.path(), launcher, |_| Ok(())),
    }
}

/// The launcher that one run asks for; none if it does not ask. Hydra ignores those of its plugins for one run.
fn launcher(composed: &Composed) -> Result<Option<Choice>, Problems> {
    let asked = composed.tree.at("hydra.launcher._target_").is_none();
    if asked { Choice::of(composed).map(Some) } else { Ok(None) }
}

/// Says what a program gets no value for. To one in Python that would be an error when it asks.
fn warn_of_missing(composed: &Composed) {
    if Command::is_wanted(&composed.tree) {
        for key in composed.tree.missing().iter().filter(|key| !key.starts_with("hydra.")) {
            screen::warn(format_args!("warning: {key}: no value is given, and the program gets the text `???`"));
        }
    }
}

/// What is wrong with words for which there is no such key, and with what the other words come to.
fn besides(mut problems: Problems, cli: &Cli, library: &Library, world: &World) -> Problems {
    let is_unknown = |problem: &Problem| problem.caret == Caret::Key;
    let word = |problem: &Problem| match problem.trail.winner() {
        Some(Origin::Override { text }) => Some(text.to_string()),
        _ => None,
    };
    let blamed: Vec<String> = problems.0.iter().filter_map(word).collect();
    let others: Vec<String> = cli.overrides.iter().filter(|word| !blamed.contains(word)).cloned().collect();
    if problems.0.iter().all(is_unknown) && blamed.len() == problems.0.len() {
        let composed = composed(cli, library, world, &others, Mode::Run);
        let typed = composed.and_then(|composed| typed(&[composed], Share::default(), &Registry::default()).map(drop));
        problems.collect_all(typed);
    }
    problems
}

/// Says what is odd in a configuration.
pub(super) fn warn(composed: &Composed) {
    for warning in &composed.warnings {
        screen::warn(warning);
    }
}

/// Where a run goes. Who names a directory means that one; the dated default may be taken by a run of the same second.
pub(super) fn place(composed: &Composed) -> Result<Place, Problem> {
    let dir = PathBuf::from(composed.text("hydra.run.dir")?);
    let named = composed.tree.at("hydra.run.dir").is_some_and(|node| !node.trail.is_built_in());
    Ok(if named { Place::Named(dir) } else { Place::Automatic(dir) })
}

/// Whether `hydra.mode` asks for a sweep.
fn is_multirun(composed: &Composed) -> bool {
    composed.tree.at("hydra.mode").is_some_and(|mode| mode.value.as_str() == Some("MULTIRUN"))
}

/// Does the job of a directory, with signals beside it.
pub(super) fn run_one(dir: &Path) -> Result<(), Failure> {
    run_with(dir, None, |_| Ok(()))
}

/// Does the job of a directory by a launcher of this machine, if that is not simply this process. When a signal has stopped
/// it, `stopped` follows.
pub(super) fn run_with(
    dir: &Path,
    launcher: Option<Choice>,
    stopped: impl FnOnce(SignalKind) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let bars = MultiProgress::new();
    let launcher: Arc<dyn Launcher> = match launcher {
        Some(Choice::Local(local)) => Arc::new(Children { options: local, shown: true }),
        _ => Arc::new(InProcess { screen: (!child::is_quiet()).then(|| bars.clone()), adopts: false }),
    };
    let process = Process::open(dir)?;
    callbacks::run(&process, "on_run_start", dir, "running");
    let mut one = One { dir: Some(dir), outcome: None };
    let cut = tracing::dispatcher::with_default(&log::terminal(&bars), || {
        tell(dir.display());
        dispatch::run_all(&mut one, 1, &*launcher, &bars)
    })?;
    let (state, ended) = match one.outcome {
        // Stopped before it began.
        None => ("interrupted", Err(interrupted(dir))),
        Some(outcome) => (callbacks::state(&outcome), told(dir, outcome)),
    };
    callbacks::run(&process, "on_run_end", dir, state);
    if let Some(Cut::Signal(signal)) = cut.filter(|_| state == "interrupted") {
        stopped(signal)?;
    }
    ended
}

/// Says how a job ended.
pub(super) fn told(dir: &Path, outcome: Result<Report, WorkerError>) -> Result<(), Failure> {
    let report = outcome?;
    if report.interrupted {
        return Err(interrupted(dir));
    }
    tell(report::summary(dir, &report));
    Ok(())
}

fn interrupted(dir: &Path) -> Failure {
    Failure::Interrupted(format!("to go on: exp resume {}", dir.display()))
}

/// One job.
struct One<'a> {
    dir: Option<&'a Path>,
    outcome: Option<Result<Report, WorkerError>>,
}

impl Jobs for One<'_> {
    fn next(&mut self) -> Option<(usize, PathBuf)> {
        self.dir.take().map(|dir| (0, dir.to_owned()))
    }

    fn more(&self) -> bool {
        self.dir.is_some()
    }

    fn ended(&mut self, _: usize, outcome: Result<Report, WorkerError>) {
        self.outcome = Some(outcome);
    }
}

/// Composes what a command line asks for.
pub(super) fn composed(
    cli: &Cli,
    library: &Library,
    world: &World,
    overrides: &[String],
    mode: Mode,
) -> Result<Composed, Problems> {
    let config_name = cli.flags.config_name.as_deref().unwrap_or("config");
    compose(&Request { library, config_name, overrides, mode, job: None, world })
}
