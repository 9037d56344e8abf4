//! What names a dropout mask.

use crate::rng::{SPLIT_STEP, split_mix};

/// A number drawn for a step, and where in the networks of that step a mask is used. The two are kept apart so that an engine
/// that repeats a step knows what changes from one to the next: the number alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Drawn for each step.
    pub drawn: u64,
    /// The same at every step.
    pub place: u64,
}

impl Key {
    /// The key of a whole step.
    pub fn new(drawn: u64) -> Key {
        Key { drawn, place: 0 }
    }

    /// That of one of its parts.
    #[must_use]
    pub fn at(self, part: u64) -> Key {
        let counter = self.place.wrapping_add(part.wrapping_add(1).wrapping_mul(SPLIT_STEP));
        Key { place: split_mix(counter), ..self }
    }

    /// Both in one number. Places are well mixed, so the masks of two differ whatever was drawn.
    pub fn number(self) -> u64 {
        self.drawn ^ self.place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_splitmix64() {
        // The first outputs of the reference generator seeded with 1234567.
        let start = Key { drawn: 0, place: 1_234_567 };
        let places = [0, 1].map(|part| start.at(part).place);
        assert_eq!(places, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }

    #[test]
    fn each_step_and_each_place_has_its_number() {
        let mut seen = std::collections::HashSet::new();
        for drawn in 0..50 {
            for part in 0..50 {
                let key = Key::new(drawn).at(part);
                assert!(seen.insert(key.number()) && seen.insert(key.at(part).number()));
            }
        }
    }
}
