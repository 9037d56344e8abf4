//! Named tensors as safetensors bytes, `f32`, with no metadata, so that equal states are equal files.

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

/// A named tensor on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct HostTensor {
    /// Its name, such as `ema/torso/Conv_0/kernel`.
    pub name: String,
    /// Sizes of its axes.
    pub shape: Vec<usize>,
    /// Its values in row-major order.
    pub values: Vec<f32>,
}

/// The bytes of a safetensors file.
///
/// # Errors
/// Two tensors of one name, or values that do not fill a shape, in words.
pub fn encode(tensors: &[HostTensor]) -> Result<Vec<u8>, String> {
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|tensor| tensor.values.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let mut views = Vec::with_capacity(tensors.len());
    for (tensor, bytes) in tensors.iter().zip(&bytes) {
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), bytes).map_err(|error| error.to_string())?;
        views.push((tensor.name.clone(), view));
    }
    safetensors::serialize(views, None).map_err(|error| error.to_string())
}

/// The tensors of a safetensors file whose names start with `prefix`.
///
/// # Errors
/// Damaged bytes, or a tensor that is not `f32`, in words.
pub fn decode(bytes: &[u8], prefix: &str) -> Result<Vec<HostTensor>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let mut tensors = Vec::new();
    for (name, view) in file.iter().filter(|(name, _)| name.starts_with(prefix)) {
        if view.dtype() != Dtype::F32 {
            return Err(format!("{name} holds {:?}, expected F32", view.dtype()));
        }
        let (quads, _) = view.data().as_chunks::<4>();
        let values = quads.iter().map(|quad| f32::from_le_bytes(*quad)).collect();
        tensors.push(HostTensor { name: name.to_owned(), shape: view.shape().to_vec(), values });
    }
    Ok(tensors)
}
