//! A training step of the cifar10_small network on tch and in eager PyTorch, in turns: `cargo bench`.
//!
//! The step is written down as a trace (`step/traced.rs`) and repeated by `step/pytorch.py`, operation by operation
//! with the same numbers, so that both libraries have the same work; that their first losses agree shows it. EXP_PYTHON
//! names a Python with PyTorch; without one there is no such row. Each figure, also a ratio, is the median over rounds.

use std::error::Error;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use exp_consistency::engine::Engine;
use exp_consistency::tensor::Tensor;
use exp_tch::TchEngine;

#[path = "../../../orchestrator/benches/sheet/mod.rs"]
mod sheet;
#[path = "step/traced.rs"]
mod traced;
#[path = "step/training.rs"]
mod training;

use sheet::{Sheet, median};
use training::{Course, Training};

const ROUNDS: usize = 9;
const TURN: Duration = Duration::from_millis(1500);
const WARM_UP: Duration = Duration::from_secs(2);
/// Side of the matrices whose product is the machine's peak.
const SIDE: usize = 768;
const PRODUCTS: Duration = Duration::from_millis(200);

fn main() -> Result<(), Box<dyn Error>> {
    let course = Course::new(serde_json::from_str(include_str!("step/cifar10_small.json"))?)?;
    let (trace, flop) = course.trace()?;
    let batch = course.spec.train.batch as f64;
    let mut sheet = Sheet::new(
        "tch",
        &["batch", "engine", "device", "threads", "dtype", "img/s", "share of peak", "peak MiB", "to PyTorch"],
    );
    for threads in [1, 2] {
        let engine = TchEngine::open("cpu", threads)?;
        let (mut ours, mut rates, mut peaks, mut theirs) = (None, Vec::new(), Vec::new(), Vec::new());
        let mut pytorch = PyTorch::start(&trace.to_string(), threads)?;
        engine.scope(|| -> Result<(), String> {
            let said = |error: Box<dyn Error>| error.to_string();
            let training = ours.insert(Training::new(&course, engine.clone()).map_err(said)?);
            let loss = training.step();
            if let Some(pytorch) = &mut pytorch {
                let apart = (f64::from(loss) - pytorch.loss).abs() / pytorch.loss;
                println!("first loss: {loss} here, {} in PyTorch {}", pytorch.loss, pytorch.version);
                if apart.is_nan() || apart > 1e-4 {
                    return Err(format!("these are not the same step: losses apart by {apart:.1e}"));
                }
                pytorch.rate(WARM_UP).map_err(said)?;
            }
            rate(WARM_UP, || training.step());
            for _ in 0..ROUNDS {
                rates.push(rate(TURN, || training.step()));
                peaks.push(products(&engine));
                if let Some(pytorch) = &mut pytorch {
                    theirs.push(pytorch.rate(TURN).map_err(said)?);
                }
            }
            Ok(())
        })?;
        let peak = |rate: &[f64]| {
            let shares: Vec<f64> = rate.iter().zip(&peaks).map(|(rate, peak)| rate * flop / peak).collect();
            format!("{:.1} %", 100.0 * median(&shares))
        };
        let ratios: Vec<f64> = rates.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
        let row = |engine: &str, rates: &[f64], memory: f64, ratio: String| {
            let speed = format!("{:.1}", batch * median(rates));
            let cells = [&format!("{batch}"), engine, "cpu", &threads.to_string(), "f32", &speed, &peak(rates)];
            cells.map(str::to_owned).into_iter().chain([format!("{memory:.0}"), ratio]).collect::<Vec<_>>()
        };
        let ratio = if ratios.is_empty() { "-".to_owned() } else { format!("{:.2}x", median(&ratios)) };
        sheet.row(row("tch", &rates, own_peak(), ratio));
        sheet.figure(&format!("tch/{threads}/images_per_second"), batch * median(&rates));
        if let Some(pytorch) = pytorch {
            let name = format!("PyTorch {}", pytorch.version);
            sheet.row(row(&name, &theirs, pytorch.finish()?, "1".to_owned()));
            sheet.figure(&format!("pytorch/{threads}/images_per_second"), batch * median(&theirs));
            sheet.figure(&format!("tch/{threads}/to_pytorch"), median(&ratios));
        }
    }
    println!("share of peak: of {SIDE}x{SIDE} matrix products on as many threads");
    sheet.print();
    Ok(())
}

/// A PyTorch that repeats the trace.
struct PyTorch {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    version: String,
    loss: f64,
}

impl PyTorch {
    fn start(trace: &str, threads: usize) -> Result<Option<PyTorch>, Box<dyn Error>> {
        let Some(python) = std::env::var_os("EXP_PYTHON") else { return Ok(None) };
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(trace.as_bytes())?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/step/pytorch.py");
        let mut command = Command::new(python);
        command.arg(script).arg(file.path()).arg(threads.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        // It must not find the libtorch that this program is linked to.
        let mut child = command.env_remove("LD_LIBRARY_PATH").spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("PyTorch has no streams".into());
        };
        let mut lines = BufReader::new(output).lines();
        let first = lines.next().ok_or("PyTorch said nothing")??;
        let (version, loss) = first.split_once(' ').ok_or("PyTorch did not say its loss")?;
        Ok(Some(PyTorch { version: version.to_owned(), loss: loss.parse()?, child, input, lines }))
    }

    /// Steps a second, over at least `time`.
    fn rate(&mut self, time: Duration) -> Result<f64, Box<dyn Error>> {
        writeln!(self.input, "{}", time.as_secs_f64())?;
        Ok(self.lines.next().ok_or("PyTorch ended")??.parse()?)
    }

    /// Its peak memory in MiB.
    fn finish(mut self) -> Result<f64, Box<dyn Error>> {
        drop(self.input);
        let memory = self.lines.next().ok_or("PyTorch ended")??.parse()?;
        self.child.wait()?;
        Ok(memory)
    }
}

/// Calls of `work` a second, over at least `time`.
fn rate<R>(time: Duration, mut work: impl FnMut() -> R) -> f64 {
    let (start, mut calls) = (Instant::now(), 0.0);
    while start.elapsed() < time {
        black_box(work());
        calls += 1.0;
    }
    calls / start.elapsed().as_secs_f64()
}

/// Floating-point operations a second in matrix products.
fn products(engine: &TchEngine) -> f64 {
    let values: Vec<f32> = (0..SIDE * SIDE).map(|i| (i % 7) as f32 - 3.0).collect();
    let matrix = engine.upload(&[SIDE, SIDE], &values);
    rate(PRODUCTS, || matrix.matmul(&matrix)) * 2.0 * (SIDE as f64).powi(3)
}

/// This program's peak memory in MiB; it does not fall from one row to the next.
fn own_peak() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).map_or(f64::NAN, |kib| kib / 1024.0)
}
