//! How far a job is: a bar on a terminal, lines elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::report;
use crate::screen;

/// Time between two lines of progress where there is no terminal.
const PLAIN_LINES: Duration = Duration::from_secs(10);
/// The line of progress. What may be cut off where a terminal is narrow is at its end: a longer line would fill the screen.
const LINE: &str = "{bar:12} {pos}/{len}  {eta} left  {wide_msg}";

/// A bar on a terminal, lines elsewhere, nothing without a screen.
pub struct Progress {
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
    /// Progress on `screen`.
    pub fn new(screen: Option<MultiProgress>) -> Progress {
        let now = Instant::now();
        let plain = !stderr().is_terminal();
        let memory = String::new();
        Progress { screen, bar: None, plain, batch: 0, steps: 0, first: 0, started: now, printed: now, memory }
    }

    /// Work begins after `step`, of `steps`, each with `batch` images.
    pub fn start(&mut self, step: u64, steps: u64, batch: u64) {
        let now = Instant::now();
        (self.first, self.steps, self.batch, self.started, self.printed) = (step, steps, batch, now, now);
        if let Some(bars) = self.screen.as_ref().filter(|_| !self.plain) {
            let bar = bars.add(ProgressBar::new(steps).with_position(step));
            if let Ok(style) = ProgressStyle::with_template(LINE) {
                bar.set_style(style.progress_chars("=> "));
            }
            self.bar = Some(bar);
        }
    }

    /// Takes the memory among figures of the machine: that of the GPUs, else that of the process.
    pub fn memory(&mut self, figures: &[(String, f64)]) {
        let gpus = figures.iter().filter(|(name, _)| name.ends_with("_memory_mib"));
        let gib: Vec<String> = gpus.map(|(_, mib)| format!("{:.1}", mib / 1024.0)).collect();
        let process = figures.iter().find(|(name, _)| name == "rss_mib");
        self.memory = match (gib.is_empty(), process) {
            (false, _) => format!("  {} GiB on GPU", gib.join(" + ")),
            (true, Some((_, mib))) => format!("  {mib:.0} MiB"),
            (true, None) => String::new(),
        };
    }

    /// A step was taken.
    pub fn advance(&mut self, step: u64, loss: f64) {
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

    /// Takes the bar off the terminal.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use console::measure_text_width;
    use indicatif::{ProgressDrawTarget, TermLike};

    use super::*;

    /// A terminal of a width, with what was written to it.
    #[derive(Debug, Clone)]
    struct Terminal(u16, Arc<Mutex<Vec<String>>>);

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            self.0
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.1.lock().unwrap().push(text.trim_end().to_owned());
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_of_progress_is_cut_where_a_terminal_is_narrow() {
        for (width, last) in [(80, "183 MiB"), (40, "")] {
            let terminal = Terminal(width, Arc::default());
            let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
            let mut progress = Progress::new(Some(MultiProgress::with_draw_target(target)));
            progress.plain = false;
            progress.start(0, 4000, 64);
            progress.memory(&[("rss_mib".to_owned(), 183.4)]);
            progress.started = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
            progress.advance(1234, 0.001_234);
            let written = terminal.1.lock().unwrap();
            let line = written.iter().rfind(|line| line.contains("1234/4000")).unwrap();
            assert!(line.contains(" left") && line.ends_with(last), "{line}");
            let widths: Vec<usize> = written.iter().map(|line| measure_text_width(line)).collect();
            assert!(widths.iter().all(|found| *found <= usize::from(width)), "{written:?}");
            assert_eq!(line.contains("loss 0.001234"), width == 80, "{line}");
        }
    }
}
