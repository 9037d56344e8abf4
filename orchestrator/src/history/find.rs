//! Finding runs below a folder, from the copy of what was read before where the directory has not changed since.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use exp_consistency::pool::ready;
use rayon::prelude::*;

use super::index::{self, Index, Kept};
use super::run::{Part, Run};
use crate::status::{State, Status};

/// A directory that changed this shortly before it was read may change again without a new time.
const TICK: u64 = 1_000_000_000;

/// Runs, and what their configurations consist of.
#[derive(Debug, Default)]
pub struct History {
    /// The runs, by their directories.
    pub runs: Vec<Run>,
    /// What their configurations consist of.
    pub parts: Vec<Part>,
    /// Directories of runs, and of others, that cannot be read.
    pub unreadable: Vec<PathBuf>,
}

/// A directory that may be a run.
struct Candidate {
    dir: PathBuf,
    /// When its entries changed last, in nanoseconds since 1970.
    changed: u64,
}

impl History {
    /// The runs below a folder, or the one that it is. What is in `cache` spares reading; it is brought up to date.
    ///
    /// # Errors
    /// The folder cannot be read, or there are no threads to read it with.
    pub fn of(root: &Path, cache: Option<&Path>) -> io::Result<History> {
        ready()?;
        let file = cache.map(|cache| index::file(cache, root));
        let before = file.as_deref().map(Index::read).unwrap_or_default();
        let Index { runs: kept, mut parts } = before;
        let count = kept.len();
        let mut known: HashMap<PathBuf, Kept> = kept.into_iter().map(|kept| (kept.run.dir.clone(), kept)).collect();
        let (mut current, mut fresh, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        let mut folders = vec![candidate(root, PathBuf::new())?];
        while !folders.is_empty() {
            let mut unknown = Vec::new();
            for found in folders.drain(..) {
                match known.remove(&found.dir) {
                    Some(kept) if kept.changed == found.changed => current.push(kept),
                    _ => unknown.push(found),
                }
            }
            let read: Vec<_> = unknown.into_par_iter().map(|found| look(root, found)).collect();
            for looked in read {
                match looked {
                    Looked::Run(kept, config) => fresh.push((*kept, config)),
                    Looked::Folder(inner) => folders.extend(inner),
                    Looked::Unreadable(dir) => unreadable.push(dir),
                }
            }
        }
        let changed = !fresh.is_empty() || current.len() != count;
        let mut numbers: HashMap<Part, u32> =
            if fresh.is_empty() { HashMap::new() } else { parts.iter().cloned().zip(0..).collect() };
        for (mut kept, config) in fresh {
            // Most runs have most parts in common with the one before.
            let before: Vec<u32> = current.last().map(|before: &Kept| before.run.config.clone()).unwrap_or_default();
            let number = |(at, part): (usize, Part)| {
                if let Some(&same) = before.get(at).filter(|&&same| parts[same as usize] == part) {
                    return same;
                }
                *numbers.entry(part).or_insert_with_key(|part| {
                    parts.push(part.clone());
                    parts.len() as u32 - 1
                })
            };
            kept.run.config = config.into_iter().enumerate().map(number).collect();
            current.push(kept);
        }
        // As bytes: comparing paths part by part takes ten times as long.
        current.sort_by(|a, b| a.run.dir.as_os_str().cmp(b.run.dir.as_os_str()));
        let mut index = Index { runs: current, parts };
        if let Some(file) = file.filter(|_| changed) {
            index.forget_unused();
            // Without a copy the next look reads everything again.
            let _ = index.write(&file);
        }
        let place = |dir: &Path| if dir.as_os_str().is_empty() { root.to_owned() } else { root.join(dir) };
        let runs = index.runs.into_iter().map(|Kept { run, .. }| Run { dir: place(&run.dir), ..run }).collect();
        Ok(History { runs, parts: index.parts, unreadable })
    }

    /// Both together.
    pub fn and(mut self, mut other: History) -> History {
        let behind = self.parts.len() as u32;
        other.runs.iter_mut().flat_map(|run| &mut run.config).for_each(|number| *number += behind);
        self.parts.append(&mut other.parts);
        self.runs.append(&mut other.runs);
        self.unreadable.append(&mut other.unreadable);
        self
    }
}

/// Folders without those that lie in another one, whose runs would be found twice.
pub fn outermost(folders: &[PathBuf]) -> Vec<PathBuf> {
    let whole = |folder: &PathBuf| folder.canonicalize().unwrap_or_else(|_| folder.clone());
    let wholes: Vec<PathBuf> = folders.iter().map(whole).collect();
    let found = |n: usize, of: usize| match wholes[n].strip_prefix(&wholes[of]) {
        Ok(rest) if rest.as_os_str().is_empty() => of < n,
        Ok(rest) => !rest.iter().any(is_hidden),
        Err(_) => false,
    };
    let alone = |n: &usize| !(0..wholes.len()).any(|of| found(*n, of));
    (0..wholes.len()).filter(alone).map(|n| folders[n].clone()).collect()
}

/// Whether a name is of something that is not looked into, such as the trash.
pub fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

enum Looked {
    Run(Box<Kept>, Vec<Part>),
    Folder(Vec<Candidate>),
    Unreadable(PathBuf),
}

/// Reads a directory: a run, or a folder of others. Hidden folders hold no runs.
fn look(root: &Path, found: Candidate) -> Looked {
    let path = root.join(&found.dir);
    let now = nanoseconds(SystemTime::now());
    if let Some((run, config)) = Run::read(&path) {
        // A run that goes on writes into files that are there, which its directory does not show.
        let settled = run.status.state != State::Running && found.changed + TICK < now;
        let run = Run { dir: found.dir, ..run };
        return Looked::Run(Box::new(Kept { changed: if settled { found.changed } else { 0 }, run }), config);
    }
    let entries = match fs::read_dir(&path) {
        Ok(entries) if !path.join(Status::FILE).exists() => entries.flatten(),
        // Somebody has just taken it away.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Looked::Folder(Vec::new()),
        _ => return Looked::Unreadable(path),
    };
    // A link may lead round in a circle.
    let folders =
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()) && !is_hidden(&entry.file_name()));
    Looked::Folder(folders.filter_map(|entry| candidate(root, found.dir.join(entry.file_name())).ok()).collect())
}

fn candidate(root: &Path, dir: PathBuf) -> io::Result<Candidate> {
    let changed = fs::metadata(root.join(&dir))?.modified().map(nanoseconds)?;
    Ok(Candidate { dir, changed })
}

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
