//! Requests to an MLflow server, and what it answers.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{Response, StatusCode};
use ureq::{Agent, Body, Error, RequestBuilder};

/// The longest that one request may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest name of a metric or parameter, in characters.
const LONGEST: usize = 250;

/// The interface of a server.
pub struct Rest {
    agent: Agent,
    url: String,
    /// The header that says who asks.
    authorization: Option<String>,
}

impl Rest {
    /// The interface at an address, with what the environment says of who asks.
    pub fn new(url: &str) -> Rest {
        let set = |name: &str| std::env::var(format!("MLFLOW_TRACKING_{name}")).ok();
        let encoded = |text: String| crate::compose::base64::encode(text.as_bytes());
        let basic = || Some(format!("Basic {}", encoded(format!("{}:{}", set("USERNAME")?, set("PASSWORD")?))));
        let authorization = basic().or_else(|| Some(format!("Bearer {}", set("TOKEN")?)));
        let config = Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
        Rest { agent: config.build().new_agent(), url: url.trim_end_matches('/').to_owned(), authorization }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it has at a path; none if it knows of no such thing.
    ///
    /// # Errors
    /// It cannot be reached or refuses; in words.
    pub fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Option<Value>, String> {
        let request = self.agent.get(self.address(&format!("mlflow/{path}"))).query_pairs(query.iter().copied());
        match self.answer(path, self.signed(request).call())? {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            answer => self.accepted(path, answer).map(Some),
        }
    }

    /// What it answers to a message.
    ///
    /// # Errors
    /// It cannot be reached or refuses; in words.
    pub fn post(&self, path: &str, body: &Value) -> Result<Value, String> {
        let request = self.signed(self.agent.post(self.address(&format!("mlflow/{path}"))));
        self.accepted(path, self.answer(path, request.send_json(body))?)
    }

    /// Puts a file into a folder of those that it keeps.
    ///
    /// # Errors
    /// It cannot be reached or refuses; in words.
    pub fn put(&self, folder: &str, path: &Path, bytes: &[u8]) -> Result<(), String> {
        let place = format!("mlflow-artifacts/artifacts/{folder}/{}", encoded(path));
        let request = self.signed(self.agent.put(self.address(&place)));
        self.accepted(&place, self.answer(&place, request.send(bytes))?).map(drop)
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

    fn answer(&self, path: &str, response: Result<Response<Body>, Error>) -> Result<(StatusCode, String), String> {
        let mut response = response.map_err(|error| self.failed(path, &error))?;
        let text = response.body_mut().read_to_string().map_err(|error| self.failed(path, &error))?;
        Ok((response.status(), text))
    }

    fn accepted(&self, path: &str, (status, text): (StatusCode, String)) -> Result<Value, String> {
        match status {
            StatusCode::OK => Ok(serde_json::from_str(&text).unwrap_or(Value::Null)),
            status => Err(self.failed(path, &format_args!("{status}: {}", text.trim()))),
        }
    }

    fn failed(&self, path: &str, reason: &dyn std::fmt::Display) -> String {
        format!("{}: {path}: {reason}", self.url)
    }
}

/// A name as MLflow takes it for a metric or a parameter: what it does not allow there is `_`. To it a name may be a path, of which
/// each part must be one.
pub fn name(name: &str) -> String {
    let allowed = |c: char| if c.is_alphanumeric() || " _.:/-".contains(c) { c } else { '_' };
    let short: String = name.chars().take(LONGEST).map(allowed).collect();
    let part = |part| if matches!(part, "" | "." | "..") { "_" } else { part };
    let name: String = short.split('/').map(part).collect::<Vec<_>>().join("/");
    name.chars().take(LONGEST).collect()
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

    #[test]
    fn any_name_is_one_that_is_allowed() {
        let names = [
            ("loss/dsm: a_b-c.d é", "loss/dsm: a_b-c.d é"),
            ("acc@1", "acc_1"),
            ("", "_"),
            ("/a//b/", "_/a/_/b/_"),
            ("a/./../b", "a/_/_/b"),
        ];
        for (given, wanted) in names {
            assert_eq!(name(given), wanted);
        }
        assert_eq!(name(&"é".repeat(300)).chars().count(), 250);
    }
}
