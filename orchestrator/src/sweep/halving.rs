//! Jobs that fall behind are given up: asynchronous successive halving (ASHA, Li et al. 2018), in the form in which no job
//! waits for another.
//!
//! Rungs are at steps `from`, `from factor`, `from factor^2` ... A job that comes to one goes on if its cost is among the best
//! 1/factor of those that have been there so far.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// The rungs, and who has been there.
#[derive(Debug, Clone)]
pub struct Halving {
    from: u64,
    factor: u64,
    /// The costs at each rung, by job.
    rungs: Vec<BTreeMap<usize, f64>>,
    /// The rungs that jobs have reached since they were judged last.
    reached: Vec<(usize, usize)>,
}

impl Halving {
    /// No job has been anywhere. `from` is the first rung's step.
    pub fn new(from: u64, factor: u64) -> Halving {
        Halving { from, factor, rungs: Vec::new(), reached: Vec::new() }
    }

    /// A job has a cost at a step; less is better. One that is no number is behind all others.
    pub fn tell(&mut self, job: usize, step: u64, cost: f64) {
        let cost = if cost.is_nan() { f64::INFINITY } else { cost };
        let (mut rung, mut at) = (0, self.from);
        while at <= step {
            if self.rungs.len() <= rung {
                self.rungs.push(BTreeMap::new());
            }
            if let Entry::Vacant(place) = self.rungs[rung].entry(job) {
                place.insert(cost);
                self.reached.push((rung, job));
            }
            let Some(next) = at.checked_mul(self.factor) else { break };
            (rung, at) = (rung + 1, next);
        }
    }

    /// The jobs that fall behind, of those that have reached a rung since this was asked last. What was told meanwhile
    /// counts for all of them, in whatever order it came.
    pub fn behind(&mut self) -> BTreeSet<usize> {
        let reached = std::mem::take(&mut self.reached);
        reached
            .into_iter()
            .filter(|(rung, job)| !self.goes_on(*rung, self.rungs[*rung][job]))
            .map(|(_, job)| job)
            .collect()
    }

    fn goes_on(&self, rung: usize, cost: f64) -> bool {
        let mut costs: Vec<f64> = self.rungs[rung].values().copied().collect();
        costs.sort_by(f64::total_cmp);
        let kept = usize::try_from(self.factor).map_or(0, |factor| costs.len() / factor).max(1);
        cost < f64::INFINITY && cost <= costs[kept - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: [usize; 0] = [];

    #[test]
    fn the_best_of_each_rung_go_on() {
        let mut halving = Halving::new(10, 2);
        let mut behind = |told: &[(usize, u64, f64)]| {
            told.iter().for_each(|&(job, step, cost)| halving.tell(job, step, cost));
            halving.behind().into_iter().collect::<Vec<_>>()
        };
        assert_eq!(behind(&[(0, 9, 99.0)]), NOBODY, "before the first rung nobody is behind");
        assert_eq!(behind(&[(0, 10, 5.0)]), NOBODY, "the first one leads");
        assert_eq!(behind(&[(1, 12, 6.0)]), [1]);
        assert_eq!(behind(&[(2, 10, 4.0)]), NOBODY);
        assert_eq!(behind(&[(3, 10, 4.5)]), NOBODY, "four have been there: two go on");
        assert_eq!(behind(&[(3, 11, 90.0)]), NOBODY, "between rungs nothing is decided");
        assert_eq!(behind(&[(3, 20, 3.0)]), NOBODY);
        assert_eq!(behind(&[(2, 25, 3.5)]), [2], "two at the second rung: one goes on");
        assert_eq!(behind(&[(4, 40, f64::NAN)]), [4]);
    }

    #[test]
    fn what_is_no_number_keeps_nobody_from_going_on() {
        // The cost of what should be large is its negative: there is a NaN of either sign.
        for nan in [f64::NAN, -f64::NAN] {
            let mut halving = Halving::new(1, 2);
            let mut behind = |job, cost| {
                halving.tell(job, 1, cost);
                halving.behind().into_iter().collect::<Vec<_>>()
            };
            assert_eq!(behind(0, nan), [0]);
            assert_eq!(behind(1, -6.0), NOBODY);
        }
    }

    #[test]
    fn who_comes_at_one_time_is_judged_alike_in_any_order() {
        for costs in [[4.0, 3.0, 2.0, 1.0], [1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 1.0, 3.0]] {
            let mut halving = Halving::new(2, 2);
            costs.iter().enumerate().for_each(|(job, &cost)| halving.tell(job, 2, cost));
            let worse: Vec<usize> = (0..4).filter(|&job| costs[job] > 2.0).collect();
            assert_eq!(halving.behind().into_iter().collect::<Vec<_>>(), worse);
            assert!(halving.behind().is_empty(), "judged once");
        }
    }
}
