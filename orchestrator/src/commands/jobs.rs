//! The jobs of a sweep, from a point each to a frozen run directory.

use std::path::{Component, Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use exp_consistency::pool::ready;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::Failure;
use super::spec::typed;
use crate::cli::Flags;
use crate::compose::{Composed, Library, Mode, Problems, Request, World, compose};
use crate::finished::Finished;
use crate::git;
use crate::launch::Share;
use crate::process::Process;
use crate::registry::Registry;
use crate::run_dir::{Place, RunDir};
use crate::sweep::Filter;
use crate::sweep_dir::Entry;
use crate::work::Work;

/// Makes jobs. What is the same for all of them is found out once.
pub(super) struct Maker<'a> {
    library: &'a Library,
    world: &'a World,
    config_name: String,
    hydra_overrides: Vec<String>,
    filter: Option<Filter>,
    registry: Registry,
    share: Share,
    code: Code,
    finished: Finished,
    /// Where the configuration of the whole sweep puts it; none if that has no value.
    sweep_dir: Option<String>,
    /// What was made outside of the directory of the sweep, each with the folder around it that was there before.
    beyond: Mutex<Vec<(PathBuf, PathBuf)>>,
}

/// What the code was, which is found out while the first jobs are composed.
type Code = LazyLock<Vec<(&'static str, Vec<u8>)>, Box<dyn FnOnce() -> Vec<(&'static str, Vec<u8>)> + Send>>;

impl<'a> Maker<'a> {
    /// For the sweep of a master configuration: those of its jobs that `filter` accepts, with a `share` of a machine each.
    ///
    /// # Errors
    /// The filter is no expression, a directory has no value, or the system refuses threads.
    pub(super) fn new(
        flags: &Flags,
        library: &'a Library,
        world: &'a World,
        master: &Composed,
        filter: Option<&str>,
        share: Share,
    ) -> Result<Maker<'a>, Failure> {
        ready()?;
        let place = world.cwd.clone();
        let code = std::thread::Builder::new().spawn(move || git::snapshot(&place))?;
        Ok(Maker {
            library,
            world,
            config_name: flags.config_name.clone().unwrap_or_else(|| "config".to_owned()),
            hydra_overrides: master.hydra_overrides.clone(),
            filter: filter.map(|filter| Filter::new(filter, master)).transpose()?,
            registry: Registry::default(),
            share,
            code: LazyLock::new(Box::new(|| code.join().unwrap_or_default())),
            finished: if flags.skip_done { Finished::of(master)? } else { Finished::default() },
            sweep_dir: master.text("hydra.sweep.dir").ok(),
            beyond: Mutex::default(),
        })
    }

    /// The configuration of a point that is to be job `number`; none if the filter leaves it out.
    ///
    /// # Errors
    /// It cannot be composed, or not be put to the filter.
    pub(super) fn compose(&self, point: Vec<String>, number: usize) -> Result<Option<Composed>, Problems> {
        let overrides: Vec<String> = self.hydra_overrides.iter().chain(&point).cloned().collect();
        let (library, world, config_name) = (self.library, self.world, self.config_name.as_str());
        let job = Some(number);
        let request = Request { library, config_name, overrides: &overrides, mode: Mode::Run, job, world };
        let composed = compose(&request).map_err(|problems| problems.in_job(&point))?;
        let wanted = match &self.filter {
            Some(filter) => filter.accepts(&composed).map_err(|problems| problems.in_job(&point))?,
            None => true,
        };
        Ok(wanted.then_some(composed))
    }

    /// Tries whether a composed job could be placed in the directory of its sweep.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(super) fn check(&self, sweep: &Path, job: &mut Composed) -> Result<(), Problems> {
        self.directory(sweep, job)?;
        self.typed(std::slice::from_ref(job))?;
        Process::of(job).map(drop).map_err(|problems| problems.in_job(&job.task_overrides))
    }

    fn typed(&self, jobs: &[Composed]) -> Result<Vec<Work>, Problems> {
        let typed = |jobs: &[Composed]| typed(jobs, self.share, &self.registry);
        // Of one job only is it known which one is wrong.
        let alone = |job: &Composed| Some(typed(std::slice::from_ref(job)).err()?.in_job(&job.task_overrides));
        typed(jobs).map_err(|together| {
            let mut all = Problems::default();
            jobs.iter().filter_map(alone).for_each(|problems| all.merge(problems));
            if all.is_empty() { together } else { all }
        })
    }

    /// Makes the directories of jobs in that of their sweep, in order. A job that a finished run has done gets that run's.
    ///
    /// # Errors
    /// What is wrong with them; a directory cannot be made.
    pub(super) fn place<'b>(&'b self, sweep: &'b Path, mut jobs: Vec<Composed>) -> Result<Placed<'b>, Failure> {
        let dirs = jobs.iter_mut().map(|job| self.directory(sweep, job)).collect::<Result<Vec<_>, _>>()?;
        let works = self.typed(&jobs)?;
        let mut placed = Vec::new();
        for ((mut job, mut work), dir) in jobs.into_iter().zip(works).zip(dirs) {
            placed.push(match self.finished.run_of(&work) {
                Some(done) => (RunDir::open(done), job, None),
                None => {
                    let there = existing(&dir);
                    let run = RunDir::create(&Place::Automatic(dir))?;
                    if !run.path().starts_with(sweep) {
                        self.beyond().push((run.path().to_owned(), there));
                    }
                    // The place may have been taken, and what a job is given may tell where its run is.
                    if job.set_output_dir(run.path()) {
                        work = self.typed(std::slice::from_ref(&job))?.remove(0);
                    }
                    (run, job, Some(work))
                }
            });
        }
        Ok(Placed { sweep, jobs: placed, code: &self.code })
    }

    /// Where a job goes, which it is told: its own configuration says so, which may put it elsewhere than the whole sweep.
    ///
    /// # Errors
    /// The directory has no value.
    fn directory(&self, sweep: &Path, job: &mut Composed) -> Result<PathBuf, Problems> {
        let text = |key: &str| job.text(key).map_err(|problem| Problems::from(problem).in_job(&job.task_overrides));
        let (around, subdir) = (text("hydra.sweep.dir")?, text("hydra.sweep.subdir")?);
        // The sweep may have got a suffix. What is elsewhere is noted in it, and found from any directory.
        let shared = self.sweep_dir.as_ref() == Some(&around);
        let around = if shared { sweep.to_owned() } else { self.world.cwd.join(around) };
        // A suffix that it may get must not make `._1` of `.`, which nobody would look into.
        let inner: PathBuf = Path::new(&subdir).components().filter(|part| *part != Component::CurDir).collect();
        let dir = around.join(inner);
        job.set_output_dir(&dir);
        Ok(dir)
    }

    /// Takes away the jobs that lie outside of the directory of their sweep, which has come to nothing.
    pub(super) fn undo(&self) {
        // The last one first: a folder that was made for one may hold others.
        for (dir, there) in self.beyond().drain(..).rev() {
            clear(&dir, &there);
        }
    }

    fn beyond(&self) -> MutexGuard<'_, Vec<(PathBuf, PathBuf)>> {
        self.beyond.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The innermost folder around a directory, or it itself, that is there.
pub(super) fn existing(dir: &Path) -> PathBuf {
    dir.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("")).to_owned()
}

/// Takes away a directory that was made for nothing, and the empty ones around it, below one that was `there` before.
pub(super) fn clear(dir: &Path, there: &Path) {
    // What cannot be taken away is left: the error that is told is why the sweep was not made.
    let _ = std::fs::remove_dir_all(dir);
    for folder in dir.ancestors().skip(1).take_while(|folder| *folder != there) {
        let _ = std::fs::remove_dir(folder);
    }
}

/// Jobs that have an empty directory each.
pub(super) struct Placed<'a> {
    sweep: &'a Path,
    jobs: Vec<(RunDir, Composed, Option<Work>)>,
    code: &'a [(&'static str, Vec<u8>)],
}

impl Placed<'_> {
    /// Freezes them there.
    ///
    /// # Errors
    /// A directory cannot be written.
    pub(super) fn freeze(self) -> Result<Vec<Entry>, Failure> {
        let freeze = |(run, job, work): (RunDir, Composed, Option<Work>)| {
            let dir = run.path().strip_prefix(self.sweep).unwrap_or(run.path()).to_owned();
            let words = job.task_overrides.join(" ");
            if let Some(work) = work {
                let process = Process::of(&job)?;
                run.freeze(&job, &work, &process, self.code)?;
            }
            Ok(Entry { dir, words, point: Vec::new() })
        };
        self.jobs.into_par_iter().map(freeze).collect()
    }
}
