//! A grid of images, enlarged until they can be made out, and its file.

use std::io::{self, Write};
use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{ExtendedColorType, ImageEncoder, ImageError};
use thiserror::Error;

use crate::data::Shape;
use crate::files::whole;

/// Pixels between tiles.
const GAP: usize = 4;
const WHITE: u8 = 255;
/// Side from which a tile can be made out.
const LEGIBLE: usize = 40;

/// A picture of 8 bits, grey or RGB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub(super) width: usize,
    pub(super) height: usize,
    /// 1 or 3.
    pub(super) channels: usize,
    /// Row by row, the channels of a pixel side by side.
    pub(super) pixels: Vec<u8>,
}

/// Why there is no picture.
#[derive(Debug, Error)]
pub enum PictureError {
    /// A number of channels that is neither grey nor RGB.
    #[error("{0} channels are neither grey (1) nor RGB (3)")]
    Channels(usize),
    /// Values that make no whole number of images, or none at all.
    #[error("{values} values do not make images of {shape}")]
    Extent {
        /// How many values there are.
        values: usize,
        /// The shape of one image.
        shape: Shape,
    },
    /// The picture cannot be encoded.
    #[error("cannot encode the picture: {0}")]
    Encode(#[from] ImageError),
    /// The file cannot be written.
    #[error("cannot write the picture: {0}")]
    Write(#[from] io::Error),
}

/// A value around [-1, 1] as 8 bits: (x + 1) / 2 clipped to [0, 1], times 255, **truncated** as the reference system
/// does. NaN is 0.
pub fn eight_bits(value: f32) -> u8 {
    (((value + 1.0) * 0.5).clamp(0.0, 1.0) * 255.0) as u8
}

/// Every value as 8 bits: [`eight_bits`].
pub fn quantised(images: &[f32]) -> Vec<u8> {
    images.iter().map(|&value| eight_bits(value)).collect()
}

/// The least whole enlargement that makes an image's shorter side 40 pixels or more.
pub fn legible_scale(shape: Shape) -> usize {
    LEGIBLE.div_ceil(shape.height.min(shape.width).max(1))
}

impl Picture {
    /// Tiles 8-bit `images` (NCHW, `shape` each) over `columns` columns, reading order, each pixel drawn `scale` times
    /// `scale`.
    ///
    /// # Errors
    /// Neither grey nor RGB; values that make no whole number of images, or none.
    pub fn grid(images: &[u8], shape: Shape, columns: usize, scale: usize) -> Result<Picture, PictureError> {
        if !matches!(shape.channels, 1 | 3) {
            return Err(PictureError::Channels(shape.channels));
        }
        let values = shape.values();
        if images.is_empty() || values == 0 || !images.len().is_multiple_of(values) {
            return Err(PictureError::Extent { values: images.len(), shape });
        }
        let scale = scale.max(1);
        let (tile_width, tile_height) = (shape.width * scale + GAP, shape.height * scale + GAP);
        let count = images.len() / values;
        let columns = columns.clamp(1, count);
        let rows = count.div_ceil(columns);
        let mut picture = Picture::blank(columns * tile_width - GAP, rows * tile_height - GAP, shape.channels);
        for (i, image) in images.chunks(values).enumerate() {
            picture.tile(i % columns * tile_width, i / columns * tile_height, image, shape, scale);
        }
        Ok(picture)
    }

    /// The picture as PNG.
    ///
    /// # Errors
    /// [`PictureError::Encode`] when the picture is too large for the format.
    pub fn png(&self) -> Result<Vec<u8>, PictureError> {
        let colour = if self.channels == 3 { ExtendedColorType::Rgb8 } else { ExtendedColorType::L8 };
        let mut bytes = Vec::new();
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive).write_image(
            &self.pixels,
            self.width as u32,
            self.height as u32,
            colour,
        )?;
        Ok(bytes)
    }

    /// Writes the PNG to `path`, whole or not at all.
    ///
    /// # Errors
    /// The folder is missing, full or closed to us.
    pub fn save(&self, path: &Path) -> Result<(), PictureError> {
        let bytes = self.png()?;
        Ok(whole(path, |file| file.write_all(&bytes))?)
    }

    /// A white picture.
    pub(super) fn blank(width: usize, height: usize, channels: usize) -> Picture {
        Picture { width, height, channels, pixels: vec![WHITE; width * height * channels] }
    }

    /// The channels of one pixel.
    pub(super) fn pixel(&mut self, x: usize, y: usize) -> &mut [u8] {
        let at = (y * self.width + x) * self.channels;
        &mut self.pixels[at..at + self.channels]
    }

    /// Draws one image with its upper left corner at (`left`, `top`).
    fn tile(&mut self, left: usize, top: usize, image: &[u8], shape: Shape, scale: usize) {
        for (channel, plane) in image.chunks(shape.height * shape.width).enumerate() {
            for y in 0..shape.height * scale {
                for x in 0..shape.width * scale {
                    self.pixel(left + x, top + y)[channel] = plane[y / scale * shape.width + x / scale];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const GREY: Shape = Shape { channels: 1, height: 1, width: 2 };

    #[test]
    fn eight_bits_clip_and_truncate() {
        let cases = [
            (-1.0, 0),
            (-7.0, 0),
            (1.0, 255),
            (9.0, 255),
            (0.0, 127),
            (0.999, 254),
            (f32::NAN, 0),
            (f32::INFINITY, 255),
        ];
        for (value, expected) in cases {
            assert_eq!(eight_bits(value), expected, "{value}");
        }
    }

    #[test]
    fn a_grid_is_laid_out_in_reading_order() {
        // Three images of 1 x 2 in two columns, each pixel twice as large: tiles of 4 x 2, four white pixels between.
        let picture = Picture::grid(&[0, 127, 0, 0, 127, 0], GREY, 2, 2).unwrap();
        assert_eq!((picture.width, picture.height), (12, 8));
        let (a, b, c) = ([0, 0, 127, 127], [0; 4], [127, 127, 0, 0]);
        let w = [255; 12];
        let top = [&a[..], &w[..4], &b].concat();
        let bottom = [&c[..], &w[..8]].concat();
        assert_eq!(picture.pixels, [&top[..], &top, &w, &w, &w, &w, &bottom, &bottom].concat());
    }

    #[test]
    fn planes_become_colours_and_the_png_holds_them() {
        let shape = Shape { channels: 3, height: 1, width: 2 };
        let picture = Picture::grid(&[255, 0, 127, 127, 0, 255], shape, 9, 1).unwrap();
        let bytes = picture.png().unwrap();
        let back = image::load_from_memory(&bytes).unwrap();
        assert_eq!(back.as_rgb8().unwrap().as_raw(), &[255, 127, 0, 0, 127, 255]);
        assert_eq!(bytes, picture.png().unwrap());
    }

    #[test]
    fn what_makes_no_grid_is_refused() {
        let text = |values, channels| {
            let shape = Shape { channels, ..GREY };
            Picture::grid(&vec![0; values], shape, 1, 1).map(|_| ()).map_err(|e| e.to_string())
        };
        assert_eq!(text(4, 2), Err("2 channels are neither grey (1) nor RGB (3)".to_owned()));
        assert_eq!(text(3, 1), Err("3 values do not make images of 1x1x2".to_owned()));
        assert_eq!(text(0, 1), Err("0 values do not make images of 1x1x2".to_owned()));
        assert_eq!(text(2, 1), Ok(()));
    }

    #[test]
    fn a_saved_picture_replaces_the_old_one_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("grid.png");
        for value in [0, 255] {
            let picture = Picture::grid(&[value; 2], GREY, 1, 1).unwrap();
            picture.save(&path).unwrap();
            assert_eq!(fs::read(&path).unwrap(), picture.png().unwrap());
        }
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        let absent = dir.path().join("absent/grid.png");
        assert!(matches!(Picture::grid(&[0; 2], GREY, 1, 1).unwrap().save(&absent), Err(PictureError::Write(_))));
    }

    #[test]
    fn small_images_are_enlarged_until_they_can_be_seen() {
        let square = |side| legible_scale(Shape { channels: 1, height: side, width: side });
        assert_eq!([8, 28, 32, 64].map(square), [5, 2, 2, 1]);
    }
}
