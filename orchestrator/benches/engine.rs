//! The engine's step rate and its share of the machine's matrix product: `cargo bench --bench engine`.
//!
//! Networks and batches are those of the experiments, images are noise. Steps and matrix products take turns on the
//! same threads, so that a noisy machine slows both; each figure is the median over the rounds.

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use exp::compose::{Library, Mode, Place, Request, SearchPath, World, compose, extract};
use exp::conf;
use exp_api::spec::RunSpec;
use exp_burn::{BurnEngine, BurnTensor};
use exp_consistency::engine::Engine;
use exp_consistency::net::Network;
use exp_consistency::tensor::Tensor;
use exp_consistency::train::Replicas;
use mimalloc::MiMalloc;

#[path = "engine/counted.rs"]
mod counted;
#[path = "engine/reference.rs"]
mod reference;
mod sheet;
#[path = "engine/training.rs"]
mod training;

use counted::flop_per_image;
use reference::Reference;
use sheet::{Sheet, median};
use training::Training;

/// The program's own allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Side of the matrices whose product is the machine's peak.
const SIDE: usize = 768;
/// Rounds, and the time for steps and for products in each.
const ROUNDS: usize = 9;
const STEPS: Duration = Duration::from_millis(700);
const WARM_UP: Duration = Duration::from_millis(500);
const PRODUCTS: Duration = Duration::from_millis(200);

fn main() -> Result<(), Box<dyn Error>> {
    let heads = [
        "experiment",
        "batch",
        "replicas",
        "step/s",
        "images/s",
        "MFLOP/image",
        "GFLOP/s",
        "GEMM",
        "share",
        "no kernels",
    ];
    let mut sheet = Sheet::new("engine", &heads);
    for (name, words) in [
        ("quickstart", vec!["+experiment=quickstart"]),
        ("cifar10_small", vec!["+experiment=cifar10_small", "dataset.dir=none"]),
    ] {
        let spec = composed(&words)?;
        let (channels, side) = spec.dataset.shape();
        let network = Network::plan(&spec.model, channels, side, spec.schedule.sigma_min)
            .map_err(|problems| problems.iter().map(|p| format!("{}: {}\n", p.key, p.message)).collect::<String>())?;
        let (batch, flop) = (spec.train.batch as f64, flop_per_image(&spec, &network));
        sheet.figure(&format!("{name}/mflop_per_image"), flop / 1e6);
        for replicas in [1, 2] {
            let rates = rates(&spec, &network, replicas)?;
            let (steps, gemm) = (median(&rates.steps), median(&rates.products) * 2.0 * (SIDE as f64).powi(3));
            let share =
                |(steps, products): (&f64, &f64)| steps * batch * flop / (products * 2.0 * (SIDE as f64).powi(3));
            let share = median(&rates.steps.iter().zip(&rates.products).map(share).collect::<Vec<_>>());
            let reference = median(&rates.reference);
            sheet.row([
                name.to_owned(),
                format!("{batch}"),
                format!("{replicas}"),
                format!("{steps:.1}"),
                format!("{:.0}", steps * batch),
                format!("{:.1}", flop / 1e6),
                format!("{:.1}", steps * batch * flop / 1e9),
                format!("{:.1}", gemm / 1e9),
                format!("{:.1} %", 100.0 * share),
                format!("{reference:.1}"),
            ]);
            for (figure, value) in [
                ("steps_per_second", steps),
                ("gemm_gflops", gemm / 1e9),
                ("share_of_gemm", share),
                ("steps_per_second_without_kernels", reference),
            ] {
                sheet.figure(&format!("{name}/{replicas}/{figure}"), value);
            }
        }
    }
    sheet.print();
    Ok(())
}

/// The spec of an experiment of the embedded conf/, as `exp` composes it.
fn composed(words: &[&str]) -> Result<RunSpec, Box<dyn Error>> {
    let overrides: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let library = Library::new(SearchPath::new(Place::Embedded(conf::FILES)));
    let world = World {
        env: BTreeMap::new(),
        now: jiff::Zoned::now(),
        cwd: std::env::current_dir()?,
        job_name: "exp".to_owned(),
    };
    let request = Request {
        library: &library,
        config_name: "config",
        overrides: &overrides,
        mode: Mode::Run,
        job: None,
        world: &world,
    };
    Ok(extract::run_spec(&compose(&request)?.job()?)?)
}

/// Calls a second, one value a round.
struct Rates {
    /// Steps of the engine.
    steps: Vec<f64>,
    /// Steps of the engine without its own kernels.
    reference: Vec<f64>,
    /// Matrix products, over all replicas.
    products: Vec<f64>,
}

fn rates(spec: &RunSpec, network: &Network, count: usize) -> Result<Rates, Box<dyn Error>> {
    let devices = vec!["cpu".to_owned(); count];
    let burn = Replicas::open(&devices, BurnEngine::open)?;
    let plain = Replicas::open(&devices, |device| BurnEngine::open(device).map(Reference))?;
    let (mut ours, mut theirs) = (Training::new(spec, network, &burn), Training::new(spec, network, &plain));
    // The first rounds warm up, and see RAdam before its variance is tractable.
    (rate(WARM_UP, || ours.step()), rate(WARM_UP, || theirs.step()));
    let mut rates = Rates { steps: Vec::new(), reference: Vec::new(), products: Vec::new() };
    for _ in 0..ROUNDS {
        rates.products.push(products(&burn));
        rates.steps.push(rate(STEPS, || ours.step()));
        rates.reference.push(rate(STEPS, || theirs.step()));
    }
    Ok(rates)
}

/// Calls of `work` a second, over at least `time`.
fn rate<R>(time: Duration, mut work: impl FnMut() -> R) -> f64 {
    let (start, mut calls) = (Instant::now(), 0.0);
    while start.elapsed() < time {
        black_box(work());
        calls += 1.0;
    }
    calls / start.elapsed().as_secs_f64()
}

/// Products of square matrices a second, on all replicas at once.
fn products(replicas: &Replicas<BurnEngine>) -> f64 {
    let rates = replicas.split(replicas.count(), |engine, _| {
        let values: Vec<f32> = (0..SIDE * SIDE).map(|i| (i % 7) as f32 - 3.0).collect();
        let matrix: BurnTensor = engine.upload(&[SIDE, SIDE], &values);
        rate(PRODUCTS, || matrix.matmul(&matrix))
    });
    rates.iter().sum()
}
