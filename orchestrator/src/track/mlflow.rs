//! A run on an MLflow server, by its REST interface (mlflow.org/docs/latest/rest-api.html, version 2.0).
//!
//! What was sent is noted in the run directory, `.mlflow.json`: a run that is sent again, perhaps longer, is the same run there, and
//! only what is new is sent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use ureq::http::StatusCode;
use ureq::{Agent, RequestBuilder};

use super::clock::Clock;
use crate::files::write_atomically;
use crate::history::{Detail, text};
use crate::recorder::METRICS;
use crate::rows;
use crate::status::State;

/// What was sent of a run, in its directory.
const SENT: &str = ".mlflow.json";
/// The longest that one request may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// What one request may hold.
const METRICS_AT_ONCE: usize = 1000;
const PARAMS_AT_ONCE: usize = 100;
/// The longest value of a parameter.
const LONGEST: usize = 6000;

/// A server.
pub struct Server {
    agent: Agent,
    url: String,
    /// The header that says who asks.
    authorization: Option<String>,
}

/// What a server has of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Sent {
    url: String,
    run_id: String,
    /// The step up to which it has the metrics.
    step: Option<u64>,
    /// The pictures that it has, and when they had changed last.
    #[serde(default)]
    pictures: BTreeMap<PathBuf, SystemTime>,
}

impl Server {
    /// The server at an address. Name and password, or a token, are those of MLFLOW_TRACKING_USERNAME and
    /// MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, as MLflow's own client takes them.
    pub fn new(url: &str) -> Server {
        let set = |name: &str| std::env::var(format!("MLFLOW_TRACKING_{name}")).ok();
        let encoded = |text: String| crate::compose::base64::encode(text.as_bytes());
        let basic = || Some(format!("Basic {}", encoded(format!("{}:{}", set("USERNAME")?, set("PASSWORD")?))));
        let authorization = basic().or_else(|| Some(format!("Bearer {}", set("TOKEN")?)));
        let config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
        Server { agent: config.build().new_agent(), url: url.trim_end_matches('/').to_owned(), authorization }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends the run in `dir` to an experiment; gives back its address there.
    ///
    /// # Errors
    /// The server cannot be reached or refuses, or the directory cannot be written; in words.
    pub fn send(&self, dir: &Path, detail: &Detail, experiment: &str) -> Result<String, String> {
        let noted = std::fs::read(dir.join(SENT)).ok().and_then(|bytes| serde_json::from_slice::<Sent>(&bytes).ok());
        let experiment = self.experiment(experiment)?;
        let mut sent = match noted.filter(|sent| sent.url == self.url) {
            Some(sent) => sent,
            None => {
                let run_id = self.create(dir, detail, &experiment)?;
                let sent = Sent { url: self.url.clone(), run_id, ..Sent::default() };
                self.note(dir, &sent)?;
                sent
            }
        };
        self.settings(&sent.run_id, detail)?;
        let clock = Clock::of(dir);
        let mut batch = Vec::new();
        let before = sent.step;
        for (step, row) in rows::read(&dir.join(METRICS)).filter(|(step, _)| before.is_none_or(|sent| *step > sent)) {
            let time = (1000.0 * clock.time(step)) as i64;
            let numbers = row.iter().filter(|(name, value)| *name != "step" && value.is_number());
            let row: Vec<Value> = numbers
                .map(|(key, value)| json!({"key": key, "value": value, "timestamp": time, "step": step}))
                .collect();
            if batch.len() + row.len() > METRICS_AT_ONCE {
                self.log(&sent.run_id, "metrics", std::mem::take(&mut batch))?;
                self.note(dir, &sent)?;
            }
            batch.extend(row);
            sent.step = Some(step);
        }
        let figures = detail.run.figures.iter();
        let end = detail.run.step().unwrap_or(0);
        let time = (1000.0 * clock.time(end)) as i64;
        batch.extend(figures.map(
            |(key, value)| json!({"key": format!("report/{key}"), "value": value, "timestamp": time, "step": end}),
        ));
        self.log(&sent.run_id, "metrics", batch)?;
        for path in &detail.pictures {
            let changed = std::fs::metadata(dir.join(path)).and_then(|file| file.modified());
            let changed = changed.map_err(|error| format!("{}: {error}", path.display()))?;
            if sent.pictures.get(path) != Some(&changed) {
                self.artifact(&experiment, &sent.run_id, dir, path)?;
                sent.pictures.insert(path.clone(), changed);
            }
        }
        self.end(&sent.run_id, detail)?;
        self.note(dir, &sent)?;
        Ok(format!("{}/#/experiments/{experiment}/runs/{}", self.url, sent.run_id))
    }

    /// The number of an experiment, which is made if it is not there.
    fn experiment(&self, name: &str) -> Result<String, String> {
        let found = self.get("experiments/get-by-name", &[("experiment_name", name)]);
        if let Some(id) = found.as_ref().ok().and_then(|found| found["experiment"]["experiment_id"].as_str()) {
            return Ok(id.to_owned());
        }
        let made = self.post("experiments/create", &json!({"name": name}))?;
        made["experiment_id"].as_str().map(str::to_owned).ok_or_else(|| format!("no experiment in {made}"))
    }

    fn create(&self, dir: &Path, detail: &Detail, experiment: &str) -> Result<String, String> {
        let started: Option<jiff::Timestamp> = detail.run.status.started.as_deref().and_then(|time| time.parse().ok());
        let run = json!({
            "experiment_id": experiment,
            "run_name": dir.display().to_string(),
            "start_time": started.map(jiff::Timestamp::as_millisecond),
        });
        let made = self.post("runs/create", &run)?;
        made["run"]["info"]["run_id"].as_str().map(str::to_owned).ok_or_else(|| format!("no run in {made}"))
    }

    /// Parameters never change on a server: only those that it lacks are sent. Tags may.
    fn settings(&self, run: &str, detail: &Detail) -> Result<(), String> {
        let there = self.get("runs/get", &[("run_id", run)])?;
        let known: Vec<&str> = there["run"]["data"]["params"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|param| param["key"].as_str())
            .collect();
        let new = detail.config.iter().filter(|(key, _)| !known.contains(&key.as_str()));
        let params: Vec<Value> = new
            .map(|(key, value)| json!({"key": key, "value": text(value).chars().take(LONGEST).collect::<String>()}))
            .collect();
        for part in params.chunks(PARAMS_AT_ONCE) {
            self.log(run, "params", part.to_vec())?;
        }
        let word = |map: &Map<String, Value>, key: &str| map.get(key).filter(|value| !value.is_null()).map(text);
        let tags = [
            ("mlflow.source.git.commit", word(&detail.code, "commit")),
            ("mlflow.note.content", detail.run.labels.notes.clone()),
            ("exp.host", word(&detail.machine, "host")),
            ("exp.overrides", Some(detail.run.words.clone())),
            ("exp.tags", Some(detail.run.labels.tags.join(" "))),
        ];
        let tags = tags.into_iter().filter_map(|(key, value)| Some(json!({"key": key, "value": value?})));
        self.log(run, "tags", tags.collect())
    }

    fn log(&self, run: &str, what: &str, values: Vec<Value>) -> Result<(), String> {
        match values.is_empty() {
            true => Ok(()),
            false => self.post("runs/log-batch", &json!({"run_id": run, what: values})).map(drop),
        }
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
        self.post("runs/update", &update).map(drop)
    }

    fn artifact(&self, experiment: &str, run: &str, dir: &Path, path: &Path) -> Result<(), String> {
        let bytes = std::fs::read(dir.join(path)).map_err(|error| format!("{}: {error}", path.display()))?;
        let place = format!("mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/{}", encoded(path));
        let request = self.signed(self.agent.put(self.address(&place)));
        self.answer(&place, request.send(&bytes[..])).map(drop)
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, String> {
        let request = self.agent.get(self.address(&format!("mlflow/{path}"))).query_pairs(query.iter().copied());
        self.answer(path, self.signed(request).call())
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let request = self.signed(self.agent.post(self.address(&format!("mlflow/{path}"))));
        self.answer(path, request.send_json(body))
    }

    /// A request that says who asks.
    fn signed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.authorization {
            Some(authorization) => request.header("Authorization", authorization),
            None => request,
        }
    }

    fn address(&self, path: &str) -> String {
        format!("{}/api/2.0/{path}", self.url)
    }

    fn answer(
        &self,
        path: &str,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, String> {
        let failed = |reason: &dyn std::fmt::Display| format!("{}: {path}: {reason}", self.url);
        let mut response = response.map_err(|error| failed(&error))?;
        let text = response.body_mut().read_to_string().map_err(|error| failed(&error))?;
        match response.status() {
            StatusCode::OK => Ok(serde_json::from_str(&text).unwrap_or(Value::Null)),
            status => Err(failed(&format_args!("{status}: {}", text.trim()))),
        }
    }

    fn note(&self, dir: &Path, sent: &Sent) -> Result<(), String> {
        let text = serde_json::to_string_pretty(sent).map_err(|error| error.to_string())? + "\n";
        write_atomically(&dir.join(SENT), text.as_bytes()).map_err(|error| format!("{}: {error}", dir.display()))
    }
}

/// A path as it stands in an address, with what means something else there by its code.
fn encoded(path: &Path) -> String {
    let mut text = String::new();
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => text.push(byte.into()),
            _ => text += &format!("%{byte:02X}"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_path_can_be_asked_for() {
        assert_eq!(encoded(Path::new("samples/a b#1%é.png")), "samples/a%20b%231%25%C3%A9.png");
    }
}
