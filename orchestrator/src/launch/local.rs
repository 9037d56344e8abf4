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

/// What confines a process to some of the GPUs of its machine.
const VISIBLE: &str = "CUDA_VISIBLE_DEVICES";

group! {
    /// The options of `hydra/launcher=local`.
    pub struct Local {
        /// Jobs at a time. Null: one for each of gpus, or one.
        n_jobs: Option<u64> => at_least(1), nullable;
        /// GPUs that the slots take in turn, by CUDA_VISIBLE_DEVICES: counted among those of this process, if it has that
        /// variable. If empty, a job sees what this process sees.
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

    /// What is wrong with the GPUs, where a process sees those of the list `visible` only: the first that is not among them.
    pub(super) fn unseen_gpu(&self, visible: Option<&str>) -> Option<String> {
        let unseen = self.gpus.iter().find(|&&gpu| seen(gpu, visible).is_none())?;
        let visible = visible.unwrap_or_default();
        Some(format!("there is no GPU {unseen}, counted from 0, among those of {VISIBLE}={visible}"))
    }

    /// The environment of a slot, where a process sees the GPUs of the list `visible` only, and the time that a job has there.
    fn conditions(&self, slot: usize, visible: Option<&str>) -> Conditions {
        let mut env = Vec::new();
        let gpu = self.gpus.get(slot % self.gpus.len().max(1)).and_then(|gpu| seen(*gpu, visible));
        if let Some(gpu) = gpu {
            env.push((VISIBLE.to_owned(), gpu));
            // Counted as nvidia-smi counts them, unless the user has another way.
            if visible.is_none() && std::env::var_os("CUDA_DEVICE_ORDER").is_none() {
                env.push(("CUDA_DEVICE_ORDER".to_owned(), "PCI_BUS_ID".to_owned()));
            }
        }
        Conditions { quiet: true, env, timeout: self.timeout_s.map(seconds) }
    }
}

/// The GPUs that this process is confined to, if it is: their numbers, or their names.
pub(super) fn visible_gpus() -> Option<String> {
    std::env::var(VISIBLE).ok().filter(|visible| !visible.trim().is_empty())
}

/// What the GPU of this number is called to a process that is to see it alone; nothing of one that is not there. What stands
/// behind a negative number is not seen.
fn seen(gpu: u64, visible: Option<&str>) -> Option<String> {
    let Some(visible) = visible else { return Some(gpu.to_string()) };
    let mut words = visible.split(',').map(str::trim).take_while(|word| !word.is_empty() && !word.starts_with('-'));
    words.nth(usize::try_from(gpu).unwrap_or(usize::MAX)).map(str::to_owned)
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
        let visible = visible_gpus();
        // The sweep may have begun where others were visible.
        if let Some(unseen) = self.options.unseen_gpu(visible.as_deref()) {
            return Err(WorkerError::NotStarted(format!("hydra.launcher.gpus: {unseen}")));
        }
        let conditions = Conditions { quiet: !self.shown, ..self.options.conditions(slot, visible.as_deref()) };
        let mut outcome = held.work(&conditions, asked);
        for _ in 0..self.options.retries {
            // Under its name another run may be by now.
            if outcome.is_ok() || asked.stop.asked() || held.lock().guards().is_err() {
                break;
            }
            // An engine is a group of its own, and may have outlived the process that was to wait for it.
            drop(held);
            let (lock, _) = hold(dir, asked)?;
            held = Held::new(dir, lock, asked.stop.asked())?;
            if held.is_over(false, asked) {
                return end::told(dir);
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
        let seen = |slot| local(Some(4), &[2, 7]).conditions(slot, None).env[0].1.clone();
        assert_eq!([0, 1, 2, 3].map(seen), ["2", "7", "2", "7"]);
        assert!(local(Some(2), &[]).conditions(1, None).env.is_empty());
        assert!(local(Some(2), &[]).conditions(1, Some("2,3")).env.is_empty());
    }

    #[test]
    fn who_is_confined_chooses_among_what_is_there() {
        let local = |gpus: &[u64]| Local { gpus: gpus.to_vec(), ..Local::basic() };
        let env = |slot, visible| local(&[0, 1]).conditions(slot, Some(visible)).env;
        for (visible, words) in [("2,3", ["2", "3"]), ("GPU-5ebe, MIG-a/1/0", ["GPU-5ebe", "MIG-a/1/0"])] {
            // In the order that the words are meant in.
            assert_eq!(
                [0, 1].map(|slot| env(slot, visible)),
                words.map(|word| vec![(VISIBLE.to_owned(), word.to_owned())])
            );
        }
        assert_eq!(local(&[0, 1]).unseen_gpu(Some("2,3")), None);
        assert_eq!(local(&[9]).unseen_gpu(None), None);
        for visible in ["2", "2,-1,3", "2,"] {
            let message = local(&[0, 1]).unseen_gpu(Some(visible)).unwrap();
            assert!(message.contains("no GPU 1, ") && message.ends_with(&format!("={visible}")), "{message}");
        }
    }
}
