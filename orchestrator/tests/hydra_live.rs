//! Random cases, put to the real Hydra and to `exp`: both must print the same, or both refuse.
//!
//! Needs a Python with hydra-core 1.3.2, so it is ignored unless asked for:
//!
//! ```text
//! EXP_HYDRA_PYTHON=venv/bin/python cargo test --test hydra_live -- --ignored --nocapture
//! ```
//!
//! `EXP_HYDRA_CASES` says how many cases, `EXP_HYDRA_SEED` which; both are printed. A case that differs is made smaller
//! and printed in the form of `tests/hydra_cases`, with both answers.

#[path = "hydra_live/case.rs"]
mod case;
#[path = "hydra_live/generate/mod.rs"]
mod generate;
#[path = "hydra_live/hydra.rs"]
mod hydra;
#[path = "hydra_live/ours.rs"]
mod ours;
#[path = "hydra_live/shrink.rs"]
mod shrink;

use std::path::Path;

use case::{Answer, Case};
use hydra::Hydra;

/// The shares of the cases that Hydra accepts, and of those that it refuses, that must agree.
const ACCEPTED: f64 = 0.995;
const REFUSED: f64 = 0.99;
/// How many cases that differ are made small and shown.
const SHOWN: usize = 40;

#[test]
#[ignore = "needs a Python with hydra-core 1.3.2: EXP_HYDRA_PYTHON"]
fn random_cases_are_answered_as_hydra_answers_them() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let clock = || std::time::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs());
    let seed = number("EXP_HYDRA_SEED").unwrap_or_else(clock);
    let cases = number("EXP_HYDRA_CASES").unwrap_or(400);
    let python = std::env::var("EXP_HYDRA_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    println!("seed {seed}, {cases} cases");
    let mut both = Both {
        hydra: Hydra::start(&python).expect("a Python"),
        root: tempfile::tempdir().expect("a directory"),
        asked: 0,
    };
    // Agreements and cases: of those accepted, refused, and of those in which Hydra dies of an accident.
    let mut tally = [(0, 0); 3];
    let mut shown = 0;
    for n in 0..cases {
        let case = generate::case(seed.wrapping_mul(1_000_003).wrapping_add(n));
        let (theirs, ours) = both.ask(&case);
        let (agreed, total) = &mut tally[theirs.kind()];
        *total += 1;
        if ours.agrees(&theirs) {
            *agreed += 1;
        } else if shown < SHOWN {
            shown += 1;
            println!("{}", both.smallest(&case, &theirs, &ours));
        }
    }
    let [accepted, refused, died] = tally;
    println!(
        "accepted: {} of {} agree; refused: {} of {}; Hydra died of {}",
        accepted.0, accepted.1, refused.0, refused.1, died.1
    );
    let share = |(agreed, total): (u64, u64)| agreed as f64 / total.max(1) as f64;
    assert!(accepted.1 > 0 && refused.1 > 0, "no cases of one kind: the generator is of no use");
    assert!(share(accepted) >= ACCEPTED, "too few of the accepted cases agree");
    assert!(share(refused) >= REFUSED, "too few of the refused cases agree");
}

/// Both programs, and where the trees of their cases lie.
struct Both {
    hydra: Hydra,
    root: tempfile::TempDir,
    asked: usize,
}

impl Both {
    fn ask(&mut self, case: &Case) -> (Answer, Answer) {
        self.asked += 1;
        let root = self.root.path().join(self.asked.to_string());
        // A name that cannot be a file is nobody's case.
        if case.write(&root).is_err() {
            return (Answer::Died("no such file".to_owned()), Answer::Refused(String::new()));
        }
        let answers = (self.hydra.ask(case, &root).expect("an answer"), self.ours(case, &root));
        std::fs::remove_dir_all(&root).expect("a directory to remove");
        answers
    }

    fn ours(&self, case: &Case, root: &Path) -> Answer {
        ours::ask(case, root)
    }

    /// The case made small, as a record of how the answers differ.
    fn smallest(&mut self, case: &Case, theirs: &Answer, ours: &Answer) -> String {
        let kinds = (theirs.kind(), ours.kind());
        let small = shrink::shrink(case, |case| {
            let (theirs, ours) = self.ask(case);
            (theirs.kind(), ours.kind()) == kinds && !ours.agrees(&theirs)
        });
        let (theirs, ours) = self.ask(&small);
        small.record(&theirs, &ours)
    }
}
