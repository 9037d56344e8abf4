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
/// A missing folder, whatever is wrong with the files, and fewer than two images.
pub fn open(spec: &DatasetSpec) -> Result<Dataset, DataError> {
    let kept = cache::directory().map(|directory| directory.join("data"));
    open_kept(spec, kept.as_deref())
}

/// The same with decoded pictures kept in `cache`, or nowhere.
///
/// # Errors
/// Those of [`open`].
pub fn open_kept(spec: &DatasetSpec, cache: Option<&Path>) -> Result<Dataset, DataError> {
    let data = match wanted(spec) {
        Some(wanted) => wanted.open(cache),
        None => digits8::open(),
    }?;
    match data.len() {
        count @ ..2 => Err(DataError::Few { count, skipped: data.skipped().first().cloned() }),
        _ => Ok(data),
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
    /// Too few images to learn how they differ.
    #[error("expected at least two images, found {count}{}", skipped.as_ref().map_or(String::new(), |first| format!("; the first that is skipped: {first}")))]
    Few {
        /// How many there are.
        count: usize,
        /// What is wrong with the first that is left out, if any is.
        skipped: Option<String>,
    },
    /// The built-in digits are damaged.
    #[error("the built-in digits are damaged: {0}")]
    Embedded(String),
}

#[cfg(test)]
mod tests {
    use exp_api::spec::{Colour, Faulty, ImagesSpec, Split};

    use super::*;

    #[test]
    fn one_image_is_no_data_set() {
        let dir = tempfile::tempdir().unwrap();
        let spec = DatasetSpec::Images(ImagesSpec {
            dir: dir.path().display().to_string(),
            split: Split::Train,
            colour: Colour::Grey,
            side: 8,
            classes: 1,
            flip: false,
            faulty: Faulty::Skip,
        });
        let opened = || open_kept(&spec, None).map(|data| data.len()).map_err(|error| error.to_string());
        let picture = |name: &str| image::GrayImage::new(8, 8).save(dir.path().join(name)).unwrap();
        std::fs::write(dir.path().join("0.png"), "junk").unwrap();
        let told = opened().unwrap_err();
        assert!(told.starts_with("expected at least two images, found 0; the first that is skipped: "), "{told}");
        picture("1.png");
        assert!(opened().unwrap_err().starts_with("expected at least two images, found 1; the first"));
        std::fs::remove_file(dir.path().join("0.png")).unwrap();
        assert_eq!(opened().unwrap_err(), "expected at least two images, found 1");
        picture("2.png");
        assert_eq!(opened(), Ok(2));
    }
}
