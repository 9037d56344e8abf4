//! Two engines, one science: what burn and tch compute from the same spec, and runs that move from one to the other.
//!
//! Drives the `exp` that EXP_BIN names, else the one in the root's target folder. Where there is none, each test says
//! so and passes; .ci/run names one, so that there it cannot be missing. `conf` and `exp-tch` are those of the folder
//! EXP_TEST_FOLDER, else of the repository.
#![expect(clippy::unwrap_used, reason = "a test may end by a panic")]

#[path = "support/device.rs"]
mod device;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use exp_consistency::checkpoint::decode;
use serde_json::Value;

/// A hundred steps without dropout, each step logged; noise levels and weights come from the host.
const COURSE: [&str; 11] = [
    "model.torso.dropout=0",
    "train.steps=100",
    "train.batch=8",
    "train.log_every=1",
    "train.checkpoint_every=20",
    "train.preview_every=null",
    "train.eval_every=null",
    "train.keep=10",
    "eval.n=16",
    "sample.n=4",
    "backend.threads=1",
];

/// One replica of an engine: tch on the device of the suite, burn on that of EXP_TEST_BURN_DEVICE, else on the CPU.
fn place_of(engine: &str) -> [String; 4] {
    let device = match engine {
        "tch" => device::device(),
        _ => std::env::var("EXP_TEST_BURN_DEVICE").unwrap_or_else(|_| "cpu".to_owned()),
    };
    let keys = ["device", "devices", "fast_paths", "deterministic"];
    let values = [device.clone(), format!("[{device}]"), "null".to_owned(), (engine == "tch").to_string()];
    let mut values = values.into_iter();
    keys.map(|key| format!("backend.{key}={}", values.next().unwrap()))
}

fn exp() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    let found = match std::env::var_os("EXP_BIN") {
        Some(path) => Some(fs::canonicalize(path).expect("EXP_BIN names the program `exp`")),
        None => ["release/exp", "debug/exp"].into_iter().map(|name| root.join(name)).find(|path| path.is_file()),
    };
    if found.is_none() {
        eprintln!("SKIPPED: there is no `exp`; build it at the root, or name one by EXP_BIN");
    }
    found
}

/// A directory for runs.
struct Place {
    exp: PathBuf,
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Option<Place> {
        Some(Place { exp: exp()?, dir: tempfile::tempdir().unwrap() })
    }

    fn exp(&self, words: &[&str]) {
        let [conf, backends] = match std::env::var_os("EXP_TEST_FOLDER").map(PathBuf::from) {
            Some(folder) => [folder.join("conf"), folder],
            None => {
                let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf");
                [conf, Path::new(env!("CARGO_BIN_EXE_exp-tch")).parent().unwrap().to_owned()]
            }
        };
        let mut command = Command::new(&self.exp);
        command.args(words).current_dir(self.dir.path()).stdin(Stdio::null()).env("EXP_BACKENDS", backends);
        if words[0] != "resume" && words[0] != "sample" {
            command.arg("--config-path").arg(conf.canonicalize().unwrap());
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A course on an engine.
    fn run(&self, name: &str, engine: &str, more: &[&str]) -> PathBuf {
        let (dir, backend) = (format!("hydra.run.dir={name}"), format!("backend={engine}"));
        let place = place_of(engine);
        let place: Vec<&str> = place.iter().map(String::as_str).collect();
        self.exp(&[&[dir.as_str(), backend.as_str()], &COURSE[..], &place, more].concat());
        self.dir.path().join(name)
    }
}

/// One figure of every step.
fn figures(run: &Path, name: &str) -> Vec<f64> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter_map(|row| row[name].as_f64()).collect()
}

fn apart(a: f64, b: f64) -> f64 {
    (a - b).abs() / a.abs().max(b.abs()).max(f64::MIN_POSITIVE)
}

/// The greatest difference over steps, relative.
fn greatest(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(&a, &b)| apart(a, b)).fold(0.0, f64::max)
}

/// A part of a checkpoint: `param`, `ema`, `m` or `v`, by parameter.
fn part(run: &Path, step: u64, part: &str) -> BTreeMap<String, Vec<f32>> {
    let bytes = fs::read(run.join(format!("checkpoints/{step}/state.safetensors"))).unwrap();
    decode(&bytes, &format!("{part}/")).unwrap().into_iter().map(|tensor| (tensor.name, tensor.values)).collect()
}

/// Same spec, same seed: the loss of each step and the norms of its gradients. Those of the first step are one forward and
/// one backward pass over the same weights.
#[test]
fn losses_agree_step_by_step() {
    let Some(place) = Place::new() else { return };
    let [burn, tch] = ["burn", "tch"].map(|engine| place.run(engine, engine, &[]));
    for name in ["loss", "loss/consistency", "loss/dsm", "grad_norm/torso", "grad_norm/head"] {
        let [burn, tch] = [&burn, &tch].map(|run| figures(run, name));
        assert_eq!(burn.len(), 100, "{name}");
        let [first, twenty, all] = [1, 20, 100].map(|n| greatest(&burn[..n], &tch[..n]));
        println!("{name}: apart by {first:.1e} at step 1, {twenty:.1e} within 20 steps, {all:.1e} within 100");
        let is_loss = name.starts_with("loss");
        assert!(first < if is_loss { 1e-5 } else { 1e-4 }, "{name}: {first:.2e} at step 1");
        assert!(!is_loss || twenty < 1e-4, "{name}: {twenty:.2e} within 20 steps");
    }
}

/// After one step the first moment is the gradient times 1 - b1, value by value.
#[test]
fn gradients_agree_value_by_value() {
    let Some(place) = Place::new() else { return };
    let one = ["train.steps=1", "train.checkpoint_every=1", "schedule.horizon=100"];
    let [burn, tch] = ["burn", "tch"].map(|engine| part(&place.run(engine, engine, &one), 1, "m"));
    assert!(burn.len() > 50 && burn.keys().eq(tch.keys()));
    let mut worst = (0.0, String::new());
    let largest = burn.values().flatten().fold(0.0f32, |most, value| most.max(value.abs()));
    for (name, burn) in &burn {
        // Relative to the largest value of the tensor, or, where the tensor is all but zero, of the whole gradient.
        let own = burn.iter().fold(1e-4 * largest, |most, value| most.max(value.abs()));
        let difference = burn.iter().zip(&tch[name]).fold(0.0f32, |most, (a, b)| most.max((a - b).abs())) / own;
        if difference > worst.0 {
            worst = (difference, name.clone());
        }
    }
    println!("gradients: apart by {:.1e} of the largest of {}", worst.0, worst.1);
    assert!(largest > 0.0 && worst.0 < 1e-4, "{worst:?}");
}

/// A run that began on one engine goes on on the other, and its losses with it.
#[test]
fn checkpoints_move_both_ways() {
    let Some(place) = Place::new() else { return };
    let [curriculum, rate] = ["schedule.horizon=100", "train.horizon=100"];
    for (from, to) in [("burn", "tch"), ("tch", "burn")] {
        let whole = place.run(&format!("{from}_whole"), from, &[curriculum, rate, "train.steps=40"]);
        let moved = place.run(&format!("{from}_moved"), from, &[curriculum, rate, "train.steps=20"]);
        let name = moved.file_name().unwrap().to_str().unwrap();
        let engine = [&["train.steps=40".to_owned(), format!("backend={to}")][..], &place_of(to)].concat();
        let engine: Vec<&str> = engine.iter().map(String::as_str).collect();
        place.exp(&[&["resume", name, "backend.threads=1"], &engine[..]].concat());
        let [whole, moved_on] = [&whole, &moved].map(|run| figures(run, "loss"));
        assert_eq!((moved_on.len(), &moved_on[..20]), (40, &whole[..20]), "{from} to {to}");
        let difference = greatest(&whole[20..], &moved_on[20..]);
        println!("{from} to {to}: losses of steps 21 to 40 apart by {difference:.1e}");
        assert!(difference < 1e-4, "{from} to {to}: {difference:.2e}");
        place.exp(&["sample", name, "sample.n=4"]);
    }
}
