//! Outcomes as text for a person.

use std::fmt::Write;
use std::path::Path;

use exp_api::Report;
use exp_api::figure::{PAE_AT, UNTRAINED};

/// Digits behind the point that one compares by; of a number below one, digits that are no leading zeros.
const DIGITS: usize = 4;

/// A number with the digits that one compares by; a whole one with all of them.
pub fn number(value: f64) -> String {
    with_digits(value, DIGITS)
}

/// Two numbers with as many digits as it takes to tell them apart.
pub fn apart(values: [f64; 2]) -> [String; 2] {
    // No two numbers agree in more.
    let shown = (DIGITS..=17).map(|digits| values.map(|value| with_digits(value, digits)));
    shown.reduce(|before, next| if before[0] == before[1] { next } else { before }).unwrap_or_default()
}

fn with_digits(value: f64, digits: usize) -> String {
    let trimmed = |behind: usize| {
        let text = format!("{value:.behind$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    match value.abs() {
        0.0 => "0".to_owned(),
        // Up to here every whole number is one of its own.
        size if size < 1e15 && size.fract() == 0.0 => trimmed(0),
        1.0..1e6 => trimmed(digits),
        size if (1e-4..1.0).contains(&size) => trimmed(digits - 1 + (-size.log10().floor()) as usize),
        // No zeros at the end.
        size if size.is_finite() => {
            let behind = digits - 1;
            format!("{:e}", format!("{value:.behind$e}").parse().unwrap_or(value))
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_digits_that_one_compares_by() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (0.00149, "0.00149"),
            (0.001_512_345, "0.001512"),
            (-0.5, "-0.5"),
            (0.999_99, "1"),
            (1e-4, "0.0001"),
            (1.234_5e-5, "1.234e-5"),
            (12.345_67, "12.3457"),
            (100.0, "100"),
            (55_700_000.0, "55700000"),
            (1_234_567.8, "1.235e6"),
            (1e20, "1e20"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(number(value), text, "{value:?}");
        }
    }

    #[test]
    fn two_numbers_are_told_apart_by_the_fewest_digits() {
        assert_eq!(apart([3.0, 1.5]), ["3", "1.5"]);
        assert_eq!(apart([0.123_456, 0.123_457]), ["0.123456", "0.123457"]);
        assert_eq!(apart([1.000_000_1e-9, 1e-9]), ["1.0000001e-9", "1e-9"]);
        let next = f64::from_bits(1.1_f64.to_bits() + 1);
        let [a, b] = apart([1.1, next]);
        assert_ne!(a, b);
        assert_eq!(apart([2.0, 2.0]), ["2", "2"]);
    }
}
