//! A backend that is an executable, driven over its standard streams; see [`exp_api::protocol`].

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use exp_api::protocol::{Checked, Description, FromWorker, ToWorker, VERSION};
use exp_api::{Backend, BackendError, DeviceInfo, Event, EventSink, Job, Problem, Report, RunSpec, Stop, Task};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::ChildStdin;
use tokio::runtime::Builder;
use tokio::time::sleep;

use crate::registry::RegistryError;
use crate::usage::usage;

/// How often a running job looks whether it is asked to stop.
const PATIENCE: Duration = Duration::from_millis(50);

/// An executable `exp-<name>`.
#[derive(Debug, Clone)]
pub struct ProcessBackend {
    path: PathBuf,
    description: Description,
}

impl ProcessBackend {
    /// Asks an executable what it is.
    ///
    /// # Errors
    /// It does not start, does not answer, or speaks another version.
    pub fn open(path: &Path) -> Result<ProcessBackend, RegistryError> {
        let refused = |reason: String| RegistryError::NoAnswer { path: path.display().to_string(), reason };
        let mut answers: Vec<Description> = ask(path, &["describe".into()]).map_err(refused)?;
        let description = answers.pop().ok_or_else(|| refused("it does not say what it is".to_owned()))?;
        if description.protocol != VERSION {
            let reason = format!("it speaks version {} of the protocol, not {VERSION}", description.protocol);
            return Err(refused(reason));
        }
        Ok(ProcessBackend { path: path.to_owned(), description })
    }

    /// Asks about many specs in one call.
    fn checked(&self, specs: &[RunSpec]) -> Result<Vec<Checked>, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut words = vec!["check".into()];
        for (n, spec) in specs.iter().enumerate() {
            let job = Job { task: Task::Train, spec: spec.clone() };
            let text = job.to_text().map_err(|error| error.to_string())?;
            let file = folder.path().join(format!("{n}.json"));
            std::fs::write(&file, text).map_err(|error| error.to_string())?;
            words.push(file.into_os_string());
        }
        let answers: Vec<Checked> = ask(&self.path, &words)?;
        match answers.len() == specs.len() {
            true => Ok(answers),
            false => Err(format!("{} answers for {} specs", answers.len(), specs.len())),
        }
    }
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

    fn run(&self, dir: &Path, _: &Job, events: &mut dyn EventSink, stop: &Stop) -> Result<Report, BackendError> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let outcome = runtime.block_on(self.follow(dir, events, stop))?;
        match outcome {
            (Some(FromWorker::Done(report)), _) => Ok(report),
            (Some(FromWorker::Failed(reason)), _) => Err(self.failed(reason)),
            (_, status) => Err(self.failed(format!("it ended with {status} and no report"))),
        }
    }
}

impl ProcessBackend {
    /// Starts a worker and takes its events until its last line: that line, if it came to one, and how it ended.
    async fn follow(
        &self,
        dir: &Path,
        events: &mut dyn EventSink,
        stop: &Stop,
    ) -> Result<(Option<FromWorker>, ExitStatus), BackendError> {
        let mut command = tokio::process::Command::new(&self.path);
        // A worker whose events cannot be kept must not go on.
        command.arg("worker").arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        // Ctrl-C at the terminal reaches `exp`, which asks the worker to stop; the worker itself must not get it.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| self.failed(error.to_string()))?;
        let group = child.id().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        let (Some(output), Some(mut input)) = (child.stdout.take(), child.stdin.take()) else {
            return Err(self.failed("its streams are not there".to_owned()));
        };
        let mut lines = BufReader::new(output).lines();
        let (mut asked, mut ended) = (false, false);
        let last = loop {
            if stop.asked() && !asked {
                asked = true;
                tell(&mut input, ToWorker::Stop).await;
            }
            let line = tokio::select! {
                line = lines.next_line() => line?,
                _ = child.wait(), if !ended => {
                    ended = true;
                    continue;
                }
                // A process that it left behind may keep its output open: after its own end, silence is the end.
                () = sleep(PATIENCE) => match ended {
                    true => break None,
                    false => continue,
                },
            };
            let Some(line) = line else { break None };
            match serde_json::from_str(&line) {
                Ok(FromWorker::Event(Event::System { step, mut values })) => {
                    values.extend(usage(child.id()));
                    events.emit(Event::System { step, values })?;
                }
                Ok(FromWorker::Event(event)) => events.emit(event)?,
                Ok(FromWorker::Flush) => {
                    events.flush()?;
                    tell(&mut input, ToWorker::Flushed).await;
                }
                Ok(last) => break Some(last),
                Err(error) => return Err(self.failed(format!("a line that is no event ({error}): {line}"))),
            }
        };
        // Its input ends with this: a worker that waits for more has nothing left to wait for.
        drop(input);
        let status = child.wait().await?;
        // What it started and left running ends with it. Its number is nobody else's as long as its group has a member.
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
        Ok((last, status))
    }

    fn failed(&self, reason: String) -> BackendError {
        BackendError::Device(format!("{}: {reason}", self.path.display()))
    }
}

/// Writes a line to a worker. One that is gone closes its output too, which is noticed there.
async fn tell(input: &mut ChildStdin, message: ToWorker) {
    let mut line = serde_json::to_vec(&message).unwrap_or_default();
    line.push(b'\n');
    let _ = input.write_all(&line).await;
}

/// Runs one call and reads its answers, one a line.
fn ask<T: DeserializeOwned>(path: &Path, words: &[OsString]) -> Result<Vec<T>, String> {
    let output = Command::new(path).args(words).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()));
    }
    let answers = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
    answers.collect::<Result<_, _>>().map_err(|error| format!("its answer is not understood: {error}"))
}
