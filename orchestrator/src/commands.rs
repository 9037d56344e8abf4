//! What each command does, as a sequence of stages.

use std::path::{Path, PathBuf};

use exp_api::spec::{DatasetSpec, RunSpec};
use exp_api::{Job, Task};
use indicatif::MultiProgress;

use crate::cli::{Cfg, Cli, Command, Flags};
use crate::compose::sweep::expand;
use crate::compose::{
    Composed, Library, Mode, Node, Part, Place as Conf, Problem, Problems, Request, SearchPath, View, World, compose,
    extract,
};
use crate::run_dir::{FreezeError, Place, RunDir};
use crate::worker::WorkerError;
use crate::{conf, dispatch, frozen, log, registry, report, resume};

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
    /// Some jobs of a sweep failed.
    #[error("{0}")]
    Sweep(String),
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
            Failure::Configuration(_) | Failure::Freeze(FreezeError::Taken(_) | FreezeError::Compose(_)) => 2,
            Failure::Job(WorkerError::Locked(_) | WorkerError::NoJob(_) | WorkerError::NoBackend(_)) => 2,
            Failure::Job(_) | Failure::Sweep(_) => 1,
            Failure::Freeze(FreezeError::Write { .. }) | Failure::System(_) => 3,
            Failure::Interrupted(_) => 130,
        }
    }
}

/// Carries out a command line.
///
/// # Errors
/// What went wrong, with its exit code.
pub fn execute(cli: &Cli, world: &World) -> Result<(), Failure> {
    let library = library(&cli.flags, world)?;
    match &cli.command {
        Command::Run if cli.flags.cfg.is_some() => print_config(cli, &library, world),
        Command::Run if cli.flags.multirun => multirun(cli, &library, world),
        Command::Run => single(cli, &library, world),
        Command::Resume(dir) => go_on(dir, cli, &library, world),
        Command::Sample(dir) => sample(dir, cli, &library, world),
        Command::Worker(dir) => run_one(dir),
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

fn composed(
    cli: &Cli,
    library: &Library,
    world: &World,
    overrides: &[String],
    mode: Mode,
) -> Result<Composed, Problems> {
    let config_name = cli.flags.config_name.as_deref().unwrap_or("config");
    compose(&Request { library, config_name, overrides, mode, job: None, world })
}

fn print_config(cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let composed = composed(cli, library, world, &cli.overrides, Mode::Run)?;
    let part = match cli.flags.cfg {
        Some(Cfg::Hydra) => Part::Hydra,
        Some(Cfg::All) => Part::All,
        Some(Cfg::Job) | None => Part::Job,
    };
    let view = View { part, package: cli.flags.package.clone(), resolve: cli.flags.resolve };
    print!("{}", composed.print(&view)?);
    Ok(())
}

fn single(cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let mut composed = composed(cli, library, world, &cli.overrides, Mode::Run)?;
    for warning in &composed.warnings {
        eprintln!("{warning}");
    }
    let job = Job { task: Task::Train, spec: typed(&composed)? };
    if cli.flags.dry_run {
        print!("{}", composed.print(&View::default())?);
        return Ok(());
    }
    let dir = PathBuf::from(composed.text("hydra.run.dir")?);
    // Who names a directory means that one; the dated default may be taken by a run of the same second.
    let named = composed.tree.at("hydra.run.dir").is_some_and(|node| !node.trail.is_built_in());
    let place = if named { Place::Named(dir) } else { Place::Automatic(dir) };
    let run = RunDir::freeze(&place, &mut composed, &job)?;
    run_one(run.path())
}

/// The spec of a composed run, checked by its backend, with what depends on this machine filled in.
fn typed(composed: &Composed) -> Result<RunSpec, Problems> {
    let job = composed.job()?;
    let spec = absolute(extract::run_spec(&job)?, &composed.world.cwd);
    checked(spec, &job)
}

fn checked(spec: RunSpec, tree: &Node) -> Result<RunSpec, Problems> {
    let backend =
        registry::find(&spec.backend.name).map_err(|error| located(tree, "backend.name", error.to_string()))?;
    let mut spec = backend.resolve(spec);
    spec.schedule.horizon.get_or_insert(spec.train.steps);
    let found = backend.check(&spec).into_iter();
    Problems(found.map(|problem| located(tree, &problem.key, problem.message)).collect()).or_ok(spec)
}

/// A problem of a backend, with the trail of its key.
fn located(tree: &Node, key: &str, message: String) -> Problem {
    let trail = tree.at(key).map(|node| node.trail.clone()).unwrap_or_default();
    Problem::new(message).key(key).trail(&trail)
}

/// Paths as seen from the directory where they were typed, so that the run can be resumed from any other.
fn absolute(mut spec: RunSpec, cwd: &Path) -> RunSpec {
    let join = |path: &str| cwd.join(path).display().to_string();
    if let DatasetSpec::Cifar10(cifar) = &mut spec.dataset {
        cifar.dir = join(&cifar.dir);
    }
    spec.init_from = spec.init_from.as_deref().map(join);
    spec
}

fn run_one(dir: &Path) -> Result<(), Failure> {
    let bars = MultiProgress::new();
    let mut ended = Ok(());
    tracing::dispatcher::with_default(&log::terminal(&bars), || {
        println!("{}", dir.display());
        dispatch::run_all([dir], &bars, |dir, outcome| match outcome {
            Ok(report) if report.interrupted => {
                ended = Err(Failure::Interrupted(format!("to go on: exp resume {}", dir.display())));
            }
            Ok(report) => print!("{}", report::summary(dir, &report)),
            Err(error) => ended = Err(error.into()),
        })
    })?;
    ended
}

fn multirun(cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let master = composed(cli, library, world, &cli.overrides, Mode::Multirun)?;
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
fn dry_run(
    cli: &Cli,
    library: &Library,
    world: &World,
    master: &Composed,
    grid: &crate::compose::sweep::Grid,
) -> Result<(), Failure> {
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

/// The job frozen in a directory, and its spec with the overrides carried out.
fn edited(dir: &Path, cli: &Cli, library: &Library, world: &World) -> Result<(Job, RunSpec), Failure> {
    let mut tree = frozen::load(dir)?;
    let before = Job::open(dir).map_err(WorkerError::from)?;
    frozen::edit(&mut tree, &cli.overrides, library, world)?;
    let wanted = checked(absolute(extract::run_spec(&tree)?, &world.cwd), &tree)?;
    Ok((before, wanted))
}

fn go_on(dir: &Path, cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let (before, wanted) = edited(dir, cli, library, world)?;
    resume::check(&before.spec, &wanted, &cli.flags.allow)?;
    if wanted != before.spec {
        resume::refreeze(dir, &Job { task: before.task, spec: wanted })?;
    }
    run_one(dir)
}

fn sample(dir: &Path, cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let (before, spec) = edited(dir, cli, library, world)?;
    resume::check(&before.spec, &spec, &[])?;
    let name = format!("{}-{}", spec.sample.method.word(), spec.sample.n);
    let task = Task::Sample { run: "../..".to_owned() };
    let place = Place::Automatic(dir.join("samples").join(name));
    let run = RunDir::with_job(&place, &Job { task, spec })?;
    run_one(run.path())
}
