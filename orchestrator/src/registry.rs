//! Backends by name. The only place that names an engine.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use exp_api::Backend;
use exp_burn::BurnBackend;

use crate::process_backend::ProcessBackend;

/// The backends that are part of this binary.
const BUILT_IN: [&str; 1] = ["burn"];
/// Engines of this repository that are executables of their own, with the command that sets each one up.
const SET_UP: [(&str, &str); 1] = [("tch", "backends/tch/install")];

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
    /// One of this repository's own that has not been set up.
    #[error("the backend `{name}` is not set up: run `{command}` (no executable exp-{name} is in {looked})")]
    NotSetUp {
        /// The name asked for.
        name: String,
        /// What sets it up.
        command: &'static str,
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

/// Backends by name, each found and asked what it is at most once.
#[derive(Default)]
pub struct Registry(Mutex<BTreeMap<String, Arc<dyn Backend>>>);

impl Registry {
    /// As [`find`].
    ///
    /// # Errors
    /// As [`find`].
    pub fn find(&self, name: &str) -> Result<Arc<dyn Backend>, RegistryError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(name) {
            return Ok(Arc::clone(known));
        }
        let found: Arc<dyn Backend> = find(name)?.into();
        known.insert(name.to_owned(), Arc::clone(&found));
        Ok(found)
    }
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
        Some(path) => match ProcessBackend::open(&path) {
            Ok(backend) => Ok(Box::new(backend)),
            Err(RegistryError::NoAnswer { path, reason }) => {
                let again = set_up(name).map(|command| format!("; to set it up again: {command}"));
                Err(RegistryError::NoAnswer { path, reason: reason + &again.unwrap_or_default() })
            }
            Err(error) => Err(error),
        },
        None => {
            let looked = folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ");
            Err(match set_up(name) {
                Some(command) => RegistryError::NotSetUp { name: name.to_owned(), command, looked },
                None => RegistryError::Unknown { name: name.to_owned(), looked },
            })
        }
    }
}

/// The command that sets up an engine of this repository.
fn set_up(name: &str) -> Option<&'static str> {
    SET_UP.iter().find(|(known, _)| *known == name).map(|(_, command)| *command)
}

/// The engines of this repository that are not here, each with the command that sets it up.
pub fn missing() -> Vec<(&'static str, &'static str)> {
    let here = names();
    SET_UP.into_iter().filter(|(name, _)| !here.iter().any(|found| found == name)).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_that_is_not_set_up_names_its_command() {
        let command = set_up("tch").expect("an engine of this repository");
        let error = RegistryError::NotSetUp { name: "tch".to_owned(), command, looked: "/bin".to_owned() };
        assert!(error.to_string().contains("run `backends/tch/install` "), "{error}");
        assert_eq!(set_up("abacus"), None);
    }
}
