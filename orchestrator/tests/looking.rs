//! Looking at runs: lists, comparisons, labels, the trash and pages.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;
use std::process::{Command, Stdio};

use support::{Running, Scratch, first_words, is_at_work, json, rows, text, tiny, until_gone};

#[test]
fn runs_are_found_by_what_they_were_and_came_to() {
    let scratch = Scratch::new();
    scratch.told_run("a", 3.0, &["+params.x=1e-3", "tags=[base]"]);
    scratch.told_run("b", 1.0, &["+params.x=0.1"]);
    scratch.told_run("c", 2.0, &["+params.y=text"]);
    let argv = "backend.argv=[sh,-c,'exit 3']";
    assert_eq!(scratch.exp(&["backend=command", argv, "hydra.run.dir=outputs/d"]).code, Some(1));
    let all = scratch.ok(&["ls"]);
    assert_eq!(first_words(&all), ["outputs/d", "outputs/c", "outputs/b", "outputs/a"], "the newest first");
    assert!(!all.out.contains('\u{1b}'), "there is no terminal");
    for (words, found) in [
        (&["state=failed"][..], &["outputs/d"][..]),
        (&["params.x<0.05"], &["outputs/a"]),
        (&["params.x=0.001"], &["outputs/a"]),
        (&["params.y=text"], &["outputs/c"]),
        (&["tag=base"], &["outputs/a"]),
        (&["fd>=2", "loss<6"], &["outputs/c"]),
        (&["state=done", "--sort", "fd"], &["outputs/b", "outputs/c", "outputs/a"]),
        (&["state=done", "--sort", "fd", "--reverse", "-n", "1"], &["outputs/a"]),
        (&["outputs/b"], &["outputs/b"]),
        (&["cause!=", "state!=done"], &["outputs/d"]),
        (&["params.x==0.001"], &["outputs/a"]),
        (&["tags=base"], &["outputs/a"]),
        (&["run=outputs/b", "took>=0", "started>=2020-01"], &["outputs/b"]),
        (&["overrides=x", "--sort", "overrides"], &[]),
    ] {
        let ended = scratch.ok(&[&["ls"], words].concat());
        assert_eq!(first_words(&ended), found, "{words:?}: {ended:#?}");
    }
    let listed: serde_json::Value = serde_json::from_str(&scratch.ok(&["ls", "--json", "fd=1"]).out).unwrap();
    let one = &listed[0];
    assert_eq!(
        (&one["dir"], &one["figures"]["fd"], &one["config"]["params"]["x"]),
        (&"outputs/b".into(), &1.0.into(), &0.1.into())
    );
    let wrong = scratch.exp(&["ls", "params.z=1", "--sort", "fdd"]);
    assert_eq!(wrong.code, Some(2));
    wrong.says(&["params.z: no run has such a key"]);
    let wrong = scratch.exp(&["ls", "state=dne", "date>=27.11.2026", "step>=abc", "took>1m", "loss<=x", "fd=x"]);
    assert_eq!(wrong.code, Some(2));
    wrong.says(&["state: no run is `dne`", "did you mean `done`?", "date: `27.11.2026` is no date"]);
    wrong.says(&["step: `abc` is no number", "seconds: `1m` is no number", "loss: `x` is no number"]);
    assert!(!wrong.err.contains("fd: "), "equal to a word is no number: {wrong:#?}");
}

#[test]
fn the_newest_value_of_each_metric_counts() {
    let scratch = Scratch::new();
    let logged = |name: &str, rows: &str| {
        scratch.told_run(name, 3.0, &[]);
        fs::write(scratch.path("outputs").join(name).join("metrics.jsonl"), rows).unwrap();
    };
    logged("a", "{\"step\":20,\"fd_pixel\":9}\n{\"step\":40,\"fd_pixel\":5}\n{\"step\":46,\"loss\":0.5}\n");
    logged("b", "{\"step\":1,\"loss\":7,\"fd_pixel\":6}\n{\"step\":2,\"loss\":null}\n");
    // Once from the directories, once from the copy.
    for _ in 0..2 {
        for (words, found) in [
            (&["fd_pixel<6"][..], &["outputs/a"][..]),
            (&["loss=nan"], &["outputs/b"]),
            (&["loss<1"], &["outputs/a"]),
            (&["loss!=0.5"], &["outputs/b"]),
            (&["--sort", "loss"], &["outputs/a", "outputs/b"]),
            (&["--sort", "loss", "--reverse"], &["outputs/a", "outputs/b"]),
        ] {
            let ended = scratch.ok(&[&["ls"], words].concat());
            assert_eq!(first_words(&ended), found, "{words:?}: {ended:#?}");
        }
    }
    let listed = scratch.ok(&["ls", "--column", "loss", "--column", "fd_pixel", "loss=nan"]);
    let words: Vec<Vec<&str>> = listed.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0][..5], ["run", "state", "loss", "fd_pixel", "started"], "what is asked for comes first");
    assert_eq!(words[1][..4], ["outputs/b", "done", "NaN", "6"]);
}

/// A run that a second process goes on with, and one that no process ever began.
#[test]
fn a_run_is_as_old_as_its_first_process() {
    let scratch = Scratch::new();
    ["old", "none", "new"].iter().for_each(|name| scratch.told_run(name, 1.0, &[]));
    let lines = scratch.path("outputs/old/environment.jsonl");
    let second = text(&lines);
    fs::write(&lines, format!("{{\"started\":\"2020-02-03T12:00:00Z\",\"cores\":2}}\n{second}")).unwrap();
    fs::remove_file(scratch.path("outputs/none/environment.jsonl")).unwrap();
    let path = scratch.path("outputs/none/status.json");
    let mut status = json(&path);
    (status["started"], status["state"]) = (serde_json::Value::Null, "failed".into());
    fs::write(&path, status.to_string()).unwrap();
    assert_eq!(first_words(&scratch.ok(&["ls"])), ["outputs/new", "outputs/none", "outputs/old"]);
    assert_eq!(first_words(&scratch.ok(&["ls", "date=2020-02-03"])), ["outputs/old"]);
    scratch.ok(&["show", "outputs/old"]).says(&["started 2020-02-03"]);
    status["ended"] = serde_json::Value::Null;
    fs::remove_file(&path).unwrap();
    fs::write(&path, status.to_string()).unwrap();
    let listed: serde_json::Value = serde_json::from_str(&scratch.ok(&["ls", "--json", "state=failed"]).out).unwrap();
    assert!(listed[0]["started"].is_string(), "its directory tells: {listed}");
}

/// What was read is kept; whatever happens to the directories or to the copy, the answer is that of the directories.
#[test]
fn the_copy_of_what_was_read_never_outlives_the_truth() {
    let scratch = Scratch::new();
    scratch.told_run("a", 3.0, &[]);
    scratch.told_run("b", 1.0, &[]);
    assert_eq!(first_words(&scratch.ok(&["ls"])).len(), 2);
    let history = scratch.path("cache/exp/history");
    let files = || fs::read_dir(&history).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    assert!(!files().is_empty());
    scratch.ok(&["tag", "outputs/a", "kept", "old"]);
    scratch.ok(&["tag", "outputs/a", "old", "--remove"]);
    scratch.ok(&["note", "outputs/a", "a good one"]);
    assert_eq!(first_words(&scratch.ok(&["ls", "tag=kept"])), ["outputs/a"]);
    assert_eq!(first_words(&scratch.ok(&["ls", "tag=old"])).len(), 0);
    scratch.ok(&["show", "outputs/a"]).says(&["a good one", "kept"]);
    fs::remove_dir_all(scratch.path("outputs/b")).unwrap();
    assert_eq!(first_words(&scratch.ok(&["ls"])), ["outputs/a"]);
    for file in files() {
        fs::write(file, "no copy").unwrap();
    }
    scratch.told_run("c", 2.0, &[]);
    fs::write(scratch.path("outputs/c/status.json"), "").unwrap();
    let ended = scratch.ok(&["ls"]);
    assert_eq!(first_words(&ended), ["outputs/a"]);
    ended.says(&["warning: outputs/c cannot be read"]);
}

#[test]
fn a_difference_is_all_that_is_shown() {
    let scratch = Scratch::new();
    let more = ["+params.x=1", "+params.same=7", "+params.wd=0.00149", "+params.word=null"];
    scratch.told_run("a", 3.000_001, &more);
    scratch.told_run("b", 3.000_002, &["+params.x='1'", "+params.same=7", "+params.wd=0.00151", "+params.word='null'"]);
    let ended = scratch.ok(&["diff", "outputs/a", "outputs/b"]);
    let lines: Vec<Vec<&str>> = ended.out.lines().map(|line| line.split_whitespace().collect()).collect();
    for line in [
        ["A", "outputs/a", ""],
        ["B", "outputs/b", ""],
        ["Configuration", "A", "B"],
        ["params.x", "1", "\"1\""],
        ["params.wd", "0.00149", "0.00151"],
        ["params.word", "null", "\"null\""],
        ["fd", "3.000001", "3.000002"],
    ] {
        let line: Vec<&str> = line.into_iter().filter(|word| !word.is_empty()).collect();
        assert!(lines.contains(&line), "{line:?}: {ended:#?}");
    }
    let listed = scratch.ok(&["ls", "--column", "params.wd", "--column", "params.x"]);
    assert!(listed.out.contains("0.00149  1 ") && listed.out.contains("0.00151  \"1\" "), "{listed:#?}");
    assert!(!ended.out.contains("params.same") && !ended.out.contains("Machine"), "{ended:#?}");
    scratch.ok(&["diff", "outputs/a", "outputs/a"]).says(&["no difference"]);
    let shown = scratch.ok(&["show", "outputs/a", "params"]);
    shown.says(&["params.x", "`+params.x=1`"]);
    let wrong = scratch.exp(&["show", "outputs/a", "paramss"]);
    assert_eq!(wrong.code, Some(2));
    wrong.says(&["did you mean `params.same`"]);
    assert_eq!(scratch.exp(&["show", "outputs"]).code, Some(2));
}

#[test]
fn what_is_thrown_away_can_be_fetched_back() {
    let scratch = Scratch::new();
    scratch.told_run("a", 3.0, &[]);
    scratch.told_run("b", 1.0, &[]);
    scratch.ok(&["rm", "--dry-run", "outputs/a"]).says(&["would move outputs/a -> outputs/.trash/a"]);
    assert!(scratch.path("outputs/a").exists());
    let wrong = scratch.exp(&["rm", "outputs/a", "outputs"]);
    assert_eq!(wrong.code, Some(2));
    assert!(scratch.path("outputs/a").exists(), "all are looked at before the first is moved");
    let twice = scratch.exp(&["rm", "outputs/a", "outputs/b", "./outputs/a"]);
    assert_eq!(twice.code, Some(2));
    twice.says(&["outputs/a: it is named twice"]);
    assert!(scratch.path("outputs/a").exists() && scratch.path("outputs/b").exists());
    scratch.ok(&["rm", "outputs/a"]);
    assert_eq!(first_words(&scratch.ok(&["ls"])), ["outputs/b"]);
    scratch.told_run("a", 2.0, &[]);
    scratch.ok(&["rm", "outputs/a"]).says(&["outputs/.trash/a_1"]);
    fs::rename(scratch.path("outputs/.trash/a"), scratch.path("outputs/a")).unwrap();
    assert_eq!(first_words(&scratch.ok(&["ls", "fd=3"])), ["outputs/a"]);
    std::os::unix::fs::symlink(scratch.path("outputs/a"), scratch.path("latest")).unwrap();
    for link in ["latest", "latest/"] {
        let refused = scratch.exp(&["rm", link]);
        assert_eq!(refused.code, Some(2));
        refused.says(&["it is a link; name what it leads to: ", "outputs/a\n"]);
    }
    assert!(scratch.path("outputs/a").exists() && scratch.path("latest").is_symlink());
    let path = scratch.path("outputs/a/status.json");
    let mut status = json(&path);
    (status["state"], status["owner"]["host"]) = ("running".into(), "elsewhere".into());
    fs::write(&path, status.to_string()).unwrap();
    scratch
        .exp(&["rm", "outputs/a"])
        .says(&[" on elsewhere works on outputs/a; if that is over, `exp resume outputs/a`"]);
}

#[test]
fn each_run_is_listed_once_wherever_the_configuration_puts_it() {
    let scratch = Scratch::new();
    let conf = scratch.path("conf");
    fs::create_dir(&conf).unwrap();
    let dirs = "run: {dir: '${root}/${now:%Y/%m}'}\n  sweep: {dir: '${root}/sweeps/${now:%d}'}";
    fs::write(
        conf.join("config.yaml"),
        format!("root: all\nbackend: {{name: command, argv: ['true']}}\nhydra:\n  {dirs}\n"),
    )
    .unwrap();
    scratch.ok(&[]);
    scratch.ok(&["-m", "+n=1"]);
    let listed = scratch.ok(&["ls"]);
    assert_eq!(first_words(&listed).len(), 2, "{listed:#?}");
    assert_eq!(first_words(&scratch.ok(&["ls", "all", "all/sweeps", "."])).len(), 2);
}

#[test]
fn a_name_that_is_no_text_is_listed() {
    let scratch = Scratch::new();
    scratch.told_run("a", 3.0, &[]);
    let name: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"outputs/a\xff");
    fs::rename(scratch.path("outputs/a"), scratch.path("").join(name)).unwrap();
    scratch.ok(&["ls", "--json"]).says(&["outputs/a\u{fffd}"]);
}

/// Whoever opened one would wait for its writer for ever.
#[test]
fn a_pipe_is_no_file_of_a_run() {
    let scratch = Scratch::new();
    for name in ["status.json", "spec.json", "metrics.jsonl", "report.json", "environment.jsonl", "exp.log"] {
        let dir = format!("without-{name}");
        scratch.told_run(&dir, 1.0, &[]);
        let path = scratch.path(&format!("outputs/{dir}/{name}"));
        fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    }
    scratch.told_run("whole", 1.0, &[]);
    let listed = scratch.ok(&["ls"]);
    assert_eq!(first_words(&listed).len(), 6, "{listed:#?}");
    listed.says(&["warning: outputs/without-status.json cannot be read"]);
    for command in ["show", "report"] {
        scratch.ok(&[command, "outputs/without-metrics.jsonl"]);
        assert_eq!(scratch.exp(&[command, "outputs/without-spec.json"]).code, Some(2), "{command}");
    }
}

#[test]
fn a_system_that_refuses_threads_is_why_nothing_is_done() {
    let scratch = Scratch::new();
    scratch.told_run("a", 1.0, &[]);
    let argv = "backend.argv=['true']";
    for words in [&["ls"][..], &["-m", "backend=command", argv, "+n=1,2", "hydra.sweep.dir=sweep"]] {
        let exp = scratch.command(words);
        let mut command = Command::new("sh");
        // Room for the stacks of some, not of all.
        command.args(["-c", "ulimit -v 6000000; exec \"$@\"", "sh"]).arg(exp.get_program()).args(exp.get_args());
        for (name, value) in exp.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("RUST_MIN_STACK", "1000000000").env("RAYON_NUM_THREADS", "8").current_dir(scratch.path(""));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let ended = Running::of(command).ended();
        assert!(ended.code.is_some_and(|code| code > 1), "{ended:#?}");
        ended.says(&["the system refuses threads (RAYON_NUM_THREADS is their number): "]);
    }
    assert!(!scratch.path("sweep").exists());
}

#[test]
fn a_run_at_work_is_not_thrown_away() {
    let scratch = Scratch::new();
    let argv = "backend.argv=[sh,-c,'echo > ready; while :; do sleep 0.05; done']";
    let mut running = scratch.start(&["backend=command", argv, "hydra.run.dir=outputs/a"]);
    assert!(running.until(|| scratch.path("ready").exists() && is_at_work(&scratch.path("outputs/a"))));
    let refused = scratch.exp(&["rm", "outputs/a"]);
    assert_eq!(refused.code, Some(2));
    refused.says(&["works on outputs/a"]);
    assert_eq!(first_words(&scratch.ok(&["ls", "state=running"])), ["outputs/a"]);
    running.signal("KILL");
    running.ended();
    // Nobody wrote down that it ended.
    let pid = json(scratch.path("outputs/a/status.json"))["owner"]["pid"].to_string();
    std::process::Command::new("kill").args(["-9", "--", &format!("-{pid}")]).status().unwrap();
    until_gone(&pid);
    assert_eq!(first_words(&scratch.ok(&["ls", "state=interrupted"])), ["outputs/a"]);
    let listed: serde_json::Value = serde_json::from_str(&scratch.ok(&["ls", "--json"]).out).unwrap();
    assert!(listed[0]["seconds"].is_null(), "nobody knows when it ended");
    let watched = scratch.exp(&["watch", "outputs/a"]);
    assert_eq!(watched.code, Some(130), "{watched:#?}");
    watched.says(&["to go on: exp resume outputs/a"]);
}

#[test]
fn training_leaves_checkpoints_curves_and_a_page() {
    let scratch = Scratch::new();
    scratch.ok(&tiny(&["hydra.run.dir=outputs/a", "train.keep=9", "train.preview_every=2"]));
    let shown = scratch.ok(&["show", "outputs/a"]);
    shown.says(&["samples/previews/2.png", "2, 4, 6", "train.steps", "`train.steps=6`", "fd_pixel"]);
    // A damaged one is none of those that are kept.
    let state = scratch.path("outputs/a/checkpoints/6/state.safetensors");
    let sound = fs::read(&state).unwrap();
    fs::write(&state, "").unwrap();
    scratch.ok(&["gc", "--dry-run"]).says(&["would delete outputs/a/checkpoints/2", "1 checkpoints"]);
    fs::write(&state, sound).unwrap();
    scratch.ok(&["gc", "--dry-run"]).says(&["2 checkpoints"]);
    scratch.ok(&["gc"]).says(&["outputs/a/checkpoints/2", "outputs/a/checkpoints/4"]);
    scratch.ok(&["show", "outputs/a"]).says(&["Checkpoints\n  6\n"]);
    scratch.ok(&["report", "outputs/a"]);
    let page = text(scratch.path("outputs/a/report.html"));
    let parts = ["<svg", "data:image/png;base64,", "`train.steps=6`", "grad_norm/torso", "fd_pixel"];
    assert!(parts.iter().all(|part| page.contains(part)), "{page}");
    assert!(!page.contains("http://") || page.matches("http://").all(|_| page.contains("http://www.w3.org")));
    scratch.ok(&["plot", "outputs/a"]);
    for name in ["loss", "grad_norm", "noise-levels", "the-grid"] {
        assert!(text(scratch.path("outputs/a/plots").join(format!("{name}.svg"))).starts_with("<svg"), "{name}");
    }
    // What a resumed run changes has its new origin.
    scratch.ok(&["resume", "outputs/a", "train.steps=8"]);
    scratch.ok(&["show", "outputs/a", "train.steps"]).says(&["8", "`train.steps=8`"]);
    let words = |key: &str| scratch.ok(&["show", "outputs/a"]).out.contains(key);
    assert!(words(" train.steps=8\n") && !words(" train.steps=6 "), "nor is what it stands for an override any more");
    let machine = text(scratch.path("outputs/a/environment.jsonl"));
    assert_eq!(machine.lines().count(), 2, "one line a process: {machine}");
    let listed: serde_json::Value = serde_json::from_str(&scratch.ok(&["ls", "--json"]).out).unwrap();
    assert_eq!(listed[0]["started"], rows(scratch.path("outputs/a/environment.jsonl"))[0]["started"]);
}

#[test]
fn an_export_without_a_row_says_where_the_figures_are() {
    let scratch = Scratch::new();
    let words = ["backend=command", "backend.argv=[sh,-c,\"echo '{\\\"fd\\\":3}'\"]", "hydra.run.dir=outputs/a"];
    scratch.ok(&words);
    let ended = scratch.ok(&["export", "outputs/a", "--out", "table.csv"]);
    ended.says(&["warning: there are no metrics, and no row is written", "exp ls --csv outputs/a"]);
    assert!(scratch.ok(&["ls", "--csv", "outputs/a"]).out.starts_with("run,state,fd,"));
}
