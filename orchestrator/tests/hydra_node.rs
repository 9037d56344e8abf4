//! What the `hydra` node says takes effect: environment, directory, logging, commands, launchers; and a run once more.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;

use support::{Running, Scratch, assert_same, json, text, tiny};

/// A callback that writes down in `name` where and how it was called.
fn callback(event: &str, name: &str) -> String {
    format!("+hydra.callbacks.mine.{event}='echo \"$(basename $EXP_OUTPUT_DIR) $EXP_STATE\" >> {name}'")
}

#[test]
fn a_job_is_told_where_its_run_is() {
    let scratch = Scratch::new();
    let here = scratch.path("").canonicalize().unwrap();
    let words = [
        "backend=command",
        "backend.argv=[sh,-c,'echo $OUT >> seen']",
        "+out=${hydra:runtime.output_dir}",
        "+mode=${hydra:mode}",
        "+hydra.job.env_set.OUT=${hydra:runtime.output_dir}",
        "hydra.job_logging.handlers.file.filename=${hydra.runtime.output_dir}/../../out/log/a.log",
        "hydra.job.chdir=${oc.env:CHDIR}",
    ];
    fs::create_dir_all(scratch.path("out/log")).unwrap();
    let mut command = scratch.command(&[&words[..], &["hydra.run.dir=runs/it"]].concat());
    let ended = command.env("CHDIR", "true").output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let dir = here.join("runs/it").display().to_string();
    let config = json(scratch.path("runs/it/config.json"));
    assert_eq!((&config["out"], &config["mode"]), (&dir.clone().into(), &"RUN".into()));
    assert_eq!(text(scratch.path("runs/it/seen")), format!("{dir}\n"), "it works there");
    let node = text(scratch.path("runs/it/.hydra/hydra.yaml"));
    assert!(node.contains("mode: RUN") && node.contains("- hydra.mode=RUN") && node.contains("hydra_help:"), "{node}");
    assert!(scratch.path("out/log/a.log").is_file());
    // The place of the second job is taken by the first: it is told where it really is.
    let sweep = [&["-m", "hydra.sweep.dir=sweep", "+n=1,2"], &words[..4], &["hydra.sweep.subdir=same"]].concat();
    scratch.ok(&sweep);
    for name in ["same", "same_1"] {
        let config = json(scratch.path(&format!("sweep/{name}/config.json")));
        let dir = here.join("sweep").join(name).display().to_string();
        assert_eq!((&config["out"], &config["mode"]), (&dir.into(), &"MULTIRUN".into()));
    }
    assert!(text(scratch.path("sweep/multirun.yaml")).contains("mode: MULTIRUN"));
    let wrong = scratch.exp(&[&words[..4], &["hydra.job.chdir=${hydra.job.name}"]].concat());
    wrong.says(&["hydra.job.chdir: expected a boolean, found `exp`"]);
    // One directory for all jobs gives each a suffix, and none is hidden.
    scratch.ok(&[&["-m", "hydra.sweep.dir=one", "hydra.sweep.subdir=.", "+n=1,2"], &words[..4]].concat());
    assert!(scratch.path("one/_1/status.json").exists() && scratch.path("one/_2/status.json").exists());
}

#[test]
fn commands_run_beside_a_job_and_tell_how_it_ended() {
    let scratch = Scratch::new();
    let words = ["on_run_start", "on_job_start", "on_job_end", "on_run_end"].map(|event| callback(event, event));
    scratch.tiny_run("run", &words.each_ref().map(String::as_str));
    for (event, want) in [
        ("on_run_start", "run running\n"),
        ("on_job_start", "run running\n"),
        ("on_job_end", "run done\n"),
        ("on_run_end", "run done\n"),
    ] {
        assert_eq!(text(scratch.path(event)), want, "{event}");
    }
    let sweep = ["on_multirun_start", "on_multirun_end", "on_job_end"].map(|event| callback(event, "all"));
    let sweep =
        [&["-m", "hydra.sweep.dir=sweep", "train.lr=0.001,1e30"], &sweep.each_ref().map(String::as_str)[..]].concat();
    assert_eq!(scratch.exp(&tiny(&sweep)).code, Some(1));
    assert_eq!(text(scratch.path("all")), "sweep running\n0 done\n1 failed\nsweep failed\n");
    let failing = scratch.ok(&tiny(&["+hydra.callbacks.mine.on_run_start='exit 3'"]));
    failing.says(&["warning: hydra.callbacks: on_run_start: `exit 3` ended with exit status: 3"]);
}

#[test]
fn a_job_gets_its_environment_and_directory() {
    let scratch = Scratch::new();
    // The worker of this backend tells of its process, and does nothing else.
    let script = r#"#!/bin/sh
describe() { echo '{"protocol":2,"name":"told","devices":[]}'; }
check() { printf '{"spec":'; sed -n '/^  "spec": {/,$p' "$1" | sed '1s/.*/{/; $d'; printf ',"problems":[]}\n'; }
worker() {
    pwd > "$1/told"; echo "$WORD $HOME" >> "$1/told"
    echo '{"done":{"step":6,"interrupted":false,"figures":[],"grid":null}}'
}
"$@"
"#;
    let backends = scratch.path("backends");
    fs::create_dir(&backends).unwrap();
    let path = backends.join("exp-told");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = scratch.command(&tiny(&[
        "backend.name=told",
        "hydra.run.dir=run",
        "hydra.job.chdir=true",
        "+hydra.job.env_set.WORD=heard",
        "hydra.job.env_copy=[HOME]",
    ]));
    command.env("EXP_BACKENDS", &backends).env("HOME", "/home/somebody");
    let ended = Running::of(command).ended();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let told = text(scratch.path("run/told"));
    let run = scratch.path("run").canonicalize().unwrap();
    assert_eq!(told, format!("{}\nheard /home/somebody\n", run.display()));
    assert!(!text(run.join("process.json")).contains("somebody"), "values of the environment are not written down");
    scratch.exp(&tiny(&["hydra.job.env_copy=[NOT_THERE]"])).says(&["`NOT_THERE` is not set"]);
}

#[test]
fn a_job_apart_can_be_interrupted_and_resumed() {
    let scratch = Scratch::new();
    let words =
        tiny(&["train.steps=100000", "hydra.run.dir=run", "hydra.job.chdir=true", "train.checkpoint_every=50000"]);
    let mut running = scratch.start(&words);
    assert!(running.until(|| scratch.path("run/metrics.jsonl").is_file()));
    running.signal("TERM");
    assert_eq!(running.ended().code, Some(130));
    assert_eq!(json(scratch.path("run/status.json"))["state"], "interrupted");
    let step = json(scratch.path("run/status.json"))["step"].as_u64().unwrap();
    scratch.ok(&["resume", "run", &format!("train.steps={}", step + 2)]).says(&["fd_pixel"]);
}

#[test]
fn a_job_apart_computes_the_same() {
    let scratch = Scratch::new();
    let within = scratch.tiny_run("within", &[]);
    let apart = scratch.tiny_run("apart", &["+hydra.job.env_set.A=b"]);
    assert_same(&within, &apart);
    let failed = scratch.exp(&tiny(&["train.lr=1e30", "+hydra.job.env_set.A=b"]));
    assert_eq!(failed.code, Some(1));
    failed.says(&["not finite at step 2"]);
}

#[test]
fn logging_is_as_the_node_says() {
    let scratch = Scratch::new();
    let none = scratch.tiny_run("none", &["hydra/job_logging=disabled"]);
    assert!(!none.join("exp.log").exists());
    let named = scratch.tiny_run(
        "named",
        &["hydra.job.name=mine", "hydra.job_logging.formatters.simple.format='%(levelname)s %(message)s'"],
    );
    let log = text(named.join("mine.log"));
    assert!(!log.is_empty() && log.lines().all(|line| line.starts_with("INFO ")), "{log}");
    let quiet = scratch.tiny_run("quiet", &["hydra.job_logging.root.level=ERROR"]);
    assert_eq!(text(quiet.join("exp.log")), "");
    let wrong = scratch.exp(&tiny(&["hydra.job_logging.root.level=INFOO"]));
    assert_eq!(wrong.code, Some(2));
    wrong.says(&["there is no level `INFOO`", "did you mean `INFO`?"]);
}

#[test]
fn plugins_compose_and_say_what_they_cannot_do() {
    let scratch = Scratch::new();
    scratch.ok(&["--cfg", "hydra", "-p", "hydra.launcher.n_jobs", "hydra/launcher=joblib"]).says(&["-1"]);
    let words =
        ["-m", "seed=1,2", "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=x", "hydra/sweeper=optuna"];
    let refused = scratch.exp(&tiny(&words));
    assert_eq!(refused.code, Some(2));
    refused.says(&[
        "hydra.launcher.timeout_min: expected a whole number above 0",
        "hydra.sweeper.metric: missing; expected text",
    ]);
    assert!(!scratch.path("multirun").exists());
    let words =
        ["-m", "seed=1,2", "hydra/launcher=joblib", "hydra/sweeper=optuna", "+hydra.sweeper.metric=loss", "--dry-run"];
    assert!(scratch.ok(&tiny(&words)).out.contains("chosen by tpe"));
    let wrong = scratch.exp(&tiny(&["+hydra.callbacks.mine.on_job_strt='true'"]));
    wrong.says(&["hydra.callbacks.mine.on_job_strt: there is no event", "did you mean `on_job_start`?"]);
}

#[test]
fn launcher_and_sweeper_have_the_options_of_their_class() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("conf")).unwrap();
    let refused = |config: &str, words: &[&str], parts: &[&str]| {
        let rest = "\nseed: 0\nbackend: {name: command, argv: ['true']}\n";
        fs::write(scratch.path("conf/config.yaml"), config.to_owned() + rest).unwrap();
        let ended = scratch.exp(words);
        assert_eq!(ended.code, Some(2), "{config} {words:?}: {ended:#?}");
        ended.says(parts);
        assert!(!scratch.path("outputs").exists() && !scratch.path("multirun").exists());
    };
    let basic = "hydra: {launcher: {cpus_per_task: 8}}";
    refused(basic, &[], &["hydra.launcher.cpus_per_task: `BasicLauncher` has no options", "conf/config.yaml:1"]);
    refused(basic, &["--cfg", "job"], &["hydra.launcher.cpus_per_task"]);
    let sweeper = "hydra: {sweeper: {parms: {seed: '1,2'}}}";
    refused(sweeper, &[], &["hydra.sweeper.parms: `BasicSweeper` has no such option", "did you mean `params`?"]);
    let joblib = "defaults: [_self_, override hydra/launcher: joblib]\nhydra: {launcher: {n_job: 2}}";
    refused(joblib, &[], &["hydra.launcher.n_job: ", "did you mean `n_jobs`?", "conf/config.yaml:2"]);
    let optuna = "defaults: [_self_, override hydra/sweeper: optuna]\nhydra: {sweeper: {sampler: {sede: 1}}}";
    refused(optuna, &[], &["hydra.sweeper.sampler.sede: `TPESampler` has no such option", "did you mean `seed`?"]);
    // Composing takes what is added, which the sweeper does not.
    refused("", &["-m", "seed=1,2", "+hydra.sweeper.n_trails=1"], &["hydra.sweeper.n_trails: `BasicSweeper` has no"]);
    let words = ["-m", "seed=1,2", "hydra/sweeper=optuna", "+hydra.sweeper.metric=loss", "+hydra.sweeper.nope=1"];
    refused("", &words, &["hydra.sweeper.nope: `OptunaSweeper` has no such option"]);
    let there = scratch.exp(&["hydra.run.dir=.", "+x=1"]);
    assert_eq!(there.code, Some(2));
    there.says(&["name another directory", "hint: hydra.run.dir='outputs/${now:%Y-%m-%d}/${now:%H-%M-%S}'"]);
    // What is understood here beside them.
    let ours = "hydra: {sweeper: {where: seed < 2, max_batch_size: 3}}\nseed: 0\n";
    fs::write(scratch.path("conf/config.yaml"), ours).unwrap();
    assert_eq!(scratch.ok(&["-m", "seed=1,2", "--dry-run"]).out, "#0 : seed=1\n");
}

#[test]
fn a_run_is_done_once_more() {
    let scratch = Scratch::new();
    let first = scratch.tiny_run("first", &["seed=5"]);
    scratch.ok(&["--experimental-rerun", "first", "hydra.run.dir=second"]);
    assert_same(&first, &scratch.path("second"));
    scratch.ok(&["--experimental-rerun", "first", "train.steps=4", "hydra.run.dir=third"]);
    let spec = json(scratch.path("third/spec.json"));
    assert_eq!((&spec["spec"]["seed"], &spec["spec"]["train"]["steps"]), (&5.into(), &4.into()));
    let words = text(scratch.path("third/.hydra/overrides.yaml"));
    assert_eq!(words, text(first.join(".hydra/overrides.yaml")) + "- train.steps=4\n", "what it is, can be said again");
    let looked = scratch.ok(&["--experimental-rerun", "first", "train.steps=4", "hydra.run.dir=fourth", "--dry-run"]);
    assert!(looked.out.contains("\n  steps: 4\n") && !scratch.path("fourth").exists(), "{}", looked.out);
    let none = scratch.exp(&["--experimental-rerun", "nowhere"]);
    assert_eq!(none.code, Some(2));
    none.says(&["nowhere is no run directory"]);
}

#[test]
fn the_doctor_names_engines_and_keys_without_effect() {
    let scratch = Scratch::new();
    let calm = scratch.ok(&["doctor"]).out;
    assert!(calm.contains("\n  burn    cpu     burn") && calm.ends_with("Keys without effect\n  none\n"), "{calm}");
    let ours = scratch.ok(&["doctor", "hydra/launcher=local", "hydra.launcher.n_jobs=3"]).out;
    assert!(ours.ends_with("Keys without effect\n  none\n"), "{ours}");
    let words = [
        "doctor",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=3",
        "hydra.hydra_logging.root.level=DEBUG",
        "hydra.job_logging.root.level=DEBUG",
        "+hydra.callbacks.git._target_=a.B",
    ];
    let told = scratch.ok(&words).out;
    for part in [
        "\n  hydra/launcher=joblib: one run ignores it",
        "\n  hydra.launcher.n_jobs (command line: `hydra.launcher.n_jobs=3`): only basic, inline, local",
        "\n  hydra.hydra_logging.root.level (command line",
        "\n  hydra.callbacks.git._target_ (command line",
    ] {
        assert!(told.contains(part), "`{part}` is missing in\n{told}");
    }
    assert!(!told.contains("job_logging.root"), "{told}");
}
