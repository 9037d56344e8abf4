//! Reading small files, and writing them so that a reader sees the old one or the new one, never half.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// What most small files fit in.
const SMALL: usize = 8 << 10;

/// A small file, with as few questions to the system as it takes: of ten thousand runs, they are what takes time.
///
/// # Errors
/// It cannot be read.
pub fn small(path: &Path) -> io::Result<Vec<u8>> {
    // Asking how large it is would be one question more.
    let mut bytes = Vec::with_capacity(SMALL);
    fs::File::open(path)?.take(u64::MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Replaces the file at `path` by one with this content: a file beside it takes its name at the end. It survives the
/// end of this process at any instant; it is not flushed to the device.
///
/// # Errors
/// The folder cannot be written.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    beside(path, content)?.persist(path)?;
    Ok(())
}

/// As [`write_atomically`], and the file survives a power cut too.
///
/// # Errors
/// The folder cannot be written.
pub fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    let file = beside(path, content)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    fs::File::open(folder(path))?.sync_all()
}

/// A file in the folder of `path`, with a name of its own.
fn beside(path: &Path, content: &[u8]) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // Such files are made for their owner alone; these are meant to be read by whoever may read the folder.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder(path)).map_err(plain)?;
    file.as_file_mut().write_all(content)?;
    Ok(file)
}

/// The error of the system alone: the name of the file beside tells a user nothing.
fn plain(error: io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|named| named.source()?.downcast_ref::<io::Error>()?.raw_os_error());
    inner.map_or(error, io::Error::from_raw_os_error)
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
