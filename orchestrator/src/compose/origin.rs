//! Where a value came from.
//!
//! Every node of a configuration tree carries a [`Trail`]: who set it, in order. This module owns
//! the vocabulary and its one-line rendering; it does not decide when an origin is recorded (the
//! loader, the merge and the overrides do).

use std::fmt;
use std::sync::Arc;

/// A configuration file, kept so that a message can show the line it speaks of.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// Path with the configuration directory's name in front (`conf/loss/ict.yaml`), or `<built-in>/...`.
    pub path: Arc<str>,
    /// What it holds.
    pub text: Box<str>,
}

impl Source {
    /// A file of that name with that text.
    pub fn new(path: &Arc<str>, text: &str) -> Arc<Self> {
        Arc::new(Self { path: path.clone(), text: text.into() })
    }

    /// A line, counted from 1; empty beyond the end.
    pub fn line(&self, number: usize) -> &str {
        self.text.lines().nth(number.saturating_sub(1)).unwrap_or_default()
    }
}

/// One place that set a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of a configuration file.
    File {
        /// The file.
        source: Arc<Source>,
        /// Line, counted from 1.
        line: usize,
        /// Column, counted from 1.
        col: usize,
    },
    /// A word of the command line, as typed.
    Override {
        /// The whole word, for example `loss.huber.c=-0.03`.
        text: Arc<str>,
    },
    /// Computed by the composer itself (the run-time part of the `hydra` node).
    Builtin,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { source, line, .. } => write!(f, "{}:{line}", source.path),
            Self::Override { text } => write!(f, "command line: `{text}`"),
            Self::Builtin => f.write_str("set by exp"),
        }
    }
}

/// Who set a value, first to last; the last one won.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// Shared: configurations are copied more often than they are changed.
    origins: Arc<[Origin]>,
    replaces: bool,
}

impl Trail {
    /// A trail with one step.
    pub fn new(origin: Origin) -> Self {
        Self { origins: Arc::new([origin]), replaces: false }
    }

    /// The same, of a map or list that takes the place of what stands there instead of being merged into it.
    pub fn replacing(self) -> Self {
        Self { replaces: true, ..self }
    }

    /// Whether it takes the place of what stands there.
    pub fn replaces(&self) -> bool {
        self.replaces
    }

    /// Whether nobody set it but the program's own files and computations.
    pub fn is_built_in(&self) -> bool {
        match self.winner() {
            Some(Origin::File { source, .. }) => source.path.starts_with("<built-in>"),
            Some(Origin::Override { .. }) => false,
            Some(Origin::Builtin) | None => true,
        }
    }

    /// The origin that won, if any is known.
    pub fn winner(&self) -> Option<&Origin> {
        self.origins.last()
    }

    /// Whether the same places set both values: a word of the command line may give each another value.
    pub fn is_alike(&self, other: &Trail) -> bool {
        let alike = |(a, b): (&Origin, &Origin)| match (a, b) {
            (Origin::Override { text: a }, Origin::Override { text: b }) => {
                a.split_once('=').map_or(&**a, |(key, _)| key) == b.split_once('=').map_or(&**b, |(key, _)| key)
            }
            _ => a == b,
        };
        self.origins.len() == other.origins.len() && self.origins.iter().zip(&*other.origins).all(alike)
    }

    /// All origins, first to last.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// Puts `earlier` in front: this value replaced one that had that trail.
    pub fn overriding(self, earlier: &Trail) -> Self {
        let mut steps = earlier.origins.to_vec();
        for origin in &*self.origins {
            if steps.last() != Some(origin) {
                steps.push(origin.clone());
            }
        }
        Self { origins: steps.into(), replaces: self.replaces }
    }
}

impl fmt::Display for Trail {
    /// `--> <winner>`, and below it what the winner overrode.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((winner, earlier)) = self.origins.split_last() else {
            return Ok(());
        };
        write!(f, "--> {winner}")?;
        for (n, origin) in earlier.iter().rev().enumerate() {
            f.write_str(if n == 0 { "\noverrides " } else { ", which overrides " })?;
            write!(f, "{origin}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(line: usize) -> Origin {
        Origin::File { source: Source::new(&"conf/a.yaml".into(), ""), line, col: 1 }
    }

    #[test]
    fn a_trail_reads_from_the_winner_back() {
        let word = Origin::Override { text: "a=3".into() };
        let trail = Trail::new(word).overriding(&Trail::new(file(7)).overriding(&Trail::new(file(3))));
        assert_eq!(
            trail.to_string(),
            "--> command line: `a=3`\noverrides conf/a.yaml:7, which overrides conf/a.yaml:3"
        );
    }

    #[test]
    fn setting_a_value_twice_in_one_place_is_one_step() {
        let trail = Trail::new(file(1)).overriding(&Trail::new(file(1)));
        assert_eq!(trail.origins().len(), 1);
    }
}
