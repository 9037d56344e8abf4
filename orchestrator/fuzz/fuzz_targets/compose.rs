//! Any bytes as files and words: composing them must end, with a configuration or with problems, never by a panic.
//!
//! ```text
//! cd orchestrator && RUSTC_BOOTSTRAP=1 cargo fuzz run -s none compose -- -runs=1000000 -timeout=1
//! ```
//!
//! An input is text in sections, each begun by a line `%name`: a file of that name, or with no name the words of the command
//! line. What stands before the first section is the primary configuration.
#![no_main]

use std::collections::BTreeMap;

use exp::compose::{Library, Mode, Override, Part, Place, Request, SearchPath, View, World, compose, sweep};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let mut files: Vec<(String, String)> = Vec::new();
    let mut words: Vec<String> = Vec::new();
    for (n, section) in text.split("\n%").enumerate() {
        let (name, body) = match n {
            0 => ("config", section),
            _ => section.split_once('\n').unwrap_or((section, "")),
        };
        match name {
            "" => words.extend(body.lines().map(str::to_owned)),
            // Other names are no files of any directory.
            name if name.split('/').all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0')) => {
                files.push((format!("{name}.yaml"), body.to_owned()));
            }
            _ => {}
        }
    }
    // Embedded files live as long as the program; a million small inputs are a few hundred megabytes.
    let files: Vec<(&'static str, &'static str)> =
        files.into_iter().map(|(name, body)| (&*name.leak(), &*body.leak())).collect();
    let library = Library::new(SearchPath::new(Place::Embedded(files.leak())));
    let world = World {
        env: BTreeMap::from([("HOME".to_owned(), "/home/a".to_owned())]).into(),
        now: jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC),
        cwd: "/".into(),
        job_name: "exp".to_owned(),
    };
    let _ = Override::parse_all(&words);
    for mode in [Mode::Run, Mode::Multirun] {
        let request =
            Request { library: &library, config_name: "config", overrides: &words, mode, job: None, world: &world };
        match compose(&request) {
            Ok(composed) => {
                for resolve in [false, true] {
                    let view = View { part: Part::All, resolve, origins: resolve, ..View::default() };
                    let _ = composed.print(&view).map_err(|problem| problem.to_string());
                }
                let words = composed.sweep_words().unwrap_or_default();
                if let Ok(grid) = sweep::expand(&words, &library, 0) {
                    grid.points().take(10).for_each(drop);
                }
            }
            Err(problems) => drop(problems.to_string()),
        }
    }
});
