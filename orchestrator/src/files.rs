//! Reading small files, and writing them so that a reader sees the old one or the new one, never half.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub use exp_consistency::files::clear;
use exp_consistency::files::{durable, whole};
use rustix::fs::OFlags;

/// What most small files fit in.
const SMALL: usize = 8 << 10;

/// Opens a file to read it. A pipe of its name is not waited for: it is empty, or cannot be read.
///
/// # Errors
/// It cannot be opened.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)
}

/// Opens a file of lines to add some. One that was cut off, as by a full disk, is ended first, so that the next one can be read.
///
/// # Errors
/// It cannot be opened, read or written.
pub fn lines(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last != *b"\n" {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

/// A small file, with as few questions to the system as it takes: of ten thousand runs, they are what takes time.
///
/// # Errors
/// It cannot be read.
pub fn small(path: &Path) -> io::Result<Vec<u8>> {
    // Asking how large it is would be one question more.
    let mut bytes = Vec::with_capacity(SMALL);
    open(path)?.take(u64::MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// As [`small`]; none where there is no such file.
///
/// # Errors
/// It is there and cannot be read: what it says is not known to be nothing.
pub fn small_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match small(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

/// Replaces the file at `path` by one with this content. It survives the end of this process at any instant; it is not flushed to
/// the device.
///
/// # Errors
/// The folder cannot be written.
pub fn write_atomically(path: &Path, content: &[u8]) -> io::Result<()> {
    whole(path, |file| file.write_all(content))
}

/// As [`write_atomically`], and the file survives a power cut too.
///
/// # Errors
/// The folder cannot be written.
pub fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    durable(path, |file| file.write_all(content))
}
