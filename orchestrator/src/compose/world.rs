//! What composing may know of the world outside the configuration files.
//!
//! The composer reads no clock, no environment and no working directory: whoever calls it looks
//! once and passes on what was seen, so that the same request gives the same answer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

/// The world as it was when the program started.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// The environment variables; each job of a sweep has them.
    pub env: Arc<BTreeMap<String, String>>,
    /// The instant that `${now:...}` prints; one for all jobs of a sweep.
    pub now: jiff::Zoned,
    /// The working directory, for `hydra.runtime.cwd`.
    pub cwd: PathBuf,
    /// The default of `hydra.job.name`.
    pub job_name: String,
}
