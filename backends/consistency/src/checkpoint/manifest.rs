//! The manifest of a checkpoint: which files it has, and what they must hold.

use serde::{Deserialize, Serialize};

use crate::hash::sha256;

/// The content of `manifest.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this layout.
    pub format: u32,
    /// Optimiser steps done.
    pub step: u64,
    /// Its file, [`Manifest::STATE`].
    pub file: FileEntry,
    /// Figures measured at this step; the lowest of each marks a best checkpoint.
    pub figures: Vec<(String, f64)>,
    /// Digest of the data set that it was trained on; none of one that was written before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// SHA-256 of this manifest with an empty seal: it vouches for itself.
    pub seal: String,
}

/// A file of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// The layout written here.
    pub const FORMAT: u32 = 1;
    /// The manifest's name.
    pub const FILE: &'static str = "manifest.json";
    /// The name of the file with all tensors.
    pub const STATE: &'static str = "state.safetensors";

    /// The same with its seal.
    pub fn sealed(self) -> Manifest {
        Manifest { seal: self.expected_seal(), ..self }
    }

    /// Whether nothing was changed since it was sealed.
    pub fn is_sealed(&self) -> bool {
        self.seal == self.expected_seal()
    }

    fn expected_seal(&self) -> String {
        let open = Manifest { seal: String::new(), ..self.clone() };
        // Plain numbers and texts always have a JSON form.
        sha256(serde_json::to_vec(&open).unwrap_or_default())
    }

    /// A figure, if it was measured.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|(other, _)| other == name).map(|(_, value)| *value)
    }
}

impl FileEntry {
    /// The entry of a file with this content.
    pub fn of(content: &[u8]) -> FileEntry {
        FileEntry { bytes: content.len() as u64, sha256: sha256(content) }
    }
}
