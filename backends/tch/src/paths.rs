//! Which faster ways are taken, and which a device has.

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

/// All that a device has. On the CPU none of them is faster: its libraries lay images out as they like, and its kernels
/// wait for arithmetic, not for memory.
pub(crate) fn of(device: Device) -> Vec<FastPath> {
    match device {
        Device::Cuda(_) => {
            vec![
                FastPath::ChannelsLast,
                FastPath::Attention,
                FastPath::FusedBlocks,
                FastPath::FusedUpdate,
                FastPath::Graph,
                FastPath::ResidentData,
            ]
        }
        _ => Vec::new(),
    }
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
