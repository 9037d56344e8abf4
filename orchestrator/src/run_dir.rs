//! Run directories: made once from a composed run, reopened for everything else.
//!
//! The only writer of `spec.json`. In: a composed configuration and its spec. Out: a directory that a worker needs
//! nothing beside.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use exp_api::Job;
use serde_json::Map;

use crate::command::CONFIG;
use crate::compose::{Composed, Node, Part, Value, View, to_yaml};
use crate::files::{small_if_there, write_atomically, write_durably};
use crate::history::{OVERRIDES, text};
use crate::lock::Lock;
use crate::process::Process;
use crate::status::{State, Status};
use crate::sweep_dir::SweepDir;
use crate::work::Work;

/// Who set each value of the configuration of a run.
pub const ORIGINS: &str = "origins.json";

/// A directory with a job in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir(PathBuf);

/// Why a directory could not be made.
#[derive(Debug, thiserror::Error)]
pub enum FreezeError {
    /// The user named a directory that holds something.
    #[error("{0} exists and is not empty; to go on with the run in it: exp resume {0}")]
    Taken(String),
    /// The user named a directory that holds something else than a run, or one that is not made.
    #[error(
        "{0} exists, is not empty and holds no {1}: name another directory\n  \
         hint: hydra.run.dir='outputs/${{now:%Y-%m-%d}}/${{now:%H-%M-%S}}'"
    )]
    Full(String, &'static str),
    /// It cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file or folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The configuration cannot be printed.
    #[error(transparent)]
    Compose(#[from] crate::compose::Problem),
}

/// Where a new directory may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Exactly here; refused if it holds something.
    Named(PathBuf),
    /// Here, or with a suffix if it is taken.
    Automatic(PathBuf),
}

impl Place {
    /// The directory, but for its suffix.
    pub fn path(&self) -> &Path {
        let (Place::Named(path) | Place::Automatic(path)) = self;
        path
    }
}

impl RunDir {
    /// Makes an empty directory.
    ///
    /// # Errors
    /// The place is taken, or cannot be written.
    pub fn create(place: &Place) -> Result<RunDir, FreezeError> {
        create(place).map(RunDir)
    }

    /// Writes into an empty directory the configuration and the work of a composed run, and the files of `code`, which say
    /// what the code was. What cannot be written whole is taken away.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn freeze(
        self,
        composed: &Composed,
        work: &Work,
        process: &Process,
        code: &[(&str, Vec<u8>)],
    ) -> Result<RunDir, FreezeError> {
        let dir = self.0.clone();
        // The error that is told is why it was not made; what cannot be taken away either is left.
        self.fill(composed, work, process, code).inspect_err(|_| drop(fs::remove_dir_all(dir)))
    }

    fn fill(
        self,
        composed: &Composed,
        work: &Work,
        process: &Process,
        code: &[(&str, Vec<u8>)],
    ) -> Result<RunDir, FreezeError> {
        let run = self;
        // A null output_subdir means no copies of the configuration, as in Hydra.
        if let Some(folder) = composed.text("hydra.output_subdir").ok().filter(|name| name != "None") {
            let folder = run.0.join(folder);
            fs::create_dir_all(&folder).map_err(|source| failed(&folder, source))?;
            let config = composed.print(&View { part: Part::Job, ..View::default() })?;
            let hydra = composed.print(&View { part: Part::Hydra, ..View::default() })?;
            put(&folder.join("config.yaml"), &config)?;
            put(&folder.join("hydra.yaml"), &hydra)?;
            put(&folder.join("overrides.yaml"), overrides_yaml(&composed.task_overrides))?;
        }
        put(&run.0.join(ORIGINS), &to_json(origins(&composed.tree))?)?;
        for (name, content) in code {
            put(&run.0.join(name), content)?;
        }
        run.write_process(process)?;
        if let Work::Command(command) = work {
            let path = run.0.join(CONFIG);
            put(&path, &command.config_text().map_err(|error| failed(&path, error.into()))?)?;
        }
        let path = run.0.join(Job::FILE);
        put(&path, &work.to_text().map_err(|error| failed(&path, error.into()))?)?;
        let path = run.0.join(Status::FILE);
        put(&path, &Status::here(State::Created).text().map_err(|source| failed(&path, source))?)?;
        Ok(run)
    }

    /// A directory that already holds a job.
    pub fn open(dir: &Path) -> RunDir {
        RunDir(dir.to_owned())
    }

    /// Makes a directory with nothing but `spec.json` in it.
    ///
    /// # Errors
    /// The place is taken, or cannot be written.
    pub fn with_work(place: &Place, work: &Work) -> Result<RunDir, FreezeError> {
        let run = RunDir(create(place)?);
        run.write_work(work)?;
        Ok(run)
    }

    /// Writes into the directory of a sweep its configuration, `multirun.yaml`, and what happens around it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn begin_sweep(&self, master: &Composed, process: &Process) -> Result<(), FreezeError> {
        put(&self.0.join("multirun.yaml"), master.print(&View { part: Part::All, ..View::default() })?)?;
        self.write_process(process)
    }

    /// Writes `spec.json`.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_work(&self, work: &Work) -> Result<(), FreezeError> {
        let path = self.0.join(Job::FILE);
        let text = work.to_text().map_err(|error| failed(&path, error.into()))?;
        write_durably(&path, text.as_bytes()).map_err(|source| failed(&path, source))
    }

    /// Writes the words that say what the run is, where Hydra has them.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write_overrides(&self, words: &[String]) -> Result<(), FreezeError> {
        let path = self.0.join(OVERRIDES);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all);
        let written = written.and_then(|()| write_atomically(&path, overrides_yaml(words).as_bytes()));
        written.map_err(|source| failed(&path, source))
    }

    /// Notes who changed values of the frozen spec, which `tree` was made of.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn change_origins(&self, tree: &Node) -> Result<(), FreezeError> {
        let path = self.0.join(ORIGINS);
        let content = small_if_there(&path).map_err(|source| failed(&path, source))?.unwrap_or_default();
        // What is damaged tells nothing any more.
        let mut known: Map<String, serde_json::Value> = serde_json::from_slice(&content).unwrap_or_default();
        let frozen = self.0.join(Job::FILE).display().to_string();
        let changed = |(_, origin): &(String, serde_json::Value)| !text(origin).starts_with(&frozen);
        known.extend(origins(tree).into_iter().filter(changed));
        write_atomically(&path, to_json(known)?.as_bytes()).map_err(|source| failed(&path, source))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes how the process is to be, if it is an unusual one.
    fn write_process(&self, process: &Process) -> Result<(), FreezeError> {
        if *process == Process::default() {
            return Ok(());
        }
        let path = self.0.join(Process::FILE);
        let text = serde_json::to_string_pretty(process).map_err(|error| failed(&path, error.into()))?;
        put(&path, &text)
    }
}

/// Writes a file of a directory that is no run yet: it becomes one by its status, which comes last.
fn put(path: &Path, content: impl AsRef<[u8]>) -> Result<(), FreezeError> {
    fs::write(path, content).map_err(|source| failed(path, source))
}

/// Creates the directory; of two processes that ask for one automatic place, each gets its own, and of two that name one, the
/// first.
fn create(place: &Place) -> Result<PathBuf, FreezeError> {
    // That of a sweep is there for all jobs but the first.
    if let Some(parent) = place.path().parent().filter(|parent| !parent.is_dir()) {
        fs::create_dir_all(parent).map_err(|source| failed(parent, source))?;
    }
    match place {
        Place::Named(dir) => {
            let taken = || match dir.join(Status::FILE).exists() || SweepDir::is_one(dir) {
                true => FreezeError::Taken(dir.display().to_string()),
                // Somebody makes it just now, or was cut short.
                false if dir.join(ORIGINS).exists() || dir.join(Lock::FILE).exists() => {
                    FreezeError::Full(dir.display().to_string(), "run that could go on, perhaps one that is being made")
                }
                false => FreezeError::Full(dir.display().to_string(), "run"),
            };
            match fs::create_dir(dir) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if fs::read_dir(dir).map_err(|source| failed(dir, source))?.next().is_some() {
                        return Err(taken());
                    }
                }
                made => made.map_err(|source| failed(dir, source))?,
            }
            // Another process may have found it empty as well: it is for who makes the file of its lock.
            match fs::File::create_new(dir.join(Lock::FILE)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(taken()),
                made => made.map(|_| dir.clone()).map_err(|source| failed(dir, source)),
            }
        }
        Place::Automatic(dir) => {
            for suffix in 0_u32.. {
                let mut name = dir.clone().into_os_string();
                if suffix > 0 {
                    name.push(format!("_{suffix}"));
                }
                match fs::create_dir(&name) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(source) => return Err(failed(Path::new(&name), source)),
                    Ok(()) => return Ok(name.into()),
                }
            }
            Err(FreezeError::Taken(dir.display().to_string()))
        }
    }
}

/// The leaves of a configuration by their dotted keys, each with who set it last: a file with its line, or an override.
pub fn origins(tree: &Node) -> Map<String, serde_json::Value> {
    fn walk(path: &str, node: &Node, found: &mut Map<String, serde_json::Value>) {
        match node.as_map().filter(|map| !map.is_empty()) {
            Some(map) => map.iter().for_each(|(key, child)| match path {
                "" => walk(&key.to_string(), child, found),
                _ => walk(&format!("{path}.{key}"), child, found),
            }),
            None => {
                if let Some(origin) = node.trail.winner() {
                    found.insert(path.to_owned(), origin.to_string().into());
                }
            }
        }
    }
    let mut found = Map::new();
    let jobs = tree.as_map().into_iter().flatten().filter(|(key, _)| key.to_string() != "hydra");
    jobs.for_each(|(key, child)| walk(&key.to_string(), child, &mut found));
    found
}

fn to_json(map: Map<String, serde_json::Value>) -> Result<String, FreezeError> {
    serde_json::to_string_pretty(&map).map(|text| text + "\n").map_err(|error| failed(Path::new(ORIGINS), error.into()))
}

/// The list of overrides as YAML.
fn overrides_yaml(overrides: &[String]) -> String {
    let items = overrides.iter().map(|word| Node::builtin(Value::str(word))).collect();
    to_yaml(&Node::builtin(Value::List(items)))
}

fn failed(path: &Path, source: io::Error) -> FreezeError {
    FreezeError::Write { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_automatic_place_is_never_shared() {
        let root = tempfile::tempdir().unwrap();
        let place = Place::Automatic(root.path().join("a/b"));
        let made: std::collections::BTreeSet<PathBuf> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..8).map(|_| scope.spawn(|| (0..125).map(|_| create(&place).unwrap()).collect::<Vec<_>>())).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(made.len(), 1000);
    }

    #[test]
    fn a_named_place_is_given_once() {
        for there in [false, true] {
            let root = tempfile::tempdir().unwrap();
            let dir = root.path().join("run");
            if there {
                fs::create_dir(&dir).unwrap();
            }
            let place = Place::Named(dir);
            let made: Vec<_> = std::thread::scope(|scope| {
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| create(&place))).collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
            assert_eq!(
                made.iter().filter(|made| matches!(made, Err(FreezeError::Taken(_) | FreezeError::Full(..)))).count(),
                7
            );
        }
    }
}
