//! From a data set's images to the 299x299 that Inception sees, in the four ways in which FID is computed.
//!
//! They differ more than they look: figures of one way are not those of another (Parmar et al. 2022, "On Aliased Resizing
//! and Surprising Subtleties in GAN Evaluation"). Each is separable; a line of pixels is resized by fixed weights. In:
//! 8-bit images. Out: values as the network wants them.

use crate::data::Shape;

/// Side of Inception's images.
pub const SIDE: usize = 299;

/// A way of resizing and standardising.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// TensorFlow 1's bilinear, whose pixels have corners for centres: the papers'.
    Tf,
    /// Pillow's bilinear on 8 bits: the score-guided system's.
    Pil,
    /// Bilinear between centres: pytorch-fid's.
    Torch,
    /// Pillow's bicubic on floats: clean-fid's.
    Clean,
}

/// The inputs of one output pixel on a line: from `first` on, one weight each.
#[derive(Debug, Clone, PartialEq)]
struct Window {
    first: usize,
    weights: Vec<f64>,
}

impl Resize {
    /// One image of `shape`, plane by plane, as `[3,299,299]`; grey becomes colour.
    pub fn apply(self, pixels: &[u8], shape: Shape) -> Vec<f32> {
        let planes: Vec<Vec<f32>> =
            pixels.chunks(shape.height * shape.width).map(|plane| self.plane(plane, shape, SIDE)).collect();
        (0..3).flat_map(|channel| planes[channel.min(planes.len() - 1)].iter().map(|&v| self.standardised(v))).collect()
    }

    /// One plane of `side`x`side` values from 0 to 255.
    pub(crate) fn plane(self, plane: &[u8], shape: Shape, side: usize) -> Vec<f32> {
        let Shape { height, width, .. } = shape;
        let (across, down) = (self.windows(width, side), self.windows(height, side));
        let rows: Vec<f64> = plane
            .chunks(width)
            .flat_map(|row| across.iter().map(|window| self.rounded(window.over(|x| f64::from(row[x])))))
            .collect();
        down.iter()
            .flat_map(|window| (0..side).map(|x| window.over(|y| rows[y * side + x])))
            .map(|value| self.clipped(self.rounded(value)) as f32)
            .collect()
    }

    /// What the network sees of a value from 0 to 255.
    pub(crate) fn standardised(self, value: f32) -> f32 {
        match self {
            Resize::Tf | Resize::Clean => (value - 128.0) / 128.0,
            Resize::Pil | Resize::Torch => value / 255.0 * 2.0 - 1.0,
        }
    }

    /// Pillow keeps 8-bit images at 8 bits, after rows and after columns.
    fn rounded(self, value: f64) -> f64 {
        if self == Resize::Pil { (value + 0.5).floor().clamp(0.0, 255.0) } else { value }
    }

    /// clean-fid clips where bicubic weights overshoot, but not between rows and columns (its 0.1.35, `resize.py`).
    fn clipped(self, value: f64) -> f64 {
        if self == Resize::Clean { value.clamp(0.0, 255.0) } else { value }
    }

    /// The window of each of `side` output pixels over a line of `from` pixels.
    fn windows(self, from: usize, side: usize) -> Vec<Window> {
        let scale = from as f64 / side as f64;
        (0..side)
            .map(|out| match self {
                Resize::Tf => between(out as f64 * scale, from),
                Resize::Torch => between((out as f64 + 0.5) * scale - 0.5, from),
                Resize::Pil => filtered(out, scale, from, 1.0, |x| 1.0 - x.abs()),
                Resize::Clean => filtered(out, scale, from, 2.0, cubic),
            })
            .map(|window| if self == Resize::Pil { window.fixed_point() } else { window })
            .collect()
    }
}

impl Window {
    fn over(&self, value: impl Fn(usize) -> f64) -> f64 {
        self.weights.iter().enumerate().map(|(i, weight)| weight * value(self.first + i)).sum()
    }

    /// Weights as Pillow rounds them for 8-bit images, to 22 binary places.
    fn fixed_point(self) -> Window {
        const ONE: f64 = (1u32 << 22) as f64;
        Window { weights: self.weights.iter().map(|weight| (weight * ONE).round() / ONE).collect(), ..self }
    }
}

/// Between the two pixels around `place`, held inside the line.
fn between(place: f64, from: usize) -> Window {
    let place = place.clamp(0.0, (from - 1) as f64);
    let first = (place.floor() as usize).min(from.saturating_sub(2));
    let share = place - first as f64;
    Window { first, weights: if from == 1 { vec![1.0] } else { vec![1.0 - share, share] } }
}

/// Pillow's resampling: a filter around the pixel's centre, widened where the line shrinks, cut at the line's ends.
fn filtered(out: usize, scale: f64, from: usize, support: f64, filter: impl Fn(f64) -> f64) -> Window {
    let widened = scale.max(1.0);
    let (centre, reach) = ((out as f64 + 0.5) * scale, support * widened);
    let first = (centre - reach + 0.5).max(0.0) as usize;
    let last = ((centre + reach + 0.5) as usize).min(from);
    let weights: Vec<f64> = (first..last)
        .map(|x| (x as f64 - centre + 0.5) / widened)
        .map(|x| if x.abs() < support { filter(x) } else { 0.0 })
        .collect();
    let sum: f64 = weights.iter().sum();
    Window { first, weights: weights.iter().map(|weight| weight / sum).collect() }
}

/// Keys' cubic convolution with a = -1/2 (Keys 1981).
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    match x.abs() {
        x if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
        x => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { channels: 1, height: 32, width: 32 };

    #[test]
    fn a_flat_image_stays_flat() {
        for way in [Resize::Tf, Resize::Pil, Resize::Torch, Resize::Clean] {
            let found = way.plane(&[77; 1024], SHAPE, SIDE);
            assert!(found.len() == SIDE * SIDE && found.iter().all(|v| (v - 77.0).abs() < 1e-4), "{way:?}");
        }
    }

    /// On a ramp each way shows where it takes the centre of a pixel to be.
    #[test]
    fn a_ramp_tells_the_ways_apart() {
        let ramp: Vec<u8> = (0..1024).map(|i| (i % 32 * 8) as u8).collect();
        let at = |way: Resize, x: usize| f64::from(way.plane(&ramp, SHAPE, SIDE)[150 * SIDE + x]);
        let scale = 32.0 / 299.0;
        assert!((at(Resize::Tf, 100) - 8.0 * 100.0 * scale).abs() < 1e-4);
        assert!((at(Resize::Torch, 100) - 8.0 * (100.5 * scale - 0.5)).abs() < 1e-4);
        assert!((at(Resize::Clean, 100) - 8.0 * (100.5 * scale - 0.5)).abs() < 1e-4);
        assert_eq!(at(Resize::Pil, 100), (8.0 * (100.5 * scale - 0.5)).round());
        assert_eq!(at(Resize::Tf, 298), 248.0);
    }

    /// Pillow 13.0.0 on floats, `BICUBIC`, then clean-fid's clip: a quarter of 8x8 pixels is white. Bicubic weights overshoot
    /// at the edge to -20.3 and 294.2. Where both lines undershoot, their product is above 0 again: a clip of
    /// the rows alone would lose it.
    #[test]
    fn an_edge_is_clipped_as_clean_fid_clips_it() {
        let image: Vec<u8> = (0..64).map(|i| if i / 8 >= 4 && i % 8 >= 4 { 255 } else { 0 }).collect();
        let found = Resize::Clean.plane(&image, Shape { channels: 1, height: 8, width: 8 }, SIDE);
        let pillow = [
            (112, 112, 1.035_637_3),
            (120, 120, 1.334_112_9),
            (149, 149, 63.75),
            (149, 130, 0.0),
            (170, 120, 0.0),
            (180, 180, 255.0),
            (160, 140, 45.746_28),
            (149, 180, 136.943_47),
        ];
        for (row, column, expected) in pillow {
            let value = f64::from(found[row * SIDE + column]);
            assert!((value - expected).abs() < 1e-4, "{row}, {column}: {value} is not {expected}");
        }
    }

    #[test]
    fn grey_becomes_colour() {
        let found = Resize::Torch.apply(&[255; 64], Shape { channels: 1, height: 8, width: 8 });
        assert_eq!(found.len(), 3 * SIDE * SIDE);
        assert!(found.iter().all(|v| (v - 1.0).abs() < 1e-6));
    }
}
