//! Expands the primary file's defaults list into the files to load, in order.
//!
//! A port of Hydra's algorithm with its quirks: entries are visited last to first, so that an
//! `override` reaches entries before it, and interpolated entries wait until their list is settled.

use std::sync::Arc;

use super::choices::Choices;
use super::item::{Choice, Item, SELF, Target};
use crate::compose::fragment::{Fragment, Library};
use crate::compose::interpolate::{Resolver, Scope};
use crate::compose::node::{Key, Map, Node, Value};
use crate::compose::origin::Origin;
use crate::compose::problem::{Caret, Problem, Problems, Warning, shortened};
use crate::compose::world::World;

/// How deep files may include one another.
const MAX_DEPTH: usize = 64;
/// How many entries may be visited.
const MAX_ITEMS: usize = 20_000;

/// An entry with the entries of its own list, `_self_` among them.
#[derive(Debug)]
pub struct Tree {
    /// The entry.
    pub item: Item,
    /// What it expands to; empty for a file without a list.
    pub children: Vec<Tree>,
}

/// Expands defaults lists.
pub struct Expander<'a> {
    /// The files.
    pub library: &'a Library,
    /// For resolvers in interpolated entries.
    pub world: &'a World,
    /// What was decided.
    pub choices: Choices,
    /// Whether a group without a choice is skipped instead of refused.
    pub skip_missing: bool,
    /// What is odd.
    pub warnings: Vec<Warning>,
    /// The entries whose files are not there, last to first.
    absent: Vec<Problem>,
    visited: usize,
}

impl<'a> Expander<'a> {
    /// An expander that has visited nothing.
    pub fn new(library: &'a Library, world: &'a World, choices: Choices, skip_missing: bool) -> Self {
        Self { library, world, choices, skip_missing, warnings: Vec::new(), absent: Vec::new(), visited: 0 }
    }

    /// Expands the built-in and the primary file; the primary file decides first.
    ///
    /// # Errors
    /// All files that are not there, or what else is wrong first.
    pub fn roots(&mut self, primary: &str) -> Result<Vec<Tree>, Problems> {
        let item = |path: &str| Item::new(Target::File(path.to_owned()), None, Origin::Builtin);
        let mut main = item(primary);
        main.primary = true;
        if !self.library.search.has(&main.config_path()) {
            let names = self.library.search.options("");
            return Err(Problem::new(format!("there is no configuration `{primary}`"))
                .nearest(primary, names.iter().map(String::as_str))
                .into());
        }
        let main = self.expand(main, &[], false)?;
        let hydra = self.expand(item("hydra/config"), &[], false)?;
        Problems(std::mem::take(&mut self.absent).into_iter().rev().collect()).or_ok(vec![hydra, main])
    }

    /// `files` are the files that lead here, outermost first; `late` is set below an interpolated
    /// entry, where it is too late to override anything.
    fn expand(&mut self, mut item: Item, files: &[String], late: bool) -> Result<Tree, Problem> {
        self.visited += 1;
        if files.len() > MAX_DEPTH || self.visited > MAX_ITEMS {
            let chain = files.iter().take(4).cloned().collect::<Vec<_>>().join(" -> ");
            let message = format!("the defaults lists include one another without end: {chain} ...");
            return Err(Problem::new(message).origin(&item.origin));
        }
        let leaf = |item| Ok(Tree { item, children: Vec::new() });
        if !item.is_missing()
            && item.name().is_some()
            && let Some(fragment) = self.load(&item)?
        {
            item.set_header(fragment.header.as_deref());
        }
        if self.choices.deletes(&item) {
            item.deleted = true;
            return leaf(item);
        }
        self.choices.note(&item)?;
        if item.name().is_none() || self.unchosen(&item)? {
            return leaf(item);
        }
        let Some(fragment) = self.load(&item)? else {
            if item.optional {
                item.deleted = true;
                return leaf(item);
            }
            self.absent.push(self.not_found(&item, files.last()));
            return leaf(item);
        };
        let path = item.config_path();
        let mut files = files.to_vec();
        files.push(path.clone());
        let list = self.list(&item, &fragment, &path, late)?;
        let mut children = self.visit(&item, &list, &files, late)?;
        self.visit_interpolated(&item, &list, &mut children, &files)?;
        children.reverse();
        Ok(Tree { item, children })
    }

    fn load(&self, item: &Item) -> Result<Option<Arc<Fragment>>, Problem> {
        self.library.load(&item.config_path()).map_err(|problem| problem.origin(&item.origin))
    }

    /// Whether the group has no choice and that is fine for now.
    fn unchosen(&self, item: &Item) -> Result<bool, Problem> {
        if !item.config_path().ends_with(crate::compose::node::MISSING) {
            return Ok(false);
        }
        if self.skip_missing {
            return Ok(true);
        }
        let key = item.override_key();
        let options = self.library.search.options(&item.group_path());
        Err(Problem::new("an option must be chosen")
            .key(&*key)
            .origin(&item.origin)
            .hint(format!("{key}=OPTION, one of: {}", options.join(", "))))
    }

    /// The entries of a file's list with their places, `_self_` included; registers overrides.
    fn list(&mut self, item: &Item, fragment: &Fragment, path: &str, late: bool) -> Result<Vec<Item>, Problem> {
        let mut list = fragment.defaults.clone();
        let appending = item.primary && !self.choices.appended.is_empty();
        if !list.is_empty() || appending {
            match list.iter().filter(|entry| entry.is_self()).count() {
                0 if list.is_empty() || list.iter().any(|entry| !entry.overrides) => {
                    self.warn_of_order(item, fragment)?;
                    list.push(Item::new(Target::File(SELF.to_owned()), None, item.origin.clone()));
                }
                0 | 1 => {}
                _ => {
                    let second = list.iter().rfind(|entry| entry.is_self()).map(|e| &e.origin);
                    return Err(Problem::new(format!("`{SELF}` may stand in a list only once"))
                        .origin(second.unwrap_or(&item.origin)));
                }
            }
        }
        if item.primary {
            list.extend(self.choices.appended.iter().cloned());
        }
        let mut overriding = false;
        for entry in list.iter_mut().filter(|entry| !entry.is_self()) {
            entry.settle(&item.group_path(), &item.package());
            if overriding && !entry.overrides && !entry.appended {
                return Err(Problem::new("override entries stand at the end of a defaults list")
                    .key(entry.override_key())
                    .origin(&entry.origin));
            }
            if entry.overrides {
                overriding = true;
                if late {
                    let message = "an interpolated entry cannot override others: it is loaded last";
                    return Err(Problem::new(message).key(entry.override_key()).origin(&entry.origin));
                }
                self.choices.override_entry(entry, path);
            }
        }
        Ok(list)
    }

    /// A primary file that does not say whether it or its defaults win: in Hydra 1.0 it was they.
    fn warn_of_order(&mut self, item: &Item, fragment: &Fragment) -> Result<(), Problem> {
        let has_content = |node: &Node| node.as_map().is_some_and(|map| map.values().any(|v| !v.value.is_missing()));
        let (true, Some(first)) = (item.primary && has_content(&fragment.body), fragment.defaults.first()) else {
            return Ok(());
        };
        let message =
            format!("the defaults list has no `{SELF}`: the file's own values are laid over all its defaults");
        let hint = format!("to say so, `- {SELF}` as its last entry; for the defaults to win, as its first");
        let problem = Problem::new(message).key("defaults").origin(&first.origin).caret(Caret::Hidden).hint(hint);
        if self.world.env.get("SELF_WARNING_AS_ERROR").is_some_and(|asked| asked == "1") {
            return Err(problem);
        }
        self.warnings.push(Warning(problem));
        Ok(())
    }

    /// Expands the entries of a list, last to first.
    fn visit(&mut self, item: &Item, list: &[Item], files: &[String], late: bool) -> Result<Vec<Tree>, Problem> {
        let mut children = Vec::new();
        for entry in list.iter().rev().filter(|entry| !entry.overrides) {
            let mut entry = entry.clone();
            if entry.is_self() {
                children.push(Tree { item: entry, children: Vec::new() });
                continue;
            }
            self.choices.apply(&mut entry);
            if let Some(Choice::Many(options)) = entry.choice() {
                for option in options.iter().rev() {
                    if option.contains("${") {
                        let message = "an option in a list cannot be an interpolation";
                        return Err(Problem::new(message).origin(&entry.origin));
                    }
                    let mut option = entry.option(option);
                    option.settle(&item.group_path(), &item.package());
                    children.push(self.expand(option, files, late)?);
                }
            } else if entry.interpolated().is_some() {
                children.push(Tree { item: entry, children: Vec::new() });
            } else {
                children.push(self.expand(entry, files, late)?);
            }
        }
        Ok(children)
    }

    /// Expands the entries that name other choices, now that those are known.
    fn visit_interpolated(
        &mut self,
        item: &Item,
        list: &[Item],
        children: &mut [Tree],
        files: &[String],
    ) -> Result<(), Problem> {
        let waiting = children.iter().any(|child| child.item.interpolated().is_some());
        if !waiting {
            return Ok(());
        }
        let known = self.known_choices(list);
        for child in children.iter_mut() {
            let Some(text) = child.item.interpolated() else { continue };
            let mut entry = child.item.clone();
            let names = || self.choices.known.keys().map(String::as_str);
            match Resolver::new(&known, self.world, Scope::All).evaluate(&text) {
                Ok(Value::Str(text)) => entry.set_interpolated(text),
                Ok(_) => {
                    let message = format!("`{text}` does not give the name of an option");
                    return Err(Problem::new(message).origin(&entry.origin));
                }
                Err(problem) => {
                    let problem = Problem { key: None, hint: None, ..problem };
                    return Err(problem.origin(&entry.origin).nearest(&text, names()));
                }
            }
            entry.settle(&item.group_path(), &item.package());
            *child = self.expand(entry, files, true)?;
        }
        Ok(())
    }

    /// What interpolated entries may refer to: the choices by their override keys.
    fn known_choices(&self, list: &[Item]) -> Node {
        let text = |text: Option<&String>| Node::builtin(text.map_or(Value::Null, |text| Value::Str(text.clone())));
        let mut map: Map =
            self.choices.known.iter().map(|(key, option)| (Key::from(&**key), text(option.as_ref()))).collect();
        let files = list.iter().filter(|entry| !entry.is_self() && entry.choice().is_none());
        let files = files.map(|entry| text(Some(&entry.config_path()))).collect();
        map.insert(Key::from("defaults"), Node::builtin(Value::List(files)));
        Node::builtin(Value::Map(map))
    }

    fn not_found(&self, item: &Item, parent: Option<&String>) -> Problem {
        let path = item.config_path();
        let options = self.library.search.options(&item.group_path());
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let asked = parent.map(|parent| format!(", which `{parent}` asks for")).unwrap_or_default();
        let there_are =
            if options.is_empty() { String::new() } else { format!("; the options are {}", shortened(&options)) };
        let problem = Problem::new(format!("there is no `{path}`{asked}{there_are}"));
        problem.origin(&item.origin).near(item.name().unwrap_or_default(), &options)
    }
}
