//! What is written about a run for other programs.

use crate::schema::{Kind, group};

group! {
    /// The track group.
    pub struct TrackSpec {
        /// Whether the run directory gets a file of events for TensorBoard.
        tensorboard: bool => Kind::Bool;
    }
}
