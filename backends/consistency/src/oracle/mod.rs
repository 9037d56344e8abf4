//! The oracle: the seam on plain arrays of `f64`, to which engines and formulas are compared.

mod doubles;
mod engine;
mod tensor;

pub(crate) use doubles::Doubles;
pub(crate) use engine::OracleEngine;
