//! Tabs in YAML: allowed within quotes, blocks and comments, nowhere else.
//!
//! PyYAML skips only blanks between tokens and within plain text; the parser library takes a tab for a blank.

use std::ops::Range;

/// A scalar in which tabs are text.
pub(super) struct Scalar {
    /// Whether quotes end it; its range may go on behind them.
    pub quoted: bool,
    /// Characters from the start of the text, anchor and tag included.
    pub range: Range<usize>,
}

impl Scalar {
    fn range(&self, chars: &[char]) -> Range<usize> {
        let body = chars.get(self.range.clone()).unwrap_or_default();
        let last = body.iter().rposition(|c| self.quoted && matches!(c, '"' | '\''));
        self.range.start..last.map_or(self.range.end, |last| self.range.start + last + 1)
    }
}

/// Line and column, from 1, of the first tab that is neither in one of the scalars nor in a comment.
pub(super) fn between(text: &str, scalars: &[Scalar]) -> Option<(usize, usize)> {
    if !text.contains('\t') {
        return None;
    }
    let chars: Vec<char> = text.chars().collect();
    let (mut line, mut col, mut comment, mut blank) = (1, 1, false, true);
    let mut scalars = scalars.iter().map(|scalar| scalar.range(&chars)).peekable();
    for (at, &c) in chars.iter().enumerate() {
        while scalars.next_if(|scalar| scalar.end <= at).is_some() {}
        let inside = scalars.peek().is_some_and(|scalar| scalar.contains(&at));
        comment |= c == '#' && blank && !inside;
        if c == '\t' && !inside && !comment {
            return Some((line, col));
        }
        blank = matches!(c, ' ' | '\t' | '\n' | '\r');
        (line, col) = if c == '\n' { (line + 1, 1) } else { (line, col + 1) };
        comment &= c != '\n';
    }
    None
}

#[cfg(test)]
mod tests {
    use crate::compose::load_yaml;

    #[test]
    fn tabs_are_refused_where_pyyaml_refuses_them() {
        for (text, fine) in [
            ("a: x\ty\n", false),
            ("a: 'x\ty' #\tnote\n", true),
            ("a: |\n  x\ty\n\n  \tz\nb: 1\n", true),
            ("a: \"x\n  \ty\"\n", true),
            ("a: |\n '\t\n", true),
            ("a: &x 'x\ty'\n", true),
            ("#\tnote\na: 1\n", true),
            ("\t", false),
            ("n\t", false),
            ("a:\t1\n", false),
            ("a: 1\t# note\n", false),
            ("a: 'x'\t\n", false),
            ("a: 1\n\t\nb: 2\n", false),
            ("a: [1,\t2]\n", false),
        ] {
            assert_eq!(load_yaml(&"conf/a.yaml".into(), text).is_ok(), fine, "{text:?}");
        }
    }
}
