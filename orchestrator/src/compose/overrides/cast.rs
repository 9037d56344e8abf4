//! `int(...)`, `float(...)`, `str(...)` and `bool(...)`: casts of values and of whole sweeps.

use super::value::{Element, Number, Parsed, Sweep, SweepValues};
use crate::compose::node::Value;
use crate::compose::python;

/// The target of a cast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cast {
    /// Truncates floats, reads text.
    Int,
    /// Reads text.
    Float,
    /// Booleans in lower case, else Python's `str`.
    Str,
    /// Text must be `true` or `false`; numbers are true unless zero.
    Bool,
}

/// Casts a value, element by element in lists, maps and sweeps.
pub fn cast(to: Cast, value: Parsed) -> Result<Parsed, String> {
    match value {
        Parsed::Element(value) => element(to, value).map(Parsed::Element),
        Parsed::Sweep(sweep) => self::sweep(to, sweep).map(Parsed::Sweep),
        Parsed::Replace(_) => Err("values are cast inside of `replace`".to_owned()),
        Parsed::Extend(_) => Err("values are cast inside of `extend_list`".to_owned()),
    }
}

fn element(to: Cast, value: Element) -> Result<Element, String> {
    match value {
        Element::List(items) => {
            items.into_iter().map(|item| element(to, item)).collect::<Result<_, _>>().map(Element::List)
        }
        Element::Map(entries) => entries
            .into_iter()
            .map(|(key, value)| Ok((key, element(to, value)?)))
            .collect::<Result<_, _>>()
            .map(Element::Map),
        Element::Quoted(text, _) => scalar(to, Value::Str(text)).map(Element::Plain),
        Element::Plain(value) => scalar(to, value).map(Element::Plain),
    }
}

fn scalar(to: Cast, value: Value) -> Result<Value, String> {
    let refused = || {
        let name = match to {
            Cast::Int => "an integer",
            Cast::Float => "a float",
            Cast::Str => "text",
            Cast::Bool => "a boolean",
        };
        format!("{} cannot become {name}", python::repr(&value))
    };
    match (to, &value) {
        (Cast::Int, Value::Bool(b)) => Some(Value::Int(i128::from(*b))),
        (Cast::Int, Value::Int(n)) => Some(Value::Int(*n)),
        (Cast::Int, Value::Float(x)) => x.is_finite().then(|| Value::Int(x.trunc() as i128)),
        (Cast::Int, Value::Str(text)) => python::parse_int(text).map(Value::Int),
        (Cast::Float, Value::Bool(b)) => Some(Value::Float(f64::from(u8::from(*b)))),
        (Cast::Float, Value::Int(n)) => Some(Value::Float(*n as f64)),
        (Cast::Float, Value::Float(x)) => Some(Value::Float(*x)),
        (Cast::Float, Value::Str(text)) => python::parse_float(text).map(Value::Float),
        (Cast::Str, Value::Bool(b)) => Some(Value::str(b.to_string())),
        (Cast::Str, Value::Null) => None,
        (Cast::Str, value) => Some(Value::Str(python::str(value))),
        (Cast::Bool, Value::Bool(b)) => Some(Value::Bool(*b)),
        (Cast::Bool, Value::Int(n)) => Some(Value::Bool(*n != 0)),
        (Cast::Bool, Value::Float(x)) => Some(Value::Bool(*x != 0.0)),
        (Cast::Bool, Value::Str(text)) => match text.to_lowercase().as_str() {
            "true" => Some(Value::Bool(true)),
            "false" => Some(Value::Bool(false)),
            _ => None,
        },
        // The one surprise: `bool(null)` is false, where the other casts refuse null.
        (Cast::Bool, Value::Null) => Some(Value::Bool(false)),
        _ => None,
    }
    .ok_or_else(refused)
}

fn sweep(to: Cast, sweep: Sweep) -> Result<Sweep, String> {
    let number = |n: Number| -> Result<Number, String> {
        let value = match n {
            Number::Int(n) => Value::Int(n),
            Number::Float(x) => Value::Float(x),
        };
        match scalar(to, value)? {
            Value::Int(n) => Ok(Number::Int(n)),
            Value::Float(x) => Ok(Number::Float(x)),
            _ => Err("a range can only become int or float".to_owned()),
        }
    };
    let (tags, values) = match sweep.values {
        SweepValues::Choice { items, simple } => {
            let items = items.into_iter().map(|item| element(to, item)).collect::<Result<_, _>>()?;
            (Vec::new(), SweepValues::Choice { items, simple })
        }
        SweepValues::Range { start, stop, step } => {
            let values = SweepValues::Range { start: number(start)?, stop: number(stop)?, step: number(step)? };
            (Vec::new(), values)
        }
        SweepValues::Interval { start, end } => {
            (sweep.tags, SweepValues::Interval { start: number(start)?, end: number(end)? })
        }
        SweepValues::Glob { .. } => return Err("a glob cannot be cast".to_owned()),
    };
    Ok(Sweep { tags, shuffled: false, zipped: sweep.zipped, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_cast_as_python_casts_them() {
        for (to, from, want) in [
            (Cast::Int, Value::Float(3.9), Some(Value::Int(3))),
            (Cast::Int, Value::Float(-3.9), Some(Value::Int(-3))),
            (Cast::Int, Value::str("12"), Some(Value::Int(12))),
            (Cast::Int, Value::Bool(true), Some(Value::Int(1))),
            (Cast::Int, Value::str("abc"), None),
            (Cast::Float, Value::str("1e3"), Some(Value::Float(1000.0))),
            (Cast::Str, Value::Bool(true), Some(Value::str("true"))),
            (Cast::Str, Value::Float(1.0), Some(Value::str("1.0"))),
            (Cast::Str, Value::Null, None),
            (Cast::Bool, Value::Int(0), Some(Value::Bool(false))),
            (Cast::Bool, Value::str("False"), Some(Value::Bool(false))),
            (Cast::Bool, Value::str("maybe"), None),
        ] {
            assert_eq!(scalar(to, from).ok(), want);
        }
    }
}
