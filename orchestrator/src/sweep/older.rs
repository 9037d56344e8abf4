//! The space of a search in the words of an older hydra-optuna-sweeper: its block `search_space`, in those of
//! `hydra.sweeper.params`.

use crate::compose::overrides::Element;
use crate::compose::problem::Warning;
use crate::compose::{Key, Node, Problem, Problems, Trail, Value, float_text, text};

/// A block `search_space`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Older {
    key: String,
    trail: Trail,
    /// The parameters that say the same, each with its values; none if there are others already, which Optuna prefers.
    params: Option<Vec<(String, String)>>,
}

impl Older {
    /// The block in the `hydra.sweeper` of Optuna that stands at `path`, if it has one.
    ///
    /// # Errors
    /// All distributions that Optuna would not understand.
    pub(super) fn of(path: &str, sweeper: &Node) -> Result<Option<Older>, Problems> {
        let said = |key: &str| sweeper.child(key).filter(|node| node.value != Value::Null);
        let Some(node) = said("search_space") else { return Ok(None) };
        let key = format!("{path}.search_space");
        if said("params").is_some() {
            return Ok(Some(Older { key, trail: node.trail.clone(), params: None }));
        }
        let mut problems = Problems::default();
        let mut params = Vec::new();
        for (name, node) in node.as_map().into_iter().flatten() {
            let values = distribution(node).map_err(|message| {
                Problem::new(message)
                    .key(format!("{key}.{name}"))
                    .trail(&node.trail)
                    .hint("{type: float, low: 0, high: 1}")
            });
            params.extend(problems.collect(values).map(|values| (name.to_string(), values)));
        }
        problems.or_ok(Some(Older { key, trail: node.trail.clone(), params: Some(params) }))
    }

    /// Its parameters as words of the command line.
    pub(super) fn words(&self) -> Vec<String> {
        self.params.iter().flatten().map(|(name, values)| format!("{name}={values}")).collect()
    }

    /// That it is not how this is said today.
    pub(super) fn warning(&self) -> Warning {
        let problem = match &self.params {
            None => Problem::new("left out, since hydra.sweeper.params say what is searched"),
            Some(params) => {
                let lines = params.iter().map(|(name, values)| format!("{name}: {values}"));
                Problem::new("Optuna's sweeper no longer has this name for hydra.sweeper.params")
                    .hint(format!("hydra.sweeper.params: {{{}}}", lines.collect::<Vec<_>>().join(", ")))
            }
        };
        Warning(problem.key(self.key.clone()).trail(&self.trail))
    }
}

/// The values of a distribution; the error is what is wrong with it.
fn distribution(node: &Node) -> Result<String, String> {
    let said = |key: &str| node.child(key).map(|node| &node.value).filter(|value| **value != Value::Null);
    let number = |key: &str| match said(key) {
        Some(Value::Int(n)) => Ok(Some(*n as f64)),
        Some(Value::Float(x)) if x.is_finite() => Ok(Some(*x)),
        None => Ok(None),
        Some(_) => Err(format!("expected a number as its `{key}`")),
    };
    let needed = |key: &str| number(key)?.ok_or_else(|| format!("expected a number as its `{key}`"));
    let logarithmic = match said("log") {
        None | Some(Value::Bool(false)) => false,
        Some(Value::Bool(true)) => true,
        Some(_) => return Err("expected true or false as its `log`".to_owned()),
    };
    let known = ["type", "choices", "low", "high", "log", "step"];
    let keys = node.as_map().into_iter().flat_map(|map| map.keys().map(Key::to_string));
    if let Some(key) = keys.into_iter().find(|key| !known.contains(&key.as_str())) {
        return Err(format!("a distribution has no `{key}`, only {}", known.join(", ")));
    }
    match said("type").map(text).as_deref() {
        Some("categorical") => match said("choices") {
            Some(Value::List(items)) if items.iter().all(|item| !item.value.is_container()) => {
                let items: Vec<String> = items.iter().map(|item| choice(&item.value)).collect();
                Ok(format!("choice({})", items.join(",")))
            }
            _ => Err("expected a list of values as its `choices`".to_owned()),
        },
        Some("int") => {
            let (low, high) = (needed("low")?.trunc(), needed("high")?.trunc());
            Ok(match number("step")?.map(f64::trunc) {
                _ if logarithmic => format!("tag(log,int(interval({low},{high})))"),
                Some(step) if step > 1.0 => format!("range({low},{},{step})", high + 1.0),
                _ => format!("int(interval({low},{high}))"),
            })
        }
        Some("float") => {
            let (low, high) = (needed("low")?, needed("high")?);
            let between = format!("interval({},{})", float_text(low), float_text(high));
            Ok(match number("step")? {
                _ if logarithmic => format!("tag(log,{between})"),
                Some(step) if step > 0.0 => {
                    // The last one is in it, whichever way its decimals are rounded.
                    let steps = ((high - low) / step + 1e-9).floor() + 0.5;
                    format!("range({},{},{})", float_text(low), float_text(low + steps * step), float_text(step))
                }
                Some(_) => return Err("expected a number above 0 as its `step`".to_owned()),
                None => between,
            })
        }
        _ => Err("expected float, int or categorical as its `type`".to_owned()),
    }
}

/// A value as it stands in an override, where text that reads as something else is in quotes.
fn choice(value: &Value) -> String {
    match value {
        Value::Str(text) => Element::Quoted(text.clone(), '\'').to_text(),
        other => Element::Plain(other.clone()).to_text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::load_yaml;

    fn read(block: &str) -> Result<Option<Older>, Problems> {
        let node = load_yaml(&"x".into(), &format!("params: null\nsearch_space: {block}")).expect("a tree");
        Older::of("hydra.sweeper", &node)
    }

    #[test]
    fn distributions_are_spans_of_values() {
        for (written, want) in [
            ("{type: float, low: 1, high: 10}", "x=interval(1.0,10.0)"),
            ("{type: float, low: 1.0e-5, high: 0.1, log: true}", "x=tag(log,interval(1e-05,0.1))"),
            ("{type: float, low: 0, high: 0.3, step: 0.1}", "x=range(0.0,0.35000000000000003,0.1)"),
            ("{type: float, low: 0, high: 0.34, step: 0.1}", "x=range(0.0,0.35000000000000003,0.1)"),
            ("{type: int, low: 1, high: 4}", "x=int(interval(1,4))"),
            ("{type: int, low: 16, high: 128, step: 16}", "x=range(16,129,16)"),
            ("{type: int, low: 1, high: 64, log: true}", "x=tag(log,int(interval(1,64)))"),
            ("{type: categorical, choices: [a b, '1', 2, true, null]}", "x=choice('a b','1',2,True,null)"),
        ] {
            let older = read(&format!("{{x: {written}}}")).expect(written).expect("a block");
            assert_eq!(older.words(), [want], "{written}");
        }
    }

    #[test]
    fn what_optuna_would_not_understand_is_refused() {
        for (written, part) in [
            ("{type: floot, low: 1, high: 2}", "hydra.sweeper.search_space.x: expected float, int or categorical"),
            ("{type: float, low: 1}", "expected a number as its `high`"),
            ("{type: float, low: 1, high: 2, steps: 1}", "has no `steps`"),
            ("{type: categorical}", "expected a list of values"),
            ("1", "expected float, int or categorical"),
        ] {
            let problems = read(&format!("{{x: {written}}}")).expect_err(written).to_string();
            assert!(problems.contains(part), "{problems}");
        }
    }

    #[test]
    fn parameters_are_preferred() {
        let tree = "params: {x: '1,2'}\nsearch_space: {x: {type: float, low: 0, high: 1}}";
        let node = load_yaml(&"x".into(), tree).expect("a tree");
        let older = Older::of("hydra.sweeper", &node).expect("a block").expect("a block");
        assert!(older.words().is_empty() && older.warning().to_string().contains("search_space: left out"));
    }
}
