//! Taking up a directory that is already there: going on with its run, drawing from it.

use std::path::Path;

use exp_api::spec::RunSpec;
use exp_api::{Job, Task};

use super::Failure;
use super::run::run_one;
use super::spec::{absolute, checked};
use crate::cli::Cli;
use crate::compose::{Library, Node, World, extract};
use crate::run_dir::{Place, RunDir};
use crate::worker::WorkerError;
use crate::{frozen, resume};

/// The job frozen in a directory, its spec with the overrides carried out, and the tree that shows them.
fn edited(dir: &Path, cli: &Cli, library: &Library, world: &World) -> Result<(Job, RunSpec, Node), Failure> {
    let mut tree = frozen::load(dir)?;
    let before = Job::open(dir).map_err(WorkerError::from)?;
    frozen::edit(&mut tree, &cli.overrides, library, world)?;
    let wanted = checked(absolute(extract::run_spec(&tree)?, &world.cwd), &tree)?;
    Ok((before, wanted, tree))
}

/// Goes on with a run, perhaps changed in what may change.
pub(super) fn resume(dir: &Path, cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let (before, wanted, tree) = edited(dir, cli, library, world)?;
    resume::check(&before.spec, &wanted, &tree, &cli.flags.allow)?;
    if wanted != before.spec {
        resume::refreeze(dir, &Job { task: before.task, spec: wanted })?;
    }
    run_one(dir)
}

/// Draws images from the last checkpoint of a run.
pub(super) fn sample(dir: &Path, cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let (before, spec, tree) = edited(dir, cli, library, world)?;
    resume::check(&before.spec, &spec, &tree, &[])?;
    let name = format!("{}-{}", spec.sample.method.word(), spec.sample.n);
    let task = Task::Sample { run: "../..".to_owned() };
    let place = Place::Automatic(dir.join("samples").join(name));
    let run = RunDir::with_job(&place, &Job { task, spec })?;
    run_one(run.path())
}
