//! What a worker writes: lines of the protocol, and words for a person.

use std::convert::Infallible;
use std::future::pending;
use std::io::Write;

use exp_api::protocol::FromWorker;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{ChildStderr, ChildStdout};

use crate::launch::end::last_words;
use crate::output::{LONGEST, python};

/// How much of what is quoted is shown, in characters.
const SHOWN: usize = 200;
/// How much of the end of what a worker says to a person is kept, in bytes.
const TAIL: usize = 4096;

/// The lines of a worker.
pub(super) struct Lines {
    from: BufReader<ChildStdout>,
    /// The beginning of a line whose end is not there yet.
    begun: Vec<u8>,
}

impl Lines {
    pub(super) fn new(from: ChildStdout) -> Lines {
        Lines { from: BufReader::new(from), begun: Vec::new() }
    }

    /// The next line; none after the last one. Nothing of it is lost if it is not waited for.
    ///
    /// # Errors
    /// It cannot be read, is longer than any of the protocol, or says nothing of it.
    pub(super) async fn next(&mut self) -> Result<Option<FromWorker>, String> {
        loop {
            let block = self.from.fill_buf().await.map_err(|error| error.to_string())?;
            let (at_end, end) = (block.is_empty(), block.iter().position(|byte| *byte == b'\n'));
            self.begun.extend_from_slice(&block[..end.unwrap_or(block.len())]);
            let taken = end.map_or(block.len(), |end| end + 1);
            self.from.consume(taken);
            if self.begun.len() > LONGEST {
                let begun = String::from_utf8_lossy(&self.begun);
                return Err(format!("a line of more than {LONGEST} bytes: {}", short(&begun)));
            }
            if end.is_some() || (at_end && !self.begun.is_empty()) {
                return read(&std::mem::take(&mut self.begun)).map(Some);
            }
            if at_end {
                return Ok(None);
            }
        }
    }
}

/// Reads a line without its end. What is no text in it may be that of a person's message.
fn read(line: &[u8]) -> Result<FromWorker, String> {
    let line = String::from_utf8_lossy(line);
    let read = serde_json::from_str(&line)
        .or_else(|error| serde_json::from_slice(&python::with_words(line.as_bytes(), "null")).map_err(|_| error));
    read.map_err(|error| format!("a line that is no event ({}): {}", short(&error.to_string()), short(&line)))
}

/// What a worker says to a person.
pub(super) struct Words {
    from: ChildStderr,
    tail: Vec<u8>,
}

impl Words {
    pub(super) fn new(from: ChildStderr) -> Words {
        Words { from, tail: Vec::new() }
    }

    /// Passes it on as long as it is waited for.
    pub(super) async fn follow(&mut self) -> Infallible {
        self.finish().await;
        pending().await
    }

    /// Passes on what there is until its end.
    pub(super) async fn finish(&mut self) {
        let mut block = [0; 4096];
        while let Ok(read @ 1..) = self.from.read(&mut block).await {
            // It is no reason to stop when nobody can read it.
            let _ = std::io::stderr().write_all(&block[..read]);
            self.tail.extend_from_slice(&block[..read]);
            self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        }
    }

    /// The last line, behind a colon; nothing of one that said nothing.
    pub(super) fn last(&self) -> String {
        let words = last_words(&String::from_utf8_lossy(&self.tail));
        words.map(|line| format!(": {}", short(&line))).unwrap_or_default()
    }
}

/// The beginning of a text, for a person to recognise it.
pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use exp_api::Event;

    use super::*;

    #[test]
    fn what_is_no_number_is_said_as_null_or_as_python_says_it() {
        for word in ["null", "NaN", "-Infinity"] {
            let line = format!(r#"{{"event":{{"metrics":{{"step":3,"values":[["NaN",{word}],["lr",0.5]]}}}}}}"#);
            let Ok(FromWorker::Event(Event::Metrics { step: 3, values })) = read(line.as_bytes()) else {
                panic!("{line}: {:?}", read(line.as_bytes()));
            };
            assert!(values[0].0 == "NaN" && values[0].1.is_nan() && values[1].1 == 0.5, "{values:?}");
        }
        let line = br#"{"done":{"step":3,"interrupted":false,"figures":[["fd",NaN]],"grid":null}}"#;
        let Ok(FromWorker::Done(report)) = read(line) else { panic!("{:?}", read(line)) };
        assert!(report.figures[0].1.is_nan());
        // A backend in Rust that serves writes the same.
        let written = serde_json::to_vec(&FromWorker::Event(Event::Progress { step: 1, loss: f64::NAN })).unwrap();
        let Ok(FromWorker::Event(Event::Progress { loss, .. })) = read(&written) else { panic!("{written:?}") };
        assert!(loss.is_nan());
    }

    #[test]
    fn of_what_is_no_event_the_beginning_is_shown() {
        let error = read(format!("\"{}\"", "x".repeat(LONGEST)).as_bytes()).unwrap_err();
        assert!(error.starts_with("a line that is no event (") && error.len() < 3 * SHOWN, "{error}");
        assert!(matches!(read(b"{\"failed\":\"caf\xe9\"}"), Ok(FromWorker::Failed(reason)) if reason == "caf\u{fffd}"));
    }
}
