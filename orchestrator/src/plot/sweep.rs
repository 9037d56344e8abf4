//! What a sweep found: a figure of its jobs over each value that they differ in.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Axis, Chart, Series, wide};
use crate::compose::Override;
use crate::history::{Column, History, overrides, varied};

/// One chart for each number that was swept. There are none if the runs have no such figure.
pub fn sweep(history: &History, figure: &str) -> Vec<Chart> {
    let found = Column::new(history, figure);
    let keys = swept(history);
    let points = |key: &String| -> Vec<(f64, f64)> {
        let column = Column::new(history, key);
        let number = |value: Option<Value>| value?.as_f64();
        history.runs.iter().filter_map(|run| Some((number(column.value(run))?, number(found.value(run))?))).collect()
    };
    let chart = |key: &String| {
        let points = points(key);
        let axis = |name: &str, values: Vec<f64>| match wide(values.into_iter()) {
            true => Axis::log(name),
            false => Axis::linear(name),
        };
        let x = axis(key, points.iter().map(|(x, _)| *x).collect());
        let y = axis(figure, points.iter().map(|(_, y)| *y).collect());
        let series = vec![Series { name: figure.to_owned(), points, joined: false }];
        Chart { title: format!("{figure} by {key}"), x, y, series }
    };
    keys.iter().map(chart).filter(|chart| !chart.series[0].points.is_empty()).collect()
}

/// The keys in which runs differ because somebody set them; if nobody did, as of a sweep over groups, all in which they differ.
fn swept(history: &History) -> Vec<String> {
    let words = history.runs.iter().flat_map(|run| overrides(&run.dir));
    let set: BTreeSet<String> = words.filter_map(|word| Some(Override::parse(&word).ok()?.key)).collect();
    let varied = varied(&history.runs, &history.parts).into_iter();
    let (swept, others): (Vec<String>, Vec<String>) = varied.partition(|key| set.contains(key));
    if swept.is_empty() { others } else { swept }
}
