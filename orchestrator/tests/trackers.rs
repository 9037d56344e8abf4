//! Runs sent to a real MLflow server, and read by Weights & Biases' own reader. With EXP_MLFLOW and EXP_WANDB naming the two
//! programs: `cargo test --test trackers -- --ignored`.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

mod support;

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use support::{Scratch, names, tiny};

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
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut command = Command::new(std::env::var("EXP_MLFLOW").expect("EXP_MLFLOW names the program mlflow"));
    let store = format!("sqlite:///{}", scratch.path("mlflow.db").display());
    command.args(["server", "--backend-store-uri", &store, "--host", "127.0.0.1", "--workers", "1"]);
    command.args(["--port", &port.to_string(), "--artifacts-destination"]).arg(scratch.path("artifacts"));
    command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    let server = Server(command.spawn().unwrap());
    let url = format!("http://127.0.0.1:{port}");
    let up = |_| {
        std::thread::sleep(Duration::from_millis(500));
        ureq::get(format!("{url}/health")).call().is_ok()
    };
    assert!((0..LOOKS).any(up), "the server does not come up");
    (server, url)
}

fn post(url: &str, path: &str, body: &Value) -> Value {
    let mut answer = ureq::post(format!("{url}/api/2.0/mlflow/{path}")).send_json(body).unwrap();
    serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap()
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
    assert!(running.until(|| scratch.path("run/.mlflow.json").exists() && found("RUNNING")), "it is there");
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
