//! `exp why` and `--origins`: who set a value, on a tree that is no training run.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;

use support::Scratch;

/// A tree as Hydra's users have it.
fn tree() -> Scratch {
    let scratch = Scratch::new();
    for (name, text) in [
        ("config.yaml", "defaults:\n- db: pg\n- _self_\n\nn: 1\nurl: http://${db.host}:${db.port}\nalias: ${db}\n"),
        ("db/pg.yaml", "defaults:\n- base\n- _self_\nhost: here\nport: 5432\n"),
        ("db/my.yaml", "host: there\nport: ${n}\n"),
        ("db/base.yaml", "host: nowhere\nuser: me\n"),
    ] {
        let path = scratch.path("conf").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    scratch
}

fn why(words: &[&str]) -> String {
    tree().ok(&[&["why"], words].concat()).out
}

#[test]
fn the_places_that_set_a_value_are_told_in_order() {
    assert_eq!(
        why(&["db.host", "db.host=x"]),
        "db.host = x\n     conf/db/base.yaml:1  host: nowhere    (loaded by conf/db/pg.yaml:2)\n     \
         conf/db/pg.yaml:4    host: here    (loaded by conf/config.yaml:2)\n  -> command line         db.host=x\n"
    );
    assert_eq!(why(&["n", "n=2", "n=3"]).lines().last(), Some("  -> command line        n=3"));
    assert_eq!(why(&["n", "~n", "+n=4"]), "n = 4\n  -> command line  +n=4\n");
}

#[test]
fn an_interpolation_names_what_it_read_also_through_others() {
    let text = why(&["url", "db=my"]);
    for part in [
        "url = http://${db.host}:${db.port}  ->  http://there:1\n",
        "  reads db.host = there\n",
        "  reads db.port = ${n}  ->  1\n",
        "  reads n = 1\n    -> conf/config.yaml:5  n: 1\n",
        "(loaded by command line: `db=my`)",
    ] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    assert!(why(&["alias.port"]).starts_with("alias = ${db}\n"), "{}", why(&["alias.port"]));
    assert!(why(&["alias.port"]).contains("reads db, a map"));
}

#[test]
fn a_group_names_who_chose_and_a_map_its_leaves() {
    let text = why(&["db", "db=my"]);
    assert!(text.starts_with("db: my\n  chosen by command line: `db=my`\n\ndb:\n  host: there "), "{text}");
    assert!(text.contains("  port: ${n}   # conf/db/my.yaml:2\n"), "{text}");
    assert!(why(&["db"]).contains("chosen by conf/config.yaml:2  - db: pg"), "{}", why(&["db"]));
}

#[test]
fn an_unknown_key_offers_the_nearest_one() {
    for (key, near) in [("db.hots", "`db.host`"), ("port", "`db.port`"), ("urll", "`url`")] {
        let ended = tree().exp(&["why", key]);
        assert_eq!(ended.code, Some(2));
        assert!(ended.err.contains(near), "{}", ended.err);
    }
    assert!(tree().exp(&["why"]).err.contains("needs a key"));
}

#[test]
fn origins_stand_behind_the_values_of_cfg() {
    let scratch = tree();
    let plain = scratch.ok(&["--cfg", "job", "n=7"]).out;
    let noted = scratch.ok(&["--cfg", "job", "--origins", "n=7"]).out;
    let stripped: String =
        noted.lines().map(|line| format!("{}\n", line.split("  # ").next().unwrap().trim_end())).collect();
    assert_eq!(stripped, plain);
    assert!(noted.contains("# command line: `n=7`"), "{noted}");
    assert!(noted.contains("  user: me ") && noted.contains("# conf/db/base.yaml:2"), "{noted}");
}

#[test]
fn a_key_of_a_training_is_explained() {
    let scratch = Scratch::new();
    let out = scratch.ok(&["why", "train.head_lr"]).out;
    assert!(out.contains("  Learning rate of the head. Null: `lr`.\n  (a number above 0, or null)\n"), "{out}");
    let out = scratch.ok(&["why", "dataset.dir", "dataset=cifar10"]).out;
    assert!(out.starts_with("dataset.dir = ") && out.contains("\n  (text)\n"), "{out}");
}

#[test]
fn a_list_has_a_history_as_a_whole() {
    let text = Scratch::new().ok(&["why", "train.betas", "train.betas=[0.9,0.99]"]).out;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "train.betas = [0.9, 0.99]", "{text}");
    assert!(lines.iter().any(|line| line.contains("train/small.yaml:")), "{text}");
    assert_eq!(lines.last(), Some(&"  -> command line                    train.betas=[0.9,0.99]"), "{text}");
    // Of one that was set item by item, each has its own.
    let text = tree().ok(&["why", "list", "+list=[1,2]", "list.1=3"]).out;
    assert_eq!(text, "list:\n- 1  # command line: `+list=[1,2]`\n- 3  # command line: `list.1=3`\n");
}
