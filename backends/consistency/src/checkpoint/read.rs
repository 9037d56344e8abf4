//! Finding and verifying checkpoints.

use std::fs;
use std::path::{Path, PathBuf};

use super::manifest::FileEntry;
use super::{CheckpointError, FOLDER, HostTensor, Manifest, decode};

/// A verified checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// Its folder.
    pub path: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    /// The tensors asked for.
    pub tensors: Vec<HostTensor>,
}

/// A checkpoint that was passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its folder.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// The newest sound checkpoint of a run, if there is one, with its tensors whose names start with `prefix`; and the
/// newer ones that were damaged.
///
/// # Errors
/// The folder of checkpoints cannot be read.
pub fn latest(run: &Path, prefix: &str) -> Result<(Option<Loaded>, Vec<Rejected>), CheckpointError> {
    let mut rejected = Vec::new();
    for step in list(run)?.into_iter().rev() {
        let path = run.join(FOLDER).join(step.to_string());
        match load(run, step, prefix) {
            Ok((manifest, tensors)) => return Ok((Some(Loaded { path, manifest, tensors }), rejected)),
            Err(reason) => rejected.push(Rejected { path, reason }),
        }
    }
    Ok((None, rejected))
}

/// The steps that have a checkpoint, rising.
pub(super) fn list(run: &Path) -> Result<Vec<u64>, CheckpointError> {
    let folder = run.join(FOLDER);
    let failed = |source| CheckpointError::Files { action: "cannot read", path: folder.clone(), source };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut steps = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        steps.extend(name.to_str().and_then(|name| name.parse::<u64>().ok()));
    }
    steps.sort_unstable();
    Ok(steps)
}

/// The manifest of a checkpoint, or what is wrong with it.
pub(super) fn manifest_of(run: &Path, step: u64) -> Result<Manifest, String> {
    let path = run.join(FOLDER).join(step.to_string()).join(Manifest::FILE);
    let text = fs::read(&path).map_err(|error| format!("{}: {error}", Manifest::FILE))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", Manifest::FILE))?;
    if !manifest.is_sealed() {
        return Err(format!("{} was changed after it was written", Manifest::FILE));
    }
    if manifest.format != Manifest::FORMAT || manifest.step != step {
        return Err(format!("{} is of format {}, step {}", Manifest::FILE, manifest.format, manifest.step));
    }
    Ok(manifest)
}

fn load(run: &Path, step: u64, prefix: &str) -> Result<(Manifest, Vec<HostTensor>), String> {
    let manifest = manifest_of(run, step)?;
    let path = run.join(FOLDER).join(step.to_string()).join(Manifest::STATE);
    let content = fs::read(&path).map_err(|error| format!("{}: {error}", Manifest::STATE))?;
    if FileEntry::of(&content) != manifest.file {
        return Err(format!("{} does not have the size and checksum that its manifest says", Manifest::STATE));
    }
    let tensors = decode(&content, prefix).map_err(|reason| format!("{}: {reason}", Manifest::STATE))?;
    Ok((manifest, tensors))
}
