//! Jobs as child processes on this machine: several at a time, each with its share of it.

use std::path::Path;
use std::time::Duration;

use exp_api::Report;
use exp_api::schema::{COUNT, Kind, NON_NEGATIVE, POSITIVE, at_least, group};

use super::child::{Conditions, Held};
use super::end;
use super::hold::hold;
use super::{Asked, Launcher, Pace};
use crate::worker::WorkerError;

group! {
    /// The options of `hydra/launcher=local`.
    pub struct Local {
        /// Jobs at a time. Null: one for each of gpus, or one.
        n_jobs: Option<u64> => at_least(1), nullable;
        /// GPUs that the slots take in turn, by CUDA_VISIBLE_DEVICES. If empty, a job sees what this process sees.
        gpus: Vec<u64> => Kind::List { item: &COUNT, min: 0 };
        /// Seconds that a job may take. Null: any.
        timeout_s: Option<f64> => POSITIVE, nullable;
        /// How often a job that failed is tried again, from its last checkpoint.
        retries: u64 => COUNT;
        /// Whether the first failure stops the others.
        fail_fast: bool => Kind::Bool;
        /// Seconds between two starts at least.
        stagger_s: f64 => NON_NEGATIVE;
    }
}

impl Local {
    /// One job at a time, as Hydra's own launcher has it.
    pub fn basic() -> Local {
        Local { n_jobs: None, gpus: Vec::new(), timeout_s: None, retries: 0, fail_fast: false, stagger_s: 0.0 }
    }

    /// Jobs at a time.
    pub fn slots(&self) -> usize {
        self.n_jobs.map_or(self.gpus.len(), |n| usize::try_from(n).unwrap_or(usize::MAX)).max(1)
    }

    /// The environment of a slot, and the time that a job has there.
    fn conditions(&self, slot: usize) -> Conditions {
        let mut env = Vec::new();
        if !self.gpus.is_empty() {
            env.push(("CUDA_VISIBLE_DEVICES".to_owned(), self.gpus[slot % self.gpus.len()].to_string()));
            // Counted as nvidia-smi counts them, unless the user has another way.
            if std::env::var_os("CUDA_DEVICE_ORDER").is_none() {
                env.push(("CUDA_DEVICE_ORDER".to_owned(), "PCI_BUS_ID".to_owned()));
            }
        }
        Conditions { quiet: true, env, timeout: self.timeout_s.map(seconds) }
    }
}

/// Does each job in a child process.
pub struct Children {
    /// How.
    pub options: Local,
    /// Whether its one job has the terminal.
    pub shown: bool,
}

impl Launcher for Children {
    fn pace(&self) -> Pace {
        Pace { stagger: seconds(self.options.stagger_s), fail_fast: self.options.fail_fast }
    }

    fn run(&self, dir: &Path, slot: usize, asked: &Asked) -> Result<Report, WorkerError> {
        let (lock, adopted) = hold(dir, asked)?;
        let mut held = Held::new(dir, lock, adopted && asked.stop.asked())?;
        if held.is_over(adopted, asked) {
            return end::told(dir);
        }
        let conditions = Conditions { quiet: !self.shown, ..self.options.conditions(slot) };
        let mut outcome = held.work(&conditions, asked);
        for _ in 0..self.options.retries {
            if outcome.is_ok() || asked.stop.asked() {
                break;
            }
            outcome = held.work(&conditions, asked);
        }
        outcome
    }
}

/// A length of time; what is beyond counting is for ever.
fn seconds(s: f64) -> Duration {
    Duration::try_from_secs_f64(s).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_jobs_then_gpus() {
        let local = |n_jobs, gpus: &[u64]| Local { n_jobs, gpus: gpus.to_vec(), ..Local::basic() };
        assert_eq!([local(None, &[]).slots(), local(None, &[0, 3]).slots(), local(Some(5), &[0]).slots()], [1, 2, 5]);
        let seen = |slot| local(Some(4), &[2, 7]).conditions(slot).env[0].1.clone();
        assert_eq!([0, 1, 2, 3].map(seen), ["2", "7", "2", "7"]);
        assert!(local(Some(2), &[]).conditions(1).env.is_empty());
    }
}
