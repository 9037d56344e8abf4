//! Which faster ways are taken, which a device takes by itself, and which it has.

use exp_api::spec::FastPath;
use tch::Device;

/// A set of faster ways; each tensor carries it from its engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Paths {
    pub(crate) channels_last: bool,
    pub(crate) attention: bool,
    pub(crate) fused_blocks: bool,
    pub(crate) fused_update: bool,
    pub(crate) graph: bool,
    pub(crate) resident_data: bool,
}

/// Those that so many replicas on devices like this one take unless they are told otherwise. On the CPU none of them is faster: its
/// libraries lay images out as they like, and its kernels wait for arithmetic, not for memory. Only one replica records its
/// steps: while one records, no other thread of the process may compile or choose kernels.
pub(crate) fn usual(device: Device, replicas: usize) -> Vec<FastPath> {
    if !device.is_cuda() {
        return Vec::new();
    }
    let always = [FastPath::ChannelsLast, FastPath::Attention, FastPath::FusedBlocks, FastPath::FusedUpdate];
    always.into_iter().chain((replicas == 1).then_some(FastPath::Graph)).collect()
}

/// Whether a device has this one. What libtorch and the shim do anywhere is there on the CPU too, where it gains nothing.
pub(crate) fn has(device: Device, path: FastPath) -> bool {
    device.is_cuda() || [FastPath::Attention, FastPath::ResidentData].contains(&path)
}

impl Paths {
    /// The set of these.
    pub(crate) fn new(paths: &[FastPath]) -> Paths {
        let has = |path| paths.contains(&path);
        Paths {
            channels_last: has(FastPath::ChannelsLast),
            attention: has(FastPath::Attention),
            fused_blocks: has(FastPath::FusedBlocks),
            fused_update: has(FastPath::FusedUpdate),
            graph: has(FastPath::Graph),
            resident_data: has(FastPath::ResidentData),
        }
    }
}
