//! What a job of a sweep costs beside its work: `cargo bench --bench sweeps`.
//!
//! Jobs that do nothing, in turns with `xargs` on the same programs, and trainings of one step; with EXP_HYDRA_PYTHON, the
//! interpreter of an environment with hydra-core and hydra-joblib-launcher, also Hydra's own launchers. Memory of a sweep of
//! ten thousand jobs, and how long its resumption takes to find that nothing is left.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use wait4::Wait4;

mod sheet;

use sheet::{Sheet, median};

/// Jobs of a sweep, jobs of one that is inline, and turns.
const JOBS: usize = 200;
const TINY: usize = 1_000;
const ROUNDS: usize = 9;
/// Jobs of the large sweep.
const MANY: usize = 10_000;
/// Targets: jobs a second as a share of xargs', jobs a second inline, memory, seconds of a resumption.
const OF_XARGS: f64 = 0.5;
const INLINE: f64 = 1_000.0;
const MIB: f64 = 20.0 + MANY as f64 * 2.0 / 1024.0;
const RESUME: f64 = 0.2;

/// The same jobs for Hydra: one parameter, nothing done.
const APP: &str = "import hydra\n@hydra.main(version_base='1.3', config_path=None)\ndef main(cfg):\n    pass\nmain()\n";

fn main() -> Result<(), Box<dyn Error>> {
    let root = tempfile::tempdir()?;
    let mut sheet = Sheet::new("sweeps", &["figure", "median", "least", "most", "target", ""]);
    let mut add = |name: &str, unit: &str, values: &[f64], target: Option<(&str, f64)>| {
        let middle = median(values);
        let (least, most) = values.iter().fold((f64::MAX, 0.0_f64), |(a, b), &v| (a.min(v), b.max(v)));
        let met = target.map_or("", |(sign, target)| {
            if (sign == ">=" && middle >= target) || (sign == "<=" && middle <= target) { "met" } else { "missed" }
        });
        let bound = target.map(|(sign, target)| format!("{sign} {target:.1}")).unwrap_or_default();
        let shown = [middle, least, most].map(|value| format!("{value:.3} {unit}"));
        sheet.row([name.to_owned()].into_iter().chain(shown).chain([bound, met.to_owned()]));
        sheet.figure(&name.replace(' ', "_"), middle);
    };

    let (local, inline, two) = ("hydra/launcher=local", "hydra/launcher=inline", "hydra.launcher.n_jobs=2");
    let [mut ours, mut theirs, mut shares, mut one_by_one, mut paired, mut trainings] = [const { Vec::new() }; 6];
    for _ in 0..ROUNDS {
        let local = sweep(root.path(), JOBS, &[local, two])?.0;
        let xargs = timed(Command::new("sh").args(["-c", &format!("seq {JOBS} | xargs -P2 -n1 true")]))?.0;
        ours.push(JOBS as f64 / local);
        theirs.push(JOBS as f64 / xargs);
        shares.push(xargs / local);
        one_by_one.push(TINY as f64 / sweep(root.path(), TINY, &[inline])?.0);
        paired.push(TINY as f64 / sweep(root.path(), TINY, &[inline, two])?.0);
        trainings.push(JOBS as f64 / training(root.path(), &[inline, two])?);
    }
    add("jobs a second, two slots", "/s", &ours, None);
    add("xargs -P2", "/s", &theirs, None);
    add("share of xargs", "x", &shares, Some((">=", OF_XARGS)));
    add("jobs a second, inline", "/s", &one_by_one, None);
    add("jobs a second, inline, two at a time", "/s", &paired, Some((">=", INLINE)));
    add("trainings of one step a second, inline, two at a time", "/s", &trainings, None);

    if let Ok(python) = std::env::var("EXP_HYDRA_PYTHON") {
        std::fs::write(root.path().join("app.py"), APP)?;
        for launcher in ["basic", "joblib"] {
            let values = format!("+i=range({JOBS})");
            let mut hydra = Command::new(&python);
            hydra.args(["app.py", "-m", &values, &format!("hydra/launcher={launcher}")]).current_dir(root.path());
            if launcher == "joblib" {
                hydra.arg("hydra.launcher.n_jobs=2");
            }
            add(&format!("Hydra, launcher {launcher}"), "/s", &[JOBS as f64 / timed(&mut hydra)?.0], None);
        }
    }

    let (_, mib) = sweep(root.path(), MANY, &[local, two, "hydra.sweep.dir=many"])?;
    add("memory over 10000 jobs", "MiB", &[mib], Some(("<=", MIB)));
    let again = |_| -> Result<f64, Box<dyn Error>> { Ok(timed(exp(root.path()).args(["resume", "many"]))?.0) };
    add(
        "resume of 10000 done jobs",
        "s",
        &(0..ROUNDS).map(again).collect::<Result<Vec<_>, _>>()?,
        Some(("<=", RESUME)),
    );
    sheet.print();
    Ok(())
}

/// Seconds of a sweep of programs that do nothing, and the most memory of its own process in MiB.
fn sweep(root: &Path, jobs: usize, more: &[&str]) -> Result<(f64, f64), Box<dyn Error>> {
    let values = format!("+params.i=range({jobs})");
    timed(exp(root).args(["-m", "backend=command", "backend.argv=[\"true\"]", &values]).args(more))
}

/// Seconds of a sweep of trainings that end after one step.
fn training(root: &Path, more: &[&str]) -> Result<f64, Box<dyn Error>> {
    let seeds = format!("seed=range({JOBS})");
    let tiny = ["model.torso.nf=4", "model.torso.ch_mult=[1]", "model.head=null", "loss.lambda=0", "train.batch=1"];
    let short = ["train.steps=1", "eval.metrics=[]", "sample.n=0"];
    Ok(timed(exp(root).args(["-m", &seeds]).args(tiny).args(short).args(more))?.0)
}

/// Seconds of a command, and the most memory of its process in MiB.
fn timed(command: &mut Command) -> Result<(f64, f64), Box<dyn Error>> {
    let start = Instant::now();
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let used = child.wait4()?;
    if !used.status.success() {
        return Err(format!("{command:?}: {}", used.status).into());
    }
    Ok((start.elapsed().as_secs_f64(), used.rusage.maxrss as f64 / (1 << 20) as f64))
}

/// The program in a directory without conf/, so that it uses the copy in the binary.
fn exp(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exp"));
    command.current_dir(root);
    command
}
