//! Runs sent to a server that keeps MLflow's rules, and to a real one; offline files, also read by Weights & Biases' own reader.
//! With EXP_MLFLOW and EXP_WANDB naming the two programs: `cargo test --test trackers -- --include-ignored`.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

#[path = "trackers/stub.rs"]
mod stub;
mod support;

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use stub::Stub;
use support::{Ended, Running, Scratch, names, text, tiny};

/// Longest wait for a server: its first start makes its tables.
const LOOKS: u32 = 240;

/// A process that ends with the test, with all that it started.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["--", &group]).status();
        let _ = self.0.wait();
    }
}

/// An MLflow server and its address.
fn mlflow(scratch: &Scratch) -> (Server, String) {
    // Somebody else may take the port before it does, which ends it.
    (0..3).find_map(|_| try_mlflow(scratch)).expect("the server does not come up")
}

/// None if it ended at once.
fn try_mlflow(scratch: &Scratch) -> Option<(Server, String)> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(std::env::var("EXP_MLFLOW").expect("EXP_MLFLOW names the program mlflow"));
    let store = format!("sqlite:///{}", scratch.path("mlflow.db").display());
    command.args(["server", "--backend-store-uri", &store, "--host", "127.0.0.1", "--workers", "1"]);
    command.args(["--port", &port.to_string(), "--artifacts-destination"]).arg(scratch.path("artifacts"));
    command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let mut server = Server(command.spawn().unwrap());
    let url = format!("http://127.0.0.1:{port}");
    for _ in 0..LOOKS {
        std::thread::sleep(Duration::from_millis(500));
        if server.0.try_wait().unwrap().is_some() {
            return None;
        }
        if ureq::get(format!("{url}/health")).call().is_ok() {
            return Some((server, url));
        }
    }
    panic!("the server does not come up");
}

fn post(url: &str, path: &str, body: &Value) -> Value {
    let mut answer = ureq::post(format!("{url}/api/2.0/mlflow/{path}")).send_json(body).unwrap();
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
}

/// Sends runs to a server.
fn sync(scratch: &Scratch, runs: &[&str], stub: &Stub, project: &str) -> Ended {
    scratch.exp(&[&["sync"], runs, &["--to", "mlflow", "--url", &stub.url, "--project", project]].concat())
}

fn copy(scratch: &Scratch, from: &str, to: &str) {
    let copied = Command::new("cp").arg("-r").args([from, to].map(|name| scratch.path(name))).status().unwrap();
    assert!(copied.success());
}

#[test]
fn what_came_to_a_step_that_was_sent_is_sent_too() {
    let (scratch, stub) = (Scratch::new(), Stub::start());
    let metrics = scratch.tiny_run("run", &[]).join("metrics.jsonl");
    let points = |key: &str| {
        let ended = sync(&scratch, &["run"], &stub, "mine");
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        stub.store().runs[0].points(key)
    };
    let loss = points("loss");
    assert_eq!(loss.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [2, 4, 6]);
    let rows = text(&metrics);
    // An evaluation is a row of its own of a step that has one.
    let judged = format!("{rows}{{\"step\":6,\"judged\":7}}\n");
    fs::write(&metrics, &judged).unwrap();
    assert_eq!(points("judged"), [(6, 7.0)]);
    // A program may say more of the step.
    fs::write(&metrics, judged.replace("\"judged\":7", "\"judged\":7,\"more\":8")).unwrap();
    assert_eq!([points("judged"), points("more")], [[(6, 7.0)], [(6, 8.0)]]);
    // As after a resume from step 2.
    let anew = rows.lines().next().unwrap().to_owned() + "\n{\"step\":4,\"loss\":9}\n{\"step\":6,\"loss\":9}\n";
    fs::write(&metrics, anew).unwrap();
    assert_eq!(points("loss"), [&loss[..], &[(4, 9.0), (6, 9.0)]].concat());
}

#[test]
fn no_name_and_no_number_of_metrics_keeps_a_run_from_being_sent() {
    let (scratch, stub) = (Scratch::new(), Stub::start());
    let metrics = scratch.tiny_run("run", &[]).join("metrics.jsonl");
    let many: String = (0..2500).map(|number| format!(",\"m{number}\":1")).collect();
    fs::write(&metrics, format!("{}{{\"step\":7,\"acc@1\":0.5{many}}}\n", text(&metrics))).unwrap();
    let ended = sync(&scratch, &["missing", "run", "none"], &stub, "mine");
    assert_eq!(ended.code, Some(2));
    ended.says(&[
        &format!("{}/#/experiments/0/runs/0\n", stub.url),
        "error: missing is no run",
        "error: none is no run",
    ]);
    let store = stub.store();
    assert_eq!([store.runs[0].points("acc_1"), store.runs[0].points("m2499")], [[(7, 0.5)], [(7, 1.0)]]);
}

#[test]
fn a_run_stays_the_same_on_every_server() {
    let (scratch, stub, other) = (Scratch::new(), Stub::start(), Stub::start());
    scratch.tiny_run("run", &[&format!("track.mlflow.url={}", stub.url), "track.mlflow.experiment=mine"]);
    assert_eq!(stub.store().runs[0].status, "FINISHED", "sent while it trained");
    assert_eq!(sync(&scratch, &["run"], &other, "mine").code, Some(0));
    fs::rename(scratch.path("run"), scratch.path("moved")).unwrap();
    sync(&scratch, &["moved"], &stub, "theirs").says(&[&format!("{}/#/experiments/0/runs/0\n", stub.url)]);
    scratch.ok(&["resume", "moved", "train.steps=8"]);
    assert_eq!(sync(&scratch, &["moved"], &other, "mine").code, Some(0));
    for server in [&stub, &other] {
        let store = server.store();
        assert_eq!((store.runs.len(), &store.experiments[..]), (1, &["mine".to_owned()][..]));
        assert_eq!(store.runs[0].points("loss").iter().map(|(step, _)| *step).collect::<Vec<_>>(), [2, 4, 6, 8]);
        assert!(!store.files.is_empty() && store.files.iter().all(|file| file.starts_with("0/0/artifacts/samples/")));
    }
}

#[test]
fn those_that_send_a_run_at_one_time_make_it_once() {
    let (scratch, stub) = (Scratch::new(), Stub::start());
    scratch.tiny_run("run", &[]);
    let words = ["sync", "run", "--to", "mlflow", "--url", &stub.url, "--project", "mine"];
    let senders: Vec<Running> = (0..8).map(|_| scratch.start(&words)).collect();
    for sender in senders {
        sender.ended().says(&[&format!("{}/#/experiments/0/runs/0\n", stub.url)]);
    }
    let store = stub.store();
    assert_eq!((store.runs.len(), store.runs[0].points("loss").len()), (1, 3));
}

/// Its configuration may be any tree: an address in it is enough, and a group of that name without one is its own.
#[test]
fn a_program_with_its_own_configuration_is_sent_where_it_says() {
    let (scratch, stub) = (Scratch::new(), Stub::start());
    fs::create_dir(scratch.path("conf")).unwrap();
    let config = "backend: {name: command, argv: [sh, -c, \"echo '{\\\"step\\\": 1, \\\"loss\\\": 2}'\"]}\n";
    fs::write(scratch.path("conf/config.yaml"), config).unwrap();
    let url = format!("+track.mlflow.url={}", stub.url);
    scratch.ok(&[&url, "+track.mlflow.mine=1", "hydra.run.dir=run"]);
    {
        let store = stub.store();
        assert_eq!(store.experiments, ["exp"]);
        assert_eq!((&store.runs[0].status, store.runs[0].points("loss")), (&json!("FINISHED"), vec![(1, 2.0)]));
    }
    for (words, part) in [
        (&["+track.mlflow.url=5"][..], "track.mlflow.url: expected text, found"),
        (&[&url, "+track.mlflow.experiment=[a]"], "track.mlflow.experiment: expected text, found a list"),
        (&["+track.mlflow.url=localhost"], "expected an address such as http://localhost:5000"),
    ] {
        let refused = scratch.exp(words);
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        refused.says(&[part]);
    }
    scratch.ok(&["+track.mlflow={experiment: 5}", "hydra.run.dir=own"]);
    assert_eq!(stub.store().runs.len(), 1);
}

#[test]
fn a_copy_is_a_run_of_its_own_and_one_that_is_gone_is_sent_anew() {
    let (scratch, stub, other) = (Scratch::new(), Stub::start(), Stub::start());
    scratch.tiny_run("run", &[]);
    sync(&scratch, &["run"], &stub, "mine").says(&["/runs/0\n"]);
    sync(&scratch, &["run"], &other, "mine").says(&["/runs/0\n"]);
    copy(&scratch, "run", "copy");
    scratch.ok(&["resume", "copy", "train.steps=8"]);
    sync(&scratch, &["copy", "run"], &stub, "mine").says(&["/runs/1\n", "/runs/0\n"]);
    let last = |run: usize| stub.store().runs[run].points("loss").pop().unwrap().0;
    assert_eq!([last(0), last(1)], [6, 8]);
    // One in the bin of its server, and one of which it has lost all.
    stub.store().runs[0].deleted = true;
    other.store().runs.clear();
    for (server, new) in [(&stub, 2), (&other, 0)] {
        let ended = sync(&scratch, &["run"], server, "mine");
        ended.says(&["warning: ", "run 0 is not there any more", &format!("/runs/{new}\n")]);
        assert_eq!(server.store().runs[new].points("loss").len(), 3);
    }
}

#[test]
fn an_offline_file_begins_with_its_run_and_is_written_once() {
    let scratch = Scratch::new();
    scratch.tiny_run("run", &["train.log_every=1"]);
    let write = |run: &str| scratch.ok(&["sync", run, "--to", "wandb"]);
    write("run");
    let folders = |run: &str| names(&scratch.path(run).join("wandb"));
    let id = |run: &str| folders(run)[0].rsplit_once('-').unwrap().1.to_owned();
    let first = id("run");
    // That of another program stays. That of an earlier time goes, with the mark that it was sent.
    fs::create_dir(scratch.path("run/wandb/offline-run-20250102_030405-other")).unwrap();
    fs::write(scratch.path("run/wandb").join(&folders("run")[1]).join(format!("run-{first}.wandb.synced")), "")
        .unwrap();
    let machine = scratch.path("run/environment.jsonl");
    fs::write(&machine, "{\"started\":\"2025-11-22T10:00:00Z\"}\n".to_owned() + &text(&machine)).unwrap();
    fs::rename(scratch.path("run"), scratch.path("moved")).unwrap();
    write("moved");
    let folder = format!("offline-run-20251122_100000-{first}");
    assert_eq!(folders("moved"), ["offline-run-20250102_030405-other", &folder]);
    let folder = scratch.path("moved/wandb").join(folder);
    assert_eq!(names(&folder), [format!("run-{first}.wandb")]);
    // An item has its name, and its value as field 16, a text of less than 128 bytes.
    let bytes = fs::read(folder.join(format!("run-{first}.wandb"))).unwrap();
    let key = b"_runtime\x82\x01";
    let times = bytes.windows(key.len()).enumerate().filter(|(_, part)| part == key).map(|(at, _)| {
        let (size, rest) = bytes[at + key.len()..].split_first().unwrap();
        std::str::from_utf8(&rest[..usize::from(*size)]).unwrap().parse::<f64>().unwrap()
    });
    let times: Vec<f64> = times.collect();
    assert!(times.len() == 6 && times[0] > 3600.0 && times.is_sorted(), "{times:?}");
    copy(&scratch, "moved", "copy");
    write("copy");
    assert!(folders("copy").iter().any(|folder| !folder.ends_with(&first) && !folder.ends_with("-other")));
}

#[test]
#[ignore = "needs MLflow"]
fn mlflow_has_each_run_once_with_all_its_steps() {
    let scratch = Scratch::new();
    scratch.tiny_run("run", &["tags=[a]"]);
    let down = scratch.exp(&["sync", "run", "--to", "mlflow", "--url", "http://127.0.0.1:1"]);
    assert_eq!(down.code, Some(2), "a server that is down is an error of sync, and of nothing else");
    let (_server, url) = mlflow(&scratch);
    scratch.ok(&["sync", "run", "--to", "mlflow", "--url", &url, "--project", "mine"]);
    // The same run goes on, and is sent again.
    scratch.ok(&["resume", "run", "train.steps=8"]);
    scratch.ok(&["sync", "run", "--to", "mlflow", "--url", &url, "--project", "mine"]);
    let found = post(&url, "runs/search", &json!({"experiment_ids": ["1"]}));
    let runs = found["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 1, "{found:#}");
    let (info, data) = (&runs[0]["info"], &runs[0]["data"]);
    assert_eq!((&info["run_name"], &info["status"]), (&"run".into(), &"FINISHED".into()));
    let pair = |list: &Value, key: &str| {
        list.as_array().unwrap().iter().find(|one| one["key"] == key).unwrap()["value"].clone()
    };
    assert_eq!((pair(&data["params"], "train.batch"), pair(&data["tags"], "exp.tags")), ("4".into(), "a".into()));
    let id = info["run_id"].as_str().unwrap();
    let address = format!("{url}/api/2.0/mlflow/metrics/get-history?run_id={id}&metric_key=loss");
    let history = ureq::get(address).call().unwrap().body_mut().read_to_string().unwrap();
    let history: Value = serde_json::from_str(&history).unwrap();
    let steps: Vec<u64> =
        history["metrics"].as_array().unwrap().iter().map(|one| one["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [2, 4, 6, 8]);
    let kept = names(&scratch.path("artifacts"));
    assert!(!kept.is_empty(), "pictures are there too");
}

#[test]
#[ignore = "needs MLflow"]
fn mlflow_has_a_run_while_it_trains() {
    let scratch = Scratch::new();
    let (server, url) = mlflow(&scratch);
    let address = format!("track.mlflow.url={url}");
    // Ended by hand below: it would take minutes.
    let words = [&tiny(&["train.steps=1000000", "track.mlflow.experiment=mine"])[..], &[&address, "hydra.run.dir=run"]];
    let mut running = scratch.start(&words.concat());
    let found = |status: &str| {
        let found = post(&url, "runs/search", &json!({"experiment_ids": ["1"]}));
        let runs = found["runs"].as_array().cloned().unwrap_or_default();
        runs.len() == 1 && runs[0]["info"]["status"] == status && runs[0]["data"]["metrics"].is_array()
    };
    assert!(running.until(|| found("RUNNING")), "it is there");
    running.signal("INT");
    assert_eq!(running.ended().code, Some(130));
    assert!(found("KILLED"), "its end was sent too");
    scratch.ok(&["eval", "run", "eval.n=16"]);
    let runs = post(&url, "runs/search", &json!({"experiment_ids": ["1"]}));
    assert_eq!(runs["runs"].as_array().unwrap().len(), 1, "what is measured of a run is no run of its own");
    // A server that goes away, and one that never answers, cost a warning.
    drop(server);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("track.mlflow.url=http://{}", silent.local_addr().unwrap());
    for (name, address, warning) in
        [("down", &address, "Connection refused"), ("silent", &silent, "no answer within 10 s")]
    {
        let place = format!("hydra.run.dir={name}");
        let ended = scratch.ok(&[&tiny(&[])[..], &[address, &place]].concat());
        ended.says(&[warning, &format!("exp sync {name} --to mlflow --url http://127.0.0.1:")]);
        assert_eq!(ended.err.matches("warning: MLflow").count(), if name == "down" { 2 } else { 1 }, "{ended:#?}");
    }
}

#[test]
#[ignore = "needs wandb"]
fn wandb_reads_the_file() {
    let scratch = Scratch::new();
    scratch.tiny_run("run", &["train.log_every=1"]);
    scratch.ok(&["sync", "run", "--to", "wandb", "--project", "mine"]).says(&["wandb sync run/wandb/offline-run-"]);
    let folder = scratch.path("run/wandb").join(&names(&scratch.path("run/wandb"))[0]);
    let read = |words: &[&str]| {
        let program = std::env::var("EXP_WANDB").expect("EXP_WANDB names the program wandb");
        let output =
            Command::new(program).args(["leet", "inspect", "--json"]).args(words).arg(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let summary: Value = serde_json::from_str(&read(&["--summary"])).unwrap();
    let report = support::json(scratch.path("run/report.json"));
    assert_eq!(summary["config"]["train.steps"], 6, "{summary:#}");
    assert_eq!(summary["summary"]["fd_pixel"], report["fd_pixel"], "{summary:#}");
    let records = read(&[]);
    assert_eq!(records.lines().filter(|line| line.contains("\"type\":\"history\"")).count(), 6, "{records}");
}
