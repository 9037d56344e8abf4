//! What of a configuration says what its run does: by this two runs did the same, wherever they lie and whatever was said about
//! them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::run_path::{PLACEHOLDER, replaced};

/// Keys of a spec that only speak about its run.
const WORDS_ABOUT: [&str; 3] = ["tags", "notes", "track"];

/// How the configuration of a program is read, which may be any tree.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Foreign {
    /// Whether all words about a run are there in our form, as in a tree that was made of our own configuration. In others a word
    /// such as `notes` may be a setting.
    labelled: bool,
    /// The directory of the run as it was named when it was frozen; unknown of older runs.
    output_dir: Option<String>,
}

impl Foreign {
    /// Of a configuration with these values at its top.
    pub fn new(output_dir: Option<String>, value: impl Fn(&str) -> Option<Value>) -> Foreign {
        let tags = |tags: Value| tags.as_array().is_some_and(|tags| tags.iter().all(Value::is_string));
        let notes = |notes: Value| notes.is_null() || notes.is_string();
        let track = |track: Value| track.get("tensorboard").is_some() && track.get("mlflow").is_some();
        let labelled =
            value("tags").is_some_and(tags) && value("notes").is_some_and(notes) && value("track").is_some_and(track);
        Foreign { labelled, output_dir }
    }

    /// A value in which the directory of the run is the same for all runs.
    pub fn anywhere(&self, value: &Value) -> Value {
        self.output_dir.as_ref().map_or_else(|| value.clone(), |dir| replaced(value, dir, PLACEHOLDER))
    }

    /// Whether a key with this JSON may say another thing than in a spec.
    pub fn differs(&self, key: &str, json: &str) -> bool {
        let written = |dir: &String| Value::from(dir.as_str()).to_string();
        let is_named = |dir: &String| json.contains(written(dir).trim_matches('"'));
        WORDS_ABOUT.contains(&key) || self.output_dir.as_ref().is_some_and(is_named)
    }
}

/// The value of a key at the top of a spec, or of the configuration of a program, as far as it says what is done; none if it only
/// speaks about the run.
pub fn meaning(key: &str, value: Value, program: Option<&Foreign>) -> Option<Value> {
    let Some(program) = program else { return (!WORDS_ABOUT.contains(&key)).then_some(value) };
    match (key, value) {
        ("tags" | "notes", _) if program.labelled => None,
        // Of what may be the program's own, the words that are read here.
        ("track", Value::Object(mut track)) => {
            track.retain(|name, value| match name.as_str() {
                "tensorboard" => !value.is_boolean(),
                "mlflow" => !value.is_object(),
                _ => true,
            });
            (!track.is_empty()).then(|| program.anywhere(&track.into()))
        }
        (_, value) => Some(program.anywhere(&value)),
    }
}

/// Of the values at the top of a configuration what says what is done.
pub fn meanings(entries: impl IntoIterator<Item = (String, Value)>, program: Option<&Foreign>) -> Map<String, Value> {
    let said = |(key, value): (String, Value)| meaning(&key, value, program).map(|value| (key, value));
    entries.into_iter().filter_map(said).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn words_of_a_program_are_its_own_unless_all_have_our_form() {
        let ours =
            json!({"tags": ["a"], "notes": null, "track": {"tensorboard": true, "mlflow": {"url": null}}, "x": 1});
        let left = |config: &Value, is_program: bool| {
            let foreign = Foreign::new(Some("/runs/1".to_owned()), |key| config.get(key).cloned());
            let entries = config.as_object().cloned().unwrap_or_default();
            Value::Object(meanings(entries, is_program.then_some(&foreign)))
        };
        for is_program in [true, false] {
            assert_eq!(left(&ours, is_program), json!({"x": 1}));
        }
        for own in [
            json!({"track": "monza", "notes": "c4", "tags": ["nn"]}),
            json!({"track": {"mlflow": "none", "length": 5}, "notes": "c4", "tags": []}),
        ] {
            assert_eq!(left(&own, true), own);
        }
        let mixed = json!({"track": {"mlflow": {"url": "http://a"}}, "notes": "c4", "ck": ["/runs/1/ck", "/runs/10"]});
        let wanted = json!({"notes": "c4", "ck": [format!("{PLACEHOLDER}/ck"), "/runs/10"]});
        assert_eq!(left(&mixed, true), wanted);
    }
}
