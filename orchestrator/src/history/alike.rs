//! Runs that did the same but for a few settings, such as those of an experiment that is repeated with other seeds.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use indexmap::IndexMap;
use serde_json::Value;

use super::find::History;
use super::run::{Part, Run, flat};
use crate::compose::{Problem, Problems};
use crate::finished::WORDS_ABOUT;

/// Puts together the runs whose configurations are equal but for the settings `over`, in the order of `runs`. What only
/// speaks about a run, such as its tags, is no difference; one without a configuration is like no other.
///
/// # Errors
/// Settings that no run has, if there are runs.
pub fn together<'a>(history: &History, runs: &[&'a Run], over: &[String]) -> Result<Vec<Vec<&'a Run>>, Problems> {
    let leaves: Vec<IndexMap<String, Value>> = history.parts.iter().map(leaves).collect();
    if !history.runs.is_empty() {
        known(&leaves.iter().flat_map(IndexMap::keys).collect(), over)?;
    }
    // The same part of two histories has two numbers.
    let mut numbers: HashMap<String, usize> = HashMap::new();
    let rest = |found: IndexMap<String, Value>| -> Option<String> {
        let mut rest: Vec<(String, Value)> = found.into_iter().filter(|(key, _)| !over.contains(key)).collect();
        rest.sort_by(|(a, _), (b, _)| a.cmp(b));
        (!rest.is_empty()).then(|| format!("{rest:?}"))
    };
    let rests: Vec<Option<usize>> = leaves
        .into_iter()
        .map(|found| {
            let next = numbers.len();
            rest(found).map(|rest| *numbers.entry(rest).or_insert(next))
        })
        .collect();
    let mut groups: IndexMap<(Vec<usize>, Option<&Path>), Vec<&Run>> = IndexMap::new();
    for run in runs {
        let number = |&part: &u32| rests.get(part as usize).copied().flatten();
        let mut same: Vec<usize> = run.config.iter().filter_map(number).collect();
        same.sort_unstable();
        let alone = run.config.is_empty().then_some(run.dir.as_path());
        groups.entry((same, alone)).or_default().push(run);
    }
    Ok(groups.into_values().collect())
}

/// The settings of a part that say what is done.
fn leaves(part: &Part) -> IndexMap<String, Value> {
    let mut found = IndexMap::new();
    let value = serde_json::from_str(&part.json).ok().filter(|_| !WORDS_ABOUT.contains(&part.key.as_str()));
    if let Some(value) = value {
        flat(&part.key, &value, &mut found);
    }
    found
}

fn known(settings: &BTreeSet<&String>, over: &[String]) -> Result<(), Problems> {
    let wrong = over.iter().filter(|key| !settings.contains(key)).map(|key| {
        let problem = Problem::new("no run has such a setting").key(key.as_str());
        problem.nearest(key, settings.iter().map(|setting| setting.as_str()))
    });
    Problems(wrong.collect()).or_ok(())
}
