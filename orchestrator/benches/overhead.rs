//! What the program itself costs beside the mathematics: `cargo bench --bench overhead`.
//!
//! Logging of a step, the start of a resumed run up to its first step, and the start of the program.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use exp::recorder::{METRICS, Recorder};
use exp_api::{Event, EventSink};
use indicatif::MultiProgress;
use mimalloc::MiMalloc;

mod sheet;

use sheet::{Sheet, median};

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Steps that are logged in one measurement, and measurements.
const STEPS: u64 = 100_000;
const ROUNDS: usize = 5;
/// Steps before the first resumption, and resumptions.
const TRAINED: u64 = 20;
const RESUMPTIONS: u64 = 9;
/// Starts of the program.
const STARTS: usize = 20;
/// Targets: microseconds a step, and seconds to the first resumed step.
const LOGGING: f64 = 5.0;
const RESUMING: f64 = 1.0;

fn main() -> Result<(), Box<dyn Error>> {
    let mut sheet = Sheet::new("overhead", &["figure", "median", "least", "most", "target", ""]);
    let mut add = |name: &str, unit: &str, values: &[f64], target: Option<f64>| {
        let middle = median(values);
        let (least, most) = values.iter().fold((f64::MAX, 0.0_f64), |(a, b), &v| (a.min(v), b.max(v)));
        let bound = target.map(|target| format!("<= {target} {unit}")).unwrap_or_default();
        let met = target.map_or("", |target| if middle <= target { "met" } else { "missed" });
        let shown = [middle, least, most].map(|value| format!("{value:.3} {unit}"));
        sheet.row([name.to_owned()].into_iter().chain(shown).chain([bound, met.to_owned()]));
        let words = name.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
        sheet.figure(&format!("{}_{unit}", words.collect::<Vec<_>>().join("_")), middle);
    };
    for every in [1, 20] {
        let micros = (0..ROUNDS).map(|_| logging(every)).collect::<Result<Vec<_>, _>>()?;
        add(&format!("logging a step, log_every {every}"), "us", &micros, Some(LOGGING));
    }
    add("resume to first step", "s", &resuming()?, Some(RESUMING));
    add("exp --cfg job", "ms", &starting()?, None);
    sheet.print();
    Ok(())
}

/// Microseconds a step of recording what a step of training reports; progress at every step, which the trainer does
/// only ten times a second.
fn logging(every: u64) -> Result<f64, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let mut recorder = Recorder::open(dir.path(), Some(&MultiProgress::new()), false, true, None)?;
    // One step more than is taken: the last one would be printed.
    recorder.emit(Event::Started { step: 0, steps: STEPS + 1, batch: 16 })?;
    let start = Instant::now();
    for step in 1..=STEPS {
        let loss = 0.123_456_789_012_345 / step as f64;
        recorder.emit(Event::Progress { step, loss })?;
        if step.is_multiple_of(every) {
            let names = ["loss", "loss/consistency", "loss/dsm", "grad_norm/torso", "grad_norm/head"];
            let values = names.iter().map(|&name| (name.to_owned(), loss)).collect();
            recorder.emit(Event::Metrics { step, values })?;
        }
    }
    Ok(start.elapsed().as_secs_f64() / STEPS as f64 * 1e6)
}

/// Seconds from the start of `exp resume DIR train.steps=N+1` to the row of step N+1 in the metrics; reading the
/// checkpoint and the data and taking that step are part of it.
fn resuming() -> Result<Vec<f64>, Box<dyn Error>> {
    let parent = tempfile::tempdir()?;
    let run = parent.path().join("run");
    let exp = |words: &[&str]| exp(parent.path(), words);
    let dir = format!("hydra.run.dir={}", run.display());
    let steps = format!("train.steps={TRAINED}");
    let made = exp(&["+experiment=quickstart", "train.log_every=1", "eval.metrics=[]", &steps, &dir]).status()?;
    if !made.success() {
        return Err(format!("the run to resume failed: {made}").into());
    }
    let mut seconds = Vec::new();
    for step in TRAINED + 1..=TRAINED + RESUMPTIONS {
        let metrics = run.join(METRICS);
        let row = format!("{{\"step\":{step},");
        let steps = format!("train.steps={step}");
        let start = Instant::now();
        let mut resumed = exp(&["resume", &run.display().to_string(), &steps]).spawn()?;
        while !fs::read_to_string(&metrics)?.contains(&row) {
            if let Some(status) = resumed.try_wait()?.filter(|status| !status.success()) {
                return Err(format!("the run was not resumed: {status}").into());
            }
            sleep(Duration::from_micros(200));
        }
        seconds.push(start.elapsed().as_secs_f64());
        resumed.wait()?;
    }
    Ok(seconds)
}

/// Milliseconds in which the program composes a configuration, prints it and ends.
fn starting() -> Result<Vec<f64>, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let mut millis = Vec::new();
    for _ in 0..STARTS {
        let start = Instant::now();
        let status = exp(dir.path(), &["--cfg", "job"]).status()?;
        millis.push(start.elapsed().as_secs_f64() * 1e3);
        if !status.success() {
            return Err(format!("exp --cfg job failed: {status}").into());
        }
    }
    Ok(millis)
}

/// The program in a directory without conf/, so that it uses the copy in the binary, and with nothing to say.
fn exp(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exp"));
    command.current_dir(dir).args(words).stdout(Stdio::null()).stderr(Stdio::null());
    command
}
