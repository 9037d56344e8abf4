//! Which points of a sweep are tried: `hydra.sweeper.where='train.lr < 1e-3 or model.head is none'`.
//!
//! An expression as in Jinja templates, over the configuration of each job.

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};

use crate::compose::{Composed, Problem, Problems, Trail, to_json};

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
        let tree = Value::from(Serde(to_json(&job.job()?)));
        let compiled = self.environment.compile_expression(&self.expression);
        let value = compiled.and_then(|expression| expression.eval(tree)).map_err(|error| self.problem(&error))?;
        if value.is_undefined() {
            return Err(Problem::new("it names a key that is not there").key(KEY).trail(&self.trail).into());
        }
        Ok(value.is_true())
    }

    fn problem(&self, error: &minijinja::Error) -> Problem {
        let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
        Problem::new(format!("{}{detail}", error.kind())).key(KEY).trail(&self.trail)
    }
}
