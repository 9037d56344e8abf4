//! The arguments of a function of the override grammar, as the function takes them one by one.

use std::collections::VecDeque;

use super::functions::simple_choice;
use super::value::{Element, Parsed};

/// One argument of a call.
#[derive(Debug)]
pub struct Argument {
    /// The name, for `name=value`.
    pub name: Option<String>,
    /// The value.
    pub value: Parsed,
}

/// The arguments not yet taken; quotes are dropped, as functions never see them.
pub(super) struct Arguments {
    positional: VecDeque<Parsed>,
    named: Vec<(String, Parsed)>,
}

impl Arguments {
    pub(super) fn new(arguments: Vec<Argument>) -> Result<Self, String> {
        let (mut positional, mut named) = (VecDeque::new(), Vec::new());
        for Argument { name, value } in arguments {
            let value = match value {
                Parsed::Element(Element::Quoted(text, _)) => Parsed::Element(Element::text(text)),
                other => other,
            };
            match name {
                None => positional.push_back(value),
                Some(name) if named.iter().any(|(earlier, _)| *earlier == name) => {
                    return Err(format!("`{name}` is given twice"));
                }
                Some(name) => named.push((name, value)),
            }
        }
        Ok(Self { positional, named })
    }

    /// The argument of that name.
    pub(super) fn named(&mut self, name: &str) -> Option<Parsed> {
        let at = self.named.iter().position(|(n, _)| n == name)?;
        Some(self.named.remove(at).1)
    }

    /// The argument of that name, else the next one in order.
    pub(super) fn next(&mut self, name: &str) -> Result<Option<Parsed>, String> {
        match self.named(name) {
            Some(_) if !self.positional.is_empty() => Err(format!("`{name}` is given twice")),
            Some(value) => Ok(Some(value)),
            None => Ok(self.positional.pop_front()),
        }
    }

    /// All positional arguments.
    pub(super) fn rest(&mut self) -> Vec<Parsed> {
        std::mem::take(&mut self.positional).into()
    }

    /// What a cast applies to: one value, or several as a sweep.
    pub(super) fn casting(&mut self) -> Result<Parsed, String> {
        let value = self.named("value");
        let mut rest = self.rest();
        match (value, rest.len()) {
            (Some(value), 0) => Ok(value),
            (Some(_), _) => Err("takes positional arguments or `value`, not both".to_owned()),
            (None, 0) => Err("nothing to cast".to_owned()),
            (None, 1) => Ok(rest.remove(0)),
            (None, _) => Ok(Parsed::Sweep(simple_choice(rest)?)),
        }
    }

    pub(super) fn done(self, function: &str) -> Result<(), String> {
        match (self.positional.is_empty(), self.named.first()) {
            (true, None) => Ok(()),
            (_, Some((name, _))) => Err(format!("{function}: unexpected argument `{name}`")),
            (false, None) => Err(format!("{function}: too many arguments")),
        }
    }
}
