//! A backend that is an executable, driven over its standard streams; see [`exp_api::protocol`].

mod call;
mod streams;
mod worker;

use std::fs::File;
use std::path::{Path, PathBuf};

use exp_api::protocol::{Checked, Description, VERSION};
use exp_api::{Backend, BackendError, DeviceInfo, EventSink, Job, Problem, Report, RunSpec, Stop, Task};
use tokio::runtime::Builder;

use self::call::{LIMIT, ask};
use crate::registry::RegistryError;

/// An executable `exp-<name>`.
#[derive(Debug)]
pub struct ProcessBackend {
    path: PathBuf,
    description: Description,
    /// The right to work in the directory of its job, which its worker has too.
    lock: Option<File>,
}

impl ProcessBackend {
    /// Asks an executable what it is.
    ///
    /// # Errors
    /// It does not start, does not answer, or speaks another version.
    pub fn open(path: &Path) -> Result<ProcessBackend, RegistryError> {
        let refused = |reason: String| RegistryError::NoAnswer { path: path.display().to_string(), reason };
        let mut answers: Vec<Description> = ask(path, &["describe".into()], LIMIT).map_err(refused)?;
        let description = answers.pop().ok_or_else(|| refused("it does not say what it is".to_owned()))?;
        if description.protocol != VERSION {
            let reason = format!("it speaks version {} of the protocol, not {VERSION}", description.protocol);
            return Err(refused(reason));
        }
        let called = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if called != format!("exp-{}", description.name) {
            return Err(refused(format!("it calls itself `{}`", description.name)));
        }
        Ok(ProcessBackend { path: path.to_owned(), description, lock: None })
    }

    /// Asks about many specs in one call.
    fn checked(&self, specs: &[RunSpec]) -> Result<Vec<Checked>, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut words = vec!["check".into()];
        for (n, spec) in specs.iter().enumerate() {
            let job = Job::new(Task::Train, spec.clone());
            let text = job.to_text().map_err(|error| error.to_string())?;
            let file = folder.path().join(format!("{n}.json"));
            std::fs::write(&file, text).map_err(|error| error.to_string())?;
            words.push(file.into_os_string());
        }
        let limit = LIMIT.saturating_mul(u32::try_from(specs.len()).unwrap_or(u32::MAX));
        let answers: Vec<Checked> = ask(&self.path, &words, limit)?;
        if answers.len() != specs.len() {
            return Err(format!("{} answers for {} specs", answers.len(), specs.len()));
        }
        match specs.iter().zip(&answers).all(|(asked, answer)| same_but_for_the_machine(asked, &answer.spec)) {
            true => Ok(answers),
            false => Err("it answers with another spec, of which it may fill in the group backend alone".to_owned()),
        }
    }
}

/// Whether a spec is the one that was asked about, but for what depends on the machine.
fn same_but_for_the_machine(asked: &RunSpec, answered: &RunSpec) -> bool {
    let rest = RunSpec { backend: asked.backend.clone(), ..answered.clone() };
    rest == *asked && answered.backend.name == asked.backend.name
}

impl Backend for ProcessBackend {
    fn name(&self) -> &str {
        &self.description.name
    }

    fn devices(&self) -> Vec<DeviceInfo> {
        self.description.devices.clone()
    }

    fn resolve(&self, spec: RunSpec) -> RunSpec {
        // An executable that cannot answer says so in `check`, which follows.
        self.prepare(vec![spec.clone()]).pop().map_or(spec, |checked| checked.spec)
    }

    fn check(&self, spec: &RunSpec) -> Vec<Problem> {
        self.prepare(vec![spec.clone()]).pop().map(|checked| checked.problems).unwrap_or_default()
    }

    fn prepare(&self, specs: Vec<RunSpec>) -> Vec<Checked> {
        self.checked(&specs).unwrap_or_else(|reason| {
            let problem = Problem::new("backend.name", format!("{} failed: {reason}", self.path.display()));
            specs.into_iter().map(|spec| Checked { spec, problems: vec![problem.clone()] }).collect()
        })
    }

    fn lend(&mut self, lock: File) {
        self.lock = Some(lock);
    }

    fn run(&self, dir: &Path, _: &Job, events: &mut dyn EventSink, stop: &Stop) -> Result<Report, BackendError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.follow(dir, events, stop))
    }
}
