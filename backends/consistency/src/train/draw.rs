//! Images of a run brought to disk: in parts of 8 bits first, so that a stop loses at most one of them, then in the form
//! that was asked for.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use exp_api::spec::{RunSpec, Save, Source, Which};
use exp_api::{BackendError, Event, EventSink, Level, Report, Stop};

use super::gallery::{Gallery, failed, save};
use super::init::average;
use super::trainer::interrupted;
use super::vouched::Vouched;
use crate::engine::Engine;
use crate::files::whole;
use crate::npz;
use crate::params::Params;
use crate::picture::{Picture, legible_scale, quantised};

/// Images of a part.
const PART: u64 = 1024;
/// Most images of the grid.
const GRID: u64 = 1024;
/// Time between two reports of progress.
const PROGRESS: Duration = Duration::from_secs(10);
/// The folder of the parts, and the file in it that keeps the step of the checkpoint.
const PARTS: &str = "parts";
const STEP: &str = "step";

/// What has been drawn, of the checkpoint of which step.
enum Drawn<T> {
    /// All of it, with these weights.
    All(Params<T>, u64),
    /// Not all, after a stop.
    Some(u64),
}

/// Images of a checkpoint on their way to a directory.
pub(super) struct Drawing<'a, E: Engine> {
    pub(super) gallery: &'a Gallery<'a, E>,
    pub(super) dir: &'a Path,
    pub(super) spec: &'a RunSpec,
    /// What its images begin with, if that is data.
    pub(super) data: Option<&'a Vouched>,
    pub(super) stop: &'a Stop,
}

impl<E: Engine> Drawing<'_, E> {
    /// Draws what is missing of the images of `spec.sample`, and writes them.
    pub(super) fn run(&self, source: &Source, events: &mut dyn EventSink) -> Result<Report, BackendError> {
        let count = self.spec.sample.n;
        if count == 0 {
            return Ok(Report { step: 0, interrupted: false, figures: Vec::new(), grid: None });
        }
        let (theta, step) = match self.draw(source, events)? {
            Drawn::All(theta, step) => (theta, step),
            Drawn::Some(step) => return Ok(interrupted(step)),
        };
        let shape = self.gallery.shape;
        match self.spec.sample.save {
            Save::Png => self.each_image(|number, image| {
                save(Picture::grid(image, shape, 1, 1), &self.dir.join(format!("{number:06}.png")))
            })?,
            Save::Npz => self.npz().map_err(|error| failed(&self.dir.join("images.npz"), error))?,
            Save::Grid => {}
        }
        let shown = count.min(GRID);
        let images: Vec<u8> = self.first(shown)?;
        let columns = (shown as f64).sqrt().ceil() as usize;
        let grid = "grid.png";
        save(Picture::grid(&images, shape, columns, legible_scale(shape)), &self.dir.join(grid))?;
        self.gallery.show_strips(&theta, &self.spec.sample, self.dir)?;
        let parts = self.dir.join(PARTS);
        fs::remove_dir_all(&parts).map_err(|error| failed(&parts, error))?;
        Ok(Report { step, interrupted: false, figures: Vec::new(), grid: Some(grid.to_owned()) })
    }

    /// Draws the parts that are missing.
    fn draw(&self, source: &Source, events: &mut dyn EventSink) -> Result<Drawn<E::T>, BackendError> {
        let parts = self.dir.join(PARTS);
        fs::create_dir_all(&parts).map_err(|error| failed(&parts, error))?;
        let (sample, kept) = (&self.spec.sample, parts.join(STEP));
        // A checkpoint that was chosen once stays: the run may go on meanwhile.
        let which = fs::read_to_string(&kept).ok().and_then(|text| text.parse().ok()).map(Which::Step);
        let which = which.unwrap_or_else(|| source.checkpoint.clone());
        let run = self.dir.join(&source.run);
        let (theta, trained) = average(self.gallery.replicas.first(), self.gallery.network, &run, &which, events)?;
        if let Some(message) = self.data.map(|data| data.held(&trained)).transpose()?.flatten() {
            events.emit(Event::Log { level: Level::Warn, message })?;
        }
        let step = trained.step;
        whole(&kept, |file| write!(file, "{step}")).map_err(|error| failed(&kept, error))?;
        let mut say = |message| events.emit(Event::Log { level: Level::Info, message });
        say(format!("drawing {} images by {} from step {step}", sample.n, sample.method.word()))?;
        let mut said = Instant::now();
        for part in 0..sample.n.div_ceil(PART) {
            if self.stop.asked() {
                return Ok(Drawn::Some(step));
            }
            let numbers = part * PART..((part + 1) * PART).min(sample.n);
            let (path, bytes) = (self.part(part), (numbers.end - numbers.start) as usize * self.gallery.shape.values());
            if fs::metadata(&path).is_ok_and(|found| found.len() == bytes as u64) {
                continue;
            }
            let images = quantised(&self.gallery.draw(&theta, sample, numbers.clone()));
            whole(&path, |file| file.write_all(&images)).map_err(|error| failed(&path, error))?;
            if said.elapsed() >= PROGRESS {
                said = Instant::now();
                say(format!("{} of {} images", numbers.end, sample.n))?;
            }
        }
        Ok(Drawn::All(theta, step))
    }

    fn part(&self, part: u64) -> PathBuf {
        self.dir.join(PARTS).join(format!("{part:05}.u8"))
    }

    /// Hands every image to `take`, with its number.
    fn each_image(&self, mut take: impl FnMut(u64, &[u8]) -> Result<(), BackendError>) -> Result<(), BackendError> {
        for part in 0..self.spec.sample.n.div_ceil(PART) {
            let path = self.part(part);
            let images = fs::read(&path).map_err(|error| failed(&path, error))?;
            for (image, number) in images.chunks(self.gallery.shape.values()).zip(part * PART..) {
                take(number, image)?;
            }
        }
        Ok(())
    }

    fn first(&self, count: u64) -> Result<Vec<u8>, BackendError> {
        let path = self.part(0);
        let mut images = fs::read(&path).map_err(|error| failed(&path, error))?;
        images.truncate(count as usize * self.gallery.shape.values());
        Ok(images)
    }

    /// `images.npz` with `arr_0` `[N,H,W,C]` in 8 bits, which is what evaluation suites read.
    fn npz(&self) -> io::Result<()> {
        let shape = self.gallery.shape;
        let extents = [self.spec.sample.n as usize, shape.height, shape.width, shape.channels];
        whole(&self.dir.join("images.npz"), |file| {
            let mut archive = npz::Writer::new(file);
            let out = archive.array("arr_0", "|u1", &extents)?;
            self.each_image(|_, image| {
                let plane = shape.height * shape.width;
                let mixed: Vec<u8> = (0..plane)
                    .flat_map(|at| (0..shape.channels).map(move |channel| image[channel * plane + at]))
                    .collect();
                out.write_all(&mixed).map_err(|error| failed(&self.dir.join("images.npz"), error))
            })
            .map_err(io::Error::other)?;
            archive.finish()
        })
    }
}
