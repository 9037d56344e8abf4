//! Makes a case smaller for as long as something stays true of it.

use super::case::Case;

/// How many smaller cases are tried.
const TRIES: usize = 500;

/// The smallest case found of which `holds` is true, as it is of `case`.
pub fn shrink(case: &Case, mut holds: impl FnMut(&Case) -> bool) -> Case {
    let mut best = case.clone();
    let mut tries = 0;
    loop {
        let mut smaller = None;
        for candidate in candidates(&best) {
            tries += 1;
            if tries > TRIES {
                return best;
            }
            if holds(&candidate) {
                smaller = Some(candidate);
                break;
            }
        }
        match smaller {
            Some(case) => best = case,
            None => return best,
        }
    }
}

/// Smaller cases, those first that leave out most.
fn candidates(case: &Case) -> Vec<Case> {
    let mut all = Vec::new();
    for name in case.files.keys().filter(|name| **name != format!("{}.yaml", case.name)) {
        let mut smaller = case.clone();
        smaller.files.remove(name);
        all.push(smaller);
    }
    for n in 0..case.words.len() {
        let mut smaller = case.clone();
        smaller.words.remove(n);
        all.push(smaller);
    }
    for (name, text) in &case.files {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        all.extend(pieces(&lines).into_iter().map(|text| with_file(case, name, text)));
    }
    for (n, word) in case.words.iter().enumerate() {
        let chars: Vec<String> = word.chars().map(String::from).collect();
        let chars: Vec<&str> = chars.iter().map(String::as_str).collect();
        for text in pieces(&chars) {
            let mut smaller = case.clone();
            smaller.words[n] = text;
            all.push(smaller);
        }
    }
    for (name, text) in case.files.iter().filter(|(_, text)| text.len() < 200) {
        let chars: Vec<String> = text.chars().map(String::from).collect();
        let chars: Vec<&str> = chars.iter().map(String::as_str).collect();
        all.extend(pieces(&chars).into_iter().map(|text| with_file(case, name, text)));
    }
    all
}

/// The text without a run of its parts, long runs first.
fn pieces(parts: &[&str]) -> Vec<String> {
    let mut all = Vec::new();
    let mut run = parts.len().div_ceil(2);
    while run > 0 {
        for from in (0..parts.len()).step_by(run) {
            let to = (from + run).min(parts.len());
            all.push(parts[..from].concat() + &parts[to..].concat());
        }
        run /= 2;
    }
    all
}

fn with_file(case: &Case, name: &str, text: String) -> Case {
    let mut smaller = case.clone();
    smaller.files.insert(name.to_owned(), text);
    smaller
}
