//! As much of an MLflow server as a run needs, with its rules: which names it takes and how many metrics at once, that what is sent
//! twice is kept once, that a run in its bin is not written to.

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Builder;

/// A server that goes on until the tests are over.
pub struct Stub {
    pub url: String,
    store: Arc<Mutex<Store>>,
}

/// What it has.
#[derive(Default)]
pub struct Store {
    pub experiments: Vec<String>,
    pub runs: Vec<Run>,
    /// The places of the files that it keeps.
    pub files: Vec<String>,
}

pub struct Run {
    pub experiment: String,
    pub status: Value,
    pub deleted: bool,
    params: Vec<Value>,
    metrics: Vec<Value>,
}

impl Stub {
    pub fn start() -> Stub {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let store = Arc::<Mutex<Store>>::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&store));
        std::thread::spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { axum::serve(TcpListener::from_std(listener).unwrap(), router).await.unwrap() });
        });
        Stub { url, store }
    }

    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }
}

impl Run {
    /// The steps and values of a metric, in the order in which they came.
    pub fn points(&self, key: &str) -> Vec<(u64, f64)> {
        let points = self.metrics.iter().filter(|point| point["key"] == key);
        points.map(|point| (point["step"].as_u64().unwrap(), point["value"].as_f64().unwrap())).collect()
    }
}

async fn answer(State(store): State<Arc<Mutex<Store>>>, uri: Uri, body: Bytes) -> (StatusCode, String) {
    let query = uri.query().and_then(|query| query.split_once('=')).map_or("", |(_, value)| value);
    let (status, answer) = store.lock().unwrap().answer(uri.path(), query, &body);
    (status, answer.to_string())
}

impl Store {
    fn answer(&mut self, path: &str, query: &str, body: &[u8]) -> (StatusCode, Value) {
        if let Some(place) = path.strip_prefix("/api/2.0/mlflow-artifacts/artifacts/") {
            self.files.push(place.to_owned());
            return (StatusCode::OK, json!({}));
        }
        let unknown = || (StatusCode::NOT_FOUND, json!({"error_code": "RESOURCE_DOES_NOT_EXIST"}));
        let refused = |why: &str| (StatusCode::BAD_REQUEST, json!({"message": why}));
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let text = |key: &str| body[key].as_str().unwrap_or(query).to_owned();
        match path.strip_prefix("/api/2.0/mlflow/").unwrap() {
            "experiments/get-by-name" => match self.experiments.iter().position(|name| name == query) {
                Some(at) => (StatusCode::OK, json!({"experiment": {"experiment_id": at.to_string()}})),
                None => unknown(),
            },
            "experiments/create" => {
                self.experiments.push(text("name"));
                (StatusCode::OK, json!({"experiment_id": (self.experiments.len() - 1).to_string()}))
            }
            "runs/create" => {
                let (status, params, metrics) = (Value::Null, Vec::new(), Vec::new());
                self.runs.push(Run { experiment: text("experiment_id"), status, deleted: false, params, metrics });
                (StatusCode::OK, self.about(self.runs.len() - 1))
            }
            path => {
                let Some(at) = text("run_id").parse().ok().filter(|&at| at < self.runs.len()) else { return unknown() };
                let run = &mut self.runs[at];
                match path {
                    "runs/get" => return (StatusCode::OK, self.about(at)),
                    _ if run.deleted => return refused("must be in the 'active' state"),
                    "runs/update" => run.status = body["status"].clone(),
                    "runs/log-batch" => return run.log(&body).map_or_else(refused, |()| (StatusCode::OK, json!({}))),
                    _ => return unknown(),
                }
                (StatusCode::OK, json!({}))
            }
        }
    }

    fn about(&self, at: usize) -> Value {
        let (run, id) = (&self.runs[at], at.to_string());
        let artifacts = format!("mlflow-artifacts:/{}/{id}/artifacts", run.experiment);
        let stage = if run.deleted { "deleted" } else { "active" };
        let experiment = &run.experiment;
        let info =
            json!({"run_id": id, "experiment_id": experiment, "artifact_uri": artifacts, "lifecycle_stage": stage});
        json!({"run": {"info": info, "data": {"params": run.params}}})
    }
}

impl Run {
    fn log(&mut self, batch: &Value) -> Result<(), &'static str> {
        let list = |what: &str| batch[what].as_array().cloned().unwrap_or_default();
        let (metrics, params) = (list("metrics"), list("params"));
        if metrics.len() > 1000 || params.len() > 100 {
            return Err("too many at once");
        }
        let allowed = |c: char| c.is_alphanumeric() || "_/.- :".contains(c);
        if !metrics.iter().chain(&params).all(|one| one["key"].as_str().unwrap().chars().all(allowed)) {
            return Err("Names may only contain alphanumerics");
        }
        for one in metrics {
            if !self.metrics.contains(&one) {
                self.metrics.push(one);
            }
        }
        for one in params {
            if self.params.iter().any(|known| known["key"] == one["key"]) {
                return Err("a parameter never changes");
            }
            self.params.push(one);
        }
        Ok(())
    }
}
