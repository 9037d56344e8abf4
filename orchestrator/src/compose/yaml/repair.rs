//! Text that PyYAML reads and the parser library refuses, written so that both read the same.
//!
//! Inside quotes and brackets PyYAML asks for no indentation and for no blank behind a colon that another bracket follows, takes
//! a lone `-` for text, and lets a comment follow at once. Only blanks and quotes are put in; [`Repaired`] knows where, so that
//! messages still speak of the text as its author wrote it.

use saphyr_parser::{Marker, Parser, ScanError};

/// How many places of one text are repaired.
const MAX_REPAIRS: usize = 100;

/// A text with insertions.
pub(super) struct Repaired {
    /// The text as the parser library reads it.
    pub text: String,
    /// Line, from 1, column, from 0, and characters put in there.
    inserted: Vec<(usize, usize, usize)>,
}

impl Repaired {
    /// The text as it is.
    pub(super) fn untouched(text: &str) -> Self {
        Self { text: text.to_owned(), inserted: Vec::new() }
    }

    /// The repaired text, if there is something that can be repaired.
    pub(super) fn new(text: &str) -> Option<Self> {
        let mut repaired = Self::untouched(text);
        while repaired.inserted.len() < MAX_REPAIRS
            && let Some(Err(error)) = Parser::new_from_str(&repaired.text.clone()).find(Result::is_err)
            && repaired.repair(&error)
        {}
        (!repaired.inserted.is_empty()).then_some(repaired)
    }

    /// The column, from 0, that a place of the repaired text has in the original.
    pub(super) fn column(&self, line: usize, col: usize) -> usize {
        let before =
            |(at, from, count): &&(usize, usize, usize)| (*at == line && *from < col).then_some(*count).is_some();
        col.saturating_sub(self.inserted.iter().filter(before).map(|(_, _, count)| count).sum())
    }

    /// Whether something could be done about the error.
    fn repair(&mut self, error: &ScanError) -> bool {
        let at = *error.marker();
        match error.info() {
            "invalid indentation" | "invalid indentation in flow construct" => self.indent([at.line()]),
            "invalid indentation in quoted scalar" => self.indent(self.continued(at)),
            message if message.starts_with("plain scalar cannot start with '-'") => {
                self.insert(at.line(), at.col(), "'");
                self.insert(at.line(), at.col() + 2, "'");
                true
            }
            message if message.starts_with("':' may not precede") => {
                self.insert(at.line(), at.col() + 1, " ");
                true
            }
            message if message.starts_with("comments must be separated") => {
                self.insert(at.line(), at.col(), " ");
                true
            }
            _ => false,
        }
    }

    /// Indents lines deeper than anything in the text.
    fn indent(&mut self, lines: impl IntoIterator<Item = usize>) -> bool {
        let deepest = self.text.lines().map(|line| line.len() - line.trim_start_matches(' ').len()).max().unwrap_or(0);
        let known = self.inserted.len();
        for line in lines {
            // A line that is indented already is refused for another reason.
            if self.inserted.iter().all(|(at, col, _)| (*at, *col) != (line, 0)) {
                self.insert(line, 0, &" ".repeat(deepest + 1));
            }
        }
        self.inserted.len() > known
    }

    /// The lines on which the quoted text that starts at a place goes on.
    fn continued(&self, start: Marker) -> std::ops::RangeInclusive<usize> {
        let mut chars = self.text.chars().skip(start.index());
        let quote = chars.next();
        let (mut line, mut chars) = (start.line(), chars.peekable());
        while let Some(c) = chars.next() {
            match c {
                '\n' => line += 1,
                '\\' if quote == Some('"') => line += usize::from(chars.next() == Some('\n')),
                c if Some(c) == quote && c == '\'' && chars.next_if_eq(&'\'').is_some() => {}
                c if Some(c) == quote => break,
                _ => {}
            }
        }
        start.line() + 1..=line
    }

    fn insert(&mut self, line: usize, col: usize, text: &str) {
        let start = self.text.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>();
        let at = self.text[start..].char_indices().nth(col).map_or(self.text.len(), |(n, _)| start + n);
        self.text.insert_str(at, text);
        self.inserted.push((line, col, text.chars().count()));
    }
}

#[cfg(test)]
mod tests {
    use crate::compose::load_yaml;
    use crate::compose::node::Value;

    #[test]
    fn brackets_and_quotes_need_no_indentation() {
        let int = |text: &str, path: &str| {
            load_yaml(&"conf/a.yaml".into(), text).expect(text).at(path).map(|n| n.value.clone())
        };
        assert_eq!(int("m:\n  a: [\n1,\n2\n]\n  b: 3\n", "m.b"), Some(Value::Int(3)));
        assert_eq!(int("m:\n    a: {x: 1,\n  y: 2\n  }\n    b: 3\n", "m.a.y"), Some(Value::Int(2)));
        assert_eq!(int("m:\n  a: 'x\n\ny'\n  b: 3\n", "m.a"), Some(Value::str("x\ny")));
        assert_eq!(int("a: \"x\\\ny\n z\"\n", "a"), Some(Value::str("xy z")));
        assert_eq!(int("a: [-, {-: 1}]\n", "a.0"), Some(Value::str("-")));
        assert_eq!(int("a: {b:{c: 1},d:[2]}\n", "a.d.0"), Some(Value::Int(2)));
    }

    #[test]
    fn a_comment_may_stand_right_behind_a_quote_or_bracket() {
        let tree = load_yaml(&"conf/a.yaml".into(), "a: \"x\"# c\nb: [1,2]# c\nc: d# e\n").expect("a tree");
        assert_eq!(tree.at("a").map(|node| node.value.clone()), Some(Value::str("x")));
        assert_eq!(tree.at("b.1").map(|node| node.value.clone()), Some(Value::Int(2)));
        assert_eq!(tree.at("c").map(|node| node.value.clone()), Some(Value::str("d# e")));
    }

    #[test]
    fn places_are_those_of_the_original() {
        let refused = load_yaml(&"conf/a.yaml".into(), "m:\n  a: [\n1, <<\n]\n").expect_err("a merge key as value");
        assert!(refused.to_string().contains("conf/a.yaml:3\n    |\n  3 | 1, <<\n    |    ^^"), "{refused}");
    }

    #[test]
    fn what_is_wrong_stays_wrong() {
        for text in ["m:\n  a: [\n1,\n", "m: 'x\n", "a: 1\n  b: 2\n", "a: [- 1]\n"] {
            assert!(load_yaml(&"conf/a.yaml".into(), text).is_err(), "{text:?}");
        }
    }
}
