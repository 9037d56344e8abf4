//! Which points of a sweep are tried: `hydra.sweeper.where='train.lr < 1e-3 or model.head is none'`.
//!
//! An expression as in Jinja templates, over the configuration of each job.

use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, Expression, UndefinedBehavior, Value};

use crate::compose::{Composed, Node, Problem, Problems, Trail, to_json};

/// Where the expression is written.
const KEY: &str = "hydra.sweeper.where";

/// An expression that is true of the points that are tried.
pub struct Filter {
    environment: Environment<'static>,
    expression: String,
    trail: Trail,
}

impl Filter {
    /// Reads an expression, which `composed` holds.
    ///
    /// # Errors
    /// It is none.
    pub fn new(expression: &str, composed: &Composed) -> Result<Filter, Problem> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let trail = composed.tree.at(KEY).map(|node| node.trail.clone()).unwrap_or_default();
        let filter = Filter { environment, expression: expression.to_owned(), trail };
        filter.environment.compile_expression(expression).map_err(|error| filter.problem(&error))?;
        Ok(filter)
    }

    /// Whether the expression is true of a job.
    ///
    /// # Errors
    /// It names a key that is not there, or compares what cannot be compared.
    pub fn accepts(&self, job: &Composed) -> Result<bool, Problems> {
        let keys = job.job()?;
        let compiled = self.environment.compile_expression(&self.expression).map_err(|error| self.problem(&error))?;
        match compiled.eval(Value::from(Serde(to_json(&keys)))) {
            Ok(value) if !value.is_undefined() => Ok(value.is_true()),
            Err(error) if error.kind() != ErrorKind::UndefinedError => Err(self.problem(&error).into()),
            _ => Err(self.unknown(&compiled, &keys).into()),
        }
    }

    /// What an expression names that a configuration lacks.
    fn unknown(&self, expression: &Expression, keys: &Node) -> Problem {
        let mut unknown: Vec<String> = expression.undeclared_variables(true).into_iter().collect();
        unknown.retain(|name| keys.at(name).is_none());
        unknown.sort();
        let Some(name) = unknown.first() else {
            return Problem::new("it names a key that is not there").key(KEY).trail(&self.trail);
        };
        let (around, before) = match name.rsplit_once('.') {
            Some((above, _)) => (keys.at(above), format!("{above}.")),
            None => (Some(keys), String::new()),
        };
        let there = around.and_then(Node::as_map).into_iter().flat_map(|map| map.keys());
        let there: Vec<String> = there.map(|key| format!("{before}{key}")).collect();
        let there: Vec<&str> = there.iter().map(String::as_str).collect();
        Problem::new(format!("`{name}` is not there")).near(name, &there).key(KEY).trail(&self.trail)
    }

    fn problem(&self, error: &minijinja::Error) -> Problem {
        let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        Problem::new(format!("{}{detail}", error.kind())).key(KEY).trail(&self.trail)
    }
}
