//! A backend that is an executable, driven over its standard streams; see [`exp_api::protocol`].

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use exp_api::protocol::{Checked, Description, FromWorker, ToWorker, VERSION};
use exp_api::{Backend, BackendError, DeviceInfo, EventSink, Job, Problem, Report, RunSpec, Stop, Task};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::registry::RegistryError;

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
        let description: Description = ask(path, &["describe".as_ref()]).map_err(refused)?;
        if description.protocol != VERSION {
            let reason = format!("it speaks version {} of the protocol, not {VERSION}", description.protocol);
            return Err(refused(reason));
        }
        Ok(ProcessBackend { path: path.to_owned(), description })
    }

    fn checked(&self, spec: &RunSpec) -> Result<Checked, String> {
        let mut file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        let job = Job { task: Task::Train, spec: spec.clone() };
        let text = job.to_text().map_err(|error| error.to_string())?;
        file.write_all(text.as_bytes()).map_err(|error| error.to_string())?;
        ask(&self.path, &["check".as_ref(), file.path().as_os_str()])
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
        self.checked(&spec).map_or(spec, |checked| checked.spec)
    }

    fn check(&self, spec: &RunSpec) -> Vec<Problem> {
        match self.checked(spec) {
            Ok(checked) => checked.problems,
            Err(reason) => vec![Problem::new("backend.name", format!("{} failed: {reason}", self.path.display()))],
        }
    }

    fn run(&self, dir: &Path, _: &Job, events: &mut dyn EventSink, stop: &Stop) -> Result<Report, BackendError> {
        let failed = |reason: String| BackendError::Device(format!("{}: {reason}", self.path.display()));
        let mut command = Command::new(&self.path);
        command.arg("worker").arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped());
        own_group(&mut command);
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        let outcome = follow(&mut child, events, stop, &failed);
        if outcome.is_err() {
            // Gone already, most often; a worker whose events cannot be kept must not go on.
            let _ = child.kill();
        }
        let status = child.wait().map_err(|error| failed(error.to_string()))?;
        match outcome? {
            Some(FromWorker::Done(report)) => Ok(report),
            Some(FromWorker::Failed(reason)) => Err(failed(reason)),
            _ => Err(failed(format!("it ended with {status} and no report"))),
        }
    }
}

/// Takes the events of a worker until its last line; none if it ended without one.
fn follow(
    child: &mut Child,
    events: &mut dyn EventSink,
    stop: &Stop,
    failed: &dyn Fn(String) -> BackendError,
) -> Result<Option<FromWorker>, BackendError> {
    let (Some(output), Some(mut input)) = (child.stdout.take(), child.stdin.take()) else {
        return Ok(None);
    };
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut asked = false;
    loop {
        if stop.asked() && !asked {
            asked = true;
            // A worker that is gone closes its output too, which ends this loop.
            let _ = tell(&mut input, ToWorker::Stop);
        }
        let line = match lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            // A process that it left behind may keep its output open: its own end counts.
            Err(RecvTimeoutError::Timeout) if matches!(child.try_wait(), Ok(Some(_))) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        };
        match serde_json::from_str(&line) {
            Ok(FromWorker::Event(event)) => events.emit(event)?,
            Ok(FromWorker::Flush) => {
                events.flush()?;
                let _ = tell(&mut input, ToWorker::Flushed);
            }
            Ok(last) => return Ok(Some(last)),
            Err(error) => return Err(failed(format!("a line that is no event ({error}): {line}"))),
        }
    }
}

fn tell(input: &mut ChildStdin, message: ToWorker) -> std::io::Result<()> {
    input.write_all(&line(&message)?)?;
    input.flush()
}

fn line(value: &impl Serialize) -> std::io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// Runs one call and reads its one answer.
fn ask<T: DeserializeOwned>(path: &Path, words: &[&std::ffi::OsStr]) -> Result<T, String> {
    let output = Command::new(path).args(words).stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("its answer is not understood: {error}"))
}

/// Ctrl-C at the terminal reaches `exp`, which asks the worker to stop; the worker itself must not get it.
#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}
