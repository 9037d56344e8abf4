//! The directory of a run at work, which may be moved, removed or replaced behind its back.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A run directory, as it was found. The lock in it says nothing of its path: under that name another run may begin.
#[derive(Debug)]
pub struct Home {
    path: PathBuf,
    /// Kept open, so that its number is not given to another directory.
    found: File,
}

impl Home {
    /// The directory at `path`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn find(path: &Path) -> io::Result<Home> {
        Ok(Home { path: path.to_owned(), found: File::open(path)? })
    }

    /// What it was called, wherever that leads by now.
    pub fn name(&self) -> &Path {
        &self.path
    }

    /// Its path, as long as it leads there: it is to be asked for just before something is written.
    ///
    /// # Errors
    /// It leads to another directory by now, or to none.
    pub fn path(&self) -> io::Result<&Path> {
        let number = |data: Metadata| (data.dev(), data.ino());
        let found = self.found.metadata().map(number)?;
        match fs::metadata(&self.path).map(number) {
            Ok(now) if now == found => Ok(&self.path),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Err(io::Error::other("it was moved, removed or replaced while the run was at work")),
        }
    }
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
