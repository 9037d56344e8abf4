//! Jobs in a real Slurm: `orchestrator/tests/slurm/with cargo test --test slurm -- --ignored --test-threads=1`.
//!
//! Each test looks at what its jobs wrote: a queue can call a job done that never ran.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::{Ended, Scratch, assert_same, json, names, text, tiny};

/// Longest wait for the queue.
const PATIENCE: Duration = Duration::from_secs(150);

/// A sweep of shell lines in the directory `sweep`, handed in and waited for.
fn sweep(scratch: &Scratch, line: &str, more: &[&str]) -> Ended {
    let argv = format!("backend.argv=[sh,-c,\"{line}\"]");
    let words = ["-m", "backend=command", &argv, "hydra.sweep.dir=sweep", "hydra/launcher=slurm"];
    scratch.ok(&[&words, more].concat()).says(&["handed in", "exp watch sweep"]);
    watch(scratch, "sweep")
}

fn watch(scratch: &Scratch, dir: &str) -> Ended {
    scratch.start(&["watch", dir]).ended_within(PATIENCE)
}

fn until(what: &str, ready: impl Fn() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < PATIENCE, "{what}: waited in vain");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn slurm(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(output.status.success(), "{program} {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn ticket(run: &Path) -> String {
    text(run.join(".ticket"))
}

/// A training of some seconds, and the same undisturbed.
const LONG: [&str; 4] = ["train.steps=4000", "train.checkpoint_every=50", "train.eval_every=null", "backend.threads=1"];

fn undisturbed() -> Scratch {
    let scratch = Scratch::new();
    scratch.tiny_run("run", &LONG);
    scratch
}

/// The same in Slurm, when it has some metrics.
fn handed_in(more: &[&str]) -> Scratch {
    let scratch = Scratch::new();
    let words = [&["hydra/launcher=slurm", "hydra.run.dir=run"], &LONG[..], more].concat();
    scratch.ok(&tiny(&words)).says(&["1 handed in", "exp watch run"]);
    let rows = || fs::read_to_string(scratch.path("run/metrics.jsonl")).is_ok_and(|text| text.lines().count() > 40);
    until("the first rows", rows);
    scratch
}

#[test]
#[ignore = "needs a Slurm"]
fn an_array_is_throttled_and_cut_into_what_the_cluster_takes() {
    let scratch = Scratch::new();
    let line = "date +%s.%N > from-$N; sleep 1; date +%s.%N > to-$N";
    let line = line.replace("$N", "${n}");
    let more = ["+n=range(8)", "hydra.launcher.array_parallelism=2"];
    let ended = sweep(&scratch, &line, &more);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    ended.says(&["8 jobs: 8 done"]);
    let number = |name: String| text(scratch.path(&name)).trim().parse::<f64>().unwrap();
    let times: Vec<(f64, f64)> = (0..8).map(|n| (number(format!("from-{n}")), number(format!("to-{n}")))).collect();
    // Each array by itself: six jobs and two.
    for array in [&times[..6], &times[6..]] {
        let beside = |at: f64| array.iter().filter(|(from, to)| (*from..*to).contains(&at)).count();
        assert_eq!(array.iter().map(|(from, _)| beside(*from)).max(), Some(2), "{times:?}");
    }
    let arrays: Vec<String> = (0..8).map(|n| ticket(&scratch.path("sweep").join(n.to_string()))).collect();
    assert!(arrays[5].ends_with("_5") && arrays[6].ends_with("_0"), "{arrays:?}");
}

#[test]
#[ignore = "needs a Slurm"]
fn a_failure_is_told_and_tried_again() {
    let scratch = Scratch::new();
    let line = "echo ran >> ran-${n}; [ ${n} = 0 ] || [ -e mended ] || { echo no luck >&2; exit 3; }";
    let ended = sweep(&scratch, line, &["+n=0,1"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    ended.says(&["2 jobs: 1 done, 1 failed", "ended with exit status: 3 and no result: no luck"]);
    fs::write(scratch.path("mended"), "").unwrap();
    scratch.ok(&["resume", "sweep", "--retry-failed"]).says(&["1 of 2 jobs are left", "1 handed in"]);
    // A failed job that is queued again is not one that failed.
    let again = watch(&scratch, "sweep");
    assert_eq!(again.code, Some(0), "{again:#?}");
    assert_eq!([0, 1].map(|n| text(scratch.path(&format!("ran-{n}"))).lines().count()), [1, 2]);
}

#[test]
#[ignore = "needs a Slurm"]
fn a_job_whose_time_is_up_goes_on_later() {
    let (wanted, scratch) = (undisturbed(), handed_in(&[]));
    slurm("scancel", &["--signal=USR1", "--batch", &ticket(&scratch.path("run"))]);
    let ended = watch(&scratch, "run");
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(text(scratch.path("run/exp.log")).contains("resumed from step"));
    assert_same(&scratch.path("run"), &wanted.path("run"));
}

#[test]
#[ignore = "needs a Slurm"]
fn a_preempted_job_goes_on_later() {
    let (wanted, scratch) =
        (undisturbed(), handed_in(&["hydra.launcher.cpus_per_task=4", "hydra.launcher.max_num_timeout=0"]));
    let urgent = scratch.path("urgent");
    let line = format!("date > {}", urgent.display());
    slurm("sbatch", &["--partition=high", "--cpus-per-task=4", "--output=/dev/null", "--wrap", &line]);
    let ended = watch(&scratch, "run");
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(urgent.exists(), "the urgent job had its turn");
    assert!(text(scratch.path("run/exp.log")).contains("resumed from step"));
    assert_same(&scratch.path("run"), &wanted.path("run"));
}

/// What fails when it is queued again has not failed.
#[test]
#[ignore = "needs a Slurm"]
fn a_job_that_somebody_queues_again_is_waited_for() {
    let scratch = Scratch::new();
    let line = "[ $EXP_RESUMED = 1 ] || { scontrol requeue $SLURM_JOB_ID; exit 3; }; echo again > again";
    let ended = sweep(&scratch, line, &["+n=1"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(text(scratch.path("again")), "again\n");
}

#[test]
#[ignore = "needs a Slurm"]
fn a_job_that_is_cancelled_before_its_turn_is_left() {
    let scratch = Scratch::new();
    let hold = slurm("sbatch", &["--parsable", "--cpus-per-task=4", "--output=/dev/null", "--wrap", "sleep 300"]);
    let argv = "backend.argv=[sh,-c,\"echo $EXP_RESUMED $WORD >> ran-${n}\"]";
    let setup = "hydra.launcher.setup=['[[ 1 == 1 ]] && export WORD=bash']";
    let words = ["-m", "backend=command", argv, "+n=0,1", "hydra.sweep.dir=sweep", "hydra/launcher=slurm", setup];
    scratch.ok(&words);
    let mut first = scratch.start(&["watch", "sweep"]);
    let held = || fs::read_to_string(scratch.path("sweep/.lock")).is_ok_and(|text| text.contains("exp watch"));
    assert!(first.until(held));
    let second = watch(&scratch, "sweep");
    assert_eq!(second.code, Some(2), "{second:#?}");
    second.says(&["sweep is in use by process ", "which waits for its end: exp watch"]);
    std::thread::sleep(Duration::from_secs(3));
    slurm("scancel", &[&ticket(&scratch.path("sweep/0"))]);
    slurm("scancel", &[hold.trim()]);
    let ended = first.ended();
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    ended.says(&["waiting in the queue: ", "2 jobs: 1 done, 1 not done"]);
    assert_eq!(json(scratch.path("sweep/0/status.json"))["state"], "interrupted");
    scratch.ok(&["resume", "sweep"]).says(&["1 of 2 jobs are left", "1 handed in"]);
    assert_eq!(watch(&scratch, "sweep").code, Some(0));
    assert_eq!([0, 1].map(|n| text(scratch.path(&format!("ran-{n}")))), ["0 bash\n", "0 bash\n"]);
}

#[test]
#[ignore = "needs a Slurm"]
fn a_limit_of_time_is_no_limit() {
    // One minute at a time; told fifty seconds before its end, which Slurm looks at twice a minute.
    let scratch = Scratch::new();
    let line = "trap 'echo told; exit 1' INT; \
                if [ $EXP_RESUMED = 0 ]; then while :; do sleep 0.1; done; fi; echo again > again";
    let ended = sweep(&scratch, line, &["+n=1", "hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=50"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(text(scratch.path("again")), "again\n");
    assert!(text(scratch.path("sweep/0/exp.log")).starts_with("told\n"));
}

#[test]
#[ignore = "needs a Slurm"]
fn each_job_sees_its_own_gpu() {
    let scratch = Scratch::new();
    let line = "echo $CUDA_VISIBLE_DEVICES > gpu-${n}; sleep 2";
    let ended = sweep(&scratch, line, &["+n=0,1,2", "hydra.launcher.gpus_per_node=1"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let seen: Vec<String> = (0..3).map(|n| text(scratch.path(&format!("gpu-{n}"))).trim().to_owned()).collect();
    assert_eq!(seen, ["0", "1", "0"]);
}

#[test]
#[ignore = "needs a Slurm"]
fn a_job_that_is_taken_away_is_missed() {
    let scratch = Scratch::new();
    // The first one kills the process that would have said how it ended.
    let line = "[ ${n} = 1 ] || kill -KILL $(cut -d ' ' -f 4 /proc/$PPID/stat); echo > ran-${n}; sleep 1";
    let ended = sweep(&scratch, line, &["+n=0,1"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    ended.says(&["2 jobs: 1 done, 1 failed", "the queue ended it: FAILED"]);
    assert_eq!(json(scratch.path("sweep/0/status.json"))["state"], "failed");
}

#[test]
#[ignore = "needs a Slurm"]
fn a_search_waits_for_each_of_its_jobs() {
    let scratch = Scratch::new();
    let argv = "backend.argv=[sh,-c,\"echo ${x} >> tried; echo '{\\\"cost\\\":'${x}'}'\"]";
    let words = ["-m", "backend=command", argv, "+x=interval(0,1)", "hydra.sweep.dir=sweep", "hydra/launcher=slurm"];
    let search =
        ["hydra/sweeper=tpe", "hydra.sweeper.metric=cost", "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2"];
    let ended = scratch.ok(&[&words[..], &search].concat());
    ended.says(&["4 jobs: 4 done", "best cost: "]);
    let tried: Vec<f64> = text(scratch.path("tried")).lines().map(|line| line.parse().unwrap()).collect();
    let best = tried.iter().copied().fold(f64::INFINITY, f64::min);
    let results = text(scratch.path("sweep/optimization_results.yaml"));
    assert!(tried.len() == 4 && results.contains(&format!("best_value: {best:?}\n")), "{tried:?} {results}");
}

#[test]
#[ignore = "needs a Slurm"]
fn any_queue_is_used_by_its_commands() {
    let scratch = Scratch::new();
    let argv = "backend.argv=[sh,-c,\"sleep 1; echo $WORD > ran-${n}\"]";
    let template = [
        "hydra/launcher=template",
        "hydra.launcher.submit='sbatch --parsable --output={log} {script}'",
        "hydra.launcher.query='for id in {ids}; do squeue -h -j $id -o %i; done'",
        "hydra.launcher.cancel='scancel {ids}'",
        "hydra.launcher.setup=['export WORD=set']",
    ];
    let words = ["-m", "backend=command", argv, "+n=0,1", "hydra.sweep.dir=sweep"];
    scratch.ok(&[&words[..], &template].concat()).says(&["2 handed in"]);
    let ended = watch(&scratch, "sweep");
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!([0, 1].map(|n| text(scratch.path(&format!("ran-{n}")))), ["set\n", "set\n"]);
    assert_eq!(names(&scratch.path("sweep/.queue")).iter().filter(|name| name.ends_with(".out")).count(), 2);
}

#[test]
#[ignore = "needs a Slurm"]
fn what_is_built_or_edited_after_handing_in_changes_nothing() {
    let scratch = Scratch::new();
    let conf = scratch.path("conf");
    support::copy_conf(&conf);
    let hold = slurm("sbatch", &["--parsable", "--cpus-per-task=4", "--output=/dev/null", "--wrap", "sleep 3"]);
    let argv = "backend.argv=[sh,-c,\"echo ${train.lr} ${n} > seen-${n}\"]";
    let words = ["-m", "backend=command", argv, "+n=0,1", "train.lr=0.5", "hydra.sweep.dir=sweep"];
    scratch.ok(&[&words[..], &["hydra/launcher=slurm"]].concat());
    fs::remove_dir_all(conf).unwrap();
    let ended = watch(&scratch, "sweep");
    assert_eq!(ended.code, Some(0), "{hold}: {ended:#?}");
    assert_eq!([0, 1].map(|n| text(scratch.path(&format!("seen-{n}")))), ["0.5 0\n", "0.5 1\n"]);
    let script = names(&scratch.path("sweep/.queue")).into_iter().find(|name| name.ends_with(".sh")).unwrap();
    let binary = scratch.path("sweep/.queue/exp").canonicalize().unwrap();
    assert!(text(scratch.path("sweep/.queue").join(script)).contains(&format!("exec '{}' worker", binary.display())));
}
