//! Work on request: how a benchmark drives an engine that is another process.
//!
//! The process prints a name and a number by which its work is known to be that of others, such as the first loss; then for
//! each line on its standard input, a time in seconds, the work done a second over that time; at the end of its input, its
//! peak memory in MiB where it works, NaN where that is not known.

use std::error::Error;
use std::io::BufRead;
use std::time::{Duration, Instant};

use exp_api::spec::RunSpec;
use exp_consistency::engine::Engine;
use exp_consistency::net::Network;
use exp_consistency::train::Replicas;

use crate::training::Training;

/// Takes training steps.
#[allow(dead_code, reason = "not every benchmark trains")]
pub fn serve<E: Engine>(
    name: &str,
    spec: &RunSpec,
    replicas: &Replicas<E>,
    peak: impl Fn() -> Option<u64>,
) -> Result<(), Box<dyn Error>> {
    let network = planned(spec)?;
    let mut training = Training::new(spec, &network, replicas);
    training.step();
    let first = training.read().iter().take(replicas.count()).flatten().map(|&loss| f64::from(loss)).sum();
    let work = || {
        training.step();
        1.0
    };
    answer(name, first, work, peak)
}

/// Answers on the standard streams until the input ends; `work` does some, and says how much. `peak` is the most bytes of
/// memory that it took, on the GPU where it works on one, if that is known.
pub fn answer(
    name: &str,
    known_by: f64,
    mut work: impl FnMut() -> f64,
    peak: impl Fn() -> Option<u64>,
) -> Result<(), Box<dyn Error>> {
    println!("{name} {known_by}");
    for line in std::io::stdin().lock().lines() {
        let (time, start, mut done) = (Duration::try_from_secs_f64(line?.parse()?)?, Instant::now(), 0.0);
        while start.elapsed() < time {
            done += work();
        }
        println!("{}", done / start.elapsed().as_secs_f64());
    }
    println!("{}", peak().map_or(f64::NAN, |bytes| bytes as f64 / f64::from(1 << 20)));
    Ok(())
}

/// The most bytes of the host's memory that this process took.
pub fn host_peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib << 10)
}

/// The network of a spec.
pub fn planned(spec: &RunSpec) -> Result<Network, Box<dyn Error>> {
    let (channels, side) = spec.dataset.shape();
    let network = Network::plan(&spec.model, channels, side, spec.schedule.sigma_min)
        .map_err(|problems| problems.into_iter().map(|problem| problem.message).collect::<String>())?;
    Ok(network)
}
