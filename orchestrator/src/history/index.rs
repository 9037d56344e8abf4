//! The copy of a history in the user's cache directory: JSON, one line with what configurations consist of, then one a run.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use exp_consistency::hash::sha256;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::run::{Part, Run};
use crate::files::write_atomically;

/// Changes whenever the content means something else.
const VERSION: u32 = 4;

/// What was read of the runs below a folder.
#[derive(Debug, Default)]
pub struct Index {
    /// The runs.
    pub runs: Vec<Kept>,
    /// What their configurations consist of.
    pub parts: Vec<Part>,
}

/// A run as it was read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Kept {
    /// When its directory had changed last, in nanoseconds since 1970; 0 for one that must be read again.
    pub changed: u64,
    /// The run.
    pub run: Run,
}

#[derive(Serialize, Deserialize)]
struct Head<'a> {
    version: u32,
    parts: Cow<'a, [Part]>,
}

/// The copy of the history of a folder.
pub fn file(cache: &Path, root: &Path) -> PathBuf {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    cache.join("history").join(sha256(root.as_os_str().as_encoded_bytes()))
}

impl Index {
    /// The copy in a file; an empty one if it is missing, damaged or of another version.
    pub fn read(file: &Path) -> Index {
        let read = || -> Option<Index> {
            let text = std::fs::read_to_string(file).ok()?;
            let (head, rest) = text.split_once('\n')?;
            let head: Head = serde_json::from_str(head).ok()?;
            let lines: Vec<&str> = rest.lines().collect();
            let runs: Result<Vec<Kept>, _> =
                lines.par_iter().with_min_len(64).map(|line| serde_json::from_str(line)).collect();
            let index = Index { runs: runs.ok()?, parts: head.parts.into_owned() };
            let sound = |number: &u32| (*number as usize) < index.parts.len();
            let sound = head.version == VERSION && index.runs.iter().all(|kept| kept.run.config.iter().all(sound));
            sound.then_some(index)
        };
        read().unwrap_or_default()
    }

    /// Writes the copy.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        let head = serde_json::to_string(&Head { version: VERSION, parts: Cow::Borrowed(&self.parts) })?;
        let lines: Result<Vec<String>, _> = self
            .runs
            .par_iter()
            .with_min_len(64)
            .map(|kept| serde_json::to_string(kept).map(|line| line + "\n"))
            .collect();
        let text = head + "\n" + &lines?.concat();
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        write_atomically(file, text.as_bytes())
    }

    /// Drops the parts that no run has any more.
    pub fn forget_unused(&mut self) {
        let mut used = vec![false; self.parts.len()];
        self.runs.iter().flat_map(|kept| &kept.run.config).for_each(|&number| used[number as usize] = true);
        if used.iter().all(|used| *used) {
            return;
        }
        let mut next = 0;
        let mut number = |used: &bool| {
            next += u32::from(*used);
            next - u32::from(*used)
        };
        let numbers: Vec<u32> = used.iter().map(&mut number).collect();
        let mut keep = used.into_iter();
        self.parts.retain(|_| keep.next().unwrap_or(false));
        for number in self.runs.iter_mut().flat_map(|kept| &mut kept.run.config) {
            *number = numbers[*number as usize];
        }
    }
}
