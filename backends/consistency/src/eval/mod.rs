//! Judging samples: how far their distribution lies from the data's.
//!
//! Owns the Frechet distance ([`frechet`]), the running [`Moments`] that it needs, and the features it is taken over:
//! here pixels ([`FdPixel`]). It samples nothing and writes no report.

mod fd_pixel;
mod frechet;
mod moments;

pub use fd_pixel::FdPixel;
pub use frechet::{EvalError, Frechet, Gaussian, frechet};
pub use moments::Moments;
