//! Data sets as 8-bit images in memory, and the batches that training draws from them.
//!
//! Owns reading ([`open`]), looking ([`inspect`]), the one mapping from 8 bits to [-1, 1] ([`Dataset`]) and the order in which training sees them
//! ([`Feed`]). It does no noising and knows no engine: a batch is plain numbers on the host. A new data set is one
//! module here and one arm in [`open`].

mod cache;
mod dataset;
mod decode;
mod digits8;
mod feed;
mod inspect;
mod open;
mod pictures;
mod pixels;
mod source;

pub use cache::directory as cache_directory;
pub use dataset::{Batch, Dataset, Picks, Shape};
pub use feed::Feed;
pub use inspect::{Inspection, inspect};
pub use open::{DataError, check, open, open_kept};
