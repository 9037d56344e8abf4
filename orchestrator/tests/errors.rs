//! What is wrong with a configuration is said at once, with its place; and then nothing was written.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;

use support::{Ended, Scratch, checkpoints, copy_conf, json, rows, text, tiny};

/// A call that must be refused: exit code 2, all of `parts` on standard error, nothing written.
fn refused(words: &[&str], parts: &[&str]) -> Ended {
    let scratch = Scratch::new();
    let ended = scratch.exp(words);
    assert_eq!(ended.code, Some(2), "{words:?}: {ended:#?}");
    for part in parts {
        assert!(ended.err.contains(part), "{words:?}: `{part}` is missing in\n{}", ended.err);
    }
    assert_eq!((scratch.names(), ended.out.as_str()), (vec![], ""), "{words:?}");
    ended
}

#[test]
fn an_unknown_key_names_the_nearest_one() {
    refused(&["train.stepz=3"], &["train.stepz: ", "`train.stepz=3`", "did you mean `steps`?"]);
    refused(&["+train.stepz=3"], &["train.stepz: ", "`+train.stepz=3`", "did you mean `steps`?"]);
    refused(&["model.torso.n_channels=3"], &["model.torso.n_channels: ", "`model.torso.n_channels=3`"]);
    refused(&["~train.stepz"], &["train.stepz", "`~train.stepz`"]);
    refused(&["trian.steps=3"], &["trian", "`trian.steps=3`", "train"]);
    // Of a name that stands in one place only, that place.
    refused(&["lr=3"], &["lr: there is no key `lr` here", "did you mean `train.lr`?"]);
    refused(
        &["+width=3"],
        &["width: there is no such key", "track, tags, notes, params; keys of your own go under `params`"],
    );
}

#[test]
fn an_experiment_that_forgot_its_package_is_told_so() {
    let scratch = Scratch::new();
    copy_conf(&scratch.path("conf"));
    let file = scratch.path("conf/experiment/mine.yaml");
    fs::write(&file, "train:\n  steps: 3\n").unwrap();
    let ended = scratch.exp(&["+experiment=mine"]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    ended.says(&["conf/experiment/mine.yaml:1", "hint: `# @package _global_` as the first line of the file"]);
    fs::write(&file, "train:\n  stepz: 3\nlr: 2\n").unwrap();
    scratch.exp(&["+experiment=mine"]).says(&["experiment: there is no such key", "hint: one of: seed,"]);
}

#[test]
fn all_options_that_are_not_there_are_told_at_once() {
    let ended = refused(&["ema=shrt", "model=smal"], &["there is no `ema/shrt`", "there is no `model/smal`"]);
    assert_eq!(ended.err.matches("error: ").count(), 2, "{ended:#?}");
}

#[test]
fn a_wrong_value_names_what_it_overrode() {
    let steps = [
        "error: train.steps: expected a whole number of at least 1, found `abc`\n",
        "--> command line: `train.steps=abc`\n",
        "overrides <built-in>/train/small.yaml:6, which overrides <built-in>/train/ict.yaml:2\n",
    ];
    refused(&["train.steps=abc"], &steps);
    for (word, found) in [
        ("train.steps=1.5", "found 1.5"),
        ("train.steps=null", "found null"),
        ("train.batch=0", "found 0"),
        ("loss.huber.c=-0.03", "expected a number above 0, found -0.03"),
        ("ema.beta=1.5", "found 1.5"),
        ("train.optimizer=adamw", "adam"),
        ("train.betas=[0.9]", "train.betas"),
        ("model.head.n_channels=[1]", "model.head.n_channels"),
        ("train=7", "train"),
        ("track.mlflow.url=localhost:5000", "expected an address such as http://localhost:5000"),
        ("track.mlflow.url=http://me:secret@host", "read from MLFLOW_TRACKING_USERNAME"),
    ] {
        refused(&[word], &[&format!("`{word}`"), found]);
    }
    // Of two words for one key the last one counts, and it overrode the first.
    let trail = "overrides command line: `train.lr=2`, which overrides <built-in>/train/small.yaml:8";
    refused(&["train.lr=2", "train.lr=0"], &["--> command line: `train.lr=0`\n", trail]);
}

#[test]
fn an_unknown_option_lists_what_there_is() {
    refused(&["model=scorehead"], &["`model/scorehead`", "score_head", "small"]);
    refused(&["dataset=mnist"], &["`dataset/mnist`", "cifar10", "digits8"]);
    refused(&["+experiment=quickstrat"], &["`experiment/quickstrat`", "quickstart"]);
    refused(&["model/head=unet"], &["`model/head/unet`", "unetpp"]);
}

#[test]
fn data_must_be_named_and_readable() {
    refused(&["dataset=cifar10"], &["dataset.dir: ", "<built-in>/dataset/cifar10.yaml:3", "dataset.dir=..."]);
    let unreadable = ["dataset.dir: ", "/nowhere/at/all", "`dataset.dir=/nowhere/at/all`"];
    refused(&["dataset=cifar10", "dataset.dir=/nowhere/at/all"], &unreadable);

    // A folder that holds no data, and one that holds something else under its name.
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("data")).unwrap();
    let words = ["dataset=cifar10", "dataset.dir=data"];
    let empty = scratch.exp(&words);
    fs::write(scratch.path("data/train-0.parquet"), "no parquet").unwrap();
    let torn = scratch.exp(&words);
    for ended in [empty, torn] {
        assert_eq!(ended.code, Some(2), "{ended:#?}");
        ended.says(&["dataset.dir: ", "`dataset.dir=data`", &scratch.path("data").display().to_string()]);
    }
    assert_eq!(scratch.names(), ["data"]);
}

#[test]
fn a_backend_must_be_there_and_able() {
    refused(&["backend.name=nope"], &["backend.name: ", "`nope`", "burn", "exp-nope", "`backend.name=nope`"]);
    refused(&["backend.name=../burn"], &["backend.name: ", "`backend.name=../burn`"]);
    refused(&["backend.device=cuda:0"], &["backend.device", "`backend.device=cuda:0`"]);
    refused(&["backend.precision=bf16"], &["backend.precision: ", "f32", "`backend.precision=bf16`"]);
    refused(&["sample.method=heun", "model.head=null"], &["sample.method", "head"]);
}

#[test]
fn what_cannot_be_done_names_its_key() {
    refused(&["hydra.run.dir=${nope}"], &["hydra.run.dir: ", "`nope`"]);
    refused(&["~notes"], &["cannot be deleted: it is null"]);
    refused(&["seed=-1"], &["seed: expected a whole number of at least 0, found -1"]);
    refused(&["watch", "nowhere"], &["nowhere"]);
}

#[test]
fn all_problems_come_at_once() {
    let words = ["train.steps=abc", "train.batch=0", "+loss.nope=3", "loss.huber.c=-1", "dataset=cifar10"];
    let ended = refused(&words, &["train.steps: ", "train.batch: ", "loss.nope: ", "loss.huber.c: ", "dataset.dir: "]);
    assert_eq!(ended.err.matches("error: ").count(), 5, "{}", ended.err);
    // Those that only the whole spec shows come together too.
    let words = ["backend.precision=bf16", "schedule.sigma_min=90", "dataset=cifar10", "dataset.dir=/nowhere"];
    let ended = refused(&words, &["backend.precision: ", "schedule.sigma_m", "dataset.dir: "]);
    assert!(ended.err.matches("error: ").count() >= 3, "{}", ended.err);
    // So do those of words that mean nothing and of the others.
    let ended = refused(&["train.lrr=1", "train.lr=-1", "seed=abc"], &["train.lrr: ", "train.lr: ", "seed: "]);
    assert_eq!(ended.err.matches("error: ").count(), 3, "{}", ended.err);
    // A sweep is refused as a whole, before its first job, and says which one.
    refused(&["-m", "train.steps=5,0"], &["in the job `train.steps=0`:", "train.steps: ", "found 0"]);
    // All jobs, and what is the same in several of them once.
    let both =
        ["in the job `train.lr=1 train.batch=0`, and in 1 more:", "in the job `train.lr=-1 train.batch=16`, and"];
    refused(&["-m", "train.lr=1,-1", "train.batch=16,0"], &both);
    let looked = Scratch::new().exp(&["-m", "train.lr=1,-1", "train.batch=16,0", "--dry-run"]);
    looked.says(&both);
    assert_eq!((looked.code, looked.out.as_str()), (Some(2), "#0 : train.lr=1 train.batch=16\n"), "the right ones");
    refused(&["-m", "loss=l2,nope", "train.batch=0,16"], &["in the job `loss=l2 train.batch=0`:", "nope"]);
    let ended = refused(&["-m", "train.stepz=range(100)"], &["in the job `train.stepz=0`, and in 99 more:"]);
    assert_eq!(ended.err.matches("error: ").count(), 1, "{ended:#?}");
    refused(&["-m", "notes=a", "loss=l2,nope"], &["in the job `notes=a loss=nope`:", "nope"]);
    // Also where it is only looked at.
    let words = ["-m", "hydra/launcher=local", "hydra.launcher.n_jobs=0", "seed=1,2", "--dry-run"];
    refused(&words, &["hydra.launcher.n_jobs: expected a whole number of at least 1"]);
    refused(&["-m", "seed=1,2", "hydra.sweep.dir=${nope}", "--dry-run"], &["hydra.sweep.dir: ", "`nope`"]);
    let added = ["-m", "+hydra.launcher.n_jobs=2", "seed=1,2"];
    refused(&added, &["hydra.launcher.n_jobs", "`basic`, one job at a time, has no options", "hydra/launcher=local"]);
}

#[test]
fn a_problem_in_a_file_has_its_line() {
    let scratch = Scratch::new();
    let place = |name: &str| scratch.path("other").join(name);
    let line = |name: &str, start: &str| {
        let number = text(place(name)).lines().position(|line| line.starts_with(start)).unwrap() + 1;
        format!("--> other/{name}:{number}\n")
    };
    copy_conf(&scratch.path("other"));
    let small = text(place("train/small.yaml")) + "stepz: 3\n";
    fs::write(place("train/small.yaml"), small.replace("batch: 16", "batch: many")).unwrap();
    let loss = text(place("loss/paper.yaml")).replace("kind: huber", "kind: huger");
    fs::write(place("loss/paper.yaml"), loss).unwrap();
    let ended = scratch.exp(&["--config-path", "other"]);
    assert_eq!(ended.code, Some(2));
    ended.says(&[
        &format!("error: train.stepz: there is no such key\n  {}", line("train/small.yaml", "stepz")),
        "did you mean `steps`?",
        &format!("found `many`\n  {}", line("train/small.yaml", "batch")),
        "overrides other/train/ict.yaml:3",
        &line("loss/paper.yaml", "kind"),
        "`huger`",
    ]);
    assert_eq!(ended.err.matches("error: ").count(), 3, "{}", ended.err);

    // A file that is no YAML, and one that asks for what is not there.
    fs::write(place("train/small.yaml"), "steps: [1\n").unwrap();
    let ended = scratch.exp(&["--config-path", "other"]);
    assert_eq!(ended.code, Some(2));
    ended.says(&["other/train/small.yaml:"]);
    fs::write(place("train/small.yaml"), "defaults:\n  - itc\n").unwrap();
    let ended = scratch.exp(&["--config-path", "other"]);
    assert_eq!(ended.code, Some(2));
    ended.says(&["`train/itc`", "ict", "train/small"]);
    assert_eq!(scratch.names(), ["other"]);
}

#[test]
fn a_wrong_command_line_is_explained() {
    for (words, part) in [
        (&["resum", "x"][..], "did you mean `resume`?"),
        (&["resume"], "needs a directory"),
        (&["train.steps=1", "more"], "`more` is no override"),
        (&["--config-path", "nowhere"], "nowhere"),
        (&["train.steps=[1"], "train.steps=[1"),
        (&["train.steps=1,2"], "train.steps=1,2"),
    ] {
        refused(words, &[part]);
    }
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run() {
    let scratch = Scratch::new();
    let words = ["train.lr=1e30", "train.checkpoint_every=1", "train.log_every=1", "hydra.run.dir=run"];
    let ended = scratch.exp(&tiny(&words));
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    ended.says(&["loss/consistency is not finite at step 2", "the checkpoint of step 1 is good"]);
    assert_eq!(ended.err.matches("not finite").count(), 1, "said once: {ended:#?}");
    let run = scratch.path("run");
    let status = json(run.join("status.json"));
    assert_eq!(status["state"], "failed");
    assert!(status["cause"].as_str().unwrap().contains("loss/consistency is not finite at step 2"));
    assert!(text(run.join("exp.log")).contains("[ERROR] - loss/consistency is not finite at step 2"));
    assert_eq!((checkpoints(&run), rows(run.join("metrics.jsonl")).len()), (vec![1], 1));
    assert!(!run.join("report.json").exists());

    // The loss of the last step is finite, and the update behind it is not: no checkpoint is made of that, nor an end.
    let ended = scratch.exp(&tiny(&["train.lr=1e39", "train.steps=1", "hydra.run.dir=one"]));
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    ended.says(&["the parameter torso/", " is not finite at step 1; there is no checkpoint yet"]);
    let one = scratch.path("one");
    assert_eq!(json(one.join("status.json"))["state"], "failed");
    assert!(!one.join("checkpoints").exists() || checkpoints(&one).is_empty());

    // What went well before stays, and is where the run goes on once the cause is gone.
    let run = scratch.tiny_run("later", &[]);
    let good = fs::read(run.join("checkpoints/6/state.safetensors")).unwrap();
    let words =
        ["resume", "later", "train.steps=20", "train.checkpoint_every=10", "--allow", "train.lr", "train.lr=1e30"];
    let ended = scratch.exp(&words);
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    ended.says(&["is not finite at step 8", "the checkpoint of step 6 is good"]);
    assert_eq!(checkpoints(&run), [4, 6]);
    assert_eq!(fs::read(run.join("checkpoints/6/state.safetensors")).unwrap(), good);
    scratch.ok(&["resume", "later", "train.lr=0.001", "--allow", "train.lr"]).says(&["resumed from step 6\n"]);
    assert_eq!(json(run.join("status.json"))["state"], "done");
}

#[test]
fn a_failed_job_does_not_end_its_sweep() {
    let scratch = Scratch::new();
    let ended = scratch.exp(&tiny(&["-m", "train.lr=0.001,1e30,0.002", "hydra.sweep.dir=sweep"]));
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    ended.says(&["#1 failed: ", "not finite at step 2", "sweep/1"]);
    let states = ["0", "1", "2"].map(|job| json(scratch.path("sweep").join(job).join("status.json"))["state"].clone());
    assert_eq!(states, ["done", "failed", "done"]);
}

#[test]
fn the_place_of_an_error_is_shown_with_a_caret() {
    refused(&["train.lr=[1,2"], &["column 14: expected `]`", "\n   | train.lr=[1,2\n   |              ^"]);
    let scratch = Scratch::new();
    copy_conf(&scratch.path("conf"));
    let list = scratch.path("conf/config.yaml");
    fs::write(&list, "defaults:\n- overide train: small\n").unwrap();
    let says = |ended: &Ended, level: &str| {
        let place = "\n  2 | - overide train: small\n    |   ^^^^^^^\n  hint: did you mean `override`?";
        for part in [&format!("{level}: defaults: `overide` before a group means nothing and is ignored"), place] {
            assert!(ended.err.contains(part), "`{part}` is missing in\n{}", ended.err);
        }
    };
    // Hydra composes this, so it is a warning; unless the lists do not go together, which it then is the reason of.
    let composed = scratch.exp(&["--cfg", "job"]);
    assert_eq!(composed.code, Some(0));
    says(&composed, "warning");
    fs::write(&list, "defaults:\n- overide train: small\n- train: ict\n").unwrap();
    let refused = scratch.exp(&["--cfg", "job"]);
    assert_eq!(refused.code, Some(2));
    says(&refused, "error");
}

#[test]
fn a_wrong_value_in_a_file_is_underlined() {
    let scratch = Scratch::new();
    copy_conf(&scratch.path("conf"));
    fs::write(scratch.path("conf/train/mine.yaml"), "defaults:\n- small\n- _self_\nsteps: none # to do\n").unwrap();
    let ended = scratch.exp(&["train=mine"]);
    assert!(ended.err.contains("\n  4 | steps: none # to do\n    |        ^^^^\n"), "{}", ended.err);
}

#[test]
fn whole_messages() {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path("conf/db")).unwrap();
    fs::write(scratch.path("conf/config.yaml"), "defaults:\n- db: mysql\n- _self_\nlr: 0.1\nlst: [1]\n").unwrap();
    fs::write(scratch.path("conf/twice.yaml"), "a: 1\nb: 2\na : 3\n").unwrap();
    fs::write(scratch.path("conf/db/mysql.yaml"), "port: 1\n").unwrap();
    let word = |word: &str, at: usize, width: usize| {
        format!("  --> command line: `{word}`\n   |\n   | {word}\n   | {}{}\n", " ".repeat(at), "^".repeat(width))
    };
    for (words, want) in [
        (
            &["db=mysq"][..],
            format!(
                "error: there is no `db/mysq`, which `config` asks for; the options are mysql\n{}  hint: did you mean `mysql`?\n",
                word("db=mysq", 3, 4)
            ),
        ),
        (
            &["+db=mysql"],
            format!(
                "error: db: chosen more than once\n{}  overrides conf/config.yaml:2\n  \
                 hint: to change the option, drop the +: db=mysql\n",
                word("+db=mysql", 4, 5)
            ),
        ),
        (
            &["hydra/launchr=basic"],
            format!(
                "error: hydra/launchr: there is no key `hydra/launchr` here\n{}  \
                 hint: did you mean the group `hydra/launcher`?\n",
                word("hydra/launchr=basic", 0, 13)
            ),
        ),
        (
            &["nope.x=1", "lst.0.x=2"],
            format!(
                "error: nope: there is no key `nope` here\n{}  hint: to add a key: +nope.x=1\n\
                 error: lst.0: here stands an integer, which has no keys\n{}  overrides conf/config.yaml:5\n",
                word("nope.x=1", 0, 4),
                word("lst.0.x=2", 4, 1)
            ),
        ),
        (
            &["~lrr"],
            format!(
                "error: lrr: cannot be deleted: it does not exist\n{}  hint: did you mean `lr`?\n",
                word("~lrr", 1, 3)
            ),
        ),
        (
            &["-cn", "twice"],
            "error: a: duplicate key `a`\n  --> conf/twice.yaml:3\n    |\n  3 | a : 3\n    | ^\n  \
             hint: it is in line 1 too\n"
                .to_owned(),
        ),
    ] {
        assert_eq!(scratch.exp(&[&["--cfg", "job"], words].concat()).err, want, "{words:?}");
    }
}

#[test]
#[cfg(unix)]
fn a_word_that_is_no_text_is_refused_and_not_changed() {
    use std::os::unix::ffi::OsStrExt;
    let scratch = Scratch::new();
    let mut command = scratch.command(&["resume"]);
    let ended = command.arg(std::ffi::OsStr::from_bytes(b"a\xff")).output().unwrap();
    let err = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!((ended.status.code(), err.as_str()), (Some(2), "error: `a\u{fffd}` is no text in UTF-8\n"));
}

#[test]
fn the_caret_stands_under_what_is_wrong() {
    refused(&["train={n: 1}"], &["train.n: there is no such key", "   | train={n: 1}\n   |        ^\n"]);
    refused(&["+train.stepz=3"], &["   | +train.stepz=3\n   |        ^^^^^\n"]);
    // What a list was set over, its items were.
    refused(&["train.betas=[2,0.5]"], &["train.betas.0: ", "\n  overrides <built-in>/train/small.yaml:"]);
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("conf")).unwrap();
    let tree = "backend: {name: burn}\nnet:\n  _target_: my.net.Net\n";
    std::fs::write(scratch.path("conf/config.yaml"), tree).unwrap();
    scratch.exp(&[]).says(&["net: there is no such key", "  3 |   _target_: my.net.Net\n    |   ^^^^^^^^^\n"]);
}

#[test]
fn a_tree_of_another_program_is_told_what_it_lacks() {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("conf")).unwrap();
    std::fs::write(scratch.path("conf/config.yaml"), "task_name: train\nwork_dir: ???\n").unwrap();
    for words in [vec![], vec!["-m", "task_name=a,b"]] {
        let ended = scratch.exp(&words);
        ended.says(&["this configuration names no backend", "hint: ", "+backend.name=command", "--cfg job"]);
        assert_eq!((ended.code, ended.err.matches("error: ").count()), (Some(2), 1), "{}", ended.err);
    }
    let program = ["+backend.name=command", "+backend.argv=[sh,-c,'cat $EXP_CONFIG']", "hydra.run.dir=r"];
    scratch.ok(&program).says(&["warning: work_dir: no value is given"]);
    // A package of Python is no directory; what is needed of it would be missed by name.
    scratch.ok(&["hydra.searchpath=[pkg://other.conf]", "--cfg", "job"]).says(&["`pkg://` names no directory"]);
    let program = ["+backend.name=command", "+backend.argv=[true]", "work_dir=${eval:1}"];
    scratch.exp(&program).says(&["unknown resolver `eval`", "in Python are not here"]);
}
