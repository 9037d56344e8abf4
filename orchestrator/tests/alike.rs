//! `exp ls --over`: runs that differ in a setting alone, as one row.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;

use serde_json::{Value, json};
use support::Scratch;

/// Runs of a program in `sweep`, whose figure is 10 x + s; that with x = 2 and s = 3 fails.
fn sweep() -> Scratch {
    let scratch = Scratch::new();
    let script = r#"of() { sed -n "s/^ *\"$1\": \([0-9]\).*/\1/p" $EXP_CONFIG; }
        [ $(of x)$(of s) = 23 ] && exit 3; echo '{"step":1,"loss":'$(of s)'}'; echo '{"fd":'$(of x)$(of s)'}'"#;
    fs::write(scratch.path("train.sh"), script).unwrap();
    let argv = "backend.argv=[sh,train.sh]";
    let words = ["-m", "backend=command", argv, "+params.x=1,2", "+params.s=1,2,3", "hydra.sweep.dir=sweep"];
    assert_eq!(scratch.exp(&words).code, Some(1));
    scratch
}

fn rows(scratch: &Scratch, words: &[&str]) -> Vec<Value> {
    serde_json::from_str(&scratch.ok(&[&["ls", "--json"], words].concat()).out).unwrap()
}

#[test]
fn runs_that_differ_in_a_setting_alone_are_one_row() {
    let scratch = sweep();
    let listed = scratch.ok(&["ls", "sweep", "--over", "params.s", "--sort", "params.x"]).out;
    let lines: Vec<Vec<&str>> = listed.lines().map(|line| line.split("  ").map(str::trim).collect()).collect();
    let lines: Vec<Vec<&str>> =
        lines.into_iter().map(|line| line.into_iter().filter(|cell| !cell.is_empty()).collect()).collect();
    let words = "backend=command backend.argv=[sh,train.sh] +params.x=";
    let [one, two] = ["1", "2"].map(|x| format!("{words}{x}"));
    // The deviation of 21 and 22 is half the root of 2.
    let expected = [
        vec!["runs", "state", "fd", "overrides"],
        vec!["3", "done", "12 ± 1", &one],
        vec!["3", "failed,done", "21.5 ± 0.7071 (2)", &two],
    ];
    assert_eq!(lines, expected, "{listed}");
    // The lowest mean first, and what else is asked for.
    let words = ["ls", "sweep", "--over", "params.s", "--sort", "fd", "--reverse", "-c", "loss", "-c", "params.s"];
    let listed = scratch.ok(&words).out;
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[1].contains("1.5 ± 0.7071 (2)  3,2,1"), "{listed}");
    assert!(lines[2].contains("2 ± 1 ") && lines[2].contains("  3,2,1"), "{listed}");
    let cut = scratch.ok(&["ls", "sweep", "--over", "params.s", "-n", "1"]);
    assert_eq!(cut.out.lines().count(), 2);
    cut.says(&["1 of 2 rows; all of them: --all"]);
    let both = scratch.ok(&["ls", "sweep", "--over", "params.s", "--over", "params.x", "state=done"]);
    both.says(&["15.8 ± 5.2631"]);
    assert_eq!(both.out.lines().count(), 2, "{both:#?}");
}

#[test]
fn all_that_is_known_of_them_is_told_as_json() {
    let scratch = sweep();
    let found = rows(&scratch, &["sweep", "--over", "params.s", "params.x=1"]);
    assert_eq!(found.len(), 1);
    let row = &found[0];
    assert_eq!(row["figures"], json!({"fd": {"runs": 3, "mean": 12.0, "deviation": 1.0}}));
    assert_eq!(row["metrics"]["loss"], json!({"runs": 3, "mean": 2.0, "deviation": 1.0}));
    assert_eq!(
        (&row["runs"], &row["over"]),
        (&json!(["sweep/2", "sweep/1", "sweep/0"]), &json!({"params.s": [3, 2, 1]}))
    );
    assert_eq!((&row["state"], &row["config"]["params"]), (&json!(["done", "done", "done"]), &json!({"x": 1})));
    assert_eq!(row["overrides"], json!(["backend=command", "backend.argv=[sh,train.sh]", "+params.x=1"]));
}

#[test]
fn what_only_speaks_about_a_run_is_no_difference() {
    let scratch = sweep();
    let more = ["+params.x=1", "+params.s=4", "tags=[base]", "notes=late", "hydra.run.dir=outputs/a"];
    scratch.ok(&[&["backend=command", "backend.argv=[sh,train.sh]"], &more[..]].concat());
    let over = ["sweep", "outputs", "--over", "params.s"];
    let counts = |found: Vec<Value>| found.iter().map(|row| row["runs"].as_array().unwrap().len()).collect::<Vec<_>>();
    assert_eq!(counts(rows(&scratch, &over)), [4, 3], "the newest first");
    // A run whose configuration nobody knows is like no other.
    fs::remove_file(scratch.path("sweep/0/spec.json")).unwrap();
    fs::remove_file(scratch.path("sweep/1/spec.json")).unwrap();
    assert_eq!(counts(rows(&scratch, &over)), [2, 3, 1, 1]);
}

#[test]
fn a_key_that_is_no_setting_is_refused() {
    let scratch = sweep();
    let wrong = scratch.exp(&["ls", "sweep", "--over", "fd", "--over", "params.ss"]);
    assert_eq!(wrong.code, Some(2));
    wrong.says(&["fd: no run has such a setting", "params.ss: no run has such a setting", "did you mean `params.s`?"]);
    let none = scratch.exp(&["ls", "sweep", "--over", "seed", "params.x=7"]);
    assert_eq!(none.code, Some(0));
    none.says(&["no run fulfils all conditions"]);
}

#[test]
fn a_table_for_other_programs_is_whole() {
    let scratch = sweep();
    let found = scratch.ok(&["ls", "sweep", "--over", "params.s", "--sort", "params.x", "--csv"]).out;
    let root = 0.5_f64.sqrt();
    let rows = format!("3,done,1,12.0,1.0,3\n3,\"failed,done\",2,21.5,{root},2\n");
    assert_eq!(found, format!("runs,state,params.x,fd,fd deviation,fd runs\n{rows}"));
    let found = scratch.ok(&["ls", "sweep", "params.x=1", "--sort", "params.s", "--csv", "-n", "1"]).out;
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines[0], "run,state,params.s,fd,started,seconds,step,tags,note,overrides");
    let first: Vec<&str> = lines[1..].iter().map(|line| line.split(",20").next().unwrap()).collect();
    assert_eq!(first, ["sweep/0,done,1,11.0", "sweep/1,done,2,12.0", "sweep/2,done,3,13.0"], "all of them");
    let asked = scratch.ok(&["ls", "sweep", "--over", "params.s", "-c", "loss", "--csv", "params.x=1"]).out;
    assert_eq!(asked, "runs,state,loss,loss deviation,loss runs\n3,done,2.0,1.0,3\n");
}
