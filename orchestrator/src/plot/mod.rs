//! Pictures of numbers: the curves of runs, the schedule of a spec, what a sweep found. Each is a [`Chart`].

mod axis;
mod chart;
mod curves;
mod schedule;
mod sweep;

pub use axis::Axis;
pub use chart::{Chart, Series};
pub use curves::{compared, metrics, of_run, with_means};
pub use schedule::schedule;
pub use sweep::sweep;

/// Whether values are so far apart that equal factors show them better than equal distances.
fn wide(values: impl Iterator<Item = f64>) -> bool {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, 0.0_f64), |(low, high), value| (low.min(value), high.max(value)));
    low > 0.0 && high > 50.0 * low
}
