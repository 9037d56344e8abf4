//! Finding and verifying checkpoints.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use exp_api::spec::Which;

use super::manifest::FileEntry;
use super::{CheckpointError, FOLDER, HostTensor, Manifest, decode, files};

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

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is passed over: {}", self.path.display(), self.reason)
    }
}

/// Why a checkpoint cannot be used.
#[derive(Debug)]
pub(super) enum Unsound {
    /// It is not what was written.
    Damaged(String),
    /// A file of it is there and cannot be read: it may be sound.
    Unread(CheckpointError),
}

impl fmt::Display for Unsound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsound::Damaged(reason) => f.write_str(reason),
            Unsound::Unread(error) => error.fmt(f),
        }
    }
}

impl From<String> for Unsound {
    fn from(reason: String) -> Unsound {
        Unsound::Damaged(reason)
    }
}

/// The newest sound checkpoint of a run, if there is one, with its tensors whose names start with `prefix`; and the
/// newer ones that were damaged.
///
/// # Errors
/// The folder of checkpoints, or a file of the newest of them, cannot be read: what is sound is not passed over for that.
pub fn latest(run: &Path, prefix: &str) -> Result<(Option<Loaded>, Vec<Rejected>), CheckpointError> {
    let mut rejected = Vec::new();
    let mut steps = list(run)?;
    while let Some(step) = steps.pop() {
        let path = run.join(FOLDER).join(step.to_string());
        match load(run, step, prefix) {
            Ok((manifest, tensors)) => return Ok((Some(Loaded { path, manifest, tensors }), rejected)),
            Err(Unsound::Damaged(reason)) => rejected.push(Rejected { path, reason }),
            Err(Unsound::Unread(error)) if steps.is_empty() => return Err(error),
            Err(Unsound::Unread(error)) => {
                return Err(CheckpointError::Unread { checkpoint: path, source: error.into() });
            }
        }
    }
    Ok((None, rejected))
}

/// The checkpoint that `which` names, with its tensors whose names start with `prefix`; and damaged ones, where the last one
/// was asked for.
///
/// # Errors
/// There is none, or it is damaged; in words.
pub fn chosen(run: &Path, which: &Which, prefix: &str) -> Result<(Loaded, Vec<Rejected>), String> {
    loop {
        let before = list(run);
        let found = read(run, which, prefix);
        let whole = matches!(&found, Ok((_, rejected)) if rejected.is_empty());
        // A run at work makes room for new ones: what was listed may be gone when it is read.
        let changed = matches!((before, list(run)), (Ok(before), Ok(after)) if before != after);
        if whole || !changed {
            return found;
        }
    }
}

fn read(run: &Path, which: &Which, prefix: &str) -> Result<(Loaded, Vec<Rejected>), String> {
    let Some(step) = named(run, which)? else {
        let (loaded, rejected) = latest(run, prefix).map_err(|error| error.to_string())?;
        return Ok((loaded.ok_or_else(|| format!("{} has no sound checkpoint", run.display()))?, rejected));
    };
    let path = run.join(FOLDER).join(step.to_string());
    let (manifest, tensors) = load(run, step, prefix).map_err(|reason| format!("{}: {reason}", path.display()))?;
    Ok((Loaded { path, manifest, tensors }, Vec::new()))
}

/// The step of the checkpoint that `which` names; none for the last one that is sound. No tensor is read.
///
/// # Errors
/// There is no such one; in words.
pub fn named(run: &Path, which: &Which) -> Result<Option<u64>, String> {
    let steps = list(run).map_err(|error| error.to_string())?;
    let step = match which {
        _ if steps.is_empty() => return Err(format!("{} has no checkpoint", run.display())),
        Which::Last => return Ok(None),
        Which::Step(step) => *step,
        Which::Best(figure) => best(run, &steps, figure.as_deref())?,
    };
    if !steps.contains(&step) {
        let there: Vec<String> = steps.iter().map(u64::to_string).collect();
        return Err(format!("{} has no checkpoint of step {step}; there are {}", run.display(), there.join(", ")));
    }
    Ok(Some(step))
}

/// The step with the lowest figure.
fn best(run: &Path, steps: &[u64], figure: Option<&str>) -> Result<u64, String> {
    let (manifests, unread) = manifests(run, steps);
    if let Some((_, error)) = unread.into_iter().next() {
        return Err(error.to_string());
    }
    let first = || manifests.iter().find_map(|manifest| manifest.figures.first()).map(|(name, _)| name.as_str());
    let Some(name) = figure.or_else(first) else {
        return Err(format!("no checkpoint of {} was measured: train.eval_every says when one is", run.display()));
    };
    lowest(&manifests, name).ok_or_else(|| {
        let known: BTreeSet<&str> = manifests.iter().flat_map(|m| &m.figures).map(|(name, _)| name.as_str()).collect();
        let known: Vec<&str> = known.into_iter().collect();
        let known = if known.is_empty() { "no figures".to_owned() } else { known.join(", ") };
        format!("no checkpoint of {} has the figure `{name}`; there are {known}", run.display())
    })
}

/// The manifests of checkpoints that are not damaged, and the steps of those that cannot be read.
pub(super) fn manifests(run: &Path, steps: &[u64]) -> (Vec<Manifest>, Vec<(u64, CheckpointError)>) {
    let (mut sound, mut unread) = (Vec::new(), Vec::new());
    for &step in steps {
        match manifest_of(run, step) {
            Ok(manifest) => sound.push(manifest),
            Err(Unsound::Unread(error)) => unread.push((step, error)),
            Err(Unsound::Damaged(_)) => {}
        }
    }
    (sound, unread)
}

/// The step at which a figure was lowest.
pub(super) fn lowest(manifests: &[Manifest], name: &str) -> Option<u64> {
    let scored = manifests.iter().filter_map(|manifest| Some((manifest.step, manifest.figure(name)?)));
    scored.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(step, _)| step)
}

/// The steps that have a sound checkpoint, rising: all of it is read.
///
/// # Errors
/// One cannot be read.
pub fn sound(run: &Path) -> Result<Vec<u64>, CheckpointError> {
    let mut sound = list(run)?;
    let mut unread = None;
    sound.retain(|&step| match load(run, step, "ema/") {
        Ok(_) => true,
        Err(Unsound::Damaged(_)) => false,
        Err(Unsound::Unread(error)) => {
            unread = Some(error);
            false
        }
    });
    unread.map_or(Ok(sound), Err)
}

/// Whether all checkpoints of a run say on what data they were trained, as far as they are not damaged.
///
/// # Errors
/// The folder of checkpoints, or a manifest, cannot be read.
pub fn vouched(run: &Path) -> Result<bool, CheckpointError> {
    let (manifests, unread) = manifests(run, &list(run)?);
    let vouched = manifests.iter().all(|manifest| manifest.data.is_some());
    unread.into_iter().next().map_or(Ok(vouched), |(_, error)| Err(error))
}

/// The steps that have a checkpoint, rising.
///
/// # Errors
/// The folder of checkpoints cannot be read.
pub fn list(run: &Path) -> Result<Vec<u64>, CheckpointError> {
    let folder = run.join(FOLDER);
    let failed = |source| CheckpointError::Files { action: "cannot read", path: folder.clone(), source };
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
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
pub(super) fn manifest_of(run: &Path, step: u64) -> Result<Manifest, Unsound> {
    let text = content(run, step, Manifest::FILE)?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", Manifest::FILE))?;
    if !manifest.is_sealed() {
        return Err(format!("{} was changed after it was written", Manifest::FILE).into());
    }
    if manifest.format != Manifest::FORMAT || manifest.step != step {
        return Err(format!("{} is of format {}, step {}", Manifest::FILE, manifest.format, manifest.step).into());
    }
    Ok(manifest)
}

/// The content of a file of a checkpoint.
fn content(run: &Path, step: u64, name: &str) -> Result<Vec<u8>, Unsound> {
    let path = run.join(FOLDER).join(step.to_string()).join(name);
    fs::read(&path).map_err(|error| match error.kind() {
        ErrorKind::NotFound | ErrorKind::IsADirectory | ErrorKind::NotADirectory => {
            Unsound::Damaged(format!("{name}: {error}"))
        }
        _ => Unsound::Unread(files("cannot read", &path, error)),
    })
}

fn load(run: &Path, step: u64, prefix: &str) -> Result<(Manifest, Vec<HostTensor>), Unsound> {
    let manifest = manifest_of(run, step)?;
    let content = content(run, step, Manifest::STATE)?;
    if FileEntry::of(&content) != manifest.file {
        return Err(format!("{} does not have the size and checksum that its manifest says", Manifest::STATE).into());
    }
    let tensors = decode(&content, prefix).map_err(|reason| format!("{}: {reason}", Manifest::STATE))?;
    Ok((manifest, tensors))
}
