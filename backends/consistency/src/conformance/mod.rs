//! The suite that every engine runs: primitives, composites, gradients and the engine's own promises, each held
//! against an oracle in `f64`.
//!
//! `oracle` is the seam's tensor once more, as arithmetic on plain arrays. An `operation` is data that applies to any
//! tensor, so a `case` runs on the engine and on the oracle alike. The tables of cases stand in `primitives` and
//! `composites`. In: an [`Engine`]. Out: an [`Outcome`] for each check; printing is the caller's.

mod case;
mod composites;

mod dropout;
mod extremes;
mod gradients;
mod objectives;
mod operation;

mod primitives;
mod recurs;
mod repeats;
mod tape;
mod update;
mod values;

use std::panic::{AssertUnwindSafe, catch_unwind};

use self::case::Case;
use crate::engine::Engine;

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was held against what.
    pub name: String,
    /// How many cases it had.
    pub cases: usize,
    /// One line for each case that does not hold.
    pub faults: Vec<String>,
}

type OfCase<E> = fn(&E, &Case) -> Result<(), String>;
type OfEngine<E> = fn(&E) -> Result<(), String>;

/// Runs every check on `engine`; `other` is another of its kind, for what passes between two.
pub fn run<E: Engine>(engine: &E, other: &E) -> Vec<Outcome> {
    let mut outcomes = engine.scope(|| of_cases(engine));
    outcomes.extend(engine.scope(|| of_engine(engine)));
    outcomes.push(single("engines: tensors moved", || repeats::moved(engine, other)));
    let cases = composites::cases();
    outcomes.push(single("engines: two side by side", || repeats::side_by_side(engine, other, &cases)));
    outcomes
}

fn of_cases<E: Engine>(engine: &E) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let checks: [(&str, OfCase<E>); 3] =
        [("values", values::agree), ("gradients", gradients::agree), ("same bits again", repeats::agree)];
    for cases in [primitives::cases(), composites::cases()] {
        for (what, check) in checks {
            for group in cases.chunk_by(|a, b| a.operation.to_string() == b.operation.to_string()) {
                let faults = group.iter().filter_map(|case| {
                    let fault = attempt(|| check(engine, case)).err()?;
                    Some(format!("{case}: {fault}"))
                });
                let name = format!("{}: {what}", group[0].operation);
                outcomes.push(Outcome { name, cases: group.len(), faults: faults.collect() });
            }
        }
    }
    outcomes
}

fn of_engine<E: Engine>(engine: &E) -> Vec<Outcome> {
    let checks: [(&str, OfEngine<E>); 14] = [
        ("extremes: values", extremes::agree),
        ("extremes: no NaN is hidden", extremes::shown),
        ("dropout: masks", dropout::masks),
        ("dropout: on the tape", dropout::taped),
        ("tape: unused parameters", tape::unused),
        ("tape: detached tensors", tape::detached),
        ("tape: gathered gradients", tape::gathered),
        ("tape: taped and constant tensors mixed", tape::mixed),
        ("tape: what a loss hands out", tape::handed_out),
        ("recurring: what is repeated", recurs::agree),
        ("update: every rule", update::agree),
        ("update: the average of weights that stand still", update::still),
        ("update: the average that is a copy", update::copied),
        ("objectives: gradients of every network, head and loss", objectives::agree),
    ];
    checks.into_iter().map(|(name, check)| single(name, || check(engine))).collect()
}

fn single(name: &str, check: impl FnOnce() -> Result<(), String>) -> Outcome {
    Outcome { name: name.to_owned(), cases: 1, faults: attempt(check).err().into_iter().collect() }
}

/// A panic is a fault like any other, so that one does not hide the rest.
pub(crate) fn attempt<R>(check: impl FnOnce() -> Result<R, String>) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        Err(format!("panicked: {}", text.unwrap_or_default()))
    })
}
