//! Checkpoints: the whole of a training state on disk, either old or new, never half.
//!
//! `checkpoints/<step>/` holds `state.safetensors` and `manifest.json`. A checkpoint is written beside its place, its
//! manifest last, everything flushed to the device, and then renamed. Reading verifies sizes and checksums and falls
//! back to the newest one that is sound. Knows tensors only as names, shapes and host values.

mod manifest;
mod read;
mod tensors;
mod write;

pub use manifest::Manifest;
pub use read::{Loaded, Rejected, chosen, latest, list, named, sound, vouched};
pub use tensors::{HostTensor, decode, encode};
pub use write::{prune, remove, save, superfluous};

use std::path::{Path, PathBuf};

/// The folder of checkpoints in a run directory.
pub const FOLDER: &str = "checkpoints";

fn files(action: &'static str, path: &Path, source: std::io::Error) -> CheckpointError {
    CheckpointError::Files { action, path: path.to_owned(), source }
}

/// What may be wrong with checkpoints.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file or folder cannot be read or written.
    #[error("{action} {path}: {source}")]
    Files {
        /// What was tried, such as `cannot write`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The newest checkpoint cannot be read, and may be sound; there are older ones.
    #[error("{source}; if it stays so, move {checkpoint} away: an older one serves then")]
    Unread {
        /// Its folder.
        checkpoint: PathBuf,
        /// Which file, and why.
        source: Box<CheckpointError>,
    },
    /// A file is no sound safetensors file.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The checkpoint is of another network.
    #[error("{path} is of another network: {reason}")]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
}
