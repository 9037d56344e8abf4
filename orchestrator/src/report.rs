//! Outcomes as text for a person.

use std::fmt::Write;
use std::path::Path;

use exp_api::Report;
use exp_api::figure::{PAE_AT, UNTRAINED};

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
        let _ = write!(text, "  {name:width$}  {value:.4}");
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
