//! The oracle: the seam on plain arrays of `f64`, to which engines and formulas are compared.

mod doubles;
#[cfg(test)]
mod engine;
mod tensor;

pub(crate) use doubles::Doubles;
#[cfg(test)]
pub(crate) use engine::OracleEngine;
