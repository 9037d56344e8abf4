//! What Hydra 1.3 lacks, each in a form that it refuses: `extend_list(...)`, `replace(...)` and `zip(...)` are unknown functions
//! to it, `!replace` an unknown tag.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;

use support::Scratch;

fn tree() -> Scratch {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("conf")).unwrap();
    let text = "tags: [a]\nsame: ${tags}\nn: 1\nm: 2\nnone: null\nmaps: [{k: 1}]\n";
    fs::write(scratch.path("conf/config.yaml"), text).unwrap();
    scratch
}

fn config(package: &str, words: &[&str]) -> String {
    tree().ok(&[&["--cfg", "job", "-p", package], words].concat()).out
}

#[test]
fn a_list_is_extended() {
    let tags = |words: &[&str]| config("tags", words);
    assert_eq!(tags(&["tags=extend_list(b,3)"]), "# @package tags\n- a\n- b\n- 3\n");
    assert_eq!(
        tags(&["tags=extend_list(b)", "tags=extend_list([c],'d e')"]),
        "# @package tags\n- a\n- b\n- - c\n- d e\n"
    );
    assert_eq!(tags(&["tags=extend_list()"]), "# @package tags\n- a\n");
    assert_eq!(config("maps", &["maps=extend_list({k:2})"]), "# @package maps\n- k: 1\n- k: 2\n");
    // A list that is referred to is copied first; what it referred to stays.
    let both = tree().ok(&["--cfg", "job", "same=extend_list(b)"]).out;
    assert!(both.starts_with("tags:\n- a\nsame:\n- a\n- b\n"), "{both}");
}

#[test]
fn only_a_list_that_is_there_is_extended() {
    for (word, why) in [
        ("n=extend_list(2)", "only a list can be extended, found an integer"),
        ("none=extend_list(2)", "only a list can be extended, found null"),
        ("nope=extend_list(2)", "to add one: +nope=[...]"),
        ("+tags=extend_list(2)", "without a prefix"),
        ("tags=[extend_list(2)]", "cannot stand inside another value"),
        ("tags=extend_lst(2)", "did you mean `extend_list`?"),
    ] {
        let ended = tree().exp(&["--cfg", "job", word]);
        assert_eq!(ended.code, Some(2), "{word}");
        assert!(ended.err.contains(why), "{word}: {}", ended.err);
    }
}

#[test]
fn sweeps_are_paired() {
    let listed = |words: &[&str]| tree().ok(&[&["-m", "--dry-run"], words].concat()).out;
    assert_eq!(listed(&["n=zip(1,2)", "m=zip(x,y)"]), "#0 : n=1 m=x\n#1 : n=2 m=y\n");
    // The words of a job are words that can be typed again.
    assert_eq!(
        listed(&["tags=extend_list('b c')", "n=1,2"]),
        "#0 : tags=extend_list(b\\ c) n=1\n#1 : tags=extend_list(b\\ c) n=2\n"
    );
    let ended = tree().exp(&["-m", "--dry-run", "n=zip(1,2)", "m=zip(1)"]);
    assert!(ended.err.contains("m: 1 values cannot be paired with the 2 of `n`"), "{}", ended.err);
}

#[test]
fn a_map_is_replaced_instead_of_merged() {
    assert_eq!(config("maps", &["+maps.0.more={a:1,b:2}", "maps.0=replace({c:3})"]), "# @package maps\n- c: 3\n");
    let scratch = tree();
    let base = "optimizer:\n  name: sgd\n  momentum: 0.9\nsizes: [1, 2]\n";
    fs::write(scratch.path("conf/base.yaml"), base).unwrap();
    fs::write(
        scratch.path("conf/top.yaml"),
        "defaults:\n- base\n- _self_\noptimizer: !replace\n  name: adam\nsizes: !replace [3]\n",
    )
    .unwrap();
    let replaced = scratch.ok(&["--cfg", "job", "-cn", "top"]).out;
    assert_eq!(replaced, "optimizer:\n  name: adam\nsizes:\n- 3\n");
    let then = scratch.ok(&["--cfg", "job", "-cn", "top", "optimizer.name=lion", "+optimizer={beta:1}"]).out;
    assert!(then.starts_with("optimizer:\n  name: lion\n  beta: 1\n"), "{then}");
    let command = scratch.ok(&["--cfg", "job", "-cn", "base", "optimizer=replace({name:rms})"]).out;
    assert!(command.starts_with("optimizer:\n  name: rms\nsizes"), "{command}");
    let sweep = scratch.ok(&["-m", "--dry-run", "-cn", "base", "optimizer=replace({name:rms})", "sizes=[1],[2]"]).out;
    assert!(sweep.starts_with("#0 : optimizer=replace({name:rms}) sizes=[1]\n"), "{sweep}");
    for (word, why) in [
        ("optimizer=replace()", "takes one value, found 0"),
        ("optimizer=[replace({})]", "cannot stand inside another value"),
        ("optimiser=replace({})", "did you mean `optimizer`?"),
    ] {
        let ended = scratch.exp(&["--cfg", "job", "-cn", "base", word]);
        assert!(ended.code == Some(2) && ended.err.contains(why), "{word}: {}", ended.err);
    }
}
