//! Random cases: mostly ones that Hydra accepts, and some that it refuses.
//!
//! Each case has one subject and stays small, so that one disagreement does not hide another.

mod interpolations;
mod node;
mod random;
mod scalars;
mod selections;
mod trees;
mod values;
mod words;

use super::case::{Ask, Case};
use random::Random;

/// The case of a seed.
pub fn case(seed: u64) -> Case {
    let random = &mut Random::new(seed);
    let mut case = match random.below(12) {
        0 | 1 => trees::scalars(random),
        2 => trees::styles(random),
        3 => trees::merges(random),
        4 | 5 => words::values(random),
        6 => words::paths(random),
        7 => words::sweeps(random),
        8 | 9 => selections::selections(random),
        10 => node::settings(random),
        _ => interpolations::interpolations(random),
    };
    if random.chance(12) {
        spoil(&mut case, random);
    }
    case
}

/// Changes one character of the case: most of what then is refused is refused for a subtle reason.
fn spoil(case: &mut Case, random: &mut Random) {
    const STRAY: [&str; 24] = [
        "", "", " ", "\n", ":", "-", "'", "\"", "{", "}", "[", "]", ",", "\\", "$", "#", "@", "/", ".", "~", "=", "é",
        "\t", "&",
    ];
    let in_words = !case.words.is_empty() && random.chance(50);
    let text = if in_words {
        let n = random.below(case.words.len());
        &mut case.words[n]
    } else {
        let n = random.below(case.files.len());
        match case.files.values_mut().nth(n) {
            Some(text) => text,
            None => return,
        }
    };
    let chars: Vec<char> = text.chars().collect();
    let at = random.below(chars.len() + 1);
    let skipped = usize::from(random.chance(50));
    let stray = *random.pick(&STRAY);
    *text = chars[..at].iter().collect::<String>()
        + stray
        + &chars[(at + skipped).min(chars.len())..].iter().collect::<String>();
}

/// What is asked about a configuration: mostly all of the job's part.
fn view(random: &mut Random, packages: &[String]) -> Ask {
    let package = (!packages.is_empty() && random.chance(10)).then(|| random.pick(packages).clone());
    Ask::Cfg { part: "job", package, resolve: random.chance(30) }
}
