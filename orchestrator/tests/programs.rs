//! Programs with a configuration of their own, and those that are left alone.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;
use std::process::Command;

use exp::status::Status;
use serde_json::Value;
use support::{Running, Scratch, json, text};

/// A directory with a configuration of its own, and the script that it names, which is started by `sh`.
fn project(config: &str, script: &str) -> Scratch {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("conf")).unwrap();
    fs::write(scratch.path("conf/config.yaml"), format!("backend: {{name: command, argv: [sh, run.sh]}}\n{config}"))
        .unwrap();
    fs::write(scratch.path("run.sh"), script).unwrap();
    scratch
}

/// A run in the directory `run` whose `exp` was killed while its program goes on until there is a file `go`, or the test is over,
/// which takes the file `started` away.
fn orphan(line: &str) -> Scratch {
    let scratch = Scratch::new();
    let argv = format!(
        "backend.argv=[sh,-c,\"echo > started; while [ -e started -a ! -e go ]; do sleep 0.02; done; {line}\"]"
    );
    let mut running: Running = scratch.start(&["backend=command", &argv, "hydra.run.dir=run"]);
    let is_known = || Status::read(&scratch.path("run")).is_some_and(|status| status.started.is_some());
    assert!(running.until(|| scratch.path("started").exists() && is_known()));
    running.kill_9();
    scratch
}

/// Lets the program of an orphan go on to its end.
fn let_end(scratch: &Scratch) {
    fs::write(scratch.path("go"), "").unwrap();
    let owner = Status::read(&scratch.path("run")).unwrap().owner;
    while !owner.is_gone() || !scratch.path("run/.exit-code").exists() {
        std::thread::yield_now();
    }
}

#[test]
fn how_an_orphan_ended_is_known_to_who_looks() {
    let scratch = orphan("echo '{\\\"step\\\":5,\\\"x\\\":1}'");
    let state = || -> Value { serde_json::from_str(&scratch.ok(&["ls", "run", "--json"]).out).unwrap() };
    assert_eq!(state()[0]["state"], "running");
    let_end(&scratch);
    let row = &state()[0];
    assert_eq!((&row["state"], &row["cause"]), (&"done".into(), &Value::Null));
    assert!(row["seconds"].is_number(), "{row}");
    scratch.ok(&["show", "run"]).says(&["state     done, started"]);
    assert_eq!(json(scratch.path("run/status.json"))["state"], "running", "who looks writes nothing");
    scratch.ok(&["watch", "run"]).says(&["done: 5 steps"]);
    assert_eq!(json(scratch.path("run/status.json"))["state"], "done");
    assert_eq!(text(scratch.path("run/metrics.jsonl")), "{\"step\":5,\"x\":1.0}\n");
    let scratch = orphan("echo no luck; exit 4");
    let_end(&scratch);
    let cause = "its process ended with exit status: 4 and no result: no luck";
    scratch.ok(&["show", "run"]).says(&["state     failed", cause]);
    let watched = scratch.exp(&["watch", "run"]);
    assert_eq!(watched.code, Some(1));
    watched.says(&[cause]);
}

#[test]
fn who_wants_the_run_of_an_orphan_is_told_of_its_program() {
    let scratch = orphan("exit 0");
    let pid = Status::read(&scratch.path("run")).unwrap().owner.pid;
    let refused = scratch.exp(&["resume", "run"]);
    assert_ne!(refused.code, Some(0));
    let stop = format!("kill -INT -{pid}");
    refused.says(&[&format!("in use by process {pid} on "), &stop]);
    assert!(Command::new("sh").args(["-c", &stop]).status().unwrap().success());
    let_end(&scratch);
    scratch.ok(&["show", "run"]).says(&["state     failed", "signal: 2"]);
    scratch.ok(&["resume", "run"]);
}

#[test]
fn a_row_that_cannot_be_read_is_told_once() {
    let scratch =
        project("", "for n in 1 2; do echo \"{'step': $n, 'loss': 1}\"; done; echo '{\"step\": 3, \"loss\": nan}'\n");
    let ended = scratch.ok(&["hydra.run.dir=run"]);
    let warning = "warning: it is no JSON, so this is no row of metrics: {'step': 1, 'loss': 1}";
    assert_eq!(ended.err.matches("this is no row").count(), 1, "{ended:#?}");
    ended.says(&[warning]);
    assert_eq!(text(scratch.path("run/metrics.jsonl")), "{\"step\":3,\"loss\":null}\n");
}
