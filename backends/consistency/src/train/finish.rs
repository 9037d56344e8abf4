//! The end of training: the trained weights judged and shown. A stop is heeded here too; what is left is done at resume.

use exp_api::spec::Metric;
use exp_api::{BackendError, Level, Report};

use super::measure;
use super::state::TrainState;
use super::trainer::{Trainer, interrupted};
use crate::engine::Engine;
use crate::params::Params;

impl<E: Engine> Trainer<'_, E> {
    /// Saves, judges and shows the weights of the last step.
    pub(super) fn finish(&mut self, state: &TrainState<E::T>, saved: u64) -> Result<Report, BackendError> {
        if saved < state.step {
            self.save(state, &[])?;
        }
        let ema = state.ema();
        let figures = self.figures(&ema)?;
        if self.stop.asked() {
            return Ok(interrupted(state.step));
        }
        let grid = (self.spec.sample.n > 0).then(|| "samples/grid.png".to_owned());
        if let Some(grid) = &grid {
            self.folder("samples")?;
            self.gallery().show(&ema, &self.spec.sample, &self.methods(), &self.dir.join(grid))?;
        }
        Ok(Report { step: state.step, interrupted: false, figures, grid })
    }

    /// The figures of the report; some are missing after a stop.
    fn figures(&mut self, ema: &Params<E::T>) -> Result<Vec<(String, f64)>, BackendError> {
        if self.spec.eval.metrics.is_empty() {
            return Ok(Vec::new());
        }
        let images = self.judge()?.images();
        self.say(Level::Info, format!("judging {images} images"))?;
        let (judge, gallery, sample) = (self.judge()?, self.gallery(), &self.spec.sample);
        let mut figures = Vec::new();
        for (at, method) in measure::methods(self.spec).into_iter().enumerate() {
            if self.stop.asked() {
                return Ok(figures);
            }
            figures.extend(measure::named(self.spec, method, judge.figures(&gallery, ema, sample, method)?));
            if at == 0 && self.spec.eval.metrics.contains(&Metric::FdPixel) && !self.stop.asked() {
                let fresh = TrainState::fresh(self.replicas.first(), self.network.params(), self.spec.seed).theta();
                let untrained = judge.fd_pixel(&gallery, &fresh, sample, method)?;
                figures.extend(untrained.map(|value| ("fd_pixel_untrained".to_owned(), value)));
            }
        }
        figures.extend(judge.pae(&gallery, ema));
        Ok(figures)
    }
}
