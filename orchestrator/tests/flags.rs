//! Hydra's own flags on a tree that is no training run; what is expected was printed by Hydra 1.3.2.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;

use support::Scratch;

fn tree() -> Scratch {
    let scratch = Scratch::new();
    for (name, text) in [
        ("config.yaml", "defaults:\n- db: pg\n- _self_\nn: 1\n"),
        ("db/pg.yaml", "port: 1\n"),
        ("db/my.yaml", "port: 2\n"),
    ] {
        let path = scratch.path("conf").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    scratch
}

fn out(words: &[&str]) -> String {
    tree().ok(words).out
}

#[test]
fn the_defaults_tree_is_drawn_as_hydra_draws_it() {
    assert_eq!(
        out(&["--info", "defaults-tree", "db=my"]),
        "\nDefaults Tree\n*************\n<root>:\n  hydra/config:\n    hydra/output: default\n    \
         hydra/launcher: basic\n    hydra/sweeper: basic\n    hydra/help: default\n    hydra/hydra_help: default\n    \
         hydra/hydra_logging: default\n    hydra/job_logging: default\n    hydra/callbacks: null\n    \
         hydra/env: default\n    _self_\n  config:\n    db: my\n    _self_\n"
    );
}

#[test]
fn the_defaults_list_names_package_and_parent() {
    let text = out(&["-i", "defaults"]);
    for row in [
        "\n| Config path                 | Package             | _self_ | Parent       | \n---",
        "| hydra/config                | hydra               | True   | <root>       |",
        "| db/pg                       | db                  | False  | config       |",
        "| config                      |                     | True   | <root>       |",
    ] {
        assert!(text.contains(row), "`{row}` is missing in\n{text}");
    }
}

#[test]
fn info_tells_search_path_and_parts() {
    let scratch = tree();
    fs::create_dir(scratch.path("more")).unwrap();
    let text = scratch.ok(&["--info", "searchpath", "--config-dir", "more"]).out;
    assert!(text.contains("| main         | file://") && text.contains("| command-line | file://"), "{text}");
    assert!(out(&["--info", "plugins"]).contains("\tBackend:\n\t--------\n\t\tburn\n"));
    let all = out(&["--info"]);
    for heading in
        ["Installed Plugins", "Config search path", "Defaults Tree", "Defaults List", "Config\n******\ndb:\n"]
    {
        assert!(all.contains(heading), "`{heading}` is missing in\n{all}");
    }
}

#[test]
fn help_lists_groups_with_their_options_and_the_configuration() {
    let text = out(&["--help", "db=my"]);
    for part in ["Usage: exp [OVERRIDES]", "exp resume DIR", "\ndb: my, pg\n", "\ndb:\n  port: 2\n'n': 1\n"] {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
    let text = out(&["--hydra-help"]);
    assert!(
        text.contains("hydra/job_logging: colorlog, default, disabled, none, stdout\n") && text.contains("--multirun"),
        "{text}"
    );
    // A configuration has a say in its own help.
    let own =
        out(&["-h", "hydra.help.template='$APP_CONFIG_GROUPS of ${hydra.help.app_name}'", "hydra.help.app_name=me"]);
    assert!(own.ends_with("db: my, pg\n of me"), "{own}");
    // Usage is told even if nothing can be composed.
    let ended = tree().exp(&["--help", "db=nope"]);
    assert!(ended.out.contains("Usage: exp") && ended.err.contains("db/nope"), "{ended:#?}");
}

#[test]
fn one_thing_at_a_time() {
    for words in [["--cfg=job", "--info"], ["-m", "--cfg=job"], ["--run", "--multirun"], ["--info", "-r"]] {
        let ended = tree().exp(&words);
        assert_eq!(ended.code, Some(2), "{words:?}");
        assert!(ended.err.contains("cannot be used with"), "{}", ended.err);
    }
    assert!(tree().exp(&["--resolve"]).err.contains("--resolve goes with --cfg or --help"));
}

#[test]
fn a_dry_run_takes_any_tree_and_lists_the_points() {
    assert_eq!(out(&["--dry-run", "n=4"]), "db:\n  port: 1\n'n': 4\n");
    assert_eq!(
        out(&["-m", "--dry-run", "db=pg,my", "n=1,2"]),
        "#0 : db=pg n=1\n#1 : db=pg n=2\n#2 : db=my n=1\n#3 : db=my n=2\n"
    );
}

#[test]
fn the_configuration_may_ask_for_a_sweep_and_run_beats_it() {
    let listed = "#0 : n=1\n#1 : n=2\n";
    assert_eq!(out(&["--dry-run", "hydra.mode=MULTIRUN", "n=1,2"]), listed);
    assert_eq!(out(&["--dry-run", "-r", "hydra.mode=MULTIRUN", "n=2"]), "db:\n  port: 1\n'n': 2\n");
    assert!(tree().exp(&["--dry-run", "n=1,2"]).err.contains("--multirun"));
    assert!(tree().exp(&["--dry-run", "-r", "hydra.mode=MULTIRUN", "n=1,2"]).err.contains("--multirun"));
}
