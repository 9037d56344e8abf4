//! Which sweeper a configuration asks for: the node `hydra.sweeper`, typed.

use exp_api::schema::{COUNT, Kind, at_least, choice, group};

use super::older::Older;
use super::{Random, Sampler, Space, Tpe, optuna};
use crate::compose::problem::Warning;
use crate::compose::{Composed, Node, Problem, Problems, Value, extract, text};

/// What chooses the points of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Which points are left out: those of which this is false.
    pub filter: Option<String>,
    /// How points are searched for; none: all points of the grid.
    pub search: Option<Search>,
    /// What is odd in it.
    pub warning: Option<Warning>,
}

group! {
    /// The options of a sweeper that searches, as the manifest of a sweep keeps them.
    pub struct Search {
        /// How points are chosen.
        name: Method => Kind::Choice(Method::WORDS);
        /// The figure of a job that is looked at.
        metric: String => Kind::Text;
        /// What is good.
        direction: Direction => Kind::Choice(Direction::WORDS);
        /// How many points are tried.
        n_trials: u64 => at_least(1);
        /// How many at a time. Null: as many as the launcher has slots.
        n_jobs: Option<u64> => at_least(1), nullable;
        /// Seed of all draws.
        seed: u64 => COUNT;
        /// The step of the first rung of successive halving. Null: no job is given up.
        prune_from: Option<u64> => at_least(1), nullable;
        /// Of how many jobs one goes on at each rung, and how much later the next rung is.
        prune_factor: u64 => at_least(2);
        /// Which points are tried: those of which this is true.
        filter as "where": Option<String> => Kind::Text, nullable;
    }
}

choice! {
    /// How points are chosen.
    pub enum Method {
        /// At random.
        Random = "random",
        /// By a tree-structured Parzen estimator.
        Tpe = "tpe",
    }
}

choice! {
    /// What is good.
    pub enum Direction {
        /// Less.
        Minimize = "minimize",
        /// More.
        Maximize = "maximize",
    }
}

impl Direction {
    /// A value of the metric as a cost: less is better.
    pub fn cost(self, value: f64) -> f64 {
        match self {
            Direction::Minimize => value,
            Direction::Maximize => -value,
        }
    }
}

impl Choice {
    /// What the `hydra` node of a composed configuration asks for. Hydra's own `basic` means a grid.
    ///
    /// # Errors
    /// A sweeper that is not here, and all that is wrong with its options.
    pub fn of(composed: &Composed) -> Result<Choice, Problems> {
        let (path, mut node) = ("hydra.sweeper", composed.sweeper()?);
        let Some(target) = node.at("_target_") else {
            // `params` spans the space: it is read with the overrides.
            node.as_map_mut().map(|map| map.shift_remove("params"));
            return Choice::searching(path, &node);
        };
        let class = text(&target.value);
        if class.ends_with("OptunaSweeper") {
            let mut problems = Problems::default();
            let space = problems.collect_all(Older::of(path, &node));
            let found = optuna::counterpart(path, &node).and_then(|search| Choice::searching(path, &search));
            let choice = problems.collect_all(found);
            let warning = space.flatten().map(|space| space.warning());
            return match choice {
                Some(choice) => problems.or_ok(Choice { warning, ..choice }),
                None => Err(problems),
            };
        }
        if !class.ends_with("BasicSweeper") {
            let problem = Problem::new(format!("no sweeper does here what `{class}` does in Python"));
            return Err(problem
                .key(format!("{path}._target_"))
                .trail(&target.trail)
                .hint("hydra/sweeper=basic")
                .into());
        }
        let filter = node.at("where").filter(|node| node.value != Value::Null);
        let written = |node: &Node| match &node.value {
            Value::Str(text) => Ok(text.to_string()),
            Value::Bool(value) => Ok(value.to_string()),
            other => {
                let problem = Problem::new(format!("expected an expression, found {}", other.kind()));
                Err(problem.key("hydra.sweeper.where").trail(&node.trail))
            }
        };
        Ok(Choice { filter: filter.map(written).transpose()?, search: None, warning: None })
    }

    fn searching(path: &str, node: &Node) -> Result<Choice, Problems> {
        let search: Search = extract::part(path, node, &Search::KIND)?;
        Ok(Choice { filter: search.filter.clone(), search: Some(search), warning: None })
    }
}

impl Search {
    /// What may stand at `hydra.sweeper`, beside Hydra's own.
    pub const KIND: Kind = Kind::Group(Search::FIELDS);

    /// How many jobs run at a time, of those that a launcher has slots for.
    pub fn slots(&self, slots: usize) -> usize {
        self.n_jobs.map_or(slots, |n| usize::try_from(n).unwrap_or(usize::MAX))
    }

    /// How many jobs are still to be made, of which there are `made`.
    pub fn missing(&self, made: usize) -> usize {
        usize::try_from(self.n_trials).unwrap_or(usize::MAX).saturating_sub(made)
    }

    /// What chooses points of a space.
    pub fn sampler(&self, space: &Space) -> Box<dyn Sampler> {
        match self.name {
            Method::Random => Box::new(Random::new(space, self.seed)),
            Method::Tpe => Box::new(Tpe::new(space, self.seed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::load_yaml;

    #[test]
    fn options_are_typed() {
        let read = |yaml: &str| -> Result<Search, Problems> {
            extract::part("hydra.sweeper", &load_yaml(&"x".into(), yaml).expect("a tree"), &Search::KIND)
        };
        let whole = "{name: tpe, metric: fd_pixel, direction: maximize, n_trials: 7, n_jobs: null, seed: 1, \
                     prune_from: null, prune_factor: 3, where: null}";
        let search = read(whole).expect("right");
        assert_eq!((search.n_trials, search.direction.cost(2.0)), (7, -2.0));
        let wrong = read(&whole.replace("tpe", "tpee")).expect_err("unknown").to_string();
        assert!(wrong.contains("expected one of random, tpe, found `tpee`"), "{wrong}");
        let wrong = read(&whole.replace("prune_factor: 3", "prune_factor: 1")).expect_err("no halving").to_string();
        assert!(wrong.contains("hydra.sweeper.prune_factor: expected a whole number of at least 2"), "{wrong}");
    }
}
