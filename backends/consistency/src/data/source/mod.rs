//! Where the pictures of a data set come from: a folder, a zip or a tar that holds parquet files, CIFAR's binary batches
//! or plain image files.
//!
//! Owns telling which it is ([`Source::find`]) and handing out what is in there ([`Source::read`]), in an order that
//! depends on names alone. It decodes nothing. In: a path and a split. Out: [`Part`]s.

mod archive;
mod batches;
mod container;
mod names;
mod parquet;

use std::path::Path;

use ::parquet::data_type::ByteArray;
use bytes::Bytes;
use exp_api::spec::Split;

use super::DataError;
use container::Container;
use names::{Kind, Listing};

/// Image files of one part.
const PART: usize = 1024;

/// The pictures of one split.
#[derive(Debug)]
pub(super) struct Source {
    container: Container,
    listing: Listing,
}

/// Some pictures with their labels, not decoded.
pub(super) struct Part {
    places: Places,
    pub(super) pictures: Pictures,
    pub(super) labels: Vec<i64>,
}

/// Where the pictures of a part are.
enum Places {
    /// Rows of this file.
    Rows(String),
    /// Files.
    Files(Vec<String>),
}

/// The pictures themselves.
pub(super) enum Pictures {
    /// Files within the file: JPEG or PNG.
    Encoded(Vec<ByteArray>),
    /// Planes of 3 x 32 x 32, one picture after the other.
    Planes(Vec<u8>),
}

impl Part {
    /// Where picture `index` is, for a person.
    pub(super) fn place(&self, index: usize) -> String {
        match &self.places {
            Places::Rows(file) => format!("{file}, row {index} (from 0)"),
            Places::Files(files) => files[index].clone(),
        }
    }

    /// Its first pictures.
    pub(super) fn first(&self, count: usize) -> Part {
        let count = count.min(self.labels.len());
        Part {
            places: match &self.places {
                Places::Rows(file) => Places::Rows(file.clone()),
                Places::Files(files) => Places::Files(files[..count].to_vec()),
            },
            pictures: match &self.pictures {
                Pictures::Encoded(pictures) => Pictures::Encoded(pictures[..count].to_vec()),
                Pictures::Planes(planes) => {
                    Pictures::Planes(planes[..count * planes.len() / self.labels.len()].to_vec())
                }
            },
            labels: self.labels[..count].to_vec(),
        }
    }
}

impl Source {
    /// Finds out what is at `path` for `split`.
    ///
    /// # Errors
    /// What cannot be read, and a place that holds nothing for the split.
    pub(super) fn find(path: &Path, split: Split) -> Result<Source, DataError> {
        let container = Container::open(path)?;
        match Listing::of(container.names()?, split) {
            Some(listing) => Ok(Source { container, listing }),
            None => Err(DataError::NoFile { dir: path.to_owned(), split: split.word() }),
        }
    }

    /// What was found, in words.
    pub(super) fn format(&self) -> String {
        format!("{} in a {}", self.listing.kind.word(), self.container.word())
    }

    /// The names of the classes, where folders name them.
    pub(super) fn classes(&self) -> &[String] {
        &self.listing.classes
    }

    /// How many files hold its pictures.
    pub(super) fn files(&self) -> usize {
        self.listing.names.len()
    }

    /// What can be seen to be wrong with which files without reading a picture: parquet files in a folder that are none, or that
    /// lack a column.
    pub(super) fn faults(&self) -> Vec<DataError> {
        let files = self.listing.names.iter().filter_map(|name| self.container.file(name));
        match self.listing.kind {
            Kind::Parquet => files.filter_map(|file| parquet::check(&file).err()).collect(),
            Kind::Batches | Kind::Images => Vec::new(),
        }
    }

    /// Name, size and times of change of every file that counts: two sources that agree in it hold the same pictures.
    ///
    /// # Errors
    /// A file that is not there any more.
    pub(super) fn fingerprint(&self) -> Result<String, DataError> {
        self.container.fingerprint(&self.listing.names)
    }

    /// Hands all pictures to `take`, part by part, and what is wrong with a file that should hold some.
    ///
    /// # Errors
    /// What cannot be read, and the first error of `take`.
    pub(super) fn read(
        &self,
        mut take: impl FnMut(Result<Part, DataError>) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let names = &self.listing.names;
        let mut pictures = Vec::new();
        self.container.each(names, &mut |index, bytes| {
            let place = || self.container.place(&names[index]);
            match self.listing.kind {
                Kind::Parquet => take(parquet::read(Bytes::from(bytes), place())),
                Kind::Batches => take(batches::read(bytes, place())),
                Kind::Images => {
                    pictures.push(ByteArray::from(bytes));
                    if pictures.len() < PART && index + 1 < names.len() {
                        return Ok(());
                    }
                    let part = index + 1 - pictures.len()..index + 1;
                    let files = names[part.clone()].iter().map(|name| self.container.place(name));
                    take(Ok(Part {
                        places: Places::Files(files.collect()),
                        pictures: Pictures::Encoded(std::mem::take(&mut pictures)),
                        labels: self.listing.labels[part].to_vec(),
                    }))
                }
            }
        })
    }
}

#[cfg(test)]
pub(in crate::data) mod tests {
    pub(in crate::data) use super::container::tests::everywhere;
    pub(in crate::data) use super::parquet::tests::write as parquet;
}
