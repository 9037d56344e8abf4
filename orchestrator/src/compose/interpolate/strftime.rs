//! `strftime` as Python has it for a time without a zone, in the C locale.

use jiff::Zoned;

/// The directives that mean to the library what they mean to Python.
const SHARED: &str = "AaBbhCDdeFGgHIjklMmnPpRrSsTtUuVWwYy%";

/// The local time in the words of a format; what is no directive of Python's stands for itself.
///
/// # Errors
/// The time cannot be printed so.
pub(super) fn local(format: &str, now: &Zoned) -> Result<String, jiff::Error> {
    jiff::fmt::strtime::format(translated(format), now)
}

/// The format in the library's directives.
fn translated(format: &str) -> String {
    let (mut out, mut rest) = (String::new(), format);
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        let unflagged = after.trim_start_matches(['_', '-', '0', '^', '#']);
        let widthless = unflagged.trim_start_matches(|c: char| c.is_ascii_digit());
        // Other digits or eras, of which the C locale has none.
        let from_letter = widthless.strip_prefix(['E', 'O']).unwrap_or(widthless);
        let letter = from_letter.chars().next();
        let plain = from_letter.len() == after.len();
        let length = after.len() - from_letter.len() + letter.map_or(0, char::len_utf8);
        let (directive, behind) = after.split_at(length);
        // The library takes one flag: the last one counts in Python too.
        let flags = &after[..after.len() - unflagged.len()];
        let how =
            [flags.split_at(flags.len().saturating_sub(1)).1, &unflagged[..unflagged.len() - widthless.len()]].concat();
        match letter {
            // The library counts nanoseconds.
            Some('f') if plain => out.push_str("%6f"),
            Some('z' | 'Z') if plain => {}
            Some('c') if how.is_empty() => out.push_str("%a %b %e %H:%M:%S %Y"),
            Some('x') if how.is_empty() => out.push_str("%m/%d/%y"),
            Some('X') if how.is_empty() => out.push_str("%H:%M:%S"),
            Some(letter) if SHARED.contains(letter) => out.extend(["%", &how, &letter.to_string()]),
            _ => out.extend(["%%", directive]),
        }
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Python 3.11 prints of `datetime(2024, 1, 2, 3, 4, 5, 678901)`.
    #[test]
    fn a_time_is_printed_as_python_prints_it() {
        let now: Zoned = "2024-01-02T03:04:05.678901234-05:00[America/New_York]".parse().expect("an instant");
        for (format, want) in [
            ("%Y-%m-%d_%H-%M-%S-%f", "2024-01-02_03-04-05-678901"),
            ("%c|%x|%X", "Tue Jan  2 03:04:05 2024|01/02/24|03:04:05"),
            ("%Z|%z|%:z", "||%:z"),
            ("%Q %q %N %L %é %", "%Q %q %N %L %é %"),
            ("%%d %%%d%", "%d %02%"),
            ("%-d %_H %^a %#p %0e", "2  3 TUE am 02"),
            (
                "%a %A %b %B %j %U %w %y %I %p %e %D %F %T %R %h",
                "Tue Tuesday Jan January 002 00 2 24 03 AM  2 01/02/24 2024-01-02 03:04:05 03:04 Jan",
            ),
            ("é %-", "é %-"),
            ("%Ey %EY %Od %OH %Ec %E", "24 2024 02 03 Tue Jan  2 03:04:05 2024 %E"),
            ("%_-d", "2"),
        ] {
            assert_eq!(local(format, &now).as_deref().ok(), Some(want), "{format}");
        }
    }
}
