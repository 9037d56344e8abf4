//! Means and covariances on disk, as other tools exchange them: a .npz with `mu` `[d]` and `sigma` `[d,d]`.
//!
//! Those of a data set are kept in the user's cache directory under a hash of its pixels and of what looked at them.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Gaussian;
use crate::data::{Dataset, cache_directory};
use crate::files::whole;
use crate::hash::hex;
use crate::npz::{self, Array};

/// Changes whenever features are computed in another way.
const VERSION: u32 = 2;

/// Reads a file of statistics of `dimensions` features.
///
/// # Errors
/// No such file, or one with other arrays, in words.
pub fn load(path: &Path, dimensions: usize) -> Result<Gaussian, String> {
    let mut arrays: HashMap<String, Array> = npz::read(path)?;
    let mut take = |name: &str, shape: &[usize]| match arrays.remove(name) {
        Some(array) if array.shape == shape => Ok(array.values),
        Some(array) => Err(format!("{}: `{name}` is of {:?}, expected {shape:?}", path.display(), array.shape)),
        None => Err(format!("{} has no array `{name}`", path.display())),
    };
    let (mean, covariance) = (take("mu", &[dimensions])?, take("sigma", &[dimensions, dimensions])?);
    Gaussian::new(&mean, &covariance).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes a file of statistics, whole or not at all.
///
/// # Errors
/// The folder is missing, full or closed to us.
pub fn store(path: &Path, statistics: &Gaussian) -> std::io::Result<()> {
    let (mean, covariance) = (statistics.mean(), statistics.covariance());
    whole(path, |file| {
        let mut archive = npz::Writer::new(file);
        for (name, shape, values) in
            [("mu", vec![mean.len()], &mean), ("sigma", vec![mean.len(), mean.len()], &covariance)]
        {
            let out = archive.array(name, "<f8", &shape)?;
            values.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))?;
        }
        archive.finish()
    })
}

/// Where the statistics of a data set are kept, by what looked at it: the metric with the identity of its weights.
pub fn kept(data: &Dataset, looker: &str) -> Option<PathBuf> {
    let mut hash = Sha256::new();
    hash.update(format!("{VERSION} {looker} {}\0", data.shape()));
    hash.update(data.bytes(0..data.len()));
    Some(cache_directory()?.join("statistics").join(hex(hash.finalize()) + ".npz"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_survive_their_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats.npz");
        let gaussian = Gaussian::new(&[0.1, -7.0], &[2.0, 0.25, 0.25, 1.0]).unwrap();
        store(&path, &gaussian).unwrap();
        assert_eq!(load(&path, 2), Ok(gaussian));
        let text = load(&path, 3).unwrap_err();
        assert!(text.ends_with("`mu` is of [2], expected [3]"), "{text}");
        assert!(load(&dir.path().join("none.npz"), 2).unwrap_err().starts_with("cannot read "));
    }
}
