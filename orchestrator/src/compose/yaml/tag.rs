//! What a YAML scalar means, given its tag.

use saphyr_parser::Tag;

use crate::compose::node::Value;
use crate::compose::{base64, scalar};

/// The prefix of YAML's own tags, written `!!`.
const CORE: &str = "tag:yaml.org,2002:";

/// The name of one of YAML's own tags (`!!int` is `int`).
pub fn core_name(tag: &Tag) -> Option<&str> {
    tag.is_yaml_core_schema().then_some(tag.suffix.as_str())
}

/// The message about a tag that has no meaning.
pub fn refused(tag: &Tag) -> String {
    format!("tag `{}{}` has no meaning here", tag.handle.replace(CORE, "!!"), tag.suffix)
}

/// The value of a scalar; `plain` if it has no quotes.
///
/// # Errors
/// A message: the tag is unknown, or the text does not suit it.
pub fn scalar(text: &str, plain: bool, tag: Option<&Tag>) -> Result<Value, String> {
    let bad = |error: scalar::BadNumber| error.to_string();
    let Some(tag) = tag else {
        return match plain {
            true if text == "=" => Err("a plain `=` has a meaning of its own: quote it".to_owned()),
            true => scalar::resolve(text).map_err(bad),
            false => Ok(Value::str(text)),
        };
    };
    match core_name(tag) {
        Some("str") => Ok(Value::str(text)),
        Some("int") => scalar::int(text).map(Value::Int).map_err(bad),
        Some("float") => scalar::float(text).map(Value::Float).map_err(bad),
        Some("null") => Ok(Value::Null),
        Some("bool") => scalar::boolean(text).map(Value::Bool).ok_or(format!("`{text}` is not a boolean")),
        Some("binary") => base64::decode(text).map(Value::Bytes).ok_or("not base64".to_owned()),
        // PyYAML takes a lone `!` for no tag at all, quotes or not.
        None if tag.handle.is_empty() && tag.suffix == "!" => scalar::resolve(text).map_err(bad),
        _ => Err(refused(tag)),
    }
}
