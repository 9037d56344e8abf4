//! What every block of one forward pass sees.

use super::dropout::Pass;
use crate::params::Params;

/// The parameters, the condition and what the pass is for. `C` is optional where a network need not have one.
pub struct Forward<'a, T, C = T> {
    /// The parameters.
    pub theta: &'a Params<T>,
    /// The embedding of the noise level (and class) as blocks read it, `[B,width]`.
    pub condition: C,
    /// What the pass is for.
    pub pass: Pass,
}
