//! The data set of a job, held against the one that a checkpoint was trained on.

use exp_api::{BackendError, Job};

use crate::checkpoint::Manifest;
use crate::data::Dataset;

/// The key of data sets, which `allow` may cover.
const KEY: &str = "dataset";

/// What a data set is, and whether it may be another one than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vouched {
    /// See [`Dataset::digest`].
    pub(super) digest: String,
    allowed: bool,
}

impl Vouched {
    /// Of the data set of a job.
    pub(super) fn of(data: &Dataset, job: &Job) -> Vouched {
        let covers = |key: &String| key.split('.').next() == Some(KEY);
        Vouched { digest: data.digest(), allowed: job.allow.iter().any(covers) }
    }

    /// Holds it against what a checkpoint was trained on, if that is known. A warning where it is another and may be so.
    ///
    /// # Errors
    /// It is another, and may not be.
    pub(super) fn held(&self, trained: &Manifest) -> Result<Option<String>, BackendError> {
        let Some(before) = trained.data.as_ref().filter(|before| **before != self.digest) else { return Ok(None) };
        let other = format!(
            "the data set is not the one that the checkpoint of step {} was trained on: its sha256 is {}, and was {before}",
            trained.step, self.digest
        );
        match self.allowed {
            true => Ok(Some(other)),
            false => Err(BackendError::Data(format!(
                "{other}; where that one lies: {KEY}.dir=DIR, or to use this one all the same: --allow {KEY}"
            ))),
        }
    }
}
