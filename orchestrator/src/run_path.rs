//! Where a configuration names the directory of its own run, as with Hydra's `${hydra:runtime.output_dir}/checkpoints`. Frozen it
//! is a path: it says where the run was made, and neither what it does nor where it is now.

use serde_json::Value;

/// What stands for the directory where it does not matter which one it is.
pub const PLACEHOLDER: &str = "${hydra:runtime.output_dir}";

/// A value in which each text that names the directory `from`, or something in it, names `to` instead.
pub fn replaced(value: &Value, from: &str, to: &str) -> Value {
    match value {
        Value::String(text) => in_text(text, from, to).into(),
        Value::Array(items) => items.iter().map(|item| replaced(item, from, to)).collect(),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), replaced(value, from, to))).collect())
        }
        value => value.clone(),
    }
}

/// As [`replaced`], of one text. Neither `/runs/10` nor `/old/runs/1` names the directory `/runs/1`.
pub fn in_text(text: &str, from: &str, to: &str) -> String {
    let is_of_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let (mut whole, mut taken) = (String::new(), 0);
    for (at, found) in text.match_indices(from) {
        let behind = at + found.len();
        if !text[..at].ends_with(is_of_name) && !text[behind..].starts_with(is_of_name) {
            whole += &text[taken..at];
            whole += to;
            taken = behind;
        }
    }
    whole + &text[taken..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_replaced_where_it_is_named_and_nowhere_else() {
        let value = serde_json::json!({
            "/runs/1": ["/runs/1", "/runs/1/ck", "--out=/runs/1,/runs/1:x", 1],
            "others": ["/runs/10", "/old/runs/1", "/runs/1.old", "/runs/1/runs/1", "runs/1"],
        });
        let wanted = serde_json::json!({
            "/runs/1": ["/b", "/b/ck", "--out=/b,/b:x", 1],
            "others": ["/runs/10", "/old/runs/1", "/runs/1.old", "/b/runs/1", "runs/1"],
        });
        assert_eq!(replaced(&value, "/runs/1", "/b"), wanted);
    }
}
