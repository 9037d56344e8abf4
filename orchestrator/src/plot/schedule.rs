//! The curriculum of consistency training: how many noise levels there are after k steps, which ones, and how probable each
//! is (Song and Dhariwal 2023, sections 3.4 and 3.5).

use exp_api::spec::{RunSpec, ScheduleKind};
use exp_consistency::schedule::Ict;

use super::{Axis, Chart, Series};

/// Steps at which the number of levels is looked up.
const STEPS: u64 = 1000;

/// The charts of a spec's schedule.
///
/// # Errors
/// It is one without a grid of levels; in words.
pub fn schedule(spec: &RunSpec) -> Result<Vec<Chart>, String> {
    if spec.schedule.kind != ScheduleKind::Ict {
        let kind = spec.schedule.kind.word();
        return Err(format!("schedule.kind {kind} draws noise levels without a grid that grows; only ict has one"));
    }
    let steps = spec.train.steps;
    let ict = Ict::new(&spec.schedule, steps);
    let looked = (0..=STEPS).map(|part| part * steps / STEPS);
    let counts: Vec<(u64, u64)> = looked.map(|k| (k, ict.count(k))).collect();
    let mut stages = counts.clone();
    stages.dedup_by_key(|(_, count)| *count);
    let named = |count: &u64, points: Vec<(f64, f64)>| Series { name: format!("N = {count}"), points, joined: true };
    let mut sigmas = Vec::new();
    let mut probabilities = Vec::new();
    for (k, count) in &stages {
        let levels = ict.at(*k);
        let last = (levels.sigmas.len() - 1) as f64;
        let places = levels.sigmas.iter().enumerate().map(|(i, &sigma)| (i as f64 / last, sigma));
        sigmas.push(named(count, places.collect()));
        let before = std::iter::once(&0.0).chain(&levels.cumulative);
        let own = levels.cumulative.iter().zip(before).map(|(upto, before)| upto - before);
        probabilities.push(named(count, levels.sigmas.iter().copied().zip(own).collect()));
    }
    let count = Series {
        name: "N(k)".to_owned(),
        points: counts.iter().map(|(k, count)| (*k as f64, *count as f64)).collect(),
        joined: true,
    };
    let title = |text: &str| text.to_owned();
    Ok(vec![
        Chart { title: title("noise levels"), x: Axis::linear("step k"), y: Axis::log("N(k)"), series: vec![count] },
        Chart { title: title("the grid"), x: Axis::linear("i / (N - 1)"), y: Axis::log("sigma"), series: sigmas },
        Chart {
            title: title("how often a pair is drawn, by its lower level"),
            x: Axis::log("sigma"),
            y: Axis::log("probability"),
            series: probabilities,
        },
    ])
}
