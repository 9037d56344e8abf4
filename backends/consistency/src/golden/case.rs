//! One case: what it gives, and comparison with what it expects.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::tensors::{Array, Tensors};
use crate::data::Shape;
use crate::engine::Engine;
use crate::tensor::Tensor;

/// A case of a manifest with its tensors.
pub(super) struct Case {
    pub(super) kind: String,
    pub(super) config: Value,
    /// What the manifest says of it.
    pub(super) entry: Value,
    pub(super) tensors: Tensors,
    dir: PathBuf,
    tolerance: (f64, f64),
    compared: Cell<usize>,
    /// The largest error so far, as a share of the tolerance.
    worst: Cell<f64>,
}

impl Case {
    /// Reads the case that a manifest's `entry` describes.
    pub(super) fn open(dir: &Path, entry: &Value) -> Result<Case, String> {
        let text = |key: &str| entry[key].as_str().ok_or_else(|| format!("the manifest names no {key}"));
        Ok(Case {
            kind: text("kind")?.to_owned(),
            config: entry["config"].clone(),
            entry: entry.clone(),
            tensors: Tensors::open(&dir.join(text("file")?))?,
            dir: dir.to_owned(),
            tolerance: (number(entry, "/tolerance/atol")?, number(entry, "/tolerance/rtol")?),
            compared: Cell::new(0),
            worst: Cell::new(0.0),
        })
    }

    /// The names of its tensors.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.names()
    }

    /// Whether it has a tensor called `name`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.tensors.get(name).is_ok()
    }

    /// The shape of a tensor, as stored.
    pub(super) fn shape(&self, name: &str) -> Result<Vec<usize>, String> {
        Ok(self.tensors.get(name)?.shape.clone())
    }

    /// The values of a tensor, as stored.
    pub(super) fn values(&self, name: &str) -> Result<Vec<f64>, String> {
        Ok(self.tensors.get(name)?.values.clone())
    }

    /// A batch of images as engines take it, and the shape of one.
    pub(super) fn image(&self, name: &str) -> Result<(Shape, Vec<f32>), String> {
        let batch = self.batch(name)?;
        Ok((Shape { channels: batch.shape[1], height: batch.shape[2], width: batch.shape[3] }, batch.single()))
    }

    /// A tensor on an engine: images turned to NCHW, all else as stored.
    pub(super) fn tensor<E: Engine>(&self, engine: &E, name: &str) -> Result<E::T, String> {
        match self.tensors.get(name)? {
            array if array.shape.len() == 4 => {
                let batch = self.batch(name)?;
                Ok(engine.upload(&batch.shape, &batch.single()))
            }
            array => Ok(engine.upload(&array.shape, &array.single())),
        }
    }

    /// The file of parameters that it names, as a case of its own.
    pub(super) fn weights(&self) -> Result<Case, String> {
        let file = self.entry["weights"].as_str().ok_or("the manifest names no weights")?;
        let mut entry = self.entry.clone();
        entry["file"] = file.into();
        Case::open(&self.dir, &entry)
    }

    /// Compares values in the stored order with the tensor `name`, within the case's tolerance.
    pub(super) fn close(&self, name: &str, found: &[f64]) -> Result<(), String> {
        self.within(name, found, self.tolerance.0, self.tolerance.1)
    }

    /// The same for a tensor on an engine, images in NCHW.
    pub(super) fn close_tensor<T: Tensor>(&self, name: &str, found: &T) -> Result<(), String> {
        let found = if found.shape().len() == 4 { found.permute(&[0, 2, 3, 1]) } else { found.clone() };
        let expected = self.shape(name)?;
        if found.shape() != expected {
            return Err(format!("{name} has shape {:?}, expected {expected:?}", found.shape()));
        }
        self.close(name, &found.to_host().into_iter().map(f64::from).collect::<Vec<_>>())
    }

    /// Compares within |found - expected| <= `atol` + `rtol` |expected|.
    pub(super) fn within(&self, name: &str, found: &[f64], atol: f64, rtol: f64) -> Result<(), String> {
        let expected = &self.tensors.get(name)?.values;
        if found.len() != expected.len() {
            return Err(format!("{name} has {} values, expected {}", found.len(), expected.len()));
        }
        self.compared.set(self.compared.get() + found.len());
        for (i, (&found, &expected)) in found.iter().zip(expected).enumerate() {
            let bound = atol + rtol * expected.abs();
            let share = if found == expected { 0.0 } else { (found - expected).abs() / bound };
            if share.is_nan() || share > 1.0 {
                return Err(format!("{name}[{i}] is {found}, expected {expected} within {bound:.1e}"));
            }
            self.worst.set(self.worst.get().max(share));
        }
        Ok(())
    }

    /// What has been compared; an error when nothing has, for a check that cannot fail is none.
    pub(super) fn remark(&self) -> Result<String, String> {
        match self.compared.get() {
            0 => Err("nothing was compared".to_owned()),
            values => Ok(format!("{values} values, error {:.1}% of the tolerance", 100.0 * self.worst.get())),
        }
    }

    fn batch(&self, name: &str) -> Result<Array, String> {
        let array = self.tensors.get(name)?;
        match array.shape.len() {
            4 => Ok(array.permuted(&[0, 3, 1, 2])),
            rank => Err(format!("{name} is no batch of images: it has {rank} axes")),
        }
    }
}

/// A number of a configuration, by its JSON pointer.
pub(super) fn number(config: &Value, pointer: &str) -> Result<f64, String> {
    config.pointer(pointer).and_then(Value::as_f64).ok_or_else(|| format!("the configuration has no number {pointer}"))
}
