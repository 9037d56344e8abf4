//! JSON as Python writes it: with words for what is no finite number.

/// The words of Python's `json` for numbers that are none, or not finite: a loss that came to one of them is no number to compare.
pub(crate) const NO_NUMBERS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];
/// Those of its `str`, as in an f-string, and of C.
const PRINTED: [&str; 4] = ["nan", "-nan", "inf", "-inf"];

/// A line in which those words are `written` instead. Those in a text, and what only begins like one, are left alone.
pub(crate) fn with_words(line: &[u8], written: &str) -> Vec<u8> {
    let (mut whole, mut rest, mut in_text) = (Vec::new(), line, false);
    let is_of_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    while let Some(&byte) = rest.first() {
        let is_next = |word: &&&str| {
            rest.strip_prefix(word.as_bytes()).is_some_and(|behind| !behind.first().is_some_and(is_of_word))
        };
        let begins = !in_text && !whole.last().is_some_and(is_of_word);
        let word = NO_NUMBERS.iter().chain(&PRINTED).filter(|_| begins).find(is_next);
        if let Some(word) = word {
            whole.extend(written.as_bytes());
            rest = &rest[word.len()..];
            continue;
        }
        let escaped = in_text && byte == b'\\';
        in_text ^= byte == b'"';
        let (taken, left) = rest.split_at(if escaped { 2.min(rest.len()) } else { 1 });
        whole.extend(taken);
        rest = left;
    }
    whole
}
