//! Programs with a configuration of their own.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;

use support::{Scratch, text};

/// A directory with a configuration of its own, and the script that it names, which is started by `sh`.
fn project(config: &str, script: &str) -> Scratch {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("conf")).unwrap();
    fs::write(scratch.path("conf/config.yaml"), format!("backend: {{name: command, argv: [sh, run.sh]}}\n{config}"))
        .unwrap();
    fs::write(scratch.path("run.sh"), script).unwrap();
    scratch
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
