//! One entry of a defaults list, as a file writes it.
//!
//! An entry names a file or a group's option relative to the file it stands in. [`Item::settle`]
//! gives it its place; the names that follow from that are in `names`.

use crate::compose::node::{Node, Value};
use crate::compose::origin::Origin;
use crate::compose::problem::{Problem, Warning};

/// The place of a file's own content among its defaults.
pub const SELF: &str = "_self_";

/// The package that drops everything before it.
pub(super) const GLOBAL: &str = "_global_";

/// What was chosen of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Nothing (`group: null`).
    None,
    /// One option.
    One(String),
    /// Several options, each loaded like a plain file.
    Many(Vec<String>),
}

/// What an entry names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file, or `_self_`.
    File(String),
    /// An option of a group.
    Group(String, Choice),
}

/// An entry of a defaults list.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it names.
    pub target: Target,
    /// The package given with `@`.
    pub package: Option<String>,
    /// The package of the file's header, once the file is known.
    pub header: Option<String>,
    /// Whether a missing file is fine.
    pub optional: bool,
    /// Whether it changes an entry instead of being one.
    pub overrides: bool,
    /// Whether it was added on the command line.
    pub appended: bool,
    /// Whether it is the primary configuration.
    pub primary: bool,
    /// Whether it was deleted, or is optional and missing.
    pub deleted: bool,
    /// Where it stands.
    pub origin: Origin,
    /// The directory of the file it stands in.
    pub(super) dir: String,
    /// The package of the file it stands in.
    pub(super) parent_package: String,
}

impl Item {
    /// An entry with no options.
    pub fn new(target: Target, package: Option<String>, origin: Origin) -> Self {
        Self {
            target,
            package: package.map(|package| if package == "_here_" { String::new() } else { package }),
            header: None,
            optional: false,
            overrides: false,
            appended: false,
            primary: false,
            deleted: false,
            origin,
            dir: String::new(),
            parent_package: String::new(),
        }
    }

    /// Reads an entry of a file's list; what is odd in it goes to `warnings`.
    ///
    /// # Errors
    /// It is neither a name nor a map of one group.
    pub fn parse(node: &Node, warnings: &mut Vec<Warning>) -> Result<Self, Problem> {
        let problem = |message: String| Problem::new(message).key("defaults").trail(&node.trail);
        let origin = node.trail.winner().cloned().unwrap_or(Origin::Builtin);
        match &node.value {
            Value::Str(text) => {
                let (path, package) = split_package(text);
                if path == SELF && package.is_some() {
                    return Err(problem(format!("`{SELF}` has no package of its own")));
                }
                Ok(Self::new(Target::File(path), package, origin))
            }
            Value::Map(map) => {
                let Some((key, value)) = map.first().filter(|_| map.len() == 1) else {
                    return Err(problem(format!("expected one group, found {} keys", map.len())));
                };
                let (words, package) = split_package(&key.to_string());
                let words: Vec<&str> = words.split(' ').collect();
                let (group, keywords) = words.split_last().unwrap_or((&"", &[]));
                if group.trim_start_matches('/').is_empty() {
                    return Err(problem("expected the name of a group".to_owned()));
                }
                let choice = choice(&value.value).map_err(problem)?;
                let mut item = Self::new(Target::Group((*group).to_owned(), choice), package, origin);
                for keyword in keywords {
                    match *keyword {
                        "optional" => item.optional = true,
                        "override" => item.overrides = true,
                        // Hydra reads on at the group, so that is what counts; but hardly what was meant.
                        word => {
                            let message = format!("`{word}` before a group means nothing and is ignored");
                            warnings.push(Warning(problem(message).nearest(word, ["optional", "override"])));
                            break;
                        }
                    }
                }
                Ok(item)
            }
            other => Err(problem(format!("expected a name or a group, found {}", other.kind()))),
        }
    }

    /// Places the entry in a file of the given directory and package.
    pub fn settle(&mut self, dir: &str, parent_package: &str) {
        self.dir = dir.to_owned();
        self.parent_package = parent_package.to_owned();
        if let Some(package) = self.package.as_ref().filter(|package| package.contains("_group_")) {
            let own = self.group_path().replace('/', ".");
            self.package = Some(format!("{GLOBAL}.{}", package.replace("_group_", &own)));
        }
    }

    /// The entry that a list of options expands to for one of them.
    pub fn option(&self, option: &str) -> Self {
        let path = format!("{}/{option}", self.written_group());
        let mut item = Self::new(Target::File(path), self.package.clone(), self.origin.clone());
        item.optional = self.optional;
        item
    }

    /// Takes the package of a file's header, which is always absolute.
    pub fn set_header(&mut self, header: Option<&str>) {
        self.header = header.map(|package| match package {
            package if package == GLOBAL || package.starts_with("_global_.") => package.to_owned(),
            package => format!("{GLOBAL}.{package}"),
        });
    }
}

/// `name@package`; a second package after a colon once renamed the first, and is ignored.
fn split_package(text: &str) -> (String, Option<String>) {
    match text.split_once('@') {
        None => (text.to_owned(), None),
        Some((name, package)) => {
            let package = package.split(':').next().unwrap_or(package);
            (name.to_owned(), Some(package.to_owned()))
        }
    }
}

fn choice(value: &Value) -> Result<Choice, String> {
    match value {
        Value::Null => Ok(Choice::None),
        Value::Str(option) => Ok(Choice::One(option.clone())),
        Value::List(items) => items
            .iter()
            .map(|item| match &item.value {
                Value::Str(option) => Ok(option.clone()),
                other => Err(format!("an option is a string, found {}", other.kind())),
            })
            .collect::<Result<_, _>>()
            .map(Choice::Many),
        other => Err(format!("an option is a string or a list of strings, found {}", other.kind())),
    }
}
