//! What is measured: by `exp eval` of a checkpoint, and of a run at its end; and where it is shown.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;

use support::{Scratch, json, repeated, rows, text};

#[test]
fn figures_of_a_checkpoint_are_those_of_the_run() {
    let scratch = Scratch::new();
    let run = scratch.tiny_run("run", &["eval.metrics=[fd_pixel,fd_random]", "train.eval_every=2", "train.keep=9"]);
    let before = repeated(&run);
    let report = json(run.join("report.json"));
    let eval = |words: &[&str], name: &str| {
        scratch.ok(&[&["eval", "run"], words].concat()).says(&["  fd_pixel ", "  fd_random"]);
        json(run.join("eval").join(name).join("report.json"))
    };
    let last = eval(&[], "last-32");
    for name in ["fd_pixel", "fd_random", "fd_pixel/two_step", "fd_random/two_step"] {
        assert_eq!(last[name], report[name], "{name}");
    }
    let rows = rows(run.join("metrics.jsonl"));
    let row = |step: u64| rows.iter().find(|row| row["step"] == step && row.contains_key("fd_pixel")).unwrap();
    let more = eval(&["eval.beside=[kid,precision_recall]", "eval.methods=[one_step]", "--checkpoint", "4"], "4-32");
    let figures: Vec<&str> = more.as_object().unwrap().keys().map(String::as_str).collect();
    let beside = ["kid_random", "precision_random", "recall_random"];
    assert_eq!(figures, [&["fd_pixel", "fd_random", "fd_random_mu_diff"][..], &beside].concat());
    assert!(beside[1..].iter().all(|name| (0.0..=1.0).contains(&more[*name].as_f64().unwrap())), "{more}");
    assert!(more["kid_random"].as_f64().unwrap() > 0.0, "it has hardly learnt anything");
    let second = eval(&["--checkpoint", "2"], "2-32");
    assert_eq!(
        [&second["fd_random"], &second["fd_pixel/two_step"]],
        [&row(2)["fd_random"], &row(2)["fd_pixel/two_step"]]
    );
    let least = [2, 4, 6].map(|step| row(step)["fd_random"].as_f64().unwrap()).into_iter().reduce(f64::min);
    assert_eq!(eval(&["--checkpoint", "best:fd_random"], "best-fd_random-32")["fd_random"].as_f64(), least);
    let other = scratch.exp(&["eval", "run", "--checkpoint", "5"]);
    other.says(&["has no checkpoint of step 5; there are 2, 4, 6"]);
    assert_eq!((other.code, scratch.path("run/eval/5-32").exists()), (Some(2), false));
    assert_eq!(scratch.exp(&["eval", "run", "--checkpoint", "newest"]).code, Some(2));
    let nothing = scratch.exp(&["eval", "run", "eval.metrics=[]"]);
    assert_eq!(nothing.code, Some(2));
    nothing.says(&["eval.metrics: is empty, so there is nothing to measure"]);
    assert!(before.iter().all(|(name, bytes)| repeated(&run).get(name) == Some(bytes)), "the run was changed");
}

#[test]
fn the_error_against_the_exact_denoiser_is_measured_by_level() {
    let scratch = Scratch::new();
    let run = scratch.tiny_run("run", &[]);
    let words = ["eval", "run", "eval.metrics=[pae]", "eval.pae.images=8", "eval.pae.levels=3", "eval.pae.draws=2"];
    let ended = scratch.ok(&words);
    let report = json(run.join("eval/last-32/report.json"));
    let names: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names[..2], ["pae", "pae_variance"]);
    assert_eq!((names.len(), names[4]), (5, "pae/0.020"));
    let levels: Vec<f64> = names[2..].iter().map(|&name| report[name].as_f64().unwrap()).collect();
    let mean = levels.iter().sum::<f64>() / 3.0;
    assert!((report["pae"].as_f64().unwrap() - mean).abs() < 1e-12 && mean > 0.0);
    ended.says(&[&format!("  pae           {mean:.4}\n")]);
    assert!(!ended.out.contains("pae/"), "{}", ended.out);
}

/// What is judged is compared with all of the data, whatever is to be drawn.
#[test]
fn figures_are_of_all_classes() {
    let scratch = Scratch::new();
    let words = ["model=mincy_small", "model.torso.num_init_channels=4", "train.steps=2", "train.batch=4", "eval.n=16"];
    let report = |name: &str, classes: &str| {
        let more = [format!("hydra.run.dir={name}"), format!("sample.classes={classes}")];
        scratch.ok(&[&words[..], &more.each_ref().map(String::as_str)].concat());
        (json(scratch.path(name).join("report.json")), fs::read(scratch.path(name).join("samples/grid.png")).unwrap())
    };
    let (all, threes) = (report("all", "null"), report("threes", "[3]"));
    assert_eq!(all.0, threes.0);
    assert_ne!(all.1, threes.1, "the picture shows what was asked for");
}

#[test]
fn every_metric_is_judged_by_every_method() {
    let scratch = Scratch::new();
    let run = scratch.tiny_run("run", &["eval.metrics=[fd_random,fd_pixel]", "train.eval_every=3"]);
    let report = json(run.join("report.json"));
    let figures: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    let random = |rest: &str| ["", "_mu_diff"].map(|part| format!("fd_random{part}{rest}"));
    let one_step = ["fd_pixel".to_owned()].into_iter().chain(random("")).chain(["fd_pixel_untrained".to_owned()]);
    let expected = one_step.chain(["fd_pixel/two_step".to_owned()]).chain(random("/two_step"));
    assert!(expected.eq(figures.iter().map(|&name| name.to_owned())), "{figures:?}");
    assert!(report.as_object().unwrap().values().all(|value| value.as_f64().unwrap() > 0.0), "{report}");
    let measured = rows(run.join("metrics.jsonl"));
    assert_eq!(
        measured.iter().filter(|row| row.contains_key("fd_random") && row.contains_key("fd_pixel/two_step")).count(),
        2
    );
}

#[test]
fn what_was_drawn_and_measured_later_is_shown_with_the_run() {
    let scratch = Scratch::new();
    scratch.tiny_run("outputs/a", &[]);
    assert!(!scratch.ok(&["show", "outputs/a"]).out.contains("Evaluations"));
    scratch.ok(&["eval", "outputs/a", "eval.n=16"]);
    scratch.ok(&["eval", "outputs/a", "eval.n=16", "eval.methods=[two_step]"]);
    scratch.ok(&["sample", "outputs/a", "sample.n=2"]);
    let figure = |dir: &str, name: &str| json(scratch.path(dir).join("report.json"))[name].as_f64().unwrap();
    let is = |cell: &str, dir: &str, name: &str| (cell.parse::<f64>().unwrap() - figure(dir, name)).abs() < 1e-3;
    let shown = scratch.ok(&["show", "outputs/a"]).out;
    let lines: Vec<&str> = shown.lines().skip_while(|line| *line != "Evaluations").take(4).collect();
    let cells = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(cells(lines[1]), ["directory", "state", "fd_pixel", "fd_pixel/two_step", "overrides"], "{shown}");
    let [first, second] = [cells(lines[2]), cells(lines[3])];
    assert_eq!((first[0].as_str(), &first[4..]), ("eval/last-16", &["eval.n=16".to_owned()][..]), "{shown}");
    assert!(is(&first[2], "outputs/a/eval/last-16", "fd_pixel"), "{shown}");
    assert!(is(&second[3], "outputs/a/eval/last-16_1", "fd_pixel/two_step"), "{shown}");
    assert_eq!(second[4..], ["eval.n=16", "eval.methods=[two_step]"]);
    assert!(shown.contains("  samples/grid.png\n  samples/last-one_step-2/grid.png\n"), "{shown}");
    let listed = scratch.ok(&["ls", "outputs/a/eval"]).out;
    assert!(listed.contains(" eval.n=16 eval.methods=[two_step]\n") && listed.contains(" eval.n=16\n"), "{listed}");
    scratch.ok(&["report", "outputs/a"]);
    let page = text(scratch.path("outputs/a/report.html"));
    for part in ["<h2>Evaluations</h2>", "last-16_1</td><td>done</td>", "eval.methods=[two_step]", "last-one_step-2"] {
        assert!(page.contains(part), "{part}");
    }
}
