//! Pages for a browser: one run as a file that stands alone.

mod report;

pub use report::report;

/// The look of all pages.
const STYLE: &str = include_str!("style.css");
