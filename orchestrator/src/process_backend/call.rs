//! One call of an executable: its answers, or why there are none.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::process::Command;
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::streams::short;

/// What a call may take: the libraries of an engine may have to be read from a slow disk first.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// Runs one call, which may take `limit`, and reads its answers, one a line.
pub(super) fn ask<T: DeserializeOwned>(path: &Path, words: &[OsString], limit: Duration) -> Result<Vec<T>, String> {
    let output = output(path, words, limit)?;
    if !output.status.success() {
        // Some say on the one what others say on the other.
        let said = [&output.stderr, &output.stdout].map(|said| String::from_utf8_lossy(said).trim().to_owned());
        let said = said.into_iter().find(|said| !said.is_empty()).unwrap_or_default();
        return Err(format!("{}: {said}", output.status));
    }
    let answers = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
    answers
        .collect::<Result<_, _>>()
        .map_err(|error| format!("its answer is not understood: {}", short(&error.to_string())))
}

fn output(path: &Path, words: &[OsString], limit: Duration) -> Result<Output, String> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
    let mut command = Command::new(path);
    command.args(words).stdin(Stdio::null()).kill_on_drop(true);
    let output = runtime.block_on(async { timeout(limit, command.output()).await });
    output
        .map_err(|_| format!("it does not answer within {} s", limit.as_secs_f64()))?
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn one_that_does_not_answer_is_not_waited_for() {
        let clock = Instant::now();
        let asked = ask::<u32>(Path::new("sleep"), &["60".into()], Duration::from_millis(200));
        assert_eq!(asked, Err("it does not answer within 0.2 s".to_owned()));
        assert!(clock.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_it_says_on_either_stream_is_the_reason() {
        let asked = |line: &str| ask::<u32>(Path::new("sh"), &["-c".into(), line.into()], LIMIT);
        assert_eq!(asked("echo 1; echo 2"), Ok(vec![1, 2]));
        assert_eq!(asked("echo no libtorch; exit 3"), Err("exit status: 3: no libtorch".to_owned()));
        assert_eq!(asked("echo 1; echo no libtorch >&2; exit 3"), Err("exit status: 3: no libtorch".to_owned()));
    }
}
