//! What several runs came to: how many values there are, their mean, and how far they lie from it.

use serde::Serialize;

use crate::report::number;

/// Several values of one figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// How many runs have one.
    pub runs: usize,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, as a sample has it: over n - 1. One value has none.
    pub deviation: Option<f64>,
}

impl Spread {
    /// Of values as they are, but for those that are not finite; none without any.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        // A second pass: in a difference of sums of squares no digit may be left (Chan, Golub and LeVeque 1983).
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let deviation = (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
        (!values.is_empty()).then_some(Spread { runs: values.len(), mean, deviation })
    }

    /// As text for a person; says how many values there are if they are not `of` all runs.
    pub fn text(&self, of: usize) -> String {
        let deviation = self.deviation.map(|deviation| format!(" ± {}", number(deviation))).unwrap_or_default();
        let count = if self.runs == of { String::new() } else { format!(" ({})", self.runs) };
        number(self.mean) + &deviation + &count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// NIST's Statistical Reference Datasets, univariate: NumAcc1 to NumAcc4, with what is certified of them.
    #[test]
    fn certified_means_and_deviations_are_met() {
        let around = |middle: f64, far: f64| {
            std::iter::once(middle).chain((0..1000).map(move |at| middle + if at % 2 == 0 { -far } else { far }))
        };
        let whole = Spread::of([10_000_001.0, 10_000_003.0, 10_000_002.0]);
        assert_eq!(whole, Some(Spread { runs: 3, mean: 10_000_002.0, deviation: Some(1.0) }));
        for middle in [1.2, 1_000_000.2, 10_000_000.2] {
            let found = Spread::of(around(middle, 0.1)).unwrap();
            let deviation = found.deviation.unwrap();
            assert!(found.runs == 1001 && (found.mean / middle - 1.0).abs() < 1e-14, "{found:?}");
            assert!((deviation - 0.1).abs() < 1e-8, "{found:?}");
        }
    }

    #[test]
    fn what_is_missing_is_said() {
        assert_eq!(Spread::of([f64::NAN, f64::INFINITY]), None);
        let found = Spread::of([1.0, f64::NAN, 2.0, 3.0]).unwrap();
        assert_eq!((found.text(4), found.text(3)), ("2 ± 1 (3)".to_owned(), "2 ± 1".to_owned()));
        assert_eq!(Spread::of([0.25]).unwrap().text(1), "0.25");
    }
}
