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

/// What an endless course has in common with one that has an end. What is measured has a checkpoint at any rate: one at a stop
/// would be kept if it were the best.
const ANY_END: [&str; 3] = ["schedule.horizon=120", "train.horizon=120", "train.eval_every=45"];

/// A course without an end, so that none comes before what a test does to it, in the directory `name`; see [`end`].
fn start_endless(scratch: &Scratch, name: &str, more: &[&str]) -> (PathBuf, Running) {
    let place = format!("hydra.run.dir={name}");
    let words = [&ANY_END[..], &["train.steps=1000000", &place], more].concat();
    (scratch.path(name), scratch.start(&course(&words)))
}

/// A number of steps for an endless course at which its last two checkpoints are those of a course that was never stopped.
fn end(run: &Path) -> u64 {
    let step = steps(run.join("metrics.jsonl")).into_iter().chain(checkpoints(run)).max();
    step.unwrap() + 30
}

/// What an endless course is that was given an end, undisturbed.
fn ended_reference(scratch: &Scratch, end: u64) -> PathBuf {
    let steps = format!("train.steps={end}");
    scratch.tiny_run("reference", &course(&[&ANY_END[..], &[&steps]].concat()))
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
    let log = fs::read_to_string(run.join("exp.log")).unwrap_or_default();
    let said = log.lines().filter_map(|line| line.split_once("resumed from step "));
    said.map(|(_, step)| step.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()).collect()
}

#[test]
fn signals_stop_at_a_checkpoint_and_resume_goes_on() {
    let scratch = Scratch::new();
    let (run, first) = start_endless(&scratch, "run", &[]);
    let (mut first, mut stops) = (Some(first), Vec::new());
    for (signal, more) in [("INT", 2), ("TERM", 14), ("HUP", 15), ("USR1", 19)] {
        let rows = fs::read_to_string(run.join("metrics.jsonl")).map_or(0, |text| text.lines().count());
        let mut running = first.take().unwrap_or_else(|| scratch.start(&["resume", "run"]));
        running.until_rows(&run, rows + more);
        running.signal(signal);
        let ended = running.ended();
        assert_eq!(ended.code, Some(130), "{signal}: {ended:#?}");
        ended.says(&["exp resume run"]);
        let status = json(run.join("status.json"));
        assert_eq!(status["state"], "interrupted");
        let step = status["step"].as_u64().unwrap();
        assert_eq!(steps(run.join("metrics.jsonl")).last(), Some(&step), "every step that was done has a row");
        assert_eq!(checkpoints(&run).last(), Some(&step), "a checkpoint of the very step");
        assert!(!run.join("report.json").exists());
        stops.push(step);
    }
    let end = end(&run);
    let ended = scratch.ok(&["resume", "run", &format!("train.steps={end}")]);
    ended.says(&[&format!("resumed from step {}\n", stops[3]), "fd_pixel", "run:    run\n"]);
    assert_eq!(resumed_from(&run), stops);
    assert_eq!(json(run.join("status.json"))["state"], "done");
    assert_same(&run, &ended_reference(&scratch, end));
}

#[test]
fn a_stop_while_judging_is_heeded_and_resume_judges() {
    let scratch = Scratch::new();
    let words = ["train.steps=4", "eval.methods=[two_step,multistep,heun]"];
    let reference = scratch.tiny_run("reference", &words);
    let run = scratch.path("run");
    // More than it can have judged before the stop.
    let endless = ["eval.n=10000000", "hydra.run.dir=run"];
    let mut running = scratch.start(&tiny(&[&words[..], &endless].concat()));
    assert!(running.until(|| fs::read_to_string(run.join("exp.log")).is_ok_and(|log| log.contains("judging"))));
    running.signal("INT");
    let ended = running.ended();
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    assert_eq!(json(run.join("status.json"))["state"], "interrupted");
    assert!(!run.join("report.json").exists());
    scratch.ok(&["resume", "run", "eval.n=32"]);
    assert_same(&run, &reference);
}

/// Where in its life a run is killed, counted from the checkpoint at which it went on.
enum Instant9 {
    /// Once it has done so many steps.
    Done(u64),
    /// Once that many checkpoints are there.
    Saved(u64),
    /// While the last one of that many checkpoints is being written: as soon as its folder is seen.
    Saving(u64),
    /// Likewise, once its manifest is seen.
    Sealing(u64),
}

/// Kills a run at this very instant, and goes on with it by `more` words; from the last checkpoint that is there whole, which is
/// given back.
fn kill_and_resume(scratch: &Scratch, run: &Path, running: Running, more: &[&str]) -> (u64, Running) {
    running.kill_9();
    println!("killed with checkpoints {:?}", names(&run.join("checkpoints")));
    let (last, before) = (checkpoints(run).pop().unwrap_or(0), resumed_from(run));
    let mut resumed = scratch.start(&[&["resume", "run"], more].concat());
    assert!(resumed.until(|| resumed_from(run).len() > before.len()), "it ended before it went on");
    assert_eq!(resumed_from(run), [before, vec![last]].concat());
    (last, resumed)
}

#[test]
fn kill_9_at_chosen_instants_changes_nothing() {
    use Instant9::{Done, Saved, Saving, Sealing};
    let scratch = Scratch::new();
    // Twice there is no checkpoint.
    let (run, mut running) = start_endless(&scratch, "run", &["train.checkpoint_every=1000000"]);
    let partial = |step: u64| run.join(format!("checkpoints/.{step}.partial"));
    let is_saved = |step: u64| checkpoints(&run).last() >= Some(&step);
    let mut last = 0;
    for (instant, more) in [
        (Done(2), &[][..]),
        (Done(12), &["train.checkpoint_every=15"]),
        (Saving(1), &[]),
        (Done(5), &[]),
        (Saved(1), &[]),
        (Sealing(2), &[]),
        (Saving(3), &[]),
    ] {
        let at = |count: u64| (last / 15 + count) * 15;
        let metrics = run.join("metrics.jsonl");
        let done = |count: u64| metrics.exists() && steps(&metrics).last() >= Some(&(last + count));
        let seen = running.until(|| match instant {
            Done(count) => done(count),
            Saved(count) => is_saved(at(count)),
            Saving(count) => partial(at(count)).exists() || is_saved(at(count)),
            Sealing(count) => partial(at(count)).join("manifest.json").exists() || is_saved(at(count)),
        });
        assert!(seen, "it ended before that");
        (last, running) = kill_and_resume(&scratch, &run, running, more);
    }
    assert!(running.until(|| is_saved(last + 1)));
    // It stands still while its end is chosen.
    running.signal("STOP");
    let end = end(&run);
    (_, running) = kill_and_resume(&scratch, &run, running, &[&format!("train.steps={end}")]);
    // At its last checkpoint, and as soon as the last grid is there.
    assert!(running.until(|| partial(end).exists() || is_saved(end)));
    (_, running) = kill_and_resume(&scratch, &run, running, &[]);
    assert!(running.until(|| run.join("samples/grid.png").exists()));
    (_, running) = kill_and_resume(&scratch, &run, running, &[]);
    assert_eq!(running.ended().code, Some(0));
    assert_eq!(resumed_from(&run)[..2], [0, 0]);
    assert!(text(run.join("exp.log")).contains("resumed from step 0, since there is no sound checkpoint"));
    let reference = ended_reference(&scratch, end);
    assert_same(&run, &reference);
    assert_eq!(names(&run.join("checkpoints")), names(&reference.join("checkpoints")), "nothing is half written");
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
    let (run, mut running) = start_endless(&scratch, "run", &[]);
    running.until_rows(&run, 5);
    fs::rename(&run, scratch.path("moved")).unwrap();
    fs::create_dir(&run).unwrap();
    fs::write(run.join(".lock"), "another run").unwrap();
    let ended = running.ended();
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    ended.says(&["run: it was moved, removed or replaced while the run was at work"]);
    assert_eq!(names(&run), [".lock"]);
    let moved = scratch.path("moved");
    let end = end(&moved);
    scratch.ok(&["resume", "moved", &format!("train.steps={end}")]);
    assert_same(&moved, &ended_reference(&scratch, end));

    let (gone, mut running) = start_endless(&scratch, "gone", &[]);
    running.until_rows(&gone, 5);
    fs::rename(&gone, scratch.path("trash")).unwrap();
    running.ended().says(&["gone: it was moved, removed or replaced"]);
    assert!(!gone.exists());

    // Nor does who waits for it in another process, or would try it again.
    let sweep = ["-m", "hydra/launcher=local", "hydra.launcher.retries=1", "hydra.sweep.dir=sweep"];
    let mut running = scratch.start(&course(&[&sweep[..], &["train.steps=1000000"]].concat()));
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
