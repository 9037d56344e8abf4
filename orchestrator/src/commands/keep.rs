//! `exp tag`, `exp note`, `exp rm`, `exp gc`: what a user keeps of runs, and what not.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use exp_consistency::checkpoint::{CheckpointError, FOLDER, list, remove, sound, superfluous};

use super::Failure;
use super::list::{histories, usual};
use super::show::open;
use crate::cli::{Cli, Gc, Note, Rm, Tag};
use crate::compose::{Library, World};
use crate::history::{History, Labels};
use crate::lock::{Lock, alone};
use crate::screen::{tell, warn};
use crate::status::{Owner, State, Status};
use crate::sweep_dir::SweepDir;

/// Where runs go that are not wanted any more, in the folder of runs.
const TRASH: &str = ".trash";

/// Puts tags on a run, or takes them off.
pub(super) fn tag(tag: &Tag) -> Result<(), Failure> {
    let labels = change(&tag.dir, |labels| {
        labels.tags.retain(|old| !tag.tags.contains(old));
        if !tag.remove {
            labels.tags.extend(tag.tags.iter().cloned());
        }
    })?;
    tell(if labels.tags.is_empty() { "no tags".to_owned() } else { format!("tags: {}", labels.tags.join(" ")) });
    Ok(())
}

/// Writes a note about a run.
pub(super) fn note(note: &Note) -> Result<(), Failure> {
    change(&note.dir, |labels| labels.notes = Some(note.text.clone()).filter(|text| !text.is_empty()))?;
    Ok(())
}

/// Changes what a user wrote about a run. Who does so at the same time waits: nobody's words are lost.
fn change(dir: &Path, change: impl FnOnce(&mut Labels)) -> Result<Labels, Failure> {
    let failed =
        |action: &str, error| Failure::Look(format!("cannot {action} {}: {error}", dir.join(Labels::FILE).display()));
    let found = open(dir)?;
    let _alone = alone(dir);
    let written = Labels::read(dir).map_err(|error| failed("read", error))?;
    let mut labels = written.unwrap_or(found.run.labels);
    change(&mut labels);
    labels.write(dir).map_err(|error| failed("write", error))?;
    Ok(labels)
}

/// Moves runs and sweeps into the trash. All are looked at before the first is moved, and none can be begun in between.
pub(super) fn rm(rm: &Rm, cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let roots = usual(cli, library, world)?;
    let mut wrong = Vec::new();
    let mut moves = Vec::new();
    let mut locks = BTreeMap::new();
    let wholes: Vec<PathBuf> = rm.dirs.iter().filter_map(|dir| dir.canonicalize().ok()).collect();
    for dir in &rm.dirs {
        match plan(dir, &wholes, &roots, &mut locks) {
            Ok(found) => moves.push(found),
            Err(reason) => wrong.push(format!("{}: {reason}", dir.display())),
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::Look(wrong.join("\nerror: ")));
    }
    for (from, to) in moves {
        if !rm.dry_run {
            let to_folder = to.parent().unwrap_or(&to);
            fs::create_dir_all(to_folder).and_then(|()| fs::rename(&from, &to)).map_err(|error| {
                let message = format!("cannot move {} to {}: {error}", from.display(), to.display());
                std::io::Error::new(error.kind(), message)
            })?;
        }
        let would = if rm.dry_run { "would move " } else { "" };
        tell(format_args!("{would}{} -> {}", from.display(), to.display()));
    }
    Ok(())
}

/// From where to where a run or sweep is moved, which is one of `wholes`. What could work on it is locked.
fn plan(
    dir: &Path,
    wholes: &[PathBuf],
    roots: &[PathBuf],
    locks: &mut BTreeMap<PathBuf, Lock>,
) -> Result<(PathBuf, PathBuf), String> {
    let full = dir.canonicalize().map_err(|error| error.to_string())?;
    // Without a slash at its end, which would name what the link leads to.
    if dir.components().collect::<PathBuf>().is_symlink() {
        return Err(format!("it is a link; name what it leads to: {}", full.display()));
    }
    if wholes.iter().filter(|whole| full.starts_with(whole)).count() > 1 {
        return Err("it is named twice, or lies in another one that is named".to_owned());
    }
    let history = History::of(dir, None).map_err(|error| error.to_string())?;
    let is_run = matches!(&history.runs[..], [run] if run.dir == dir);
    if !is_run && !SweepDir::is_one(dir) {
        return Err("neither a run nor a sweep".to_owned());
    }
    if let Some(run) = history.runs.iter().find(|run| run.state() == State::Running) {
        return Err(at_work(&run.status.owner, &run.dir));
    }
    let runs = history.runs.iter().map(|run| run.dir.as_path());
    // A sweep works between its jobs too; a picture of a run is made in a folder of the run.
    let sweeps = full.ancestors().filter(|above| SweepDir::is_one(above));
    let within = runs.flat_map(|run| ["samples", "eval"].map(|name| run.join(name))).flat_map(folders);
    for place in [full.clone()].into_iter().chain(sweeps.map(Path::to_owned)).chain(within) {
        if place.join(Lock::FILE).exists() && !locks.contains_key(&place) {
            let lock = Lock::take(&place).map_err(|error| error.to_string())?;
            locks.insert(place, lock);
        }
    }
    let above = roots.iter().filter_map(|root| Some((root.clone(), root.canonicalize().ok()?)));
    let inside = above.filter_map(|(root, whole)| Some((root, full.strip_prefix(&whole).ok()?.to_owned())));
    let parent = || Some((dir.parent()?.to_owned(), PathBuf::from(full.file_name()?)));
    let (root, rest) = inside.into_iter().next().or_else(parent).ok_or("it has no folder above it")?;
    let wanted = root.join(TRASH).join(rest);
    let mut to = wanted.clone();
    for suffix in 1.. {
        if !to.exists() {
            break;
        }
        to = format!("{}_{suffix}", wanted.display()).into();
    }
    Ok((dir.to_owned(), to))
}

/// Who works on a run, in words. Of another machine nobody knows here whether it still does.
fn at_work(owner: &Owner, dir: &Path) -> String {
    let (pid, host, dir) = (owner.pid, &owner.host, dir.display());
    if *host == Owner::here().host {
        return format!("process {pid} works on {dir}");
    }
    format!("process {pid} on {host} works on {dir}; if that is over, `exp resume {dir}` takes it, or `mv` moves it")
}

/// What lies directly in a folder; nothing where there is none.
fn folders(path: PathBuf) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// Deletes checkpoints of runs that are done.
pub(super) fn gc(gc: &Gc, cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let history = histories(&gc.dirs, cli, library, world)?;
    let (mut count, mut bytes) = (0, 0);
    let done = history.runs.iter().filter(|run| run.state() == State::Done && run.dir.join(FOLDER).is_dir());
    for run in done {
        // Somebody may go on with it just now.
        let lock = match Lock::take(&run.dir) {
            Ok(lock) => lock,
            Err(error) => {
                warn(format_args!("left alone: {error}"));
                continue;
            }
        };
        // They were listed some time ago, and somebody may have gone on with this one meanwhile.
        if !Status::is_done(&run.dir) {
            continue;
        }
        let failed = |error: &dyn std::fmt::Display| Failure::Look(error.to_string());
        let old = match old(&run.dir, gc.keep) {
            Ok(old) => old,
            Err(error) => {
                warn(format_args!("left alone: {error}"));
                continue;
            }
        };
        for checkpoint in old {
            let size = size(&checkpoint);
            if !gc.dry_run {
                remove(&checkpoint).map_err(|error| failed(&error))?;
            }
            tell(format_args!(
                "{}{} ({} MiB)",
                if gc.dry_run { "would delete " } else { "" },
                checkpoint.display(),
                size >> 20
            ));
            (count, bytes) = (count + 1, bytes + size);
        }
        drop(lock);
    }
    tell(format_args!("{count} checkpoints, {} MiB", bytes >> 20));
    Ok(())
}

/// The checkpoints that may go.
fn old(run: &Path, keep: u64) -> Result<Vec<PathBuf>, CheckpointError> {
    let all = superfluous(run, &list(run)?, keep);
    // Those kept must serve: a damaged one is no reason to delete a sound one. Only to delete is a reason to read them all.
    if all.is_empty() { Ok(all) } else { Ok(superfluous(run, &sound(run)?, keep)) }
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).sum()
}
