//! A direction of a chart: where values lie, and what is written there.

/// Beyond this the space around a value would not be finite.
const LARGEST: f64 = 1e300;

/// A quantity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// Its name and unit.
    pub name: String,
    /// Whether equal distances are equal factors.
    pub log: bool,
}

impl Axis {
    /// A quantity of equal distances.
    pub fn linear(name: impl Into<String>) -> Axis {
        Axis { name: name.into(), log: false }
    }

    /// A quantity of equal factors.
    pub fn log(name: impl Into<String>) -> Axis {
        Axis { name: name.into(), log: true }
    }

    /// Where a value lies; nothing for one that has no place.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let placed = if self.log { value.log10() } else { value };
        (placed.is_finite() && value.abs() <= LARGEST).then_some(placed)
    }

    /// The value of a place, as text.
    pub(super) fn label(&self, place: f64) -> String {
        let value = if self.log { 10_f64.powf(place) } else { place };
        let size = value.abs();
        match size {
            0.0 => "0".to_owned(),
            1e4.. if size < 1e6 => format!("{:.0}k", value / 1e3),
            0.01..1e4 => {
                // Equal factors seldom meet round numbers: two digits tell enough.
                let digits = if self.log { (1.0 - size.log10().floor()).max(0.0) as usize } else { 3 };
                let text = format!("{value:.digits$}");
                if !text.contains('.') {
                    return text;
                }
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
            _ if self.log => format!("{value:.1e}").replace(".0e", "e"),
            _ => format!("{value:.0e}"),
        }
    }
}
