//! What a run directory tells, as a file of events for TensorBoard.
//!
//! The rows of figures are the truth: whenever a process begins to work on a run, the file is written anew from the rows
//! that stay, so that no step is there twice. Nothing here can fail or slow a run: an event file that cannot be written ends.

mod proto;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::history::config;
use crate::recorder::{METRICS, SYSTEM};
use crate::rows;
use crate::status::Owner;
use crate::track::clock::{Clock, now};
use crate::track::message::Message;

/// Pictures that appear while a run trains, each named by its step.
const PREVIEWS: &str = "samples/previews";
/// The picture at its end.
const GRID: &str = "samples/grid.png";
/// What the names of event files begin with: TensorBoard knows them by it.
const BEGINNING: &str = "events.out.tfevents.";
/// What those that were written here end in.
const END: &str = ".exp";

/// How often previews are looked for.
const LOOK: Duration = Duration::from_secs(1);

/// The event file of a run.
#[derive(Debug)]
pub struct Board {
    dir: PathBuf,
    /// None once it could not be written.
    file: Option<File>,
    /// The step of the newest row.
    step: u64,
    /// When previews were looked for.
    looked: Instant,
    /// The newest step whose preview was taken.
    seen: Option<u64>,
}

impl Board {
    /// Begins the event file of a run directory: its configuration, and the rows and pictures that are there.
    pub fn begin(dir: &Path) -> Board {
        let mut board = Board { dir: dir.to_owned(), file: None, step: 0, looked: Instant::now(), seen: None };
        match anew(dir) {
            Ok(file) => board.file = Some(file),
            Err(error) => board.give_up(&error),
        }
        board.write(proto::version(now()));
        board.write(proto::start(now(), 0));
        board.configuration();
        let clock = Clock::of(dir);
        for (prefix, file) in [("", METRICS), ("system/", SYSTEM)] {
            for (step, row) in rows::read(&dir.join(file)) {
                let numbers = row.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_f64()?)));
                board.write(scalars(clock.time(step), step, prefix, numbers));
            }
        }
        board.previews();
        board
    }

    /// Adds a row of figures.
    pub fn metrics(&mut self, step: u64, values: &[(String, f64)]) {
        self.step = step;
        self.write(scalars(now(), step, "", pairs(values)));
        if self.looked.elapsed() >= LOOK {
            self.previews();
        }
    }

    /// Adds a row about the machine.
    pub fn system(&mut self, step: u64, values: &[(String, f64)]) {
        self.write(scalars(now(), step, "system/", pairs(values)));
    }

    /// Adds what the run came to, at the step of its last row if it does not know a later one.
    pub fn end(&mut self, step: Option<u64>, well: bool, figures: &[(String, f64)]) {
        let step = step.unwrap_or(self.step);
        self.previews();
        self.picture("grid", step, &self.dir.join(GRID));
        self.write(scalars(now(), step, "report/", pairs(figures)));
        self.write(proto::event(now(), step, [proto::outcome(now(), well)]));
    }

    /// The settings one by one, by which runs are compared, and as a text.
    fn configuration(&mut self) {
        let Some(leaves) = config(&self.dir) else { return };
        let text: String = leaves.iter().map(|(key, value)| format!("    {key}: {value}\n")).collect();
        let settings = proto::settings(now(), leaves.iter().map(|(key, value)| (key.as_str(), value)));
        self.write(proto::event(now(), 0, [settings, proto::markdown("config", &text)]));
    }

    /// Takes the previews that are new, in the order of their steps.
    fn previews(&mut self) {
        self.looked = Instant::now();
        let entries = fs::read_dir(self.dir.join(PREVIEWS)).into_iter().flatten().flatten();
        let steps = entries.filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".png")?.parse().ok());
        let mut steps: Vec<u64> = steps.filter(|step| self.seen.is_none_or(|seen| *step > seen)).collect();
        steps.sort_unstable();
        for step in steps {
            self.picture("preview", step, &self.dir.join(PREVIEWS).join(format!("{step}.png")));
            self.seen = Some(step);
        }
    }

    fn picture(&mut self, tag: &str, step: u64, path: &Path) {
        let Ok(png) = fs::read(path) else { return };
        let side = |at: usize| Some(u32::from_be_bytes(png.get(at..at + 4)?.try_into().ok()?));
        // Width and height are the first numbers of a PNG's first chunk.
        if let (Some(width), Some(height)) = (side(16), side(20)) {
            self.write(proto::event(now(), step, [proto::picture(tag, (width, height), &png)]));
        }
    }

    fn write(&mut self, event: Message) {
        let written = self.file.as_mut().map_or(Ok(()), |file| file.write_all(&proto::record(event)));
        if let Err(error) = written {
            self.give_up(&error);
        }
    }

    fn give_up(&mut self, error: &io::Error) {
        self.file = None;
        tracing::warn!("no more events for TensorBoard: {error}");
    }
}

/// A new event file; those that were written here before are void.
fn anew(dir: &Path) -> io::Result<File> {
    for entry in fs::read_dir(dir)?.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(BEGINNING) && name.ends_with(END) {
            fs::remove_file(entry.path())?;
        }
    }
    let owner = Owner::here();
    // TensorBoard reads the files of a folder in the order of their names.
    let name = format!("{BEGINNING}{:010}.{}.{}{END}", now() as u64, owner.host, owner.pid);
    File::create(dir.join(name))
}

fn scalars<'a>(time: f64, step: u64, prefix: &str, values: impl Iterator<Item = (&'a str, f64)>) -> Message {
    let values = values.filter(|(name, _)| !["step", "time"].contains(name));
    proto::event(time, step, values.map(|(name, value)| proto::scalar(&format!("{prefix}{name}"), value)))
}

fn pairs(values: &[(String, f64)]) -> impl Iterator<Item = (&str, f64)> {
    values.iter().map(|(name, value)| (name.as_str(), *value))
}
