//! The directory of a run at work, which may be moved, removed or replaced behind its back.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use exp_api::BackendError;

/// A run directory, as it was found. The lock in it says nothing of its path: under that name another run may begin.
pub(super) struct Home<'a> {
    path: &'a Path,
    /// Kept open, so that its number is not given to another directory.
    found: File,
}

impl<'a> Home<'a> {
    /// The directory at `path`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(super) fn find(path: &'a Path) -> Result<Home<'a>, BackendError> {
        let found = File::open(path).map_err(|error| failed(path, &error))?;
        Ok(Home { path, found })
    }

    /// Its path, as long as it leads there: what is written to must be asked for each time.
    ///
    /// # Errors
    /// It is another directory by now, or none.
    pub(super) fn path(&self) -> Result<&'a Path, BackendError> {
        let number = |data: fs::Metadata| (data.dev(), data.ino());
        let found = self.found.metadata().map(number).map_err(|error| failed(self.path, &error))?;
        match fs::metadata(self.path).map(number) {
            Ok(now) if now == found => Ok(self.path),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(self.path, &error)),
            _ => {
                let path = self.path.display();
                Err(BackendError::Files(format!("{path} was moved, removed or replaced while the run was at work")))
            }
        }
    }
}

fn failed(path: &Path, error: &io::Error) -> BackendError {
    BackendError::Files(format!("cannot find {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_directory_of_its_name_is_told_apart() {
        let scratch = tempfile::tempdir().unwrap();
        let [run, moved] = ["run", "moved"].map(|name| scratch.path().join(name));
        fs::create_dir(&run).unwrap();
        let home = Home::find(&run).unwrap();
        assert_eq!(home.path().unwrap(), run);
        fs::rename(&run, &moved).unwrap();
        let told = || home.path().unwrap_err().to_string();
        assert!(told().contains("moved, removed or replaced"), "{}", told());
        fs::create_dir(&run).unwrap();
        assert!(told().contains("moved, removed or replaced"), "{}", told());
        fs::remove_dir(&run).unwrap();
        fs::rename(&moved, &run).unwrap();
        assert_eq!(home.path().unwrap(), run);
    }
}
