//! Runs that did the same but for a few settings, such as those of an experiment that is repeated with other seeds.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use indexmap::IndexMap;
use serde_json::Value;

use super::find::History;
use super::run::{Part, Run, flat};
use crate::compose::{Problem, Problems};
use crate::meaning::{Foreign, meaning};

/// Puts together the runs whose configurations are equal but for the settings `over`, in the order of `runs`. What only
/// speaks about a run, such as its tags or its own directory, is no difference; one without a configuration is like no other.
///
/// # Errors
/// Settings that no run has, if there are runs.
pub fn together<'a>(history: &History, runs: &[&'a Run], over: &[String]) -> Result<Vec<Vec<&'a Run>>, Problems> {
    let plain: Vec<IndexMap<String, Value>> = history.parts.iter().map(|part| leaves(part, None)).collect();
    if !history.runs.is_empty() {
        let own =
            history.runs.iter().flat_map(|run| own_parts(run, history).flat_map(|(_, leaves)| leaves.into_keys()));
        known(&plain.iter().flat_map(IndexMap::keys).cloned().chain(own).collect(), over)?;
    }
    // The same part of two histories has two numbers.
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let rest = |found: IndexMap<String, Value>| -> Option<String> {
        let mut rest: Vec<(String, Value)> = found.into_iter().filter(|(key, _)| !over.contains(key)).collect();
        rest.sort_by(|(a, _), (b, _)| a.cmp(b));
        (!rest.is_empty()).then(|| format!("{rest:?}"))
    };
    let mut numbered = |found| {
        let next = numbers.len();
        rest(found).map(|rest| *numbers.entry(rest).or_insert(next))
    };
    let rests: Vec<Option<usize>> = plain.into_iter().map(&mut numbered).collect();
    let mut groups: IndexMap<(Vec<usize>, Option<&Path>), Vec<&Run>> = IndexMap::new();
    for run in runs {
        let own: HashMap<u32, Option<usize>> =
            own_parts(run, history).map(|(part, leaves)| (part, numbered(leaves))).collect();
        let number = |part: &u32| own.get(part).or_else(|| rests.get(*part as usize)).copied().flatten();
        let mut same: Vec<usize> = run.config.iter().filter_map(number).collect();
        same.sort_unstable();
        let alone = run.config.is_empty().then_some(run.dir.as_path());
        groups.entry((same, alone)).or_default().push(run);
    }
    Ok(groups.into_values().collect())
}

/// The parts of the configuration of a program that say another thing than they would in a spec: with their settings.
fn own_parts<'a>(run: &'a Run, history: &'a History) -> impl Iterator<Item = (u32, IndexMap<String, Value>)> + 'a {
    let of_program = |program: &'a Foreign| {
        let parts = run.config.iter().filter_map(|&number| Some((number, history.parts.get(number as usize)?)));
        let own = parts.filter(|(_, part)| program.differs(&part.key, &part.json));
        own.map(|(number, part)| (number, leaves(part, Some(program))))
    };
    run.program.iter().flat_map(of_program)
}

/// The settings of a part that say what is done.
fn leaves(part: &Part, program: Option<&Foreign>) -> IndexMap<String, Value> {
    let mut found = IndexMap::new();
    let value = serde_json::from_str(&part.json).ok().and_then(|value| meaning(&part.key, value, program));
    if let Some(value) = value {
        flat(&part.key, &value, &mut found);
    }
    found
}

fn known(settings: &BTreeSet<String>, over: &[String]) -> Result<(), Problems> {
    let wrong = over.iter().filter(|key| !settings.contains(*key)).map(|key| {
        let problem = Problem::new("no run has such a setting").key(key.as_str());
        problem.nearest(key, settings.iter().map(String::as_str))
    });
    Problems(wrong.collect()).or_ok(())
}
