//! What a running job reports, kept: rows to `metrics.jsonl` and `system.jsonl`, messages to the log, progress to the
//! terminal.

mod progress;

use std::io;
use std::path::{Path, PathBuf};

use exp_api::{Event, EventSink, Level, Report};
use indicatif::MultiProgress;

use self::progress::Progress;
use crate::gpu::Gpus;
use crate::rows::Rows;
use crate::track::clock::now;
use crate::track::tensorboard::Board;
use crate::usage::usage;

/// The rows that a rerun repeats.
pub const METRICS: &str = "metrics.jsonl";
/// The rows about the machine.
pub const SYSTEM: &str = "system.jsonl";

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
        self.progress.clear();
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
