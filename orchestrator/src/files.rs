//! Writing small files so that a reader sees the old one or the new one, never half.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Replaces the file at `path` by one with this content: a file beside it takes its name at the end. It survives the
/// end of this process at any instant; it is not flushed to the device.
///
/// # Errors
/// The folder cannot be written.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    // Such files are made for their owner alone; these are meant to be read by whoever may read the folder.
    set_readable(file.as_file())?;
    file.persist(path)?;
    Ok(())
}

#[cfg(unix)]
fn set_readable(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_readable(_: &fs::File) -> io::Result<()> {
    Ok(())
}
