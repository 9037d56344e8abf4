//! What chooses points of a space: at random, or by a tree-structured Parzen estimator (TPE, Bergstra et al. 2011).
//!
//! A point has a coordinate in [0, 1) for each axis. Each draw has a key, (seed, trial, attempt), so that a search that goes on
//! chooses as one that was never cut short, given the same outcomes in the same order.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use tpe::TpeOptimizer;

use super::Space;
use super::space::Kind;

/// Chooses points.
pub trait Sampler: Send {
    /// The point of a trial. A point that is not wanted is chosen anew with the next `attempt`.
    fn ask(&mut self, trial: u64, attempt: u64) -> Vec<f64>;

    /// What a point was found to cost; less is better.
    fn tell(&mut self, point: &[f64], cost: f64);
}

/// Chooses evenly, whatever the outcomes.
pub struct Random {
    axes: usize,
    seed: u64,
}

impl Random {
    /// Over a space.
    pub fn new(space: &Space, seed: u64) -> Random {
        Random { axes: space.axes().len(), seed }
    }
}

impl Sampler for Random {
    fn ask(&mut self, trial: u64, attempt: u64) -> Vec<f64> {
        let mut draws = draws(self.seed, trial, attempt);
        // 53 bits, which a float holds exactly.
        (0..self.axes).map(|_| (draws.next_u64() >> 11) as f64 / (1_u64 << 53) as f64).collect()
    }

    fn tell(&mut self, _: &[f64], _: f64) {}
}

/// Chooses where good outcomes were more frequent than bad ones, each axis by itself.
pub struct Tpe {
    axes: Vec<(TpeOptimizer, Option<usize>)>,
    seed: u64,
}

impl Tpe {
    /// Over a space.
    pub fn new(space: &Space, seed: u64) -> Tpe {
        let axis = |kind: &Kind| match kind {
            Kind::Options(texts) => tpe::categorical_range(texts.len())
                .map(|range| (TpeOptimizer::new(tpe::histogram_estimator(), range), Some(texts.len()))),
            Kind::Listed(..) | Kind::Between(..) | Kind::Whole(..) => {
                tpe::range(0.0, 1.0).map(|range| (TpeOptimizer::new(tpe::parzen_estimator(), range), None))
            }
        };
        // No range is empty: an axis has at least one value.
        let axes = space.axes().iter().filter_map(|of| axis(&of.kind).ok()).collect();
        Tpe { axes, seed }
    }
}

impl Sampler for Tpe {
    fn ask(&mut self, trial: u64, attempt: u64) -> Vec<f64> {
        let mut draws = draws(self.seed, trial, attempt);
        let chosen = self.axes.iter_mut().map(|(axis, options)| match (axis.ask(&mut draws), options) {
            (Ok(index), Some(count)) => (index.floor() + 0.5) / *count as f64,
            (Ok(at), None) => at,
            // An estimator that cannot be built of what was told says nothing about where to look.
            (Err(_), _) => 0.5,
        });
        chosen.map(|at| at.clamp(0.0, 1.0 - f64::EPSILON)).collect()
    }

    fn tell(&mut self, point: &[f64], cost: f64) {
        for ((axis, options), at) in self.axes.iter_mut().zip(point) {
            let told = match options {
                Some(count) => axis.tell((at * *count as f64).floor(), cost),
                None => axis.tell(*at, cost),
            };
            // A cost that is no number teaches nothing.
            drop(told);
        }
    }
}

/// The draws of one attempt.
fn draws(seed: u64, trial: u64, attempt: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    for (part, number) in key.chunks_mut(8).zip([seed, trial, attempt]) {
        part.copy_from_slice(&number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Library, Place, SearchPath};

    /// A mixed problem: x on a logarithmic scale (best 1e-2), y on a linear one (best 0.3), and a kind of which `b` is best.
    const WORDS: [&str; 3] = ["x=tag(log,interval(1e-5,1))", "y=interval(-2,2)", "kind=a,b,c,d"];

    fn cost(words: &[String]) -> f64 {
        let text = |key: &str| words.iter().find_map(|word| word.strip_prefix(key)).unwrap();
        let number = |key: &str| text(key).parse::<f64>().unwrap();
        let kind = match text("kind=") {
            "b" => 0.0,
            "c" => 0.5,
            _ => 1.0,
        };
        (number("x=").log10() + 2.0).powi(2) + (number("y=") - 0.3).powi(2) + kind
    }

    /// The median over 20 seeds of the best of 60 trials.
    fn median(sampler: impl Fn(&Space, u64) -> Box<dyn Sampler>) -> f64 {
        let library = Library::new(SearchPath::new(Place::Embedded(&[])));
        let space = Space::of(&WORDS.map(str::to_owned), &library).unwrap();
        let mut bests: Vec<f64> = (0..20)
            .map(|seed| {
                let mut sampler = sampler(&space, seed);
                let costs = (0..60).map(|trial| {
                    let point = sampler.ask(trial, 0);
                    let cost = cost(&space.words(&point));
                    sampler.tell(&point, cost);
                    cost
                });
                costs.fold(f64::INFINITY, f64::min)
            })
            .collect();
        bests.sort_by(f64::total_cmp);
        f64::midpoint(bests[9], bests[10])
    }

    #[test]
    fn the_estimator_learns_and_chance_does_not() {
        let tpe = median(|space, seed| Box::new(Tpe::new(space, seed)));
        let random = median(|space, seed| Box::new(Random::new(space, seed)));
        assert!(tpe < 0.15 && tpe < 0.5 * random, "tpe {tpe}, random {random}");
    }

    /// A rate of learning that is better the higher it is, until the training diverges.
    #[test]
    fn it_keeps_away_from_what_fails() {
        let library = Library::new(SearchPath::new(Place::Embedded(&[])));
        let space = Space::of(&["x=interval(0,1)".to_owned(), "y=interval(0,1)".to_owned()], &library).unwrap();
        let failed = |sampler: &mut dyn Sampler| {
            let cost = |point: &[f64]| match point {
                [x, y] if *x <= 0.6 => (1.0 - x).powi(2) + (y - 0.4).powi(2),
                _ => f64::INFINITY,
            };
            let costs = (0..60).map(|trial| {
                let point = sampler.ask(trial, 0);
                sampler.tell(&point, cost(&point));
                cost(&point)
            });
            costs.filter(|cost| cost.is_infinite()).count()
        };
        let count = |sampler: &dyn Fn(u64) -> Box<dyn Sampler>| (0..10).map(|seed| failed(&mut *sampler(seed))).sum();
        let tpe: usize = count(&|seed| Box::new(Tpe::new(&space, seed)));
        let random: usize = count(&|seed| Box::new(Random::new(&space, seed)));
        assert!(tpe < random, "{tpe} of 600 trials failed, by chance {random}");
    }

    #[test]
    fn what_was_told_decides_and_nothing_else() {
        let library = Library::new(SearchPath::new(Place::Embedded(&[])));
        let space = Space::of(&WORDS.map(str::to_owned), &library).unwrap();
        let (mut one, mut other) = (Tpe::new(&space, 3), Tpe::new(&space, 3));
        let told: Vec<Vec<f64>> = (0..8).map(|trial| one.ask(trial, 0)).collect();
        for (n, point) in told.iter().enumerate() {
            one.tell(point, n as f64);
            other.tell(point, n as f64);
        }
        assert_eq!(one.ask(8, 0), other.ask(8, 0), "asking leaves no trace");
        assert_ne!(one.ask(8, 0), one.ask(8, 1));
    }
}
