//! Runs that were cut short, and went on: each must end as one that was never disturbed, byte for byte.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use support::{Running, Scratch, assert_same, checkpoints, json, names, repeated, rows, steps, text, tiny};

/// Some hundred milliseconds of training, with everything that happens at a cadence; two replicas.
const COURSE: [&str; 8] = [
    "train.steps=120",
    "train.batch=8",
    "backend.threads=2",
    "train.log_every=1",
    "train.checkpoint_every=15",
    "train.preview_every=50",
    "train.eval_every=40",
    "eval.n=16",
];

fn course<'a>(more: &[&'a str]) -> Vec<&'a str> {
    tiny(&[&COURSE[..], more].concat())
}

/// An undisturbed course.
fn reference(scratch: &Scratch) -> PathBuf {
    scratch.tiny_run("reference", &COURSE)
}

fn start(scratch: &Scratch, name: &str) -> (PathBuf, Running) {
    let place = format!("hydra.run.dir={name}");
    (scratch.path(name), scratch.start(&course(&[&place])))
}

/// The steps at which a run went on, by its log.
fn resumed_from(run: &Path) -> Vec<u64> {
    let log = text(run.join("exp.log"));
    let said = log.lines().filter_map(|line| line.split_once("resumed from step "));
    said.map(|(_, step)| step.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()).collect()
}

#[test]
fn signals_stop_at_a_checkpoint_and_resume_goes_on() {
    let scratch = Scratch::new();
    let reference = reference(&scratch);
    let (run, mut running) = start(&scratch, "run");
    let mut stops = Vec::new();
    for (signal, row) in [("INT", 2), ("TERM", 16), ("HUP", 31), ("USR1", 50)] {
        running.until_rows(&run, row);
        running.signal(signal);
        let ended = running.ended();
        assert_eq!(ended.code, Some(130), "{signal}: {ended:#?}");
        ended.says(&["exp resume run"]);
        let status = json(run.join("status.json"));
        assert_eq!(status["state"], "interrupted");
        let step = status["step"].as_u64().unwrap();
        assert!(step >= row as u64 && step < 120);
        assert_eq!(checkpoints(&run).last(), Some(&step), "a checkpoint of the very step");
        assert!(!run.join("report.json").exists());
        stops.push(step);
        running = scratch.start(&["resume", "run"]);
    }
    let ended = running.ended();
    assert_eq!(ended.code, Some(0));
    ended.says(&[&format!("resumed from step {}\n", stops[3]), "fd_pixel", "run:    run\n"]);
    assert_eq!(resumed_from(&run), stops);
    assert_eq!(json(run.join("status.json"))["state"], "done");
    assert_same(&run, &reference);
}

#[test]
fn a_stop_while_judging_is_heeded_and_resume_judges() {
    let scratch = Scratch::new();
    let words = ["train.steps=4", "eval.n=1797", "eval.methods=[two_step,multistep,heun]"];
    let reference = scratch.tiny_run("reference", &words);
    let run = scratch.path("run");
    let mut running = scratch.start(&tiny(&[&words[..], &["hydra.run.dir=run"]].concat()));
    assert!(running.until(|| fs::read_to_string(run.join("exp.log")).is_ok_and(|log| log.contains("judging"))));
    running.signal("INT");
    let ended = running.ended();
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    assert_eq!(json(run.join("status.json"))["state"], "interrupted");
    assert!(!run.join("report.json").exists());
    scratch.ok(&["resume", "run"]);
    assert_same(&run, &reference);
}

/// Where in its life a run is killed.
enum Instant9 {
    /// Once it has so many rows of metrics.
    Row(usize),
    /// Once the checkpoint of a step is there.
    Saved(u64),
    /// While the checkpoint of a step is being written: as soon as its folder is seen.
    Saving(u64),
    /// Likewise, once its manifest is seen.
    Sealing(u64),
    /// As soon as the last grid is there.
    Grid,
}

#[test]
fn kill_9_at_chosen_instants_changes_nothing() {
    use Instant9::{Grid, Row, Saved, Saving, Sealing};
    let scratch = Scratch::new();
    let reference = reference(&scratch);
    let (run, mut running) = start(&scratch, "run");
    let folder = run.join("checkpoints");
    let partial = |step: u64| folder.join(format!(".{step}.partial"));
    let mut caught = Vec::new();
    for instant in
        [Row(2), Row(12), Saving(15), Row(20), Saved(30), Sealing(45), Saving(75), Saved(90), Saving(120), Grid]
    {
        let seen = match &instant {
            Row(count) => {
                running.until_rows(&run, *count);
                true
            }
            Saved(step) => running.until(|| folder.join(step.to_string()).exists()),
            Saving(step) => running.until(|| partial(*step).exists() || folder.join(step.to_string()).exists()),
            Sealing(step) => {
                let manifest = partial(*step).join("manifest.json");
                running.until(|| manifest.exists() || folder.join(step.to_string()).exists())
            }
            Grid => running.until(|| run.join("samples/grid.png").exists()),
        };
        assert!(seen, "it ended before that");
        running.kill_9();
        caught.extend(names(&folder).into_iter().filter(|name| name.starts_with('.')));
        running = scratch.start(&["resume", "run"]);
    }
    println!("checkpoints caught half written: {caught:?}");
    assert_eq!(running.ended().code, Some(0));
    let from = resumed_from(&run);
    assert_eq!((from.len(), from[0], from[1]), (10, 0, 0), "{from:?}");
    assert!(from.iter().all(|step| step % 15 == 0), "{from:?}");
    assert!(text(run.join("exp.log")).contains("resumed from step 0, since there is no sound checkpoint"));
    assert_same(&run, &reference);
    assert_eq!(names(&folder), ["105", "120"], "the last two, and nothing half written");
}

#[test]
fn kill_9_at_random_instants_changes_nothing() {
    let scratch = Scratch::new();
    let clock = Instant::now();
    let reference = reference(&scratch);
    let whole = clock.elapsed();
    let asked = |name| std::env::var(name).ok().map(|number| number.parse::<u64>().unwrap());
    let seed = asked("EXP_TEST_SEED").unwrap_or_else(|| RandomState::new().hash_one(()));
    println!("EXP_TEST_SEED={seed}");
    let mut random = seed;
    for n in 0..asked("EXP_TEST_KILLS").unwrap_or(6) {
        let name = format!("run{n}");
        let (run, mut running) = start(&scratch, &name);
        assert!(running.until(|| run.join("status.json").exists()), "a run that never began");
        // The constants of Knuth's MMIX generator; its high bits are good.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let delay = whole.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64);
        std::thread::sleep(delay);
        running.kill_9();
        println!("{name}: killed after {delay:?} with checkpoints {:?}", names(&run.join("checkpoints")));
        scratch.ok(&["resume", &name]);
        assert_same(&run, &reference);
    }
}

#[test]
fn a_larger_budget_goes_on_where_the_smaller_one_ended() {
    let scratch = Scratch::new();
    let horizons = ["schedule.horizon=60", "train.horizon=60"];
    let whole = scratch.tiny_run("whole", &course(&[&["train.steps=110"], &horizons[..]].concat()));
    let run = scratch.tiny_run("run", &course(&["train.steps=60"]));
    assert_eq!(steps(run.join("metrics.jsonl")).last(), Some(&60));
    // As it was frozen before the rate had a horizon of its own.
    let mut before = json(run.join("spec.json"));
    before["spec"]["train"].as_object_mut().unwrap().remove("horizon");
    fs::write(run.join("spec.json"), before.to_string()).unwrap();
    scratch.ok(&["resume", "run", "train.steps=110"]);
    let spec = &json(run.join("spec.json"))["spec"];
    let frozen = [&spec["train"]["steps"], &spec["schedule"]["horizon"], &spec["train"]["horizon"]];
    assert_eq!(frozen.map(serde_json::Value::as_u64), [Some(110), Some(60), Some(60)]);
    assert_eq!(resumed_from(&run), [60]);
    assert_same(&run, &whole);
}

#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let scratch = Scratch::new();
    let reference = reference(&scratch);
    let flip = |path: PathBuf| {
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
    };
    let run = scratch.tiny_run("run", &COURSE);
    flip(run.join("checkpoints/120/state.safetensors"));
    scratch.ok(&["resume", "run"]).says(&["checkpoints/120 is passed over: ", "checksum", "resumed from step 105\n"]);
    assert!(text(run.join("exp.log")).contains("[WARNING] - run/checkpoints/120 is passed over: "));
    assert_same(&run, &reference);

    // None is left: from the start.
    flip(run.join("checkpoints/120/manifest.json"));
    fs::write(run.join("checkpoints/105/state.safetensors"), "").unwrap();
    let ended = scratch.ok(&["resume", "run"]);
    ended.says(&["checkpoints/120 is passed over: ", "checkpoints/105 is passed over: ", "resumed from step 0"]);
    assert_same(&run, &reference);
}

#[test]
fn a_run_whose_directory_was_moved_writes_into_no_other() {
    let scratch = Scratch::new();
    let reference = reference(&scratch);
    let (run, mut running) = start(&scratch, "run");
    running.until_rows(&run, 5);
    fs::rename(&run, scratch.path("moved")).unwrap();
    fs::create_dir(&run).unwrap();
    fs::write(run.join(".lock"), "another run").unwrap();
    let ended = running.ended();
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    ended.says(&["run: it was moved, removed or replaced while the run was at work"]);
    assert_eq!(names(&run), [".lock"]);
    scratch.ok(&["resume", "moved"]);
    assert_same(&scratch.path("moved"), &reference);

    let (gone, mut running) = start(&scratch, "gone");
    running.until_rows(&gone, 5);
    fs::rename(&gone, scratch.path("trash")).unwrap();
    running.ended().says(&["gone: it was moved, removed or replaced"]);
    assert!(!gone.exists());

    // Nor does who waits for it in another process, or would try it again.
    let sweep = ["-m", "hydra/launcher=local", "hydra.launcher.retries=1", "hydra.sweep.dir=sweep"];
    let mut running = scratch.start(&course(&sweep));
    let job = scratch.path("sweep/0");
    running.until_rows(&job, 5);
    fs::rename(&job, scratch.path("kept")).unwrap();
    fs::create_dir(&job).unwrap();
    fs::write(job.join("status.json"), "another run").unwrap();
    let ended = running.ended();
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert_eq!((names(&job), text(job.join("status.json")).as_str()), (vec!["status.json".to_owned()], "another run"));
}

#[test]
fn one_process_works_in_a_directory() {
    let scratch = Scratch::new();
    let run = scratch.path("run");
    // A step that is measured has two rows.
    let endless = ["hydra.run.dir=run", "train.steps=1000000", "train.eval_every=null"];
    let mut first = scratch.start(&course(&endless));
    first.until_rows(&run, 1);
    for words in [&["resume", "run"][..], &["resume", "run", "train.steps=50"], &["worker", "run"]] {
        let second = scratch.exp(words);
        assert_eq!(second.code, Some(2), "{second:#?}");
        second.says(&["run is in use by process ", &format!("process {} on ", first.pid())]);
    }
    first.signal("INT");
    assert_eq!(first.ended().code, Some(130));
    assert_eq!(json(run.join("spec.json"))["spec"]["train"]["steps"], 1_000_000, "a loser changes nothing");

    // All at once: one wins.
    let mut racing: Vec<Running> = (0..4).map(|_| scratch.start(&["resume", "run"])).collect();
    let rows = text(run.join("metrics.jsonl")).lines().count();
    let mut lost = Vec::new();
    while racing.len() > 1 {
        let ended = racing.iter_mut().position(|racer| racer.has_ended());
        match ended {
            Some(place) => lost.push(racing.remove(place).ended()),
            None => std::thread::yield_now(),
        }
    }
    let mut winner = racing.remove(0);
    winner.until_rows(&run, rows + 2);
    for loser in lost {
        assert_eq!(loser.code, Some(2), "{loser:#?}");
        loser.says(&[&format!("run is in use by process {} on ", winner.pid())]);
    }
    winner.signal("INT");
    assert_eq!(winner.ended().code, Some(130));
    let steps = steps(run.join("metrics.jsonl"));
    assert_eq!(steps, (1..=steps.len() as u64).collect::<Vec<_>>(), "a row was lost or doubled");
}

#[test]
fn a_finished_run_may_be_resumed() {
    let scratch = Scratch::new();
    let run = scratch.tiny_run("run", &[]);
    let (before, spec) = (repeated(&run), text(run.join("spec.json")));
    scratch.ok(&["resume", "run"]).says(&["resumed from step 6\n"]);
    assert_eq!((repeated(&run), text(run.join("spec.json"))), (before, spec));
    assert_eq!(json(run.join("status.json"))["state"], "done");
    // Cadences, figures and samples may change.
    scratch.ok(&["resume", "run", "train.steps=7", "train.log_every=1", "eval.n=64", "sample.seed=1", "tags=[a]"]);
    assert_eq!(rows(run.join("metrics.jsonl")).len(), 4);
}

#[test]
fn what_a_kill_left_before_the_thinning_is_thinned() {
    let scratch = Scratch::new();
    let reference = reference(&scratch);
    // What a kill between the last save and its thinning leaves: one checkpoint too many, and no further save to come.
    let run = scratch.tiny_run("run", &course(&["train.keep=3"]));
    assert_eq!(names(&run.join("checkpoints")), ["105", "120", "90"]);
    scratch.ok(&["resume", "run", "train.keep=2"]);
    assert_same(&run, &reference);
}

#[test]
fn what_a_kill_left_half_written_goes() {
    let scratch = Scratch::new();
    let run = scratch.tiny_run("run", &[]);
    let hour = SystemTime::now() - Duration::from_secs(3600);
    let half = |name: &str, time| fs::File::create_new(run.join(name)).unwrap().set_modified(time).unwrap();
    for name in [".exp-partial-a", "samples/.exp-partial-b", ".tmp-of-a-program"] {
        half(name, hour);
    }
    // Somebody writes a note just now.
    half(".exp-partial-c", SystemTime::now());
    scratch.ok(&["resume", "run"]);
    let left =
        |folder: &str| names(&run.join(folder)).into_iter().filter(|name| name.contains("-")).collect::<Vec<_>>();
    assert_eq!((left(""), left("samples")), (vec![".exp-partial-c".into(), ".tmp-of-a-program".into()], vec![]));
}

#[test]
fn a_log_that_cannot_be_written_is_why_a_run_failed() {
    let scratch = Scratch::new();
    let run = scratch.tiny_run("run", &[]);
    fs::remove_file(run.join("exp.log")).unwrap();
    fs::create_dir(run.join("exp.log")).unwrap();
    scratch.exp(&["resume", "run", "train.steps=8"]).says(&["run/exp.log: "]);
    let status = json(run.join("status.json"));
    assert_eq!(status["state"], "failed");
    assert!(status["cause"].as_str().unwrap().contains("exp.log"), "{status}");
}

#[test]
fn a_directory_without_a_run_is_no_place_to_go_on() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("empty")).unwrap();
    for name in ["empty", "nowhere"] {
        let ended = scratch.exp(&["resume", name]);
        assert_eq!(ended.code, Some(2));
        ended.says(&[&format!("{name} is no run directory"), &format!("{name}/spec.json")]);
    }
    assert_eq!((scratch.names(), names(&scratch.path("empty"))), (vec!["empty".to_owned()], vec![]));
}
