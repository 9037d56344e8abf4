//! Published weights: safetensors files that somebody names by path.
//!
//! Owns opening and looking up, so that a file that does not fit is told in one way whatever it is for. Knows no network.
//! In: a path. Out: `f32` values by name and shape.

use std::path::{Path, PathBuf};

use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensors};
use thiserror::Error;

use crate::hash::sha256;

/// Why weights cannot be used.
#[derive(Debug, Error)]
pub enum WeightsError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file is no safetensors file.
    #[error("{path} is no safetensors file: {source}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: safetensors::SafeTensorError,
    },
    /// The file is another one.
    #[error("{path} has the SHA-256 {found}, expected {expected}")]
    Sum {
        /// The file.
        path: PathBuf,
        /// What it has.
        found: String,
        /// What it should have.
        expected: String,
    },
    /// The file is no network that can be used.
    #[error("{path} cannot be used as a network: {reason}")]
    Network {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A tensor is missing or does not fit.
    #[error("{path}: expected {name} as F32 {expected:?}, found {found}")]
    Tensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// The shape that it should have.
        expected: Vec<usize>,
        /// What is there.
        found: String,
    },
}

/// The content of a safetensors file.
#[derive(Debug, Clone)]
pub struct Weights {
    path: PathBuf,
    bytes: Vec<u8>,
    /// Where the tensors begin.
    start: usize,
    metadata: Metadata,
}

impl Weights {
    /// Reads the file at `path`, whose SHA-256 must be `sum` if one is given.
    ///
    /// # Errors
    /// A file that cannot be read, is another one, or is no safetensors file.
    pub fn open(path: &Path, sum: Option<&str>) -> Result<Weights, WeightsError> {
        let bytes = std::fs::read(path).map_err(|source| WeightsError::Unreadable { path: path.to_owned(), source })?;
        if let Some(expected) = sum {
            let found = sha256(&bytes);
            if !found.eq_ignore_ascii_case(expected) {
                return Err(WeightsError::Sum { path: path.to_owned(), found, expected: expected.to_owned() });
            }
        }
        Weights::parse(path, bytes)
    }

    /// The content of the file at `path`.
    pub(crate) fn parse(path: &Path, bytes: Vec<u8>) -> Result<Weights, WeightsError> {
        let failed = |source| WeightsError::Format { path: path.to_owned(), source };
        // Reads the whole, so that later look-ups cannot leave the file.
        SafeTensors::deserialize(&bytes).map_err(failed)?;
        let (header, metadata) = SafeTensors::read_metadata(&bytes).map_err(failed)?;
        Ok(Weights { path: path.to_owned(), start: 8 + header, bytes, metadata })
    }

    /// The SHA-256 of the file in hexadecimal digits.
    pub fn sha256(&self) -> String {
        sha256(&self.bytes)
    }

    /// Whether there is a readable file at `path`.
    ///
    /// # Errors
    /// [`WeightsError::Unreadable`].
    pub fn check(path: &Path) -> Result<(), WeightsError> {
        let opened = std::fs::File::open(path);
        opened.map(|_| ()).map_err(|source| WeightsError::Unreadable { path: path.to_owned(), source })
    }

    /// The values of the tensor `name` in row-major order.
    ///
    /// # Errors
    /// [`WeightsError::Tensor`] when there is none of this shape.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let wrong = |found: String| WeightsError::Tensor {
            path: self.path.clone(),
            name: name.to_owned(),
            expected: shape.to_vec(),
            found,
        };
        let info = self.metadata.info(name).ok_or_else(|| wrong("no such tensor".to_owned()))?;
        if info.dtype != Dtype::F32 || info.shape != shape {
            return Err(wrong(format!("{:?} {:?}", info.dtype, info.shape)));
        }
        let (from, to) = info.data_offsets;
        let bytes = &self.bytes[self.start + from..self.start + to];
        Ok(bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    }

    /// Whether there is a tensor `name`.
    pub fn has(&self, name: &str) -> bool {
        self.metadata.info(name).is_some()
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use safetensors::tensor::TensorView;

    fn file(name: &str, shape: Vec<usize>, values: &[f32]) -> Vec<u8> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let view = TensorView::new(Dtype::F32, shape, &bytes).expect("a tensor");
        safetensors::serialize([(name, view)], None).expect("a file")
    }

    #[test]
    fn tensors_come_by_name_and_shape() {
        let path = Path::new("w.safetensors");
        let weights = Weights::parse(path, file("a", vec![2, 1], &[1.5, -2.0])).expect("weights");
        assert_eq!(weights.tensor("a", &[2, 1]).expect("a tensor"), [1.5, -2.0]);
        assert!(weights.has("a") && !weights.has("b"));
        let told = |name: &str, shape: &[usize]| weights.tensor(name, shape).err().map(|e| e.to_string());
        let expected = "w.safetensors: expected b as F32 [2], found no such tensor";
        assert_eq!(told("b", &[2]).as_deref(), Some(expected));
        assert_eq!(told("a", &[2]).as_deref(), Some("w.safetensors: expected a as F32 [2], found F32 [2, 1]"));
    }

    #[test]
    fn a_file_of_another_kind_is_named() {
        let parsed = Weights::parse(Path::new("w.pth"), b"pickle".to_vec()).map(|_| ()).map_err(|e| e.to_string());
        assert!(parsed.is_err_and(|text| text.starts_with("w.pth is no safetensors file: ")));
        let missing = Weights::open(Path::new("/nowhere/w"), None).map(|_| ()).map_err(|e| e.to_string());
        assert!(missing.is_err_and(|text| text.starts_with("cannot read /nowhere/w: ")));
    }

    #[test]
    fn another_file_than_the_one_meant_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("w.safetensors");
        let content = file("a", vec![1], &[1.0]);
        std::fs::write(&path, &content).expect("a file");
        let sum: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02X}")).collect();
        assert!(Weights::open(&path, Some(&sum)).is_ok());
        let told = Weights::open(&path, Some("00ff")).map(|_| ()).map_err(|error| error.to_string());
        assert!(told.is_err_and(|text| text.contains("has the SHA-256") && text.ends_with("expected 00ff")));
    }
}
