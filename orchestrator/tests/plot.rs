//! Charts: of several runs, and of sweeps over what their jobs differ in.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;

use support::{Scratch, first_words, text};

#[test]
fn a_sweep_is_drawn_over_what_its_jobs_differ_in() {
    let scratch = Scratch::new();
    let argv = "backend.argv=[sh,-c,\"echo '{\\\"fd\\\":3}'\"]";
    scratch.ok(&["-m", "backend=command", argv, "+params.x=1,2,3", "hydra.sweep.dir=sweep"]);
    assert_eq!(first_words(&scratch.ok(&["ls", "sweep", "--sort", "params.x"])), ["sweep/0", "sweep/1", "sweep/2"]);
    scratch.ok(&["plot", "sweep"]).says(&["sweep/plots/fd-by-params-x.svg"]);
    assert_eq!(text(scratch.path("sweep/plots/fd-by-params-x.svg")).matches("<circle").count(), 3);
    for words in [&["sample", "sweep"][..], &["eval", "sweep"], &["--experimental-rerun", "sweep"]] {
        let refused = scratch.exp(words);
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        refused.says(&["sweep is a sweep: name one of its runs"]);
    }
    scratch.ok(&["rm", "sweep"]);
    assert!(!scratch.path("sweep").exists());
}

#[test]
fn what_only_follows_from_a_swept_value_is_not_drawn() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("conf")).unwrap();
    let program = "backend: {name: command, argv: [sh, -c, \"echo '{\\\"fd\\\": 3}'\"]}";
    fs::write(scratch.path("conf/config.yaml"), format!("x: 0\ny: '${{x}}'\nsteps: 1\n{program}\n")).unwrap();
    scratch.ok(&["-m", "x=1,2", "steps=7", "hydra.sweep.dir=sweep"]);
    let drawn = scratch.ok(&["plot", "sweep"]);
    assert_eq!(drawn.out, "sweep/plots/fd-by-x.svg\n", "{drawn:#?}");
}

#[test]
fn charts_of_several_runs_lie_beside_those_of_one() {
    let scratch = Scratch::new();
    scratch.told_run("a", 3.0, &[]);
    scratch.told_run("b", 1.0, &[]);
    scratch.ok(&["plot", "outputs/a"]);
    let own = text(scratch.path("outputs/a/plots/loss.svg"));
    scratch.ok(&["plot", "outputs/a", "outputs/b"]).says(&["outputs/a/plots/loss-compared.svg"]);
    assert_eq!(text(scratch.path("outputs/a/plots/loss.svg")), own);
    assert!(text(scratch.path("outputs/a/plots/loss-compared.svg")).contains("outputs/b"));
    let argv = "backend.argv=[sh,-c,\"echo '{\\\"step\\\":1,\\\"loss\\\":3,\\\"acc\\\":1}'\"]";
    scratch.ok(&["-m", "backend=command", argv, "+params.x=1,2", "hydra.sweep.dir=sweep"]);
    let refused = scratch.exp(&["plot", "sweep"]);
    assert_eq!(refused.code, Some(2));
    refused.says(&["the runs of sweep have no figures in their reports", "hint: --key loss; their metrics: acc, loss"]);
    scratch.ok(&["plot", "sweep", "--key", "loss"]).says(&["sweep/plots/loss-by-params-x.svg"]);
}
