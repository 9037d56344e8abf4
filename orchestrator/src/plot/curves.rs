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
    let points = |points: Vec<[f64; 3]>| points.into_iter().map(|[step, value, _]| (step, value)).collect();
    with_means(dir).into_iter().map(|(name, found)| (name, points(found))).collect()
}

/// As [`metrics`], `[step, value, mean]`: behind each value the mean of all that it stands for, which is what may be smoothed.
pub fn with_means(dir: &Path) -> IndexMap<String, Vec<[f64; 3]>> {
    let mut found: IndexMap<String, Vec<(f64, f64)>> = IndexMap::new();
    for (step, row) in rows::read(&dir.join(METRICS)) {
        for (name, value) in row.iter().filter(|(name, _)| *name != "step") {
            if let Some(value) = value.as_f64() {
                found.entry(name.clone()).or_default().push((step as f64, value));
            }
        }
    }
    found.into_iter().map(|(name, points)| (name, thinned(&points))).collect()
}

/// Of each of many parts the lowest and the highest point, and of the whole the first and the last, with the mean of the part.
fn thinned(points: &[(f64, f64)]) -> Vec<[f64; 3]> {
    if points.len() <= POINTS {
        return points.iter().map(|&(step, value)| [step, value, value]).collect();
    }
    let size = points.len().div_ceil(POINTS / 2);
    let mut kept = Vec::new();
    for (number, part) in points.chunks(size).enumerate() {
        let mean = part.iter().map(|(_, value)| value).sum::<f64>() / part.len() as f64;
        let by_value = |a: &usize, b: &usize| part[*a].1.total_cmp(&part[*b].1);
        let ends = [(0..part.len()).min_by(by_value), (0..part.len()).max_by(by_value)];
        let first = (number == 0).then_some(0);
        let last = (number * size + part.len() == points.len()).then_some(part.len() - 1);
        let places: BTreeSet<usize> = ends.into_iter().chain([first, last]).flatten().collect();
        kept.extend(places.into_iter().map(|at| [part[at].0, part[at].1, mean]));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_is_seen_among_many_points() {
        let value = |step: usize| if step == 7777 { 100.0 } else { (step % 10) as f64 };
        let all: Vec<(f64, f64)> = (0..100_003).map(|step| (step as f64, value(step))).collect();
        let points = thinned(&all);
        assert!(points.len() <= POINTS + 2 && points.iter().any(|point| point[..2] == [7777.0, 100.0]));
        assert!(points.is_sorted_by(|a, b| a[0] < b[0]));
        assert_eq!([points[0][..2].to_vec(), points[points.len() - 1][..2].to_vec()], [[0.0, 0.0], [100_002.0, 2.0]]);
        assert_eq!(thinned(&all[..POINTS])[3], [3.0, 3.0, 3.0]);
    }

    #[test]
    fn what_is_smoothed_is_the_mean_and_not_the_extremes() {
        let all: Vec<(f64, f64)> = (0..100_000).map(|step| (f64::from(step), f64::from((step % 100) / 99))).collect();
        let points = thinned(&all);
        let mean = |of: usize| points.iter().map(|point| point[of]).sum::<f64>() / points.len() as f64;
        assert!(mean(1) > 0.4 && (mean(2) - 0.01).abs() < 0.002, "{} {}", mean(1), mean(2));
    }
}
