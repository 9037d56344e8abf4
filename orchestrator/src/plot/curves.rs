//! Metrics over steps.

use std::collections::BTreeSet;
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

/// The values of each metric of a run, by their steps; thinned out where there are many, but for peaks and troughs.
pub fn metrics(dir: &Path) -> IndexMap<String, Vec<(f64, f64)>> {
    let mut found: IndexMap<String, Vec<(f64, f64)>> = IndexMap::new();
    for (step, row) in rows::read(&dir.join(METRICS)) {
        for (name, value) in row.iter().filter(|(name, _)| *name != "step") {
            if let Some(value) = value.as_f64() {
                found.entry(name.clone()).or_default().push((step as f64, value));
            }
        }
    }
    found.values_mut().for_each(thin_out);
    found
}

/// Keeps of each of many parts the lowest and the highest point, and of the whole the first and the last.
fn thin_out(points: &mut Vec<(f64, f64)>) {
    if points.len() <= POINTS {
        return;
    }
    let mut kept = BTreeSet::from([0, points.len() - 1]);
    let size = points.len().div_ceil(POINTS / 2);
    for (number, part) in points.chunks(size).enumerate() {
        let by_value = |a: &usize, b: &usize| part[*a].1.total_cmp(&part[*b].1);
        let ends = [(0..part.len()).min_by(by_value), (0..part.len()).max_by(by_value)];
        kept.extend(ends.into_iter().flatten().map(|at| number * size + at));
    }
    *points = kept.into_iter().map(|at| points[at]).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_is_seen_among_many_points() {
        let value = |step: usize| if step == 7777 { 100.0 } else { (step % 10) as f64 };
        let all: Vec<(f64, f64)> = (0..100_003).map(|step| (step as f64, value(step))).collect();
        let mut points = all.clone();
        thin_out(&mut points);
        assert!(points.len() <= POINTS + 2 && points.contains(&(7777.0, 100.0)), "{}", points.len());
        assert!(points.is_sorted_by(|a, b| a.0 < b.0));
        assert_eq!((points.first(), points.last()), (all.first(), all.last()));
        let mut few = all[..POINTS].to_vec();
        thin_out(&mut few);
        assert_eq!(few, all[..POINTS]);
    }
}
