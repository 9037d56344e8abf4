//! Programs with a configuration of their own: what of it says what they did, and where their runs are afterwards.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;
use std::io::Write;
use std::process::Command;

use exp::status::{State, Status};
use serde_json::Value;
use support::{Ended, Running, Scratch, is_at_work, json, text};

/// A directory with a configuration of its own, and the script that it names, which is started by `sh`.
fn project(config: &str, script: &str) -> Scratch {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("conf")).unwrap();
    fs::write(scratch.path("conf/config.yaml"), format!("backend: {{name: command, argv: [sh, run.sh]}}\n{config}"))
        .unwrap();
    fs::write(scratch.path("run.sh"), script).unwrap();
    scratch
}

/// How many runs each row of a list has.
fn together(scratch: &Scratch, over: &str) -> Vec<usize> {
    let listed: Value = serde_json::from_str(&scratch.ok(&["ls", "--json", "--over", over]).out).unwrap();
    listed.as_array().unwrap().iter().map(|row| row["runs"].as_array().unwrap().len()).collect()
}

#[test]
fn words_that_are_about_a_run_elsewhere_are_settings_of_its_own() {
    let scratch = project("track: monza\nnotes: c4\ntags: [nn]\nseed: 1\n", "cat $EXP_CONFIG >> seen\n");
    scratch.ok(&["-m", "track=monza", "seed=1,2"]);
    for words in [["track=monza,spa", "notes=c4"], ["track=monza", "notes=c4,d4"], ["track=monza", "tags=[nn],[vb]"]] {
        let again = scratch.ok(&[&["-m", "--skip-done"][..], &words].concat());
        again.says(&["1 of 2 jobs were done before", "2 jobs: 2 done"]);
    }
    assert_eq!(text(scratch.path("seen")).matches("\"seed\"").count(), 5);
    assert_eq!(together(&scratch, "seed").into_iter().max(), Some(2), "the first sweep alone");
    assert_eq!(together(&scratch, "track").into_iter().max(), Some(2), "monza and spa");
    // What is read here says nothing of what is done.
    let more = ["-m", "--skip-done", "track={tensorboard: false}", "seed=1,2"];
    scratch.ok(&more).says(&["2 jobs: 2 done"]);
    scratch.ok(&[&more[..], &["++track.tensorboard=true"]].concat()).says(&["2 of 2 jobs were done before"]);
}

/// Where a run keeps its checkpoints, by Hydra's idiom.
const OWN: &str = "ck: ${hydra:runtime.output_dir}/ck\nseed: 1\nhydra: {job: {env_set: {CK: '${ck}'}}}\n";

#[test]
fn where_a_run_lies_is_no_difference() {
    let scratch = project(OWN, "echo >> ran\n");
    scratch.ok(&["-m", "seed=1,2"]);
    scratch.ok(&["-m", "seed=2,3", "--skip-done"]).says(&["1 of 2 jobs were done before", "2 jobs: 2 done"]);
    assert_eq!(text(scratch.path("ran")).lines().count(), 3);
    scratch.ok(&["hydra.run.dir=outputs/a"]);
    scratch.ok(&["hydra.run.dir=outputs/b"]);
    scratch.ok(&["diff", "outputs/a", "outputs/b"]).says(&["no difference in configuration"]);
    assert_eq!(together(&scratch, "seed"), [5]);
    // Another directory than its own is one.
    scratch.ok(&["ck=/elsewhere", "hydra.run.dir=outputs/c"]);
    scratch.ok(&["diff", "outputs/a", "outputs/c"]).says(&["\"${hydra:runtime.output_dir}/ck\"", "\"/elsewhere\""]);
    assert_eq!(together(&scratch, "seed"), [1, 5]);
}

/// What the program that last ran in a run directory was given: words, an environment and a configuration.
fn given(scratch: &Scratch, run: &str) -> [String; 3] {
    let seen = text(scratch.path(run).join("seen"));
    let (words, config) = seen.split_once('\n').unwrap();
    let (argument, variable) = words.split_once(' ').unwrap();
    let config: Value = serde_json::from_str(config).unwrap();
    [argument.to_owned(), variable.to_owned(), config["ck"].as_str().unwrap().to_owned()]
}

#[test]
fn a_run_that_was_moved_goes_on_where_it_is() {
    let script = "{ echo $1 $CK; cat $EXP_CONFIG; } > $EXP_OUTPUT_DIR/seen; [ $EXP_RESUMED = 1 ]\n";
    let scratch = project(OWN, script);
    let argv = "backend.argv=[sh, run.sh, '${ck}']";
    assert_eq!(scratch.exp(&[argv, "hydra.run.dir=outputs/a"]).code, Some(1));
    let here = |run: &str| scratch.path("").canonicalize().unwrap().join(run).join("ck").display().to_string();
    let all = |run: &str| [here(run), here(run), here(run)];
    assert_eq!(given(&scratch, "outputs/a"), all("outputs/a"));
    fs::rename(scratch.path("outputs/a"), scratch.path("b")).unwrap();
    scratch.ok(&["resume", "b"]);
    assert_eq!(given(&scratch, "b"), all("b"));
    assert!(!scratch.path("outputs/a").exists());
    // What was frozen stays, and leads to the third place too.
    let mut status = Status::read(&scratch.path("b")).unwrap();
    status.state = State::Interrupted;
    status.write(&scratch.path("b")).unwrap();
    fs::rename(scratch.path("b"), scratch.path("c")).unwrap();
    scratch.ok(&["resume", "c"]);
    assert_eq!(given(&scratch, "c"), all("c"));
}

#[test]
fn a_program_is_run_once_more() {
    let script = "{ echo $1 $CK; cat $EXP_CONFIG; } > $EXP_OUTPUT_DIR/seen; echo '{\"fd\": 3}'\n";
    let scratch = project(OWN, script);
    scratch.ok(&["backend.argv=[sh, run.sh, '${ck}']", "seed=7", "hydra.run.dir=a"]);
    let elsewhere = scratch.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let looked = scratch.ok(&["--experimental-rerun", "a", "hydra.run.dir=b", "--dry-run"]);
    assert!(looked.out.contains("\nseed: 7\n") && !scratch.path("b").exists(), "{looked:#?}");
    scratch.ok(&["--experimental-rerun", "a", "hydra.run.dir=b"]).says(&["fd  3"]);
    let b = scratch.path("").canonicalize().unwrap().join("b/ck").display().to_string();
    assert_eq!(given(&scratch, "b"), [b.clone(), b.clone(), b]);
    assert_eq!(json(scratch.path("b/config.json"))["seed"], 7);
    scratch.ok(&["diff", "a", "b"]).says(&["no difference in configuration"]);
    assert!(text(scratch.path("b/.hydra/config.yaml")).contains("ck: ${hydra:runtime.output_dir}/ck\n"));
    assert_eq!(text(scratch.path("a/.hydra/overrides.yaml")), text(scratch.path("b/.hydra/overrides.yaml")));
    // It is started where it was, wherever that is called from; and may be run once more itself.
    let mut command = scratch.command(&["--experimental-rerun", "../b", "hydra.run.dir=../c"]);
    assert_eq!(Ended::of(&command.current_dir(&elsewhere).output().unwrap()).code, Some(0));
    let other = scratch.exp(&["--experimental-rerun", "a", "seed=8"]);
    assert_eq!(other.code, Some(2));
    other.says(&["a is the run of a program, which is run once more as it was frozen"]);
    assert!(!other.err.contains("exp resume"), "{other:#?}");
}

#[test]
fn a_program_that_works_in_its_run_directory_is_found() {
    let script = "pwd > $1; cat > $EXP_OUTPUT_DIR/read < /dev/null\n";
    let scratch = project("hydra: {job: {chdir: true}}\n", script);
    // Also where a file of the name that it writes to is there.
    fs::write(scratch.path("out"), "mine").unwrap();
    scratch.ok(&["backend.argv=[sh, run.sh, out]", "hydra.run.dir=a"]);
    fs::write(scratch.path("tool"), format!("#!/bin/sh\n{script}")).unwrap();
    Command::new("chmod").arg("+x").arg(scratch.path("tool")).status().unwrap();
    scratch.ok(&["backend.argv=[./tool, out.txt]", "hydra.run.dir=b"]);
    scratch.ok(&["--experimental-rerun", "a", "hydra.run.dir=c"]);
    let root = scratch.path("").canonicalize().unwrap();
    for (run, file) in [("a", "out"), ("b", "out.txt"), ("c", "out")] {
        assert_eq!(text(scratch.path(run).join(file)), format!("{}\n", root.join(run).display()));
    }
    assert_eq!(text(scratch.path("out")), "mine");
}

#[test]
fn the_directory_that_is_gone_is_named() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("work")).unwrap();
    let line = "backend.argv=[sh,-c,'[ $EXP_RESUMED = 1 ]']";
    let mut command = scratch.command(&["backend=command", line, "hydra.run.dir=../run"]);
    assert_eq!(Ended::of(&command.current_dir(scratch.path("work")).output().unwrap()).code, Some(1));
    fs::rename(scratch.path("work"), scratch.path("away")).unwrap();
    let gone = format!("the directory it was composed in, {}, is gone", scratch.path("work").display());
    let ended = scratch.exp(&["resume", "run"]);
    assert_eq!(ended.code, Some(1));
    ended.says(&[&gone]);
    assert!(json(scratch.path("run/status.json"))["cause"].as_str().unwrap().starts_with(&gone));
    std::os::unix::fs::symlink(scratch.path("away"), scratch.path("work")).unwrap();
    scratch.ok(&["resume", "run"]);
}

/// A run in the directory `run` whose `exp` was killed while its program goes on until there is a file `go`, or the test is over,
/// which takes the file `started` away.
fn orphan(line: &str) -> Scratch {
    let scratch = Scratch::new();
    let argv = format!(
        "backend.argv=[sh,-c,\"echo > started; while [ -e started -a ! -e go ]; do sleep 0.02; done; {line}\"]"
    );
    let mut running: Running = scratch.start(&["backend=command", &argv, "hydra.run.dir=run"]);
    assert!(running.until(|| scratch.path("started").exists() && is_at_work(&scratch.path("run"))));
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
fn what_an_orphan_came_to_counts_and_not_how_it_had_ended_before() {
    // It kills the `exp` that has just started it again, by way of the shell between them.
    let again = "kill -9 $(cut -d ' ' -f 4 /proc/$PPID/stat)";
    let scratch = project("", &format!("echo >> started\n[ $EXP_RESUMED = 1 ] || exit 4\n{again}\n"));
    assert_eq!(scratch.exp(&["hydra.run.dir=run"]).code, Some(1));
    // A pipe that is full takes nothing: `exp` comes no further than to say on which machine the program was started.
    let machine = scratch.path("run/environment.jsonl");
    fs::remove_file(&machine).unwrap();
    assert!(Command::new("mkfifo").arg(&machine).status().unwrap().success());
    let mut full = fs::File::options().read(true).write(true).open(&machine).unwrap();
    full.write_all(&[b'\n'; 65536]).unwrap();
    assert_eq!(scratch.exp(&["resume", "run"]).code, None);
    fs::remove_file(&machine).unwrap();
    while !scratch.path("run/.exit-code").exists() {
        std::thread::yield_now();
    }
    scratch.ok(&["show", "run"]).says(&["state     done"]);
    scratch.ok(&["resume", "run"]);
    assert_eq!(text(scratch.path("started")), "\n\n", "it is not run once more");
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
