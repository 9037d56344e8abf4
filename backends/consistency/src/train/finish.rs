//! The end of training: the trained weights judged and shown. A stop is heeded here too; what is left is done at resume.

use exp_api::figure::UNTRAINED;
use exp_api::spec::Metric;
use exp_api::{BackendError, Level, Report};

use super::judge::Figures;
use super::measure;
use super::state::TrainState;
use super::trainer::{Trainer, interrupted};
use crate::engine::Engine;
use crate::params::Params;

impl<E: Engine> Trainer<'_, E> {
    /// Judges and shows the weights of the last step.
    pub(super) fn finish(&mut self, state: &TrainState<E::T>) -> Result<Report, BackendError> {
        let ema = state.ema();
        let Some(figures) = self.figures(&ema)? else { return Ok(interrupted(state.step)) };
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
