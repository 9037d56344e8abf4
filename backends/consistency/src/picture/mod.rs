//! Images as pictures to look at: grids of tiles, panels with captions, PNG files.
//!
//! Owns the step from a model's numbers to 8 bits ([`quantised`]), the layout, and the file. It chooses no images and samples nothing.
//! In: 8-bit values in NCHW. Out: a PNG, the same bytes for the same values.

mod grid;
mod panels;

pub use grid::{Picture, PictureError, eight_bits, legible_scale, quantised};
pub use panels::panels;
