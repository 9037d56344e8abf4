//! Jobs as child processes on this machine: several at a time, each with its share of it.

use std::path::Path;
use std::time::Duration;

use exp_api::Report;
use exp_api::schema::{COUNT, Field, Kind, NON_NEGATIVE, POSITIVE, at_least};
use serde::{Deserialize, Serialize};

use super::child::{Conditions, Held};
use super::end;
use super::hold::hold;
use super::{Asked, Launcher, Pace};
use crate::worker::WorkerError;

/// The options of `hydra/launcher=local`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Local {
    /// Jobs at a time; if not given, one for each of `gpus`, or one.
    pub n_jobs: Option<u64>,
    /// GPUs that the slots take in turn, by CUDA_VISIBLE_DEVICES; if empty, a job sees what this process sees.
    pub gpus: Vec<u64>,
    /// Seconds that a job may take.
    pub timeout_s: Option<f64>,
    /// How often a job that failed is tried again, from its last checkpoint.
    pub retries: u64,
    /// Whether the first failure stops the others.
    pub fail_fast: bool,
    /// Seconds between two starts at least.
    pub stagger_s: f64,
    /// Whether its one job has the terminal; no option.
    #[serde(skip)]
    pub shown: bool,
}

impl Local {
    /// Its keys beside `name`.
    pub const FIELDS: &[Field] = &[
        field("n_jobs", at_least(1), true, "Jobs at a time. Null: one for each of gpus, or one."),
        field("gpus", Kind::List { item: &COUNT, min: 0 }, false, "GPUs that the slots take in turn."),
        field("timeout_s", POSITIVE, true, "Seconds that a job may take. Null: any."),
        field("retries", COUNT, false, "How often a job that failed is tried again."),
        field("fail_fast", Kind::Bool, false, "Whether the first failure stops the others."),
        field("stagger_s", NON_NEGATIVE, false, "Seconds between two starts at least."),
    ];

    /// Jobs at a time.
    pub fn slots(&self) -> usize {
        self.n_jobs.map_or(self.gpus.len(), |n| usize::try_from(n).unwrap_or(usize::MAX)).max(1)
    }

    fn conditions(&self, slot: usize) -> Conditions {
        let mut env = Vec::new();
        if !self.gpus.is_empty() {
            env.push(("CUDA_VISIBLE_DEVICES".to_owned(), self.gpus[slot % self.gpus.len()].to_string()));
            // Counted as nvidia-smi counts them, unless the user has another way.
            if std::env::var_os("CUDA_DEVICE_ORDER").is_none() {
                env.push(("CUDA_DEVICE_ORDER".to_owned(), "PCI_BUS_ID".to_owned()));
            }
        }
        Conditions { quiet: !self.shown, env, timeout: self.timeout_s.map(seconds) }
    }
}

impl Launcher for Local {
    fn pace(&self) -> Pace {
        Pace { stagger: seconds(self.stagger_s), fail_fast: self.fail_fast }
    }

    fn run(&self, dir: &Path, slot: usize, asked: &Asked) -> Result<Report, WorkerError> {
        let (lock, adopted) = hold(dir, asked)?;
        let mut held = Held::new(dir, lock, adopted && asked.stop.asked())?;
        if held.is_over(adopted, asked) {
            return end::told(dir);
        }
        let conditions = self.conditions(slot);
        let mut outcome = held.work(&conditions, asked);
        for _ in 0..self.retries {
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

const fn field(name: &'static str, kind: Kind, nullable: bool, doc: &'static str) -> Field {
    Field { name, kind, nullable, doc }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_follow_jobs_then_gpus() {
        let local = |n_jobs, gpus: &[u64]| Local { n_jobs, gpus: gpus.to_vec(), ..Local::default() };
        assert_eq!([local(None, &[]).slots(), local(None, &[0, 3]).slots(), local(Some(5), &[0]).slots()], [1, 2, 5]);
        let seen = |slot| local(Some(4), &[2, 7]).conditions(slot).env[0].1.clone();
        assert_eq!([0, 1, 2, 3].map(seen), ["2", "7", "2", "7"]);
        assert!(local(Some(2), &[]).conditions(1).env.is_empty());
    }
}
