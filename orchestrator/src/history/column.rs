//! A key and its value in each run: a word about the run itself, a figure, a configuration key or a metric.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use indexmap::IndexMap;
use serde_json::{Number, Value};

use super::find::History;
use super::run::{Part, Run, flat};
use crate::status::State;

/// Words about the run itself.
pub const OWN: [&str; 9] = ["dir", "state", "date", "tag", "note", "step", "seconds", "cause", "overrides"];
/// Other names of some, by which tables, JSON and configurations call them.
const ALSO: [(&str, &str); 5] =
    [("run", "dir"), ("started", "date"), ("took", "seconds"), ("tags", "tag"), ("notes", "note")];

/// The name that a key is known by here.
pub fn known_as(key: &str) -> &str {
    ALSO.into_iter().find(|(also, _)| *also == key).map_or(key, |(_, own)| own)
}

/// The values of a key.
pub struct Column<'a> {
    key: &'a str,
    /// Of the parts of configurations in which the key may be: their values.
    config: HashMap<u32, Value>,
}

impl<'a> Column<'a> {
    /// The column of a key in a history. It is looked for as a word about the run, then in its report, in its
    /// configuration, and in its newest metrics.
    pub fn new(history: &History, key: &'a str) -> Column<'a> {
        let key = known_as(key);
        let (head, rest) = key.split_once('.').map_or((key, None), |(head, rest)| (head, Some(rest)));
        let parts = history.parts.iter().zip(0..).filter(|(part, _)| part.key == head);
        let values = parts.filter_map(|(part, number)| {
            let value: Value = serde_json::from_str(&part.json).ok()?;
            let found =
                rest.into_iter().flat_map(|rest| rest.split('.')).try_fold(&value, |value, name| value.get(name));
            found.filter(|value| !value.is_object()).map(|value| (number, value.clone()))
        });
        Column { key, config: values.collect() }
    }

    /// Whether it is a setting.
    pub fn is_setting(&self) -> bool {
        !self.config.is_empty()
    }

    /// Its value in a run; of a figure that is not finite its name.
    pub fn value(&self, run: &Run) -> Option<Value> {
        let named = |value: f64| Number::from_f64(value).map_or_else(|| value.to_string().into(), Value::Number);
        let number = |value: Option<&f64>| value.copied().map(named);
        self.own(run)
            .or_else(|| number(run.figures.get(self.key)))
            .or_else(|| run.config.iter().find_map(|number| self.config.get(number).cloned()))
            .or_else(|| number(run.last.get(self.key)))
    }

    fn own(&self, run: &Run) -> Option<Value> {
        let text = |text: &Option<String>| text.clone().map(Value::from);
        match self.key {
            "dir" => Some(run.dir.display().to_string().into()),
            "state" => Some(run.state().word().into()),
            "date" => started(run).map(|time| time.strftime("%Y-%m-%d %H:%M:%S").to_string().into()),
            "tag" => Some(run.labels.tags.clone().into()),
            "note" => text(&run.labels.notes),
            "step" => run.step().map(Value::from),
            "seconds" => seconds(run).map(Value::from),
            "cause" => text(&run.status.cause),
            "overrides" => Some(run.words.clone().into()),
            _ => None,
        }
    }
}

/// When a run began, in the time zone of this machine.
pub fn started(run: &Run) -> Option<jiff::Zoned> {
    let time: jiff::Timestamp = run.begun.as_deref()?.parse().ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::system()))
}

/// How long the last process of a run worked, in seconds; until now if it still does. Unknown of one that is gone without a
/// word; how long those before it worked is written down nowhere.
pub fn seconds(run: &Run) -> Option<f64> {
    let time = |text: &Option<String>| text.as_deref()?.parse::<jiff::Timestamp>().ok();
    let now = || (run.state() == State::Running).then(jiff::Timestamp::now);
    let end = time(&run.status.ended).or_else(now)?;
    Some(end.duration_since(time(&run.status.started)?).as_secs_f64().max(0.0))
}

/// The keys of configurations in which runs differ, in their order; also those that only some have.
pub fn varied<'a>(runs: impl IntoIterator<Item = &'a Run> + Clone, parts: &[Part]) -> Vec<String> {
    let all = frozen(runs.clone());
    let differ = |values: &BTreeMap<String, usize>| values.len() > 1 || values.values().any(|runs| *runs < all);
    settings(runs, parts).into_iter().filter(|(_, values)| differ(values)).map(|(key, _)| key).collect()
}

/// How many runs have a configuration: one that ended before it was frozen has none, and differs in nothing.
fn frozen<'a>(runs: impl IntoIterator<Item = &'a Run>) -> usize {
    runs.into_iter().filter(|run| !run.config.is_empty()).count()
}

/// The settings that all runs share which have any.
pub fn common(history: &History) -> IndexMap<String, Value> {
    let all = frozen(&history.runs);
    let shared = |(key, values): (String, BTreeMap<String, usize>)| {
        let (json, _) = values.into_iter().next().filter(|(_, runs)| *runs == all)?;
        let value: Value = serde_json::from_str(&json).ok()?;
        (!value.is_object()).then_some((key, value))
    };
    settings(&history.runs, &history.parts).into_iter().filter_map(shared).collect()
}

/// The keys of configurations, in their order, with their values as JSON, and how many runs have each.
fn settings<'a>(runs: impl IntoIterator<Item = &'a Run>, parts: &[Part]) -> IndexMap<String, BTreeMap<String, usize>> {
    let mut used: BTreeMap<u32, usize> = BTreeMap::new();
    for &number in runs.into_iter().flat_map(|run| &run.config) {
        *used.entry(number).or_default() += 1;
    }
    let mut settings: IndexMap<String, BTreeMap<String, usize>> = IndexMap::new();
    for (part, runs) in used.into_iter().filter_map(|(number, runs)| Some((parts.get(number as usize)?, runs))) {
        let mut leaves = IndexMap::new();
        if let Ok(value) = serde_json::from_str(&part.json) {
            flat(&part.key, &value, &mut leaves);
        }
        // What a word about the run itself stands for, such as its tags, is not looked for among its settings.
        leaves.retain(|key, _| !OWN.contains(&known_as(key)));
        for (key, value) in leaves {
            *settings.entry(key).or_default().entry(value.to_string()).or_default() += runs;
        }
    }
    settings
}

/// All keys that some run has.
pub fn keys(history: &History) -> BTreeSet<String> {
    let mut config = IndexMap::new();
    for part in &history.parts {
        if let Ok(value) = serde_json::from_str(&part.json) {
            flat(&part.key, &value, &mut config);
        }
    }
    let figures = history.runs.iter().flat_map(|run| run.figures.keys().chain(run.last.keys()));
    OWN.iter().map(|&own| own.to_owned()).chain(config.into_keys()).chain(figures.cloned()).collect()
}
