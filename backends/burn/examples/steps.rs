//! Training steps on request, for a benchmark that compares engines: `steps SPEC.json REPLICAS`.

use std::error::Error;

use exp_api::spec::RunSpec;
use exp_burn::BurnEngine;
use exp_consistency::train::Replicas;
use mimalloc::MiMalloc;

#[path = "../../../orchestrator/benches/engine/on_request.rs"]
mod on_request;
#[path = "../../../orchestrator/benches/engine/training.rs"]
mod training;

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(file), Some(count)) = (words.next(), words.next()) else {
        return Err("usage: steps SPEC.json REPLICAS".into());
    };
    let spec: RunSpec = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let replicas = Replicas::open(&vec![spec.backend.device.clone(); count.parse()?], BurnEngine::open)?;
    // burn does not tell how much of a GPU's memory it takes.
    let peak = || (spec.backend.device == "cpu").then(on_request::host_peak).flatten();
    on_request::serve("burn", &spec, &replicas, peak)
}
