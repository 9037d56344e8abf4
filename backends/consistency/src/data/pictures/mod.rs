//! Data sets of picture files: CIFAR-10, and any other.
//!
//! Owns the way from a source to a [`Dataset`], with what is left out of it on the way, and the copy of the decoded
//! pixels that spares the next run the way (`cache`).

use std::collections::BTreeSet;
use std::path::Path;

use exp_api::spec::{Cifar10Spec, Colour, Faulty, ImagesSpec, Split};

use super::cache;
use super::decode::{Fit, sizes};
use super::source::Source;
use super::{DataError, Dataset, Shape};

/// A data set of picture files as a spec asks for it.
pub(super) struct Wanted<'a> {
    pub(super) path: &'a Path,
    pub(super) split: Split,
    pub(super) fit: Fit,
    pub(super) classes: u64,
    pub(super) faulty: Faulty,
}

impl<'a> From<&'a Cifar10Spec> for Wanted<'a> {
    fn from(spec: &'a Cifar10Spec) -> Wanted<'a> {
        let fit = Fit { shape: Shape { channels: 3, height: 32, width: 32 }, exact: true };
        Wanted { path: Path::new(&spec.dir), split: spec.split, fit, classes: 10, faulty: spec.faulty }
    }
}

impl<'a> From<&'a ImagesSpec> for Wanted<'a> {
    fn from(spec: &'a ImagesSpec) -> Wanted<'a> {
        let side = spec.side as usize;
        let channels = if spec.colour == Colour::Grey { 1 } else { 3 };
        let fit = Fit { shape: Shape { channels, height: side, width: side }, exact: false };
        Wanted { path: Path::new(&spec.dir), split: spec.split, fit, classes: spec.classes, faulty: spec.faulty }
    }
}

impl Wanted<'_> {
    /// What can be seen to be wrong without reading a picture.
    ///
    /// # Errors
    /// See [`Source::find`] and [`Source::faults`].
    pub(super) fn check(&self) -> Result<(), DataError> {
        let source = Source::find(self.path, self.split)?;
        let faults = source.faults();
        match self.faulty {
            Faulty::Skip if faults.len() < source.files() => Ok(()),
            _ => faults.into_iter().next().map_or(Ok(()), Err),
        }
    }

    /// The decoded pictures, from the copy in `cache` if there is one.
    ///
    /// # Errors
    /// What is wrong with the place or its files; of several faulty pictures the first, unless they are skipped; a label that
    /// is no class in any case.
    pub(super) fn open(&self, cache: Option<&Path>) -> Result<Dataset, DataError> {
        let source = Source::find(self.path, self.split)?;
        let Shape { channels, height, width } = self.fit.shape;
        let split = self.split.word();
        let how =
            format!("{split} {channels}x{height}x{width} {} {} {}", self.fit.exact, self.classes, self.faulty.word());
        let key = cache::key(&source.fingerprint()?, &how);
        if let Some(kept) = cache.and_then(|dir| cache::load(dir, &key, self.fit.shape)) {
            return Ok(kept);
        }
        let data = self.read(&source)?;
        if let Some(dir) = cache {
            cache::store(dir, &key, &data);
        }
        Ok(data)
    }

    fn read(&self, source: &Source) -> Result<Dataset, DataError> {
        let values = self.fit.shape.values();
        let (mut pixels, mut labels, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        source.read(|part| {
            let part = match part {
                Ok(part) => part,
                Err(fault) if self.faulty == Faulty::Skip => {
                    skipped.push(fault.to_string());
                    return Ok(());
                }
                Err(fault) => return Err(fault),
            };
            let (mut planes, faults) = self.fit.decode(&part);
            let mut faults = faults.into_iter().peekable();
            let sizes = if self.fit.exact { Vec::new() } else { sizes(&part) };
            let mut kept = 0;
            for (row, &label) in part.labels.iter().enumerate() {
                let decoded = faults.next_if(|(at, _)| *at == row);
                let class = u16::try_from(label).ok().filter(|&class| u64::from(class) < self.classes);
                match (decoded, class) {
                    (None, Some(class)) => {
                        planes.copy_within(row * values..(row + 1) * values, kept * values);
                        labels.push(class);
                        seen.extend(sizes.get(row).copied().flatten());
                        kept += 1;
                    }
                    (Some((_, fault)), _) if self.faulty == Faulty::Refuse => return Err(fault),
                    (Some((_, fault)), _) => skipped.push(fault.to_string()),
                    // Nothing is wrong with the picture: to skip it would leave out a class without a word.
                    (None, None) => {
                        return Err(DataError::Label {
                            place: part.place(row),
                            label,
                            last: self.classes.saturating_sub(1),
                            enough: self.enough(label, source),
                        });
                    }
                }
            }
            planes.truncate(kept * values);
            pixels.append(&mut planes);
            Ok(())
        })?;
        if labels.is_empty() {
            return Err(DataError::Few { count: 0, skipped: skipped.into_iter().next() });
        }
        Ok(Dataset::new(self.fit.shape, pixels, labels)?.without(skipped).of_sizes(&seen))
    }

    /// How many classes take in a label and, where folders are the classes, all of those.
    fn enough(&self, label: i64, source: &Source) -> Option<u64> {
        let label = u16::try_from(label).ok().filter(|_| !self.fit.exact)?;
        Some((u64::from(label) + 1).max(source.classes().len() as u64))
    }
}

#[cfg(test)]
mod tests;
