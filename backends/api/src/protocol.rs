//! The protocol of a backend that is an executable: `describe`, `check FILE...` and `worker DIR`, JSON lines on the
//! standard streams.
//!
//! | call | prints | reads |
//! |---|---|---|
//! | `describe` | one [`Description`] | |
//! | `check FILE...` | one [`Checked`] a line for the job in each FILE, in order | |
//! | `worker DIR` | [`FromWorker`] lines, the last one `done` or `failed` | [`ToWorker`] lines |
//!
//! `describe` answers `{"protocol":2,"name":"mine","devices":[{"name":"cpu","description":"16 cores"}]}`, and `check`
//! `{"spec":{...},"problems":[{"key":"train.batch","message":"too large"}]}` with the spec as it is in FILE: only the group `backend`
//! may differ, and in it not the name. A field that is not known is an error.
//!
//! A run that is stopped at its second step, after `exp-mine worker outputs/a`, where `>` marks what the worker prints and `<` what it reads:
//!
//! ```text
//! > {"event":{"started":{"step":0,"steps":3,"batch":16}}}
//! > {"event":{"log":{"level":"info","message":"7 thousand parameters"}}}
//! > {"event":{"metrics":{"step":1,"values":[["loss",0.5],["grad_norm",0.1]]}}}
//! > {"event":{"progress":{"step":1,"loss":0.5}}}
//! > {"event":{"system":{"step":1,"values":[["steps_per_second",2.0]]}}}
//! > "flush"
//! < "flushed"
//! < "stop"
//! > {"event":{"metrics":{"step":2,"values":[["loss",0.4]]}}}
//! > {"done":{"step":2,"interrupted":true,"figures":[],"grid":null}}
//! ```
//!
//! `started` comes first: it names the step that the worker goes on from, that of its newest checkpoint or 0, and rows of later
//! steps are void from then on. `flush` comes before each checkpoint, so that none is ahead of the rows. A worker may keep its
//! checkpoints in any form that it goes on from itself; `exp sample` and `exp eval` know those of `exp_consistency::checkpoint` alone.
//!
//! A number that is not finite is `null`, among metrics as among figures; `NaN` and `Infinity`, as Python writes them, are
//! understood too. A line has at most 1 MiB.
//!
//! Standard error is free for a person; what it said there last is the cause of a worker that ends without `done` or `failed`.
//! `describe` is given half a minute, and `check` as much for each FILE. A worker that loses its standard input stops as if asked to,
//! and so does one that gets SIGTERM, as all processes do where a machine or a queue ends them; if it dies of it, what it did since
//! its last checkpoint is lost. After its last line it ends within some seconds, or is killed with all that it has started. It is
//! started with one descriptor beyond the standard streams: the lock of DIR, which is held until its end.

use std::io::{BufRead, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use serde::{Deserialize, Serialize};
use signal_hook::consts::SIGTERM;

use crate::limits::fail_on_large_files;
use crate::{Backend, DeviceInfo, Event, EventSink, Job, Problem, Report, RunSpec, Stop};

/// Version of the protocol.
pub const VERSION: u32 = 2;

/// Answer of `describe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// [`VERSION`] that it speaks.
    pub protocol: u32,
    /// Its name in `backend.name`.
    pub name: String,
    /// Devices it can use here.
    pub devices: Vec<DeviceInfo>,
}

/// Answer of `check`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checked {
    /// The spec with what depends on the machine filled in.
    pub spec: RunSpec,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// A line from a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FromWorker {
    /// Something happened.
    Event(Event),
    /// Answer with [`ToWorker::Flushed`] once all events so far are on disk.
    Flush,
    /// The job ended.
    Done(Report),
    /// The job failed, with the reason.
    Failed(String),
}

/// A line to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ToWorker {
    /// Stop at the next step and write a checkpoint.
    Stop,
    /// All events so far are on disk.
    Flushed,
}

/// Serves a backend on the standard streams: the whole `main` of an executable `exp-<name>`. Returns the exit code:
/// 0 when the call was answered (a failed job is an answer too), 2 when it was not understood.
pub fn serve(backend: &dyn Backend) -> u8 {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let answered = match words[..] {
        ["describe"] => {
            print_line(&Description { protocol: VERSION, name: backend.name().to_owned(), devices: backend.devices() })
        }
        ["check", first, ref rest @ ..] => {
            std::iter::once(&first).chain(rest).try_for_each(|file| check(backend, Path::new(file)))
        }
        ["worker", dir] => worker(backend, Path::new(dir)),
        _ => Err(std::io::Error::other("usage: describe | check FILE... | worker DIR")),
    };
    match answered {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("exp-{}: {error}", backend.name());
            2
        }
    }
}

fn check(backend: &dyn Backend, file: &Path) -> std::io::Result<()> {
    let text = std::fs::read_to_string(file)?;
    let job: Job = serde_json::from_str(&text)?;
    let spec = backend.resolve(job.spec);
    let problems = backend.check(&spec);
    print_line(&Checked { spec, problems })
}

fn worker(backend: &dyn Backend, dir: &Path) -> std::io::Result<()> {
    fail_on_large_files()?;
    let stop = Stop::default();
    stop.ask_by(SIGTERM)?;
    let (flushed, acknowledged) = channel();
    let asked = stop.clone();
    // Ends with the process: it blocks on standard input for the job's whole life.
    std::thread::Builder::new().spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(ToWorker::Flushed) => drop(flushed.send(())),
                Ok(ToWorker::Stop) | Err(_) => asked.ask(),
            }
        }
        asked.ask();
    })?;
    let mut sink = LineSink { acknowledged };
    let outcome = match Job::open(dir) {
        Ok(job) => backend.run(dir, &job, &mut sink, &stop).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    print_line(&match outcome {
        Ok(report) => FromWorker::Done(report),
        Err(reason) => FromWorker::Failed(reason),
    })
}

/// Events as lines on standard output.
struct LineSink {
    acknowledged: Receiver<()>,
}

impl EventSink for LineSink {
    fn emit(&mut self, event: Event) -> std::io::Result<()> {
        print_line(&FromWorker::Event(event))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        print_line(&FromWorker::Flush)?;
        self.acknowledged.recv().map_err(std::io::Error::other)
    }
}

fn print_line(value: &impl Serialize) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    let mut out = std::io::stdout().lock();
    out.write_all(&line)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_are_documented_are_those_that_are_spoken() {
        fn spoken<T: Serialize + for<'de> Deserialize<'de>>(mark: &str) -> usize {
            let lines = include_str!("protocol.rs").lines().filter_map(|line| line.strip_prefix(mark));
            let same = lines.map(|line| {
                let value: T = serde_json::from_str(line).expect(line);
                assert_eq!(serde_json::to_string(&value).expect(line), line);
            });
            same.count()
        }
        assert_eq!((spoken::<FromWorker>("//! > "), spoken::<ToWorker>("//! < ")), (8, 2));
    }
}
