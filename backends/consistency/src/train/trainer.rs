//! The loop: batch, gradients, guard, update, and what falls out at each cadence. One clock, the optimiser's step.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use exp_api::spec::{FastPath, Method, RunSpec, SampleSpec};
use exp_api::{BackendError, Event, EventSink, Level, Report, Stop};

use super::Replicas;
use super::ahead::Ahead;
use super::gallery::{Gallery, PANEL};
use super::judge::Judge;
use super::measure::main_method;
use super::pace::{PROGRESS, Pace, SYSTEM};
use super::start::{self, Start};
use super::state::TrainState;
use super::step::{Own, Recipe, Unread, Values};
use super::vouched::Vouched;
use crate::checkpoint::{self, CheckpointError};
use crate::data::Dataset;
use crate::engine::Engine;
use crate::home::Home;
use crate::loss::Objective;
use crate::net::Network;

/// The folder of previews, within a run.
const PREVIEWS: &str = "samples/previews";

/// A run that is being trained.
pub(super) struct Trainer<'a, E: Engine> {
    pub(super) home: Home,
    pub(super) spec: &'a RunSpec,
    pub(super) data: Arc<Dataset>,
    pub(super) vouched: Vouched,
    pub(super) network: &'a Network,
    pub(super) replicas: &'a Replicas<E>,
    pub(super) events: &'a mut dyn EventSink,
    pub(super) stop: &'a Stop,
    /// Made when it is first asked: the moments of a large data set take longer than the first step may wait.
    pub(super) judge: OnceCell<Judge<E::T>>,
}

impl<E: Engine> Trainer<'_, E> {
    /// Trains from the last checkpoint, or from the start, to `train.steps` or to a stop.
    pub(super) fn run(&mut self) -> Result<Report, BackendError> {
        let train = &self.spec.train;
        let Start { mut state, measured, .. } = self.start()?;
        let objective = Objective::open(self.replicas.first(), &self.spec.loss)
            .map_err(|error| BackendError::Files(error.to_string()))?;
        let own = Own::of_each(self.replicas, &objective, &self.data);
        let resident = own.iter().all(Own::has_data);
        if !resident && self.spec.backend.fast_paths.iter().flatten().any(|path| *path == FastPath::ResidentData) {
            self.say(Level::Warn, "the data set is too large for the devices: it is sent step by step".to_owned())?;
        }
        let recipe = Recipe { spec: self.spec, network: self.network, own: &own, replicas: self.replicas };
        let mut ahead = Ahead::start(self.spec, Arc::clone(&self.data), self.network.classes(), resident, state.step)
            .map_err(|error| BackendError::Device(format!("cannot start a thread: {error}")))?;
        let mut pace = Pace::new(state.step);
        let mut saved = state.step;
        // Of the step that is done, where it is measured.
        let mut figures = Vec::new();
        let unseen = state.step > 0 && due(train.preview_every, state.step) && !self.preview(state.step)?.exists();
        // A stop came when this step was shown.
        if unseen && !self.show(&state)? {
            return Ok(interrupted(state.step));
        }
        if !measured && due(train.eval_every, state.step) {
            // A stop came when this step was measured.
            match self.measure(&state)? {
                Some(found) => figures = found,
                None => return Ok(interrupted(state.step)),
            }
            self.save(&state, &figures)?;
        }
        // The values of a step are read when the next one has been asked for, so that a device never waits for the host.
        // Nothing is kept of a step whose values have not been read.
        let mut unread = None;
        while state.step < train.steps && !self.stop.asked() {
            let drawn = ahead.next()?;
            let (values, gradients) = recipe.gradients(&state, &drawn);
            self.read(&mut pace, unread.take(), saved)?;
            state = recipe.updated(&state, gradients);
            let step = state.step;
            unread = Some((step, values));
            if [train.preview_every, train.eval_every, train.checkpoint_every].iter().any(|every| due(*every, step)) {
                self.read(&mut pace, unread.take(), saved)?;
                self.sound(&state, saved)?;
            }
            figures.clear();
            if due(train.preview_every, step) && !self.show(&state)? {
                break;
            }
            if due(train.eval_every, step) {
                match self.measure(&state)? {
                    Some(found) => figures = found,
                    None => break,
                }
            }
            if due(train.checkpoint_every, step) {
                self.save(&state, &figures)?;
                saved = step;
            }
        }
        self.read(&mut pace, unread, saved)?;
        if saved < state.step {
            self.sound(&state, saved)?;
            self.save(&state, &figures)?;
        }
        match state.step < train.steps {
            true => Ok(interrupted(state.step)),
            false => self.finish(&state),
        }
    }

    /// The state to start from, and the news of it.
    fn start(&mut self) -> Result<Start<E::T>, BackendError> {
        let start = start::state(self.replicas.first(), self.network, self.spec, self.dir()?, &self.vouched)?;
        for message in &start.warnings {
            self.say(Level::Warn, message.clone())?;
        }
        let state = &start.state;
        let plan = self.network.params();
        let (torso, head) = (plan.count("torso/"), plan.count("head/"));
        self.say(Level::Info, format!("{torso} parameters in the torso, {head} in the head"))?;
        let train = &self.spec.train;
        self.events.emit(Event::Started { step: state.step, steps: train.steps, batch: train.batch })?;
        if state.step >= train.steps {
            let message = format!("nothing left to train: {} of {} steps are done", state.step, train.steps);
            self.say(Level::Info, message)?;
        }
        Ok(start)
    }

    /// Tells the values of a step, by the number of steps then done.
    ///
    /// # Errors
    /// A value that is not finite.
    fn read(&mut self, pace: &mut Pace, unread: Option<(u64, Unread<E::T>)>, saved: u64) -> Result<(), BackendError> {
        let Some((step, unread)) = unread else { return Ok(()) };
        let values = self.replicas.first().scope(|| unread.read());
        if let Some(term) = values.not_finite() {
            return Err(not_finite(step, term, saved));
        }
        self.progress(pace, step, values.loss)?;
        if due(Some(self.spec.train.log_every), step) {
            self.log(pace, step, &values)?;
        }
        Ok(())
    }

    /// Holds a state to be shown, measured and kept: its loss was finite before the update, which says nothing of after.
    ///
    /// # Errors
    /// A parameter or an average that is not finite.
    fn sound(&self, state: &TrainState<E::T>, saved: u64) -> Result<(), BackendError> {
        match self.replicas.first().scope(|| state.not_finite()) {
            Some(term) => Err(not_finite(state.step, term, saved)),
            None => Ok(()),
        }
    }

    fn progress(&mut self, pace: &mut Pace, step: u64, loss: f64) -> Result<(), BackendError> {
        if pace.progress.elapsed() >= PROGRESS || step == self.spec.train.steps {
            pace.progress = Instant::now();
            self.events.emit(Event::Progress { step, loss })?;
        }
        Ok(())
    }

    fn log(&mut self, pace: &mut Pace, step: u64, values: &Values) -> Result<(), BackendError> {
        let mut row = vec![("loss".to_owned(), values.loss)];
        row.extend(values.parts.iter().map(|(name, value)| (format!("loss/{name}"), *value)));
        row.extend(values.norms.iter().map(|(name, value)| (format!("grad_norm/{name}"), *value)));
        self.events.emit(Event::Metrics { step, values: row })?;
        let seconds = pace.system.elapsed().as_secs_f64();
        if seconds >= SYSTEM.as_secs_f64() || step == self.spec.train.steps {
            let rate = (step - pace.step) as f64 / seconds;
            (pace.system, pace.step) = (Instant::now(), step);
            let values = vec![
                ("steps_per_second".to_owned(), rate),
                ("images_per_second".to_owned(), rate * self.spec.train.batch as f64),
                ("seconds".to_owned(), pace.start.elapsed().as_secs_f64()),
            ];
            self.events.emit(Event::System { step, values })?;
        }
        Ok(())
    }

    pub(super) fn save(&mut self, state: &TrainState<E::T>, figures: &[(String, f64)]) -> Result<(), BackendError> {
        // Rows up to this step first: a checkpoint without its rows could not be resumed byte for byte.
        self.events.flush()?;
        let run = self.dir()?;
        checkpoint::save(run, state.step, &state.tensors(), figures, &self.vouched.digest).map_err(files)?;
        checkpoint::prune(run, state.step, self.spec.train.keep).map_err(files)
    }

    /// Draws the preview of a step: always a whole panel, since `sample.n` says what is drawn after training. Whether it
    /// came to that before a stop.
    fn show(&self, state: &TrainState<E::T>) -> Result<bool, BackendError> {
        self.folder(PREVIEWS)?;
        let sample = SampleSpec { n: PANEL, ..self.spec.sample.clone() };
        self.gallery().show(&state.ema(), &sample, &self.methods(), || self.preview(state.step), self.stop)
    }

    fn preview(&self, step: u64) -> Result<PathBuf, BackendError> {
        Ok(self.dir()?.join(format!("{PREVIEWS}/{step}.png")))
    }

    /// The directory of the run, as long as it is there: see [`Home::path`].
    pub(super) fn dir(&self) -> Result<&Path, BackendError> {
        self.home.path().map_err(|error| BackendError::Files(format!("{}: {error}", self.home.name().display())))
    }

    pub(super) fn folder(&self, name: &str) -> Result<(), BackendError> {
        let path = self.dir()?.join(name);
        std::fs::create_dir_all(&path)
            .map_err(|e| BackendError::Files(format!("cannot create {}: {e}", path.display())))
    }

    /// The panels of a grid.
    pub(super) fn methods(&self) -> Vec<Method> {
        let heun = self.spec.model.head.is_some().then_some(Method::Heun);
        match main_method(self.spec) {
            Method::Heun => vec![Method::Heun],
            _ => [Method::OneStep, Method::TwoStep].into_iter().chain(heun).collect(),
        }
    }

    pub(super) fn gallery(&self) -> Gallery<'_, E> {
        Gallery {
            network: self.network,
            shape: self.data.shape(),
            schedule: &self.spec.schedule,
            replicas: self.replicas,
            data: Some(&self.data),
            classes: self.spec.dataset.classes(),
        }
    }

    pub(super) fn say(&mut self, level: Level, message: String) -> Result<(), BackendError> {
        Ok(self.events.emit(Event::Log { level, message })?)
    }
}

/// The report of a run that was stopped at `step`, where it has a checkpoint.
pub(super) fn interrupted(step: u64) -> Report {
    Report { step, interrupted: true, figures: Vec::new(), grid: None }
}

/// What ends a run: a value of `step` that is no number, in words.
fn not_finite(step: u64, term: String, saved: u64) -> BackendError {
    let kept = match saved {
        0 => "there is no checkpoint yet".to_owned(),
        saved => format!("the checkpoint of step {saved} is good"),
    };
    BackendError::NonFinite { step, term, kept }
}

/// Whether a cadence fires at `step`.
fn due(every: Option<u64>, step: u64) -> bool {
    every.is_some_and(|every| step.is_multiple_of(every))
}

fn files(error: CheckpointError) -> BackendError {
    BackendError::Checkpoint(error.to_string())
}
