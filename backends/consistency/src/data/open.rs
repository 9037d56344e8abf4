//! The one way to a data set: from the dataset group of a spec to its images.
//!
//! Owns everything that may be wrong with a data set. Out: a [`Dataset`] in memory.

use std::path::{Path, PathBuf};

use exp_api::Problem;
use exp_api::spec::DatasetSpec;
use thiserror::Error;

use super::{Dataset, Shape, cifar10, digits8, hub};

/// Reads a data set.
///
/// # Errors
/// A missing folder, and whatever is wrong with the files.
pub fn open(spec: &DatasetSpec) -> Result<Dataset, DataError> {
    match spec {
        DatasetSpec::Digits8(_) => digits8::open(),
        DatasetSpec::Cifar10(spec) => cifar10::open(Path::new(&spec.dir), spec.split),
    }
}

/// What can be seen to be wrong with a data set without reading its images.
pub fn check(spec: &DatasetSpec) -> Vec<Problem> {
    match spec {
        DatasetSpec::Digits8(_) => Vec::new(),
        DatasetSpec::Cifar10(spec) => {
            let found = hub::files(Path::new(&spec.dir), spec.split);
            let sound = found.and_then(|files| files.iter().try_for_each(|file| hub::check(file)));
            sound.err().map(|error| Problem::new("dataset.dir", error.to_string())).into_iter().collect()
        }
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
    /// The folder holds nothing for the split.
    #[error("found neither {pattern} nor plain_text/{pattern} in {dir}")]
    NoFile {
        /// The folder.
        dir: PathBuf,
        /// The file names that would have served.
        pattern: String,
    },
    /// A file that is no sound parquet, or one with a codec that is not built in.
    #[error("cannot read {file} as parquet: {source}")]
    Parquet {
        /// The file.
        file: PathBuf,
        /// What the reader says.
        source: parquet::errors::ParquetError,
    },
    /// A column that is missing, or of another type.
    #[error("{file} has no column {wanted}; it has {}", present.join(", "))]
    Column {
        /// The file.
        file: PathBuf,
        /// The column with its type, and the other names that would have served.
        wanted: &'static str,
        /// The columns of the file, with their types.
        present: Vec<String>,
    },
    /// A row without a value.
    #[error("{file}, row {row} (from 0): {column} is empty")]
    Null {
        /// The file.
        file: PathBuf,
        /// The row, counted from 0 within the file.
        row: usize,
        /// The column.
        column: String,
    },
    /// An image that cannot be decoded.
    #[error("{file}, row {row} (from 0): {source}")]
    Image {
        /// The file.
        file: PathBuf,
        /// The row, counted from 0 within the file.
        row: usize,
        /// What the decoder says.
        source: image::ImageError,
    },
    /// An image of another size than the data set's.
    #[error("{file}, row {row} (from 0): an image of {found}, expected {expected}")]
    Size {
        /// The file.
        file: PathBuf,
        /// The row, counted from 0 within the file.
        row: usize,
        /// Width x height of the image.
        found: String,
        /// Width x height of the data set.
        expected: String,
    },
    /// A label that is no class.
    #[error("{file}, row {row} (from 0): label {label} is not one of 0 to {last}")]
    Label {
        /// The file.
        file: PathBuf,
        /// The row, counted from 0 within the file.
        row: usize,
        /// The label.
        label: i64,
        /// The last class.
        last: u8,
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
