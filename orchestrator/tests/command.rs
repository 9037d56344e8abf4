//! Programs of any kind as runs.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::{Ended, Running, Scratch, is_at_work, json, text};

/// A run that is a line of shell, in the directory `run`.
fn shell(scratch: &Scratch, line: &str, more: &[&str]) -> Ended {
    let argv = format!("backend.argv=[sh,-c,\"{line}\"]");
    scratch.exp(&[&["backend=command", &argv, "hydra.run.dir=run"], more].concat())
}

#[test]
fn a_program_gets_its_configuration_and_its_lines_become_metrics() {
    let scratch = Scratch::new();
    let line = "cat $EXP_CONFIG > seen; pwd >> seen; echo $EXP_RESUMED $EXP_OUTPUT_DIR >> seen; echo working; \
                echo '{\\\"step\\\":1,\\\"loss\\\":0.5}'; echo '{\\\"fd\\\":2,\\\"ok\\\":true}'";
    let ended = shell(&scratch, line, &["+params.x=1e-3", "+mine={a: '${params.x}'}", "tags=[try]"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    ended.says(&["working", "done: 1 steps", "fd  2"]);
    let seen = text(scratch.path("seen"));
    let (config, rest) = seen.split_at(seen.rfind("}\n").unwrap() + 2);
    let config: serde_json::Value = serde_json::from_str(config).unwrap();
    assert_eq!((&config["mine"]["a"], &config["tags"][0]), (&0.001.into(), &"try".into()));
    let here = scratch.path("").canonicalize().unwrap();
    assert_eq!(rest, format!("{}\n0 {}\n", here.display(), here.join("run").display()));
    assert_eq!(text(scratch.path("run/metrics.jsonl")), "{\"step\":1,\"loss\":0.5}\n");
    assert_eq!(json(scratch.path("run/report.json")), serde_json::json!({"fd": 2.0}));
    let status = json(scratch.path("run/status.json"));
    assert_eq!((&status["state"], &status["step"]), (&"done".into(), &1.into()));
    assert!(text(scratch.path("run/exp.log")).starts_with("working\n"));
}

#[test]
fn it_goes_on_by_being_started_again() {
    let scratch = Scratch::new();
    let line = "echo '{\\\"step\\\":'$((EXP_RESUMED + 1))'}'; [ $EXP_RESUMED = 1 ] || { echo no luck; exit 4; }";
    let ended = shell(&scratch, line, &[]);
    assert_eq!(ended.code, Some(1));
    ended.says(&["its process ended with exit status: 4 and no result: no luck"]);
    scratch.ok(&["resume", "run"]).says(&["done: 2 steps"]);
    assert_eq!(text(scratch.path("run/metrics.jsonl")), "{\"step\":1}\n{\"step\":2}\n");
    let changed = scratch.exp(&["resume", "run", "train.steps=9"]);
    assert_eq!(changed.code, Some(2));
    changed.says(&["goes on as it was frozen"]);
}

#[test]
fn a_signal_reaches_it() {
    let scratch = Scratch::new();
    let line = "trap 'echo stopped; exit 7' INT; echo > ready; while :; do sleep 0.05; done";
    let argv = format!("backend.argv=[sh,-c,\"{line}\"]");
    let mut running = scratch.start(&["backend=command", &argv, "hydra.run.dir=run"]);
    assert!(running.until(|| scratch.path("ready").exists()));
    running.signal("INT");
    let ended = running.ended();
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    assert_eq!(json(scratch.path("run/status.json"))["state"], "interrupted");
    assert!(text(scratch.path("run/exp.log")).contains("stopped"));
}

/// As when a queue stops all processes of a job: the program may die before it is heard of here that this was asked.
#[test]
fn a_signal_that_reaches_both_is_a_stop() {
    let scratch = Scratch::new();
    let line = "kill -TERM $(cut -d ' ' -f 4 /proc/$PPID/stat); kill -TERM $$; sleep 9";
    let ended = shell(&scratch, line, &[]);
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    assert_eq!(json(scratch.path("run/status.json"))["state"], "interrupted");
    // One that dies of a signal that nobody else got has failed.
    fs::remove_dir_all(scratch.path("run")).unwrap();
    assert_eq!(shell(&scratch, "kill -TERM $$; sleep 9", &[]).code, Some(1));
}

/// With `nohup` a lost connection is none of its business.
#[test]
fn a_hangup_that_is_ignored_stays_so() {
    let scratch = Scratch::new();
    let argv = "backend.argv=[sh,-c,'echo > ready; while [ ! -e go ]; do sleep 0.02; done']";
    let exp = scratch.command(&["backend=command", argv, "hydra.run.dir=run"]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(exp.get_program()).args(exp.get_args());
    command.current_dir(scratch.path("")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running::of(command);
    assert!(running.until(|| scratch.path("ready").exists()));
    running.signal("HUP");
    std::thread::sleep(std::time::Duration::from_millis(100));
    fs::write(scratch.path("go"), "").unwrap();
    let ended = running.ended();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}

#[test]
fn what_goes_wrong_behind_its_start_ends_it() {
    let scratch = Scratch::new();
    let line = "[ ! -e slow ] || { while [ -e slow ] && [ ! -e go ]; do sleep 0.02; done; echo > late; }";
    assert_eq!(shell(&scratch, line, &[]).code, Some(0));
    fs::write(scratch.path("slow"), "").unwrap();
    // Nothing can take the place of a directory.
    let status = scratch.path("run/status.json");
    fs::remove_file(&status).unwrap();
    fs::create_dir(&status).unwrap();
    assert_eq!(scratch.exp(&["resume", "run"]).code, Some(1));
    fs::write(scratch.path("go"), "").unwrap();
    std::thread::sleep(Duration::from_millis(700));
    assert!(!scratch.path("late").exists(), "it was left running");
}

#[test]
fn what_cannot_be_read_is_named() {
    let scratch = Scratch::new();
    shell(&scratch, "true", &[]);
    fs::write(scratch.path("run/process.json"), "{").unwrap();
    scratch.exp(&["resume", "run"]).says(&["run/process.json: EOF"]);
}

#[test]
fn what_cannot_be_started_is_refused() {
    let scratch = Scratch::new();
    for (words, part) in [
        (&["backend=command"][..], "backend.argv: expected a list of words"),
        (&["backend=command", "backend.argv=[no-such-program]"], "there is no program `no-such-program`"),
        (&["backend=command", "backend.argv=[]"], "found an empty list"),
        (&["backend=command", "backend.argv=[true]", "+backend.arvg=1"], "did you mean `argv`?"),
        (
            &["backend=command", "backend.argv=['true']", "track.mlflow.url=http://me:secret@host"],
            "read from MLFLOW_TRACKING_USERNAME",
        ),
    ] {
        let ended = scratch.exp(words);
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        ended.says(&[part]);
    }
    assert!(scratch.names().is_empty());
}

#[test]
fn why_a_job_could_not_begin_is_told_at_the_end() {
    let scratch = Scratch::new();
    let argv = "backend.argv=[sh,-c,\"mkdir -p $EXP_OUTPUT_DIR/../1/.lock\"]";
    let ended = scratch.exp(&["-m", "backend=command", argv, "+n=0,1", "hydra.sweep.dir=sweep"]);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    ended.says(&["#0 done\n", "2 jobs: 1 done, 1 failed", "\n  failed: cannot lock sweep/1: Is a directory"]);
}

/// A sweep in the directory `sweep` that was killed while its one program runs, which is a line of shell, makes `started`, and ends
/// without it: a test that fails takes it away.
fn orphan(line: &str, launcher: &str) -> Scratch {
    let scratch = Scratch::new();
    let (argv, launcher) = (format!("backend.argv=[sh,-c,\"{line}\"]"), format!("hydra/launcher={launcher}"));
    let mut running = scratch.start(&["-m", "backend=command", &argv, "+n=1", "hydra.sweep.dir=sweep", &launcher]);
    assert!(running.until(|| scratch.path("started").exists() && is_at_work(&scratch.path("sweep/0"))));
    running.kill_9();
    scratch
}

/// Goes on with the sweep of an orphan, up to where its program is found there: whoever waits for a lock has its file open.
fn find_orphan(scratch: &Scratch) -> Running {
    let mut resumed = scratch.start(&["resume", "sweep"]);
    let (lock, open) = (scratch.path("sweep/0/.lock").canonicalize().unwrap(), format!("/proc/{}/fd", resumed.pid()));
    let is_lock = |file: fs::DirEntry| fs::read_link(file.path()).is_ok_and(|path| path == lock);
    assert!(resumed.until(|| fs::read_dir(&open).into_iter().flatten().flatten().any(is_lock)));
    resumed
}

/// Whoever started a program may be killed: its outcome is found all the same, and it is not run again.
#[test]
fn an_orphan_is_adopted() {
    let line = "echo >> started; while [ -e started ] && [ ! -e go ]; do sleep 0.02; done; echo '{\\\"step\\\":5,\\\"x\\\":1}'";
    for launcher in ["basic", "inline"] {
        let scratch = orphan(line, launcher);
        let resumed = find_orphan(&scratch);
        fs::write(scratch.path("go"), "").unwrap();
        let ended = resumed.ended();
        assert_eq!(ended.code, Some(0), "{launcher}: {ended:#?}");
        ended.says(&["1 jobs: 1 done"]);
        assert_eq!(text(scratch.path("started")), "\n");
        assert_eq!(text(scratch.path("sweep/0/metrics.jsonl")), "{\"step\":5,\"x\":1.0}\n");
    }
}

#[test]
fn an_orphan_that_is_stopped_can_go_on() {
    let line = "echo >> started; trap 'exit 1' INT; while [ -e started ] && [ ! -e go ]; do sleep 0.02; done";
    for launcher in ["basic", "inline"] {
        let scratch = orphan(line, launcher);
        let resumed = find_orphan(&scratch);
        resumed.signal("INT");
        let ended = resumed.ended();
        assert_eq!(ended.code, Some(130), "{launcher}: {ended:#?}");
        assert_eq!(json(scratch.path("sweep/0/status.json"))["state"], "interrupted");
        fs::write(scratch.path("go"), "").unwrap();
        scratch.ok(&["resume", "sweep"]).says(&["1 of 1 jobs are left", "1 jobs: 1 done"]);
        assert_eq!(text(scratch.path("started")), "\n\n");
    }
}

#[test]
fn a_secret_is_nowhere_but_in_the_environment() {
    let scratch = Scratch::new();
    let value = "hush-4711";
    let token = "+params.token=${secret:EXP_TEST_TOKEN}";
    // The comparison is in a file: it must not be found in the configuration.
    fs::write(scratch.path("check.sh"), format!("[ $EXP_TEST_TOKEN = {value} ] && cp $EXP_CONFIG seen\n")).unwrap();
    let program = ["backend=command", "backend.argv=[sh,check.sh]", "hydra.run.dir=run", token];
    let run = [&program[..], &["+params.url=https://${params.token}@host"]].concat();
    let without = scratch.exp(&run);
    assert_eq!(without.code, Some(1), "{without:#?}");
    without.says(&["params.token refers to a secret, but the environment variable EXP_TEST_TOKEN is not set"]);
    let knowing = |words: &[&str]| {
        let mut command = scratch.command(words);
        let ended = Ended::of(&command.env("EXP_TEST_TOKEN", value).output().unwrap());
        assert_eq!(ended.code, Some(0), "{words:?}: {ended:#?}");
        assert!(!ended.out.contains(value) && !ended.err.contains(value), "{words:?}: {ended:#?}");
    };
    knowing(&["resume", "run"]);
    assert_eq!(json(scratch.path("seen"))["params"]["url"], "https://${secret:EXP_TEST_TOKEN}@host");
    for words in [
        &["--cfg", "all", "--resolve", token][..],
        &["why", "params.token", token],
        &["ls", "--json", "run"],
        &["show", "run"],
        &["report", "run"],
    ] {
        knowing(words);
    }
    let found =
        Command::new("grep").args(["-rl", value, "run", "cache"]).current_dir(scratch.path("")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "", "files that hold the secret");
    // Where others could read it.
    for (word, part) in [
        ("backend.argv=['true',--token,'${secret:A}']", "arguments can be read by everybody"),
        ("+hydra.job.env_set.A=${secret:B}", "hydra.job.env_set.A: would be written down"),
        ("+params.a=${secret:A-B}", "takes the name of an environment variable"),
    ] {
        let refused = scratch.exp(&["backend=command", "backend.argv=['true']", word]);
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        refused.says(&[part]);
    }
}
