//! Copies of decoded pictures in the user's cache directory, so that only the first run decodes.
//!
//! A copy's name is a hash of its source and of what was made of it; nothing else ties them, so any copy may be deleted
//! at any time. A copy that cannot be written or read is as good as none.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::pixels::Pixels;
use super::{Dataset, Shape};
use crate::files::{clear, whole_by_name};
use crate::hash::sha256;

/// Changes whenever pictures are decoded, scaled or kept in another way.
const VERSION: u32 = 3;

/// Where things are kept that can be made again: `exp` in $XDG_CACHE_HOME, else in ~/.cache.
pub fn directory() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let root = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(root.join("exp"))
}

/// The name of the copy of a source with this fingerprint, treated in this way.
pub(super) fn key(fingerprint: &str, how: &str) -> String {
    sha256(format!("{VERSION} {fingerprint} {how}"))
}

/// The copy in `dir`, if there is a sound one.
pub(super) fn load(dir: &Path, key: &str, shape: Shape) -> Option<Dataset> {
    let map = Pixels::map(&dir.join(key)).ok()?;
    let (header, head) = SafeTensors::read_metadata(&map).ok()?;
    let notes = head.metadata().as_ref()?;
    let skipped: Vec<String> = serde_json::from_str(notes.get("skipped")?).ok()?;
    let scaled = notes.get("scaled").cloned();
    let file = SafeTensors::deserialize(&map).ok()?;
    let labels = file.tensor("labels").ok()?;
    let (labels, _) = labels.data().as_chunks::<2>();
    let labels = labels.iter().map(|pair| u16::from_le_bytes(*pair)).collect();
    // Offsets count from behind the header, which its length precedes.
    let (start, end) = head.info("pixels")?.data_offsets;
    let behind = size_of::<u64>() + header;
    let range = behind + start..behind + end;
    Some(Dataset::of(shape, Pixels::Mapped(map, range), labels).ok()?.without(skipped).told(scaled))
}

/// Keeps a copy in `dir`. It appears whole or not at all.
pub(super) fn store(dir: &Path, key: &str, data: &Dataset) {
    let labels: Vec<u8> = data.labels().iter().flat_map(|label| label.to_le_bytes()).collect();
    let written = || -> Option<()> {
        let pixels =
            TensorView::new(Dtype::U8, data.shape().batch(data.len()).to_vec(), data.bytes(0..data.len())).ok()?;
        let labels = TensorView::new(Dtype::U16, vec![data.len()], &labels).ok()?;
        let skipped = serde_json::to_string(data.skipped()).ok()?;
        let scaled = data.scaled().map(|how| ("scaled".to_owned(), how.to_owned()));
        let notes = HashMap::from_iter([("skipped".to_owned(), skipped)].into_iter().chain(scaled));
        std::fs::create_dir_all(dir).ok()?;
        clear(dir);
        whole_by_name(&dir.join(key), |path| {
            let tensors = [("labels", labels), ("pixels", pixels)];
            safetensors::serialize_to_file(tensors, Some(notes), path).map_err(std::io::Error::other)
        })
        .ok()
    };
    // Without a copy the next run decodes again; that is no reason to stop this one.
    let _ = written();
}
