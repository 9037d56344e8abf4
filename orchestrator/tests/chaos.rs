//! Sweeps in which much goes wrong, and directories that many want at once.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::echo::{CALM, Echo};
use support::{Ended, Running, Scratch, assert_same, json, names, text, tiny, until_gone};

/// A worker that dies in the way that `params.doom` of its job says, or does not.
const DOOMED: &str = r#"
worker() {
    n=$(sed -n 's/.*"doom": \([0-9]*\).*/\1/p' "$1/spec.json")
    case $n in
        7) echo 'exit 1' >&2; exit 1 ;;
        17) printf "thread 'main' panicked at src/main.rs:1:1:\nout of luck\n" >&2; exit 101 ;;
        27) kill -SEGV $$ ;;
        37) kill -KILL $$ ;;
        47) ulimit -v 100000; dd if=/dev/zero of=/dev/null bs=1G count=1; exit ;;
        57) echo nonsense; cat ;;
        67) exit 0 ;;
        77) head -c 100000000 /dev/zero | tr '\0' '\n' >&2; echo 'too much to say' >&2; exit 6 ;;
        87) sleep 300 >/dev/null 2>&1 & echo $! > "$1/../orphan"; exit 7 ;;
        97) echo '{"failed":"the loss is not finite at step 2"}'; exit 1 ;;
        100) sleep 300 ;;
    esac
    echo '{"done":{"step":3,"interrupted":false,"figures":[["fd_pixel",1.5]],"grid":null}}'
}
"#;

/// The jobs that die, with what is told of each.
const DEATHS: [(u64, &str); 10] = [
    (7, "exit status: 1 and no report"),
    (17, "exit status: 101 and no report: out of luck"),
    (27, "signal: 11 (SIGSEGV)"),
    (37, "signal: 9 (SIGKILL)"),
    (47, "exit status: 1 and no report"),
    (57, "nonsense"),
    (67, "exit status: 0 and no report"),
    (77, "exit status: 6 and no report"),
    (87, "exit status: 7 and no report"),
    (97, "the loss is not finite at step 2"),
];

/// A sweep over dooms, of which not all jobs are done.
fn doomed(dooms: &str, more: &str) -> (Echo, Ended) {
    let echo = Echo::new(&[CALM, DOOMED]);
    let words = ["-m", "backend.name=echo", "train.steps=3", dooms, "hydra.sweep.dir=sweep"];
    let ended = echo.start(&[&words[..], &["hydra/launcher=local", more]].concat()).ended();
    assert_eq!(ended.code, Some(1), "{}", ended.err);
    (echo, ended)
}

#[test]
fn of_a_hundred_jobs_ten_die_and_ninety_do_not() {
    let (echo, ended) = doomed("+params.doom=range(100)", "hydra.launcher.n_jobs=4");
    let (_, mut rest) = ended.err.rsplit_once("100 jobs: 90 done, 10 failed\n").unwrap();
    for (n, cause) in DEATHS {
        let status = json(echo.scratch.path(&format!("sweep/{n}/status.json")));
        assert!(status["cause"].as_str().unwrap().contains(cause), "{n}: {status}");
        rest = rest.split_once(&format!("#{n} : ")).unwrap().1;
        assert!(rest.lines().nth(1).unwrap().contains(cause), "{rest}");
    }
    for (n, log) in [(17, "panicked at"), (47, "memory exhausted"), (77, "too much to say")] {
        assert!(text(echo.scratch.path(&format!("sweep/{n}/exp.log"))).contains(log), "{n}");
    }
    until_gone(&text(echo.scratch.path("sweep/orphan")));
}

/// It is deaf to the word that it is to stop.
#[test]
fn one_that_hears_nothing_is_ended_when_its_time_is_up() {
    let (_echo, ended) = doomed("+params.doom=100", "hydra.launcher.timeout_s=1");
    ended.says(&["1 jobs: 0 done, 1 failed", "it was not done after 1 s"]);
}

/// A generator of instants that needs no crate.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Kills sweeps and their workers at random instants, EXP_KILLS times, and holds what comes out equal to what undisturbed
/// jobs leave.
#[test]
fn kills_change_nothing() {
    let kills: u64 = std::env::var("EXP_KILLS").map_or(12, |text| text.parse().unwrap());
    let words = [
        "-m",
        "seed=range(20)",
        "train.steps=30",
        "train.checkpoint_every=5",
        "train.eval_every=null",
        "hydra.sweep.dir=sweep",
        "hydra/launcher=local",
        "hydra.launcher.n_jobs=2",
    ];
    let wanted = Scratch::new();
    wanted.ok(&tiny(&words));
    let (mut dice, mut done) = (Dice(1), 0);
    while done < kills {
        let scratch = Scratch::new();
        let mut running = scratch.start(&tiny(&words));
        loop {
            let wait = Duration::from_millis(dice.below(600));
            std::thread::sleep(wait);
            if running.has_ended() && fs::exists(scratch.path("sweep/sweep.json")).unwrap() {
                let ended = running.ended();
                if ended.out.contains("20 jobs: 20 done") {
                    break;
                }
                running = scratch.start(&["resume", "sweep", "--retry-failed"]);
                continue;
            }
            done += 1;
            let workers = workers(running.pid());
            match workers.get(dice.below(1 + workers.len() as u64) as usize) {
                Some(worker) => drop(Command::new("kill").args(["-KILL", &worker.to_string()]).output().unwrap()),
                None => {
                    running.kill_9();
                    let begun = fs::exists(scratch.path("sweep/sweep.json")).unwrap();
                    // A sweep that was killed before its first job is begun anew.
                    if !begun {
                        let _ = fs::remove_dir_all(scratch.path("sweep"));
                    }
                    let resume = ["resume", "sweep", "--retry-failed"];
                    running = if begun { scratch.start(&resume) } else { scratch.start(&tiny(&words)) };
                }
            }
        }
        let mut ended: HashMap<u64, usize> = HashMap::new();
        for line in support::rows(scratch.path("sweep/journal.jsonl")) {
            if line["ended"]["state"] == "done" {
                *ended.entry(line["ended"]["job"].as_u64().unwrap()).or_default() += 1;
            }
        }
        for n in 0..20 {
            let job = n.to_string();
            assert_same(&scratch.path("sweep").join(&job), &wanted.path("sweep").join(&job));
            assert!(ended.get(&n).is_none_or(|&count| count == 1), "job {n} was done {ended:?}");
        }
    }
}

/// The children of a process.
fn workers(parent: u32) -> Vec<u32> {
    let children = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let lists = children.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<u32>>()).collect()
}

#[test]
fn a_thousand_directories_of_one_name_are_a_thousand() {
    let scratch = Scratch::new();
    let words = ["-m", "backend=command", "backend.argv=[\"true\"]", "+n=range(125)", "hydra.sweep.dir=sweep"];
    let words = [&words[..], &["hydra.sweep.subdir=../jobs/x"]].concat();
    let all: Vec<_> = (0..8).map(|_| scratch.start(&words)).collect();
    for running in all {
        let ended = running.ended();
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        ended.says(&["125 jobs: 125 done"]);
    }
    let jobs = names(&scratch.path("jobs"));
    assert_eq!(jobs.len(), 1000);
    let owners: BTreeSet<String> = jobs.iter().map(|job| told(&scratch.path("jobs").join(job))).collect();
    assert_eq!(owners.len(), 1000, "each job has a directory and a process of its own");
}

/// Which process did a job.
fn told(job: &Path) -> String {
    let status = json(job.join("status.json"));
    assert_eq!(status["state"], "done");
    // With when it began: a number comes round.
    status["owner"].to_string()
}

#[test]
fn many_starts_in_one_second_do_not_meet() {
    let scratch = Scratch::new();
    let all: Vec<_> = (0..64).map(|_| scratch.start(&["backend=command", "backend.argv=[\"true\"]"])).collect();
    let places: BTreeSet<String> = all
        .into_iter()
        .map(|running| {
            let ended = running.ended();
            assert_eq!(ended.code, Some(0), "{ended:#?}");
            ended.out.lines().next().unwrap().to_owned()
        })
        .collect();
    assert_eq!(places.len(), 64);
    assert!(places.iter().all(|place| json(scratch.path(place).join("status.json"))["state"] == "done"));
}

/// As on a full disk. A checkpoint of this run has 100 KiB or so, and the limit counts blocks of 512 bytes, or of 1,024.
#[test]
fn a_file_that_may_not_grow_is_an_error() {
    let scratch = Scratch::new();
    let line = format!("ulimit -f 20; exec '{}' \"$@\"", env!("CARGO_BIN_EXE_exp"));
    let words = [&["-c", &line, "exp"][..], &tiny(&["hydra.run.dir=run"])].concat();
    let mut shell = Command::new("sh");
    shell
        .args(words)
        .current_dir(scratch.path(""))
        .env("XDG_CACHE_HOME", scratch.path("cache"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ended = Running::of(shell).ended();
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    ended.says(&["File too large", "run/checkpoints"]);
    assert_eq!(json(scratch.path("run/status.json"))["state"], "failed");
    // With room it goes on.
    scratch.ok(&["resume", "run"]).says(&["done: 6 steps"]);
}
