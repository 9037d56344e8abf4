//! GPUs by name, in builds that have them.

use burn::backend::DispatchDevice;

use crate::OpenError;

/// The GPU of this name, once it has computed something.
///
/// # Errors
/// This build has none, there is none of this number, or its driver fails.
#[cfg(feature = "cuda")]
pub(crate) fn open(name: &str) -> Result<DispatchDevice, OpenError> {
    use burn::backend::ops::FloatTensorOps;
    use burn::backend::{CudaDevice, Dispatch, TensorData};

    let index = match name {
        "cuda" => Some(0),
        other => other.strip_prefix("cuda:").and_then(|index| index.parse().ok()),
    };
    let Some(index) = index else { return Err(OpenError::NoDevice(name.to_owned())) };
    // Burn panics where there is no driver or no such GPU.
    let opened = std::panic::catch_unwind(|| {
        let device = DispatchDevice::from(CudaDevice::new(index));
        let _ = Dispatch::float_from_data(TensorData::new(vec![0.0f32], [1]), &device);
        device
    });
    opened.map_err(|panic| {
        let words = panic.downcast_ref::<String>().cloned();
        let words = words.or_else(|| panic.downcast_ref::<&str>().map(|words| (*words).to_owned()));
        OpenError::NoGpu(name.to_owned(), words.unwrap_or_else(|| "its driver failed".to_owned()))
    })
}

/// This build has none.
#[cfg(not(feature = "cuda"))]
pub(crate) fn open(name: &str) -> Result<DispatchDevice, OpenError> {
    Err(OpenError::NoDevice(name.to_owned()))
}
