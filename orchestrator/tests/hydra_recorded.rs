//! What Hydra 1.3.2 answered, case by case, against what `exp` composes.
//!
//! A case is a configuration tree, overrides and a mode; `tests/hydra_cases/*.jsonl` holds what
//! Hydra gave for each: a typed, ordered value, the jobs of a sweep, or a refusal.

use std::collections::BTreeMap;
use std::path::Path;

use exp::compose::sweep;
use exp::compose::{Composed, Key, Library, Mode, Node, Part, Place, Request, SearchPath, Value, View, World, compose};
use serde_json::Value as Json;

/// Cases that are known to differ, and why. A case that starts to agree must leave this list.
const KNOWN: &[(&str, &str)] = &[];

#[test]
fn every_recorded_answer_is_given_again() {
    let (mut passed, mut failed, mut surprises) = (0, Vec::new(), Vec::new());
    for name in ["hand.jsonl", "generated.jsonl"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hydra_cases").join(name);
        let text = std::fs::read_to_string(&path).expect("the recorded cases");
        for line in text.lines() {
            let record: Json = serde_json::from_str(line).expect("a recorded case");
            let case = &record["case"];
            let id = case["id"].as_str().unwrap_or_default();
            let differences: Vec<String> = record["exp"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|expected| check(case, &expected[0], &expected[1]).err())
                .collect();
            let known = KNOWN.iter().any(|(known, _)| *known == id);
            match (differences.is_empty(), known) {
                (true, false) => passed += 1,
                (true, true) => surprises.push(id.to_owned()),
                (false, true) => {}
                (false, false) => failed.push(format!("{id}: {}", differences.join("; "))),
            }
        }
    }
    println!("{passed} cases agree, {} differ, {} are known to differ", failed.len(), KNOWN.len());
    assert!(failed.is_empty(), "cases that differ:\n{}", failed.join("\n"));
    assert!(surprises.is_empty(), "cases that agree now: {surprises:?}");
}

/// Compares one answer; the error says how it differs.
fn check(case: &Json, mode: &Json, expected: &Json) -> Result<(), String> {
    let actual = match mode.as_str() {
        Some("sweep") => jobs(case).map(Json::from),
        mode => printed(case, mode == Some("resolve")),
    };
    match (expected["ok"].as_bool() == Some(true), actual) {
        (false, Err(_)) => Ok(()),
        (false, Ok(actual)) => Err(format!("{mode}: should fail ({}), gives {actual}", expected["err"])),
        (true, Err(error)) => Err(format!("{mode}: should work, fails: {error}")),
        (true, Ok(actual)) => {
            let wanted = ["val", "text", "jobs", "alt"].map(|key| &expected[key]);
            if wanted.contains(&&actual) { Ok(()) } else { Err(format!("{mode}: wanted {expected}, found {actual}")) }
        }
    }
}

/// What `--cfg` prints.
fn printed(case: &Json, resolve: bool) -> Result<Json, String> {
    let composed = composed(case, &words(&case["ov"]), Mode::Run)?;
    let part = match case["cfg"].as_str() {
        Some("hydra") => Part::Hydra,
        Some("all") => Part::All,
        _ => Part::Job,
    };
    let view =
        View { part, package: case["package"].as_str().map(str::to_owned), resolve, origins: false, brief: true };
    let text = composed.print(&view).map_err(|problem| problem.to_string())?;
    let node = composed.view(&view).map_err(|problem| problem.to_string())?;
    Ok(match node.value {
        Value::Map(_) | Value::List(_) => json(&node),
        _ => Json::from(text.trim_end()),
    })
}

/// The overrides of each job of a sweep, all of them composed.
fn jobs(case: &Json) -> Result<Vec<String>, String> {
    let master = composed(case, &words(&case["ov"]), Mode::Multirun)?;
    let words = master.sweep_words().map_err(|p| p.to_string())?;
    let grid = sweep::expand(&words, &library(case), 0).map_err(|p| p.to_string())?;
    let mut jobs = Vec::new();
    for point in grid.points() {
        let mut words = master.hydra_overrides.clone();
        words.extend(point.iter().cloned());
        composed(case, &words, Mode::Run)?;
        jobs.push(point.join(" "));
    }
    Ok(jobs)
}

fn composed(case: &Json, overrides: &[String], mode: Mode) -> Result<Composed, String> {
    let world = world(case);
    let request = Request {
        library: &library(case),
        config_name: case["name"].as_str().unwrap_or("config"),
        overrides,
        mode,
        job: None,
        world: &world,
    };
    compose(&request).map_err(|problems| problems.to_string())
}

/// The files of a case. They are leaked: a test may.
fn library(case: &Json) -> Library {
    let files = |prefix: &str| {
        let files = case["files"].as_object().into_iter().flatten();
        let files: Vec<(&'static str, &'static str)> = files
            .filter_map(|(name, text)| {
                let name: &'static str = name.strip_prefix(prefix)?.to_owned().leak();
                let text: &'static str = text.as_str()?.to_owned().leak();
                Some((name, text))
            })
            .collect();
        Place::Embedded(files.leak())
    };
    let search = SearchPath::new(files(""));
    Library::new(match case["config_dir"].as_str() {
        Some(dir) => search.and("command-line", files(&format!("{dir}/"))),
        None => search,
    })
}

fn world(case: &Json) -> World {
    let mut env = BTreeMap::from([("ORACLE_V".to_owned(), "from env".to_owned())]);
    for (name, value) in case["env"].as_object().into_iter().flatten() {
        env.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    World {
        env: env.into(),
        now: "2024-01-02T03:04:05[UTC]".parse().expect("an instant"),
        cwd: "/".into(),
        job_name: "app".to_owned(),
    }
}

fn words(list: &Json) -> Vec<String> {
    let words = list.as_array().into_iter().flatten();
    words.map(|word| word.as_str().unwrap_or_default().to_owned()).collect()
}

/// The typed, ordered form in which values were recorded.
fn json(node: &Node) -> Json {
    let pair = |(key, node): (&Key, &Node)| Json::from(vec![json(&Node::builtin(key.to_value())), json(node)]);
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(flag) => Json::from(*flag),
        Value::Int(n) => serde_json::from_str(&n.to_string()).expect("a number"),
        Value::Float(x) => serde_json::json!({ "f": exp::compose::float_text(*x) }),
        Value::Str(text) => Json::from(text.as_str()),
        Value::Bytes(bytes) => {
            serde_json::json!({ "o": format!("bytes:b'{}'", String::from_utf8_lossy(bytes)) })
        }
        Value::List(items) => serde_json::json!({ "l": items.iter().map(json).collect::<Vec<_>>() }),
        Value::Map(map) => serde_json::json!({ "m": map.iter().map(pair).collect::<Vec<_>>() }),
    }
}
