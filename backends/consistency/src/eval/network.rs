//! Any exported network that looks at images: an ONNX file.
//!
//! It runs on the CPU, on whatever engine the rest runs: files differ too much for a seam of forty operations. In: images of
//! 8 bits. Out: features.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use exp_api::spec::NetworkSpec;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use tract_onnx::prelude::{
    DatumExt, Framework, InferenceModelExt, IntoRunnable, IntoTValue, Tensor, TractResult, TypedRunnableModel, tvec,
};

use super::resize::Resize;
use crate::data::Shape;
use crate::hash::sha256;
use crate::weights::WeightsError;

/// A network with how images come to it. Clones share it.
#[derive(Clone)]
pub struct Network {
    plan: Arc<TypedRunnableModel>,
    side: usize,
    mean: [f64; 3],
    std: [f64; 3],
    dimensions: usize,
    sha256: String,
}

impl Network {
    /// Reads the file, and tries it on a black image.
    ///
    /// # Errors
    /// A file that cannot be read, is another one, is no network of images, or uses an operation that is not known.
    pub fn open(spec: &NetworkSpec) -> Result<Network, WeightsError> {
        let path = Path::new(spec.onnx.as_deref().unwrap_or_default());
        let bytes = std::fs::read(path).map_err(|source| WeightsError::Unreadable { path: path.to_owned(), source })?;
        let found = sha256(&bytes);
        if let Some(expected) = spec.sha256.clone().filter(|expected| !found.eq_ignore_ascii_case(expected)) {
            return Err(WeightsError::Sum { path: path.to_owned(), found, expected });
        }
        let side = usize::try_from(spec.side).unwrap_or(usize::MAX);
        let failed =
            |reason: &dyn fmt::Display| WeightsError::Network { path: path.to_owned(), reason: reason.to_string() };
        let plan = plan(&bytes, side).map_err(|error| failed(&format!("{error:#}")))?;
        let mut network = Network { plan, side, mean: spec.mean, std: spec.std, dimensions: 0, sha256: found };
        let shape = Shape { channels: 3, height: side, width: side };
        network.dimensions = network.one(&vec![0; shape.values()], shape).map_err(|error| failed(&error))?.len();
        match network.dimensions {
            0 => Err(failed(&"it has no features")),
            _ => Ok(network),
        }
    }

    /// How many features an image has.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// What tells the features of this network from those of others.
    pub fn identity(&self) -> String {
        format!("{} {} {:?} {:?}", self.sha256, self.side, self.mean, self.std)
    }

    /// The features of images, `pixels` in NCHW, one image after the other. An image that it cannot take gets none that are
    /// finite: that is told where they are used.
    pub fn of(&self, pixels: &[u8], shape: Shape) -> Vec<f64> {
        let images: Vec<&[u8]> = pixels.chunks(shape.values()).collect();
        let all: Vec<Vec<f64>> = images
            .into_par_iter()
            .map(|image| self.one(image, shape).unwrap_or_else(|_| vec![f64::NAN; self.dimensions]))
            .collect();
        all.concat()
    }

    fn one(&self, image: &[u8], shape: Shape) -> Result<Vec<f64>, String> {
        let planes: Vec<Vec<f32>> =
            image.chunks(shape.height * shape.width).map(|plane| Resize::Pil.plane(plane, shape, self.side)).collect();
        let standardised = |channel: usize| {
            let (mean, std) = (self.mean[channel], self.std[channel]);
            let plane = &planes[channel.min(planes.len() - 1)];
            plane.iter().map(move |&value| ((f64::from(value) / 255.0 - mean) / std) as f32)
        };
        let values: Vec<f32> = (0..3).flat_map(standardised).collect();
        let run = || -> TractResult<Vec<f64>> {
            let image = Tensor::from_shape(&[1, 3, self.side, self.side], &values)?;
            let found = self.plan.run(tvec!(image.into_tvalue()))?;
            let features = found[0].to_plain_array_view::<f32>()?;
            let (shape, values) = (features.shape().to_vec(), features.iter().map(|&value| f64::from(value)));
            let values: Vec<f64> = values.collect();
            Ok(match shape[..] {
                // Maps: their means.
                [1, _, height, width] if height * width > 0 => {
                    values.chunks(height * width).map(|map| map.iter().sum::<f64>() / map.len() as f64).collect()
                }
                _ => values,
            })
        };
        run().map_err(|error| format!("{error:#}"))
    }
}

/// The network for one image at a time.
fn plan(bytes: &[u8], side: usize) -> TractResult<Arc<TypedRunnableModel>> {
    let model = tract_onnx::onnx().model_for_read(&mut &*bytes)?;
    model.with_input_fact(0, f32::fact([1, 3, side, side]).into())?.into_optimized()?.into_runnable()
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("sha256", &self.sha256).field("dimensions", &self.dimensions).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(onnx: &Path) -> NetworkSpec {
        NetworkSpec { onnx: Some(onnx.display().to_string()), sha256: None, side: 4, mean: [0.0; 3], std: [1.0; 3] }
    }

    #[test]
    fn what_is_no_network_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("network.onnx");
        let told = |spec: &NetworkSpec| Network::open(spec).map(|_| ()).unwrap_err().to_string();
        assert!(told(&spec(&file)).starts_with("cannot read "));
        std::fs::write(&file, "not a network").unwrap();
        assert!(told(&spec(&file)).contains("cannot be used as a network"), "{}", told(&spec(&file)));
        let summed = NetworkSpec { sha256: Some("00".to_owned()), ..spec(&file) };
        assert!(told(&summed).contains("has the SHA-256"));
    }
}
