//! Figures of a checkpoint, after training: the same as those that the run itself takes of it.

use std::fs;
use std::io::Write;
use std::path::Path;

use exp_api::spec::{LossKind, Method, RunSpec, Source, Which};
use exp_api::{BackendError, Event, EventSink, Level, Report, Stop};
use serde::{Deserialize, Serialize};

use super::gallery::{Gallery, failed};
use super::init::average;
use super::judge::Judge;
use super::trainer::interrupted;
use super::vouched::Vouched;
use crate::engine::Engine;
use crate::files::whole;

/// What has been measured so far, in the job's directory.
const FILE: &str = "measured.json";

/// The figures of the methods that are done.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Measured {
    /// Step of the checkpoint, once it is chosen.
    step: Option<u64>,
    done: Vec<(Method, Vec<(String, f64)>)>,
}

/// A checkpoint that is measured in a job's directory.
pub(super) struct Measuring<'a, E: Engine> {
    pub(super) gallery: &'a Gallery<'a, E>,
    pub(super) judge: &'a Judge<E::T>,
    pub(super) dir: &'a Path,
    pub(super) spec: &'a RunSpec,
    /// What its images are held against.
    pub(super) data: &'a Vouched,
    pub(super) stop: &'a Stop,
}

impl<E: Engine> Measuring<'_, E> {
    /// Measures the images of every method in turn. After a stop the methods that are done are kept.
    pub(super) fn run(&self, source: &Source, events: &mut dyn EventSink) -> Result<Report, BackendError> {
        let path = self.dir.join(FILE);
        let kept = fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str::<Measured>(&text).ok());
        let mut measured = kept.unwrap_or_default();
        let which = measured.step.map_or_else(|| source.checkpoint.clone(), Which::Step);
        let run = self.dir.join(&source.run);
        let (theta, trained) = average(self.gallery.replicas.first(), self.gallery.network, &run, &which, events)?;
        if let Some(message) = self.data.held(&trained)? {
            events.emit(Event::Log { level: Level::Warn, message })?;
        }
        let step = trained.step;
        measured.step = Some(step);
        for method in methods(self.spec) {
            if measured.done.iter().any(|(done, _)| *done == method) {
                continue;
            }
            if self.stop.asked() {
                return Ok(interrupted(step));
            }
            let message = format!("judging {} images by {} from step {step}", self.judge.images(), method.word());
            events.emit(Event::Log { level: Level::Info, message })?;
            let Some(figures) = self.judge.figures(self.gallery, &theta, &self.spec.sample, method)? else {
                return Ok(interrupted(step));
            };
            measured.done.push((method, figures));
            let text = serde_json::to_string_pretty(&measured).unwrap_or_default();
            whole(&path, |file| file.write_all(text.as_bytes())).map_err(|error| failed(&path, error))?;
        }
        let done = measured.done.into_iter();
        let mut figures: Vec<_> = done.flat_map(|(method, figures)| named(self.spec, method, figures)).collect();
        let Some(pae) = self.judge.pae(self.gallery, &theta)? else { return Ok(interrupted(step)) };
        figures.extend(pae);
        Ok(Report { step, interrupted: false, figures, grid: None })
    }
}

/// The methods whose images are judged: first the one that figures without a method's name are of.
pub(super) fn methods(spec: &RunSpec) -> Vec<Method> {
    let main = main_method(spec);
    std::iter::once(main).chain(spec.eval.methods.iter().copied().filter(|&method| method != main)).collect()
}

/// A consistency model makes an image in one step, a diffusion model needs many.
pub(super) fn main_method(spec: &RunSpec) -> Method {
    if spec.loss.kind == LossKind::Edm { Method::Heun } else { Method::OneStep }
}

/// Figures under the names that say their method.
pub(super) fn named(spec: &RunSpec, method: Method, figures: Vec<(String, f64)>) -> Vec<(String, f64)> {
    if method == main_method(spec) {
        return figures;
    }
    figures.into_iter().map(|(name, value)| (format!("{name}/{}", method.word()), value)).collect()
}
