//! Which sweeper a configuration asks for: the node `hydra.sweeper`, typed.

use exp_api::schema::{COUNT, Field, Kind, Variant, at_least};
use serde::{Deserialize, Serialize};

use super::{Random, Sampler, Space, Tpe};
use crate::compose::{Composed, Node, Problem, Problems, Value, extract, text};

/// What chooses the points of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Which points are left out: those of which this is false.
    pub filter: Option<String>,
    /// How points are searched for; none: all points of the grid.
    pub search: Option<Search>,
}

/// The options of a sweeper that searches, as the manifest of a sweep keeps them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// `random` or `tpe`.
    pub name: String,
    /// The figure of a job that is looked at.
    pub metric: String,
    /// What is good.
    pub direction: Direction,
    /// How many points are tried.
    pub n_trials: u64,
    /// How many at a time; null: as many as the launcher has slots.
    pub n_jobs: Option<u64>,
    /// Seed of all draws.
    pub seed: u64,
    /// The step of the first rung of successive halving; null: no job is given up.
    pub prune_from: Option<u64>,
    /// Of how many jobs one goes on at each rung, and how much later the next rung is.
    pub prune_factor: u64,
    /// As in [`Choice`].
    #[serde(rename = "where")]
    pub filter: Option<String>,
}

/// What is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Less.
    Minimize,
    /// More.
    Maximize,
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

const fn field(name: &'static str, kind: Kind, nullable: bool, doc: &'static str) -> Field {
    Field { name, kind, nullable, doc }
}

/// The keys of a sweeper that searches, beside `name` and `params`.
const SEARCH: &[Field] = &[
    field("metric", Kind::Text, false, "The figure of a job that is looked at."),
    field("direction", Kind::Choice(&["minimize", "maximize"]), false, "What is good."),
    field("n_trials", at_least(1), false, "How many points are tried."),
    field("n_jobs", at_least(1), true, "How many at a time. Null: as many as the launcher has slots."),
    field("seed", COUNT, false, "Seed of all draws."),
    field("prune_from", at_least(1), true, "The step of the first rung. Null: no job is given up."),
    field("prune_factor", at_least(2), false, "Of how many jobs one goes on at each rung."),
    field("where", Kind::Text, true, "Which points are tried: those of which this is true."),
];

impl Choice {
    /// The sweepers that are here, and their keys.
    pub const VARIANTS: &[Variant] =
        &[Variant { name: "random", fields: SEARCH }, Variant { name: "tpe", fields: SEARCH }];

    /// What the `hydra` node of a composed configuration asks for. Hydra's own `basic` means a grid.
    ///
    /// # Errors
    /// A sweeper that is not here, and all that is wrong with its options.
    pub fn of(composed: &Composed) -> Result<Choice, Problems> {
        let path = "hydra.sweeper";
        let mut node = composed.resolve(path)?.ok_or_else(|| Problem::new("there is no sweeper").key(path))?;
        let Some(target) = node.at("_target_") else {
            // `params` spans the space: it is read with the overrides.
            node.as_map_mut().map(|map| map.shift_remove("params"));
            let search: Search = extract::variant(path, &node, Choice::VARIANTS)?;
            return Ok(Choice { filter: search.filter.clone(), search: Some(search) });
        };
        let class = text(&target.value);
        if !class.ends_with("BasicSweeper") {
            let problem = Problem::new(format!("no sweeper does here what `{class}` does in Python"));
            let hint = if class.ends_with("OptunaSweeper") { "hydra/sweeper=tpe" } else { "hydra/sweeper=basic" };
            return Err(problem.key(format!("{path}._target_")).trail(&target.trail).hint(hint).into());
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
        Ok(Choice { filter: filter.map(written).transpose()?, search: None })
    }
}

impl Search {
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
        match self.name.as_str() {
            "random" => Box::new(Random::new(space, self.seed)),
            _ => Box::new(Tpe::new(space, self.seed)),
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
            extract::variant("hydra.sweeper", &load_yaml(&"x".into(), yaml).expect("a tree"), Choice::VARIANTS)
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
