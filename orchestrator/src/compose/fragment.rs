//! One configuration file: its package header, its defaults list, and its body.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use exp_consistency::hash::sha256;
use indexmap::IndexMap;

use super::defaults::Item;
use super::emit;
use super::node::{Node, Value};
use super::origin::{Origin, Source};
use super::problem::{Problem, Problems, Warning};
use super::search::{Found, Place, SearchPath};
use super::stack::Stacks;
use super::yaml;

/// How much of a file is searched for its header, in characters.
const HEADER_CHARS: usize = 512;

/// A file in parts.
#[derive(Clone, Debug)]
pub struct Fragment {
    /// The package of its `# @package` header.
    pub header: Option<String>,
    /// Its defaults list, in order.
    pub defaults: Vec<Item>,
    /// The rest.
    pub body: Node,
    /// What is odd in the defaults list.
    pub warnings: Vec<Warning>,
}

impl Fragment {
    /// Reads the text of a file that messages call `path`.
    fn parse(path: &Arc<str>, text: &str) -> Result<Self, Problem> {
        let header = header(path, text)?;
        let mut body = yaml::load(path, text)?;
        let listed = body.as_map_mut().and_then(|map| map.shift_remove("defaults"));
        let mut warnings = Vec::new();
        let defaults = match listed {
            None => Vec::new(),
            Some(Node { value: Value::List(items), .. }) => {
                items.iter().map(|item| Item::parse(item, &mut warnings)).collect::<Result<_, _>>()?
            }
            Some(node) => {
                let found = node.value.kind();
                return Err(Problem::new(format!("the defaults must be a list, found {found}"))
                    .key("defaults")
                    .trail(&node.trail));
            }
        };
        Ok(Self { header, defaults, body, warnings })
    }
}

/// What was read.
#[derive(Default)]
struct Read {
    /// The files by their names; none for one that is not there.
    files: IndexMap<String, Option<Arc<Fragment>>>,
    /// The texts of those that are there.
    texts: BTreeMap<String, Found>,
}

/// The places that a configuration added last, each as it names it and where it is, and the library with them.
type Extended = (Vec<(String, PathBuf)>, Arc<Library>);

/// The files of a search path, each read at most once.
pub struct Library {
    /// Where they are.
    pub search: SearchPath,
    read: Mutex<Read>,
    extended: Mutex<Option<Extended>>,
    pub(super) stacks: Stacks,
}

impl Library {
    /// A library that has read nothing yet.
    pub fn new(search: SearchPath) -> Self {
        Self { search, read: Mutex::default(), extended: Mutex::default(), stacks: Stacks::default() }
    }

    /// The library with the directories that a configuration adds, each as it names it and where it is. All jobs of a sweep
    /// add the same and share it.
    pub fn and(&self, provider: &'static str, dirs: Vec<(String, PathBuf)>) -> Arc<Library> {
        let mut extended = self.extended.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, library)) = extended.as_ref().filter(|(known, _)| *known == dirs) {
            return Arc::clone(library);
        }
        let search = dirs.iter().fold(self.search.clone(), |search, (written, dir)| {
            search.and_written(provider, Place::Dir(dir.clone()), written)
        });
        let library = Arc::new(Library::new(search));
        *extended = Some((dirs, Arc::clone(&library)));
        library
    }

    fn extended(&self) -> Option<Arc<Library>> {
        let extended = self.extended.lock().unwrap_or_else(PoisonError::into_inner);
        extended.as_ref().map(|(_, library)| Arc::clone(library))
    }

    /// What is odd in the files read so far.
    pub fn warnings(&self) -> Vec<Warning> {
        self.read().files.values().flatten().flat_map(|fragment| fragment.warnings.clone()).collect()
    }

    /// Problems of defaults lists, with what is odd in the files read so far: that is likely to be why.
    pub(super) fn explain(&self, mut problems: Problems) -> Problems {
        problems.0.extend(self.warnings().into_iter().map(|warning| warning.0));
        problems
    }

    /// Reads all files that can be read, so that what happens to them later changes nothing.
    pub fn read_all(&self) {
        if let Some(extended) = self.extended() {
            return extended.read_all();
        }
        for group in std::iter::once(String::new()).chain(self.search.all_groups()) {
            for option in self.search.options(&group) {
                let name = if group.is_empty() { option } else { format!("{group}/{option}") };
                // A file that is wrong matters only to those that choose it.
                drop(self.load(&name));
            }
        }
    }

    /// The names of the files read so far, each with the sha256 of what it says.
    pub fn hashes(&self) -> BTreeMap<String, String> {
        let more = self.extended().map(|extended| extended.hashes());
        let hash = |(name, found): (&String, &Found)| (name.clone(), hash(found));
        self.read().texts.iter().map(hash).chain(more.into_iter().flatten()).collect()
    }

    /// Which files of these names say something else now, by their names for messages.
    pub fn changed(&self, hashes: &BTreeMap<String, String>) -> Vec<String> {
        if let Some(extended) = self.extended() {
            return extended.changed(hashes);
        }
        let differs = |(name, before): (&String, &String)| match self.search.read(name) {
            Ok(Some(found)) => (hash(&found) != *before).then_some(found.shown),
            Ok(None) | Err(_) => Some(format!("{name}.yaml")),
        };
        hashes.iter().filter_map(differs).collect()
    }

    /// The file of that name, `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read or understood.
    pub fn load(&self, name: &str) -> Result<Option<Arc<Fragment>>, Problem> {
        if let Some(known) = self.read().files.get(name) {
            return Ok(known.clone());
        }
        let fragment = match self.search.read(name)? {
            Some(found) => {
                let fragment = Fragment::parse(&found.shown.as_str().into(), &found.text);
                self.read().texts.insert(name.to_owned(), found);
                Some(Arc::new(fragment?))
            }
            None => None,
        };
        self.read().files.insert(name.to_owned(), fragment.clone());
        Ok(fragment)
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sha256 of what a file says: its package and its values, whatever is written beside them.
fn hash(found: &Found) -> String {
    let path = Arc::from(found.shown.as_str());
    let read = || Ok::<_, Problem>((header(&path, &found.text)?, yaml::load(&path, &found.text)?));
    match read() {
        Ok((package, values)) => sha256(format!("{package:?}\n{}", emit::yaml(&values))),
        // What cannot be understood is compared as it stands.
        Err(_) => sha256(&found.text),
    }
}

/// The package of the header: comment lines `# @package NAME` before anything else.
fn header(path: &Arc<str>, text: &str) -> Result<Option<String>, Problem> {
    let end = text.char_indices().nth(HEADER_CHARS).map_or(text.len(), |(at, _)| at);
    let mut package = None;
    for (n, line) in text[..end].lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        if !line.starts_with('#') || !line[1..].trim_start().starts_with('@') {
            break;
        }
        let words: Vec<&str> =
            line.trim_start_matches('#').split(' ').map(str::trim).filter(|w| !w.is_empty()).collect();
        match words[..] {
            ["@package", name] => package = Some(name.to_owned()),
            [_, _] => {}
            _ => {
                let origin = Origin::File { source: Source::new(path, text), line: n + 1, col: 1 };
                return Err(Problem::new(format!("expected `# @package NAME`, found `{line}`")).origin(&origin));
            }
        }
    }
    Ok(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let path: Arc<str> = "conf/a.yaml".into();
        for (text, want) in [
            ("# @package _global_\na: 1", Some("_global_")),
            ("\n#@package x.y\n", Some("x.y")),
            ("# note\n# @package x\n", None),
            ("---\n# @package x\n", None),
            ("a: 1", None),
        ] {
            assert_eq!(header(&path, text).ok().flatten().as_deref(), want, "{text}");
        }
        assert!(header(&path, "# @package\n").is_err());
        assert!(header(&path, "# @package a b\n").is_err());
    }
}
