//! Hydra's own flags on a tree that is no training run; what is expected was printed by Hydra 1.3.2.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;

use support::{Ended, Scratch};

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
fn defaults_are_told_where_values_do_not_compose() {
    let scratch = tree();
    for words in [["nokey=1", "~a=3"], ["+n=2", "n=[1]"], ["n=1,2", "hydra.job.num=x"]] {
        let list = scratch.ok(&[&["--info", "defaults"], &words[..]].concat()).out;
        assert_eq!(list, scratch.ok(&["--info", "defaults"]).out);
        let tree = scratch.ok(&[&["--info", "defaults-tree"], &words[..]].concat()).out;
        assert_eq!(tree, scratch.ok(&["--info", "defaults-tree"]).out);
        for asked in ["config", "searchpath"] {
            assert_eq!(scratch.exp(&[&["--info", asked], &words[..]].concat()).code, Some(2), "{asked} {words:?}");
        }
    }
    assert_eq!(scratch.exp(&["--info", "defaults", "db=nope"]).code, Some(2));
}

#[test]
fn a_search_path_is_told_as_it_is_written() {
    let scratch = tree();
    let config = "defaults:\n- db: pg\n- _self_\nhydra: {searchpath: ['', more, 'file://less']}\n";
    fs::write(scratch.path("conf/config.yaml"), config).unwrap();
    fs::create_dir_all(scratch.path("more/db")).unwrap();
    fs::write(scratch.path("more/db/lite.yaml"), "port: 3\n").unwrap();
    let told = scratch.ok(&["--info", "searchpath", "db=lite"]);
    for row in ["main | file://     ", "main | file://more ", "main | file://less "] {
        assert!(told.out.contains(&format!("| hydra.searchpath in {row}")), "`{row}` is missing in\n{}", told.out);
    }
    let sources = scratch.ok(&["--cfg", "hydra", "-p", "hydra.runtime.config_sources"]).out;
    for path in ["- path: ''\n  schema: file\n", "- path: more\n", "- path: less\n"] {
        assert!(sources.contains(path), "`{path}` is missing in\n{sources}");
    }
    for words in [["--info", "defaults"], ["--info", "defaults-tree"], ["--info", "searchpath"], ["--cfg", "job"]] {
        scratch.ok(&words).says(&["warning: hydra.searchpath: `file://less` is not there"]);
    }
}

#[test]
fn a_primary_file_that_leaves_its_place_open_is_told_of() {
    let scratch = tree();
    let warned = |config: &str, words: &[&str]| {
        fs::write(scratch.path("conf/config.yaml"), config).unwrap();
        let ended = scratch.exp(&[&["--cfg", "job"], words].concat());
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        ended.err.contains("warning: defaults: the defaults list has no `_self_`")
    };
    for open in ["defaults:\n- db: pg\nn: 1\n", "defaults: [db: pg, override hydra/launcher: local]\nn: null\n"] {
        assert!(warned(open, &[]), "{open}");
        let told = scratch.ok(&["--info", "defaults"]);
        told.says(&["conf/config.yaml:", "as its last entry; for the defaults to win, as its first"]);
        let mut strict = scratch.command(&["--cfg", "job"]);
        let strict = Ended::of(&strict.env("SELF_WARNING_AS_ERROR", "1").output().unwrap());
        assert_eq!(strict.code, Some(2), "{strict:#?}");
    }
    // Where it makes no difference, Hydra does not warn either.
    for (settled, words) in [
        ("defaults:\n- _self_\n- db: pg\nn: 1\n", &[][..]),
        ("defaults:\n- db: pg\n", &[]),
        ("defaults:\n- db: pg\nn: ???\n", &[]),
        ("defaults:\n- override hydra/launcher: local\nn: 1\n", &[]),
        ("n: 1\n", &["+db=pg"]),
    ] {
        assert!(!warned(settled, words), "{settled}");
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
