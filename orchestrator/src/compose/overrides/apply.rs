//! Carries value overrides out on a composed tree.
//!
//! The tree is closed: a plain `key=value` needs the key, `+` adds one, `~` takes one away.

use super::{Element, Kind, Override, Parsed};
use crate::compose::hydra_node;
use crate::compose::interpolate::{self, Resolver, Scope};
use crate::compose::merge::{self, Keys};
use crate::compose::node::{self, Key, Node, Value};
use crate::compose::origin::Trail;
use crate::compose::problem::{Caret, Problem, Problems};
use crate::compose::world::World;

/// How many keys a path may have.
const MAX_KEYS: usize = 64;

/// Applies overrides in order.
///
/// # Errors
/// All overrides that cannot be applied.
pub fn apply(root: &mut Node, overrides: &[Override], world: &World) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for item in overrides {
        let done = apply_one(root, item, world).map_err(|problem| {
            let problem = problem.origin(&item.origin());
            if problem.key.is_some() { problem } else { problem.key(&*item.key) }
        });
        problems.collect(done);
    }
    problems.or_ok(())
}

fn apply_one(root: &mut Node, item: &Override, world: &World) -> Result<(), Problem> {
    if item.package.is_some() {
        let message = format!("`@` belongs to groups, and there is no group `{}`", item.key);
        return Err(Problem::new(message));
    }
    if node::keys(&item.key).count() > MAX_KEYS {
        return Err(Problem::new(format!("the path has more than {MAX_KEYS} keys")));
    }
    let value = match &item.value {
        None => None,
        Some(Parsed::Element(element)) => Some(to_node(element, item)?),
        Some(Parsed::Replace(element)) => {
            let node = to_node(element, item)?;
            Some(Node { trail: node.trail.replacing(), value: node.value })
        }
        Some(Parsed::Extend(items)) => return extend(root, item, items, world),
        Some(Parsed::Sweep(_)) => {
            return Err(Problem::new("a sweep needs --multirun"));
        }
    };
    match (item.kind, value) {
        (Kind::Delete, value) => delete(root, item, value, world),
        (_, None) => Err(Problem::new("expected a value")),
        (Kind::Change, Some(value)) => {
            let keys = if hydra_node::is_ours(&item.key) { Keys::Open } else { Keys::Closed };
            update(root, item, value, world, keys)
        }
        (Kind::ForceAdd, Some(value)) => update(root, item, value, world, Keys::Open),
        (Kind::Add, Some(value)) => {
            let current = select(root, &item.key, world)?;
            if current.is_some() && !value.value.is_container() {
                let trail = root.at(&item.key).map(|node| node.trail.clone()).unwrap_or_default();
                return Err(Problem::new("cannot be added: there is a value already")
                    .trail(&Trail::new(item.origin()).overriding(&trail))
                    .hint(format!("to change it, drop the +: {}", item.text.trim_start_matches('+'))));
            }
            update(root, item, value, world, Keys::Open)
        }
    }
}

/// Puts values behind those that a list holds already; a list that is referred to is copied first.
fn extend(root: &mut Node, item: &Override, items: &[Element], world: &World) -> Result<(), Problem> {
    if item.kind != Kind::Change {
        return Err(Problem::new("a list is extended by key=extend_list(...), without a prefix"));
    }
    let Some(current) = Resolver::new(root, world, Scope::All).select(&item.key)? else {
        return match root.at(&item.key) {
            Some(node) => Err(not_a_list(node, item)),
            None => Err(Problem::new("there is no list to extend").hint(format!("to add one: +{}=[...]", item.key))),
        };
    };
    let Value::List(mut list) = current.value else { return Err(not_a_list(&current, item)) };
    for element in items {
        list.push(to_node(element, item)?);
    }
    let origin = item.origin();
    update(root, item, Node::new(Value::List(list), origin), world, Keys::Closed)
}

fn not_a_list(node: &Node, item: &Override) -> Problem {
    let found = if node.value.is_missing() { "???" } else { node.value.kind() };
    let trail = Trail::new(item.origin()).overriding(&node.trail);
    Problem::new(format!("only a list can be extended, found {found}")).trail(&trail)
}

fn to_node(element: &Element, item: &Override) -> Result<Node, Problem> {
    let node = element.to_node(&item.origin()).map_err(Problem::new)?;
    check_interpolations(&node)?;
    Ok(node)
}

fn check_interpolations(node: &Node) -> Result<(), Problem> {
    match &node.value {
        Value::Str(text) => interpolate::check(text),
        Value::List(items) => items.iter().try_for_each(check_interpolations),
        Value::Map(map) => map.values().try_for_each(check_interpolations),
        _ => Ok(()),
    }
}

/// The value at a path, interpolations followed; `None` if it is absent, null or `???`.
fn select(root: &Node, path: &str, world: &World) -> Result<Option<Node>, Problem> {
    let found = match Resolver::new(root, world, Scope::All).resolve(path) {
        Ok(found) => found,
        // Below a scalar there is nothing, and that is no error here.
        Err(problem) if root.at(path).is_some() => return Err(problem),
        Err(_) => None,
    };
    Ok(found.filter(|node| node.value != Value::Null && !node.value.is_missing()))
}

fn update(root: &mut Node, item: &Override, value: Node, world: &World, keys: Keys) -> Result<(), Problem> {
    let path: Vec<&str> = node::keys(&item.key).collect();
    let Some((last, parents)) = path.split_last() else {
        return Err(Problem::new("the key is empty"));
    };
    let mut place = Vec::new();
    for key in parents {
        let parent = child_place(root, &place, key)?;
        // What stands in the way of a path is replaced by a map, if keys may be added at all.
        let found = merge::node_at(root, &parent).map(|node| &*node);
        if !found.is_some_and(|node| node.value.is_container()) {
            if keys == Keys::Closed {
                return Err(match found {
                    Some(node) => Problem::new(format!("here stands {}, which has no keys", node.value.kind()))
                        .key(merge::dotted(&parent))
                        .trail(&Trail::new(item.origin()).overriding(&node.trail))
                        .caret(Caret::Key),
                    None => unknown(root, &place, key, item),
                });
            }
            set(root, &place, &parent, Node { value: Value::Map(node::Map::new()), ..value.clone() })?;
        }
        place = parent;
    }
    let target = child_place(root, &place, last)?;
    match merge::node_at(root, &target) {
        Some(node) if merge::merges(node, &value) => {
            merge::merge(root, &target, value, world, keys).map_err(|problem| added(problem, item))
        }
        None if keys == Keys::Closed => Err(unknown(root, &place, last, item)),
        _ => set(root, &place, &target, value),
    }
}

/// The place of a child: in a list, its index.
fn child_place(root: &mut Node, parent: &[Key], key: &str) -> Result<Vec<Key>, Problem> {
    let key = match merge::node_at(root, parent).map(|node| &node.value) {
        Some(Value::List(items)) => match key.parse::<usize>() {
            Ok(n) if n < items.len() => Key::Int(n as i128),
            _ => {
                let message = format!("a list of {} has no element `{key}`", items.len());
                return Err(Problem::new(message));
            }
        },
        _ => Key::from(key),
    };
    let mut place = parent.to_vec();
    place.push(key);
    Ok(place)
}

fn set(root: &mut Node, parent: &[Key], target: &[Key], value: Node) -> Result<(), Problem> {
    if let Some(node) = merge::node_at(root, target) {
        let trail = value.trail.overriding(&node.trail);
        *node = Node { value: value.value, trail };
        return Ok(());
    }
    match (merge::node_at(root, parent).and_then(Node::as_map_mut), target.last()) {
        (Some(map), Some(key)) => {
            map.insert(key.clone(), value);
            Ok(())
        }
        _ => Err(Problem::new("nothing to set")),
    }
}

/// An unknown key, with the key that was probably meant.
fn unknown(root: &mut Node, parent: &[Key], key: &str, item: &Override) -> Problem {
    let names: Vec<String> = match merge::node_at(root, parent).map(|node| &node.value) {
        Some(Value::Map(map)) => map.keys().map(Key::to_string).filter(|k| k != "hydra").collect(),
        _ => Vec::new(),
    };
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut path = parent.to_vec();
    path.push(Key::from(key));
    let problem = Problem::new(format!("there is no key `{key}` here")).key(merge::dotted(&path)).caret(Caret::Key);
    let near = crate::compose::problem::nearest(key, &names).map(str::to_owned);
    match near.or_else(|| only_namesake(root, node::keys(&item.key).last()?)) {
        Some(near) => problem.hint(format!("did you mean `{near}`? To add a key: +{}", item.text)),
        None => added(problem, item),
    }
}

/// The only key of the job of this name, wherever it stands: `train.lr` for `lr`.
fn only_namesake(root: &Node, name: &str) -> Option<String> {
    fn gather(node: &Node, place: &mut Vec<Key>, name: &str, found: &mut Vec<String>) {
        for (key, child) in node.as_map().into_iter().flatten().filter(|(key, _)| **key != Key::from("hydra")) {
            place.push(key.clone());
            if *key == Key::from(name) {
                found.push(merge::dotted(place));
            }
            gather(child, place, name, found);
            place.pop();
        }
    }
    let mut found = Vec::new();
    gather(root, &mut Vec::new(), name, &mut found);
    found.pop().filter(|_| found.is_empty())
}

fn added(problem: Problem, item: &Override) -> Problem {
    if problem.hint.is_some() { problem } else { problem.hint(format!("to add a key: +{}", item.text)) }
}

fn delete(root: &mut Node, item: &Override, expected: Option<Node>, world: &World) -> Result<(), Problem> {
    if hydra_node::declares(&item.key) {
        return Err(Problem::new("cannot be deleted: the hydra node always has this key"));
    }
    let Some(current) = select(root, &item.key, world)? else {
        if root.at(&item.key).is_some() {
            return Err(Problem::new("cannot be deleted: it is null, which counts as not there").caret(Caret::Key));
        }
        let names: Vec<String> =
            root.as_map().into_iter().flat_map(|map| map.keys().map(Key::to_string)).filter(|k| k != "hydra").collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        return Err(Problem::new("cannot be deleted: it does not exist").caret(Caret::Key).near(&item.key, &names));
    };
    if let Some(expected) = expected.filter(|node| node.value != Value::Null)
        && !expected.value.same(&current.value)
    {
        let (found, asked) =
            (crate::compose::python::str(&current.value), crate::compose::python::str(&expected.value));
        let trail = Trail::new(item.origin()).overriding(&current.trail);
        return Err(Problem::new(format!("cannot be deleted: it is {found} and not {asked}")).trail(&trail));
    }
    let keys: Vec<&str> = node::keys(&item.key).collect();
    let (last, parents) = keys.split_last().ok_or_else(|| Problem::new("the key is empty"))?;
    let place = Resolver::new(root, world, Scope::All).place(parents);
    match place.and_then(|place| merge::node_at(root, &place)).and_then(Node::as_map_mut) {
        Some(map) => {
            map.shift_remove(*last);
            Ok(())
        }
        None => Err(Problem::new("only the key of a map can be deleted")),
    }
}
