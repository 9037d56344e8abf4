//! What holds for any input: what is written is read again as it was, and nothing panics.

use proptest::prelude::*;

use super::node::{Key, Map, Node, Value};
use super::overrides::{Element, Parsed};
use super::{Override, load_yaml, to_yaml};

/// Texts that look like other values, or hold what a grammar takes for its own.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{0,4}",
        "[-+.0-9eE_xo:]{0,6}",
        "[ -~]{0,12}",
        "[ a\\n\\t'\"#:,\\[\\]{}?&*!|>%@`$\\\\-]{0,8}",
        "\\PC{0,6}",
        prop::sample::select(vec![
            "null",
            "true",
            "no",
            "???",
            "~",
            "<<",
            "=",
            ".nan",
            "1e3",
            "0o7",
            "2020-01-01",
            "---"
        ])
        .prop_map(str::to_owned),
    ]
    // An interpolation has a grammar of its own; YAML 1.1 has line breaks that the parser library takes for text.
    .prop_filter("an interpolation or a break", |text: &String| {
        !text.contains("${") && !text.contains(['\u{85}', '\u{2028}', '\u{2029}'])
    })
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(|n| Value::Int(n.into())),
        any::<f64>().prop_filter("not a number", |x| !x.is_nan()).prop_map(Value::Float),
        text().prop_map(Value::Str),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 32, 5, |inner| {
        let node = inner.prop_map(Node::builtin);
        prop_oneof![
            prop::collection::vec(node.clone(), 0..5).prop_map(Value::List),
            prop::collection::vec((text(), node), 0..5)
                .prop_map(|entries| entries.into_iter().map(|(key, node)| (Key::Str(key), node)).collect::<Map>())
                .prop_map(Value::Map),
        ]
    })
}

/// Values of an override, as its grammar has them: text of printable ASCII, which the unquoted form can hold or not.
fn element() -> impl Strategy<Value = Element> {
    let leaf = prop_oneof![
        Just(Element::Plain(Value::Null)),
        any::<bool>().prop_map(|flag| Element::Plain(Value::Bool(flag))),
        any::<i64>().prop_map(|n| Element::Plain(Value::Int(n.into()))),
        any::<f64>().prop_filter("not a number", |x| !x.is_nan()).prop_map(|x| Element::Plain(Value::Float(x))),
        "[a-z][a-z/.:=,(){}\\[\\] ]{0,6}[a-z]"
            .prop_filter("a word of its own", |text| {
                !matches!(text.to_lowercase().as_str(), "null" | "true" | "false" | "inf" | "nan")
            })
            .prop_map(Element::text),
        ("[ -~é]{0,10}", prop::sample::select(vec!['\'', '"']))
            .prop_filter("an interpolation", |(text, _)| !text.contains("${"))
            .prop_map(|(text, quote)| Element::Quoted(text, quote)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Element::List),
            prop::collection::btree_map("[a-z]{1,3}x", inner, 0..4).prop_map(|map| {
                Element::Map(map.into_iter().map(|(key, value)| (Value::Str(key), value)).collect())
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn yaml_is_read_as_it_was_written(entries in prop::collection::vec((text(), tree()), 0..5)) {
        let map: Map = entries.into_iter().map(|(key, value)| (Key::Str(key), Node::builtin(value))).collect();
        let root = Node::builtin(Value::Map(map));
        let written = to_yaml(&root);
        let read = load_yaml(&"a.yaml".into(), &written);
        prop_assert!(read.as_ref().is_ok_and(|read| read.value.same(&root.value)), "{written}\n{read:?}");
    }

    #[test]
    fn an_override_is_read_as_it_was_written(element in element()) {
        let word = format!("key={}", element.to_text());
        let read = Override::parse_all(std::slice::from_ref(&word)).map(|parsed| parsed[0].value.clone());
        let same = matches!(&read, Ok(Some(Parsed::Element(read))) if *read == element);
        prop_assert!(same, "{word}\n{read:?}\n{element:?}");
    }

    #[test]
    fn any_word_and_any_file_is_answered(word in "\\PC{0,30}", file in "[ -~\\n\\t]{0,60}") {
        let _ = Override::parse_all(&[word]);
        let _ = load_yaml(&"a.yaml".into(), &file).map(|node| to_yaml(&node));
    }
}
