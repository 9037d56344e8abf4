//! The draws of the next steps, made while a device is at work on this one.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

use exp_api::BackendError;
use exp_api::spec::RunSpec;

use super::replicas::words;
use crate::data::{Dataset, Feed, Picks};
use crate::loss::{Clean, Drawn, Images};
use crate::schedule::Pairs;

/// A thread that draws one step after the other, and waits for each to be taken. It ends with this.
pub(super) struct Ahead {
    drawn: Receiver<Drawn>,
    thread: Option<JoinHandle<()>>,
}

impl Ahead {
    /// Draws from step `first` on, for a network that sees so many `classes`, if any; of images that lie on the
    /// devices, only which they are.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(super) fn start(
        spec: &RunSpec,
        data: Arc<Dataset>,
        classes: Option<usize>,
        resident: bool,
        first: u64,
    ) -> io::Result<Ahead> {
        let (train, seed) = (&spec.train, spec.seed);
        let (shape, steps) = (data.shape(), train.steps);
        let pairs = Pairs::of_loss(spec.loss.kind, &spec.schedule, steps);
        let mut feed = Feed::new(data.len() as u32, seed, train.batch as usize, spec.dataset.flip());
        let (send, drawn) = sync_channel(1);
        let thread = thread::Builder::new().name("draws".to_owned()).spawn(move || {
            for step in first..steps {
                let (numbers, flipped) = feed.picks(step);
                let picks = Picks { numbers: &numbers, flipped: &flipped };
                let labels: Vec<u16> = numbers.iter().map(|&number| data.labels()[number as usize]).collect();
                let sent = if resident { Vec::new() } else { data.picked(picks).images };
                let images = if resident { Images::Resident(picks) } else { Images::Here(&sent) };
                let classes = classes.map(|count| (&labels[..], count));
                let clean = Clean { images, shape, first: 0, classes };
                if send.send(Drawn::new(&pairs, &clean, seed, step)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Ahead { drawn, thread: Some(thread) })
    }

    /// The draws of the next step.
    ///
    /// # Errors
    /// The thread has failed.
    pub(super) fn next(&mut self) -> Result<Drawn, BackendError> {
        self.drawn.recv().map_err(|_| {
            let failure = self.thread.take().and_then(|thread| thread.join().err());
            let cause = failure.as_deref().map_or("the thread has ended", words);
            BackendError::Data(format!("a batch cannot be drawn: {cause}"))
        })
    }
}
