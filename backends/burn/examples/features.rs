//! The statistics of FID on request, for a benchmark that compares engines: `features SPEC.json REPLICAS`.

use std::error::Error;

use exp_api::spec::RunSpec;
use exp_burn::BurnEngine;
use exp_consistency::train::Replicas;
use mimalloc::MiMalloc;

#[path = "../../../orchestrator/benches/engine/looking.rs"]
mod looking;
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
        return Err("usage: features SPEC.json REPLICAS".into());
    };
    let spec: RunSpec = serde_json::from_str(&std::fs::read_to_string(file)?)?;
    let replicas = Replicas::open(&vec!["cpu".to_owned(); count.parse()?], BurnEngine::open)?;
    looking::serve("burn", &spec.eval, &replicas)
}
