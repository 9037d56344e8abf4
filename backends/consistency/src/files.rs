//! Files that are there whole or not at all: what is written beside one takes its name at the end.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::NamedTempFile;

/// What the name of a file begins with that is on its way.
const BEGUN: &str = ".exp-partial-";
/// Whoever writes does it at least so often. A file on its way that lies still for longer is that of a process which was killed.
const STILL: Duration = Duration::from_secs(60);

/// Writes `path` by `write`: a file beside it takes its name at the end. It survives the end of this process at any instant; it
/// is not flushed to the device.
///
/// # Errors
/// The folder is missing, full or closed to us; the error of `write`.
pub fn whole(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let mut file = beside(path)?;
    // Through the file itself: other errors would name it, which tells a user nothing.
    write(file.as_file_mut())?;
    file.persist(path)?;
    Ok(())
}

/// As [`whole`], where `write` opens the file by its name.
///
/// # Errors
/// As there.
pub(crate) fn whole_by_name(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let file = beside(path)?;
    write(file.path())?;
    file.persist(path)?;
    Ok(())
}

/// As [`whole`], and the file survives a power cut too.
///
/// # Errors
/// As there.
pub fn durable(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    whole(path, |file| {
        write(file)?;
        file.sync_all()
    })?;
    File::open(folder(path))?.sync_all()
}

/// Takes away what writers who were killed have left in a folder. What cannot be taken away stays: it is in nobody's way.
pub fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_begun = entry.file_name().as_encoded_bytes().starts_with(BEGUN.as_bytes());
        let lies_still = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if is_begun && lies_still().is_some_and(|time| time > STILL) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A file in the folder of `path`, with a name of its own, that whoever may read new files there may read.
fn beside(path: &Path) -> io::Result<NamedTempFile<File>> {
    tempfile::Builder::new().prefix(BEGUN).make_in(folder(path), |path| File::create_new(path))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_was_never_finished_goes_and_what_is_on_its_way_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let half = |file: &mut File| {
            file.write_all(b"ha")?;
            Err(io::Error::other("cut short"))
        };
        assert!(whole(&path, half).is_err() && durable(&path, half).is_err());
        assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
        let hour = Duration::from_secs(3600);
        let old = File::create_new(dir.path().join(".exp-partial-of-a-kill")).unwrap();
        old.set_modified(SystemTime::now() - hour).unwrap();
        let other = File::create_new(dir.path().join(".tmp-of-a-user")).unwrap();
        other.set_modified(SystemTime::now() - hour).unwrap();
        whole(&path, |file| {
            clear(dir.path());
            file.write_all(b"half")
        })
        .unwrap();
        let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!((names, fs::read(&path).unwrap()), (vec![".tmp-of-a-user".into(), "a".into()], b"half".to_vec()));
    }

    #[test]
    fn why_a_file_cannot_be_written_is_said_without_the_one_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let nowhere = whole(&dir.path().join("nowhere/a"), |_| Ok(())).unwrap_err();
        assert!(nowhere.kind() == io::ErrorKind::NotFound && !nowhere.to_string().contains(BEGUN), "{nowhere}");
        // A file that is open for reading alone cannot be written to, as one on a full disk.
        let closed = whole(&dir.path().join("a"), |file| {
            *file = File::open(dir.path())?;
            file.write_all(b"a")
        })
        .unwrap_err();
        assert!(closed.raw_os_error().is_some() && !closed.to_string().contains(BEGUN), "{closed}");
    }
}
