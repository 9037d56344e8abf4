//! Pictures that show what a model does: how an image comes about level by level, and what lies between two images.

use std::f64::consts::FRAC_PI_2;

use exp_api::spec::{Method, SampleSpec};

use super::draw::{Drawn, Sampler, normals};
use super::multistep;
use crate::engine::Engine;
use crate::tensor::Tensor;

/// Images of a strip: rows.
pub const ROWS: u64 = 8;
/// Steps of a strip: columns.
pub const COLUMNS: u64 = 9;

impl<T: Tensor> Sampler<'_, T> {
    /// The first images, each after 1, 2, .. 9 evaluations of the consistency function along falling noise levels, `[8 9,C,H,W]`
    /// row by row. The first column is what one step draws.
    pub fn trajectories<E: Engine<T = T>>(&self, engine: &E, spec: &SampleSpec) -> Vec<f32> {
        let levels = multistep::levels(self.schedule, COLUMNS);
        let columns: Vec<Vec<f32>> = (0..COLUMNS as usize)
            .map(|count| {
                let sigmas = Some(levels[..count].to_vec());
                self.draw(engine, &SampleSpec { method: Method::Multistep, sigmas, ..spec.clone() }, 0..ROWS)
            })
            .collect();
        let size = self.shape.values();
        (0..ROWS as usize)
            .flat_map(|row| columns.iter().flat_map(move |column| column[row * size..][..size].to_vec()))
            .collect()
    }

    /// From image i to image i + 8 in nine steps by `spec.method`, `[8 9,C,H,W]` row by row. The first noise goes along a
    /// quarter of a circle, where it stays standard normal; later noises stay those of image i, and so does its class.
    pub fn interpolations<E: Engine<T = T>>(&self, engine: &E, spec: &SampleSpec) -> Vec<f32> {
        let size = self.shape.values();
        let first = normals(spec.seed, 0, 0..2 * ROWS, size);
        let row = |row: u64| {
            let ends = [row, row + ROWS].map(|image| &first[image as usize * size..][..size]);
            let between: Vec<f32> =
                (0..COLUMNS).flat_map(|step| turned(ends, step as f64 / (COLUMNS - 1) as f64)).collect();
            let shape = self.shape.batch(COLUMNS as usize);
            let noise = |stage| match stage {
                0 => engine.upload(&shape, &between),
                _ => engine.upload(&shape, &normals(spec.seed, stage, row..row + 1, size).repeat(COLUMNS as usize)),
            };
            let rows = || std::iter::repeat_n(row, COLUMNS as usize);
            let drawn = Drawn { labels: self.labels(engine, spec, rows()), clean: self.clean(engine, spec, rows()) };
            self.images_of(spec, &drawn, noise).to_host()
        };
        (0..ROWS).flat_map(row).collect()
    }
}

/// From one noise to the other along a quarter of a circle: cos(a) x + sin(a) y.
fn turned([from, to]: [&[f32]; 2], place: f64) -> Vec<f32> {
    let (sin, cos) = (libm::sin(place * FRAC_PI_2) as f32, libm::cos(place * FRAC_PI_2) as f32);
    from.iter().zip(to).map(|(x, y)| cos * x + sin * y).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_stays_standard_normal_on_its_way() {
        let ends = [normals(1, 0, 0..1, 40_000), normals(1, 0, 1..2, 40_000)];
        let at = |place| turned([&ends[0], &ends[1]], place);
        assert_eq!(at(0.0), ends[0]);
        assert!(at(1.0).iter().zip(&ends[1]).all(|(a, b)| (a - b).abs() < 1e-6));
        let middle = at(0.5);
        let variance = middle.iter().map(|z| f64::from(z * z)).sum::<f64>() / middle.len() as f64;
        // Three deviations of a mean of squares of 40,000 normals.
        assert!((variance - 1.0).abs() < 3.0 * (2.0f64 / 40_000.0).sqrt(), "{variance}");
    }
}
