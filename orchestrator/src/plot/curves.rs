//! Metrics over steps.

use std::path::Path;

use indexmap::IndexMap;

use super::{Axis, Chart, Series, wide};
use crate::recorder::METRICS;
use crate::rows;

/// Points of a line, beyond which no more can be seen.
const POINTS: usize = 1500;

/// The metrics of one run, those with a common beginning (`loss`, `loss/dsm`) in one chart.
pub fn of_run(dir: &Path) -> Vec<Chart> {
    let mut groups: IndexMap<String, Vec<Series>> = IndexMap::new();
    for (name, points) in metrics(dir) {
        let group = name.split('/').next().unwrap_or(&name).to_owned();
        groups.entry(group).or_default().push(Series { name, points, joined: true });
    }
    groups.into_iter().map(|(title, series)| chart(title, series)).collect()
}

/// One metric of several runs, each with its name.
pub fn compared<'a>(key: &str, runs: impl IntoIterator<Item = (String, &'a Path)>) -> Chart {
    let series = runs.into_iter().filter_map(|(name, dir)| {
        let points = metrics(dir).shift_remove(key)?;
        Some(Series { name, points, joined: true })
    });
    chart(key.to_owned(), series.collect())
}

fn chart(title: String, series: Vec<Series>) -> Chart {
    let values = series.iter().flat_map(|series| &series.points).map(|(_, value)| *value);
    let y = if wide(values) { Axis::log("") } else { Axis::linear("") };
    Chart { title, x: Axis::linear("step"), y, series }
}

/// The values of each metric of a run, by their steps; evenly thinned out where there are many.
pub fn metrics(dir: &Path) -> IndexMap<String, Vec<(f64, f64)>> {
    let mut found: IndexMap<String, Vec<(f64, f64)>> = IndexMap::new();
    for (step, row) in rows::read(&dir.join(METRICS)) {
        for (name, value) in row.iter().filter(|(name, _)| *name != "step") {
            if let Some(value) = value.as_f64() {
                found.entry(name.clone()).or_default().push((step as f64, value));
            }
        }
    }
    for points in found.values_mut() {
        let every = points.len().div_ceil(POINTS).max(1);
        let last = points.len() - 1;
        *points = points
            .iter()
            .enumerate()
            .filter(|(at, _)| at % every == 0 || *at == last)
            .map(|(_, point)| *point)
            .collect();
    }
    found
}
