//! `${...}`: references between values, and resolvers such as `${oc.env:HOME}`.
//!
//! `grammar` says what an interpolation is, `parser` reads one, `resolve` and `eval` find its value
//! in a tree, `resolvers` holds the functions, `strftime` the words of `now`. Interpolations stay
//! text in the tree until asked for.

mod copy;
mod eval;
mod grammar;
mod parser;
mod resolve;
mod resolvers;
mod strftime;

pub use resolve::{Resolver, Scope};

use super::problem::Problem;

/// Whether a text with `${` in it follows the grammar; any other text is fine.
///
/// # Errors
/// What is wrong, and at which column.
pub fn check(text: &str) -> Result<(), Problem> {
    if !text.contains("${") {
        return Ok(());
    }
    parser::text(text).map(drop).map_err(|error| Problem::new(format!("`{text}`, {}", error.in_text(text))))
}
