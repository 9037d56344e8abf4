//! The real Hydra, in a Python process that answers one question after another.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value as Json, json};

use super::case::{Answer, Ask, Case};

/// A Python process with Hydra in it.
pub struct Hydra {
    process: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Hydra {
    /// Starts the interpreter that has `hydra-core`.
    pub fn start(python: &str) -> std::io::Result<Hydra> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hydra_live/answer.py");
        let mut process = Command::new(python)
            .arg(script)
            .env("ORACLE_V", "from env")
            .env_remove("NOPE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let questions = process.stdin.take();
        let answers = process.stdout.take().map(BufReader::new).ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(Hydra { process, questions, answers })
    }

    /// What Hydra makes of a case whose files lie below `root`.
    pub fn ask(&mut self, case: &Case, root: &Path) -> std::io::Result<Answer> {
        let mut question = json!({
            "dir": root,
            "config_dir": case.config_dir.as_ref().map(|dir| root.join(dir)),
            "name": case.name,
            "ov": case.words,
            "package": null,
            "resolve": false,
            "cfg": "jobs",
        });
        if let Ask::Cfg { part, package, resolve } = &case.ask {
            question["cfg"] = json!(part);
            question["package"] = json!(package);
            question["resolve"] = json!(resolve);
        }
        let questions = self.questions.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
        writeln!(questions, "{question}")?;
        questions.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let answer: Json = serde_json::from_str(&line)?;
        let text = |key: &str| answer[key].as_str().unwrap_or_default().to_owned();
        Ok(match (answer["ok"] == true, answer["crash"] == true) {
            (true, _) => Answer::Printed(text("text")),
            (false, false) => Answer::Refused(text("err")),
            (false, true) => Answer::Died(text("err")),
        })
    }
}

impl Drop for Hydra {
    fn drop(&mut self) {
        // The end of its questions is the end of the process.
        self.questions = None;
        let _ = self.process.wait();
    }
}
