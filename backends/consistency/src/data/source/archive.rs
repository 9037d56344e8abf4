//! Reading zips and tars as they lie, and files up to a size that is no mistake.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use zip::ZipArchive;

use crate::data::DataError;

/// Bytes of the largest file that is read. A picture is far smaller, a shard of parquet files too.
const LARGEST: u64 = 4 << 30;

/// Opens a zip.
pub(super) fn zip(path: &Path) -> Result<ZipArchive<BufReader<File>>, DataError> {
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(path, &error))
}

/// Hands every file of a tar to `take`, in its order.
pub(super) fn tar(
    path: &Path,
    mut take: impl FnMut(&str, &mut dyn Read) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let fault = |error: std::io::Error| damaged(path, &error);
    let file = BufReader::new(File::open(path).map_err(|source| unreadable(path, source))?);
    let packed = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gz") || end.eq_ignore_ascii_case("tgz"));
    let stream: Box<dyn Read> = if packed { Box::new(GzDecoder::new(file)) } else { Box::new(file) };
    for entry in ::tar::Archive::new(stream).entries().map_err(fault)? {
        let mut entry = entry.map_err(fault)?;
        if entry.header().entry_type().is_file() {
            let name = entry.path().map_err(fault)?.to_string_lossy().trim_start_matches("./").to_owned();
            take(&name, &mut entry)?;
        }
    }
    Ok(())
}

/// All bytes of a file, up to the largest size; `place` is where it is, for errors.
pub(super) fn whole(file: impl Read, place: &str) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    let path = || PathBuf::from(place);
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|source| unreadable(&path(), source))?;
    match bytes.len() as u64 > LARGEST {
        true => Err(unreadable(&path(), std::io::Error::other("it is larger than 4 GiB"))),
        false => Ok(bytes),
    }
}

pub(super) fn damaged(archive: &Path, reason: &dyn std::fmt::Display) -> DataError {
    DataError::Archive { file: archive.to_owned(), reason: reason.to_string() }
}

pub(super) fn unreadable(path: &Path, source: std::io::Error) -> DataError {
    DataError::Unreadable { path: path.to_owned(), source }
}
