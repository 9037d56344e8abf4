//! Where and how tensors are computed.

use crate::schema::{Kind, at_least, choice, group};

choice! {
    /// Number format of the forward and backward passes. Weights and optimiser state are always `f32`.
    pub enum Precision {
        /// 32-bit floats.
        F32 = "f32",
        /// 16-bit brain floats.
        Bf16 = "bf16",
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
        threads: Option<u64> => at_least(1), nullable;
        /// Number format of forward and backward passes.
        precision: Precision => Kind::Choice(Precision::WORDS);
    }
}
