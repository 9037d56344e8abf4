//! Writing and thinning out checkpoints.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::manifest::FileEntry;
use super::read::{list, lowest, manifest_of, manifests};
use super::{CheckpointError, FOLDER, HostTensor, Manifest, encode, files};

/// Writes the checkpoint of `step` into the run directory `run`, whole or not at all. `data` is the digest of the data set.
///
/// # Errors
/// A full or closed disk; then all older checkpoints are as they were.
pub fn save(
    run: &Path,
    step: u64,
    tensors: &[HostTensor],
    figures: &[(String, f64)],
    data: &str,
) -> Result<(), CheckpointError> {
    let folder = run.join(FOLDER);
    let partial = folder.join(format!(".{step}.partial"));
    let place = folder.join(step.to_string());
    let content = encode(tensors).map_err(|reason| CheckpointError::Damaged { path: place.clone(), reason })?;
    let (file, figures) = (FileEntry::of(&content), figures.to_vec());
    // One that was measured again has other figures and the state that it had, which is never away.
    let same = manifest_of(run, step).is_ok_and(|known| known.file == file)
        && fs::read(place.join(Manifest::STATE)).is_ok_and(|state| state == content);
    let data = Some(data.to_owned());
    let manifest = Manifest { format: Manifest::FORMAT, step, file, figures, data, seal: String::new() }.sealed();
    let path = if same { &place } else { &partial }.join(Manifest::FILE);
    let text = serde_json::to_vec_pretty(&manifest).map_err(|e| files("cannot write", &path, e.into()))?;
    if same {
        let beside = place.join(format!(".{}.partial", Manifest::FILE));
        write_flushed(&beside, &text)?;
        fs::rename(&beside, &path).map_err(|e| files("cannot rename to", &path, e))?;
        return flush_folder(&place);
    }
    remove(&partial)?;
    let written = || {
        // Not with what is above it: where there is no run directory any more, none is made.
        for folder in [&folder, &partial] {
            create(folder)?;
        }
        write_flushed(&partial.join(Manifest::STATE), &content)?;
        write_flushed(&path, &text)?;
        flush_folder(&partial)?;
        // One of this number can only be there if it was found damaged: it is replaced.
        remove(&place)?;
        fs::rename(&partial, &place).map_err(|e| files("cannot rename to", &place, e))
    };
    // A full disk has no room for half a checkpoint: what else is to be written there says why the run ended.
    written().inspect_err(|_| drop(remove(&partial)))?;
    flush_folder(&folder)
}

/// Removes all but the best by each figure and the last `keep` of the checkpoints up to `step`, and what a kill left half written.
///
/// A checkpoint of a later step was found damaged, or the run would not be at `step`: it does not count.
///
/// # Errors
/// A checkpoint that cannot be removed.
pub fn prune(run: &Path, step: u64, keep: u64) -> Result<(), CheckpointError> {
    for partial in partials(run)? {
        remove(&partial)?;
    }
    let mut steps = list(run)?;
    steps.retain(|&other| other <= step);
    superfluous(run, &steps, keep).iter().try_for_each(|checkpoint| remove(checkpoint))
}

/// The folders of all but the best by each figure and the last `keep` of the checkpoints of `steps`, which rise.
pub fn superfluous(run: &Path, steps: &[u64], keep: u64) -> Vec<PathBuf> {
    let (manifests, unread) = manifests(run, steps);
    let names = manifests.iter().flat_map(|manifest| &manifest.figures).map(|(name, _)| name);
    let best = names.filter_map(|name| lowest(&manifests, name));
    // One that cannot be read just now may be the best.
    let kept: HashSet<u64> = best.chain(unread.into_iter().map(|(step, _)| step)).collect();
    let old = steps.len().saturating_sub(usize::try_from(keep).unwrap_or(usize::MAX));
    let folder = |step: &u64| run.join(FOLDER).join(step.to_string());
    steps[..old].iter().filter(|&step| !kept.contains(step)).map(folder).collect()
}

/// Folders of checkpoints that were never finished.
fn partials(run: &Path) -> Result<Vec<PathBuf>, CheckpointError> {
    let folder = run.join(FOLDER);
    let failed = |source| CheckpointError::Files { action: "cannot read", path: folder.clone(), source };
    let entries: Vec<_> = fs::read_dir(&folder).and_then(Iterator::collect).map_err(failed)?;
    let paths = entries.into_iter().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|extension| extension == "partial")).collect())
}

fn create(folder: &Path) -> Result<(), CheckpointError> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(files("cannot create", folder, error)),
        _ => Ok(()),
    }
}

fn write_flushed(path: &Path, content: &[u8]) -> Result<(), CheckpointError> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.map_err(|e| files("cannot write", path, e))
}

/// Flushes the entries of a folder, so that a rename survives a power cut.
fn flush_folder(path: &Path) -> Result<(), CheckpointError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(|e| files("cannot flush", path, e))
}

/// Removes the folder of a checkpoint.
///
/// # Errors
/// It cannot be removed. That it is not there is none.
pub fn remove(path: &Path) -> Result<(), CheckpointError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(files("cannot remove", path, error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{chosen, latest, vouched};
    use super::*;

    fn save(run: &Path, step: u64, tensors: &[HostTensor], figures: &[(String, f64)]) -> Result<(), CheckpointError> {
        super::save(run, step, tensors, figures, "d1")
    }

    fn state(value: f32) -> Vec<HostTensor> {
        vec![HostTensor { name: "param/w".into(), shape: vec![2, 3], values: vec![value; 6] }]
    }

    #[test]
    fn the_newest_is_read_back() {
        let run = tempfile::tempdir().unwrap();
        for step in [5, 10] {
            save(run.path(), step, &state(step as f32), &[]).unwrap();
        }
        let (loaded, rejected) = latest(run.path(), "").unwrap();
        let loaded = loaded.unwrap();
        assert_eq!((loaded.manifest.step, loaded.tensors, rejected.len()), (10, state(10.0), 0));
    }

    #[test]
    #[cfg(unix)]
    fn one_that_takes_the_place_of_another_meanwhile_is_found() {
        let run = tempfile::tempdir().unwrap();
        save(run.path(), 5, &state(5.0), &[]).unwrap();
        // Whoever reads a pipe waits.
        let old = run.path().join(FOLDER).join("5");
        let pipe = old.join(Manifest::FILE);
        fs::remove_file(&pipe).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        std::thread::scope(|scope| {
            let reads = scope.spawn(|| chosen(run.path(), &exp_api::spec::Which::Last, ""));
            let pipe = File::options().write(true).open(&pipe).unwrap();
            save(run.path(), 10, &state(10.0), &[]).unwrap();
            remove(&old).unwrap();
            drop(pipe);
            let (found, rejected) = reads.join().unwrap().unwrap();
            assert_eq!((found.manifest.step, rejected), (10, vec![]));
        });
    }

    #[test]
    #[cfg(unix)]
    fn the_state_of_one_that_is_measured_again_stays_where_it_is() {
        use std::os::unix::fs::MetadataExt;
        let run = tempfile::tempdir().unwrap();
        let file = run.path().join(FOLDER).join("5").join(Manifest::STATE);
        let number = || fs::metadata(&file).unwrap().ino();
        let saved = |fd: f64| save(run.path(), 5, &state(5.0), &[("fd".to_owned(), fd)]).unwrap();
        saved(2.0);
        let before = number();
        saved(1.0);
        let found = || latest(run.path(), "").unwrap().0.map(|loaded| loaded.manifest.figures);
        assert_eq!((number(), found()), (before, Some(vec![("fd".to_owned(), 1.0)])));
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 2, "nothing is left beside them");
        fs::write(&file, "torn").unwrap();
        assert_eq!(found(), None);
        saved(3.0);
        assert_eq!(found(), Some(vec![("fd".to_owned(), 3.0)]));
    }

    #[test]
    fn any_flipped_byte_and_any_truncation_falls_back() {
        let run = tempfile::tempdir().unwrap();
        save(run.path(), 5, &state(5.0), &[]).unwrap();
        save(run.path(), 10, &state(10.0), &[]).unwrap();
        for name in [Manifest::STATE, Manifest::FILE] {
            let file = run.path().join(FOLDER).join("10").join(name);
            let sound = fs::read(&file).unwrap();
            let flips = (0..sound.len()).map(|at| {
                let mut torn = sound.clone();
                torn[at] ^= 0x10;
                torn
            });
            for torn in flips.chain((0..sound.len()).step_by(7).map(|len| sound[..len].to_vec())) {
                fs::write(&file, torn).unwrap();
                let (loaded, rejected) = latest(run.path(), "").unwrap();
                assert_eq!((loaded.unwrap().manifest.step, rejected.len()), (5, 1), "{name}");
            }
            fs::write(&file, sound).unwrap();
        }
    }

    /// As manifests were before they said on what data.
    #[test]
    fn one_that_does_not_know_its_data_is_read() {
        let run = tempfile::tempdir().unwrap();
        assert!(vouched(run.path()).unwrap(), "no checkpoint says nothing else");
        save(run.path(), 5, &state(5.0), &[("fd".to_owned(), 2.0)]).unwrap();
        let file = run.path().join(FOLDER).join("5").join(Manifest::FILE);
        let data = |run: &Path| latest(run, "").unwrap().0.unwrap().manifest.data;
        assert_eq!((data(run.path()).as_deref(), vouched(run.path()).unwrap()), (Some("d1"), true));
        let entry = FileEntry::of(&fs::read(file.with_file_name(Manifest::STATE)).unwrap());
        let open = format!(
            r#"{{"format":1,"step":5,"file":{{"bytes":{},"sha256":"{}"}},"figures":[["fd",2.0]],"seal":""}}"#,
            entry.bytes, entry.sha256
        );
        let seal = crate::hash::sha256(&open);
        fs::write(&file, open.replace("\"seal\":\"\"", &format!("\"seal\":\"{seal}\""))).unwrap();
        assert_eq!((data(run.path()), vouched(run.path()).unwrap()), (None, false));
    }

    #[test]
    fn a_partial_checkpoint_is_never_read() {
        let run = tempfile::tempdir().unwrap();
        save(run.path(), 5, &state(5.0), &[]).unwrap();
        let folder = run.path().join(FOLDER);
        fs::rename(folder.join("5"), folder.join(".5.partial")).unwrap();
        assert!(latest(run.path(), "").unwrap().0.is_none());
    }

    #[test]
    fn the_last_and_the_best_stay() {
        let run = tempfile::tempdir().unwrap();
        for (step, score) in [(1, 0.5), (2, 0.1), (3, 0.3), (4, 0.4), (5, 0.2)] {
            save(run.path(), step, &state(0.0), &[("fd_pixel".into(), score)]).unwrap();
            prune(run.path(), step, 2).unwrap();
        }
        assert_eq!(list(run.path()).unwrap(), [2, 4, 5]);
        let other = tempfile::tempdir().unwrap();
        for (step, scores) in [(1, [0.5, 0.1]), (2, [0.1, 0.2]), (3, [0.3, 0.3]), (4, [0.4, 0.4])] {
            let figures = [("fd_pixel".into(), scores[0]), ("fid50k_tf".into(), scores[1])];
            save(other.path(), step, &state(step as f32), &figures).unwrap();
            prune(other.path(), step, 1).unwrap();
        }
        assert_eq!(list(other.path()).unwrap(), [1, 2, 4], "the best by each figure");
        let step =
            |which: &str| chosen(other.path(), &which.parse().unwrap(), "").map(|(found, _)| found.manifest.step);
        assert_eq!(["last", "best", "best:fid50k_tf", "2"].map(|which| step(which).unwrap()), [4, 2, 1, 2]);
        assert!(step("3").unwrap_err().ends_with("has no checkpoint of step 3; there are 1, 2, 4"));
        assert!(step("best:fid").unwrap_err().ends_with("has the figure `fid`; there are fd_pixel, fid50k_tf"));
    }

    #[test]
    fn a_later_damaged_one_does_not_push_out_a_sound_one() {
        let run = tempfile::tempdir().unwrap();
        save(run.path(), 9, &state(9.0), &[]).unwrap();
        fs::write(run.path().join(FOLDER).join("9").join(Manifest::STATE), "").unwrap();
        for step in [2, 4] {
            save(run.path(), step, &state(step as f32), &[]).unwrap();
            prune(run.path(), step, 1).unwrap();
            assert_eq!(latest(run.path(), "").unwrap().0.unwrap().manifest.step, step);
        }
        assert_eq!(list(run.path()).unwrap(), [4, 9]);
    }

    /// Such as by a disk or a network that fails for a moment: here by a link to itself.
    #[test]
    #[cfg(unix)]
    fn one_that_cannot_be_read_is_neither_passed_over_nor_removed() {
        let run = tempfile::tempdir().unwrap();
        for (step, score) in [(1, 0.5), (2, 0.1), (3, 0.3)] {
            save(run.path(), step, &state(step as f32), &[("fd_pixel".into(), score)]).unwrap();
        }
        let unread = |step: u64, name: &str| {
            let path = run.path().join(FOLDER).join(step.to_string()).join(name);
            let sound = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink(&path, &path).unwrap();
            (path, sound)
        };
        let again = |(path, sound): (PathBuf, Vec<u8>)| {
            fs::remove_file(&path).unwrap();
            fs::write(path, sound).unwrap();
        };
        let best = unread(2, Manifest::FILE);
        assert!(chosen(run.path(), &"best".parse().unwrap(), "").unwrap_err().contains("2/manifest.json"));
        prune(run.path(), 3, 1).unwrap();
        again(best);
        assert_eq!(list(run.path()).unwrap(), [2, 3], "the best is not known to be another");
        for name in [Manifest::FILE, Manifest::STATE] {
            let newest = unread(3, name);
            let told = latest(run.path(), "").unwrap_err().to_string();
            assert!(told.starts_with("cannot read ") && told.contains(&format!("3/{name}: ")), "{told}");
            again(newest);
            assert_eq!(latest(run.path(), "").unwrap().0.unwrap().manifest.step, 3);
        }
    }

    #[test]
    fn nothing_is_left_of_one_that_cannot_be_written() {
        let run = tempfile::tempdir().unwrap();
        // In its place is what cannot be removed as a checkpoint is.
        fs::create_dir_all(run.path().join(FOLDER)).unwrap();
        fs::write(run.path().join(FOLDER).join("5"), "").unwrap();
        assert!(save(run.path(), 5, &state(5.0), &[]).is_err());
        assert_eq!(fs::read_dir(run.path().join(FOLDER)).unwrap().count(), 1, "no half of it");
        let gone = run.path().join("gone");
        assert!(save(&gone, 5, &state(5.0), &[]).is_err() && !gone.exists(), "no directory is made for it");
    }

    #[test]
    fn what_a_kill_left_half_written_goes() {
        let run = tempfile::tempdir().unwrap();
        fs::create_dir_all(run.path().join(FOLDER).join(".7.partial")).unwrap();
        save(run.path(), 10, &state(10.0), &[]).unwrap();
        prune(run.path(), 10, 1).unwrap();
        let left: Vec<_> = fs::read_dir(run.path().join(FOLDER)).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["10"]);
    }
}
