//! Outcomes as text for a person.

use std::fmt::Write;
use std::path::Path;

use exp_api::Report;
use exp_api::figure::{PAE_AT, UNTRAINED};

/// A number with the digits that one compares by.
pub fn number(value: f64) -> String {
    match value.abs() {
        0.0 | 1e-3..1e6 => format!("{value:.4}").trim_end_matches('0').trim_end_matches('.').to_owned(),
        // Four digits, of which no zeros at the end.
        size if size.is_finite() => format!("{:e}", format!("{value:.3e}").parse().unwrap_or(value)),
        _ => value.to_string(),
    }
}

/// The end of a job: its directory, its picture and its figures.
pub fn summary(dir: &Path, report: &Report) -> String {
    let mut text = String::from("done");
    if report.step > 0 {
        let _ = write!(text, ": {} steps", report.step);
    }
    text.push('\n');
    // One figure a noise level is for report.json.
    let shown = || report.figures.iter().filter(|(name, _)| !name.starts_with(PAE_AT));
    let width = shown().map(|(name, _)| name.len()).max().unwrap_or(0);
    let untrained = report
        .figures
        .iter()
        .find(|(name, _)| name.strip_suffix(UNTRAINED) == Some("fd_pixel"))
        .map(|(_, value)| *value);
    for (name, value) in shown() {
        let _ = write!(text, "  {name:width$}  {}", number(*value));
        let compared = *name == "fd_pixel" || name.starts_with("fd_pixel/");
        if let Some(untrained) = untrained.filter(|untrained| compared && *untrained > 0.0) {
            let _ = write!(text, "  ({:.2} % of untrained)", 100.0 * value / untrained);
        }
        text.push('\n');
    }
    if let Some(grid) = &report.grid {
        let _ = writeln!(text, "  images: {}", dir.join(grid).display());
    }
    let _ = write!(text, "  run:    {}", dir.display());
    text
}
