//! Where configuration files are looked for: an ordered list of sources, first hit wins.
//!
//! Finds files and groups by name and returns text. Names never lead out of a source.

use std::collections::{BTreeSet, VecDeque};

use super::place::Entry;
pub use super::place::Place;
use super::problem::Problem;

/// Directories that are looked into when groups are listed: somebody's search path may hold a whole disk.
const MOST_GROUPS: usize = 500;

/// A place and its part in the search path.
#[derive(Clone, Debug)]
pub struct Source {
    /// Who put it there: `hydra`, `main`, `command-line`, ... or `schema`.
    pub provider: &'static str,
    /// The files.
    pub place: Place,
    /// What stands before a file's name in messages, `conf` or `<built-in>`.
    pub shown: String,
    /// The directory as the configuration that adds it names it, which may be relative.
    pub written: Option<String>,
}

/// The sources in the order in which they are asked.
#[derive(Clone, Debug)]
pub struct SearchPath {
    sources: Vec<Source>,
}

/// A file that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name for messages, `conf/loss/ict.yaml`.
    pub shown: String,
    /// Its text.
    pub text: String,
}

impl SearchPath {
    /// The search path around the configuration directory.
    pub fn new(main: Place) -> Self {
        let source = |provider, place: Place| Source { provider, shown: place.shown(), place, written: None };
        let sources = vec![
            source("hydra", Place::Embedded(super::builtin::FIRST)),
            source("main", main),
            source("schema", Place::Embedded(super::builtin::LAST)),
        ];
        Self { sources }
    }

    /// Adds a place behind those already there; it adds options and shadows none.
    pub fn and(self, provider: &'static str, place: Place) -> Self {
        self.with(Source { provider, shown: place.shown(), place, written: None })
    }

    /// The same with a place that the configuration itself names, in its words.
    pub fn and_written(self, provider: &'static str, place: Place, written: &str) -> Self {
        self.with(Source { provider, shown: place.shown(), place, written: Some(written.to_owned()) })
    }

    fn with(mut self, source: Source) -> Self {
        let at = self.sources.len() - 1;
        self.sources.insert(at, source);
        self
    }

    /// The sources, in order.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// The text of a file, named from the root and without `.yaml`; `None` if no source has it.
    ///
    /// # Errors
    /// The name leaves the root, or the file cannot be read.
    pub fn read(&self, name: &str) -> Result<Option<Found>, Problem> {
        let file = file_name(name)?;
        for source in &self.sources {
            let shown = format!("{}/{file}", source.shown);
            if let Some(text) = source.place.read(&file, &shown)? {
                return Ok(Some(Found { shown, text }));
            }
        }
        Ok(None)
    }

    /// Whether some source has the file.
    pub fn has(&self, name: &str) -> bool {
        file_name(name).is_ok_and(|file| self.sources.iter().any(|s| s.place.has_file(&file)))
    }

    /// Whether some source has a directory of that name.
    pub fn is_group(&self, name: &str) -> bool {
        normal(name).is_ok_and(|group| self.sources.iter().any(|s| s.place.has_group(&group)))
    }

    /// The options of a group in all sources, sorted.
    pub fn options(&self, group: &str) -> Vec<String> {
        let mut options: Vec<String> = self.entries(group).into_iter().filter_map(|entry| entry.option()).collect();
        // Without their `.yaml`: `pg` is before `pg-large`.
        options.sort_unstable();
        options
    }

    /// The groups directly below a group (the empty name is the root), sorted.
    pub fn groups(&self, group: &str) -> Vec<String> {
        self.entries(group).into_iter().filter_map(|entry| entry.group()).collect()
    }

    /// All groups that have options, sorted; of a search path with more than [`MOST_GROUPS`] directories, those nearest
    /// to the root.
    pub fn all_groups(&self) -> Vec<String> {
        let mut groups = VecDeque::from([String::new()]);
        let mut found = Vec::new();
        for _ in 0..=MOST_GROUPS {
            let Some(parent) = groups.pop_front() else { break };
            let join = |name: String| if parent.is_empty() { name } else { format!("{parent}/{name}") };
            groups.extend(self.groups(&parent).into_iter().map(join));
            if !parent.is_empty() && !self.options(&parent).is_empty() {
                found.push(parent);
            }
        }
        found.sort_unstable();
        found
    }

    fn entries(&self, group: &str) -> BTreeSet<Entry> {
        let Ok(group) = normal(group) else { return BTreeSet::new() };
        self.sources.iter().flat_map(|source| source.place.entries(&group)).collect()
    }
}

fn file_name(name: &str) -> Result<String, Problem> {
    let suffix = if name.ends_with(".yaml") { "" } else { ".yaml" };
    normal(&format!("{name}{suffix}"))
}

/// The name without empty parts, `.` and `..`.
fn normal(name: &str) -> Result<String, Problem> {
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() {
                    let message = format!("`{name}` leads out of the configuration directory");
                    return Err(Problem::new(message));
                }
            }
            part if part.contains('\0') => {
                return Err(Problem::new("a name may not contain a NUL character"));
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_the_root() {
        assert_eq!(normal("a/./b//c/../d").as_deref(), Ok("a/b/d"));
        assert!(normal("../etc/passwd").is_err());
        assert!(normal("a/../../b").is_err());
        assert!(normal("a\0b").is_err());
    }

    /// A search path that holds itself, as a link makes it, or everything there is.
    #[test]
    fn listing_groups_ends() {
        let root = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(root.path().join("g")).expect("a group");
        std::fs::write(root.path().join("g/o.yaml"), "").expect("an option");
        std::os::unix::fs::symlink(root.path(), root.path().join("g/again")).expect("a link");
        let path = SearchPath::new(Place::Dir(root.path().to_owned()));
        let groups = path.all_groups();
        assert!(groups.contains(&"g".to_owned()) && groups.len() <= MOST_GROUPS, "{}", groups.len());
        SearchPath::new(Place::Dir("/".into())).all_groups();
    }

    #[test]
    fn the_first_source_with_a_file_wins_and_options_add_up() {
        let path = SearchPath::new(Place::Embedded(&[("db/a.yaml", "x: 1"), ("db/s/c.yaml", "")]))
            .and("command-line", Place::Embedded(&[("db/a.yaml", "x: 2"), ("db/b.yaml", "")]));
        assert_eq!(path.read("db/a").ok().flatten().map(|f| f.text).as_deref(), Some("x: 1"));
        assert_eq!(path.options("db"), ["a", "b"]);
        assert_eq!(path.groups("db"), ["s"]);
        assert!(path.is_group("db/s") && !path.is_group("db/a") && path.is_group("hydra/launcher"));
    }
}
