//! What a search found.

use super::Failure;
use crate::compose::{Key, Node, Origin, Override, Value, to_yaml};
use crate::files::write_durably;
use crate::sweep::{Direction, Search, Space};
use crate::sweep_dir::{Outcome, SweepDir};

/// In the directory of the sweep.
const RESULTS: &str = "optimization_results.yaml";

/// The best of the jobs that came to their end.
pub(super) fn best(sweep: &SweepDir, direction: Direction) -> Option<&Outcome> {
    let done = sweep.outcomes().iter().filter(|outcome| !outcome.given_up);
    let cost = |outcome: &Outcome| outcome.value.map(|value| direction.cost(value));
    done.filter(|outcome| outcome.value.is_some())
        .min_by(|a, b| cost(a).partial_cmp(&cost(b)).unwrap_or(std::cmp::Ordering::Equal))
}

/// Writes the best point as the Optuna sweeper of Hydra does: `name`, `best_params`, `best_value`.
pub(super) fn write(sweep: &SweepDir, space: &Space, search: &Search) -> Result<(), Failure> {
    let Some(best) = best(sweep, search.direction) else { return Ok(()) };
    let chosen = Override::parse_all(&space.chosen(&sweep.entry(best.job).point))?;
    let param = |item: &Override| {
        Some((Key::from(item.prefixed_key().as_str()), item.element()?.to_node(&Origin::Builtin).ok()?))
    };
    let params = Value::Map(chosen.iter().filter_map(param).collect());
    let value = Value::Float(best.value.unwrap_or(f64::NAN));
    let name = Value::str(search.name.word());
    let entries = [("name", name), ("best_params", params), ("best_value", value)];
    let results = entries.into_iter().map(|(key, value)| (Key::from(key), Node::builtin(value))).collect();
    let text = to_yaml(&Node::builtin(Value::Map(results)));
    Ok(write_durably(&sweep.path().join(RESULTS), text.as_bytes())?)
}
