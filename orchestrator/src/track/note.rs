//! What trackers know a run by, noted in its directory, `.trackers.json`. A run that was moved is the same run to them. A copy, while
//! that of which it is one is still there, is a run of its own; one on another machine cannot be told from a run that was moved.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::mlflow::Sent;
use crate::files::{small, write_atomically};

/// The file in a run directory.
const FILE: &str = ".trackers.json";

/// What is noted of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// A random name that no other run has.
    pub id: String,
    /// The directory for which it was noted.
    dir: String,
    /// What MLflow servers have of the run, by their addresses.
    pub mlflow: BTreeMap<String, Sent>,
}

impl Note {
    /// The note of a run directory, which is made where there is none of its own. Who calls this is [`crate::lock::alone`].
    ///
    /// # Errors
    /// The directory cannot be read or written.
    pub fn of(dir: &Path) -> io::Result<Note> {
        let here = dir.canonicalize()?.display().to_string();
        let noted = read(dir);
        let own = noted.clone().filter(|note| note.dir == here || !is_copy(dir, note));
        let note = match own {
            Some(note) => Note { dir: here, ..note },
            None => {
                let id = format!("{:016x}", RandomState::new().hash_one(&here));
                Note { id, dir: here, mlflow: BTreeMap::new() }
            }
        };
        if noted.as_ref() != Some(&note) {
            note.write(dir)?;
        }
        Ok(note)
    }

    /// Writes it into a run directory.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        write_atomically(&dir.join(FILE), text.as_bytes())
    }
}

fn read(dir: &Path) -> Option<Note> {
    serde_json::from_slice(&small(&dir.join(FILE)).ok()?).ok()
}

/// Whether the run for which a note in `dir` was made is still where it was, and another directory.
fn is_copy(dir: &Path, note: &Note) -> bool {
    let first = Path::new(&note.dir);
    // Both may be one directory that is seen at two places.
    let place = |dir: &Path| dir.metadata().map(|file| (file.dev(), file.ino())).ok();
    read(first).is_some_and(|other| other.id == note.id) && place(first) != place(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_run_is_the_same_and_a_copy_is_another() {
        let root = tempfile::tempdir().unwrap();
        let dir = |name: &str| root.path().join(name);
        let copy = |from: &str, to: &str| {
            std::fs::create_dir(dir(to)).unwrap();
            std::fs::copy(dir(from).join(FILE), dir(to).join(FILE)).unwrap();
        };
        std::fs::create_dir(dir("a")).unwrap();
        let id = |name: &str| Note::of(&dir(name)).unwrap().id;
        let first = id("a");
        assert_eq!(id("a"), first);
        std::fs::rename(dir("a"), dir("b")).unwrap();
        assert_eq!(id("b"), first, "moved");
        std::os::unix::fs::symlink(dir("b"), dir("link")).unwrap();
        assert_eq!(id("link"), first, "seen elsewhere");
        copy("b", "c");
        let second = id("c");
        assert_ne!(second, first, "a copy");
        assert_eq!([id("c"), id("b")], [second, first.clone()], "each keeps its own");
        copy("b", "d");
        std::fs::remove_dir_all(dir("b")).unwrap();
        assert_eq!(id("d"), first, "what it was a copy of is gone");
    }
}
