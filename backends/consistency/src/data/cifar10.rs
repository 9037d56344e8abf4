//! CIFAR-10 (Krizhevsky 2009): 50,000 training and 10,000 test images, colour, 32 x 32, ten classes.
//!
//! Owns decoding: the rows of the parquet files (`hub`), JPEG or PNG, become planes of 8 bits, on all cores. Note that
//! copies with JPEG inside are lossy: figures on them do not compare with published ones.

use std::io::Cursor;
use std::num::NonZero;
use std::path::Path;
use std::thread;

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader};

use super::hub::{self, Part};
use exp_api::spec::Split;

use super::{DataError, Dataset, Shape};

const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };
const CLASSES: u8 = 10;

/// Reads all images of `split` from `dir`.
///
/// # Errors
/// What is wrong with the folder or its files; of several faulty rows in a file, the first.
pub(super) fn open(dir: &Path, split: Split) -> Result<Dataset, DataError> {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for file in hub::files(dir, split)? {
        let part = hub::read(&file)?;
        for (row, &label) in part.labels.iter().enumerate() {
            let class = u8::try_from(label).ok().filter(|&class| class < CLASSES);
            labels.push(class.ok_or_else(|| DataError::Label { file: file.clone(), row, label, last: CLASSES - 1 })?);
        }
        pixels.append(&mut decode_all(&part)?);
    }
    Dataset::new(SHAPE, pixels, labels)
}

/// Decodes every picture; each thread takes a run of rows.
fn decode_all(part: &Part) -> Result<Vec<u8>, DataError> {
    let values = SHAPE.values();
    let mut pixels = vec![0; part.pictures.len() * values];
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let run = part.pictures.len().div_ceil(threads).max(1);
    let first_fault = thread::scope(|scope| {
        let runs: Vec<_> = pixels
            .chunks_mut(run * values)
            .enumerate()
            .map(|(thread, out)| {
                scope.spawn(move || {
                    let first = thread * run;
                    let rows = out.chunks_mut(values).enumerate();
                    rows.map(|(i, out)| decode(part, first + i, out)).find_map(Result::err)
                })
            })
            .collect();
        // In the order of the rows, so that the same fault is told however many threads there are.
        runs.into_iter().find_map(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    first_fault.map_or(Ok(pixels), Err)
}

/// Decodes picture `row` into `out`, from interleaved colours to planes. The size is checked before a pixel is decoded.
fn decode(part: &Part, row: usize, out: &mut [u8]) -> Result<(), DataError> {
    let fault = |source| DataError::Image { file: part.file.clone(), row, source };
    let reader = ImageReader::new(Cursor::new(part.pictures[row].data()));
    let reader = reader.with_guessed_format().map_err(|e| fault(ImageError::IoError(e)))?;
    let decoder = reader.into_decoder().map_err(fault)?;
    let (width, height) = decoder.dimensions();
    if (width as usize, height as usize) != (SHAPE.width, SHAPE.height) {
        return Err(DataError::Size {
            file: part.file.clone(),
            row,
            found: format!("{width}x{height}"),
            expected: format!("{}x{}", SHAPE.width, SHAPE.height),
        });
    }
    let colours = DynamicImage::from_decoder(decoder).map_err(fault)?.into_rgb8();
    let plane = SHAPE.height * SHAPE.width;
    for (i, pixel) in colours.pixels().enumerate() {
        for (channel, &value) in pixel.0.iter().enumerate() {
            out[channel * plane + i] = value;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use image::{ImageFormat, Rgb, RgbImage};

    use super::super::hub::tests::write;
    use super::*;

    fn encoded(size: u32, format: ImageFormat, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        RgbImage::from_fn(size, size, |x, y| Rgb(pixel(x, y))).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn pictures_become_planes_in_row_order() {
        let dir = tempfile::tempdir().unwrap();
        let picture = |i: u8| encoded(32, ImageFormat::Png, move |x, y| [x as u8, y as u8, i]);
        let pictures: Vec<Vec<u8>> = (0..7).map(picture).collect();
        let rows: Vec<_> = pictures.iter().zip(3..).map(|(p, label)| (Some(p.as_slice()), label)).collect();
        write(&dir.path().join("train-00000-of-00002.parquet"), "img", &rows[..5]);
        write(&dir.path().join("train-00001-of-00002.parquet"), "img", &rows[5..]);
        let data = open(dir.path(), Split::Train).unwrap();
        assert_eq!((data.len(), data.shape(), data.labels()), (7, SHAPE, &[3, 4, 5, 6, 7, 8, 9][..]));
        for i in 0..7 {
            let planes: Vec<&[u8]> = data.image(i).chunks(1024).collect();
            assert!((0..1024).all(|p| (planes[0][p], planes[1][p]) == ((p % 32) as u8, (p / 32) as u8)));
            assert!(planes[2].iter().all(|&v| v == i as u8));
        }
    }

    #[test]
    fn jpeg_is_read_too() {
        let dir = tempfile::tempdir().unwrap();
        let flat = encoded(32, ImageFormat::Jpeg, |_, _| [200, 100, 50]);
        write(&dir.path().join("test.parquet"), "image", &[(Some(&flat), 0)]);
        let data = open(dir.path(), Split::Test).unwrap();
        for (plane, expected) in data.image(0).chunks(1024).zip([200u8, 100, 50]) {
            assert!(plane.iter().all(|v| v.abs_diff(expected) <= 3), "{plane:?}");
        }
    }

    #[test]
    fn a_faulty_row_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("train.parquet");
        let good = encoded(32, ImageFormat::Png, |x, _| [x as u8; 3]);
        let large = encoded(33, ImageFormat::Png, |x, _| [x as u8; 3]);
        let fault = |rows: &[(Option<&[u8]>, i64)]| {
            write(&file, "img", rows);
            open(dir.path(), Split::Train).unwrap_err().to_string().replace(&*file.to_string_lossy(), "FILE")
        };
        let (good, large) = (Some(good.as_slice()), Some(large.as_slice()));
        let size = "FILE, row 2 (from 0): an image of 33x33, expected 32x32";
        assert_eq!(fault(&[(good, 0), (good, 0), (large, 0), (Some(b"junk"), 0)]), size);
        assert_eq!(fault(&[(good, 0), (good, 10)]), "FILE, row 1 (from 0): label 10 is not one of 0 to 9");
        for junk in [b"junk".as_slice(), b"", &good.unwrap()[..good.unwrap().len() / 2]] {
            let text = fault(&[(good, 0), (good, 1), (good, 2), (Some(junk), 3)]);
            assert!(text.starts_with("FILE, row 3 (from 0): "), "{text}");
        }
    }
}
