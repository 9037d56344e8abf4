//! What Hydra 1.3 lacks, each in a form that it refuses: `extend_list(...)` and `zip(...)` are unknown functions to it.
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
