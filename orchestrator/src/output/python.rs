//! JSON as Python writes it: with words for what is no finite number.

/// What Python writes for numbers that are none, or not finite: a loss that came to one of them is no number to compare.
pub(crate) const NO_NUMBERS: [&str; 3] = ["NaN", "-Infinity", "Infinity"];

/// A line in which those words are what `written` makes of them. Those in a text are left alone.
pub(crate) fn with_words<T: AsRef<[u8]>>(line: &[u8], written: impl Fn(&'static str) -> T) -> Vec<u8> {
    let (mut whole, mut rest, mut in_text) = (Vec::new(), line, false);
    while let Some(&byte) = rest.first() {
        let word = NO_NUMBERS.iter().find(|word| !in_text && rest.starts_with(word.as_bytes()));
        if let Some(word) = word {
            whole.extend(written(word).as_ref());
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
