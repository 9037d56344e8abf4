//! What a running job reports, kept: rows to `metrics.jsonl` and `system.jsonl`, messages to the log, progress to the
//! terminal.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use exp_api::{Event, EventSink, Level, Report};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::gpu::Gpus;
use crate::report;
use crate::rows::Rows;
use crate::screen;
use crate::track::clock::now;
use crate::track::tensorboard::Board;
use crate::usage::usage;

/// The rows that a rerun repeats.
pub const METRICS: &str = "metrics.jsonl";
/// The rows about the machine.
pub const SYSTEM: &str = "system.jsonl";
/// Time between two lines of progress where there is no terminal.
const PLAIN_LINES: Duration = Duration::from_secs(10);

/// Keeps the events of one job.
pub struct Recorder {
    dir: PathBuf,
    again: bool,
    /// Events for TensorBoard, from the moment that training starts.
    board: Option<Board>,
    wants_board: bool,
    metrics: Rows,
    system: Rows,
    progress: Progress,
    gpus: Option<Gpus>,
}

impl Recorder {
    /// Keeps events in a run directory, with progress on `screen`; `again` if somebody worked there before; also for
    /// TensorBoard if `board`, and what the `gpus` are doing beside them.
    ///
    /// # Errors
    /// A file cannot be opened.
    pub fn open(
        dir: &Path,
        screen: Option<&MultiProgress>,
        again: bool,
        board: bool,
        gpus: Option<Gpus>,
    ) -> io::Result<Recorder> {
        Ok(Recorder {
            dir: dir.to_owned(),
            again,
            board: None,
            wants_board: board,
            metrics: Rows::open(dir.join(METRICS))?,
            system: Rows::open(dir.join(SYSTEM))?,
            progress: Progress::new(screen.cloned()),
            gpus,
        })
    }

    /// Takes the bar off the terminal, and notes what a job came to, with a report or by an error, that did not stop on
    /// the way.
    pub fn close(mut self, report: Option<&Report>) {
        match (&mut self.board, report) {
            (Some(board), Some(report)) if !report.interrupted => board.end(Some(report.step), true, &report.figures),
            (Some(board), None) => board.end(None, false, &[]),
            _ => {}
        }
        if let Some(bar) = &self.progress.bar {
            bar.finish_and_clear();
        }
    }
}

impl EventSink for Recorder {
    fn emit(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Started { step, steps, batch } => {
                self.metrics.cut(|of| of <= step)?;
                self.system.cut(|of| of <= step)?;
                if self.again {
                    let why = if step == 0 { ", since there is no sound checkpoint" } else { "" };
                    tracing::info!("resumed from step {step}{why}");
                }
                self.progress.start(step, steps, batch);
                self.board = self.wants_board.then(|| Board::begin(&self.dir));
                Ok(())
            }
            Event::Progress { step, loss } => {
                self.progress.advance(step, loss);
                Ok(())
            }
            Event::Metrics { step, values } => {
                self.metrics.append(step, &values)?;
                self.board.iter_mut().for_each(|board| board.metrics(step, &values));
                Ok(())
            }
            Event::System { step, mut values } => {
                // Of another process its backend has told.
                if !values.iter().any(|(name, _)| name == "rss_mib") {
                    values.extend(usage(None));
                }
                values.extend(self.gpus.iter().flat_map(Gpus::usage));
                self.progress.memory(&values);
                values.push(("time".to_owned(), now()));
                self.system.append(step, &values)?;
                self.board.iter_mut().for_each(|board| board.system(step, &values));
                Ok(())
            }
            Event::Log { level: Level::Info, message } => {
                tracing::info!("{message}");
                Ok(())
            }
            Event::Log { level: Level::Warn, message } => {
                tracing::warn!("{message}");
                Ok(())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.metrics.flush()
    }
}

/// A bar on a terminal, lines elsewhere, nothing without a screen.
struct Progress {
    screen: Option<MultiProgress>,
    bar: Option<ProgressBar>,
    plain: bool,
    batch: u64,
    steps: u64,
    first: u64,
    started: Instant,
    printed: Instant,
    /// Memory in use, in words.
    memory: String,
}

impl Progress {
    fn new(screen: Option<MultiProgress>) -> Progress {
        let now = Instant::now();
        let plain = !io::stderr().is_terminal();
        let memory = String::new();
        Progress { screen, bar: None, plain, batch: 0, steps: 0, first: 0, started: now, printed: now, memory }
    }

    fn start(&mut self, step: u64, steps: u64, batch: u64) {
        let now = Instant::now();
        (self.first, self.steps, self.batch, self.started, self.printed) = (step, steps, batch, now, now);
        if let Some(bars) = self.screen.as_ref().filter(|_| !self.plain) {
            let bar = bars.add(ProgressBar::new(steps).with_position(step));
            let style = ProgressStyle::with_template("{bar:30} {pos}/{len}  {msg}  {eta} left");
            if let Ok(style) = style {
                bar.set_style(style.progress_chars("=> "));
            }
            self.bar = Some(bar);
        }
    }

    /// Takes the memory among figures of the machine: that of the GPUs, else that of the process.
    fn memory(&mut self, figures: &[(String, f64)]) {
        let gpus = figures.iter().filter(|(name, _)| name.ends_with("_memory_mib"));
        let gib: Vec<String> = gpus.map(|(_, mib)| format!("{:.1}", mib / 1024.0)).collect();
        let process = figures.iter().find(|(name, _)| name == "rss_mib");
        self.memory = match (gib.is_empty(), process) {
            (false, _) => format!("  {} GiB on GPU", gib.join(" + ")),
            (true, Some((_, mib))) => format!("  {mib:.0} MiB"),
            (true, None) => String::new(),
        };
    }

    fn advance(&mut self, step: u64, loss: f64) {
        let rate = step.saturating_sub(self.first) as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
        if let Some(bar) = &self.bar {
            bar.set_position(step);
            bar.set_message(format!("{rate:.0} step/s  loss {}{}", report::number(loss), self.memory));
        } else if self.screen.is_some() && (self.printed.elapsed() >= PLAIN_LINES || step == self.steps) {
            self.printed = Instant::now();
            let left = self.steps.saturating_sub(step) as f64 / rate.max(1e-9);
            let images = rate * self.batch as f64;
            screen::warn(format_args!(
                "step {step}/{}  {rate:.0} step/s  {images:.0} images/s  loss {}{}  {left:.0} s left",
                self.steps,
                report::number(loss),
                self.memory
            ));
        }
    }
}
