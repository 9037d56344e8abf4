//! Why a GPU cannot be used. Burn's own words for it are lost on the thread that it keeps for the device.

use std::path::Path;

use cudarc::driver::{DriverError, result, sys};
use cudarc::nvrtc;

/// What the GPU of this number lacks, if it lacks anything.
pub(super) fn missing(index: usize) -> Option<String> {
    if !has_library(Library::Driver) {
        return Some("no NVIDIA driver is here".to_owned());
    }
    match count() {
        Err(error) => {
            let words =
                error.error_string().map_or_else(|_| error.to_string(), |words| words.to_string_lossy().into_owned());
            return Some(format!("the driver says: {words}"));
        }
        Ok(count) if index >= count => return Some(format!("GPUs here: {count}, counted from cuda:0")),
        Ok(_) => {}
    }
    if !has_library(Library::Compiler) {
        return Some("CUDA's compiler of kernels, libnvrtc.so, is not found (LD_LIBRARY_PATH)".to_owned());
    }
    // Where cubecl looks.
    let toolkits = ["/usr/local/cuda", "/opt/cuda", "/usr/bin/nvcc"];
    let found = std::env::var_os("CUDA_PATH").is_some() || toolkits.iter().any(|path| Path::new(path).exists());
    (!found).then(|| "CUDA's headers are not found (CUDA_PATH)".to_owned())
}

/// How many GPUs the driver has.
fn count() -> Result<usize, DriverError> {
    result::init()?;
    result::device::get_count().map(|count| usize::try_from(count).unwrap_or(0))
}

enum Library {
    Driver,
    Compiler,
}

#[expect(unsafe_code, reason = "loads a library of CUDA, whose own start is trusted as burn trusts it")]
fn has_library(library: Library) -> bool {
    match library {
        // SAFETY: the driver's library may be loaded by any thread at any time.
        Library::Driver => unsafe { sys::is_culib_present() },
        // SAFETY: so may the compiler's.
        Library::Compiler => unsafe { nvrtc::sys::is_culib_present() },
    }
}
