//! `exp-burn` over its standard streams does what [`BurnBackend`] does within a process, byte for byte.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use exp_api::protocol::{Checked, Description, FromWorker, VERSION};
use exp_api::{Backend, Event, Job, Report, Stop};
use exp_burn::BurnBackend;
use serde_json::json;

#[path = "support/kept.rs"]
mod kept;

use kept::{Kept, folder_with};

/// A job of a fraction of a second, with two replicas and a checkpoint on its way.
fn job() -> Job {
    let torso = json!({
        "name": "ncsnpp", "nf": 4, "ch_mult": [1], "num_res_blocks": 1, "attn_resolutions": [],
        "resblock_type": "biggan", "resamp_with_conv": true, "fir": false, "fir_kernel": [1.0, 3.0, 3.0, 1.0],
        "skip_rescale": true, "progressive": "none", "progressive_input": "none", "progressive_combine": "sum",
        "embedding_type": "fourier", "fourier_scale": 1.0, "conditional": true, "double_heads": false,
        "nonlinearity": "swish", "init_scale": 0.0, "dropout": 0.1
    });
    let head = json!({
        "name": "unetpp", "n_channels": 4, "ch_mults": [1], "is_atten": [false], "n_blocks": 1, "n_heads": 1,
        "n_groups": 4, "dropout_rate": 0.0, "embedding_type": "positional", "fourier_layer_scale": 16.0,
        "resblock_type": "standard", "encoder_type": "standard",
        "decoder_type": "standard", "resample_filter": [1.0, 1.0]
    });
    let train = json!({
        "steps": 5, "batch": 8, "micro_batch": null, "lr": 1e-3, "head_lr": null, "lr_decay": 0.4, "warmup": 0,
        "optimizer": "radam", "betas": [0.9, 0.95], "eps": 1e-8, "clip": null, "clip_by": "element", "log_every": 1,
        "preview_every": null, "checkpoint_every": 2, "eval_every": null, "keep": 3
    });
    let spec = json!({
        "seed": 42,
        "backend": {"name": "burn", "device": "cpu", "devices": null, "threads": 2, "precision": "f32",
            "deterministic": false, "fast_paths": null},
        "dataset": {"name": "digits8", "flip": false},
        "model": {"precondition": "cm", "torso": torso, "head": head},
        "loss": {
            "kind": "huber", "lambda": 0.3, "gradient_flow": true, "shared_dropout": true,
            "huber": {"c": null, "norm": "image"}, "lpips": {"weights": null}
        },
        "schedule": {
            "kind": "ict", "s0": 4, "s1": 64, "sigma_min": 0.002, "sigma_max": 20.0, "rho": 7.0, "p_mean": -1.1,
            "p_std": 2.0, "horizon": 5, "skip_lowest": false, "edm": {"levels": 18, "floor": true},
            "ect": {"q": 2.0, "k": 8.0, "b": 1.0, "double_every": null}
        },
        "train": train,
        "ema": {"beta": 0.99, "warmup": true, "update_after": 1, "update_every": 1},
        "sample": {
            "n": 64, "method": "one_step", "mid_sigma": 0.821, "steps": 2, "sigmas": null, "start_sigma": 17.0,
            "classes": null, "save": "png", "seed": 0
        },
        "eval": {
            "metrics": ["fd_pixel"], "beside": [], "n": 16, "methods": ["one_step", "two_step"],
            "inception": {"weights": null, "sha256": null, "statistics": null},
            "network": {"onnx": null, "sha256": null, "side": 224, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]},
            "pae": {"images": 8, "levels": 2, "draws": 1, "sigma_min": 0.02}
        },
        "init_from": null, "track": {"tensorboard": false, "mlflow": {"url": null, "experiment": "exp"}}, "tags": [], "notes": null, "params": {}
    });
    let spec = serde_json::from_value(spec).expect("a spec of this version");
    Job { task: exp_api::Task::Train, spec: BurnBackend.resolve(spec) }
}

fn executable() -> Command {
    Command::new(env!("CARGO_BIN_EXE_exp-burn"))
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
    assert_eq!((said.protocol, said.name.as_str()), (VERSION, "burn"));
    assert_eq!(said.devices, BurnBackend.devices());
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
    assert_eq!(check(), Checked { spec: BurnBackend.resolve(job.spec.clone()), problems: Vec::new() });

    job.spec.backend.device = "abacus".to_owned();
    job.spec.train.betas[1] = 0.5;
    fs::write(dir.path().join(Job::FILE), job.to_text().unwrap()).unwrap();
    let (checked, resolved) = (check(), BurnBackend.resolve(job.spec));
    assert!(checked.problems.iter().any(|problem| problem.key == "backend.device"), "{checked:?}");
    assert_eq!(checked.problems, BurnBackend.check(&resolved));
}

#[test]
fn it_trains_as_it_does_within_a_process() {
    let job = job();
    let (outside, inside) = (folder_with(&job), folder_with(&job));
    let (events, outcome, flushes) = follow(outside.path());
    let mut kept = Kept::default();
    let report = BurnBackend.run(inside.path(), &job, &mut kept, &Stop::default()).unwrap();
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
fn stopped(dir: &Path, answer: impl Fn(&mut Option<std::process::ChildStdin>)) -> FromWorker {
    let mut child = executable().arg("worker").arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take();
    let mut last = None;
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        match serde_json::from_str(&line.unwrap()).unwrap() {
            FromWorker::Event(Event::Metrics { step: 2, .. }) => answer(&mut input),
            FromWorker::Event(_) => {}
            FromWorker::Flush => {
                let flushed = input.as_mut().map(|input| input.write_all(b"\"flushed\"\n"));
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

impl exp_api::EventSink for Stopping {
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
    job.spec.eval.metrics.push(exp_api::spec::Metric::Pae);
    let rows = |kept: Kept| -> Vec<Event> {
        kept.events.into_iter().filter(|event| matches!(event, Event::Metrics { .. })).collect()
    };
    let (whole, dir) = (folder_with(&job), folder_with(&job));
    let mut kept = Kept::default();
    BurnBackend.run(whole.path(), &job, &mut kept, &Stop::default()).unwrap();
    let expected = rows(kept);
    let mut found = Vec::new();
    for at in [2, 4] {
        let stop = Stop::default();
        let mut sink = Stopping { kept: Kept::default(), stop: stop.clone(), at };
        let report = BurnBackend.run(dir.path(), &job, &mut sink, &stop).unwrap();
        assert_eq!((report.step, report.interrupted), (at, true));
        found.extend(rows(sink.kept));
    }
    let mut kept = Kept::default();
    BurnBackend.run(dir.path(), &job, &mut kept, &Stop::default()).unwrap();
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
    let outcome = stopped(dir.path(), |input| input.as_mut().unwrap().write_all(b"\"stop\"\n").unwrap());
    let FromWorker::Done(Report { step, interrupted: true, .. }) = outcome else { panic!("{outcome:?}") };
    assert!(dir.path().join(format!("checkpoints/{step}/manifest.json")).is_file());

    // Whoever is gone has kept no rows, so there is no checkpoint that would void them.
    let dir = folder_with(&job);
    let outcome = stopped(dir.path(), |input| drop(input.take()));
    assert!(matches!(outcome, FromWorker::Failed(_)), "{outcome:?}");
    assert!(!dir.path().join("checkpoints").exists());
}

#[test]
fn it_says_what_it_does_not_understand() {
    for words in [&[][..], &["dance"], &["check", "/nowhere/spec.json"]] {
        let output = call(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("exp-burn: "));
        assert!(output.stdout.is_empty());
    }
    // A job that cannot be read is an answer.
    let dir = tempfile::tempdir().unwrap();
    let (events, outcome, _) = follow(dir.path());
    assert!(events.is_empty() && matches!(outcome, FromWorker::Failed(reason) if reason.contains(Job::FILE)));
}
