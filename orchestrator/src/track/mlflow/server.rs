//! What a run directory tells, sent to a server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::rest::{Rest, name};
use super::unsent::{Mark, unsent};
use crate::files::small;
use crate::history::{Detail, started, text};
use crate::lock::alone;
use crate::recorder::METRICS;
use crate::status::State;
use crate::track::clock::Clock;
use crate::track::note::Note;

/// What one request may hold.
const METRICS_AT_ONCE: usize = 1000;
const PARAMS_AT_ONCE: usize = 100;
/// The longest value of a parameter.
const LONGEST: usize = 6000;

/// A server.
pub struct Server(Rest);

/// What a server has of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    run_id: String,
    /// How far it has the metrics.
    metrics: Option<Mark>,
    figures: IndexMap<String, f64>,
    /// The pictures that it has, and when they had changed last.
    pictures: BTreeMap<PathBuf, SystemTime>,
}

/// What a server says of a run.
struct There {
    run_id: String,
    experiment: String,
    /// Where it wants the pictures.
    artifacts: String,
    params: BTreeSet<String>,
    deleted: bool,
}

impl Server {
    /// The server at an address. Name and password, or a token, are those of MLFLOW_TRACKING_USERNAME and
    /// MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, as MLflow's own client takes them.
    pub fn new(url: &str) -> Server {
        Server(Rest::new(url))
    }

    /// Its address.
    pub fn url(&self) -> &str {
        self.0.url()
    }

    /// Sends the run in `dir`, to an experiment if it is not there yet; gives back its address there. What is odd and no
    /// error is told to `warn`.
    ///
    /// # Errors
    /// The server cannot be reached or refuses, or the directory cannot be written; in words.
    pub fn send(&self, dir: &Path, detail: &Detail, experiment: &str, warn: &dyn Fn(String)) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
        // Two at once would each make it there.
        let _alone = alone(dir);
        let mut note = Note::of(dir).map_err(failed)?;
        let url = self.url();
        let known = note.mlflow.get(url).cloned();
        let mut keep = |sent: &Sent| {
            note.mlflow.insert(url.to_owned(), sent.clone());
            note.write(dir).map_err(failed)
        };
        let there = known.as_ref().map(|sent| self.run(&sent.run_id)).transpose()?.flatten();
        let (mut sent, there) = match (known, there) {
            (Some(sent), Some(there)) => (sent, there),
            (known, _) => {
                let there = self.create(dir, detail, experiment)?;
                if let Some(known) = known {
                    warn(format!("{url}: run {} is not there any more: it is sent as a new one", known.run_id));
                }
                if there.folder().is_none() {
                    warn(format!("{url}: no pictures are sent: it keeps them at {}", there.artifacts));
                }
                let run_id = there.run_id.clone();
                let sent = Sent { run_id, metrics: None, figures: IndexMap::new(), pictures: BTreeMap::new() };
                keep(&sent)?;
                (sent, there)
            }
        };
        self.settings(&there, detail)?;
        let clock = Clock::of(dir);
        let metric = |key: &str, value: Value, step: u64| {
            let time = (1000.0 * clock.time(step)) as i64;
            json!({"key": name(key), "value": value, "timestamp": time, "step": step})
        };
        let mut batch = Vec::new();
        let rows = small(&dir.join(METRICS)).unwrap_or_default();
        for row in unsent(&rows, sent.metrics.clone()) {
            if batch.len() + row.numbers.len() > METRICS_AT_ONCE {
                self.log(&sent.run_id, "metrics", std::mem::take(&mut batch))?;
                keep(&sent)?;
            }
            batch.extend(row.numbers.into_iter().map(|(key, value)| metric(&key, value, row.step)));
            sent.metrics = Some(row.mark);
        }
        let end = detail.run.step().unwrap_or(0);
        let figures = detail.run.figures.iter().filter(|(key, value)| sent.figures.get(*key) != Some(value));
        batch.extend(figures.map(|(key, value)| metric(&format!("report/{key}"), (*value).into(), end)));
        self.log(&sent.run_id, "metrics", batch)?;
        sent.figures.clone_from(&detail.run.figures);
        let pictures = self.pictures(dir, detail, &there, &mut sent);
        // What was sent was sent, also where a picture could not be.
        keep(&sent)?;
        pictures?;
        self.end(&sent.run_id, detail)?;
        Ok(format!("{url}/#/experiments/{}/runs/{}", there.experiment, sent.run_id))
    }

    /// What the server says of a run; none if it does not know it, or has it in its bin.
    fn run(&self, id: &str) -> Result<Option<There>, String> {
        let there = self.0.get("runs/get", &[("run_id", id)])?.map(|answer| There::of(&answer)).transpose()?;
        Ok(there.filter(|there| !there.deleted))
    }

    fn create(&self, dir: &Path, detail: &Detail, experiment: &str) -> Result<There, String> {
        let run = json!({
            "experiment_id": self.experiment(experiment)?,
            "run_name": dir.display().to_string(),
            "start_time": started(&detail.run).map(|time| time.timestamp().as_millisecond()),
        });
        There::of(&self.0.post("runs/create", &run)?)
    }

    /// The number of an experiment, which is made if it is not there.
    fn experiment(&self, name: &str) -> Result<String, String> {
        let found = self.0.get("experiments/get-by-name", &[("experiment_name", name)])?;
        if let Some(id) = found.as_ref().and_then(|found| found["experiment"]["experiment_id"].as_str()) {
            return Ok(id.to_owned());
        }
        let made = self.0.post("experiments/create", &json!({"name": name}))?;
        made["experiment_id"].as_str().map(str::to_owned).ok_or_else(|| format!("no experiment in {made}"))
    }

    /// Parameters never change on a server: only those that it lacks are sent. Tags may.
    fn settings(&self, there: &There, detail: &Detail) -> Result<(), String> {
        let mut known = there.params.clone();
        let params = detail.config.iter().map(|(key, value)| (name(key), value));
        let params = params
            .filter(|(key, _)| known.insert(key.clone()))
            .map(|(key, value)| json!({"key": key, "value": text(value).chars().take(LONGEST).collect::<String>()}))
            .collect();
        self.log(&there.run_id, "params", params)?;
        let word = |map: &Map<String, Value>, key: &str| map.get(key).filter(|value| !value.is_null()).map(text);
        let tags = [
            ("mlflow.source.git.commit", word(&detail.code, "commit")),
            ("mlflow.note.content", detail.run.labels.notes.clone()),
            ("exp.host", word(&detail.machine, "host")),
            ("exp.overrides", Some(detail.run.words.clone())),
            ("exp.tags", Some(detail.run.labels.tags.join(" "))),
        ];
        let tags = tags.into_iter().filter_map(|(key, value)| Some(json!({"key": key, "value": value?})));
        self.log(&there.run_id, "tags", tags.collect())
    }

    fn log(&self, run: &str, what: &str, values: Vec<Value>) -> Result<(), String> {
        let most = if what == "metrics" { METRICS_AT_ONCE } else { PARAMS_AT_ONCE };
        values
            .chunks(most)
            .try_for_each(|part| self.0.post("runs/log-batch", &json!({"run_id": run, what: part})).map(drop))
    }

    /// Pictures that are new, where the server takes them itself.
    fn pictures(&self, dir: &Path, detail: &Detail, there: &There, sent: &mut Sent) -> Result<(), String> {
        let Some(folder) = there.folder() else { return Ok(()) };
        for path in &detail.pictures {
            let failed = |error: std::io::Error| format!("{}: {error}", path.display());
            let changed = std::fs::metadata(dir.join(path)).and_then(|file| file.modified()).map_err(failed)?;
            if sent.pictures.get(path) != Some(&changed) {
                self.0.put(folder, path, &small(&dir.join(path)).map_err(failed)?)?;
                sent.pictures.insert(path.clone(), changed);
            }
        }
        Ok(())
    }

    fn end(&self, run: &str, detail: &Detail) -> Result<(), String> {
        let ended: Option<jiff::Timestamp> = detail.run.status.ended.as_deref().and_then(|time| time.parse().ok());
        let status = match detail.state {
            State::Created => "SCHEDULED",
            State::Running => "RUNNING",
            State::Done => "FINISHED",
            State::Failed => "FAILED",
            State::Interrupted => "KILLED",
        };
        let update = json!({"run_id": run, "status": status, "end_time": ended.map(jiff::Timestamp::as_millisecond)});
        self.0.post("runs/update", &update).map(drop)
    }
}

impl There {
    /// Reads what a server answers of a run.
    fn of(answer: &Value) -> Result<There, String> {
        let (info, params) = (&answer["run"]["info"], &answer["run"]["data"]["params"]);
        let word =
            |key: &str| info[key].as_str().map(str::to_owned).ok_or_else(|| format!("no {key} of a run in {answer}"));
        let params = params.as_array().into_iter().flatten().filter_map(|param| param["key"].as_str());
        Ok(There {
            run_id: word("run_id")?,
            experiment: word("experiment_id")?,
            artifacts: word("artifact_uri")?,
            params: params.map(str::to_owned).collect(),
            deleted: info["lifecycle_stage"] == "deleted",
        })
    }

    /// The folder for pictures among the files that the server keeps; none if they are kept elsewhere, for which a client of its
    /// own would be needed.
    fn folder(&self) -> Option<&str> {
        let place = self.artifacts.strip_prefix("mlflow-artifacts:")?;
        // A host may be named.
        let path = place.strip_prefix("//").map_or(Some(place), |rest| rest.split_once('/').map(|(_, path)| path))?;
        Some(path.trim_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_says_where_it_wants_pictures() {
        let folder = |artifacts: &str| {
            let info = json!({"run_id": "a", "experiment_id": "1", "artifact_uri": artifacts});
            There::of(&json!({"run": {"info": info}})).unwrap().folder().map(str::to_owned)
        };
        for place in ["mlflow-artifacts:/1/a/artifacts", "mlflow-artifacts://host:5000/1/a/artifacts/"] {
            assert_eq!(folder(place).as_deref(), Some("1/a/artifacts"), "{place}");
        }
        assert_eq!(folder("s3://bucket/1/a/artifacts"), None);
    }
}
