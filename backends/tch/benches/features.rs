//! The statistics of FID by tch, in torch-fidelity's network on PyTorch and by burn, in turns: `cargo bench --bench features`.
//!
//! EXP_PYTHON names a Python with torch-fidelity, PyTorch and safetensors; it makes the random weights that all use. That the
//! mean feature of the first images agrees shows that all do the same. Every engine is a process of its own, with two threads.

use std::error::Error;
use std::process::Command;
use std::time::Duration;

use exp_api::Backend;
use exp_api::spec::RunSpec;
use exp_tch::TchBackend;

#[path = "../../../orchestrator/benches/engine/looking.rs"]
mod looking;
#[path = "../../../orchestrator/benches/engine/on_request.rs"]
mod on_request;
#[path = "step/rival.rs"]
mod rival;
#[path = "../../../orchestrator/benches/sheet/mod.rs"]
mod sheet;
#[path = "../../../orchestrator/benches/engine/training.rs"]
mod training;

use rival::Rival;
use sheet::{Sheet, median};

const SPEC: &str = include_str!("step/cifar10_small.json");
const THREADS: &str = "2";
/// Turns of each engine, and the least time of one: in all more than the images of a figure.
const ROUNDS: usize = 5;
const TURN: Duration = Duration::from_secs(20);
/// Share of torch-fidelity's speed that tch is to have.
const TARGET: f64 = 0.95;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().collect();
    if let [_, "serve", file] = &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        let spec: RunSpec = serde_json::from_str(&std::fs::read_to_string(file)?)?;
        return looking::serve("tch", &spec.eval, &exp_tch::replicas(&spec)?);
    }
    let python = std::env::var_os("EXP_PYTHON").ok_or("EXP_PYTHON names a Python with torch-fidelity")?;
    let folder = tempfile::tempdir()?;
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/features/fidelity.py");
    let made = Command::new(&python).arg(script).arg(folder.path()).arg("weights").status()?;
    if !made.success() {
        return Err(format!("{script}: {made}").into());
    }
    let mut spec: RunSpec = serde_json::from_str(SPEC)?;
    spec.eval.inception.weights = Some(folder.path().join("inception.safetensors").display().to_string());
    spec.backend.threads = Some(THREADS.parse()?);
    let mut rivals = [
        Rival::pytorch(&python, "features/fidelity.py", folder.path(), &[THREADS])?,
        Rival::tch(&TchBackend.resolve(spec.clone()), folder.path())?,
        Rival::burn("features", &spec, folder.path(), THREADS)?,
    ];
    for rival in &rivals {
        let apart = (rival.loss - rivals[0].loss).abs() / rivals[0].loss.abs();
        println!("mean feature: {} in {}, apart by {apart:.1e}", rival.loss, rival.name);
        if apart.is_nan() || apart > 1e-3 {
            return Err(format!("{} does not do the same", rival.name).into());
        }
    }
    for _ in 0..ROUNDS {
        for rival in &mut rivals {
            let rate = rival.rate(TURN)?;
            rival.rates.push(rate);
        }
    }
    let mut sheet = Sheet::new("features", &["engine", "img/s", "to torch-fidelity", "peak MiB", "target", ""]);
    let anchor = rivals[0].rates.clone();
    for rival in rivals {
        let (name, rates) = (rival.name.clone(), rival.rates.clone());
        let ratio = median(&rates.iter().zip(&anchor).map(|(a, b)| a / b).collect::<Vec<_>>());
        let target = if name == "tch" { format!(">= {TARGET}") } else { String::new() };
        let met = if name == "tch" { if ratio >= TARGET { "met" } else { "missed" } } else { "" };
        sheet.figure(&format!("{name}/images_per_second"), median(&rates));
        sheet.figure(&format!("{name}/to_torch_fidelity"), ratio);
        let memory = rival.finish()?;
        let cells = [name, format!("{:.2}", median(&rates)), format!("{ratio:.2}x"), format!("{memory:.0}"), target];
        sheet.row(cells.into_iter().chain([met.to_owned()]));
    }
    sheet.print();
    Ok(())
}
