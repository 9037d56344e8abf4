//! The bytes of a data set: in memory of its own, or a file that the system maps into memory and shares between all
//! processes that use it.
//!
//! The one place where a file is mapped. A mapping is unsound if the file changes under it; those that are mapped are the copies
//! of the cache, which are written under another name, take their own when they are whole, and are never written to again.
//! They may be deleted: what is mapped then stays until the last process has ended.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

/// Bytes, wherever they are.
#[derive(Debug, Clone)]
pub enum Pixels {
    /// In memory of their own.
    Own(Vec<u8>),
    /// A part of a file.
    Mapped(Arc<Mmap>, Range<usize>),
}

impl Pixels {
    /// Maps a file of the cache.
    ///
    /// # Errors
    /// It cannot be opened or mapped.
    pub fn map(path: &Path) -> io::Result<Arc<Mmap>> {
        let file = File::open(path)?;
        #[expect(unsafe_code, reason = "a mapping has no other way; why this one is sound stands above")]
        // SAFETY: nobody writes to a file of the cache once it has its name.
        let map = unsafe { Mmap::map(&file) }?;
        Ok(Arc::new(map))
    }
}

impl Deref for Pixels {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Pixels::Own(bytes) => bytes,
            Pixels::Mapped(map, range) => &map[range.clone()],
        }
    }
}

impl PartialEq for Pixels {
    fn eq(&self, other: &Pixels) -> bool {
        **self == **other
    }
}

impl Eq for Pixels {}
