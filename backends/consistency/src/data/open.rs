//! The one way to a data set: from the dataset group of a spec to its images.
//!
//! Owns everything that may be wrong with a data set. Out: a [`Dataset`] in memory.

use std::path::{Path, PathBuf};

use exp_api::Problem;
use exp_api::spec::DatasetSpec;
use thiserror::Error;

use super::pictures::Wanted;
use super::{Dataset, Shape, cache, digits8};

/// Reads a data set. Decoded pictures are kept in the user's cache directory.
///
/// # Errors
/// A missing folder, and whatever is wrong with the files.
pub fn open(spec: &DatasetSpec) -> Result<Dataset, DataError> {
    let kept = cache::directory().map(|directory| directory.join("data"));
    open_kept(spec, kept.as_deref())
}

/// The same with decoded pictures kept in `cache`, or nowhere.
///
/// # Errors
/// Those of [`open`].
pub fn open_kept(spec: &DatasetSpec, cache: Option<&Path>) -> Result<Dataset, DataError> {
    match wanted(spec) {
        Some(wanted) => wanted.open(cache),
        None => digits8::open(),
    }
}

/// What can be seen to be wrong with a data set without reading its images.
pub fn check(spec: &DatasetSpec) -> Vec<Problem> {
    let fault = wanted(spec).and_then(|wanted| wanted.check().err());
    fault.map(|error| Problem::new("dataset.dir", error.to_string())).into_iter().collect()
}

fn wanted(spec: &DatasetSpec) -> Option<Wanted<'_>> {
    match spec {
        DatasetSpec::Digits8(_) => None,
        DatasetSpec::Cifar10(spec) => Some(spec.into()),
        DatasetSpec::Images(spec) => Some(spec.into()),
    }
}

/// What may be wrong with a data set.
#[derive(Debug, Error)]
pub enum DataError {
    /// A folder or file that cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file that is neither a folder nor an archive.
    #[error("{0} is neither a folder nor a .zip, .tar, .tar.gz or .tgz")]
    Container(PathBuf),
    /// An archive that cannot be read.
    #[error("cannot read {file} as an archive: {reason}")]
    Archive {
        /// The archive.
        file: PathBuf,
        /// What the reader says.
        reason: String,
    },
    /// The place holds nothing for the split.
    #[error("found no pictures for the split `{split}` in {dir}: neither {split}*.parquet, nor CIFAR-10's binary batches, nor .png or .jpg files{}", if *split == "test" { " in a folder `test`" } else { "" })]
    NoFile {
        /// The folder or archive.
        dir: PathBuf,
        /// The split.
        split: &'static str,
    },
    /// A file that is no sound parquet, or one with a codec that is not built in.
    #[error("cannot read {file} as parquet: {source}")]
    Parquet {
        /// The file.
        file: String,
        /// What the reader says.
        source: parquet::errors::ParquetError,
    },
    /// A column that is missing, or of another type.
    #[error("{file} has no column {wanted}; it has {}", present.join(", "))]
    Column {
        /// The file.
        file: String,
        /// The column with its type, and the other names that would have served.
        wanted: &'static str,
        /// The columns of the file, with their types.
        present: Vec<String>,
    },
    /// A row without a value.
    #[error("{file}, row {row} (from 0): {column} is empty")]
    Null {
        /// The file.
        file: String,
        /// The row, counted from 0 within the file.
        row: usize,
        /// The column.
        column: String,
    },
    /// A binary batch of another length.
    #[error("{file} has {length} bytes, which is no whole number of records of {record} bytes")]
    Batch {
        /// The file.
        file: String,
        /// Its length.
        length: usize,
        /// The length of a record.
        record: usize,
    },
    /// An image that cannot be decoded.
    #[error("{place}: {source}")]
    Image {
        /// The file, and the row in it.
        place: String,
        /// What the decoder says.
        source: image::ImageError,
    },
    /// An image of another size than the data set's.
    #[error("{place}: an image of {found}, expected {expected}")]
    Size {
        /// The file, and the row in it.
        place: String,
        /// Width x height of the image.
        found: String,
        /// Width x height of the data set.
        expected: String,
    },
    /// An image that nobody wants in memory.
    #[error("{place}: an image of {found} pixels is too large")]
    TooLarge {
        /// The file, and the row in it.
        place: String,
        /// Width x height of the image.
        found: String,
    },
    /// A label that is no class.
    #[error("{place}: label {label} is not one of 0 to {last}{}", enough.map_or(String::new(), |classes| format!("; dataset.classes={classes} would do")))]
    Label {
        /// The file, and the row in it.
        place: String,
        /// The label.
        label: i64,
        /// The last class.
        last: u64,
        /// The `dataset.classes` that would take it, where that is a key.
        enough: Option<u64>,
    },
    /// Pixels, shape and labels do not fit together, or there is no image at all.
    #[error("{pixels} pixels and {labels} labels do not make a data set of {shape} images")]
    Extent {
        /// How many pixel values there are.
        pixels: usize,
        /// How many labels there are.
        labels: usize,
        /// The shape of one image.
        shape: Shape,
    },
    /// The built-in digits are damaged.
    #[error("the built-in digits are damaged: {0}")]
    Embedded(String),
}
