//! Lays one tree over another, as OmegaConf merges.
//!
//! Maps merge key by key and keep their order, everything else is replaced, `???` changes nothing,
//! and a list and a map refuse to meet. Trails grow: what is replaced stays in the winner's trail.

use super::interpolate::{Resolver, Scope};
use super::node::{Key, Node, Value};
use super::problem::Problem;
use super::world::World;

/// How many levels a tree may get by copying what interpolations refer to.
const MAX_DEPTH: usize = 256;
/// How many values one such copy may have.
const MAX_NODES: usize = 100_000;

/// Merges `over` into `root`, both maps.
///
/// # Errors
/// A list meets a map.
pub fn merge(root: &mut Node, over: Node, world: &World) -> Result<(), Problem> {
    merge_at(root, &[], over, world, Keys::Open)
}

/// Whether a merge may bring in keys that the target does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// It may.
    Open,
    /// It may not (Hydra's struct mode).
    Closed,
}

/// Merges `over` into the container at `place`.
///
/// # Errors
/// A list meets a map, or an unknown key meets a closed tree.
pub fn merge_at(root: &mut Node, place: &[Key], over: Node, world: &World, keys: Keys) -> Result<(), Problem> {
    let Some(target) = node_at(root, place) else {
        return Err(Problem::new("nothing to merge into"));
    };
    let Node { value, trail } = over;
    let entries = match (&mut target.value, value) {
        (Value::Map(_), Value::Map(entries)) => entries,
        (Value::Map(_), Value::List(_)) | (Value::List(_), Value::Map(_)) => {
            let kind = target.value.kind();
            return Err(Problem::new(format!("a list and a map cannot be merged: here stands {kind}"))
                .key(dotted(place))
                .trail(&trail.overriding(&target.trail)));
        }
        (_, value) if value.is_missing() => return Ok(()),
        (_, value) => {
            let trail = trail.overriding(&target.trail);
            *target = Node { value, trail };
            return Ok(());
        }
    };
    for (key, node) in entries {
        let mut place = place.to_vec();
        place.push(key);
        merge_entry(root, &place, node, world, keys)?;
    }
    Ok(())
}

fn merge_entry(root: &mut Node, place: &[Key], over: Node, world: &World, keys: Keys) -> Result<(), Problem> {
    copy_referenced(root, place, world)?;
    let Some((key, parent)) = place.split_last() else { return Ok(()) };
    match node_at(root, place) {
        Some(target) if target.value.is_container() && over.value.is_container() => {
            merge_at(root, place, over, world, keys)
        }
        Some(target) => {
            if !over.value.is_missing() {
                let trail = over.trail.overriding(&target.trail);
                *target = Node { value: over.value, trail };
            }
            Ok(())
        }
        None => {
            let Some(map) = node_at(root, parent).and_then(Node::as_map_mut) else {
                return Err(Problem::new("nothing to merge into"));
            };
            if keys == Keys::Closed {
                let names: Vec<String> = map.keys().map(Key::to_string).collect();
                return Err(Problem::new("there is no such key")
                    .key(dotted(place))
                    .trail(&over.trail)
                    .nearest(&key.to_string(), names.iter().map(String::as_str)));
            }
            map.insert(key.clone(), over);
            Ok(())
        }
    }
}

/// An interpolation that leads to a container is replaced by a copy before anything is laid over
/// it: the copy changes, what it referred to does not.
fn copy_referenced(root: &mut Node, place: &[Key], world: &World) -> Result<(), Problem> {
    let (text, trail) = match node_at(root, place).map(|node| &*node) {
        Some(Node { value: Value::Str(text), trail }) if text.contains("${") => (text.clone(), trail.clone()),
        _ => return Ok(()),
    };
    let Some(copy) = Resolver::new(root, world, Scope::All).container(place, &text) else { return Ok(()) };
    if place.len() + copy.depth() > MAX_DEPTH || copy.size() > MAX_NODES {
        let message = "the copy of what it refers to grows without end";
        return Err(Problem::new(message).key(dotted(place)).trail(&trail));
    }
    if let Some(target) = node_at(root, place) {
        *target = Node { trail: copy.trail.overriding(&trail), ..copy };
    }
    Ok(())
}

/// The node at a place; list indices are integer keys.
pub fn node_at<'a>(root: &'a mut Node, place: &[Key]) -> Option<&'a mut Node> {
    place.iter().try_fold(root, |node, key| match (&mut node.value, key) {
        (Value::Map(map), key) => map.get_mut(key),
        (Value::List(items), Key::Int(n)) => items.get_mut(usize::try_from(*n).ok()?),
        _ => None,
    })
}

/// A place as users write it.
pub fn dotted(place: &[Key]) -> String {
    place.iter().map(Key::to_string).collect::<Vec<_>>().join(".")
}

/// Puts a tree under a package, the dotted path where a file's content belongs.
///
/// # Errors
/// The package has too many levels.
pub fn embed(node: Node, package: &str) -> Result<Node, Problem> {
    if super::node::keys(package).count() > MAX_DEPTH / 2 {
        return Err(Problem::new("the package has too many levels").trail(&node.trail));
    }
    Ok(node.nested(package))
}
