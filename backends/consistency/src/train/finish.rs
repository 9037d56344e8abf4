//! The end of training: the trained weights shown and judged. A stop is heeded here too; what is left is done at resume.

use exp_api::figure::UNTRAINED;
use exp_api::spec::{Metric, SampleSpec};
use exp_api::{BackendError, Level, Report};

use super::gallery::PANEL;
use super::judge::Figures;
use super::measure;
use super::state::TrainState;
use super::trainer::{Trainer, interrupted};
use crate::engine::Engine;
use crate::params::Params;

impl<E: Engine> Trainer<'_, E> {
    /// Shows and judges the weights of the last step.
    pub(super) fn finish(&mut self, state: &TrainState<E::T>) -> Result<Report, BackendError> {
        let ema = state.ema();
        let grid = (self.spec.sample.n > 0).then(|| "samples/grid.png".to_owned());
        if let Some(grid) = &grid
            && !self.grid(&ema, grid)?
        {
            return Ok(interrupted(state.step));
        }
        // After what takes seconds: figures may take hours, and a stop before the report is written loses them.
        let Some(figures) = self.figures(&ema)? else { return Ok(interrupted(state.step)) };
        if self.stop.asked() {
            return Ok(interrupted(state.step));
        }
        Ok(Report { step: state.step, interrupted: false, figures, grid })
    }

    /// Draws the picture of the run, of no more images than were asked for. Whether it came to that before a stop.
    fn grid(&mut self, ema: &Params<E::T>, name: &str) -> Result<bool, BackendError> {
        self.folder("samples")?;
        let sample = SampleSpec { n: self.spec.sample.n.min(PANEL), ..self.spec.sample.clone() };
        let methods = self.methods();
        let words: Vec<&str> = methods.iter().map(|method| method.word()).collect();
        let images = if sample.n == 1 { "image" } else { "images" };
        self.say(Level::Info, format!("drawing {} {images} by {}", sample.n, words.join(", ")))?;
        self.gallery().show(ema, &sample, &methods, || Ok(self.dir()?.join(name)), self.stop)
    }

    /// The figures of the report.
    fn figures(&mut self, ema: &Params<E::T>) -> Result<Figures, BackendError> {
        if self.spec.eval.metrics.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let images = self.judge()?.images();
        if images > 0 {
            self.say(Level::Info, format!("judging {images} images"))?;
        }
        let (judge, gallery, sample) = (self.judge()?, self.gallery(), &self.spec.sample);
        let mut figures = Vec::new();
        for (at, method) in measure::methods(self.spec).into_iter().enumerate() {
            let Some(found) = judge.figures(&gallery, ema, sample, method)? else { return Ok(None) };
            figures.extend(measure::named(self.spec, method, found));
            if at == 0 && self.spec.eval.metrics.contains(&Metric::FdPixel) {
                let fresh = TrainState::fresh(self.replicas.first(), self.network.params(), self.spec.seed).theta();
                let untrained = judge.fd_pixel(&gallery, &fresh, sample, method)?;
                figures.extend(untrained.map(|value| (format!("{}{UNTRAINED}", Metric::FdPixel.word()), value)));
            }
        }
        let pae = judge.pae(&gallery, ema)?;
        Ok(pae.map(|pae| figures.into_iter().chain(pae).collect()))
    }
}
