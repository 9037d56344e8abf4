//! The left-hand side of an override: `dot.path`, `group/sub`, and perhaps `@package`.

use crate::compose::cursor::SyntaxError;
use crate::compose::lexeme;

/// Takes a key apart. `offset` is where it stands in the override.
pub fn key(text: &str, offset: usize) -> Result<(String, Option<String>), SyntaxError> {
    let (key, package) = match text.split_once('@') {
        Some((key, package)) => (key, Some(package)),
        None => (text, None),
    };
    let is_id = |part: &str| !part.is_empty() && lexeme::id_len(part) == part.len();
    let is_group = key.contains('/') && key.split('/').all(is_id);
    if !is_group && !is_path(key) {
        return Err(SyntaxError::new(format!("`{key}` is not a key"), offset));
    }
    match package {
        Some(package) if !is_path(package) => {
            let at = offset + key.len() + 1;
            Err(SyntaxError::new(format!("`{package}` is not a package"), at))
        }
        package => Ok((key.to_owned(), package.map(str::to_owned))),
    }
}

/// Nothing, a name, or names and numbers joined by dots.
fn is_path(text: &str) -> bool {
    let special = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'$'))
    };
    let number = |part: &str| lexeme::unsigned_len(part) == Some(part.len());
    text.is_empty() || special(text) || text.contains('.') && text.split('.').all(|part| special(part) || number(part))
}
