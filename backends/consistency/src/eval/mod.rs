//! Judging samples: how far their distribution lies from the data's.
//!
//! Owns the Frechet distance ([`frechet`]), the running [`Moments`] that it needs, and the features it is taken over:
//! pixels ([`FdPixel`]) or those of a network ([`Features`]), which FID's Inception is. Also the exact denoiser of a data
//! set (`ideal`) and what compares with it ([`pae`]), and [`statistics`] on disk. It samples nothing and writes no report.

mod fd_pixel;
mod features;
mod frechet;
pub(crate) mod ideal;
pub(crate) mod inception;
mod inception_score;
mod kid;
mod moments;
mod neighbours;
mod network;
pub mod pae;
pub(crate) mod resize;
pub mod statistics;

pub use fd_pixel::FdPixel;
pub use features::{Features, classifier};
pub use frechet::{EvalError, Frechet, Gaussian, frechet};
pub use inception_score::{Classifier, InceptionScore};
pub use kid::kid;
pub use moments::Moments;
pub use neighbours::precision_recall;
pub use network::Network;
