//! What a running job reports, kept: rows to `metrics.jsonl` and `system.jsonl`, messages to the log, progress to the
//! terminal.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use exp_api::{Event, EventSink, Level};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Map, Value};

use crate::files::write_atomically;
use crate::screen;

/// The rows that a rerun repeats.
pub const METRICS: &str = "metrics.jsonl";
/// The rows about the machine.
pub const SYSTEM: &str = "system.jsonl";
/// Time between two lines of progress where there is no terminal.
const PLAIN_LINES: Duration = Duration::from_secs(10);

/// Keeps the events of one job.
pub struct Recorder {
    again: bool,
    metrics: Rows,
    system: Rows,
    progress: Progress,
}

impl Recorder {
    /// Keeps events in a run directory, with progress on `screen`; `again` if somebody worked there before.
    ///
    /// # Errors
    /// A file cannot be opened.
    pub fn open(dir: &Path, screen: Option<&MultiProgress>, again: bool) -> io::Result<Recorder> {
        Ok(Recorder {
            again,
            metrics: Rows::open(dir.join(METRICS))?,
            system: Rows::open(dir.join(SYSTEM))?,
            progress: Progress::new(screen.cloned()),
        })
    }

    /// Takes the bar off the terminal.
    pub fn close(self) {
        if let Some(bar) = &self.progress.bar {
            bar.finish_and_clear();
        }
    }
}

impl EventSink for Recorder {
    fn emit(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Started { step, steps, batch } => {
                self.metrics.cut(step)?;
                self.system.cut(step)?;
                if self.again {
                    let why = if step == 0 { ", since there is no sound checkpoint" } else { "" };
                    tracing::info!("resumed from step {step}{why}");
                }
                self.progress.start(step, steps, batch);
                Ok(())
            }
            Event::Progress { step, loss } => {
                self.progress.advance(step, loss);
                Ok(())
            }
            Event::Metrics { step, values } => self.metrics.append(step, values),
            Event::System { step, mut values } => {
                values.extend(memory_mib());
                self.system.append(step, values)
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
        self.metrics.file.sync_data()
    }
}

/// A file of JSON objects, one a line, each with its `step`.
struct Rows {
    path: PathBuf,
    file: File,
}

impl Rows {
    fn open(path: PathBuf) -> io::Result<Rows> {
        let file = OpenOptions::new().create(true).append(true).open(&path)?;
        Ok(Rows { path, file })
    }

    /// One write a row: a reader never sees half of one, unless the disk fills up.
    fn append(&mut self, step: u64, values: Vec<(String, f64)>) -> io::Result<()> {
        let mut row = Map::new();
        row.insert("step".to_owned(), step.into());
        row.extend(values.into_iter().map(|(name, value)| (name, Value::from(value))));
        let mut line = serde_json::to_vec(&row)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }

    /// Removes the rows after `step`, and one that was cut off.
    fn cut(&mut self, step: u64) -> io::Result<()> {
        let text = std::fs::read_to_string(&self.path)?;
        let kept: String = text.split_inclusive('\n').take_while(|line| is_row_until(line, step)).collect();
        if kept.len() < text.len() {
            write_atomically(&self.path, kept.as_bytes())?;
            self.file = OpenOptions::new().append(true).open(&self.path)?;
        }
        Ok(())
    }
}

fn is_row_until(line: &str, step: u64) -> bool {
    let row: Option<Map<String, Value>> = serde_json::from_str(line).ok().filter(|_| line.ends_with('\n'));
    row.and_then(|row| row.get("step")?.as_u64()).is_some_and(|of| of <= step)
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
}

impl Progress {
    fn new(screen: Option<MultiProgress>) -> Progress {
        let now = Instant::now();
        let plain = !io::stderr().is_terminal();
        Progress { screen, bar: None, plain, batch: 0, steps: 0, first: 0, started: now, printed: now }
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

    fn advance(&mut self, step: u64, loss: f64) {
        let rate = (step - self.first) as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
        if let Some(bar) = &self.bar {
            bar.set_position(step);
            bar.set_message(format!("{rate:.0} step/s  loss {loss:.4}"));
        } else if self.screen.is_some() && (self.printed.elapsed() >= PLAIN_LINES || step == self.steps) {
            self.printed = Instant::now();
            let left = (self.steps - step) as f64 / rate.max(1e-9);
            let images = rate * self.batch as f64;
            screen::warn(format_args!(
                "step {step}/{}  {rate:.0} step/s  {images:.0} images/s  loss {loss:.4}  {left:.0} s left",
                self.steps
            ));
        }
    }
}

/// Memory of this process now and at most, in MiB; nothing where the kernel does not say.
fn memory_mib() -> Vec<(String, f64)> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = |line: &str| line.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
    let field = |(name, label): (&str, &str)| {
        let value = status.lines().find_map(|line| kib(line.strip_prefix(label)?))?;
        Some((name.to_owned(), value / 1024.0))
    };
    [("rss_mib", "VmRSS:"), ("peak_rss_mib", "VmHWM:")].into_iter().filter_map(field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_after_the_checkpoint_are_cut() {
        let dir = tempfile::tempdir().unwrap();
        let mut rows = Rows::open(dir.path().join(METRICS)).unwrap();
        for step in [10, 20, 30] {
            rows.append(step, vec![("loss".to_owned(), 0.5)]).unwrap();
        }
        rows.file.write_all(b"{\"step\":40,\"lo").unwrap();
        rows.cut(20).unwrap();
        rows.append(30, vec![]).unwrap();
        let text = std::fs::read_to_string(dir.path().join(METRICS)).unwrap();
        assert_eq!(text, "{\"step\":10,\"loss\":0.5}\n{\"step\":20,\"loss\":0.5}\n{\"step\":30}\n");
    }
}
