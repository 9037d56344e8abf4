//! A tree as JSON: what other programs read.

use serde_json::Value as Json;

use super::node::{Node, Value};
use super::python;

/// The value of a tree without interpolations. What JSON cannot hold becomes text, as Python writes it: `nan`, `inf`,
/// integers beyond 64 bits, bytes.
pub fn to_json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Int(value) => i64::try_from(*value).map_or_else(|_| Json::String(value.to_string()), Json::from),
        Value::Float(value) if value.is_finite() => Json::from(*value),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Map(map) => Json::Object(map.iter().map(|(key, node)| (key.to_string(), to_json(node))).collect()),
        value => Json::String(python::str(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::load_yaml;

    #[test]
    fn order_and_types_are_kept() {
        let tree = load_yaml(&"x".into(), "{z: 1, a: [1.5, yes, null, .inf, 1e-3], b: {c: 'd'}}").expect("a tree");
        assert_eq!(to_json(&tree).to_string(), r#"{"z":1,"a":[1.5,true,null,"inf",0.001],"b":{"c":"d"}}"#);
    }
}
