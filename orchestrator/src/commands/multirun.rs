//! A sweep from the command line: its jobs composed, checked and frozen, which `sweep` then runs; or `search` makes them one
//! after another.

use std::io;
use std::path::{Path, PathBuf};

use super::Failure;
use super::jobs::{Maker, Placed, clear, existing};
use super::run::{composed, warn};
use super::{search, sweep};
use crate::cli::Cli;
use crate::compose::sweep::{Grid, expand};
use crate::compose::{Composed, Library, Mode, Problems, World};
use crate::launch;
use crate::process::Process;
use crate::run_dir::{Place, RunDir};
use crate::screen::{self, answer};
use crate::status::Status;
use crate::sweep::{Choice, Search, Space};
use crate::sweep_dir::{Entry, Manifest, Recipe, SweepDir};

/// How many jobs are checked at a time: a backend may be a process, and a composed job takes memory.
const TOGETHER: usize = 32;
/// Of so many problems a sweep's are told: nobody reads more.
const TOLD_PROBLEMS: usize = 20;

/// Makes a sweep and runs it; or only lists it.
pub(super) fn multirun(cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let mut master = composed(cli, library, world, &cli.overrides, Mode::Multirun)?;
    warn(&master);
    master.begin("MULTIRUN");
    let mut problems = Problems::default();
    let launcher = problems.collect_all(launch::Choice::of(&master));
    let sweeper = problems.collect_all(Choice::of(&master));
    let place = problems.collect(master.text("hydra.sweep.dir"));
    if let Some(warning) = sweeper.as_ref().and_then(|sweeper| sweeper.warning.as_ref()) {
        screen::warn(warning);
    }
    let has_backend = master.tree.child("backend").is_some();
    // Also a tree that is written for plugins of Hydra can be looked at.
    if cli.flags.dry_run && (!has_backend || problems.is_empty()) {
        let share = launcher.as_ref().zip(sweeper.as_ref()).map(|(launcher, sweeper)| share(launcher, sweeper));
        let filter = sweeper.as_ref().and_then(|sweeper| sweeper.filter.as_deref());
        let maker = Maker::new(&cli.flags, library, world, &master, filter, share.unwrap_or_default())?;
        let search = sweeper.as_ref().and_then(|sweeper| sweeper.search.as_ref());
        let sweep = place.map(PathBuf::from).filter(|_| has_backend);
        return dry_run(library, &master, &maker, search, sweep.as_deref());
    }
    let (Some(launcher), Some(sweeper), Some(place)) = (launcher, sweeper, place) else {
        return Err(problems.into());
    };
    launcher.get_ready();
    let share = share(&launcher, &sweeper);
    let maker = Maker::new(&cli.flags, library, world, &master, sweeper.filter.as_deref(), share)?;
    let place = Place::Automatic(PathBuf::from(place));
    // What happens around the jobs happens in the directory of the sweep; no job is told that it is its own.
    let around = |dir: &Path| {
        let mut around = master.clone();
        around.set_output_dir(dir);
        Process::of(&around)
    };
    around(place.path())?;
    let there = existing(place.path());
    let make = || -> Result<PathBuf, Failure> {
        let run = RunDir::create(&place)?;
        let begun = around(run.path()).map_err(Failure::from).and_then(|around| Ok(run.begin_sweep(&master, &around)?));
        begun.inspect_err(|_| clear(run.path(), &there))?;
        Ok(run.path().to_owned())
    };
    if let Some(search) = sweeper.search {
        let space = Space::asked(&master, library)?;
        search::probe(&maker, &search, &space, place.path())?;
        library.read_all();
        let manifest =
            Manifest { launcher, search: Some(search.clone()), recipe: recipe(cli, library, world), jobs: vec![] };
        let dir = make()?;
        let sweep = SweepDir::create(&dir, &manifest).inspect_err(|_| clear(&dir, &there))?;
        return search::run(sweep, &[], &maker, &space, &search);
    }
    let grid = expand(&master.sweep_words()?, library, 0)?;
    let dir = make()?;
    let undo = || {
        maker.undo();
        clear(&dir, &there);
    };
    let jobs = frozen(&maker, &grid, &dir).map_err(|failure| {
        undo();
        match failure {
            // What is wrong with those behind the first ones as well.
            Failure::Configuration(_) => {
                tried(&maker, &grid, Some(place.path()), |_, _| Ok(())).err().unwrap_or(failure)
            }
            failure => failure,
        }
    })?;
    if jobs.is_empty() {
        screen::warn("warning: no job is left of this sweep");
    }
    // Those of finished runs lie elsewhere, as do those that their own configuration puts there.
    let before: Vec<&Entry> = jobs.iter().filter(|job| job.dir.is_absolute() && Status::is_done(&job.dir)).collect();
    if let [first, ..] = before[..] {
        let (count, all) = (before.len(), jobs.len());
        screen::tell(format_args!("{count} of {all} jobs were done before, such as {}", first.dir.display()));
    }
    let manifest = Manifest { launcher, search: None, recipe: recipe(cli, library, world), jobs };
    let sweep = SweepDir::create(&dir, &manifest).inspect_err(|_| undo())?;
    let all = sweep.left(false);
    sweep::begin(sweep, &all)
}

/// What each job is given of where it runs, as many of them being under way at a time as the launcher and the search allow.
fn share(launcher: &launch::Choice, sweeper: &Choice) -> launch::Share {
    let slots = launcher.slots();
    launcher.share(sweeper.search.as_ref().map_or(slots, |search| search.slots(slots)))
}

/// All jobs of a grid, frozen in the directory of their sweep. None of them has started when the last one has been checked.
fn frozen(maker: &Maker, grid: &Grid, dir: &Path) -> Result<Vec<Entry>, Failure> {
    let (mut points, mut number, mut entries) = (grid.points(), 0, Vec::new());
    let mut next = || -> Result<Option<Placed>, Failure> {
        let mut jobs = Vec::new();
        for point in points.by_ref() {
            jobs.extend(maker.compose(point, number + jobs.len())?);
            if jobs.len() == TOGETHER {
                break;
            }
        }
        number += jobs.len();
        if jobs.is_empty() { Ok(None) } else { maker.place(dir, jobs).map(Some) }
    };
    let mut placed = next()?;
    // Some are written while the next ones are composed.
    while let Some(jobs) = placed {
        let mut written = Ok(Vec::new());
        placed = rayon::in_place_scope(|scope| {
            scope.spawn(|_| written = jobs.freeze());
            next()
        })?;
        entries.extend(written?);
    }
    Ok(entries)
}

/// What the jobs are made of, to be found again from any directory.
fn recipe(cli: &Cli, library: &Library, world: &World) -> Recipe {
    let absolute = |path: &Path| world.cwd.join(path);
    let found = world.cwd.join("conf");
    let config_path = cli.flags.config_path.as_deref().map(absolute);
    Recipe {
        overrides: cli.overrides.clone(),
        cwd: world.cwd.clone(),
        config_name: cli.flags.config_name.clone(),
        config_path: config_path.or_else(|| found.is_dir().then_some(found)),
        config_dir: cli.flags.config_dir.as_deref().map(absolute),
        skip_done: cli.flags.skip_done,
        files: library.hashes(),
    }
}

/// Composes every job and prints its overrides, or the first one of a search; starts nothing. Any Hydra tree will do, also
/// one that is no training and has no `sweep` of ours to be checked for.
fn dry_run(
    library: &Library,
    master: &Composed,
    maker: &Maker,
    search: Option<&Search>,
    sweep: Option<&Path>,
) -> Result<(), Failure> {
    if let Some(search) = search {
        let space = Space::asked(master, library)?;
        let mut job = search::first(maker, search, &space)?;
        if let Some(sweep) = sweep {
            maker.check(sweep, &mut job)?;
        }
        let rest = search.n_trials - 1;
        let text = format!("#0 : {}\n{rest} more, chosen by {}\n", job.task_overrides.join(" "), search.name.word());
        return Ok(answer(text)?);
    }
    let grid = expand(&master.sweep_words()?, library, 0)?;
    let number = tried(maker, &grid, sweep, |number, words| answer(format_args!("#{number} : {words}\n")))?;
    if number == 0 {
        screen::warn("warning: no job is left of this sweep");
    }
    Ok(())
}

/// Composes all jobs of a grid, and tries whether they could be placed in a sweep; `told` gets the number and the overrides of
/// those that are right. How many they are.
///
/// # Errors
/// All that is wrong with the others; of very much, the first part.
fn tried(
    maker: &Maker,
    grid: &Grid,
    sweep: Option<&Path>,
    told: impl Fn(usize, &str) -> io::Result<()>,
) -> Result<usize, Failure> {
    let (mut wrong, mut number) = (Problems::default(), 0);
    for point in grid.points() {
        if wrong.0.len() >= TOLD_PROBLEMS {
            break;
        }
        let words = point.join(" ");
        let right = maker.compose(point, number).and_then(|job| {
            let Some(mut job) = job else { return Ok(false) };
            sweep.map_or(Ok(()), |sweep| maker.check(sweep, &mut job)).map(|()| true)
        });
        match right {
            Ok(true) => {
                told(number, &words)?;
                number += 1;
            }
            Ok(false) => {}
            Err(problems) => {
                wrong.merge(problems);
                number += 1;
            }
        }
    }
    Ok(wrong.or_ok(number)?)
}
