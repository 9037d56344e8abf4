//! A data set, in memory or mapped into it.
//!
//! Owns the layout (8 bits a value, one plane a channel: NCHW) and the one mapping from 8 bits to the numbers that a
//! model sees. It does not read files and knows no order but the one that it was given.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::DataError;
use super::pixels::Pixels;
use crate::hash::hex;

/// The extent of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Planes: 1 is grey, 3 is red, green and blue.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// How many values one image has.
    pub fn values(self) -> usize {
        self.channels * self.height * self.width
    }

    /// The sizes of a tensor of `count` images, `[N,C,H,W]`.
    pub fn batch(self, count: usize) -> [usize; 4] {
        [count, self.channels, self.height, self.width]
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}

/// Images with labels: at least one, all of one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    shape: Shape,
    pixels: Pixels,
    labels: Vec<u16>,
    skipped: Vec<String>,
    scaled: Option<String>,
}

impl Dataset {
    /// A data set of `pixels` in NCHW order, with one label an image.
    ///
    /// # Errors
    /// [`DataError::Extent`] when they do not fit together, when there is no image, or when a 32-bit number cannot
    /// count them.
    pub fn new(shape: Shape, pixels: Vec<u8>, labels: Vec<u16>) -> Result<Dataset, DataError> {
        Dataset::of(shape, Pixels::Own(pixels), labels)
    }

    /// The same of pixels wherever they are.
    pub(super) fn of(shape: Shape, pixels: Pixels, labels: Vec<u16>) -> Result<Dataset, DataError> {
        let countable = u32::try_from(labels.len()).is_ok_and(|n| n > 0);
        if !countable || shape.values() == 0 || pixels.len() != labels.len() * shape.values() {
            return Err(DataError::Extent { pixels: pixels.len(), labels: labels.len(), shape });
        }
        Ok(Dataset { shape, pixels, labels, skipped: Vec::new(), scaled: None })
    }

    /// The same, with the reasons why pictures were left out of it.
    #[must_use]
    pub(super) fn without(self, skipped: Vec<String>) -> Dataset {
        Dataset { skipped, ..self }
    }

    /// Why pictures were left out: one reason a picture.
    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// The same, made of pictures of these widths and heights.
    #[must_use]
    pub(super) fn of_sizes(self, sizes: &BTreeSet<(u32, u32)>) -> Dataset {
        let own = (self.shape.width as u32, self.shape.height as u32);
        let scaled = match sizes.iter().collect::<Vec<_>>()[..] {
            [(width, height)] if (*width, *height) != own => Some(format!("scaled from {width}x{height}")),
            [] | [_] => None,
            _ => Some("scaled".to_owned()),
        };
        self.told(scaled)
    }

    /// The same, with how its pictures came to their size.
    #[must_use]
    pub(super) fn told(self, scaled: Option<String>) -> Dataset {
        Dataset { scaled, ..self }
    }

    /// How pictures of other sizes came to this one, in words.
    pub fn scaled(&self) -> Option<&str> {
        self.scaled.as_deref()
    }

    /// The pixels of the images of `range`, one after the other.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn bytes(&self, range: Range<usize>) -> &[u8] {
        let values = self.shape.values();
        &self.pixels[range.start * values..range.end * values]
    }

    /// The shape of every image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How many images there are; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The class of every image.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// SHA-256 of its pixels and labels, in hexadecimal: what it is, wherever it lies.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.pixels[..]);
        self.labels.iter().for_each(|label| hash.update(label.to_le_bytes()));
        hex(hash.finalize())
    }

    /// The pixels of image `index`, plane by plane.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn image(&self, index: usize) -> &[u8] {
        let values = self.shape.values();
        &self.pixels[index * values..(index + 1) * values]
    }

    /// The values of image `index` in [-1, 1], plane by plane.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn signed(&self, index: usize) -> impl Iterator<Item = f32> {
        self.image(index).iter().map(|&value| signed(value))
    }

    /// The numbers of all images, so many at a time.
    pub fn blocks(&self, size: usize) -> impl Iterator<Item = Range<usize>> {
        let count = self.len();
        (0..count).step_by(size).map(move |first| first..(first + size).min(count))
    }

    /// The first `n` images in their own order, never flipped; all of them when there are fewer.
    pub fn first(&self, n: usize) -> Batch {
        self.range(0..n.min(self.len()))
    }

    /// The images of `range` in their own order, never flipped.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn range(&self, range: Range<usize>) -> Batch {
        let mut batch = Batch::default();
        for index in range {
            batch.push(self, index, false);
        }
        batch
    }

    /// The images of a batch.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn picked(&self, picks: Picks) -> Batch {
        let mut batch = Batch::default();
        batch.images.reserve_exact(picks.numbers.len() * self.shape.values());
        for (&number, &flip) in picks.numbers.iter().zip(picks.flipped) {
            batch.push(self, number as usize, flip);
        }
        batch
    }
}

/// Which images of a data set a batch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picks<'a> {
    /// Their numbers in the data set.
    pub numbers: &'a [u32],
    /// Whether each is mirrored left to right.
    pub flipped: &'a [bool],
}

/// Images as a model sees them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Values in [-1, 1], NCHW.
    pub images: Vec<f32>,
    /// One class an image.
    pub labels: Vec<u16>,
}

impl Batch {
    /// Appends image `index` of `data`, mirrored left to right if `flip`.
    fn push(&mut self, data: &Dataset, index: usize, flip: bool) {
        let pixels = data.image(index);
        if flip {
            let rows = pixels.chunks_exact(data.shape.width);
            self.images.extend(rows.flat_map(|row| row.iter().rev().map(|&v| signed(v))));
        } else {
            self.images.extend(pixels.iter().map(|&v| signed(v)));
        }
        self.labels.push(data.labels[index]);
    }
}

/// From 8 bits to [-1, 1], in this order of operations: v / 255 * 2 - 1.
fn signed(value: u8) -> f32 {
    f32::from(value) / 255.0 * 2.0 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { channels: 2, height: 1, width: 3 };

    #[test]
    fn eight_bits_span_the_interval() {
        assert_eq!((signed(0), signed(255)), (-1.0, 1.0));
        assert!((0..=254).all(|v| signed(v) < signed(v + 1)));
        assert!((signed(51) + 0.6).abs() < 1e-7);
    }

    #[test]
    fn a_flip_mirrors_the_rows_of_each_plane() -> Result<(), DataError> {
        let data = Dataset::new(SHAPE, vec![0, 51, 102, 153, 204, 255], vec![7])?;
        let mut batch = Batch::default();
        batch.push(&data, 0, true);
        assert_eq!(batch.images, [102, 51, 0, 255, 204, 153].map(signed));
        assert_eq!(batch.labels, [7]);
        Ok(())
    }

    #[test]
    fn the_first_images_keep_their_order() -> Result<(), DataError> {
        let data = Dataset::new(SHAPE, (0..18).collect(), vec![2, 1, 0])?;
        assert_eq!(data.image(1), [6, 7, 8, 9, 10, 11]);
        let batch = data.first(2);
        assert_eq!(batch.images, (0..12).map(signed).collect::<Vec<_>>());
        assert_eq!(batch.labels, [2, 1]);
        assert_eq!(data.range(1..3).labels, [1, 0]);
        assert_eq!(data.first(99).labels, [2, 1, 0]);
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (pixels, labels) in [(0, 0), (6, 2), (7, 1), (5, 1)] {
            let text = Dataset::new(SHAPE, vec![0; pixels], vec![0; labels]).map_err(|e| e.to_string());
            assert_eq!(
                text,
                Err(format!("{pixels} pixels and {labels} labels do not make a data set of 2x1x3 images"))
            );
        }
    }
}
