//! Tells the linker and the program where libtorch is, so that no environment variable is needed to start.

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // torch-sys has found it by LIBTORCH, LIBTORCH_USE_PYTORCH or the link that `install` makes.
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    let Some(found) = std::env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
        panic!("torch-sys does not say where libtorch is; run backends/tch/install");
    };
    println!("cargo:rerun-if-changed={}", found.display());
    // The link may move; the program stays with what it was linked to.
    let lib = found.canonicalize().unwrap_or(found);
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", lib.display());
    println!("cargo:rustc-env=EXP_LIBTORCH={}", version(&lib));
    if lib.join("libtorch_cuda.so").is_file() {
        // Nothing refers to it by name, so the linker would drop it, and no CUDA device would ever be found.
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed,-ltorch_cuda,--as-needed");
        println!("cargo:rustc-cfg=libtorch_cuda");
    }
}

/// The version of libtorch, as its packages write it beside `lib`.
fn version(lib: &Path) -> String {
    let file = lib.parent().map(|root| root.join("build-version"));
    let text = file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default();
    if text.trim().is_empty() { "of unknown version".to_owned() } else { text.trim().to_owned() }
}
