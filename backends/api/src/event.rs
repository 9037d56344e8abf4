//! What a running backend reports.

use serde::{Deserialize, Deserializer, Serialize};

/// One report of a running job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// Training starts or goes on. Rows of `metrics.jsonl` after `step` are void.
    Started {
        /// Steps already done.
        step: u64,
        /// Steps in all.
        steps: u64,
        /// Images of a step.
        batch: u64,
    },
    /// A step was taken.
    Progress {
        /// Steps done.
        step: u64,
        /// The step's total loss.
        #[serde(deserialize_with = "number")]
        loss: f64,
    },
    /// A row of `metrics.jsonl`: only numbers that a rerun repeats, each the value of that very step.
    Metrics {
        /// Steps done.
        step: u64,
        /// Values by name.
        #[serde(deserialize_with = "numbers")]
        values: Vec<(String, f64)>,
    },
    /// A row of `system.jsonl`: rates, times, memory.
    System {
        /// Steps done.
        step: u64,
        /// Values by name.
        #[serde(deserialize_with = "numbers")]
        values: Vec<(String, f64)>,
    },
    /// Something a person may want to read.
    Log {
        /// How urgent it is.
        level: Level,
        /// The text.
        message: String,
    },
}

/// How urgent a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// For information.
    Info,
    /// Worth attention.
    Warn,
}

/// A number; JSON has none that is not finite, and null is written in its place.
fn number<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or(f64::NAN))
}

/// Such numbers by name.
pub(crate) fn numbers<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, f64)>, D::Error> {
    let read = Vec::<(String, Option<f64>)>::deserialize(from)?;
    Ok(read.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}

/// Takes the events of a job.
pub trait EventSink {
    /// Takes one event. An error ends the job.
    fn emit(&mut self, event: Event) -> std::io::Result<()>;

    /// Returns once all earlier events are on disk. A checkpoint is committed only after it.
    fn flush(&mut self) -> std::io::Result<()>;
}
