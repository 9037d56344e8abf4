//! Sums of floats as Python's `decimal` makes them: exact binary values, rounded to 28 digits.
//!
//! Hydra counts through a range of floats this way, and it decides which neighbour of 0.6 is the
//! sixth multiple of 0.1.

use std::cmp::Ordering;

/// Digits that are kept of an operand; 28 of them count.
const DIGITS: usize = 36;
/// Python's default precision.
const PRECISION: u32 = 28;

/// A decimal number, `mantissa * 10^exponent`.
#[derive(Clone, Copy, Debug)]
pub struct Decimal {
    mantissa: i128,
    exponent: i32,
}

impl Decimal {
    /// The value of a finite float; `None` for the others.
    pub fn new(x: f64) -> Option<Self> {
        let text = format!("{x:.*e}", DIGITS - 1);
        let (digits, exponent) = text.split_once('e')?;
        let exponent: i32 = exponent.parse().ok()?;
        let mantissa = digits.replace('.', "").parse().ok()?;
        Some(Self { mantissa, exponent: exponent - (DIGITS as i32 - 1) })
    }

    /// The sum, rounded.
    pub fn plus(self, other: Self) -> Self {
        let (high, low) =
            if self.exponent >= other.exponent || other.mantissa == 0 { (self, other) } else { (other, self) };
        if high.mantissa == 0 {
            return low;
        }
        let low = divided(low.mantissa, high.exponent.saturating_sub(low.exponent).unsigned_abs());
        Self { mantissa: high.mantissa + low, exponent: high.exponent }.rounded()
    }

    /// Whether the number is above zero.
    pub fn is_positive(self) -> bool {
        self.mantissa > 0
    }

    /// The order of two numbers.
    pub fn order(self, other: Self) -> Ordering {
        let negative = Self { mantissa: -other.mantissa, ..other };
        self.plus(negative).mantissa.cmp(&0)
    }

    /// The nearest float.
    pub fn to_f64(self) -> f64 {
        format!("{}e{}", self.mantissa, self.exponent).parse().unwrap_or(f64::NAN)
    }

    /// Rounds to the precision, then fills up with zeros, so that the next sum loses nothing.
    fn rounded(self) -> Self {
        let mut mantissa = self.mantissa;
        let mut exponent = self.exponent;
        let digits = mantissa.unsigned_abs().checked_ilog10().map_or(1, |log| log + 1);
        if digits > PRECISION {
            mantissa = divided(mantissa, digits - PRECISION);
            exponent += (digits - PRECISION) as i32;
        }
        while mantissa != 0 && mantissa.unsigned_abs() < 10_u128.pow(DIGITS as u32 - 1) {
            mantissa *= 10;
            exponent -= 1;
        }
        Self { mantissa, exponent }
    }
}

/// `n / 10^digits`, rounded half to even.
fn divided(n: i128, digits: u32) -> i128 {
    let Some(divisor) = 10_i128.checked_pow(digits) else { return 0 };
    let (quotient, rest) = (n / divisor, (n % divisor).abs());
    let up = match (rest * 2).cmp(&divisor) {
        Ordering::Less => false,
        Ordering::Greater => true,
        Ordering::Equal => quotient % 2 != 0,
    };
    quotient + if up { n.signum() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiples_of_a_tenth_are_those_of_python() {
        let step = Decimal::new(0.1).expect("finite");
        let mut sum = Decimal::new(0.0).expect("finite");
        let mut multiples = Vec::new();
        for _ in 0..7 {
            sum = sum.plus(step);
            multiples.push(sum.to_f64());
        }
        assert_eq!(multiples, [0.1, 0.2, 0.30000000000000004, 0.4, 0.5, 0.6, 0.7000000000000001]);
    }

    #[test]
    fn numbers_of_different_sizes_and_signs_add_up() {
        for (a, b) in [(1e20, -1e20), (1e300, 1.0), (-3.0, 0.5), (0.0, -2.5), (1e-300, 1.0)] {
            let sum = Decimal::new(a).zip(Decimal::new(b)).map(|(a, b)| a.plus(b).to_f64());
            assert_eq!(sum, Some(a + b));
        }
    }
}
