//! Outcomes as text for a person.

use std::fmt::Write;
use std::path::Path;

use exp_api::Report;

/// The end of a job: its directory, its picture and its figures.
pub fn summary(dir: &Path, report: &Report) -> String {
    let mut text = String::new();
    if report.step > 0 {
        let _ = writeln!(text, "done: {} steps", report.step);
    }
    let width = report.figures.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let untrained = report.figures.iter().find(|(name, _)| name == "fd_pixel_untrained").map(|(_, value)| *value);
    for (name, value) in &report.figures {
        let _ = write!(text, "  {name:width$}  {value:.4}");
        if let Some(untrained) = untrained.filter(|untrained| *untrained > 0.0 && name != "fd_pixel_untrained") {
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
