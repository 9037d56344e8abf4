//! Images as pictures to look at: grids of tiles, panels with captions, PNG files.
//!
//! Owns the step from a model's numbers to 8 bits, the layout, and the file. It chooses no images and samples nothing.
//! In: values around [-1, 1] in NCHW. Out: a PNG, the same bytes for the same values.

mod grid;
mod panels;

pub use grid::{Picture, PictureError, eight_bits, legible_scale};
pub use panels::panels;
