//! The quick start as a user runs it, against its targets: `cargo bench --bench quickstart`.
//!
//! Words with `=` are passed on as overrides: `cargo bench --bench quickstart -- train.steps=200`.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use exp::recorder::SYSTEM;
use exp::worker::REPORT;
use serde_json::{Map, Value};

mod sheet;

use sheet::{Sheet, median};

/// Targets: seconds, MiB, and percent of the untrained network's distance for one step and for two.
const SECONDS: f64 = 90.0;
const MEMORY: f64 = 1024.0;
const ONE_STEP: f64 = 2.5;
const TWO_STEP: f64 = 2.0;

fn main() -> Result<(), Box<dyn Error>> {
    let parent = tempfile::tempdir()?;
    let run = parent.path().join("run");
    let start = Instant::now();
    let child = Command::new(env!("CARGO_BIN_EXE_exp"))
        // There is no conf/ here, so the copy in the binary is used, as after an installation.
        .current_dir(parent.path())
        .args(["+experiment=quickstart", &format!("hydra.run.dir={}", run.display())])
        .args(std::env::args().filter(|word| word.contains('=')))
        .stdout(Stdio::null())
        .spawn()?;
    let (status, polled) = watched(child)?;
    let seconds = start.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("the run failed: {status}").into());
    }
    let system = rows(&run.join(SYSTEM))?;
    let report: Map<String, Value> = serde_json::from_str(&fs::read_to_string(run.join(REPORT))?)?;
    let reported = column(&system, "rss_mib").chain(column(&system, "peak_rss_mib")).fold(0.0, f64::max);
    let figure = |name: &str| report.get(name).and_then(Value::as_f64).ok_or(format!("{REPORT} has no {name}"));
    let untrained = figure("fd_pixel_untrained")?;
    let middle = |name| median(&column(&system, name).collect::<Vec<_>>());

    let mut sheet = Sheet::new("quickstart", &["figure", "measured", "target", ""]);
    let mut add = |name: &str, value: f64, unit: &str, target: Option<f64>| {
        let met = target.map(|target| if value <= target { "met" } else { "missed" });
        let bound = target.map(|target| format!("<= {target} {unit}"));
        let cells = [name.to_owned(), format!("{value:.2} {unit}"), bound.unwrap_or_default()];
        sheet.row(cells.into_iter().chain(met.map(str::to_owned)));
        sheet.figure(&name.replace(' ', "_"), value);
    };
    add("wall time", seconds, "s", Some(SECONDS));
    add("training time", column(&system, "seconds").fold(f64::NAN, f64::max), "s", None);
    add("peak memory", polled.max(reported), "MiB", Some(MEMORY));
    add("steps per second", middle("steps_per_second"), "", None);
    add("images per second", middle("images_per_second"), "", None);
    add("fd_pixel", 100.0 * figure("fd_pixel")? / untrained, "%", Some(ONE_STEP));
    add("fd_pixel/two_step", 100.0 * figure("fd_pixel/two_step")? / untrained, "%", Some(TWO_STEP));
    sheet.print();
    Ok(())
}

/// Waits for a process; its outcome, and the most memory in MiB that it was seen to hold.
fn watched(mut child: Child) -> std::io::Result<(ExitStatus, f64)> {
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0.0_f64;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok((status, peak));
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        peak = peak.max(kib.unwrap_or(0.0) / 1024.0);
        sleep(Duration::from_millis(20));
    }
}

fn rows(path: &Path) -> Result<Vec<Map<String, Value>>, Box<dyn Error>> {
    Ok(fs::read_to_string(path)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

fn column<'a>(rows: &'a [Map<String, Value>], name: &'a str) -> impl Iterator<Item = f64> + 'a {
    rows.iter().filter_map(move |row| row.get(name)?.as_f64())
}
