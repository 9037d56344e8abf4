//! How far a sweep is: a line at the foot of the terminal; elsewhere now and then a line of its own.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use exp_api::Report;
use exp_api::figure::ranks;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::dispatch::Jobs;
use crate::report;
use crate::screen;
use crate::sweep::Direction;
use crate::worker::WorkerError;

/// Time between two lines where there is no terminal.
const PLAIN_LINES: Duration = Duration::from_secs(10);

/// Jobs whose outcomes are counted on their way.
pub struct Tally<'a> {
    jobs: &'a mut dyn Jobs,
    screen: MultiProgress,
    /// The line at the foot; none without a terminal.
    line: Option<ProgressBar>,
    told: Instant,
    total: usize,
    running: usize,
    /// With those of earlier times.
    done: usize,
    failed: usize,
    /// The figure that jobs compare by; of those that come without a choice, the first report's first one.
    figure: Option<(String, Direction)>,
    best: Option<(f64, usize)>,
}

impl<'a> Tally<'a> {
    /// Counts the outcomes of `jobs`, `total` with those that are over already: `done` and `failed`.
    pub fn new(
        jobs: &'a mut dyn Jobs,
        screen: &MultiProgress,
        [total, done, failed]: [usize; 3],
        figure: Option<(String, Direction)>,
    ) -> Tally<'a> {
        let line = io::stderr().is_terminal().then(|| {
            let line = screen.add(ProgressBar::new(total as u64).with_position((done + failed) as u64));
            set_style(&line, "{bar:12} {pos}/{len}  {wide_msg}");
            line
        });
        let screen = screen.clone();
        Tally { jobs, screen, line, told: Instant::now(), total, running: 0, done, failed, figure, best: None }
    }

    /// Takes the line off the terminal.
    pub fn close(self) {
        if let Some(line) = self.line {
            line.finish_and_clear();
        }
    }

    fn learn(&mut self, job: usize, report: &Report) {
        let first = || report.figures.iter().find(|(name, _)| ranks(name));
        if self.figure.is_none() {
            self.figure = first().map(|(name, _)| (name.clone(), Direction::Minimize));
        }
        let Some((figure, direction)) = &self.figure else { return };
        let Some((_, value)) = report.figures.iter().find(|(name, value)| name == figure && !value.is_nan()) else {
            return;
        };
        let better = |best: f64| match direction {
            Direction::Minimize => *value < best,
            Direction::Maximize => *value > best,
        };
        if self.best.is_none_or(|(best, _)| better(best)) {
            self.best = Some((*value, job));
        }
    }

    fn tell(&mut self) {
        let mut text = format!("{} running, {} done", self.running, self.done);
        if self.failed > 0 {
            let _ = write!(text, ", {} failed", self.failed);
        }
        if let (Some((value, job)), Some((figure, _))) = (self.best, &self.figure) {
            let _ = write!(text, "; best {figure} {} (#{job})", report::number(value));
        }
        match &self.line {
            Some(line) => {
                line.set_position((self.done + self.failed) as u64);
                line.set_message(text);
            }
            None if self.told.elapsed() >= PLAIN_LINES => {
                self.told = Instant::now();
                screen::warn(format_args!("{} jobs: {text}", self.total));
            }
            None => {}
        }
    }
}

fn set_style(line: &ProgressBar, template: &str) {
    if let Ok(style) = ProgressStyle::with_template(template) {
        line.set_style(style.progress_chars("=> "));
    }
}

impl Jobs for Tally<'_> {
    fn next(&mut self) -> Option<(usize, PathBuf)> {
        let jobs = &mut *self.jobs;
        let next = self.screen.suspend(|| jobs.next());
        self.running += usize::from(next.is_some());
        self.tell();
        next
    }

    fn more(&self) -> bool {
        self.jobs.more()
    }

    fn ended(&mut self, job: usize, outcome: Result<Report, WorkerError>) {
        self.running -= 1;
        match &outcome {
            Ok(report) if report.interrupted => {}
            Ok(report) => {
                self.done += 1;
                self.learn(job, report);
            }
            Err(_) => self.failed += 1,
        }
        let jobs = &mut *self.jobs;
        self.screen.suspend(|| jobs.ended(job, outcome));
        // Before that nobody knows how long a job takes.
        self.line.iter().for_each(|line| set_style(line, "{bar:12} {pos}/{len}  {eta} left  {wide_msg}"));
        self.tell();
    }

    fn hopeless(&mut self) -> Vec<usize> {
        self.jobs.hopeless()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Jobs that do nothing but count how often they were asked.
    struct Nothing(usize);

    impl Jobs for Nothing {
        fn next(&mut self) -> Option<(usize, PathBuf)> {
            self.0 += 1;
            Some((self.0 - 1, PathBuf::new()))
        }

        fn more(&self) -> bool {
            true
        }

        fn ended(&mut self, _: usize, _: Result<Report, WorkerError>) {}
    }

    fn report(name: &str, value: f64, interrupted: bool) -> Result<Report, WorkerError> {
        Ok(Report { step: 1, interrupted, figures: vec![(name.to_owned(), value)], grid: None })
    }

    #[test]
    fn outcomes_are_counted_and_the_best_is_known() {
        for (chosen, name, best) in [
            (None, "fd_pixel", Some((1.0, 1))),
            (None, "accuracy", None),
            (Some(("accuracy".to_owned(), Direction::Maximize)), "accuracy", Some((3.0, 2))),
        ] {
            let mut jobs = Nothing(0);
            let mut tally = Tally::new(&mut jobs, &MultiProgress::new(), [6, 1, 0], chosen);
            (0..5).for_each(|_| drop(tally.next()));
            for (job, value) in [2.0, 1.0, 3.0, f64::NAN].into_iter().enumerate() {
                tally.ended(job, report(name, value, false));
            }
            tally.ended(4, report(name, 0.0, true));
            assert_eq!((tally.running, tally.done, tally.failed, tally.best), (0, 5, 0, best), "{name}");
        }
    }
}
