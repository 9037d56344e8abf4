//! Jobs in this process: for jobs so small that a process would cost more than they do.

use std::path::Path;
use std::time::Duration;

use exp_api::Report;
use exp_api::schema::{at_least, group};
use indicatif::MultiProgress;

use super::child::{self, Conditions, Held};
use super::end;
use super::hold::hold;
use super::{Asked, Launcher, Pace};
use crate::lock::Lock;
use crate::work::Work;
use crate::worker::{self, WorkerError};

group! {
    /// The options of `hydra/launcher=inline`.
    pub struct Inline {
        /// Jobs at a time, each on a thread of its own.
        n_jobs: u64 => at_least(1);
    }
}

/// Does jobs in this process. One that is a program, or whose environment or directory differs from
/// this one's, gets a process all the same.
pub struct InProcess {
    /// Where progress is shown; nowhere in a process whose launcher shows the outcome, or of jobs that run at one time.
    pub screen: Option<MultiProgress>,
    /// Whether a program is waited for that outlived the sweep which had started it.
    pub adopts: bool,
}

impl Launcher for InProcess {
    fn pace(&self) -> Pace {
        Pace { stagger: Duration::ZERO, fail_fast: false }
    }

    fn run(&self, dir: &Path, _: usize, asked: &Asked) -> Result<Report, WorkerError> {
        if child::is_one() {
            let lock = Lock::inherited(dir).map_err(|source| WorkerError::Files { path: dir.to_owned(), source })?;
            return worker::work(dir, &lock, self.screen.as_ref(), &asked.stop);
        }
        let (lock, adopted) = if self.adopts { hold(dir, asked)? } else { (Lock::take(dir)?, false) };
        let mut held = Held::new(dir, lock, adopted && asked.stop.asked())?;
        // One run of a backend may be taken up again when it is done, to be measured anew.
        if (self.adopts || matches!(held.work, Work::Command(_))) && held.is_over(adopted, asked) {
            return end::told(dir);
        }
        if held.is_apart() {
            return held.work(&Conditions { quiet: self.screen.is_none(), ..Conditions::default() }, asked);
        }
        worker::work(dir, held.lock(), self.screen.as_ref(), &asked.stop)
    }
}
