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
    if let (Some(compiler), Some(driver)) = (compiler_version(), driver_version())
        && writes_more_than_is_read(compiler, driver)
    {
        let [compiler, driver] = [compiler, driver].map(|(major, minor)| format!("{major}.{minor}"));
        return Some(format!(
            "CUDA's compiler of kernels, libnvrtc.so, is of CUDA {compiler}, and the driver takes kernels up to CUDA {driver}: \
             name CUDA {driver} or older by LD_LIBRARY_PATH and CUDA_PATH, or install a newer driver"
        ));
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

/// CUDA's version, as major and minor.
type Version = (i32, i32);

/// Whether the compiler writes PTX of a version that the driver does not read: each CUDA reads that of all before it.
fn writes_more_than_is_read(compiler: Version, driver: Version) -> bool {
    // CUDA 12.6 writes what 12.5 does: PTX 8.5.
    let written = if compiler == (12, 6) { (12, 5) } else { compiler };
    written > driver
}

#[expect(unsafe_code, reason = "asks a library that is loaded")]
fn compiler_version() -> Option<Version> {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: the compiler is loaded, and writes to both places before it returns.
    let status = unsafe { nvrtc::sys::nvrtcVersion(&raw mut major, &raw mut minor) };
    (status == nvrtc::sys::nvrtcResult::NVRTC_SUCCESS).then_some((major, minor))
}

/// The newest CUDA that the driver works for.
#[expect(unsafe_code, reason = "asks a library that is loaded")]
fn driver_version() -> Option<Version> {
    let mut version = 0;
    // SAFETY: the driver is loaded, and writes to the place before it returns.
    let status = unsafe { sys::cuDriverGetVersion(&raw mut version) };
    // 12040 for 12.4.
    (status == sys::CUresult::CUDA_SUCCESS).then_some((version / 1000, version % 1000 / 10))
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

#[cfg(test)]
mod tests {
    use super::writes_more_than_is_read as refused;

    #[test]
    fn a_compiler_that_is_newer_than_the_driver_is_refused() {
        assert!(refused((13, 0), (12, 9)) && refused((12, 8), (12, 4)) && refused((12, 6), (12, 4)));
        assert!(!refused((12, 9), (13, 0)) && !refused((12, 4), (12, 4)) && !refused((12, 6), (12, 5)));
    }
}
