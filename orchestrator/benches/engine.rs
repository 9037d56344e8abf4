//! The engine's step rate and its share of the machine's matrix product: `cargo bench --bench engine`.
//!
//! Networks and batches are those of the experiments, images are noise. Steps and matrix products take turns on the
//! same threads, so that a noisy machine slows both; each figure, also a ratio, is the median over rounds.

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
    let mut sheet = Sheet::new(
        "engine",
        &["experiment", "replicas", "step/s", "images/s", "MFLOP/image", "GFLOP/s", "GEMM", "share", "bare", "gain"],
    );
    for (name, words) in [
        ("quickstart", vec!["+experiment=quickstart"]),
        ("cifar10_small", vec!["+experiment=cifar10_small", "dataset.dir=none"]),
    ] {
        let spec = composed(&words)?;
        let (channels, side) = spec.dataset.shape();
        let network = Network::plan(&spec.model, channels, side, spec.schedule.sigma_min)
            .map_err(|problems| problems.iter().map(|p| format!("{}: {}\n", p.key, p.message)).collect::<String>())?;
        let mflop = flop_per_image(&spec, &network) / 1e6;
        sheet.figure(&format!("{name}/mflop_per_image"), mflop);
        for replicas in [1, 2] {
            report(
                &mut sheet,
                &format!("{name}/{replicas}"),
                spec.train.batch,
                mflop,
                &rates(&spec, &network, replicas)?,
            );
        }
    }
    println!(
        "GEMM: GFLOP/s of {SIDE}x{SIDE} products on as many threads. bare: step/s without the engine's own kernels."
    );
    sheet.print();
    Ok(())
}

/// One network on some replicas: `case` is its name and their number.
fn report(sheet: &mut Sheet, case: &str, batch: u64, mflop: f64, rates: &Rates) {
    let ratio = |a: &[f64], b: &[f64]| median(&a.iter().zip(b).map(|(a, b)| a / b).collect::<Vec<_>>());
    let (step, product) = (batch as f64 * mflop / 1e3, 2.0 * (SIDE as f64).powi(3) / 1e9);
    let (steps, bare) = (median(&rates.steps), median(&rates.bare));
    let gemm = median(&rates.products) * product;
    let share = ratio(&rates.steps, &rates.products) * step / product;
    let gain = ratio(&rates.steps, &rates.bare);
    let numbers = [
        format!("{steps:.1}"),
        format!("{:.0}", steps * batch as f64),
        format!("{mflop:.1}"),
        format!("{:.1}", steps * step),
        format!("{gemm:.1}"),
        format!("{:.1} %", 100.0 * share),
        format!("{bare:.1}"),
        format!("{gain:.1}x"),
    ];
    sheet.row(case.split('/').map(str::to_owned).chain(numbers));
    for (figure, value) in [
        ("steps_per_second", steps),
        ("gflops", steps * step),
        ("gemm_gflops", gemm),
        ("share_of_gemm", share),
        ("gain_of_kernels", gain),
    ] {
        sheet.figure(&format!("{case}/{figure}"), value);
    }
}

/// The spec of an experiment of the embedded conf/, as `exp` composes it.
fn composed(words: &[&str]) -> Result<RunSpec, Box<dyn Error>> {
    let overrides: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let library = Library::new(SearchPath::new(Place::Embedded(conf::FILES)));
    let world = World {
        env: Default::default(),
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
    bare: Vec<f64>,
    /// Matrix products, over all replicas.
    products: Vec<f64>,
}

fn rates(spec: &RunSpec, network: &Network, count: usize) -> Result<Rates, Box<dyn Error>> {
    let devices = vec!["cpu".to_owned(); count];
    let burn = Replicas::open(&devices, BurnEngine::open)?;
    let plain = Replicas::open(&devices, |device| BurnEngine::open(device).map(Reference))?;
    let (mut ours, mut theirs) = (Training::new(spec, network, &burn), Training::new(spec, network, &plain));
    // The first rounds warm up, and see RAdam before its variance is tractable.
    rate(WARM_UP, || ours.step());
    rate(WARM_UP, || theirs.step());
    let mut rates = Rates { steps: Vec::new(), bare: Vec::new(), products: Vec::new() };
    for _ in 0..ROUNDS {
        rates.products.push(products(&burn));
        rates.steps.push(rate(STEPS, || ours.step()));
        rates.bare.push(rate(STEPS, || theirs.step()));
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
    let rates = replicas.split(replicas.count(), |_, engine, _| {
        let values: Vec<f32> = (0..SIDE * SIDE).map(|i| (i % 7) as f32 - 3.0).collect();
        let matrix: BurnTensor = engine.upload(&[SIDE, SIDE], &values);
        rate(PRODUCTS, || matrix.matmul(&matrix))
    });
    rates.iter().sum()
}
