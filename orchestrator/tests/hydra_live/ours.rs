//! What `exp` makes of a case.

use std::collections::BTreeMap;
use std::path::Path;

use exp::compose::{Composed, Library, Mode, Part, Place, Request, SearchPath, View, World, compose, sweep};

use super::case::{Answer, Ask, Case};

/// What `exp` makes of a case whose files lie below `root`.
pub fn ask(case: &Case, root: &Path) -> Answer {
    let answered = match &case.ask {
        Ask::Jobs => jobs(case, root),
        Ask::Cfg { part, package, resolve } => printed(case, root, part, package, *resolve),
    };
    match answered {
        Ok(text) => Answer::Printed(text),
        Err(message) => Answer::Refused(message),
    }
}

fn printed(case: &Case, root: &Path, part: &str, package: &Option<String>, resolve: bool) -> Result<String, String> {
    let part = match part {
        "hydra" => Part::Hydra,
        "all" => Part::All,
        _ => Part::Job,
    };
    let composed = composed(case, root, &case.words, Mode::Run)?;
    composed
        .print(&View { part, package: package.clone(), resolve, origins: false, brief: true })
        .map_err(|problem| problem.to_string())
}

/// A line for each job of a sweep, all of them composed.
fn jobs(case: &Case, root: &Path) -> Result<String, String> {
    let master = composed(case, root, &case.words, Mode::Multirun)?;
    let words = master.sweep_words().map_err(|problem| problem.to_string())?;
    let grid = sweep::expand(&words, &library(case, root), 0).map_err(|problems| problems.to_string())?;
    let mut text = String::new();
    for point in grid.points() {
        let words: Vec<String> = master.hydra_overrides.iter().chain(&point).cloned().collect();
        composed(case, root, &words, Mode::Run)?;
        text.push_str(&format!("{}\n", point.join(" ")));
    }
    Ok(text)
}

fn composed(case: &Case, root: &Path, overrides: &[String], mode: Mode) -> Result<Composed, String> {
    let world = World {
        env: BTreeMap::from([("ORACLE_V".to_owned(), "from env".to_owned())]).into(),
        now: jiff::Zoned::now(),
        cwd: "/".into(),
        job_name: "app".to_owned(),
    };
    let library = library(case, root);
    let request = Request { library: &library, config_name: &case.name, overrides, mode, job: None, world: &world };
    compose(&request).map_err(|problems| problems.to_string())
}

fn library(case: &Case, root: &Path) -> Library {
    let search = SearchPath::new(Place::Dir(root.to_owned()));
    Library::new(match &case.config_dir {
        Some(dir) => search.and("command-line", Place::Dir(root.join(dir))),
        None => search,
    })
}
