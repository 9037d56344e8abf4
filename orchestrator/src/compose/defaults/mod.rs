//! The defaults list: which files make up a configuration, in which order, and where in the tree
//! each one's content goes.
//!
//! `item` is one entry and `names` what it is called, `choices` is what the command line and `override` entries
//! decide, `tree` expands entries recursively. The result is a flat list of [`Load`]s.

mod choices;
mod item;
mod names;
mod tree;

use std::collections::HashMap;

use indexmap::IndexMap;

pub use choices::Choices;
pub use item::Item;

use tree::{Expander, Tree};

use super::fragment::Library;
use super::origin::{Origin, Trail};
use super::problem::{Problem, Problems, Warning};
use super::world::World;

/// One file to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    /// The file, from the root of the configuration and without `.yaml`.
    pub path: String,
    /// The dotted path where its content goes.
    pub package: String,
    /// The file that asked for it.
    pub parent: Option<String>,
    /// Whether it came from the file's `_self_`.
    pub is_self: bool,
    /// Whether it is the primary configuration.
    pub primary: bool,
    /// Where it was asked for.
    pub origin: Origin,
}

/// An entry with what its file asks for in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// A file's path, `group: option`, or `_self_`.
    pub name: String,
    /// The entries of the file's own defaults list.
    pub children: Vec<Branch>,
}

impl Branch {
    fn of(tree: &Tree) -> Self {
        let item = &tree.item;
        let name = match item.choice() {
            Some(_) => format!("{}: {}", item.override_key(), item.name().unwrap_or("null")),
            None => item.config_path(),
        };
        let child = |child: &Tree| match child.item.is_self() {
            // As Hydra has it: where the entry stands that leads to the file.
            true if !item.dir.is_empty() => Self { name: format!("{}/{}", item.dir, item::SELF), children: Vec::new() },
            true => Self { name: item::SELF.to_owned(), children: Vec::new() },
            false => Self::of(child),
        };
        Self { name, children: tree.children.iter().map(child).collect() }
    }
}

/// The outcome of choosing.
#[derive(Debug)]
pub struct Selection {
    /// What asked for what: the built-in file and the primary one.
    pub defaults: Vec<Branch>,
    /// The files, in the order in which they are merged.
    pub loads: Vec<Load>,
    /// The option of every group; `None` for a group with nothing chosen.
    pub choices: IndexMap<String, Option<String>>,
    /// What is odd in the lists together.
    pub warnings: Vec<Warning>,
}

/// Works out what to load.
///
/// # Errors
/// Files that are not there, entries that contradict each other, choices that meet nothing.
pub fn select(
    library: &Library,
    primary: &str,
    choices: Choices,
    world: &World,
    skip_missing: bool,
) -> Result<Selection, Problems> {
    let mut expander = Expander::new(library, world, choices, skip_missing);
    let roots = expander.roots(primary)?;
    let mut flat = Flat::default();
    for root in &roots {
        flat.add(root, None)?;
    }
    expander.choices.all_used()?;
    let defaults = roots.iter().map(Branch::of).collect();
    Ok(Selection { defaults, loads: flat.loads, choices: expander.choices.known, warnings: expander.warnings })
}

#[derive(Default)]
struct Flat {
    loads: Vec<Load>,
    keys: HashMap<String, Origin>,
}

impl Flat {
    /// Adds the files below an entry, depth first.
    fn add(&mut self, tree: &Tree, parent: Option<&Tree>) -> Result<(), Problem> {
        let item = &tree.item;
        if !tree.children.is_empty() {
            for child in &tree.children {
                match (child.item.is_self(), parent) {
                    (true, parent) => self.loads.push(load(tree, parent, true)),
                    (false, _) => self.add(child, Some(tree))?,
                }
            }
            return Ok(());
        }
        if item.deleted || item.is_missing() || item.name().is_none() {
            return Ok(());
        }
        let key = item.override_key();
        if item.choice().is_some()
            && let Some(earlier) = self.keys.insert(key.clone(), item.origin.clone())
        {
            let option = item.name().unwrap_or_default();
            let remedy = match item.appended {
                true => format!("to change the option, drop the +: {key}={option}"),
                false => format!("to change the option, write `override {key}: {option}`"),
            };
            let trail = Trail::new(item.origin.clone()).overriding(&Trail::new(earlier));
            return Err(Problem::new("chosen more than once").key(key).trail(&trail).hint(remedy));
        }
        self.loads.push(load(tree, parent, false));
        Ok(())
    }
}

fn load(tree: &Tree, parent: Option<&Tree>, is_self: bool) -> Load {
    Load {
        path: tree.item.config_path(),
        package: tree.item.package(),
        parent: parent.map(|parent| parent.item.config_path()),
        is_self,
        primary: tree.item.primary,
        origin: tree.item.origin.clone(),
    }
}
