//! Looking at ten thousand runs, and what a run pays for being looked at: `cargo bench --bench history`.
//!
//! The runs are copies of a real one with values of their own. With EXP_PLAYWRIGHT, a folder whose node_modules has
//! playwright-core, also when a browser shows the page of `exp ui`.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

mod sheet;

use sheet::{Sheet, median};

const RUNS: usize = 10_000;
const ROUNDS: usize = 9;
/// Turns of the quick start with and without events for TensorBoard, and its steps.
const PAIRS: usize = 7;
const STEPS: &str = "train.steps=300";
/// Targets: seconds of a list, milliseconds of a page, share of a step.
const COLD: f64 = 0.3;
const WARM: f64 = 0.05;
const PAINT: f64 = 300.0;
const TRACKED: f64 = 0.01;

fn main() -> Result<(), Box<dyn Error>> {
    let root = tempfile::tempdir()?;
    let mut sheet = Sheet::new("history", &["figure", "median", "least", "most", "target", ""]);
    let mut add = |name: &str, unit: &str, values: &[f64], target: Option<f64>| {
        let middle = median(values);
        let (least, most) = values.iter().fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
        let met = target.map_or("", |target| if middle <= target { "met" } else { "missed" });
        let shown = [middle, least, most].map(|value| format!("{value:.3} {unit}"));
        let bound = target.map(|target| format!("<= {target}")).unwrap_or_default();
        sheet.row([name.to_owned()].into_iter().chain(shown).chain([bound, met.to_owned()]));
        sheet.figure(&name.replace(' ', "_"), middle);
    };

    let mut tracked = Vec::new();
    for pair in 0..PAIRS {
        // Which comes first changes: the second of two may find the machine warmer.
        let with = |on: bool| training(root.path(), on);
        let (on, off) = if pair % 2 == 0 {
            (with(true)?, with(false)?)
        } else {
            let off = with(false)?;
            (with(true)?, off)
        };
        tracked.push(on / off - 1.0);
    }
    add("share of a step for TensorBoard", "", &tracked, Some(TRACKED));

    let folder = copies(root.path())?;
    let cache = root.path().join("cache");
    let list = |words: &[&str]| -> Result<f64, Box<dyn Error>> {
        let start = Instant::now();
        let output = exp(root.path()).arg("ls").arg(&folder).args(words).output()?;
        let time = start.elapsed().as_secs_f64();
        match output.status.success() && !output.stdout.is_empty() {
            true => Ok(time),
            false => Err(String::from_utf8_lossy(&output.stderr).into_owned().into()),
        }
    };
    let rounds = |words: &[&str], forget: bool| -> Result<Vec<f64>, Box<dyn Error>> {
        let turn = |_| {
            if forget && cache.exists() {
                fs::remove_dir_all(&cache)?;
            }
            list(words)
        };
        (0..ROUNDS).map(turn).collect()
    };
    add("exp ls, nothing kept", "s", &rounds(&[], true)?, Some(COLD));
    add("exp ls, kept", "s", &rounds(&[], false)?, Some(WARM));
    add("by a setting", "s", &rounds(&["train.lr<0.0005"], false)?, None);
    add("sorted by a figure", "s", &rounds(&["--sort", "fd_pixel"], false)?, None);
    add("all of them", "s", &rounds(&["--all"], false)?, None);

    if let Some(modules) = std::env::var_os("EXP_PLAYWRIGHT") {
        let script = PathBuf::from(modules).join("paint.mjs");
        fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/benches/history/paint.mjs"), &script)?;
        let mut server = exp(root.path()).args(["ui", "--port", "0"]).arg(&folder).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(server.stdout.take().ok_or("no output")?).read_line(&mut line)?;
        let url = line.split_whitespace().next().ok_or("no address")?;
        let output = Command::new("node").arg(&script).arg(url).arg(ROUNDS.to_string()).output();
        server.kill()?;
        server.wait()?;
        let seen: Value = serde_json::from_slice(&output?.stdout)?;
        let times = |name: &str| -> Vec<f64> {
            seen[name].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
        };
        add("first paint of the page", "ms", &times("paint"), Some(PAINT));
        add("first rows on the page", "ms", &times("rows"), None);
        add("longest frame of scrolling through all", "ms", &times("frame"), None);
    }
    sheet.print();
    Ok(())
}

/// Seconds that the steps of a short quick start take.
fn training(root: &Path, board: bool) -> Result<f64, Box<dyn Error>> {
    let run = root.join("tracked");
    if run.exists() {
        fs::remove_dir_all(&run)?;
    }
    let board = format!("track.tensorboard={board}");
    let words = ["+experiment=quickstart", STEPS, "hydra.run.dir=tracked", "eval.metrics=[]", &board];
    let output = exp(root).args(words).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let rows = fs::read_to_string(run.join("system.jsonl"))?;
    let last: Value = serde_json::from_str(rows.lines().last().ok_or("no rows")?)?;
    last["seconds"].as_f64().ok_or_else(|| "no seconds".into())
}

/// A folder of copies of a small run, in days of a hundred.
fn copies(root: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let tiny = ["model.torso.nf=4", "model.torso.ch_mult=[1]", "model.head.n_channels=4", "train.steps=200"];
    let more = ["train.batch=4", "train.log_every=2", "eval.n=32", "hydra.run.dir=one"];
    exp(root).args(tiny).args(more).output()?;
    let one = root.join("one");
    let read =
        |name: &str| -> Result<Value, Box<dyn Error>> { Ok(serde_json::from_slice(&fs::read(one.join(name))?)?) };
    let (spec, report, status) = (read("spec.json")?, read("report.json")?, read("status.json")?);
    let kept = ["metrics.jsonl", "environment.jsonl", "origins.json", ".hydra/overrides.yaml", "exp.log"];
    let kept: Vec<(&str, Vec<u8>)> =
        kept.into_iter().map(|name| Ok((name, fs::read(one.join(name))?))).collect::<std::io::Result<_>>()?;
    let folder = root.join("runs");
    for n in 0..RUNS {
        let dir = folder.join(format!("day-{:03}", n / 100)).join(format!("run-{:02}", n % 100));
        fs::create_dir_all(dir.join(".hydra"))?;
        let (mut spec, mut report, mut status) = (spec.clone(), report.clone(), status.clone());
        spec["spec"]["train"]["lr"] = json!(1e-4 * (1 + n % 10) as f64);
        spec["spec"]["seed"] = json!(n);
        report["fd_pixel"] = json!((n * 7919 % RUNS) as f64 / 100.0);
        let started = format!("2026-{:02}-{:02}T{:02}:00:00Z", 1 + n / 1000, 1 + n / 40 % 25, n % 24);
        status["started"] = json!(started);
        for (name, value) in [("spec.json", spec), ("report.json", report), ("status.json", status)] {
            fs::write(dir.join(name), serde_json::to_string_pretty(&value)?)?;
        }
        for (name, bytes) in &kept {
            fs::write(dir.join(name), bytes)?;
        }
    }
    Ok(folder)
}

/// The program in a directory without conf/, with a cache of its own.
fn exp(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exp"));
    command.current_dir(root).env("XDG_CACHE_HOME", root.join("cache")).stdin(Stdio::null());
    command
}
