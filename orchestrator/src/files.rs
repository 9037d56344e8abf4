//! Reading small files, and writing them so that a reader sees the old one or the new one, never half.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

pub use exp_consistency::files::clear;
use exp_consistency::files::{durable, whole};
use rustix::fs::OFlags;

/// What most small files fit in.
const SMALL: usize = 8 << 10;

/// Opens a file to read it. A pipe of its name, for whose writer one might wait for ever, and whatever else is none, is refused.
///
/// # Errors
/// It cannot be opened, or is no file.
pub fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}

/// A small file, with as few questions to the system as it takes: of ten thousand runs, they are what takes time.
///
/// # Errors
/// It cannot be read.
pub fn small(path: &Path) -> io::Result<Vec<u8>> {
    // To read it with its length in mind would be one question more.
    let mut bytes = Vec::with_capacity(SMALL);
    open(path)?.take(u64::MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
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
