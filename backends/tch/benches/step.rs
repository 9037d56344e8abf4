//! A training step on tch, in PyTorch and on burn, in turns: `cargo bench --bench step`.
//!
//! On the CPU the network is that of cifar10_small; where libtorch finds a GPU, that of score_guided on it too, and
//! both also with each faster way left out in turn, and one added. Words choose the cases whose names
//! (network/batch/device/format) hold one of them. The step is written down as a trace (`step/traced.rs`) and repeated
//! by `step/pytorch.py`, operation by operation with the same numbers, so that both libraries have the same work; burn
//! takes the trainer's own step. That the first losses agree shows that the steps are the same. EXP_PYTHON names a
//! Python with PyTorch; without one there is no such row. EXP_BURN_STEPS names burn's side where it is already built
//! (`cargo build --example steps`), with a GPU or without. Every engine is a process of its own. Each figure, also a
//! ratio, is the median over rounds.

use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use exp_api::Backend;
use exp_api::spec::{BackendSpec, FastPath, Precision, RunSpec};
use exp_tch::TchBackend;
use tch::{Cuda, Device, Kind};

#[path = "../../../orchestrator/benches/engine/on_request.rs"]
mod on_request;
#[path = "step/rival.rs"]
mod rival;
#[path = "../../../orchestrator/benches/sheet/mod.rs"]
mod sheet;
#[path = "step/trace.rs"]
mod trace;
#[path = "step/traced.rs"]
mod traced;
#[path = "../../../orchestrator/benches/engine/training.rs"]
mod training;

use rival::Rival;
use sheet::{Sheet, median};

/// More on the CPU: others use it too.
const ROUNDS: [usize; 2] = [9, 4];
const TURN: Duration = Duration::from_millis(1500);
const WARM_UP: Duration = Duration::from_secs(2);
const PRODUCTS: Duration = Duration::from_millis(200);

const SMALL: &str = include_str!("step/cifar10_small.json");
const FULL: &str = include_str!("step/score_guided.json");

/// One step on one device.
struct Case {
    spec: &'static str,
    batch: u64,
    device: &'static str,
    threads: usize,
    precision: Precision,
    /// Also against itself with other faster ways.
    ablated: bool,
}

/// An engine and how it works.
enum Contestant {
    Tch(RunSpec),
    Burn(RunSpec),
    PyTorch(OsString, &'static str),
}

/// What was seen of one.
struct Seen {
    name: String,
    /// Steps a second, and operations a second in products at about the same time; a value a round.
    rates: Vec<f64>,
    peaks: Vec<f64>,
    memory: f64,
}

/// Who failed, and why.
type Failure = (String, String);

/// What it came to; none if it failed, which is told and kept.
fn or_failed<T>(came: Result<T, Box<dyn Error>>, name: &str, failures: &mut Vec<Failure>) -> Option<T> {
    let failed = |error: Box<dyn Error>| {
        println!("{name}: {error}");
        failures.push((name.to_owned(), error.to_string()));
    };
    came.map_err(failed).ok()
}

fn case(spec: &'static str, batch: u64, device: &'static str, threads: usize, precision: Precision) -> Case {
    Case { spec, batch, device, threads, precision, ablated: false }
}

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().collect();
    if let [_, "serve", file] = &words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        let spec = serde_json::from_str(&std::fs::read_to_string(file)?)?;
        let replicas = exp_tch::replicas(&spec)?;
        let peak = || match spec.backend.device.as_str() {
            "cpu" => on_request::host_peak(),
            _ => exp_tch::peak_bytes(0),
        };
        return on_request::serve(&name(&spec), &spec, &replicas, peak);
    }
    let mut sheet = Sheet::new(
        "tch",
        &[
            "network",
            "batch",
            "engine",
            "device",
            "threads",
            "dtype",
            "img/s",
            "share of peak",
            "peak MiB",
            "to PyTorch",
        ],
    );
    let mut cases = vec![
        case(SMALL, 16, "cpu", 1, Precision::F32),
        case(SMALL, 16, "cpu", 2, Precision::F32),
        case(SMALL, 16, "cpu", 2, Precision::Bf16),
    ];
    if Cuda::is_available() {
        cases = vec![
            case(FULL, 256, "cuda", 1, Precision::Bf16),
            Case { ablated: true, ..case(FULL, 128, "cuda", 1, Precision::Bf16) },
            case(FULL, 512, "cuda", 1, Precision::Bf16),
            case(FULL, 128, "cuda", 1, Precision::F32),
            case(FULL, 32, "cuda", 1, Precision::Tf32),
            // Small enough for burn.
            case(FULL, 32, "cuda", 1, Precision::F32),
            Case { ablated: true, ..case(SMALL, 16, "cuda", 1, Precision::F32) },
        ];
    }
    let wanted: Vec<&String> = words[1..].iter().filter(|word| !word.starts_with("--")).collect();
    cases.retain(|case| wanted.is_empty() || wanted.iter().any(|word| case.name().contains(word.as_str())));
    let mut failures = Vec::new();
    for case in cases {
        let failed = case.measure(&mut sheet).err();
        failures.extend(failed.map(|error| format!("{}: {error}", case.name())));
    }
    println!("share of peak: of the rate of matrix products in the same format on the same device and threads");
    sheet.print();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ").into()) }
}

/// What an engine is called in the table.
fn name(spec: &RunSpec) -> String {
    let (own, replicas) = (spec.backend.fast_paths.clone().unwrap_or_default(), spec.backend.devices.as_ref());
    let device = RunSpec { backend: BackendSpec { fast_paths: None, ..spec.backend.clone() }, ..spec.clone() };
    let usual = TchBackend.resolve(device).backend.fast_paths.unwrap_or_default();
    let words = |all: &[FastPath], others: &[FastPath]| {
        let words: Vec<&str> = all.iter().filter(|path| !others.contains(path)).map(|path| path.word()).collect();
        words.join(", ")
    };
    let (without, with) = (words(&usual, &own), words(&own, &usual));
    match (replicas.map_or(1, Vec::len), without.as_str(), with.as_str()) {
        (1, "", "") => "tch".to_owned(),
        (1, "", with) => format!("tch with {with}"),
        (count, "", _) => format!("tch x{count}"),
        _ if own.is_empty() => "tch without any".to_owned(),
        _ => format!("tch without {without}"),
    }
}

impl Contestant {
    fn name(&self) -> String {
        match self {
            Contestant::Tch(spec) => name(spec),
            Contestant::Burn(_) => "burn".to_owned(),
            Contestant::PyTorch(_, mode) => format!("PyTorch, {mode}"),
        }
    }
}

impl Case {
    fn name(&self) -> String {
        let network = if self.spec == FULL { "score_guided" } else { "cifar10_small" };
        format!("{network}/{}/{}/{}", self.batch, self.device, self.precision.word())
    }

    /// A row for each contestant.
    ///
    /// # Errors
    /// Why some have a row without figures, or why none has a row.
    fn measure(&self, sheet: &mut Sheet) -> Result<(), Box<dyn Error>> {
        let mut spec: RunSpec = serde_json::from_str(self.spec)?;
        (spec.train.batch, spec.backend.precision) = (self.batch, self.precision);
        (spec.backend.device, spec.backend.threads) = (self.device.to_owned(), Some(self.threads as u64));
        let folder = tempfile::tempdir()?;
        let flop = trace::write(&spec, folder.path())?;
        let (mut loss, mut seen, mut failures) = (None, Vec::new(), Vec::new());
        // On the CPU in turns, since others use it too; on a GPU, whose memory does not hold them all, one after the other.
        let all = self.contestants(&spec);
        let groups: Vec<&[Contestant]> = if self.device == "cpu" { vec![&all[..]] } else { all.chunks(1).collect() };
        for group in groups {
            seen.extend(self.in_turns(group, folder.path(), &mut loss, &mut failures)?);
        }
        self.tell(sheet, &spec, flop, &seen);
        let (network, batch, threads) = (spec.tags.join("+"), self.batch.to_string(), self.threads.to_string());
        for (name, _) in &failures {
            let cells = [network.as_str(), &batch, name, self.device, &threads, self.precision.word()];
            sheet.row(cells.into_iter().chain(["failed", "-", "-", "-"]).map(str::to_owned));
        }
        let words: Vec<String> = failures.into_iter().map(|(name, error)| format!("{name}: {error}")).collect();
        if words.is_empty() { Ok(()) } else { Err(words.join("; ").into()) }
    }

    /// What is seen of contestants side by side; one that fails is left out and joins the `failures`. `loss` is the first of
    /// the first of all.
    fn in_turns(
        &self,
        group: &[Contestant],
        folder: &Path,
        loss: &mut Option<f64>,
        failures: &mut Vec<Failure>,
    ) -> Result<Vec<Seen>, Box<dyn Error>> {
        let mut rivals = Vec::new();
        for one in group {
            rivals.extend(or_failed(self.start(one, folder), &one.name(), failures));
        }
        rivals.retain_mut(|rival| {
            let first = *loss.get_or_insert(rival.loss);
            let warm = self.same(rival, first).and_then(|()| rival.rate(WARM_UP));
            or_failed(warm, &rival.name, failures).is_some()
        });
        let mut peaks = Vec::new();
        for _ in 0..ROUNDS[usize::from(self.device != "cpu")] {
            peaks.push(self.products()?);
            rivals.retain_mut(|rival| {
                let rate = or_failed(rival.rate(TURN), &rival.name, failures);
                rival.rates.extend(rate);
                rate.is_some()
            });
        }
        let mut seen = Vec::new();
        for rival in rivals {
            let (name, rates) = (rival.name.clone(), rival.rates.clone());
            println!("{name}: {:.1} img/s", self.batch as f64 * median(&rates));
            let memory = or_failed(rival.finish(), &name, failures);
            seen.extend(memory.map(|memory| Seen { name, rates, peaks: peaks.clone(), memory }));
        }
        Ok(seen)
    }

    /// A row for each that has figures.
    fn tell(&self, sheet: &mut Sheet, spec: &RunSpec, flop: f64, seen: &[Seen]) {
        let over = |a: &[f64], b: &[f64]| median(&a.iter().zip(b).map(|(a, b)| a / b).collect::<Vec<_>>());
        // Eager: the first of them.
        let anchor = seen.iter().find(|one| one.name.starts_with("PyTorch"));
        let (network, threads, dtype) = (spec.tags.join("+"), self.threads.to_string(), self.precision.word());
        for one in seen {
            let (speed, share) = (self.batch as f64 * median(&one.rates), flop * over(&one.rates, &one.peaks));
            let ratio = anchor.map(|anchor| over(&one.rates, &anchor.rates));
            let key = format!("{network}/{}/{}/{dtype}/{threads}/{}", self.batch, self.device, one.name);
            sheet.figure(&format!("{key}/images_per_second"), speed);
            sheet.figure(&format!("{key}/share_of_peak"), share);
            if let Some(ratio) = ratio {
                sheet.figure(&format!("{key}/to_pytorch"), ratio);
            }
            let cells = [&network, &self.batch.to_string(), &one.name, self.device, &threads, dtype];
            let figures = [
                format!("{speed:.1}"),
                format!("{:.1} %", 100.0 * share),
                if one.memory.is_nan() { "-".to_owned() } else { format!("{:.0}", one.memory) },
                ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}x")),
            ];
            sheet.row(cells.map(|cell| cell.to_owned()).into_iter().chain(figures));
        }
    }

    /// Who takes this case's step; this engine first.
    fn contestants(&self, spec: &RunSpec) -> Vec<Contestant> {
        // As a run does it, and undivided.
        let divided = TchBackend.resolve(spec.clone());
        let mut whole = spec.clone();
        whole.backend.devices = Some(vec![self.device.to_owned()]);
        let whole = TchBackend.resolve(whole);
        let mut all = vec![Contestant::Tch(whole.clone())];
        if self.ablated {
            let paths = whole.backend.fast_paths.clone().unwrap_or_default();
            let without = |path: &FastPath| paths.iter().filter(|other| *other != path).copied().collect();
            let with = paths.iter().copied().chain([FastPath::ResidentData]).collect();
            all.extend(paths.iter().map(without).chain([with, Vec::new()]).map(|paths| {
                let backend = BackendSpec { fast_paths: Some(paths), ..whole.backend.clone() };
                Contestant::Tch(RunSpec { backend, ..whole.clone() })
            }));
        }
        if divided != whole {
            all.push(Contestant::Tch(divided));
        }
        if let Some(python) = std::env::var_os("EXP_PYTHON") {
            let full = self.device != "cpu" && self.batch == 256;
            let modes = if full { &["eager", "compile", "channels_last"][..] } else { &["eager"] };
            all.extend(modes.iter().map(|mode| Contestant::PyTorch(python.clone(), mode)));
        }
        // It has no other format, and on a GPU it is far behind: a large batch would take minutes.
        if self.precision == Precision::F32 && (self.device == "cpu" || self.batch <= 32) {
            all.push(Contestant::Burn(whole));
        }
        all
    }

    fn start(&self, one: &Contestant, folder: &Path) -> Result<Rival, Box<dyn Error>> {
        let threads = self.threads.to_string();
        match one {
            Contestant::Tch(spec) => Rival::tch(spec, folder),
            Contestant::Burn(spec) => Rival::burn("steps", spec, folder, &threads),
            Contestant::PyTorch(python, mode) => {
                let words = [self.device, &threads, self.precision.word(), mode];
                Rival::pytorch(python, "step/pytorch.py", folder, &words)
            }
        }
    }

    /// # Errors
    /// A first loss that is another: this is not the same step.
    fn same(&self, rival: &Rival, first: f64) -> Result<(), Box<dyn Error>> {
        let bound = if self.precision == Precision::Bf16 { 2e-2 } else { 1e-4 };
        let apart = (rival.loss - first).abs() / first.abs();
        println!("first loss: {} in {}, apart by {apart:.1e}", rival.loss, rival.name);
        match apart.is_nan() || apart > bound {
            true => Err(format!("{} does not take the same step", rival.name).into()),
            false => Ok(()),
        }
    }

    /// Floating-point operations a second in products of square matrices of this case's format.
    fn products(&self) -> Result<f64, Box<dyn Error>> {
        let side: i64 = if self.device == "cpu" { 768 } else { 8192 };
        let (device, kind) = match (self.device, self.precision) {
            ("cpu", Precision::Bf16) => (Device::Cpu, Kind::BFloat16),
            ("cpu", _) => (Device::Cpu, Kind::Float),
            (_, Precision::Bf16) => (Device::Cuda(0), Kind::BFloat16),
            _ => (Device::Cuda(0), Kind::Float),
        };
        tch::set_num_threads(i32::try_from(self.threads)?);
        // Numbers as they come: products of zeros or ones are faster.
        let matrix = tch::Tensor::randn([side, side], (kind, device)) / (side as f64).sqrt();
        let (start, mut calls) = (Instant::now(), 0.0);
        while start.elapsed() < PRODUCTS {
            // Reading a value waits for the device.
            std::hint::black_box(matrix.matmul(&matrix).double_value(&[0, 0]));
            calls += 1.0;
        }
        Ok(calls / start.elapsed().as_secs_f64() * 2.0 * (side as f64).powi(3))
    }
}
