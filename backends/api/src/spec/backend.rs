//! Where and how tensors are computed.

use crate::schema::{Kind, choice, group};

choice! {
    /// Number format of the forward and backward passes. Weights and optimiser state are always `f32`.
    pub enum Precision {
        /// 32-bit floats.
        F32 = "f32",
        /// 32-bit floats whose products a GPU rounds to 10 bits of mantissa before it sums them in 32.
        Tf32 = "tf32",
        /// 16-bit brain floats.
        Bf16 = "bf16",
    }
}

choice! {
    /// A faster way to the same values, to within rounding.
    pub enum FastPath {
        /// Images lie in memory with their channels innermost, as a GPU's convolutions want them.
        ChannelsLast = "channels_last",
        /// Attention without the matrix of its weights in memory.
        Attention = "attention",
        /// What stands between the convolutions of a residual block, bias, norm, activation, dropout, filter and sum, in as
        /// few kernels as it needs.
        FusedBlocks = "fused_blocks",
        /// All parameters are updated by one kernel, and their norm is taken by one.
        FusedUpdate = "fused_update",
        /// What computes the gradients of a step is recorded once and repeated as a whole, not asked for kernel by kernel. Of one
        /// replica.
        Graph = "graph",
        /// The images of the data set lie on the GPU, so that a step is sent which of them it gets and not what they are.
        ResidentData = "resident_data",
    }
}

group! {
    /// The backend group.
    pub struct BackendSpec {
        /// Which backend: `burn` is built in, any other name is an executable `exp-<name>`.
        name: String => Kind::Text;
        /// Device on which a run computes, such as `cpu` or `cuda:0`.
        device: String => Kind::Text;
        /// Devices that share each batch, one replica each; a device may be named twice. Null: chosen from `threads`.
        devices: Option<Vec<String>> => Kind::List { item: &Kind::Text, min: 1 }, nullable;
        /// CPU threads. Null: all cores. The resolved number is frozen, since sums depend on it.
        threads: Option<u64> => Kind::Int { min: 1, max: 1024 }, nullable;
        /// Number format of forward and backward passes.
        precision: Precision => Kind::Choice(Precision::WORDS);
        /// Whether a GPU only uses what repeats bit for bit. The CPU always does.
        deterministic: bool => Kind::Bool;
        /// The faster ways that are taken. Null: those that the device gains from.
        fast_paths: Option<Vec<FastPath>> => Kind::List { item: &Kind::Choice(FastPath::WORDS), min: 0 }, nullable;
    }
}

impl BackendSpec {
    /// The devices that do the work, a replica each.
    pub fn working(&self) -> &[String] {
        self.devices.as_deref().unwrap_or(std::slice::from_ref(&self.device))
    }
}
