//! What the small files of one run directory tell.

use std::path::{Path, PathBuf};

use exp_api::Job;
use indexmap::IndexMap;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::labels::Labels;
use super::newest::{first_row, newest};
use crate::compose::{Value as Node, load_yaml};
use crate::files::small;
use crate::machine::ENVIRONMENT;
use crate::meaning::Foreign;
use crate::outlived::known;
use crate::recorder::METRICS;
use crate::status::{State, Status};
use crate::worker::REPORT;

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its directory, as seen from where its history was asked for.
    pub dir: PathBuf,
    /// Who works, or worked, on it, and how it ended.
    pub status: Status,
    /// When its first process started, RFC 3339; of a run that failed before, when it ended, else when its directory was made.
    pub begun: Option<String>,
    /// The overrides that it was made with.
    pub words: String,
    /// Tags and a note.
    pub labels: Labels,
    /// Its report; empty before its end.
    pub figures: IndexMap<String, f64>,
    /// The newest value of each of its metrics; NaN of one that is not finite.
    #[serde(deserialize_with = "nan_for_null")]
    pub last: IndexMap<String, f64>,
    /// Its configuration: numbers of parts, which runs have in common.
    pub config: Vec<u32>,
    /// How that is read, if it is a program's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Foreign>,
}

/// A top-level key of a configuration with its value. Most runs have most of theirs in common with others.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Part {
    /// The key.
    pub key: String,
    /// The value, as JSON.
    pub json: Box<str>,
}

/// `spec.json`, whatever the version: the configuration of a job or of a program.
#[derive(Deserialize)]
struct SpecFile {
    spec: Option<IndexMap<String, Box<RawValue>>>,
    command: Option<CommandFile>,
}

#[derive(Deserialize)]
struct CommandFile {
    config: IndexMap<String, Box<RawValue>>,
    output_dir: Option<String>,
}

impl Run {
    /// Reads a run directory, and its configuration, whose numbers are not given yet; none where there is no run.
    pub fn read(dir: &Path) -> Option<(Run, Vec<Part>)> {
        let status = known(dir)?;
        let (parts, command) = parts(dir);
        let own = |key: &str| parts.iter().find(|part| part.key == key).map(|part| &*part.json);
        let frozen = || Labels {
            tags: own("tags").and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default(),
            notes: own("notes").and_then(|json| serde_json::from_str(json).ok()),
        };
        let value = |key: &str| serde_json::from_str(own(key)?).ok();
        let labels = Labels::read(dir).ok().flatten().unwrap_or_else(frozen);
        let run = Run {
            dir: dir.to_owned(),
            begun: begun(dir, &status),
            words: overrides(dir).join(" "),
            labels,
            figures: numbers(read_json(&dir.join(REPORT))),
            last: newest(&dir.join(METRICS)),
            config: Vec::new(),
            program: command.map(|output_dir| Foreign::new(output_dir, value)),
            status,
        };
        Some((run, parts))
    }

    /// Where the run is in its life.
    pub fn state(&self) -> State {
        self.status.now()
    }

    /// Optimiser steps done, as far as is known.
    pub fn step(&self) -> Option<u64> {
        self.status.step.or_else(|| self.last.get("step").map(|&step| step as u64))
    }
}

/// The start of a process, as `environment.jsonl` has it.
#[derive(Deserialize)]
struct Process {
    started: String,
}

/// When a run began: its status knows the last process alone, the file about its machines the first one too.
fn begun(dir: &Path, status: &Status) -> Option<String> {
    let first = || first_row(&dir.join(ENVIRONMENT)).map(|Process { started }| started);
    let made = || {
        let data = std::fs::metadata(dir).ok()?;
        let time = data.created().or_else(|_| data.modified()).ok()?;
        jiff::Timestamp::try_from(time).ok().map(|time| time.to_string())
    };
    first().or_else(|| status.started.clone()).or_else(|| status.ended.clone()).or_else(made)
}

/// Numbers as JSON has them: what is not finite is null there.
fn nan_for_null<'de, D: Deserializer<'de>>(json: D) -> Result<IndexMap<String, f64>, D::Error> {
    let values = IndexMap::<String, Option<f64>>::deserialize(json)?;
    Ok(values.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect())
}

/// The configuration of a run by its top-level keys, nothing where it cannot be read; and if it is a program's, the directory of
/// the run as it was frozen, as far as that is known.
fn parts(dir: &Path) -> (Vec<Part>, Option<Option<String>>) {
    let read = || -> Option<SpecFile> { serde_json::from_slice(&small(&dir.join(Job::FILE)).ok()?).ok() };
    let (config, command) = match read() {
        Some(SpecFile { spec: Some(spec), .. }) => (spec, None),
        Some(SpecFile { command: Some(command), .. }) => (command.config, Some(command.output_dir)),
        _ => (IndexMap::new(), None),
    };
    let part = |(key, value): (String, Box<RawValue>)| Part { key, json: value.into() };
    (config.into_iter().map(part).collect(), command)
}

/// Hydra's file with the overrides of a run, in its directory.
pub const OVERRIDES: &str = ".hydra/overrides.yaml";

/// The overrides that Hydra's file of a run lists; a list of plain texts is read without a YAML parser.
pub fn overrides(dir: &Path) -> Vec<String> {
    let text = small(&dir.join(OVERRIDES)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let plain = |line| -> Option<&str> {
        let word: &str = str::strip_prefix(line, "- ")?;
        (!word.starts_with(['\'', '"', '|', '>'])).then_some(word)
    };
    let lines: Option<Vec<&str>> = text.lines().map(plain).collect();
    if let Some(lines) = lines {
        return lines.into_iter().map(str::to_owned).collect();
    }
    match load_yaml(&"overrides.yaml".into(), &text).map(|node| node.value) {
        Ok(Node::List(items)) => items.iter().filter_map(|item| item.value.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    }
}

/// A file with one JSON object.
pub fn read_json(path: &Path) -> Option<Map<String, Value>> {
    serde_json::from_slice(&small(path).ok()?).ok()
}

fn numbers(map: Option<Map<String, Value>>) -> IndexMap<String, f64> {
    map.into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_f64()?))).collect()
}

/// The leaves of a JSON value by their dotted keys; lists are leaves.
pub fn flat(key: &str, value: &Value, found: &mut IndexMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (name, value) in map {
                let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
                flat(&key, value, found);
            }
        }
        _ => drop(found.insert(key.to_owned(), value.clone())),
    }
}
