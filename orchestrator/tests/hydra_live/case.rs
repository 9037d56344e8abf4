//! A question that both programs are asked, and what one of them answers.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value as Json, json};

/// What of a composition is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Ask {
    /// What `--cfg PART [--package P] [--resolve]` prints.
    Cfg { part: &'static str, package: Option<String>, resolve: bool },
    /// The overrides of the jobs that `-m` would run.
    Jobs,
}

/// A configuration tree, overrides, and what is asked about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Path from the root of the tree -> text.
    pub files: BTreeMap<String, String>,
    /// The primary configuration.
    pub name: String,
    /// The overrides.
    pub words: Vec<String>,
    /// A directory of the tree that is also given as `--config-dir`.
    pub config_dir: Option<String>,
    /// The question.
    pub ask: Ask,
}

/// An answer, as far as it is compared.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// What was printed.
    Printed(String),
    /// It was refused, with the message.
    Refused(String),
    /// It died of an accident, which is nothing to agree with.
    Died(String),
}

impl Answer {
    /// Whether both printed the same, or both refused.
    pub fn agrees(&self, other: &Answer) -> bool {
        match (self, other) {
            (Answer::Printed(a), Answer::Printed(b)) => a == b,
            (Answer::Died(_), _) | (_, Answer::Died(_)) => true,
            (Answer::Refused(_), Answer::Refused(_)) => true,
            _ => false,
        }
    }

    /// Printed, refused or died: what shrinking must keep.
    pub fn kind(&self) -> usize {
        match self {
            Answer::Printed(_) => 0,
            Answer::Refused(_) => 1,
            Answer::Died(_) => 2,
        }
    }

    fn to_json(&self) -> Json {
        match self {
            Answer::Printed(text) => json!({ "ok": true, "text": text }),
            Answer::Refused(message) | Answer::Died(message) => json!({ "ok": false, "err": message }),
        }
    }
}

impl Case {
    /// A tree with the primary file alone.
    pub fn new(config: String) -> Case {
        let ask = Ask::Cfg { part: "job", package: None, resolve: false };
        Case {
            files: BTreeMap::from([("config.yaml".to_owned(), config)]),
            name: "config".to_owned(),
            words: Vec::new(),
            config_dir: None,
            ask,
        }
    }

    /// Writes the files below a directory that does not exist yet.
    pub fn write(&self, root: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(root)?;
        for (name, text) in &self.files {
            let path = root.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, text)?;
        }
        Ok(())
    }

    /// The case as `tests/hydra_cases` records one, with both answers.
    pub fn record(&self, hydra: &Answer, ours: &Answer) -> String {
        let mut case = json!({ "files": self.files, "ov": self.words, "name": self.name });
        if let Some(dir) = &self.config_dir {
            case["config_dir"] = json!(dir);
        }
        let mode = match &self.ask {
            Ask::Jobs => "sweep",
            Ask::Cfg { part, package, resolve } => {
                case["cfg"] = json!(part);
                case["package"] = json!(package);
                if *resolve { "resolve" } else { "raw" }
            }
        };
        json!({ "case": case, "exp": [[mode, hydra.to_json()]], "ours": ours.to_json() }).to_string()
    }
}
