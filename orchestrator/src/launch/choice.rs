//! Which launcher a configuration asks for: the node `hydra.launcher`, typed.

use std::sync::Arc;

use exp_api::schema::{Kind, variants};
use exp_consistency::train::available_threads;
use indicatif::MultiProgress;

use super::local::visible_gpus;
use super::queue::{Queue, Queued, Slurm, Template};
use super::{Children, InProcess, Inline, Launcher, Local, Share, pages, plugins};
use crate::compose::{Composed, Node, Problem, Problems};

variants! {
    /// A launcher with its options, as the manifest of a sweep keeps it.
    pub enum Choice {
        /// In the process of the sweep.
        Inline(Inline) = "inline",
        /// Child processes on this machine.
        Local(Local) = "local",
        /// Jobs of Slurm.
        Slurm(Slurm) = "slurm",
        /// Jobs of any other queue.
        Template(Template) = "template",
    }
}

impl Choice {
    /// What may stand at `hydra.launcher`, beside Hydra's own.
    pub const KIND: Kind = Kind::Variants(Choice::VARIANTS);

    /// Makes this process ready to wait for many others, unless it does the jobs itself.
    pub fn get_ready(&self) {
        if !matches!(self, Choice::Inline(_)) {
            pages::small();
        }
    }

    /// What the `hydra` node of a composed configuration asks for. Hydra's own `basic` means child processes, one at a
    /// time.
    ///
    /// # Errors
    /// A launcher that is not here, and all that is wrong with its options.
    pub fn of(composed: &Composed) -> Result<Choice, Problems> {
        let path = "hydra.launcher";
        let node = composed.resolve(path)?.filter(|node| !node.value.is_missing());
        let node = node.ok_or_else(|| Problem::new("there is no launcher").key(path))?;
        Choice::read(path, &node)
    }

    fn read(path: &str, node: &Node) -> Result<Choice, Problems> {
        let choice = plugins::counterpart(path, node.clone())?;
        Problems(choice.misfit(path, node).into_iter().collect()).or_ok(choice)
    }

    /// The option, of those that are written at `path`, that does not go together with another or with this machine.
    fn misfit(&self, path: &str, node: &Node) -> Option<Problem> {
        let (key, message) = match self {
            Choice::Local(local) => ("gpus", local.unseen_gpu(visible_gpus().as_deref())?),
            Choice::Slurm(slurm) => {
                let time = slurm.told_too_early()?;
                let told = "a job would be told at once that its time is up, again and again";
                ("signal_delay_s", format!("{told}; expected less than the {time} seconds of {path}.timeout_min"))
            }
            Choice::Inline(_) | Choice::Template(_) => return None,
        };
        Some(Problem::new(message).key(format!("{path}.{key}")).trail(&node.at(key).unwrap_or(node).trail))
    }

    /// The launcher itself, of `jobs` at a time. One after another in this process, they show their progress among `bars`;
    /// what several say at one time would be nobody's.
    pub fn launcher(&self, jobs: usize, bars: &MultiProgress) -> Arc<dyn Launcher> {
        match self {
            Choice::Inline(_) => Arc::new(InProcess { screen: (jobs == 1).then(|| bars.clone()), adopts: true }),
            Choice::Local(local) => Arc::new(Children { options: local.clone(), shown: false }),
            Choice::Slurm(slurm) => Arc::new(Queued::new(Arc::new(slurm.clone()))),
            Choice::Template(template) => Arc::new(Queued::new(Arc::new(template.clone()))),
        }
    }

    /// The queue that the jobs are handed in to, if they run elsewhere.
    pub fn queue(&self) -> Option<&dyn Queue> {
        match self {
            Choice::Inline(_) | Choice::Local(_) => None,
            Choice::Slurm(slurm) => Some(slurm),
            Choice::Template(template) => Some(template),
        }
    }

    /// Jobs at a time that this process waits for.
    pub fn slots(&self) -> usize {
        match self {
            Choice::Inline(inline) => usize::try_from(inline.n_jobs).unwrap_or(usize::MAX),
            Choice::Local(local) => local.slots(),
            Choice::Slurm(_) | Choice::Template(_) => 1,
        }
    }

    /// What each of `jobs` at a time gets of the machine.
    pub fn share(&self, jobs: usize) -> Share {
        let threads = match self {
            // Without the flag a job has one processor.
            Choice::Slurm(slurm) => Some(slurm.cpus_per_task.unwrap_or(1)),
            Choice::Inline(_) | Choice::Local(_) => (jobs > 1).then(|| (available_threads() / jobs as u64).max(1)),
            Choice::Template(_) => None,
        };
        let one_gpu = matches!(self, Choice::Local(local) if !local.gpus.is_empty());
        Share { threads, elsewhere: self.queue().is_some(), one_gpu }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::load_yaml;

    fn read(yaml: &str) -> Result<Choice, Problems> {
        let node = load_yaml(&"conf/x.yaml".into(), yaml).expect("a tree");
        Choice::read("hydra.launcher", &node)
    }

    #[test]
    fn options_are_typed_and_all_problems_come_at_once() {
        let whole = "{name: local, n_jobs: 3, gpus: [0], timeout_s: 1.5, retries: 1, fail_fast: true, stagger_s: 0}";
        let options =
            Local { n_jobs: Some(3), gpus: vec![0], timeout_s: Some(1.5), retries: 1, fail_fast: true, stagger_s: 0.0 };
        assert_eq!(read(whole), Ok(Choice::Local(options)));
        assert_eq!(read("{name: inline, n_jobs: 2}"), Ok(Choice::Inline(Inline { n_jobs: 2 })));
        let wrong = "{name: local, n_jobs: 0, gpus: [], retrys: 1, fail_fast: false, stagger_s: -1}";
        let problems = read(wrong).expect_err("wrong").to_string();
        for part in
            ["hydra.launcher.n_jobs: expected a whole number of at least 1", "did you mean `retries`?", "stagger_s"]
        {
            assert!(problems.contains(part), "{problems}");
        }
        assert!(read("{name: lokal}").expect_err("unknown").to_string().contains("did you mean `local`?"));
    }

    #[test]
    fn a_job_that_would_be_told_of_its_end_before_it_begins_is_refused() {
        let read = |minutes: u64, seconds: u64| {
            let mut yaml = include_str!("../compose/builtin/launcher/slurm.yaml").replace("${hydra.job.name}", "x");
            for (key, default, value) in [("timeout_min", 60, minutes), ("signal_delay_s", 120, seconds)] {
                yaml = yaml.replace(&format!("{key}: {default}\n"), &format!("{key}: {value}\n"));
            }
            let node = load_yaml(&"slurm.yaml".into(), &yaml).expect("a tree");
            Choice::read("hydra.launcher", &node)
        };
        assert!(matches!(read(2, 119), Ok(Choice::Slurm(_))));
        let problems = read(2, 120).expect_err("too early").to_string();
        for part in ["hydra.launcher.signal_delay_s: ", "less than the 120 seconds of hydra.launcher.timeout_min"] {
            assert!(problems.contains(part), "{problems}");
        }
    }
}
