//! What each command does, as a sequence of stages.
//!
//! [`execute`] chooses. `run` composes and runs once. `multirun` makes a sweep: `jobs` freezes its jobs, `sweep` runs them;
//! `search` chooses them one after another; `queue` hands them in to other machines and watches them. `again` takes up a
//! directory that is already there, `why` explains a value, `info`, `help`, `manual`, `doctor`, `data` and `complete` tell
//! what there is. `list` (with `alike`), `show`, `draw` and `browse` look at runs that are there, `keep` says which of them stay, `sync`
//! gives them to other programs. `spec` is what they share: from a tree to a spec that its backend accepts.

mod again;
mod alike;
mod browse;
mod complete;
mod data;
mod doctor;
mod draw;
mod found;
mod help;
mod info;
mod jobs;
mod keep;
mod list;
mod manual;
mod multirun;
mod queue;
mod run;
mod search;
mod show;
mod spec;
mod spreadsheet;
mod sweep;
mod sync;
mod why;

use std::path::Path;

use crate::cli::{Cli, Command, Flags, Look};
use crate::compose::{Library, Place as Conf, Problem, Problems, SearchPath, World};
use crate::conf;
use crate::launch::queue::QueueError;
use crate::run_dir::FreezeError;
use crate::screen::answer;
use crate::sweep_dir::SweepError;
use crate::worker::WorkerError;

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The configuration, or what it asks for, is wrong; nothing was started.
    #[error("{0}")]
    Configuration(#[from] Problems),
    /// A directory could not be made.
    #[error("error: {0}")]
    Freeze(#[from] FreezeError),
    /// A job failed, or could not begin.
    #[error("error: {0}")]
    Job(#[from] WorkerError),
    /// A sweep cannot be taken up.
    #[error("error: {0}")]
    NoSweep(#[from] SweepError),
    /// The queue of other machines does not do what it is asked.
    #[error("error: {0}")]
    Queue(#[from] QueueError),
    /// Some jobs of a sweep failed.
    #[error("{0}")]
    Sweep(String),
    /// Jobs of a sweep could not be started.
    #[error("{0}")]
    NotStarted(String),
    /// A data set cannot be looked at.
    #[error("error: {0}")]
    Data(String),
    /// Runs cannot be looked at.
    #[error("error: {0}")]
    Look(String),
    /// The operating system refused something.
    #[error("error: {0}")]
    System(#[from] std::io::Error),
    /// The user asked to stop.
    #[error("{0}")]
    Interrupted(String),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        Failure::Configuration(problem.into())
    }
}

impl Failure {
    /// 1 a run failed, 2 bad configuration or usage, 3 could not launch, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self {
            Failure::Configuration(_)
            | Failure::Freeze(FreezeError::Taken(_) | FreezeError::Full(..) | FreezeError::Compose(_)) => 2,
            Failure::Job(WorkerError::Locked(_) | WorkerError::NoJob(_) | WorkerError::NoBackend(_)) => 2,
            Failure::NoSweep(SweepError::Locked(_) | SweepError::Unfinished(_)) => 2,
            Failure::Job(_) | Failure::Sweep(_) => 1,
            Failure::Data(_) | Failure::Look(_) => 2,
            Failure::Freeze(FreezeError::Write { .. }) | Failure::NoSweep(_) | Failure::System(_) => 3,
            Failure::Queue(_) | Failure::NotStarted(_) => 3,
            Failure::Interrupted(_) => 130,
        }
    }
}

/// Carries out a command line.
///
/// # Errors
/// What went wrong, with its exit code.
pub fn execute(cli: &Cli, world: &World) -> Result<(), Failure> {
    if let Some(completion) = cli.flags.shell_completion {
        return Ok(complete::complete(completion, world)?);
    }
    let library = library(&cli.flags, world)?;
    match &cli.command {
        _ if cli.flags.help => help::app(cli, &library, world),
        _ if cli.flags.hydra_help => help::hydra(cli, &library, world),
        Command::Run if cli.flags.info.is_some() => info::info(cli, &library, world),
        Command::Run if cli.flags.cfg.is_some() => run::print_config(cli, &library, world),
        Command::Run if cli.flags.multirun => multirun::multirun(cli, &library, world),
        Command::Run if cli.flags.experimental_rerun.is_some() => again::rerun(cli, &library, world),
        Command::Run => run::single(cli, &library, world),
        Command::Resume(dir) => again::resume(dir, cli, &library, world),
        Command::Sample(dir) => again::sample(dir, cli, &library, world),
        Command::Eval(dir) => again::eval(dir, cli, &library, world),
        Command::Inspect(dir) => data::inspect(dir, world),
        Command::Doctor => doctor::doctor(cli, &library, world),
        Command::Why(key) => why::why(key, cli, &library, world),
        Command::Watch(dir) => queue::watch(dir),
        Command::Worker(dir) => queue::work(dir),
        Command::Help(text) => Ok(answer(format_args!("{text}\n"))?),
        Command::Look(look) => self::look(look, cli, &library, world),
    }
}

fn look(look: &Look, cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    match look {
        Look::Ls(ls) => list::list(ls, cli, library, world),
        Look::Show(show) => show::show(show),
        Look::Diff(diff) => show::diff(diff),
        Look::Tag(tag) => keep::tag(tag),
        Look::Note(note) => keep::note(note),
        Look::Rm(rm) => keep::rm(rm, cli, library, world),
        Look::Report(report) => draw::report(report),
        Look::Plot(plot) => draw::plot(plot),
        Look::Ui(ui) => browse::browse(ui, cli, library, world),
        Look::Sync(sync) => sync::sync(sync),
        Look::Export(export) => sync::export(export),
        Look::Man(man) => manual::man(man),
        Look::Gc(gc) => keep::gc(gc, cli, library, world),
    }
}

/// conf/ is `--config-path`, else ./conf, else the copy in this binary.
fn library(flags: &Flags, world: &World) -> Result<Library, Failure> {
    let directory = |path: &Path| -> Result<Conf, Problem> {
        if world.cwd.join(path).is_dir() {
            return Ok(Conf::Dir(path.to_owned()));
        }
        Err(Problem::new(format!("there is no configuration directory {}", path.display())))
    };
    let main = match &flags.config_path {
        Some(path) => directory(path)?,
        None => directory(Path::new("conf")).unwrap_or(Conf::Embedded(conf::FILES)),
    };
    let mut search = SearchPath::new(main);
    if let Some(path) = &flags.config_dir {
        search = search.and("command-line", directory(path)?);
    }
    Ok(Library::new(search))
}
