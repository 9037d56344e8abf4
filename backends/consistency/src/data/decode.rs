//! From encoded pictures to planes of 8 bits, on all cores.
//!
//! A picture that says how it is to be turned, as those of cameras do, is turned first. One of another size than the data
//! set's is refused, or scaled so that it covers the square and cut at its middle. Note that copies with JPEG inside are
//! lossy: figures on them do not compare with published ones.

use std::io::Cursor;
use std::num::NonZero;
use std::thread;

use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, RgbImage};
use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::source::{Part, Pictures};
use super::{DataError, Shape};

/// Pixels of the largest picture that is decoded.
const LARGEST: u64 = 1 << 28;

/// What pictures become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit {
    /// Their shape: one channel or three.
    pub(super) shape: Shape,
    /// Refuses another size, rather than scaling it.
    pub(super) exact: bool,
}

impl Fit {
    /// Decodes all pictures of a part: their planes, one picture after the other, and what is wrong with which of them.
    /// The planes of a faulty one are 0.
    pub(super) fn decode(self, part: &Part) -> (Vec<u8>, Vec<(usize, DataError)>) {
        let values = self.shape.values();
        let count = part.labels.len();
        let mut planes = vec![0; count * values];
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let run = count.div_ceil(threads).max(1);
        let faults = thread::scope(|scope| {
            let runs: Vec<_> = planes
                .chunks_mut(run * values)
                .enumerate()
                .map(|(thread, out)| {
                    scope.spawn(move || {
                        let rows = out.chunks_mut(values).enumerate().map(|(i, out)| (thread * run + i, out));
                        rows.filter_map(|(row, out)| Some((row, self.one(part, row, out).err()?))).collect::<Vec<_>>()
                    })
                })
                .collect();
            runs.into_iter()
                .flat_map(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        (planes, faults)
    }

    /// What is wrong with which pictures of a part, as [`Fit::decode`] finds it.
    pub(super) fn faults(self, part: &Part) -> Vec<(usize, DataError)> {
        let Pictures::Encoded(pictures) = &part.pictures else { return Vec::new() };
        let fault = |row: usize| Some((row, self.picture(pictures[row].data(), || part.place(row)).err()?));
        (0..pictures.len()).into_par_iter().filter_map(fault).collect()
    }

    fn one(self, part: &Part, row: usize, out: &mut [u8]) -> Result<(), DataError> {
        let Shape { channels, height, width } = self.shape;
        let place = || part.place(row);
        let found = match &part.pictures {
            Pictures::Planes(planes) => {
                let planes = &planes[row * 3072..(row + 1) * 3072];
                if (channels, height, width) == (3, 32, 32) {
                    out.copy_from_slice(planes);
                    return Ok(());
                }
                RgbImage::from_fn(32, 32, |x, y| {
                    image::Rgb([0, 1, 2].map(|c| planes[c * 1024 + (y * 32 + x) as usize]))
                })
                .into()
            }
            Pictures::Encoded(pictures) => self.picture(pictures[row].data(), place)?,
        };
        let (across, down) = (found.width() as usize, found.height() as usize);
        let found = match (across, down) == (width, height) {
            true => found,
            false if self.exact => {
                let [found, expected] = [(across, down), (width, height)].map(|(w, h)| format!("{w}x{h}"));
                return Err(DataError::Size { place: place(), found, expected });
            }
            false => found.resize_to_fill(width as u32, height as u32, FilterType::Lanczos3),
        };
        match channels {
            1 => out.copy_from_slice(found.into_luma8().as_raw()),
            _ => {
                for (i, pixel) in found.into_rgb8().pixels().enumerate() {
                    for (channel, &value) in pixel.0.iter().enumerate() {
                        out[channel * height * width + i] = value;
                    }
                }
            }
        }
        Ok(())
    }

    /// The size is looked at before a pixel is decoded.
    fn picture(self, bytes: &[u8], place: impl Fn() -> String) -> Result<DynamicImage, DataError> {
        let fault = |source| DataError::Image { place: place(), source };
        let mut decoder = decoder(bytes).map_err(fault)?;
        let (width, height) = dimensions(&mut decoder);
        if u64::from(width) * u64::from(height) > LARGEST {
            return Err(DataError::TooLarge { place: place(), found: format!("{width}x{height}") });
        }
        if self.exact && (width as usize, height as usize) != (self.shape.width, self.shape.height) {
            let expected = format!("{}x{}", self.shape.width, self.shape.height);
            return Err(DataError::Size { place: place(), found: format!("{width}x{height}"), expected });
        }
        let turned = orientation(&mut decoder);
        let mut picture = DynamicImage::from_decoder(decoder).map_err(fault)?;
        picture.apply_orientation(turned);
        Ok(picture)
    }
}

fn decoder(bytes: &[u8]) -> Result<impl ImageDecoder + '_, ImageError> {
    ImageReader::new(Cursor::new(bytes)).with_guessed_format()?.into_decoder()
}

/// How a picture is to be turned before it is looked at; one whose word on it is damaged is left as it lies.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

/// Width and height of a picture as it is looked at.
fn dimensions(decoder: &mut impl ImageDecoder) -> (u32, u32) {
    let (width, height) = decoder.dimensions();
    match orientation(decoder) {
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => {
            (height, width)
        }
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => (width, height),
    }
}

/// Width and height of every picture of a part, from its head alone; nothing for one that has none.
pub(super) fn sizes(part: &Part) -> Vec<Option<(u32, u32)>> {
    match &part.pictures {
        Pictures::Planes(_) => vec![Some((32, 32)); part.labels.len()],
        Pictures::Encoded(pictures) => {
            let size = |bytes: &[u8]| Some(dimensions(&mut decoder(bytes).ok()?));
            pictures.par_iter().map(|picture| size(picture.data())).collect()
        }
    }
}
