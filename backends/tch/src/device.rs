//! Devices by name, and why one is not there.

use tch::{Cuda, Device};

/// Why an engine could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No device has such a name.
    #[error("tch knows no device `{0}`; names are cpu, cuda and cuda:N")]
    Unknown(String),
    /// This libtorch is the CPU-only one.
    #[error("libtorch here has no CUDA; `backends/tch/install --cuda` fetches one that has")]
    CpuOnly,
    /// libtorch has CUDA and finds no GPU.
    #[error("libtorch finds no CUDA device: {0}")]
    NoGpu(String),
    /// Fewer GPUs than the name asks for.
    #[error("there is no device `cuda:{index}`; GPUs here: {count}, counted from cuda:0")]
    TooFew {
        /// The number asked for.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// A GPU that is there and does not work, and why.
    #[error("`{0}` failed: {1}")]
    Failed(String, String),
    /// The operating system gave no thread.
    #[error("cannot start a compute thread: {0}")]
    NoThread(#[from] rayon::ThreadPoolBuildError),
}

/// The device of this name.
///
/// # Errors
/// There is none, with the reason.
pub(crate) fn open(name: &str) -> Result<Device, OpenError> {
    let unknown = || OpenError::Unknown(name.to_owned());
    let index = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => 0,
        other => other.strip_prefix("cuda:").and_then(|index| index.parse().ok()).ok_or_else(unknown)?,
    };
    match gpus() {
        _ if !has_cuda() => Err(OpenError::CpuOnly),
        0 => Err(OpenError::NoGpu(driver())),
        count if index >= count => Err(OpenError::TooFew { index, count }),
        _ => Ok(Device::Cuda(index)),
    }
}

/// Whether this libtorch was built with CUDA.
pub(crate) fn has_cuda() -> bool {
    cfg!(libtorch_cuda)
}

/// How many GPUs libtorch finds.
pub(crate) fn gpus() -> usize {
    if has_cuda() { usize::try_from(Cuda::device_count()).unwrap_or(0) } else { 0 }
}

/// What is known of the driver.
fn driver() -> String {
    let text = std::fs::read_to_string("/proc/driver/nvidia/version").unwrap_or_default();
    match text.lines().next().and_then(|line| line.split_whitespace().find(|word| word.contains('.'))) {
        Some(version) => {
            format!("driver {version} is here; CUDA 13 needs 580 or newer, and CUDA_VISIBLE_DEVICES may hide a GPU")
        }
        None => "no NVIDIA driver is loaded".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_not_there_says_why() {
        assert!(matches!(open("cpu"), Ok(Device::Cpu)));
        for name in ["abacus", "cuda:", "cuda:x", "cuda:-1", "CPU", ""] {
            assert!(matches!(open(name), Err(OpenError::Unknown(unknown)) if unknown == name));
        }
        let far = open("cuda:4096").expect_err("no machine has so many");
        match (has_cuda(), gpus()) {
            (false, _) => assert!(matches!(far, OpenError::CpuOnly)),
            (true, 0) => assert!(matches!(far, OpenError::NoGpu(_))),
            (true, here) => assert!(matches!(far, OpenError::TooFew { index: 4096, count } if count == here)),
        }
    }
}
