//! The page of `exp ui` in a real Chromium: `EXP_PLAYWRIGHT=DIR cargo test --test ui -- --ignored`, where DIR/node_modules has
//! playwright-core. EXP_UI_PICTURES keeps the pictures in a folder; EXP_UI_KEEP makes them those that later ones are compared with.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

#[path = "ui/pictures.rs"]
mod pictures;
mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use serde_json::{Value, json};
use support::{Scratch, tiny};

/// `exp ui` at a port of its own, until it is dropped.
struct Server(Child, String);

impl Server {
    fn start(scratch: &Scratch, words: &[&str]) -> Server {
        let mut child = scratch.command(&[&["ui", "--port", "0"], words].concat()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().next().unwrap_or_else(|| panic!("no address: {line}")).to_owned();
        Server(child, url)
    }

    /// The whole answer to a request with this `Host`.
    fn ask(&self, path: &str, host: &str) -> String {
        let address = self.1.trim_start_matches("http://").trim_end_matches('/');
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Gone already, as a rule.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs of a program in `outputs/sweep`, which differ in a number and a word.
fn sweep(scratch: &Scratch) {
    let script = r#"for s in 1 2 3; do echo '{"step":'$s',"loss":'$((9 - s))'}'; done
        x=$(sed -n 's/^ *"x": \([0-9]\).*/\1/p' $EXP_CONFIG); echo '{"fd":'$x.5'}'"#;
    std::fs::write(scratch.path("train.sh"), script).unwrap();
    let argv = "backend.argv=[sh,train.sh]";
    let words = ["-m", "backend=command", argv, "+params.x=1,2,3", "+params.how=a,b", "hydra.sweep.dir=outputs/sweep"];
    scratch.ok(&words);
}

/// What a script beside this file sees of the page, which must be without errors.
fn use_page(script: &str, scratch: &Scratch, server: &Server, pictures: &Path) -> Value {
    let modules = std::env::var("EXP_PLAYWRIGHT").expect("EXP_PLAYWRIGHT names a folder with node_modules");
    std::fs::create_dir_all(pictures).unwrap();
    // A module is looked for beside the script.
    for name in [script, "browser.mjs"] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui").join(name);
        std::fs::copy(file, scratch.path(name)).unwrap();
    }
    let modules = Path::new(&modules).join("node_modules").canonicalize().unwrap();
    std::os::unix::fs::symlink(modules, scratch.path("node_modules")).unwrap();
    let mut node = Command::new("node");
    node.arg(scratch.path(script)).arg(&server.1).arg(pictures).arg(scratch.path("outputs"));
    let output = node.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(seen["errors"], json!([]), "{seen:#}");
    seen
}

#[test]
fn only_runs_are_served_and_only_to_this_machine() {
    let scratch = Scratch::new();
    sweep(&scratch);
    std::fs::write(scratch.path("secret.png"), "secret").unwrap();
    let server = Server::start(&scratch, &["outputs"]);
    let runs = server.ask("/api/runs", "localhost");
    assert!(runs.starts_with("HTTP/1.1 200") && runs.contains("outputs/sweep/0"), "{runs}");
    let (_, body) = runs.split_once("\r\n\r\n").unwrap();
    let list: Value = serde_json::from_str(body).unwrap();
    assert_eq!(list["keys"], json!(["params.x", "params.how"]), "what runs differ in: {list:#}");
    assert_eq!(list["runs"][0]["config"], json!([1, "a"]), "{list:#}");
    let common = list["common"].as_object().unwrap();
    assert_eq!((&common["backend.name"], &common["backend.argv"]), (&json!("command"), &json!(["sh", "train.sh"])));
    assert!(!common.contains_key("params.x"), "{common:?}");
    assert!(server.ask("/", "127.0.0.1:1").contains("<title>exp</title>"));
    for (path, host) in [
        ("/api/runs", "evil.example"),
        ("/api/runs", "evil.example:80"),
        ("/api/run?dir=.", "localhost"),
        ("/api/run?dir=/etc", "localhost"),
        ("/api/log?dir=outputs/sweep/../..", "localhost"),
        ("/api/picture?dir=outputs/sweep/0&path=../../../secret.png", "localhost"),
        ("/api/picture?dir=outputs/sweep/0&path=spec.json", "localhost"),
        ("/api/picture?dir=outputs/sweep/0", "localhost"),
    ] {
        let answer = server.ask(path, host);
        assert!(answer.starts_with("HTTP/1.1 40") && !answer.contains("secret\""), "{path} {host}: {answer}");
    }
}

#[test]
#[ignore = "needs Node, playwright-core and Chromium"]
fn a_person_finds_the_way() {
    let scratch = Scratch::new();
    sweep(&scratch);
    scratch.ok(&tiny(&["hydra.run.dir=outputs/pictures", "train.preview_every=2"]));
    let line =
        "for s in $(seq 1 30); do echo '{\\\"step\\\":'$s',\\\"loss\\\":'$((40 - s))'}'; sleep 1; done; echo goodbye";
    let argv = format!("backend.argv=[sh,-c,\"{line}\"]");
    let mut live = scratch.start(&["backend=command", &argv, "hydra.run.dir=outputs/live"]);
    live.until_rows(&scratch.path("outputs/live"), 1);
    let server = Server::start(&scratch, &["outputs"]);
    let pictures = std::env::var_os("EXP_UI_PICTURES").map_or_else(|| scratch.path("seen"), PathBuf::from);
    let seen = use_page("look.mjs", &scratch, &server, &pictures);
    assert_eq!((seen["rows"].as_array().unwrap().len(), &seen["rows"][0]), (8, &"outputs/live".into()), "{seen:#}");
    assert_eq!(seen["filtered"], "4 of 8 runs");
    assert!(seen["complaint"].as_str().unwrap().contains("params.x"), "{seen:#}");
    // Of equal figures the newest comes first, which is said here to have the first name.
    let lowest = [0, 1].map(|at: usize| seen["sorted"][at].as_str().unwrap());
    assert_eq!(lowest, ["outputs/sweep/0", "outputs/sweep/1"], "{seen:#}");
    assert_eq!((&seen["compared"][0], &seen["lines"]), (&"params.how".into(), &2.into()), "{seen:#}");
    assert_eq!((&seen["threads"], &seen["most"]), (&6.into(), &"params.x".into()), "{seen:#}");
    assert_eq!((&seen["live"], &seen["points"]), (&"running".into(), &30.into()), "{seen:#}");
    assert!(seen["log"].as_str().unwrap().contains("goodbye"), "{seen:#}");
    assert_ne!(seen["ground"], "rgb(255, 255, 255)");
    assert_eq!((&seen["overflow"], &seen["slider"]), (&0.into(), &json!(["step 6", "step 4"])), "{seen:#}");
    assert!(seen["loaded"].as_u64() > Some(8), "{seen:#}");
    // The pictures show no time of this test, or they would be others on another day.
    let fixed = |date: &Value| date == "2026-01-01 00:00";
    assert!(seen["dates"].as_array().unwrap().iter().all(fixed), "{seen:#}");
    let still = ["list-dark.png", "list-phone.png", "sweep.png"];
    let changed = still.map(|name| pictures::compare(&pictures.join(name), name));
    assert_eq!(changed, still.map(|_| Ok(())));
}

#[test]
#[ignore = "needs Node, playwright-core and Chromium"]
fn a_list_stays_as_one_has_set_it() {
    let scratch = Scratch::new();
    sweep(&scratch);
    let server = Server::start(&scratch, &["outputs"]);
    let seen = use_page("list.mjs", &scratch, &server, &scratch.path("seen"));
    assert_eq!(seen["cursor"], json!([0, 1, 2, 3, 2, 1]), "{seen:#}");
    assert_eq!((&seen["help"], &seen["after"]), (&true.into(), &json!([false, 1, []])), "{seen:#}");
    assert_eq!(seen["typed"], json!(["jx", 1, []]), "{seen:#}");
    assert_eq!(seen["marked"], json!([1, "#/?mark=outputs/sweep/4"]), "{seen:#}");
    assert_eq!(seen["opened"], "#/run/outputs/sweep/4?mark=outputs/sweep/4");
    assert_eq!(seen["back"], json!([1, 1]), "{seen:#}");
    assert_eq!(seen["rising"], json!(["#/?rising=fd", 0]), "the cursor is at what comes first");
    let columns = ["run", "state", "started", "step", "fd ↓", "params.x", "params.how", "loss", "tags"];
    let keys = ["dir", "state", "date", "step", "fd", "params.x", "params.how", "loss", "tag"];
    let link = format!("#/?falling=fd&column={}", keys.join("&column="));
    assert_eq!((&seen["headings"], &seen["reloaded"]), (&json!([columns, link]), &json!([columns, link])));
    assert_eq!(seen["same"], true, "{seen:#}");
    assert_eq!(seen["none"], json!([[], "#/?falling=fd&column=", []]));
    assert_eq!(seen["before"], json!(["", "6 runs"]), "{seen:#}");
    assert_eq!(seen["forward"], json!(["params.how=a", "3 runs"]), "{seen:#}");
    assert_eq!(seen["home"], json!(["params.how=a", "3 of 6 runs"]), "{seen:#}");
    // Of equal figures the newest comes first.
    let rows = ["sweep/1", "sweep/0", "copy", "sweep/3", "sweep/2", "sweep/4"].map(|dir| format!("outputs/{dir}"));
    let address = "#/?rising=fd&mark=outputs/sweep/4";
    assert_eq!(seen["changed"], json!([rows, ["outputs/sweep/4"], "outputs/sweep/3", address]), "{seen:#}");
    assert_eq!(seen["typing"], json!(["params.how=b para", "filter", true]), "{seen:#}");
}

#[test]
#[ignore = "needs Node, playwright-core and Chromium"]
fn what_is_seldom_seen_is_seen() {
    let scratch = Scratch::new();
    scratch.ok(&tiny(&["hydra.run.dir=outputs/pictures", "train.preview_every=2", "train.keep=9"]));
    let line = "echo '{\\\"step\\\":5,\\\"loss\\\":3e8,\\\"acc\\\":0.5}'";
    let argv = format!("backend.argv=[sh,-c,\"{line}\"]");
    scratch.ok(&["backend=command", &argv, "tags=[base]", "hydra.run.dir=outputs/point"]);
    let server = Server::start(&scratch, &["outputs"]);
    let seen = use_page("paper.mjs", &scratch, &server, &scratch.path("seen"));
    assert_eq!(seen["tags"], 1, "those of a run, and not those in its configuration: {seen:#}");
    assert_eq!(seen["facts"]["checkpoints"], "2, 4, 6", "{seen:#}");
    assert_eq!((&seen["captions"], &seen["loaded"]), (&json!(["samples/grid.png", "step 6"]), &json!([true, true])));
    assert_eq!(seen["dots"], json!([true, true]), "a curve of one point: {seen:#}");
    assert_eq!(seen["levels"][0], json!(["2e+8", true]), "{seen:#}");
    let shown = seen["shown"].as_u64().unwrap();
    assert!(shown > 10 && shown < 100, "{seen:#}");
    let rest = "The first 500 of 2000 runs. 1500 are left out; conditions choose fewer.";
    assert_eq!((&seen["pdf"], &seen["paper"]), (&"%PDF".into(), &json!([500, rest])), "{seen:#}");
    assert_eq!(seen["again"], json!([shown, false]), "{seen:#}");
}
