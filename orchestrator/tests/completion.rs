//! Completion, asked as shells ask: by COMP_LINE and COMP_POINT, and through the function that a real bash evaluates.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;

use support::Scratch;

fn tree() -> Scratch {
    let scratch = Scratch::new();
    for (name, text) in [
        ("config.yaml", "defaults:\n- db: pg\n- _self_\nn: 1\nlist: [a, b]\n"),
        ("db/pg.yaml", "port: 1\n"),
        ("db/my.yaml", "port: 2\nhost: there\n"),
        ("db/extra/x.yaml", "{}\n"),
    ] {
        let path = scratch.path("conf").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    scratch
}

fn query(scratch: &Scratch, line: &str) -> Vec<String> {
    let mut command = scratch.command(&["-sc", "query=bash"]);
    command.env("COMP_LINE", line).env("COMP_POINT", line.len().to_string());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{line}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn groups_options_keys_and_values() {
    let scratch = tree();
    for (line, want) in [
        ("exp d", vec!["db=", "db/", "db.", "data ", "diff ", "doctor "]),
        ("exp data ", vec!["inspect "]),
        ("exp data inspect s", vec![]),
        ("exp db=", vec!["db=my", "db=pg"]),
        ("exp db=p", vec!["db=pg"]),
        ("exp -m db=pg,", vec!["db=pg,my", "db=pg,pg"]),
        ("exp db/", vec!["db/extra="]),
        ("exp +db/extra=", vec!["+db/extra=x"]),
        ("exp ~d", vec!["~db", "~db/", "~db."]),
        ("exp db.", vec!["db.port="]),
        // The words before count.
        ("exp db=my db.", vec!["db.port=", "db.host="]),
        ("exp db=my db.port=", vec!["db.port=2"]),
        ("exp n=", vec!["n=1"]),
        ("exp list.", vec!["list.0=", "list.1="]),
        // Files, which the shell would look for by the whole word.
        ("exp n=./co", vec!["n=./conf/"]),
        ("exp +x=./conf/", vec!["+x=./conf/config.yaml", "+x=./conf/db/"]),
        ("exp n=./nowhere/", vec![]),
        ("exp --inf", vec!["--info"]),
        ("exp sam", vec!["sample "]),
        // If nothing can be composed, groups are still offered.
        ("exp nope=1 d", vec!["db=", "db/"]),
    ] {
        assert_eq!(query(&scratch, line), want, "{line}");
    }
}

#[test]
fn run_directories_are_offered_newest_first() {
    let scratch = tree();
    for name in ["2026-01-01/10-00-00", "2026-01-02/09-00-00", "2026-01-03/no-run"] {
        fs::create_dir_all(scratch.path("outputs").join(name)).unwrap();
    }
    for name in ["2026-01-01/10-00-00", "2026-01-02/09-00-00"] {
        fs::write(scratch.path("outputs").join(name).join("spec.json"), "{}").unwrap();
    }
    assert_eq!(query(&scratch, "exp resume "), ["outputs/2026-01-02/09-00-00", "outputs/2026-01-01/10-00-00"]);
    assert_eq!(query(&scratch, "exp sample outputs/2026-01-01"), ["outputs/2026-01-01/10-00-00"]);
    fs::create_dir_all(scratch.path("multirun/mine")).unwrap();
    fs::write(scratch.path("multirun/mine/sweep.json"), "{}").unwrap();
    assert_eq!(query(&scratch, "exp plot multi"), ["multirun/mine"]);
    assert_eq!(query(&scratch, "exp ls --so"), ["--sort"]);
    assert_eq!(query(&scratch, "exp ls --o"), ["--over"]);
    assert_eq!(query(&scratch, "exp ls out"), [""; 0]);
    assert_eq!(query(&scratch, "exp --cfg "), ["all", "hydra", "job"]);
}

#[test]
fn a_real_bash_completes_with_what_install_prints() {
    let scratch = tree();
    let script = r#"eval "$(exp -sc install=bash)"
        COMP_LINE="exp db=m" COMP_POINT=8
        _exp; printf '%s\n' "${COMPREPLY[@]}"
        complete -p exp
        eval "$(exp -sc uninstall=bash)"
        complete -p exp 2>&1"#;
    let folder = Path::new(env!("CARGO_BIN_EXE_exp")).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    let output =
        Command::new("bash").args(["-c", script]).current_dir(scratch.path("")).env("PATH", path).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "db=my", "{text}");
    assert!(lines[1].starts_with("complete ") && lines[1].contains("-F _exp"), "{text}");
    assert!(lines[2].contains("no completion specification"), "{text}");
}

#[test]
fn an_unknown_shell_is_refused() {
    let ended = tree().exp(&["-sc", "install=tcsh"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("bash, zsh, fish"), "{}", ended.err);
}
