//! What of a frozen run may be another when it goes on: settings, the place of its data, the version that froze it.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;
use std::path::Path;

use support::echo::{CALM, Echo};
use support::{Scratch, checkpoints, json, repeated, steps, text};

#[test]
fn what_would_change_the_past_is_refused() {
    let scratch = Scratch::new();
    let run = scratch.tiny_run("run", &[]);
    let frozen = text(run.join("spec.json"));
    let before = repeated(&run);
    let refused = scratch.exp(&["resume", "run", "train.lr=1", "seed=7", "train.steps=8"]);
    assert_eq!(refused.code, Some(2));
    refused.says(&["train.lr", "0.001", "--allow train.lr", "seed", "42", "--allow seed"]);
    assert!(!refused.err.contains("train.steps"), "{refused:#?}");
    let wrong = scratch.exp(&["resume", "run", "train.stepz=8", "sample.method=three_step"]);
    assert_eq!(wrong.code, Some(2));
    wrong.says(&["train.stepz", "steps"]);
    assert_eq!((text(run.join("spec.json")), repeated(&run)), (frozen, before), "nothing is written");

    scratch.ok(&["resume", "run", "train.lr=1", "train.steps=8", "--allow", "train.lr"]);
    let train = &json(run.join("spec.json"))["spec"]["train"];
    assert_eq!((&train["lr"], &train["steps"]), (&1.0.into(), &8.into()));
    assert_eq!(steps(run.join("metrics.jsonl")), [2, 4, 6, 8]);
}

#[test]
fn of_two_that_change_a_run_at_once_the_later_is_told() {
    // Whoever asks while there is a file `wait` gets its answer when there is a file `go`.
    let wait = "check() { [ ! -e wait ] || { touch asked; while [ ! -e go ]; do sleep 0.02; done; }; calm \"$@\"; }\n";
    let work = r#"worker() { echo '{"done":{"step":3,"interrupted":false,"figures":[],"grid":null}}'; }"#;
    let echo = Echo::new(&[&CALM.replace("check()", "calm()"), wait, work]);
    let exp = |words: &[&str]| echo.start(words).ended();
    let begun = exp(&["backend.name=echo", "train.steps=3", "hydra.run.dir=run"]);
    assert_eq!(begun.code, Some(0), "{begun:#?}");
    let [asked, wait] = ["asked", "wait"].map(|name| echo.scratch.path(name));
    fs::write(&wait, "").unwrap();
    let mut first = echo.start(&["resume", "run", "tags=[first]"]);
    assert!(first.until(|| asked.exists()));
    fs::remove_file(&wait).unwrap();
    let second = exp(&["resume", "run", "tags=[second]"]);
    assert_eq!(second.code, Some(0), "{second:#?}");
    fs::write(echo.scratch.path("go"), "").unwrap();
    let late = first.ended();
    assert_eq!(late.code, Some(2), "{late:#?}");
    late.says(&["error: run was changed by another process in the meantime\n  hint: the same command once more"]);
    let spec = || json(echo.scratch.path("run/spec.json"))["spec"].take();
    assert_eq!((&spec()["tags"], &spec()["train"]["steps"]), (&serde_json::json!(["second"]), &3.into()));
}

/// Grey pictures in a folder, none like another.
fn pictures(folder: &Path, count: u8) {
    fs::create_dir_all(folder).unwrap();
    for n in 0..count {
        let pixel = |x: u32, y: u32| image::Luma([n * 40 + (x * y) as u8]);
        image::GrayImage::from_fn(8, 8, pixel).save(folder.join(format!("{n}.png"))).unwrap();
    }
}

#[test]
fn a_run_keeps_to_the_data_that_it_was_trained_on_wherever_they_lie() {
    let scratch = Scratch::new();
    let set = scratch.path("set");
    pictures(&set, 6);
    let data = ["dataset=images", "dataset.dir=set", "dataset.side=8", "dataset.colour=grey", "dataset.classes=1"];
    let run = scratch.tiny_run("run", &[&data[..], &["train.steps=4", "eval.metrics=[]", "sample.n=0"]].concat());
    let before = text(run.join("metrics.jsonl"));
    let other = "the data set is not the one that the checkpoint of step 4 was trained on: its sha256 is ";
    let refused = |words: &[&str]| {
        let ended = scratch.exp(words);
        assert_eq!(ended.code, Some(1), "{words:?}: {ended:#?}");
        ended.says(&[other, "to use this one all the same: --allow dataset"]);
    };
    fs::remove_file(set.join("5.png")).unwrap();
    refused(&["resume", "run", "train.steps=6"]);
    assert_eq!((text(run.join("metrics.jsonl")), checkpoints(&run).last()), (before, Some(&4)));
    refused(&["eval", "run", "eval.metrics=[fd_pixel]", "eval.n=4"]);
    // Moved elsewhere they are what they were.
    pictures(&scratch.path("moved"), 6);
    scratch.ok(&["eval", "run", "eval.metrics=[fd_pixel]", "eval.n=4", "dataset.dir=moved"]);
    scratch.ok(&["resume", "run", "dataset.dir=moved"]);
    assert_eq!(checkpoints(&run).last(), Some(&6));
    // Others are, once, if that is said.
    let other = other.replace("step 4", "step 6");
    scratch.ok(&["resume", "run", "dataset.dir=set", "train.steps=8", "--allow", "dataset"]).says(&[&other]);
    // A done run that had no step left to train with others is done, whatever may be used.
    scratch.ok(&["resume", "run", "dataset.dir=moved", "--allow", "dataset"]);
    scratch.ok(&["resume", "run"]);
    assert_eq!(json(run.join("status.json"))["state"], "done");
    scratch.ok(&["resume", "run", "dataset.dir=set"]);
    fs::remove_file(set.join("4.png")).unwrap();
    let ended = scratch.exp(&["resume", "run", "train.steps=9"]);
    assert_eq!(ended.code, Some(1));
    ended.says(&[&other.replace("step 6", "step 8")]);
    // What is drawn from noise needs none.
    fs::remove_dir_all(&set).unwrap();
    scratch.ok(&["sample", "run", "sample.n=2"]);
    let words = ["sample", "run", "sample.n=2", "sample.method=intermediate"];
    for words in [&words[..], &["eval", "run", "eval.metrics=[fd_pixel]"], &["resume", "run"]] {
        let ended = scratch.exp(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {ended:#?}");
        ended.says(&["dataset.dir: cannot read"]);
    }
}

#[test]
fn a_spec_of_another_version_is_told_by_its_keys_and_completed() {
    let scratch = Scratch::new();
    let run = scratch.tiny_run("run", &["train.steps=4"]);
    let mut file = json(run.join("spec.json"));
    let whole = file.clone();
    file["spec"]["train"].as_object_mut().unwrap().shift_remove("keep");
    file["spec"]["sample"].as_object_mut().unwrap().shift_remove("seed");
    file["spec"]["train"]["old"] = 1.into();
    fs::write(run.join("spec.json"), serde_json::to_string_pretty(&file).unwrap()).unwrap();
    for words in [&["resume", "run"][..], &["resume", "run", "train.steps=6"], &["sample", "run"], &["eval", "run"]] {
        let ended = scratch.exp(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {ended:#?}");
        ended.says(&["run was frozen by another version of exp, which had other keys", "+KEY=VALUE", "~KEY"]);
        ended.says(&["train.keep: missing", "sample.seed: missing", "train.old: there is no such key"]);
    }
    let completed = ["+train.keep=3", "+sample.seed=0", "~train.old"];
    scratch.ok(&[&["sample", "run", "sample.n=2"], &completed[..]].concat());
    // It says what else would change the past.
    let ended = scratch.exp(&[&["resume", "run", "train.lr=1"], &completed[..]].concat());
    assert_eq!(ended.code, Some(2));
    ended.says(&["train.lr: the run was frozen with"]);
    assert!(!ended.err.contains("train.keep: "), "{ended:#?}");
    scratch.ok(&[&["resume", "run"], &completed[..]].concat());
    let mut wanted = whole;
    wanted["spec"]["train"]["keep"] = 3.into();
    wanted["spec"]["sample"]["seed"] = 0.into();
    assert_eq!(json(run.join("spec.json")), wanted);
}
