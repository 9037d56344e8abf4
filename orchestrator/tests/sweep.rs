//! Sweeps: jobs in processes of their own, what becomes of them, and going on.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::echo::{CALM, Echo};
use support::{Ended, Scratch, assert_same, json, names, text, tiny, until_gone};

/// A worker that does as `params.how` of its job says, and counts its starts beside the job's directory.
const MOODY: &str = r#"
worker() {
    how=$(sed -n 's/.*"how": "\([a-z]*\)".*/\1/p' "$1/spec.json")
    echo >> "$1/../starts-$how"
    case $how in
        exit) echo 'I give up' >&2; exit 3 ;;
        segv) kill -SEGV $$ ;;
        kill) kill -KILL $PPID; sleep 1 ;;
        silent) exit 0 ;;
        late) read -r line; exit 0 ;;
        diverged) echo '{"failed":"the loss is not finite at step 2"}'; exit 1 ;;
        flood) head -c 3000000 /dev/zero | tr '\0' '\n' >&2 ;;
        left|right)
            for _ in $(seq 240); do
                [ -e "$1/../starts-left" ] && [ -e "$1/../starts-right" ] && break
                sleep 0.5
            done
            [ -e "$1/../starts-left" ] && [ -e "$1/../starts-right" ] || exit 4 ;;
        parent) sleep 300 >/dev/null 2>&1 & echo $! > "$1/../left-behind" ;;
        flaky) [ -e "$1/../mended" ] || exit 5 ;;
    esac
    echo '{"done":{"step":3,"interrupted":false,"figures":[["fd_pixel",1.5]],"grid":null}}'
}
"#;

fn sweep(echo: &Echo, hows: &str, more: &[&str]) -> Ended {
    let how = format!("+params.how={hows}");
    let words = ["-m", "backend.name=echo", "train.steps=3", "hydra.sweep.dir=sweep", &how];
    echo.start(&[&words, more].concat()).ended()
}

fn states(sweep: &Path) -> Vec<String> {
    let jobs = names(sweep).into_iter().filter(|name| name.chars().all(|c| c.is_ascii_digit()));
    jobs.map(|job| json(sweep.join(job).join("status.json"))["state"].as_str().unwrap().to_owned()).collect()
}

/// Who shares a machine has some of its GPUs only.
#[test]
fn gpus_are_chosen_among_those_that_are_visible() {
    let scratch = Scratch::new();
    let argv = "backend.argv=[sh,-c,'echo $CUDA_VISIBLE_DEVICES > gpu-${n}']";
    let run = |visible: &str| {
        let words = ["-m", "backend=command", argv, "+n=0,1", "hydra.sweep.dir=sweep", "hydra/launcher=local"];
        let mut command =
            scratch.command(&[&words[..], &["hydra.launcher.gpus=[0,1]", "hydra.launcher.n_jobs=1"]].concat());
        Ended::of(&command.env("CUDA_VISIBLE_DEVICES", visible).output().unwrap())
    };
    let refused = run("3");
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    refused.says(&["hydra.launcher.gpus: there is no GPU 1, counted from 0, among those of CUDA_VISIBLE_DEVICES=3"]);
    assert!(!scratch.path("sweep").exists());
    let ended = run("GPU-aa,GPU-bb");
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(text(scratch.path("gpu-0")), "GPU-aa\n");
    // Where the sweep goes on, there may be others.
    fs::write(
        scratch.path("sweep/1/status.json"),
        text(scratch.path("sweep/1/status.json")).replace("\"done\"", "\"interrupted\""),
    )
    .unwrap();
    fs::write(scratch.path("sweep/journal.jsonl"), "").unwrap();
    let resume = |more: &[&str]| {
        let mut command = scratch.command(&[&["resume", "sweep"], more].concat());
        let ended = Ended::of(&command.env("CUDA_VISIBLE_DEVICES", "3").output().unwrap());
        assert_eq!(ended.code, Some(3), "{ended:#?}");
        ended.says(&["no other job is started: hydra.launcher.gpus: there is no GPU 1"]);
        let noted = support::rows(scratch.path("sweep/journal.jsonl")).pop().unwrap();
        let state = json(scratch.path("sweep/1/status.json"))["state"].clone();
        assert_eq!((&noted["ended"]["job"], &noted["ended"]["state"]), (&1.into(), &state), "both say the same");
        ended
    };
    resume(&[]).says(&["2 jobs: 1 done, 1 not done"]);
    let status = scratch.path("sweep/1/status.json");
    fs::write(&status, text(&status).replace("\"interrupted\"", "\"failed\"")).unwrap();
    resume(&["--retry-failed"]).says(&["2 jobs: 1 done, 1 failed", "exp resume sweep --retry-failed"]);
}

#[test]
fn the_death_of_one_is_told_and_does_not_touch_the_others() {
    let echo = Echo::new(&[CALM, MOODY]);
    let more = ["hydra/launcher=local", "hydra.launcher.n_jobs=2"];
    let ended = sweep(&echo, "good,exit,segv,kill,silent,diverged,flood,fine", &more);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    let dir = echo.scratch.path("sweep");
    let failed = ["done", "failed", "failed", "failed", "failed", "failed", "done", "done"];
    assert_eq!(states(&dir), failed);
    let causes = [
        "exit status: 3",
        "signal: 11 (SIGSEGV)",
        "its process ended with signal: 9 (SIGKILL) and no result",
        "exit status: 0 and no report",
        "the loss is not finite at step 2",
    ];
    // What failed stands at the end once more, in the order of the jobs.
    let (_, end) = ended.err.split_once("8 jobs: 3 done, 5 failed\n").unwrap();
    let mut rest = end;
    for (n, cause) in causes.iter().enumerate() {
        assert!(json(dir.join((n + 1).to_string()).join("status.json"))["cause"].as_str().unwrap().contains(cause));
        rest = rest.split_once(&format!("#{} : ", n + 1)).unwrap().1;
        rest = rest.split_once(cause).unwrap_or_else(|| panic!("`{cause}` is missing in {rest}")).1;
    }
    assert!(rest.contains("exp resume sweep --retry-failed"), "{rest}");
    let exit = json(dir.join("3/status.json"))["exit"].clone();
    assert_eq!((&exit["code"], &exit["signal"]), (&serde_json::Value::Null, &9.into()));
    assert!(exit["peak_rss_mib"].is_number());
}

#[test]
fn a_job_that_takes_too_long_is_ended() {
    let echo = Echo::new(&[CALM, MOODY]);
    let ended = sweep(&echo, "late", &["hydra/launcher=local", "hydra.launcher.timeout_s=1.5"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    ended.says(&["1 jobs: 0 done, 1 failed", "it was not done after 1.5 s", "exp resume sweep --retry-failed"]);
    let status = json(echo.scratch.path("sweep/0/status.json"));
    assert_eq!((&status["state"], &status["cause"]), (&"failed".into(), &"it was not done after 1.5 s".into()));
}

#[test]
fn jobs_go_where_their_own_configuration_puts_them() {
    let scratch = Scratch::new();
    let words = |argv, seeds| {
        let place = ["hydra.sweep.dir='logs/seed${seed}'", "hydra.sweep.subdir=run"];
        [&["-m", "backend=command", argv, seeds], &place[..]].concat()
    };
    let told = "backend.argv=[sh,-c,'echo ${hydra:runtime.output_dir} > place-${seed}']";
    scratch.ok(&words(told, "seed=41,42,43")).says(&["3 jobs: 3 done", "  sweep:  logs/seed42"]);
    for seed in 41..44 {
        let run = scratch.path(&format!("logs/seed{seed}/run"));
        assert_eq!(json(run.join("status.json"))["state"], "done");
        let place = text(scratch.path(&format!("place-{seed}")));
        assert_eq!(fs::canonicalize(place.trim()).unwrap(), fs::canonicalize(run).unwrap());
    }
    assert_eq!(names(&scratch.path("logs/seed41")), ["run"]);
    let job = |n: usize| json(scratch.path("logs/seed42/sweep.json"))["jobs"][n]["dir"].as_str().unwrap().to_owned();
    assert!(job(1) == "run" && Path::new(&job(2)).is_absolute(), "{} {}", job(1), job(2));
    scratch.ok(&["resume", "logs/seed42"]).says(&["0 of 3 jobs are left"]);
    scratch.ok(&["watch", "logs/seed42"]);
    assert!(scratch.ok(&["ls", "logs"]).out.contains("logs/seed43/run"));
    // A second sweep has a directory of its own, and leaves alone what is there.
    scratch.ok(&words(told, "seed=42,43"));
    assert_eq!(names(&scratch.path("logs/seed42_1")).iter().filter(|name| *name == "run").count(), 1);
    assert_eq!(names(&scratch.path("logs/seed43")), ["run", "run_1"]);
}

/// Of many jobs the first ones are frozen when a later one is composed.
#[test]
fn a_sweep_that_comes_to_nothing_leaves_no_job_elsewhere() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("logs/seed1")).unwrap();
    let argv = "backend.argv=[true,'${oc.env:V${seed}}']";
    let words = ["-m", "backend=command", argv, "seed=range(0,70)", "hydra.sweep.dir='logs/seed${seed}'"];
    let mut command = scratch.command(&words);
    let ended = Ended::of(&command.envs((0..69).map(|n| (format!("V{n}"), "x"))).output().unwrap());
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    ended.says(&["V69"]);
    assert_eq!(names(&scratch.path("logs")), ["seed1"]);
}

#[test]
fn as_many_run_at_a_time_as_there_are_slots() {
    for launcher in ["local", "inline"] {
        let (echo, launcher) = (Echo::new(&[CALM, MOODY]), format!("hydra/launcher={launcher}"));
        let ended = sweep(&echo, "left,right", &[&launcher, "hydra.launcher.n_jobs=2"]);
        assert_eq!(ended.code, Some(0), "each waits for the other: {ended:#?}");
    }
    let echo = Echo::new(&[CALM, MOODY]);
    let one = sweep(&echo, "exit,good", &["hydra/launcher=local", "hydra.launcher.fail_fast=true"]);
    assert_eq!(one.code, Some(1));
    assert_eq!(states(&echo.scratch.path("sweep")), ["failed", "created"], "{one:#?}");
}

#[test]
fn a_job_that_sees_one_gpu_cannot_have_another() {
    let echo = Echo::new(&[CALM, MOODY]);
    let on = |device, more: &[&str]| {
        let device = format!("backend.device={device}");
        let flags = [&["hydra/launcher=local", "hydra.launcher.gpus=[0,1]", &*device], more].concat();
        sweep(&echo, "good,fine", &flags)
    };
    // A sweep that is only listed is refused as well.
    for refused in [on("cuda:1", &[]), on("cuda:1", &["--dry-run"])] {
        refused.says(&["backend.device", "`cuda:1` is not there: hydra.launcher.gpus gives each job one GPU"]);
        assert_eq!((refused.code, echo.scratch.path("sweep").exists()), (Some(2), false));
    }
    assert_eq!(on("cuda:0", &[]).code, Some(0));
}

#[test]
fn a_sweep_goes_on_with_what_is_left() {
    let echo = Echo::new(&[CALM, MOODY]);
    let dir = echo.scratch.path("sweep");
    assert_eq!(sweep(&echo, "good,flaky,fine", &[]).code, Some(1));
    let resume = |more: &[&str]| echo.start(&[&["resume", "sweep"], more].concat()).ended();
    let nothing = resume(&[]);
    nothing.says(&["sweep: 0 of 3 jobs are left", "3 jobs: 2 done, 1 failed"]);
    assert_eq!(nothing.code, Some(1));
    fs::write(dir.join("mended"), "").unwrap();
    let again = resume(&["--retry-failed"]);
    again.says(&["sweep: 1 of 3 jobs are left", "#1 : ", "3 jobs: 3 done"]);
    assert_eq!((again.code, states(&dir)), (Some(0), vec!["done".to_owned(); 3]));
    let starts = ["good", "flaky", "fine"].map(|how| text(dir.join(format!("starts-{how}"))).lines().count());
    assert_eq!(starts, [1, 2, 1], "what is done is not done again");
    assert_eq!(resume(&["train.steps=9"]).code, Some(2), "a sweep goes on as it was frozen");
}

#[test]
fn what_a_job_leaves_behind_ends_with_it() {
    let echo = Echo::new(&[CALM, MOODY]);
    assert_eq!(sweep(&echo, "parent", &[]).code, Some(0));
    until_gone(&text(echo.scratch.path("sweep/left-behind")));
}

#[test]
fn tries_are_repeated_as_often_as_is_asked() {
    let echo = Echo::new(&[CALM, MOODY]);
    let ended = sweep(&echo, "flaky", &["hydra/launcher=local", "hydra.launcher.retries=2"]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(text(echo.scratch.path("sweep/starts-flaky")).lines().count(), 3);
}

/// An engine is no child of the sweep: the next try waits for it, or two would work in one directory.
#[test]
fn a_retry_waits_for_an_engine_that_outlived_its_worker() {
    let worker = r#"worker() {
        if [ ! -e "$1/begun" ]; then
            touch "$1/begun"
            kill -KILL $PPID
            sleep 0.5
            touch "$1/ended"
            exit
        fi
        [ -e "$1/ended" ] || exit 4
        echo '{"done":{"step":3,"interrupted":false,"figures":[],"grid":null}}'
    }"#;
    let echo = Echo::new(&[CALM, worker]);
    let ended = sweep(&echo, "good", &["hydra/launcher=local", "hydra.launcher.retries=1"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}

/// As `scancel` and the end of a machine do: a job is told by them and by its launcher, which is told too.
#[test]
fn a_signal_to_all_processes_of_a_sweep_lets_jobs_come_to_a_checkpoint() {
    let worker = r#"worker() {
        echo '{"event":{"metrics":{"step":1,"values":[["loss",0.5]]}}}'
        read -r word
        sleep 1
        echo '{"done":{"step":7,"interrupted":true,"figures":[],"grid":null}}'
    }"#;
    let echo = Echo::new(&[CALM, worker]);
    let words = ["-m", "backend.name=echo", "train.steps=9", "hydra.sweep.dir=sweep", "hydra/launcher=local"];
    let mut running = echo.start(&words);
    let job = echo.scratch.path("sweep/0");
    running.until_rows(&job, 1);
    let worker = json(job.join("status.json"))["owner"]["pid"].to_string();
    let told = Command::new("kill").args(["-TERM", &worker, &running.pid().to_string()]).status().unwrap();
    assert!(told.success());
    let ended = running.ended();
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    let status = json(job.join("status.json"));
    assert_eq!((&status["state"], &status["step"]), (&"interrupted".into(), &7.into()), "{status}");
}

const LONG: [&str; 6] = [
    "-m",
    "seed=1,2,3",
    "train.steps=40",
    "train.checkpoint_every=5",
    "train.eval_every=null",
    "hydra.sweep.dir=sweep",
];

/// The same sweep, never disturbed.
fn undisturbed() -> Scratch {
    let scratch = Scratch::new();
    scratch.ok(&tiny(&LONG));
    scratch
}

#[test]
fn a_signal_stops_a_sweep_that_then_goes_on_as_if_nothing_had_happened() {
    let start = |scratch: &Scratch, second: u64| {
        let each = format!("train.steps=40,{second},41");
        let more =
            [&each, "schedule.horizon=40", "train.horizon=40", "train.checkpoint_every=5", "train.eval_every=null"];
        scratch.start(&tiny(&[&["-m", "hydra.sweep.dir=sweep"], &more[..]].concat()))
    };
    // The second job does not come to its end before the signal.
    let scratch = Scratch::new();
    let mut running = start(&scratch, 1_000_000);
    running.until_rows(&scratch.path("sweep/1"), 3);
    running.signal("INT");
    let ended = running.ended();
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    ended.says(&["to go on: exp resume sweep"]);
    assert_eq!(states(&scratch.path("sweep")), ["done", "interrupted", "created"]);
    let spec = scratch.path("sweep/1/spec.json");
    // Two checkpoints on, those that are kept are those of a job that was never stopped.
    let end = json(scratch.path("sweep/1/status.json"))["step"].as_u64().unwrap() + 10;
    let mut frozen = json(&spec);
    frozen["spec"]["train"]["steps"] = end.into();
    fs::write(&spec, frozen.to_string()).unwrap();
    let wanted = Scratch::new();
    assert_eq!(start(&wanted, end).ended().code, Some(0));
    scratch.ok(&["resume", "sweep"]).says(&["sweep: 2 of 3 jobs are left", "3 jobs: 3 done"]);
    for job in ["0", "1", "2"] {
        assert_same(&scratch.path("sweep").join(job), &wanted.path("sweep").join(job));
    }
}

#[test]
fn jobs_outlive_a_sweep_that_is_killed_and_nothing_is_done_twice() {
    let (scratch, wanted) = (Scratch::new(), undisturbed());
    let mut running = scratch.start(&tiny(&LONG));
    running.until_rows(&scratch.path("sweep/0"), 2);
    running.kill_9();
    // The job that ran goes on by itself; whoever takes the sweep up waits for it.
    scratch.ok(&["resume", "sweep"]).says(&["3 jobs: 3 done"]);
    for job in ["0", "1", "2"] {
        let dir = scratch.path("sweep").join(job);
        assert_same(&dir, &wanted.path("sweep").join(job));
        assert!(!text(dir.join("exp.log")).contains("resumed"), "job {job} was begun twice");
    }
}

#[test]
fn tiny_jobs_need_no_process() {
    let words = ["-m", "seed=1,2,3", "backend.threads=1", "hydra.sweep.dir=sweep"];
    let apart = Scratch::new();
    apart.ok(&tiny(&words));
    assert_eq!(json(apart.path("sweep/0/status.json"))["exit"]["code"], 0);
    for n_jobs in [1, 2] {
        let (scratch, n_jobs) = (Scratch::new(), format!("hydra.launcher.n_jobs={n_jobs}"));
        let inline = ["hydra/launcher=inline", &n_jobs];
        scratch.ok(&tiny(&[&words[..], &inline].concat())).says(&["3 jobs: 3 done"]);
        for job in ["sweep/0", "sweep/1", "sweep/2"] {
            assert_eq!(json(scratch.path(job).join("status.json"))["exit"], serde_json::Value::Null);
            assert_same(&scratch.path(job), &apart.path(job));
        }
    }
}
