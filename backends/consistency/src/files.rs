//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Writes `path` by `write`: a file beside it takes its name at the end.
///
/// # Errors
/// The folder is missing, full or closed to us; the error of `write`.
pub(crate) fn whole(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".partial").make_in(folder, |path| File::create_new(path))?;
    write(file.as_file_mut())?;
    fs::rename(file.path(), path)?;
    // The name is gone, so there is nothing left to delete.
    file.disable_cleanup(true);
    Ok(())
}
