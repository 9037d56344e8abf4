//! Figures at a cadence of training.

use exp_api::figure::ranks;
use exp_api::{BackendError, Event};

use super::fid_log;
use super::judge::{Figures, Judge};
use super::measure;
use super::state::TrainState;
use super::trainer::Trainer;
use crate::engine::Engine;

impl<E: Engine> Trainer<'_, E> {
    /// The figures of the average, as a row of metrics; returns those by which checkpoints compare.
    pub(super) fn measure(&mut self, state: &TrainState<E::T>) -> Result<Figures, BackendError> {
        if self.spec.eval.metrics.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let (judge, gallery, ema) = (self.judge()?, self.gallery(), state.ema());
        let mut by_method = Vec::new();
        for method in measure::methods(self.spec) {
            let Some(found) = judge.figures(&gallery, &ema, &self.spec.sample, method)? else { return Ok(None) };
            by_method.push((method, found));
        }
        let Some(pae) = judge.pae(&gallery, &ema)? else { return Ok(None) };
        let mut figures = Vec::new();
        for (method, found) in by_method {
            fid_log::record(self.dir()?, state.step, method, &found)
                .map_err(|error| BackendError::Files(format!("cannot write the log of FID: {error}")))?;
            figures.extend(measure::named(self.spec, method, found));
        }
        figures.extend(pae);
        self.events.emit(Event::Metrics { step: state.step, values: figures.clone() })?;
        figures.retain(|(name, _)| ranks(name));
        Ok(Some(figures))
    }

    pub(super) fn judge(&self) -> Result<&Judge<E::T>, BackendError> {
        match self.judge.get() {
            Some(judge) => Ok(judge),
            None => {
                let judge = Judge::new(self.replicas, &self.data, self.spec, self.stop)?;
                Ok(self.judge.get_or_init(|| judge))
            }
        }
    }
}
