//! Slurm: arrays of jobs, by `sbatch`, `squeue`, `sacct`, `scancel` and `scontrol`.
//!
//! The options have the names of hydra-submitit-launcher, so that a block written for it can be pasted. A run is one
//! process, started without srun.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use exp_api::schema::{COUNT, Kind, POSITIVE, at_least, group};
use serde_json::{Map, Value};

use super::{Known, Queue, QueueError, call, requeue, script};

/// The largest array of a cluster that does not tell.
const ARRAY: usize = 1001;

group! {
    /// The options of `hydra/launcher=slurm`.
    pub struct Slurm {
        /// The flag `--partition` of sbatch.
        partition: Option<String> => Kind::Text, nullable;
        /// The flag `--qos` of sbatch.
        qos: Option<String> => Kind::Text, nullable;
        /// The flag `--account` of sbatch.
        account: Option<String> => Kind::Text, nullable;
        /// The flag `--comment` of sbatch.
        comment: Option<String> => Kind::Text, nullable;
        /// The flag `--constraint` of sbatch.
        constraint: Option<String> => Kind::Text, nullable;
        /// The flag `--exclude` of sbatch.
        exclude: Option<String> => Kind::Text, nullable;
        /// The flag `--nodelist` of sbatch.
        nodelist: Option<String> => Kind::Text, nullable;
        /// The flag `--gres` of sbatch.
        gres: Option<String> => Kind::Text, nullable;
        /// The flag `--gpus-per-node` of sbatch.
        gpus_per_node: Option<u64> => at_least(1), nullable;
        /// The flag `--gpus-per-task` of sbatch.
        gpus_per_task: Option<u64> => at_least(1), nullable;
        /// The flag `--cpus-per-task` of sbatch; also the threads of a run that does not say how many it wants.
        cpus_per_task: Option<u64> => at_least(1), nullable;
        /// The flag `--cpus-per-gpu` of sbatch.
        cpus_per_gpu: Option<u64> => at_least(1), nullable;
        /// Memory, in GiB: `--mem`.
        mem_gb: Option<f64> => POSITIVE, nullable;
        /// The flag `--mem-per-gpu` of sbatch.
        mem_per_gpu: Option<String> => Kind::Text, nullable;
        /// The flag `--mem-per-cpu` of sbatch.
        mem_per_cpu: Option<String> => Kind::Text, nullable;
        /// A run is on one node.
        nodes: u64 => ONE;
        /// A run is one process.
        tasks_per_node: u64 => ONE;
        /// Minutes that a job may take at a time.
        timeout_min: u64 => at_least(1);
        /// The name in the queue; `name` in submitit.
        job_name: String => Kind::Text;
        /// How many jobs of an array run at a time.
        array_parallelism: u64 => at_least(1);
        /// Shell lines before the job.
        setup: Option<Vec<String>> => Kind::List { item: &Kind::Text, min: 0 }, nullable;
        /// Whether the log holds both streams.
        stderr_to_stdout: bool => Kind::Bool;
        /// How many seconds before its time is up a job is told, to write a checkpoint.
        signal_delay_s: u64 => COUNT;
        /// How often a job whose time was up is queued again. Null: until it is done.
        max_num_timeout: Option<u64> => COUNT, nullable;
        /// Other flags of sbatch.
        additional_parameters: Map<String, Value> => Kind::Free;
        /// Of submitit; logs are in the directory of the sweep here.
        submitit_folder: Option<String> => Kind::Text, nullable;
    }
}

impl Slurm {
    /// How many seconds a job may take at a time, if it would be told of their end before they begin.
    pub fn told_too_early(&self) -> Option<u64> {
        Some(self.timeout_min.saturating_mul(60)).filter(|time| self.signal_delay_s >= *time)
    }

    /// The first lines of a script, which say to sbatch what it needs to know of an array of `count` jobs whose logs are in
    /// `folder`.
    fn head(&self, folder: &Path, count: usize) -> Vec<String> {
        let shown = |value: &dyn std::fmt::Display| Some(value.to_string());
        let log = |end: &str| Some(format!("{}/%A_%a.{end}", folder.display()));
        let flags = [
            ("job-name", Some(self.job_name.clone())),
            ("array", Some(format!("0-{}%{}", count - 1, self.array_parallelism))),
            ("output", log("out")),
            ("error", if self.stderr_to_stdout { None } else { log("err") }),
            ("open-mode", shown(&"append")),
            // To the job alone: it is not a step of srun.
            ("signal", Some(format!("B:USR1@{}", self.signal_delay_s))),
            ("requeue", Some(String::new())),
            ("time", shown(&self.timeout_min)),
            ("partition", self.partition.clone()),
            ("qos", self.qos.clone()),
            ("account", self.account.clone()),
            ("comment", self.comment.clone()),
            ("constraint", self.constraint.clone()),
            ("exclude", self.exclude.clone()),
            ("nodelist", self.nodelist.clone()),
            ("gres", self.gres.clone()),
            ("gpus-per-node", self.gpus_per_node.and_then(|n| shown(&n))),
            ("gpus-per-task", self.gpus_per_task.and_then(|n| shown(&n))),
            ("cpus-per-task", self.cpus_per_task.and_then(|n| shown(&n))),
            ("cpus-per-gpu", self.cpus_per_gpu.and_then(|n| shown(&n))),
            ("mem", self.mem_gb.map(|gb| format!("{}M", (gb * 1024.0).ceil()))),
            ("mem-per-gpu", self.mem_per_gpu.clone()),
            ("mem-per-cpu", self.mem_per_cpu.clone()),
            ("nodes", shown(&self.nodes)),
            ("ntasks-per-node", shown(&self.tasks_per_node)),
        ];
        let own = flags.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let more = self.additional_parameters.iter().map(|(name, value)| {
            let value = match value {
                Value::String(text) => text.clone(),
                // A flag without a value.
                Value::Bool(true) | Value::Null => String::new(),
                other => other.to_string(),
            };
            (name.replace('_', "-"), value)
        });
        let line = |(name, value): (String, String)| match value.is_empty() {
            true => format!("#SBATCH --{name}"),
            false => format!("#SBATCH --{name}={}", sbatch_quoted(&value)),
        };
        // What is written for submitit is written for bash: `source`, and `module` where it is a function of it.
        std::iter::once("#!/bin/bash".to_owned()).chain(own.chain(more).map(line)).collect()
    }
}

/// A value on a line of sbatch, which reads quotes as a shell does.
fn sbatch_quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.,:/%@+=[]".contains(c);
    if value.chars().all(plain) { value.to_owned() } else { format!("\"{}\"", value.replace('"', "\\\"")) }
}

impl Queue for Slurm {
    fn at_once(&self) -> usize {
        largest_array()
    }

    fn submit(&self, folder: &Path, dirs: &[PathBuf]) -> Result<Vec<String>, QueueError> {
        let failed = |source| QueueError::Files { path: folder.display().to_string(), source };
        let folder = folder.canonicalize().map_err(failed)?;
        let setup: Vec<String> = self.setup.iter().flatten().cloned().chain(requeue::lines(self)).collect();
        // A name of its own: what was handed in before keeps its list.
        let name = jiff::Timestamp::now().as_nanosecond().to_string();
        let head = self.head(&folder, dirs.len());
        let script = script::write(&folder, &name, &head, &setup, "SLURM_ARRAY_TASK_ID", dirs).map_err(failed)?;
        let printed = call(Command::new("sbatch").arg("--parsable").arg(&script))?;
        // On a federation the cluster stands behind a semicolon.
        let id = printed.lines().last().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if id.is_empty() {
            let (command, reason) = (format!("sbatch {}", script.display()), format!("no job id in `{printed}`"));
            return Err(QueueError::Command { command, reason });
        }
        Ok((0..dirs.len()).map(|index| format!("{id}_{index}")).collect())
    }

    fn ask(&self, tickets: &[String]) -> Result<Option<BTreeMap<String, Known>>, QueueError> {
        let ids: BTreeSet<&str> = tickets.iter().filter_map(|ticket| ticket.split('_').next()).collect();
        let ids = ids.into_iter().collect::<Vec<_>>().join(",");
        let format = ["-h", "-r", "-t", "all", "-o", "%i|%T|%r", "-j"];
        let mut known = match call(Command::new("squeue").args(format).arg(&ids)) {
            Ok(lines) => read(&lines, None),
            // It knows none of them any more.
            Err(QueueError::Command { reason, .. }) if reason.contains("Invalid job id") => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        if tickets.iter().any(|ticket| !known.contains_key(ticket)) {
            // Its database, if the cluster has one, remembers for longer.
            let format = ["-n", "-P", "-X", "--format=JobID,State,ExitCode", "-j"];
            let remembered = call(Command::new("sacct").args(format).arg(&ids)).unwrap_or_default();
            for (ticket, state) in read(&remembered, Some("exit code ")) {
                known.entry(ticket).or_insert(state);
            }
        }
        Ok(Some(known))
    }

    fn cancel(&self, tickets: &[String]) -> Result<(), QueueError> {
        call(Command::new("scancel").args(tickets)).map(drop)
    }
}

/// Lines of `job|state|more`, by job; `label` says what the rest is.
fn read(lines: &str, label: Option<&str>) -> BTreeMap<String, Known> {
    let job = |line: &str| {
        let mut parts = line.split('|');
        let (id, state) = (parts.next()?.trim(), parts.next()?.trim());
        // sacct says by whom a job was cancelled.
        let word = state.split_whitespace().next()?;
        let rest = parts.next().map(str::trim).filter(|rest| !rest.is_empty() && *rest != "None");
        let known = match word {
            "COMPLETED" | "FAILED" | "CANCELLED" | "TIMEOUT" | "NODE_FAIL" | "OUT_OF_MEMORY" | "BOOT_FAIL"
            | "DEADLINE" | "REVOKED" => {
                let rest = rest.map(|rest| format!(" ({}{rest})", label.unwrap_or_default())).unwrap_or_default();
                let words = format!("{word}{rest}");
                if word == "CANCELLED" { Known::Cancelled(words) } else { Known::Over(words) }
            }
            "PENDING" if label.is_none() => Known::Pending(rest.map(str::to_owned)),
            // Also PREEMPTED: it is queued again.
            _ => Known::Pending(None),
        };
        Some((id.to_owned(), known))
    };
    lines.lines().filter_map(job).collect()
}

/// How many jobs an array may have on this cluster.
fn largest_array() -> usize {
    let config = call(Command::new("scontrol").args(["show", "config"])).unwrap_or_default();
    let line = config.lines().find_map(|line| line.trim().strip_prefix("MaxArraySize"));
    let size = line.and_then(|line| line.trim_start_matches([' ', '=']).trim().parse().ok());
    size.filter(|size| *size > 0).unwrap_or(ARRAY)
}

const ONE: Kind = Kind::Int { min: 1, max: 1 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_slurm_prints_is_understood() {
        let squeue =
            "7_0|RUNNING|None\n7_1|PENDING|JobArrayTaskLimit\n7_2|FAILED|NonZeroExitCode\n7_3|PREEMPTED|None\n";
        let known = read(squeue, None);
        assert_eq!((&known["7_0"], &known["7_3"]), (&Known::Pending(None), &Known::Pending(None)));
        assert_eq!(known["7_1"], Known::Pending(Some("JobArrayTaskLimit".to_owned())));
        assert_eq!(known["7_2"], Known::Over("FAILED (NonZeroExitCode)".to_owned()));
        let sacct = read("1_2|FAILED|2:0\n1_3|CANCELLED by 0|0:15\n1_4|OUT_OF_MEMORY|0:125\n", Some("exit code "));
        let words = ["1_2", "1_4"].map(|ticket| sacct[ticket].clone());
        let wanted = ["FAILED (exit code 2:0)", "OUT_OF_MEMORY (exit code 0:125)"];
        assert_eq!(words, wanted.map(|words| Known::Over(words.to_owned())));
        assert_eq!(sacct["1_3"], Known::Cancelled("CANCELLED (exit code 0:15)".to_owned()));
    }
}
