//! Words of a user about a run: tags and a note, in its `labels.json`. What was frozen with the run stays as it is; these
//! take the place of its `tags` and `notes` wherever runs are looked at.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::{small_if_there, write_atomically};

/// Tags and a note.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// Single words by which runs are found.
    pub tags: Vec<String>,
    /// Free text.
    pub notes: Option<String>,
}

impl Labels {
    /// The file's name in a run directory.
    pub const FILE: &'static str = "labels.json";

    /// What a user wrote about a run since it was made; none if nothing.
    ///
    /// # Errors
    /// The file cannot be read, or is none of this kind.
    pub fn read(dir: &Path) -> io::Result<Option<Labels>> {
        let bytes = small_if_there(&dir.join(Labels::FILE))?;
        Ok(bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
    }

    /// Writes them into a run directory.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        write_atomically(&dir.join(Labels::FILE), text.as_bytes())
    }
}
