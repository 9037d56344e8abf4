//! The functions of the override grammar: casts, sweeps, `sort`, `shuffle`, `tag`.
//!
//! Pure: `shuffle` only marks a sweep, whoever expands it brings the randomness; a list gets the same random order each time.

use super::arguments::{Argument, Arguments};
use super::cast::{self, Cast};
use super::order::{shuffled, sorted, sorted_range};
use super::value::{Element, Number, Parsed, Sweep, SweepValues};
use crate::compose::node::Value;
use crate::compose::problem::nearest;

const NAMES: [&str; 14] = [
    "bool",
    "choice",
    "extend_list",
    "float",
    "glob",
    "int",
    "interval",
    "range",
    "replace",
    "shuffle",
    "sort",
    "str",
    "tag",
    "zip",
];

/// Evaluates `name(arguments)`.
///
/// # Errors
/// A message: the function is unknown, or refuses its arguments.
pub fn call(name: &str, arguments: Vec<Argument>) -> Result<Parsed, String> {
    let mut arguments = Arguments::new(arguments)?;
    let result = match name {
        "int" => cast::cast(Cast::Int, arguments.casting()?),
        "float" => cast::cast(Cast::Float, arguments.casting()?),
        "str" => cast::cast(Cast::Str, arguments.casting()?),
        "bool" => cast::cast(Cast::Bool, arguments.casting()?),
        "choice" => choice(arguments.rest()),
        "extend_list" => elements(arguments.rest()).map(Parsed::Extend),
        "range" => range(&mut arguments),
        "interval" => interval(&mut arguments),
        "glob" => glob(&mut arguments),
        "replace" => replace(&mut arguments),
        "tag" => tag(&mut arguments),
        "sort" => sort(&mut arguments),
        "shuffle" => shuffle(&mut arguments),
        "zip" => zip(arguments.rest()),
        unknown => {
            let hint = nearest(unknown, &NAMES).map(|n| format!(", did you mean `{n}`?"));
            let names = NAMES.join(", ");
            return Err(format!("unknown function `{unknown}`{}: one of {names}", hint.unwrap_or_default()));
        }
    };
    let result = result.map_err(|message| format!("{name}: {message}"))?;
    arguments.done(name)?;
    Ok(result)
}

pub(super) fn simple_choice(values: Vec<Parsed>) -> Result<Sweep, String> {
    Ok(SweepValues::Choice { items: elements(values)?, simple: true }.into())
}

fn elements(values: Vec<Parsed>) -> Result<Vec<Element>, String> {
    values
        .into_iter()
        .map(|value| match value {
            Parsed::Element(element) => Ok(element),
            Parsed::Sweep(_) => Err("a sweep cannot stand among other values".to_owned()),
            Parsed::Replace(_) => Err("`replace` cannot stand among other values".to_owned()),
            Parsed::Extend(_) => Err("`extend_list` cannot stand among other values".to_owned()),
        })
        .collect()
}

fn choice(mut values: Vec<Parsed>) -> Result<Parsed, String> {
    if values.is_empty() {
        return Err("at least one value is needed".to_owned());
    }
    if let [Parsed::Sweep(sweep)] = &mut values[..] {
        return match &mut sweep.values {
            SweepValues::Choice { simple, .. } if *simple => {
                *simple = false;
                Ok(Parsed::Sweep(sweep.clone()))
            }
            _ => Err("choices cannot be nested".to_owned()),
        };
    }
    let items = elements(values)?;
    if items.contains(&Element::Plain(Value::Null)) {
        return Err("null cannot be a choice here: write a,null instead".to_owned());
    }
    Ok(Parsed::Sweep(SweepValues::Choice { items, simple: false }.into()))
}

fn number(value: Option<Parsed>, name: &str) -> Result<Number, String> {
    match value {
        Some(Parsed::Element(Element::Plain(Value::Int(n)))) => Ok(Number::Int(n)),
        Some(Parsed::Element(Element::Plain(Value::Float(x)))) => Ok(Number::Float(x)),
        Some(_) => Err(format!("`{name}` is not a number")),
        None => Err(format!("`{name}` is missing")),
    }
}

fn range(arguments: &mut Arguments) -> Result<Parsed, String> {
    let first = number(arguments.next("start")?, "start")?;
    let second = arguments.next("stop")?;
    let step = match arguments.next("step")? {
        None => Number::Int(1),
        step => number(step, "step")?,
    };
    let (start, stop) = match second {
        None | Some(Parsed::Element(Element::Plain(Value::Null))) => (Number::Int(0), first),
        stop => (first, number(stop, "stop")?),
    };
    Ok(Parsed::Sweep(SweepValues::Range { start, stop, step }.into()))
}

fn interval(arguments: &mut Arguments) -> Result<Parsed, String> {
    let start = Number::Float(number(arguments.next("start")?, "start")?.as_f64());
    let end = Number::Float(number(arguments.next("end")?, "end")?.as_f64());
    Ok(Parsed::Sweep(SweepValues::Interval { start, end }.into()))
}

fn glob(arguments: &mut Arguments) -> Result<Parsed, String> {
    let include = patterns(arguments.next("include")?, "include")?.ok_or("`include` is missing")?;
    let exclude = patterns(arguments.next("exclude")?, "exclude")?.unwrap_or_default();
    Ok(Parsed::Sweep(SweepValues::Glob { include, exclude }.into()))
}

fn patterns(value: Option<Parsed>, name: &str) -> Result<Option<Vec<String>>, String> {
    let text = |element: Element| match element {
        Element::Plain(Value::Str(text)) | Element::Quoted(text, _) => Ok(text),
        _ => Err(format!("`{name}` takes a string or a list of strings")),
    };
    match value {
        None | Some(Parsed::Element(Element::Plain(Value::Null))) => Ok(None),
        Some(Parsed::Element(Element::List(items))) => items.into_iter().map(text).collect::<Result<_, _>>().map(Some),
        Some(Parsed::Element(element)) => Ok(Some(vec![text(element)?])),
        Some(_) => Err(format!("`{name}` takes a string or a list of strings")),
    }
}

fn tag(arguments: &mut Arguments) -> Result<Parsed, String> {
    let mut values = arguments.rest();
    values.extend(arguments.named("sweep"));
    let Some(Parsed::Sweep(mut sweep)) = values.pop() else {
        return Err("the last argument must be a sweep".to_owned());
    };
    sweep.tags = values
        .into_iter()
        .map(|value| match value {
            Parsed::Element(Element::Plain(Value::Str(text))) => Ok(text),
            _ => Err("tags are strings".to_owned()),
        })
        .collect::<Result<_, _>>()?;
    Ok(Parsed::Sweep(sweep))
}

/// The one argument of `sort` and `shuffle`, however it is given; several are a sweep.
fn sequence(arguments: &mut Arguments) -> Result<Parsed, String> {
    if let Some(value) = arguments.named("list").or_else(|| arguments.named("sweep")) {
        return Ok(value);
    }
    let mut values = arguments.rest();
    if values.contains(&Parsed::Element(Element::Plain(Value::Null))) {
        return Err("null has no place in an order".to_owned());
    }
    match values.len() {
        0 => Err("at least one value is needed".to_owned()),
        1 => Ok(values.remove(0)),
        _ => Ok(Parsed::Sweep(simple_choice(values)?)),
    }
}

fn shuffle(arguments: &mut Arguments) -> Result<Parsed, String> {
    match sequence(arguments)? {
        Parsed::Sweep(Sweep { values: SweepValues::Interval { .. } | SweepValues::Glob { .. }, .. }) => {
            Err("takes a choice, a range or values".to_owned())
        }
        Parsed::Sweep(sweep) if sweep.zipped => Err("an order by chance pairs nothing".to_owned()),
        Parsed::Sweep(sweep) => Ok(Parsed::Sweep(Sweep { shuffled: true, ..sweep })),
        Parsed::Element(Element::List(mut items)) => {
            shuffled(&mut items, 0);
            Ok(Parsed::Element(Element::List(items)))
        }
        Parsed::Element(element) => Ok(Parsed::Element(Element::List(vec![element]))),
        Parsed::Extend(_) | Parsed::Replace(_) => Err("takes a list or a sweep".to_owned()),
    }
}

fn replace(arguments: &mut Arguments) -> Result<Parsed, String> {
    let mut values = elements(arguments.rest())?;
    match values.len() {
        1 => Ok(Parsed::Replace(values.remove(0))),
        count => Err(format!("takes one value, found {count}")),
    }
}

/// `zip(a,b,c)`, or `zip` around any one sweep.
fn zip(mut values: Vec<Parsed>) -> Result<Parsed, String> {
    if values.is_empty() {
        return Err("at least one value is needed".to_owned());
    }
    let sweep = match &mut values[..] {
        [Parsed::Sweep(sweep)] if sweep.shuffled => return Err("an order by chance pairs nothing".to_owned()),
        [Parsed::Sweep(sweep)] => sweep.clone(),
        _ => SweepValues::Choice { items: elements(values)?, simple: false }.into(),
    };
    Ok(Parsed::Sweep(Sweep { zipped: true, ..sweep }))
}

fn sort(arguments: &mut Arguments) -> Result<Parsed, String> {
    let reverse = match arguments.named("reverse") {
        None => false,
        Some(Parsed::Element(Element::Plain(Value::Bool(reverse)))) => reverse,
        Some(_) => return Err("`reverse` is true or false".to_owned()),
    };
    Ok(match sequence(arguments)? {
        Parsed::Element(Element::List(items)) => Parsed::Element(Element::List(sorted(items, reverse)?)),
        Parsed::Element(element) => Parsed::Element(element),
        Parsed::Extend(_) | Parsed::Replace(_) => return Err("takes a list or a sweep".to_owned()),
        Parsed::Sweep(sweep) => {
            let values = match sweep.values {
                SweepValues::Choice { items, simple } => SweepValues::Choice { items: sorted(items, reverse)?, simple },
                SweepValues::Range { start, stop, step } => sorted_range(start, stop, step, reverse),
                _ => return Err("takes a choice, a range or values".to_owned()),
            };
            Parsed::Sweep(Sweep { values, ..sweep })
        }
    })
}
