//! Shell patterns as Python's `fnmatch` reads them: `*`, `?`, `[abc]`, `[!abc]`.

/// Whether the pattern matches the whole text.
pub fn matches(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to resume when the last star has to take one more character.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match step(&pattern[p..], text[t]) {
            Step::Star => {
                star = Some((p + 1, t));
                p += 1;
            }
            Step::Matched(len) => {
                p += len;
                t += 1;
            }
            Step::Failed => match star {
                Some((after, from)) => {
                    star = Some((after, from + 1));
                    (p, t) = (after, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

enum Step {
    Star,
    Matched(usize),
    Failed,
}

fn step(pattern: &[char], c: char) -> Step {
    let matched = |found: bool, len| if found { Step::Matched(len) } else { Step::Failed };
    match pattern {
        [] => Step::Failed,
        ['*', ..] => Step::Star,
        ['?', ..] => Step::Matched(1),
        ['[', set @ ..] => {
            let negated = set.first() == Some(&'!');
            let set = if negated { &set[1..] } else { set };
            // A closing bracket that stands first is a member.
            match set.iter().skip(1).position(|c| *c == ']') {
                Some(end) => {
                    let members = &set[..=end];
                    matched(contains(members, c) != negated, members.len() + 2 + usize::from(negated))
                }
                None => matched(c == '[', 1),
            }
        }
        [literal, ..] => matched(*literal == c, 1),
    }
}

fn contains(mut members: &[char], c: char) -> bool {
    while let Some(first) = members.first() {
        match members {
            [low, '-', high, ..] => {
                if (*low..=*high).contains(&c) {
                    return true;
                }
                members = &members[3..];
            }
            _ if *first == c => return true,
            _ => members = &members[1..],
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, text, want) in [
            ("*", "", true),
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("*a*b", "xaxab", true),
            ("?", "é", true),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[]]", "]", true),
            ("[", "[", true),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, text), want, "{pattern} {text}");
        }
    }
}
