//! The small variant of every experiment: how its loss and its distance to the data fall.
//! `cargo bench --bench experiments`.
//!
//! Words with `=` are passed on as overrides: `cargo bench --bench experiments -- train.steps=200`.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use exp::recorder::SYSTEM;
use exp::worker::REPORT;
use serde_json::{Map, Value};

mod sheet;

use sheet::{Sheet, median};

/// The variants, and the run that one of them starts from.
const EXPERIMENTS: [(&str, Option<&str>); 7] = [
    ("score_guided_small", None),
    ("vanilla_small", None),
    ("ict_paper_small", None),
    ("mincy_small", None),
    ("mincy_as_coded_small", None),
    ("edm_small", None),
    ("ect_small", Some("edm_small")),
];
/// Steps between two points of a curve.
const EVERY: u64 = 200;
/// Parts of a run, over each of which its loss is averaged.
const PARTS: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let parent = tempfile::tempdir()?;
    let mut risen = false;
    let mut sheet =
        Sheet::new("experiments", &["experiment", "seconds", "step/s", "loss", "fd_pixel, untrained first", ""]);
    for (name, source) in EXPERIMENTS {
        let run = parent.path().join(name);
        let start = Instant::now();
        let status = Command::new(env!("CARGO_BIN_EXE_exp"))
            // There is no conf/ here, so the copy in the binary is used, as after an installation.
            .current_dir(parent.path())
            .args([format!("+experiment={name}"), format!("hydra.run.dir={name}"), format!("train.eval_every={EVERY}")])
            .arg("train.log_every=1")
            .args(source.map(|source| format!("init_from={source}")))
            .args(std::env::args().filter(|word| word.contains('=')))
            .stdout(Stdio::null())
            .status()?;
        if !status.success() {
            return Err(format!("{name} failed: {status}").into());
        }
        let seconds = start.elapsed().as_secs_f64();
        let (rows, system) = (rows(&run.join("metrics.jsonl"))?, rows(&run.join(SYSTEM))?);
        let losses: Vec<f64> = column(&rows, "loss").collect();
        let losses: Vec<f64> = losses.chunks(losses.len().div_ceil(PARTS)).map(mean).collect();
        let (first, last) = (losses[0], losses[losses.len() - 1]);
        let report: Map<String, Value> = serde_json::from_str(&fs::read_to_string(run.join(REPORT))?)?;
        let untrained = report.get("fd_pixel_untrained").and_then(Value::as_f64);
        let curve: Vec<f64> = untrained.into_iter().chain(column(&rows, "fd_pixel")).collect();
        let fell = last < first && curve.last() < curve.first();
        let points: Vec<String> = curve.iter().map(|value| format!("{value:.2}")).collect();
        sheet.row([
            name.to_owned(),
            format!("{seconds:.0}"),
            format!("{:.0}", median(&column(&system, "steps_per_second").collect::<Vec<_>>())),
            losses.iter().map(|value| format!("{value:.2}")).collect::<Vec<_>>().join(" "),
            points.join(" "),
            if fell { "both fell" } else { "ROSE" }.to_owned(),
        ]);
        risen |= !fell;
        sheet.figure(&format!("{name}/loss_ratio"), last / first);
        sheet.figure(&format!("{name}/fd_pixel_ratio"), curve.last().copied().unwrap_or(f64::NAN) / curve[0]);
    }
    sheet.print();
    if risen { Err("a loss or a distance rose".into()) } else { Ok(()) }
}

fn rows(path: &Path) -> Result<Vec<Map<String, Value>>, Box<dyn Error>> {
    Ok(fs::read_to_string(path)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn column<'a>(rows: &'a [Map<String, Value>], name: &'a str) -> impl Iterator<Item = f64> + 'a {
    rows.iter().filter_map(move |row| row.get(name)?.as_f64())
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}
