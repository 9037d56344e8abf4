//! Taking up a directory that is already there: going on with its run, drawing from it and measuring
//! it, running it once more.

use std::path::Path;

use exp_api::spec::{RunSpec, Source};
use exp_api::{Job, Task};
use exp_consistency::checkpoint;

use super::Failure;
use super::run::{composed, place, run_one};
use super::show::no_sweep;
use super::spec::{absolute, checked};
use crate::cli::{Cli, Command};
use crate::compose::{Library, Mode, Node, Override, Problem, View, World, extract};
use crate::history::overrides;
use crate::launch::Share;
use crate::process::Process;
use crate::registry::Registry;
use crate::run_dir::{Place, RunDir};
use crate::screen::answer;
use crate::status::Status;
use crate::sweep_dir::SweepDir;
use crate::work::Work;
use crate::worker::WorkerError;
use crate::{frozen, git, resume};

/// Where the data set lies: what does not read it does not look there.
const DATA: [&str; 1] = ["dataset.dir"];

/// The job frozen in a directory, its spec with the overrides carried out, and the tree that shows them. `reads_data` says
/// whether the job is one for which the data set must be there.
fn edited(
    dir: &Path,
    words: &[String],
    library: &Library,
    world: &World,
    reads_data: impl FnOnce(&Job, &RunSpec) -> bool,
) -> Result<(Job, RunSpec, Node), Failure> {
    no_sweep(dir)?;
    if let Ok(Work::Command(_)) = Work::open(dir) {
        let message = format!("{} is the run of a program, which goes on as it was frozen", dir.display());
        return Err(Problem::new(message).hint(format!("exp resume {}", dir.display())).into());
    }
    let mut tree = frozen::load(dir)?;
    let as_frozen = tree.clone();
    frozen::edit(&mut tree, words, library, world)?;
    let wanted = extract::run_spec(&tree).map_err(|problems| frozen::explained(dir, &as_frozen, problems))?;
    let mut wanted = absolute(wanted, &world.cwd);
    let before = frozen::job(dir, &wanted).map_err(WorkerError::from)?;
    let unread: &[&str] = if reads_data(&before, &wanted) { &[] } else { &DATA };
    wanted.train.horizon = wanted.train.horizon.or(before.spec.train.horizon);
    // A run that has begun has weights of its own: those that it started from may be gone.
    let source = wanted.init_from.take();
    let trees = [tree];
    let mut wanted = checked(vec![wanted], &trees, Share::default(), unread, &Registry::default())?.remove(0);
    wanted.init_from = source;
    let [tree] = trees;
    Ok((before, wanted, tree))
}

/// Goes on with a run, perhaps changed in what may change; or with a sweep.
pub(super) fn resume(dir: &Path, cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    if SweepDir::is_one(dir) {
        return super::sweep::resume(dir, cli, world);
    }
    if cli.overrides.is_empty() && matches!(Work::open(dir), Ok(Work::Command(_))) {
        return run_one(dir);
    }
    // Read before anything is made of it: who changes it meanwhile is found out.
    let found = frozen::text(dir)?;
    let reads_data = |job: &Job, spec: &RunSpec| !matches!(job.task, Task::Sample(_)) || spec.sample.reads_data();
    let (before, spec, tree) = edited(dir, &cli.overrides, library, world, reads_data)?;
    let allow = &cli.flags.allow;
    let known = checkpoint::vouched(dir).map_err(|error| Failure::Look(error.to_string()))?;
    resume::check(&before.spec, &spec, &tree, allow, known)?;
    // What a run may do once is not what it may do ever after; images and figures are made once.
    let kept = allow.is_empty() && before.task != Task::Train;
    let job = Job { task: before.task, allow: if kept { before.allow } else { allow.clone() }, spec };
    let stands = Job::open(dir).is_ok_and(|frozen| {
        // A run that is done does nothing more by the same spec, and keeps what it was allowed.
        frozen == job || frozen.spec == job.spec && Status::is_done(dir)
    });
    if !stands {
        resume::refreeze(dir, &found, &job, &tree, &cli.overrides)?;
    }
    run_one(dir)
}

/// Draws images from a checkpoint of a run.
pub(super) fn sample(dir: &Path, cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    of_checkpoint(dir, cli, library, world, |spec, source| {
        if spec.sample.n == 0 {
            return Err(Problem::new("is 0, so there is nothing to draw").key("sample.n").hint("sample.n=64"));
        }
        let name = format!("samples/{}-{}-{}", word(&source), spec.sample.method.word(), spec.sample.n);
        Ok((name, Task::Sample(source)))
    })
}

/// Measures images drawn from a checkpoint of a run.
pub(super) fn eval(dir: &Path, cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    of_checkpoint(dir, cli, library, world, |spec, source| {
        if spec.eval.metrics.is_empty() {
            let problem = Problem::new("is empty, so there is nothing to measure").key("eval.metrics");
            return Err(problem.hint("name a figure: 'eval.metrics=[fd_pixel]'"));
        }
        let name = format!("eval/{}-{}", word(&source), spec.eval.n);
        Ok((name, Task::Eval(source)))
    })
}

/// The checkpoint in the name of a directory.
fn word(source: &Source) -> String {
    source.checkpoint.to_string().replace([':', '/'], "-")
}

/// Does a job with the weights of a run in a directory below the run's, two levels down.
fn of_checkpoint(
    dir: &Path,
    cli: &Cli,
    library: &Library,
    world: &World,
    job: impl FnOnce(&RunSpec, Source) -> Result<(String, Task), Problem>,
) -> Result<(), Failure> {
    if let Ok(Work::Command(_)) = Work::open(dir) {
        let message = format!("{} is the run of a program, which draws and measures by itself", dir.display());
        return Err(Problem::new(message).into());
    }
    let draws = matches!(cli.command, Command::Sample(_));
    let reads_data = |_: &Job, spec: &RunSpec| !draws || spec.sample.reads_data();
    let (before, spec, tree) = edited(dir, &cli.overrides, library, world, reads_data)?;
    // The engine holds the data against those of the checkpoint, wherever they lie.
    resume::check(&before.spec, &spec, &tree, &cli.flags.allow, true)?;
    let source = Source { run: "../..".to_owned(), checkpoint: cli.flags.checkpoint.clone().unwrap_or_default() };
    checkpoint::named(dir, &source.checkpoint).map_err(Failure::Look)?;
    let (name, task) = job(&spec, source)?;
    let job = Job { task, allow: cli.flags.allow.clone(), spec };
    let run = RunDir::with_work(&Place::Automatic(dir.join(name)), &job.into())?;
    run.write_overrides(&cli.overrides)?;
    run_one(run.path())
}

/// Starts a run of its own from the frozen spec of another; words about the `hydra` node are about the new run.
pub(super) fn rerun(cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let Some(dir) = &cli.flags.experimental_rerun else { return Ok(()) };
    let (hydra, words): (Vec<_>, Vec<_>) =
        Override::parse_all(&cli.overrides)?.into_iter().partition(Override::is_hydra);
    let texts = |words: Vec<Override>| words.iter().map(|word| word.text.to_string()).collect::<Vec<_>>();
    let (hydra, words) = (texts(hydra), texts(words));
    let (work, tree) = match Work::open(dir) {
        Ok(Work::Command(program)) if words.is_empty() => {
            let tree = frozen::program(dir, &program)?;
            (Work::Command(program), tree)
        }
        Ok(Work::Command(_)) => {
            let message =
                "is the run of a program, which is run once more as it was frozen, with no words but those about hydra";
            return Err(Problem::new(format!("{} {message}", dir.display())).into());
        }
        _ => {
            let (_, spec, tree) = edited(dir, &words, library, world, |_, _| true)?;
            (Job::new(Task::Train, spec).into(), tree)
        }
    };
    // The primary configuration gives the `hydra` node, the frozen spec everything else.
    let mut composed = composed(cli, library, world, &hydra, Mode::Run)?;
    // What was said of the old run is part of what the new one is.
    composed.become_job(tree, [overrides(dir), words].concat());
    composed.begin("RUN");
    let place = place(&composed)?;
    composed.set_output_dir(place.path());
    let mut process = Process::of(&composed)?;
    if cli.flags.dry_run {
        answer(composed.print(&View::default())?)?;
        return Ok(());
    }
    let code = git::snapshot(&world.cwd);
    let run = RunDir::create(&place)?;
    if composed.set_output_dir(run.path()) {
        process = Process::of(&composed)?;
    }
    let work = match work {
        Work::Command(program) => {
            let program = program.moved(composed.output_dir().unwrap_or_default());
            Work::Command(if process.chdir { program.anchored() } else { program })
        }
        job => job,
    };
    let run = run.freeze(&composed, &work, &process, &code)?;
    run_one(run.path())
}
