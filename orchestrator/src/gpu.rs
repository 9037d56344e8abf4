//! What NVIDIA's GPUs are doing, as their management library tells (NVML, which comes with the driver and is loaded at run
//! time). Without the library, or of other devices, nothing is known.

use std::collections::BTreeSet;

use nvml_wrapper::{Device, Nvml};

/// Bytes in a MiB.
const MIB: f64 = (1 << 20) as f64;

/// The GPUs that a job computes on.
#[derive(Debug)]
pub struct Gpus {
    nvml: Nvml,
    /// Their numbers for the job, and how the library knows them.
    gpus: Vec<(usize, Name)>,
}

#[derive(Debug, Clone, PartialEq)]
enum Name {
    Index(u32),
    Uuid(String),
}

impl Gpus {
    /// Those among the devices of a job, such as `cpu` and `cuda:1`; none if nothing is known of them.
    pub fn of(devices: &[String]) -> Option<Gpus> {
        let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
        let gpus: Vec<_> =
            numbers(devices).into_iter().filter_map(|n| Some((n, name(n, visible.as_deref())?))).collect();
        if gpus.is_empty() {
            return None;
        }
        Some(Gpus { nvml: Nvml::init().ok()?, gpus })
    }

    /// Of each GPU the memory in use, by whomever, in MiB, and the share of the last moment in which it computed.
    pub fn usage(&self) -> Vec<(String, f64)> {
        let mut found = Vec::new();
        for (n, name) in &self.gpus {
            let Some(device) = self.device(name) else { continue };
            found.extend(
                device.memory_info().ok().map(|memory| (format!("gpu{n}_memory_mib"), memory.used as f64 / MIB)),
            );
            let rates = device.utilization_rates().ok();
            found.extend(rates.map(|rates| (format!("gpu{n}_use_percent"), f64::from(rates.gpu))));
        }
        found
    }

    fn device(&self, name: &Name) -> Option<Device<'_>> {
        match name {
            Name::Index(index) => self.nvml.device_by_index(*index),
            Name::Uuid(uuid) => self.nvml.device_by_uuid(uuid.as_str()),
        }
        .ok()
    }
}

/// The numbers of the GPUs among devices.
fn numbers(devices: &[String]) -> BTreeSet<usize> {
    devices
        .iter()
        .filter_map(|device| device.strip_prefix("cuda"))
        .filter_map(|rest| match rest.strip_prefix(':') {
            Some(number) => number.parse().ok(),
            None => rest.is_empty().then_some(0),
        })
        .collect()
}

/// How the library knows the GPU that CUDA numbers `n`, where `visible` are those that a process sees: numbers in the order
/// of the bus, or names, of which the library wants whole ones.
fn name(n: usize, visible: Option<&str>) -> Option<Name> {
    let Some(visible) = visible else { return u32::try_from(n).ok().map(Name::Index) };
    let word = visible.split(',').nth(n)?.trim();
    match word.parse() {
        Ok(index) => Some(Name::Index(index)),
        Err(_) => word.starts_with("GPU-").then(|| Name::Uuid(word.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_numbered_as_the_process_sees_them() {
        let devices = ["cuda:1", "cpu", "cuda", "cuda:1", "cuda:x", "cudax"].map(str::to_owned);
        assert_eq!(numbers(&devices), BTreeSet::from([0, 1]));
        assert_eq!(name(3, None), Some(Name::Index(3)));
        assert_eq!(name(1, Some("2, 5")), Some(Name::Index(5)));
        assert_eq!(name(0, Some("GPU-8f6a")), Some(Name::Uuid("GPU-8f6a".to_owned())));
        assert_eq!(name(2, Some("2,5")), None);
        assert_eq!(name(0, Some("MIG-1")), None);
    }
}
