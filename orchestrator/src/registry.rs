//! Backends by name. The only place that names an engine.

use std::collections::BTreeSet;
use std::path::PathBuf;

use exp_api::Backend;
use exp_burn::BurnBackend;

use crate::process_backend::ProcessBackend;

/// The backends that are part of this binary.
const BUILT_IN: [&str; 1] = ["burn"];

/// Why there is no such backend.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Neither built in nor an executable.
    #[error("there is no backend `{name}`: built in are {}, and no executable exp-{name} is in {looked}", BUILT_IN.join(", "))]
    Unknown {
        /// The name asked for.
        name: String,
        /// Where it was looked for.
        looked: String,
    },
    /// The executable does not answer as a backend does.
    #[error("{path} is no backend: {reason}")]
    NoAnswer {
        /// The executable.
        path: String,
        /// What it did instead.
        reason: String,
    },
}

/// The backend of this name: built in, or else the executable `exp-<name>` in EXP_BACKENDS, beside `exp`, or on PATH.
///
/// # Errors
/// There is none, or it does not answer.
pub fn find(name: &str) -> Result<Box<dyn Backend>, RegistryError> {
    if name == "burn" {
        return Ok(Box::new(BurnBackend));
    }
    let folders = folders();
    let wanted = format!("exp-{name}");
    // A name with a separator would leave the folders.
    let plain = !name.is_empty() && !name.contains(['/', '\\']);
    match folders.iter().map(|folder| folder.join(&wanted)).find(|path| plain && path.is_file()) {
        Some(path) => Ok(Box::new(ProcessBackend::open(&path)?)),
        None => {
            let looked = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
            Err(RegistryError::Unknown { name: name.to_owned(), looked })
        }
    }
}

/// The names of all backends that are here, sorted.
pub fn names() -> Vec<String> {
    let files = folders().into_iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten();
    let executables = files.filter(|file| file.path().is_file()).filter_map(|file| {
        let name = file.file_name().to_string_lossy().into_owned();
        name.strip_prefix("exp-").filter(|name| !name.contains('.')).map(str::to_owned)
    });
    let names: BTreeSet<String> = BUILT_IN.iter().map(|&name| name.to_owned()).chain(executables).collect();
    names.into_iter().collect()
}

fn folders() -> Vec<PathBuf> {
    let listed = |name| std::env::var_os(name).map(|list| std::env::split_paths(&list).collect::<Vec<_>>());
    let beside = std::env::current_exe().ok().and_then(|exe| exe.parent().map(PathBuf::from));
    listed("EXP_BACKENDS")
        .unwrap_or_default()
        .into_iter()
        .chain(beside)
        .chain(listed("PATH").unwrap_or_default())
        .collect()
}
