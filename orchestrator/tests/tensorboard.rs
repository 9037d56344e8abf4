//! Event files, read by TensorBoard itself: `EXP_TENSORBOARD_PYTHON=venv/bin/python cargo test --test tensorboard -- --ignored`.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use support::{Scratch, names, text};

/// What TensorBoard finds in a run directory.
fn read(run: &Path) -> Value {
    let python = std::env::var("EXP_TENSORBOARD_PYTHON").expect("EXP_TENSORBOARD_PYTHON names an interpreter");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tensorboard/read.py");
    let output = Command::new(python).arg(script).arg(run).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The values of a metric in the rows of a run, as 32 bits hold them.
fn rows(run: &Path, name: &str) -> Vec<(u64, f32)> {
    let row = |line: &str| -> Option<(u64, f32)> {
        let row: Value = serde_json::from_str(line).unwrap();
        Some((row["step"].as_u64()?, row[name].as_f64()? as f32))
    };
    text(run.join("metrics.jsonl")).lines().filter_map(row).collect()
}

fn scalars(found: &Value, name: &str) -> Vec<(u64, f32)> {
    let pairs = found["scalars"][name].as_array().unwrap_or_else(|| panic!("no {name}: {found:#}"));
    pairs.iter().map(|pair| (pair[0].as_u64().unwrap(), pair[1].as_f64().unwrap() as f32)).collect()
}

#[test]
#[ignore = "needs a Python with tensorboard"]
fn tensorboard_sees_what_the_rows_say_also_after_a_resumption() {
    let scratch = Scratch::new();
    let run = scratch.tiny_run("run", &["train.preview_every=2", "tags=[a]"]);
    // As if it had been killed at step 4 and gone on.
    fs::remove_dir_all(run.join("checkpoints/6")).unwrap();
    scratch.ok(&["resume", "run", "train.steps=8"]);
    let files: Vec<String> = names(&run).into_iter().filter(|name| name.contains("tfevents")).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let found = read(&run);
    for name in ["loss", "loss/consistency", "grad_norm/torso"] {
        assert_eq!(scalars(&found, name), rows(&run, name), "{name}");
    }
    assert_eq!(scalars(&found, "loss").iter().map(|(step, _)| *step).collect::<Vec<_>>(), [2, 4, 6, 8]);
    assert_eq!(scalars(&found, "report/fd_pixel")[0].0, 8);
    assert!(!scalars(&found, "system/steps_per_second").is_empty());
    let previews = found["images"]["preview"].as_array().unwrap();
    assert_eq!(previews.iter().map(|image| image[0].as_u64().unwrap()).collect::<Vec<_>>(), [2, 4, 6, 8]);
    assert!(previews.iter().all(|image| image[3] == "89504e47" && image[1].as_u64() > Some(8)), "{previews:?}");
    assert_eq!(found["settings"]["train.steps"], 8.0);
    assert_eq!(found["settings"]["loss.gradient_flow"], true);
    assert_eq!((&found["settings"]["tags"], &found["status"]), (&"[\"a\"]".into(), &1.into()));
    assert!(found["text"].as_str().unwrap().contains("train.steps: 8"), "{found:#}");
}

#[test]
#[ignore = "needs a Python with tensorboard"]
fn a_program_is_seen_too_and_none_is_if_it_is_not_wanted() {
    let scratch = Scratch::new();
    let argv = "backend.argv=[sh,-c,\"for s in 1 2; do echo '{\\\"step\\\":'$s',\\\"x\\\":'$s'.5}'; done; exit 4\"]";
    let words = ["backend=command", argv, "hydra.run.dir=run"];
    assert_eq!(scratch.exp(&words).code, Some(1));
    // What it repeats when it is started again is there once.
    assert_eq!(scratch.exp(&["resume", "run"]).code, Some(1));
    let found = read(&scratch.path("run"));
    assert_eq!(scalars(&found, "x"), [(1, 1.5), (2, 2.5)]);
    assert_eq!(found["status"], 2);
    let words = ["backend=command", argv, "hydra.run.dir=other", "track.tensorboard=false"];
    assert_eq!(scratch.exp(&words).code, Some(1));
    assert!(!names(&scratch.path("other")).iter().any(|name| name.contains("tfevents")));
}
