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
        if !self.spec.eval.metrics.contains(&Metric::FdPixel) {
            return Ok(Vec::new());
        }
        let images = self.judge()?.images();
        self.say(Level::Info, format!("judging {images} images"))?;
        let untrained = TrainState::fresh(self.replicas.first(), self.network.params(), self.spec.seed).theta();
        let main = self.main_method();
        let mut wanted = vec![("fd_pixel".to_owned(), ema, main), ("fd_pixel_untrained".to_owned(), &untrained, main)];
        let others = self.spec.eval.methods.iter().filter(|&&method| method != main);
        wanted.extend(others.map(|&method| (format!("fd_pixel/{}", method.word()), ema, method)));
        let (judge, gallery) = (self.judge()?, self.gallery());
        let mut figures = Vec::new();
        for (name, theta, method) in wanted {
            if !self.stop.asked() {
                figures.push((name, judge.fd_pixel(&gallery, theta, &self.spec.sample, method)?));
            }
        }
        Ok(figures)
    }
}
