//! The digits of the quick start: 1,797 grey images of 8 x 8 with 17 levels, in ten classes, built into the program.
//!
//! They are the test part of the UCI set "Optical Recognition of Handwritten Digits" (source, licence and packing:
//! `LICENSES.md` beside this file). One PNG holds them as 43 tiles across and 42 down, reading order, level * 15 a
//! pixel; the labels are a text.
//!
//! A level l of 0..=16 is to be l / 16 * 2 - 1, so that the pen spans [-1, 1] as 8-bit pixels do. The data set keeps
//! round(l * 255 / 16), which the common mapping of 8 bits takes there: exactly at the ends, within 0.004 between.

use std::io::Cursor;

use image::ImageFormat;

use super::{DataError, Dataset, Shape};

const SHAPE: Shape = Shape { channels: 1, height: 8, width: 8 };
const ACROSS: usize = 43;
const DOWN: usize = 42;
const SHEET: &[u8] = include_bytes!("digits8.png");
const LABELS: &str = include_str!("digits8.labels");

/// Unpacks the digits, in the order of the original file.
///
/// # Errors
/// [`DataError::Embedded`] if the built-in files are damaged.
pub(super) fn open() -> Result<Dataset, DataError> {
    let sheet =
        image::load(Cursor::new(SHEET), ImageFormat::Png).map_err(|e| DataError::Embedded(e.to_string()))?.into_luma8();
    if sheet.dimensions() != ((ACROSS * SHAPE.width) as u32, (DOWN * SHAPE.height) as u32) {
        return Err(DataError::Embedded(format!("the sheet is {:?}", sheet.dimensions())));
    }
    let labels: Vec<u16> = LABELS.bytes().map(|digit| u16::from(digit.wrapping_sub(b'0'))).collect();
    if labels.len() > ACROSS * DOWN || labels.iter().any(|&label| label > 9) {
        return Err(DataError::Embedded("a label is no digit, or has no tile".to_owned()));
    }
    let mut pixels = Vec::with_capacity(labels.len() * SHAPE.values());
    for tile in 0..labels.len() {
        let (left, top) = (tile % ACROSS * SHAPE.width, tile / ACROSS * SHAPE.height);
        for row in top..top + SHAPE.height {
            let start = row * ACROSS * SHAPE.width + left;
            pixels.extend(sheet.as_raw()[start..start + SHAPE.width].iter().map(|&v| eight_bits(v / 15)));
        }
    }
    Dataset::new(SHAPE, pixels, labels)
}

/// A level of 0..=16 as 8 bits, rounded half up.
fn eight_bits(level: u8) -> u8 {
    ((u32::from(level.min(16)) * 255 + 8) / 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::sha256;

    #[test]
    fn levels_become_their_share_of_the_interval() -> Result<(), DataError> {
        let levels: Vec<u8> = (0..=16).collect();
        let shape = Shape { channels: 1, height: 1, width: 17 };
        let data = Dataset::new(shape, levels.iter().map(|&l| eight_bits(l)).collect(), vec![0])?;
        for (value, level) in data.first(1).images.into_iter().zip(levels) {
            let ideal = f32::from(level) / 16.0 * 2.0 - 1.0;
            assert!((value - ideal).abs() < 0.004, "level {level} is {value}");
            assert!(level % 16 != 0 || value == ideal);
        }
        Ok(())
    }

    #[test]
    fn the_digits_are_the_published_ones() -> Result<(), DataError> {
        let data = open()?;
        assert_eq!((data.len(), data.shape()), (1797, SHAPE));
        // Counts of the classes, and sums over the original levels, taken from the original file.
        let mut counts = [0; 10];
        data.labels().iter().for_each(|&label| counts[usize::from(label)] += 1);
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert_eq!(data.labels()[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let level = |v: &u8| (u32::from(*v) * 16 + 127) / 255;
        let first: Vec<u32> = data.image(0)[8..24].iter().map(level).collect();
        assert_eq!(first, [0, 0, 13, 15, 10, 15, 5, 0, 0, 3, 15, 2, 0, 11, 8, 0]);
        assert_eq!((0..1797).flat_map(|i| data.image(i)).map(level).sum::<u32>(), 561_718);
        assert_eq!(data.image(1796).iter().map(level).sum::<u32>(), 392);
        Ok(())
    }

    #[test]
    fn the_notice_names_the_files_as_they_are() {
        let notice = include_str!("LICENSES.md");
        for file in [SHEET, LABELS.as_bytes()] {
            let digest = sha256(file);
            assert!(notice.contains(&digest), "LICENSES.md does not hold {digest}");
        }
    }
}
