//! What a process that works on a run is and finds around it: one line of `environment.jsonl` each time that one starts.

use std::fs::{read_dir, read_to_string};
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::OnceLock;

use exp_api::DeviceInfo;
use serde_json::{Value, json};

use crate::files::lines;

/// The file in a run directory.
pub const ENVIRONMENT: &str = "environment.jsonl";

/// Adds a line about this machine, and the devices of the backend that works here, to a run directory. No variable of the
/// environment is written down: some hold secrets.
///
/// # Errors
/// The directory cannot be written.
pub fn record(dir: &Path, started: &str, devices: &[DeviceInfo]) -> io::Result<()> {
    let devices: Vec<Value> =
        devices.iter().map(|device| json!({"name": device.name, "description": device.description})).collect();
    // A sweep starts many programs from one process.
    static HERE: OnceLock<Value> = OnceLock::new();
    let mut line = json!({"started": started});
    if let (Value::Object(line), Value::Object(here)) = (&mut line, HERE.get_or_init(here)) {
        line.extend(here.clone());
        line.insert("devices".to_owned(), devices.into());
    }
    lines(&dir.join(ENVIRONMENT))?.write_all(format!("{line}\n").as_bytes())
}

fn here() -> Value {
    json!({
        "exp": env!("CARGO_PKG_VERSION"),
        "command": std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>(),
        "host": line_of("/proc/sys/kernel/hostname"),
        "kernel": line_of("/proc/sys/kernel/osrelease"),
        "cpu": cpu(),
        "cores": std::thread::available_parallelism().ok().map(usize::from),
        "memory_mib": memory_mib(),
        "gpus": gpus(),
        "gpu_driver": line_of("/proc/driver/nvidia/version"),
    })
}

fn line_of(path: &str) -> Option<String> {
    read_to_string(path).ok()?.lines().next().map(str::to_owned)
}

/// The value behind a label, of lines such as `model name : X`.
fn labelled(text: &str, label: &str) -> Option<String> {
    text.lines().find_map(|line| Some(line.strip_prefix(label)?.split_once(':')?.1.trim().to_owned()))
}

/// The model of the first processor; the file has a part for each, of which the kernel makes only what is read.
fn cpu() -> Option<String> {
    let mut first = [0; 1024];
    let size = std::fs::File::open("/proc/cpuinfo").ok()?.read(&mut first).ok()?;
    labelled(&String::from_utf8_lossy(&first[..size]), "model name")
}

fn memory_mib() -> Option<u64> {
    let kib = labelled(&read_to_string("/proc/meminfo").ok()?, "MemTotal")?;
    Some(kib.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
}

/// The models of the GPUs that NVIDIA's driver lists.
fn gpus() -> Vec<String> {
    let folders = read_dir("/proc/driver/nvidia/gpus").into_iter().flatten().flatten();
    let model = |folder: std::fs::DirEntry| labelled(&read_to_string(folder.path().join("information")).ok()?, "Model");
    folders.filter_map(model).collect()
}
