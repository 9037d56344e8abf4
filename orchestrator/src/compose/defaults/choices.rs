//! What the command line and `override` entries decide about the defaults list.
//!
//! A choice is registered under an override key before the entry that it changes is met; the first
//! registration wins, so the command line beats every file. In the end every choice and every
//! deletion must have met its entry.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;

use super::item::{Choice, Item, Target};
use crate::compose::node::Value;
use crate::compose::origin::Origin;
use crate::compose::overrides::{Element, Kind, Override};
use crate::compose::problem::{Problem, Problems};
use crate::compose::search::SearchPath;

/// The state of choosing.
#[derive(Debug, Default)]
pub struct Choices {
    /// Entries that `+group=option` adds to the primary list.
    pub appended: Vec<Item>,
    /// The overrides that choose, in order.
    pub words: Vec<Arc<str>>,
    /// The option of each group met so far.
    pub known: IndexMap<String, Option<String>>,
    decided: IndexMap<String, Decided>,
    deleted: IndexMap<String, Deleted>,
    keys_of_group: BTreeMap<String, BTreeSet<String>>,
}

#[derive(Debug)]
struct Decided {
    choice: Choice,
    origin: Origin,
    /// The file of the `override`, if it was one.
    file: Option<String>,
    used: bool,
}

#[derive(Debug)]
struct Deleted {
    /// The option that must be the current one.
    option: Option<String>,
    origin: Origin,
    used: bool,
}

impl Choices {
    /// Sorts overrides into choices of groups and those that set values.
    ///
    /// # Errors
    /// All overrides that are neither.
    pub fn sort(search: &SearchPath, overrides: Vec<Override>) -> Result<(Self, Vec<Override>), Problems> {
        let (mut choices, mut values) = (Self::default(), Vec::new());
        let mut problems = Problems::default();
        for item in overrides.into_iter().filter(|item| item.sweep().is_none()) {
            let is_map = matches!(item.element(), Some(Element::Map(_)));
            if is_map || !search.is_group(&item.key) {
                values.push(item);
                continue;
            }
            let done = choices.choose(&item).map_err(|p| p.key(item.full_key()).origin(&item.origin()));
            problems.collect(done);
            choices.words.push(item.text);
        }
        problems.or_ok((choices, values))
    }

    fn choose(&mut self, item: &Override) -> Result<(), Problem> {
        let choice = choice(item.element())?;
        let origin = item.origin();
        match item.kind {
            Kind::ForceAdd => {
                Err(Problem::new("++ does not work on a group").hint("one + adds the group, none changes the option"))
            }
            Kind::Delete => {
                let option = match choice {
                    None | Some(Choice::None) => None,
                    Some(Choice::One(option)) => Some(option),
                    Some(Choice::Many(_)) => {
                        return Err(Problem::new("the option to delete must be one name"));
                    }
                };
                self.deleted.insert(item.full_key(), Deleted { option, origin, used: false });
                Ok(())
            }
            Kind::Add => {
                let choice = some(choice)?;
                let target = Target::Group(item.key.clone(), choice);
                let mut entry = Item::new(target, item.package.clone(), origin);
                entry.appended = true;
                self.appended.push(entry);
                Ok(())
            }
            Kind::Change => {
                let decided = Decided { choice: some(choice)?, origin, file: None, used: false };
                self.decided.insert(item.full_key(), decided);
                Ok(())
            }
        }
    }

    /// Registers an `override` entry of a file, unless the choice is made already.
    pub fn override_entry(&mut self, item: &Item, file: &str) {
        if let Some(choice) = item.choice() {
            self.decided.entry(item.override_key()).or_insert_with(|| Decided {
                choice: choice.clone(),
                origin: item.origin.clone(),
                file: Some(file.to_owned()),
                used: false,
            });
        }
    }

    /// Gives an entry the option that was decided for it.
    pub fn apply(&mut self, item: &mut Item) {
        let key = item.override_key();
        if let (Target::Group(_, choice), Some(decided)) = (&mut item.target, self.decided.get_mut(&key)) {
            *choice = decided.choice.clone();
            item.origin = decided.origin.clone();
            decided.used = true;
        }
    }

    /// Whether the entry is to be dropped; notes that the deletion met its entry.
    pub fn deletes(&mut self, item: &Item) -> bool {
        if item.choice().is_none() {
            return false;
        }
        let Some(deleted) = self.deleted.get_mut(&item.override_key()) else { return false };
        let meant = deleted.option.is_none() || deleted.option.as_deref() == item.name();
        deleted.used |= meant;
        meant
    }

    /// Notes the option of an entry.
    ///
    /// # Errors
    /// The group has another option already.
    pub fn note(&mut self, item: &Item) -> Result<(), Problem> {
        if item.choice().is_none() {
            return Ok(());
        }
        let key = item.override_key();
        let option = item.name().map(str::to_owned);
        match self.known.get(&key) {
            None => {
                self.known.insert(key.clone(), option);
            }
            Some(earlier) if *earlier == option => {}
            Some(earlier) => {
                let earlier = earlier.as_deref().unwrap_or("null");
                let found = option.as_deref().unwrap_or("null");
                return Err(Problem::new(format!("two options, `{earlier}` and `{found}`"))
                    .key(key.clone())
                    .origin(&item.origin)
                    .hint(format!("to change the option, write `override {key}: {found}`")));
            }
        }
        self.keys_of_group.entry(item.group_path()).or_default().insert(key);
        Ok(())
    }

    /// Checks that every choice and every deletion met its entry.
    ///
    /// # Errors
    /// All that did not.
    pub fn all_used(&self) -> Result<(), Problems> {
        let mut problems = Problems::default();
        for (key, decided) in self.decided.iter().filter(|(_, decided)| !decided.used) {
            let group = key.split('@').next().unwrap_or(key);
            let known: Vec<&str> = self.keys_of_group.get(group).into_iter().flatten().map(String::as_str).collect();
            let message = "nothing to override: no such entry in the defaults list";
            let problem = Problem::new(message).key(key).origin(&decided.origin);
            let appending = match &decided.choice {
                Choice::One(option) => format!("+{key}={option}"),
                _ => format!("+{key}=OPTION"),
            };
            problems.0.push(match (&known[..], &decided.file) {
                ([], None) => problem.hint(format!("to add the group: {appending}")),
                ([], Some(_)) => problem.nearest(key, self.known.keys().map(String::as_str)),
                (known, _) => problem.hint(format!("did you mean `{}`?", known.join("` or `"))),
            });
        }
        for (key, deleted) in self.deleted.iter().filter(|(_, deleted)| !deleted.used) {
            let problem = |message: String| Problem::new(message).key(key).origin(&deleted.origin);
            problems.0.push(match (&deleted.option, self.known.get(key)) {
                (Some(option), Some(chosen)) => {
                    let chosen = chosen.as_deref().unwrap_or("null");
                    problem(format!("nothing to delete: the option is `{chosen}`, not `{option}`"))
                        .hint(format!("~{key}"))
                }
                _ => problem("nothing to delete: no such entry in the defaults list".to_owned())
                    .nearest(key, self.known.keys().map(String::as_str)),
            });
        }
        problems.or_ok(())
    }
}

/// The choice that a value makes; `None` for no value or null.
fn choice(element: Option<&Element>) -> Result<Option<Choice>, Problem> {
    let refused = || {
        Problem::new("the option of a group is a string or a list of strings")
            .hint("put a name that looks like a number in quotes")
    };
    let name = |element: &Element| match element {
        Element::Plain(Value::Str(text)) | Element::Quoted(text, _) => Ok(text.clone()),
        _ => Err(refused()),
    };
    match element {
        None | Some(Element::Plain(Value::Null)) => Ok(None),
        Some(Element::List(items)) => {
            items.iter().map(name).collect::<Result<_, _>>().map(|names| Some(Choice::Many(names)))
        }
        Some(element) => name(element).map(|name| Some(Choice::One(name))),
    }
}

fn some(choice: Option<Choice>) -> Result<Choice, Problem> {
    choice.ok_or_else(|| Problem::new("the option of a group is a string or a list of strings"))
}
