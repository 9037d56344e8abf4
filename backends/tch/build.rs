//! Builds the C++ shim, and tells the linker and the program where libtorch is, so that no environment variable is needed
//! to start.

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/shim");
    // torch-sys has found it by LIBTORCH, LIBTORCH_USE_PYTORCH or the link that `install` makes.
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    let Some(found) = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
        panic!("torch-sys does not say where libtorch is; run backends/tch/install");
    };
    println!("cargo:rerun-if-changed={}", found.display());
    // The link itself, too: what it points to next may be older than the last build.
    if let Some(link) = found.parent().filter(|folder| folder.is_symlink()) {
        println!("cargo:rerun-if-changed={}", link.display());
    }
    // The link may move; the program stays with what it was linked to.
    let lib = found.canonicalize().unwrap_or(found);
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
    println!("cargo:rustc-env=EXP_LIBTORCH={}", version(&lib));
    let cuda = lib.join("libtorch_cuda.so").is_file().then(|| toolkit(&lib));
    shim(&lib, cuda.as_deref());
    if let Some(toolkit) = cuda {
        // Nothing refers to it by name, so the linker would drop it, and no CUDA device would ever be found.
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed,-ltorch_cuda,--as-needed");
        println!("cargo:rustc-cfg=libtorch_cuda");
        println!("cargo:rustc-link-search=native={}", lib.display());
        println!("cargo:rustc-link-arg=-lc10_cuda");
        for library in ["libcudart.so", "libnvrtc.so"] {
            let file = newest(&libraries(&toolkit), library);
            println!("cargo:rustc-link-arg={}", file.display());
        }
        // A path that libraries hand down, unlike the newer kind: NVRTC opens a second library by its name alone.
        println!("cargo:rustc-link-arg=-Wl,--disable-new-dtags,-rpath,{}", libraries(&toolkit).display());
    }
}

/// Compiles the shim, with its kernels where there is CUDA.
fn shim(lib: &Path, toolkit: Option<&Path>) {
    let include = lib.with_file_name("include");
    let mut build = cc::Build::new();
    build.cpp(true).std("c++17").opt_level(2).warnings(false);
    build.include(&include).include(include.join("torch/csrc/api/include"));
    build.file("src/shim/settings.cpp");
    match toolkit {
        Some(toolkit) => {
            let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
            let read = |name| fs::read_to_string(format!("src/shim/cuda/{name}")).expect("it is in the repository");
            // A literal for each, side by side: compilers bound the length of one.
            let literals = ["shared.h", "common.cu", "norm.cu", "images.cu", "params.cu"]
                .map(|name| format!("R\"KERNELS({})KERNELS\"\n", read(name)));
            fs::write(out.join("kernels.inc"), literals.concat()).expect("cargo gives a folder to write to");
            build.define("EXP_CUDA", None).include(out).include(toolkit.join("include"));
            build.files(["launch", "images", "params", "record"].map(|name| format!("src/shim/cuda/{name}.cpp")));
        }
        None => {
            build.file("src/shim/no_cuda.cpp");
        }
    }
    build.compile("exp_tch_shim");
}

/// The folder of a toolkit's libraries: `lib` in wheels, `lib64` as NVIDIA installs it.
fn libraries(toolkit: &Path) -> PathBuf {
    let wide = toolkit.join("lib64");
    if wide.is_dir() { wide } else { toolkit.join("lib") }
}

/// The folder with CUDA's headers (`include`) and libraries: that of the wheels beside libtorch, or CUDA_HOME.
fn toolkit(lib: &Path) -> PathBuf {
    println!("cargo:rerun-if-env-changed=CUDA_HOME");
    let beside = lib.ancestors().nth(2).map(|site| site.join("nvidia/cu13"));
    let places = beside.into_iter().chain(std::env::var_os("CUDA_HOME").map(PathBuf::from));
    let whole = |place: &PathBuf| place.join("include/nvrtc.h").is_file() && place.join("include/crt").is_dir();
    match places.into_iter().find(whole) {
        Some(place) => place,
        None => panic!(
            "libtorch in {} has CUDA, but CUDA's headers are not there; run backends/tch/install --cuda, or name a toolkit of \
             CUDA 13 by CUDA_HOME; beside a PyTorch of pip's, pip install nvidia-cuda-crt==13.0.88",
            lib.display()
        ),
    }
}

/// A library of this name in a folder, with whatever version.
fn newest(folder: &Path, name: &str) -> PathBuf {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name));
    files.filter(named).max().unwrap_or_else(|| panic!("there is no {name} in {}", folder.display()))
}

/// The version of libtorch, as its packages write it beside `lib`.
fn version(lib: &Path) -> String {
    let file = lib.parent().map(|root| root.join("build-version"));
    let text = file.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
    if text.trim().is_empty() { "of unknown version".to_owned() } else { text.trim().to_owned() }
}
