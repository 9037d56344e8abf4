//! The statistics of FID on request: images of 32x32 to the 299x299 of TensorFlow 1, through Inception-v3, into moments.

use std::error::Error;

use exp_api::spec::{EvalSpec, Metric};
use exp_consistency::data::Shape;
use exp_consistency::engine::Engine;
use exp_consistency::eval::{Features, Moments};
use exp_consistency::train::Replicas;

use crate::on_request::{answer, host_peak};

/// Images of one answer, and those that a network looks at in one pass, as in a run.
const BLOCK: usize = 64;
const PASS: usize = 16;

/// Answers with the network whose weights `eval` names; known by the mean feature of the first images.
pub fn serve<E: Engine>(name: &str, eval: &EvalSpec, replicas: &Replicas<E>) -> Result<(), Box<dyn Error>> {
    let shape = Shape { channels: 3, height: 32, width: 32 };
    let (features, _) = Features::open(replicas.first(), Metric::FidTf, eval, shape)?.ok_or("no network")?;
    let pixels = images(BLOCK * shape.values());
    let look = || -> Vec<f64> {
        let passes: Vec<&[u8]> = pixels.chunks(PASS * shape.values()).collect();
        let rows = replicas.split(passes.len(), |_, engine, range| {
            let features = features.on(engine);
            passes[range].iter().flat_map(|pass| features.of(engine, pass, shape)).collect::<Vec<f64>>()
        });
        rows.concat()
    };
    let first = look();
    let mut moments = Moments::new(features.dimensions());
    let work = || {
        // Its errors are about lengths, which are right.
        drop(moments.extend(&look()));
        BLOCK as f64
    };
    answer(name, first.iter().sum::<f64>() / first.len() as f64, work, host_peak)
}

/// Numbers that Python's side makes too: the high byte of a product.
fn images(count: usize) -> Vec<u8> {
    (0..count as u64).map(|i| ((i.wrapping_mul(2_654_435_761) % (1 << 32)) >> 24) as u8).collect()
}
