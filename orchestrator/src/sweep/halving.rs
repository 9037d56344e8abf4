//! Jobs that fall behind are given up: asynchronous successive halving (ASHA, Li et al. 2018), in the form in which no job
//! waits for another.
//!
//! Rungs are at steps `from`, `from factor`, `from factor^2` ... A job that comes to one goes on if its cost is among the best
//! 1/factor of those that have been there so far.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The rungs, and who has been there.
#[derive(Debug, Clone)]
pub struct Halving {
    from: u64,
    factor: u64,
    /// The costs at each rung, by job.
    rungs: Vec<BTreeMap<usize, f64>>,
}

impl Halving {
    /// No job has been anywhere. `from` is the first rung's step.
    pub fn new(from: u64, factor: u64) -> Halving {
        Halving { from, factor, rungs: Vec::new() }
    }

    /// A job has a cost at a step; less is better. Whether it falls behind, at a rung that it had not reached before.
    pub fn tell(&mut self, job: usize, step: u64, cost: f64) -> bool {
        let (mut rung, mut at) = (0, self.from);
        while at <= step {
            if self.rungs.len() <= rung {
                self.rungs.push(BTreeMap::new());
            }
            if let Entry::Vacant(place) = self.rungs[rung].entry(job) {
                place.insert(cost);
                if !self.goes_on(rung, cost) {
                    return true;
                }
            }
            let Some(next) = at.checked_mul(self.factor) else { break };
            (rung, at) = (rung + 1, next);
        }
        false
    }

    fn goes_on(&self, rung: usize, cost: f64) -> bool {
        let mut costs: Vec<f64> = self.rungs[rung].values().copied().collect();
        costs.sort_by(f64::total_cmp);
        let kept = usize::try_from(self.factor).map_or(0, |factor| costs.len() / factor).max(1);
        // A cost that is no number is behind all others.
        cost <= costs[kept - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_of_each_rung_go_on() {
        let mut halving = Halving::new(10, 2);
        assert!(!halving.tell(0, 9, 99.0), "before the first rung nobody is behind");
        assert!(!halving.tell(0, 10, 5.0), "the first one leads");
        assert!(halving.tell(1, 12, 6.0));
        assert!(!halving.tell(2, 10, 4.0));
        // Four have been there: two go on.
        assert!(!halving.tell(3, 10, 4.5));
        assert!(!halving.tell(3, 11, 90.0), "between rungs nothing is decided");
        assert!(!halving.tell(3, 20, 3.0));
        assert!(halving.tell(2, 25, 3.5), "two at the second rung: one goes on");
        assert!(halving.tell(4, 40, f64::NAN));
    }
}
