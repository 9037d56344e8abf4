//! What every backend's executable does over its standard streams; that of the test that includes this.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use exp_api::protocol::{Checked, Description, FromWorker, VERSION};
use exp_api::spec::{Metric, PaeSpec};
use exp_api::{Backend, Event, EventSink, Job, Report, Stop};

use super::{BACKEND, EXECUTABLE, Kept, folder_with, job};

/// That of the folder EXP_TEST_FOLDER, else the one that cargo has built.
fn executable() -> Command {
    match std::env::var_os("EXP_TEST_FOLDER") {
        Some(folder) => Command::new(Path::new(&folder).join(format!("exp-{}", BACKEND.name()))),
        None => Command::new(EXECUTABLE),
    }
}

fn call(words: &[&str]) -> Output {
    executable().args(words).stdin(Stdio::null()).output().unwrap()
}

/// Answers a worker until its last line: its events, its outcome, and how often it asked for a flush.
fn follow(dir: &Path) -> (Vec<Event>, FromWorker, usize) {
    let mut child = executable().arg("worker").arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let (mut events, mut flushes, mut last) = (Vec::new(), 0, None);
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        assert!(last.is_none(), "a line after the last one");
        match serde_json::from_str(&line.unwrap()).unwrap() {
            FromWorker::Event(event) => events.push(event),
            FromWorker::Flush => {
                flushes += 1;
                input.write_all(b"\"flushed\"\n").unwrap();
            }
            outcome => last = Some(outcome),
        }
    }
    assert!(child.wait().unwrap().success());
    (events, last.expect("an outcome"), flushes)
}

/// What a rerun repeats: all but the clock's rows.
fn repeated(events: Vec<Event>) -> Vec<Event> {
    let timed = |event: &Event| matches!(event, Event::Progress { .. } | Event::System { .. });
    events.into_iter().filter(|event| !timed(event)).collect()
}

#[test]
fn it_describes_itself() {
    let output = call(&["describe"]);
    assert!(output.status.success());
    let said: Description = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((said.protocol, said.name.as_str()), (VERSION, BACKEND.name()));
    assert_eq!(said.devices, BACKEND.devices());
}

#[test]
fn it_checks_a_spec() {
    let mut job = job();
    job.spec.backend.devices = None;
    let dir = folder_with(&job);
    let check = || -> Checked {
        let output = call(&["check", dir.path().join(Job::FILE).to_str().unwrap()]);
        assert!(output.status.success());
        serde_json::from_slice(&output.stdout).unwrap()
    };
    assert_eq!(check(), Checked { spec: BACKEND.resolve(job.spec.clone()), problems: Vec::new() });

    job.spec.backend.device = "abacus".to_owned();
    job.spec.train.betas[1] = 0.5;
    fs::write(dir.path().join(Job::FILE), job.to_text().unwrap()).unwrap();
    let (checked, resolved) = (check(), BACKEND.resolve(job.spec));
    assert!(checked.problems.iter().any(|problem| problem.key == "backend.device"), "{checked:?}");
    assert_eq!(checked.problems, BACKEND.check(&resolved));
}

#[test]
fn it_trains_as_it_does_within_a_process() {
    let job = job();
    let (outside, inside) = (folder_with(&job), folder_with(&job));
    let (events, outcome, flushes) = follow(outside.path());
    let mut kept = Kept::default();
    let report = BACKEND.run(inside.path(), &job, &mut kept, &Stop::default()).unwrap();
    assert_eq!((report.step, report.interrupted, report.figures.len()), (5, false, 3));
    assert_eq!(outcome, FromWorker::Done(report));
    assert_eq!((flushes, kept.flushes), (3, 3), "one before each checkpoint");
    assert_eq!(repeated(events), repeated(kept.events));
    for name in ["checkpoints/2/state.safetensors", "checkpoints/5/state.safetensors", "samples/grid.png"] {
        let bytes = |dir: &tempfile::TempDir| fs::read(dir.path().join(name)).unwrap();
        assert!(bytes(&outside) == bytes(&inside), "{name} differs");
    }
}

/// A job without end, whose second row is answered by `answer`; how it ended.
fn stopped(dir: &Path, answer: impl Fn(&mut Child)) -> FromWorker {
    let mut child = executable().arg("worker").arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut last = None;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        match serde_json::from_str(&line.unwrap()).unwrap() {
            FromWorker::Event(Event::Metrics { step: 2, .. }) => answer(&mut child),
            FromWorker::Event(_) => {}
            FromWorker::Flush => {
                let flushed = child.stdin.as_mut().map(|input| input.write_all(b"\"flushed\"\n"));
                flushed.unwrap_or(Ok(())).unwrap();
            }
            outcome => last = Some(outcome),
        }
    }
    assert!(child.wait().unwrap().success());
    last.expect("an outcome")
}

/// Keeps events, and asks for a stop when it has the row of a step, before that step is measured.
struct Stopping {
    kept: Kept,
    stop: Stop,
    at: u64,
}

impl EventSink for Stopping {
    fn emit(&mut self, event: Event) -> std::io::Result<()> {
        if matches!(event, Event::Metrics { step, .. } if step == self.at) {
            self.stop.ask();
        }
        self.kept.emit(event)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.kept.flush()
    }
}

#[test]
fn a_step_whose_measuring_is_stopped_is_measured_at_resume() {
    let mut job = job();
    (job.spec.train.eval_every, job.spec.train.checkpoint_every) = (Some(2), Some(3));
    job.spec.eval.metrics.push(Metric::Pae);
    job.spec.eval.pae = PaeSpec { images: 8, levels: 2, draws: 1, sigma_min: 0.02 };
    let rows = |kept: Kept| -> Vec<Event> {
        kept.events.into_iter().filter(|event| matches!(event, Event::Metrics { .. })).collect()
    };
    let (whole, dir) = (folder_with(&job), folder_with(&job));
    let mut kept = Kept::default();
    BACKEND.run(whole.path(), &job, &mut kept, &Stop::default()).unwrap();
    let expected = rows(kept);
    let mut found = Vec::new();
    for at in [2, 4] {
        let stop = Stop::default();
        let mut sink = Stopping { kept: Kept::default(), stop: stop.clone(), at };
        let report = BACKEND.run(dir.path(), &job, &mut sink, &stop).unwrap();
        assert_eq!((report.step, report.interrupted), (at, true));
        found.extend(rows(sink.kept));
    }
    let mut kept = Kept::default();
    BACKEND.run(dir.path(), &job, &mut kept, &Stop::default()).unwrap();
    found.extend(rows(kept));
    assert_eq!(found, expected);
    let last = |dir: &tempfile::TempDir| fs::read(dir.path().join("checkpoints/5/state.safetensors")).unwrap();
    assert!(last(&dir) == last(&whole));
}

#[test]
fn it_stops_when_asked_and_when_nobody_listens() {
    let mut job = job();
    job.spec.train.steps = 1_000_000;
    job.spec.train.checkpoint_every = None;
    let dir = folder_with(&job);
    let by_word = |child: &mut Child| child.stdin.as_mut().unwrap().write_all(b"\"stop\"\n").unwrap();
    let by_signal = |child: &mut Child| {
        assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    };
    for ask in [&by_word as &dyn Fn(&mut Child), &by_signal] {
        let outcome = stopped(dir.path(), ask);
        let FromWorker::Done(Report { step, interrupted: true, .. }) = outcome else { panic!("{outcome:?}") };
        assert!(dir.path().join(format!("checkpoints/{step}/manifest.json")).is_file());
        fs::remove_dir_all(dir.path().join("checkpoints")).unwrap();
    }

    // Whoever is gone has kept no rows, so there is no checkpoint that would void them.
    let dir = folder_with(&job);
    let outcome = stopped(dir.path(), |child| drop(child.stdin.take()));
    assert!(matches!(outcome, FromWorker::Failed(_)), "{outcome:?}");
    assert!(!dir.path().join("checkpoints").exists());
}

#[test]
fn it_says_what_it_does_not_understand() {
    for words in [&[][..], &["dance"], &["check", "/nowhere/spec.json"]] {
        let output = call(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with(&format!("exp-{}: ", BACKEND.name())));
        assert!(output.stdout.is_empty());
    }
    // A job that cannot be read is an answer.
    let dir = tempfile::tempdir().unwrap();
    let (events, outcome, _) = follow(dir.path());
    assert!(events.is_empty() && matches!(outcome, FromWorker::Failed(reason) if reason.contains(Job::FILE)));
}

/// A job done at once and in two halves: the same state and pictures at its end.
fn halves_equal_the_whole(mut whole: Job, half: u64) {
    let last = whole.spec.train.steps;
    // As a run freezes it: of another budget the learning rate would be another.
    whole.spec.train.horizon = Some(last);
    let mut first = whole.clone();
    first.spec.train.steps = half;
    let (straight, halved) = (folder_with(&whole), folder_with(&first));
    let run = |dir: &tempfile::TempDir, job: &Job| {
        BACKEND.run(dir.path(), job, &mut Kept::default(), &Stop::default()).unwrap()
    };
    run(&straight, &whole);
    assert_eq!(run(&halved, &first).step, half);
    assert_eq!(run(&halved, &whole).step, last);
    for name in [format!("checkpoints/{last}/state.safetensors"), "samples/grid.png".to_owned()] {
        let bytes = |dir: &tempfile::TempDir| fs::read(dir.path().join(&name)).unwrap();
        assert!(bytes(&straight) == bytes(&halved), "{name} differs");
    }
}

/// On the CPU with the same threads, whatever interrupts it.
#[test]
fn a_resumed_run_equals_one_that_was_not_stopped() {
    halves_equal_the_whole(job(), 2);
}

/// Of one replica, as a run on a GPU is by itself. An engine that records a step repeats it in both halves; in the second it
/// first does anew what the whole run repeats.
#[test]
fn a_resumed_run_of_one_replica_equals_one_that_was_not_stopped() {
    let mut job = job();
    let backend = &mut job.spec.backend;
    (backend.devices, backend.fast_paths, backend.threads) = (Some(vec![backend.device.clone()]), None, Some(1));
    job.spec.train.steps = 8;
    job.spec = BACKEND.resolve(job.spec);
    halves_equal_the_whole(job, 4);
}
