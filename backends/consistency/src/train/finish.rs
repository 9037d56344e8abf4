//! The end of training: the trained weights judged and shown. A stop is heeded here too; what is left is done at resume.

use exp_api::spec::Metric;
use exp_api::{BackendError, Level, Report};

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
        let (judge, gallery, main) = (self.judge()?, self.gallery(), self.main_method());
        let sample = &self.spec.sample;
        if self.stop.asked() {
            return Ok(Vec::new());
        }
        let mut figures = judge.figures(&gallery, ema, sample, main)?;
        if self.spec.eval.metrics.contains(&Metric::FdPixel) && !self.stop.asked() {
            let fresh = TrainState::fresh(self.replicas.first(), self.network.params(), self.spec.seed).theta();
            let untrained = judge.fd_pixel(&gallery, &fresh, sample, main)?;
            figures.extend(untrained.map(|value| ("fd_pixel_untrained".to_owned(), value)));
        }
        for &method in self.spec.eval.methods.iter().filter(|&&method| method != main) {
            if !self.stop.asked() {
                let named = |(name, value)| (format!("{name}/{}", method.word()), value);
                figures.extend(judge.figures(&gallery, ema, sample, method)?.into_iter().map(named));
            }
        }
        Ok(figures)
    }
}
