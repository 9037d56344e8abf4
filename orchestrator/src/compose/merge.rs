//! Lays one tree over another, as OmegaConf merges.
//!
//! Maps merge key by key and keep their order, everything else is replaced, `???` changes nothing,
//! and a list and a map refuse to meet. Trails grow: what is replaced stays in the winner's trail.

use super::interpolate::{Resolver, Scope};
use super::node::{Key, Node, Value};
use super::problem::{Caret, Problem};
use super::world::World;

/// How many levels a package may have.
const MAX_PACKAGE: usize = 64;
/// How many levels a tree may get by copying what interpolations refer to.
const MAX_DEPTH: usize = 180;
/// How many values one merge may copy so.
const MAX_COPIED: usize = 100_000;

/// Whether a merge may bring in keys that the target does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// It may.
    Open,
    /// It may not (Hydra's struct mode).
    Closed,
}

/// Merges `over` into the container at `place` of `root`.
///
/// # Errors
/// A list meets a map, or an unknown key meets a closed tree.
pub fn merge(root: &mut Node, place: &[Key], over: Node, world: &World, keys: Keys) -> Result<(), Problem> {
    Merge { root, world, keys, copied: 0 }.container(place, over)
}

/// Puts a tree under a package, the dotted path where a file's content belongs.
///
/// # Errors
/// The package has too many levels.
pub fn embed(node: Node, package: &str) -> Result<Node, Problem> {
    if super::node::keys(package).count() > MAX_PACKAGE {
        return Err(Problem::new("the package has too many levels").trail(&node.trail));
    }
    Ok(node.nested(package))
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

/// Whether a value is merged into what stands there; all others replace it.
pub fn merges(target: &Node, over: &Node) -> bool {
    target.value.is_container() && over.value.is_container() && !over.trail.replaces()
}

struct Merge<'a> {
    root: &'a mut Node,
    world: &'a World,
    keys: Keys,
    copied: usize,
}

impl Merge<'_> {
    fn container(&mut self, place: &[Key], over: Node) -> Result<(), Problem> {
        let Some(target) = node_at(self.root, place) else {
            return Err(Problem::new("nothing to merge into"));
        };
        let Node { value, trail } = over;
        match (&mut target.value, value) {
            (Value::Map(_), Value::Map(entries)) => {
                for (key, node) in entries {
                    let mut place = place.to_vec();
                    place.push(key);
                    self.entry(&place, node)?;
                }
                Ok(())
            }
            (Value::Map(_), Value::List(_)) | (Value::List(_), Value::Map(_)) => {
                let kind = target.value.kind();
                Err(Problem::new(format!("a list and a map cannot be merged: here stands {kind}"))
                    .key(dotted(place))
                    .trail(&trail.overriding(&target.trail)))
            }
            (_, value) => {
                replace(target, Node { value, trail });
                Ok(())
            }
        }
    }

    fn entry(&mut self, place: &[Key], over: Node) -> Result<(), Problem> {
        self.copy_referenced(place)?;
        match node_at(self.root, place) {
            Some(target) if merges(target, &over) => self.container(place, over),
            Some(target) => {
                replace(target, over);
                Ok(())
            }
            None => self.add(place, over),
        }
    }

    fn add(&mut self, place: &[Key], over: Node) -> Result<(), Problem> {
        let parent = place.split_last().and_then(|(key, parent)| Some((key, node_at(self.root, parent)?)));
        let Some((key, Node { value: Value::Map(map), .. })) = parent else {
            return Err(Problem::new("nothing to merge into"));
        };
        if self.keys == Keys::Closed {
            let names: Vec<String> = map.keys().map(Key::to_string).collect();
            return Err(Problem::new("there is no such key")
                .caret(Caret::Key)
                .key(dotted(place))
                .trail(&over.trail)
                .nearest(&key.to_string(), names.iter().map(String::as_str)));
        }
        map.insert(key.clone(), over);
        Ok(())
    }

    /// An interpolation that leads to a container is replaced by a copy before anything is laid
    /// over it: the copy changes, what it referred to does not.
    fn copy_referenced(&mut self, place: &[Key]) -> Result<(), Problem> {
        let (text, trail) = match node_at(self.root, place).map(|node| &*node) {
            Some(Node { value: Value::Str(text), trail }) if text.contains("${") => (text.clone(), trail.clone()),
            _ => return Ok(()),
        };
        let resolver = Resolver::new(self.root, self.world, Scope::All);
        let Some(copy) = resolver.container(place, &text) else { return Ok(()) };
        self.copied += copy.size();
        if place.len() + copy.depth() > MAX_DEPTH || self.copied > MAX_COPIED {
            let message = "the copy of what it refers to grows without end";
            return Err(Problem::new(message).key(dotted(place)).trail(&trail));
        }
        if let Some(target) = node_at(self.root, place) {
            *target = Node { trail: copy.trail.overriding(&trail), ..copy };
        }
        Ok(())
    }
}

/// Puts a value over another; `???` changes nothing.
fn replace(target: &mut Node, over: Node) {
    if !over.value.is_missing() {
        let trail = over.trail.overriding(&target.trail);
        *target = Node { value: over.value, trail };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::yaml::load;

    fn world() -> World {
        World {
            env: Default::default(),
            now: "2024-01-02T03:04:05[UTC]".parse().expect("an instant"),
            cwd: "/".into(),
            job_name: "exp".to_owned(),
        }
    }

    fn merged(base: &str, over: &str, keys: Keys) -> Result<String, Problem> {
        let mut root = load(&"base".into(), base)?;
        merge(&mut root, &[], load(&"over".into(), over)?, &world(), keys)?;
        Ok(crate::compose::to_yaml(&root))
    }

    #[test]
    fn maps_merge_and_the_rest_is_replaced() {
        for (base, over, want) in [
            ("a: 1\nb: 2", "b: 3\nc: 4", "a: 1\nb: 3\nc: 4\n"),
            ("d: {a: 1}", "d: {b: 2}", "d:\n  a: 1\n  b: 2\n"),
            ("d: {a: 1}", "d: {}", "d:\n  a: 1\n"),
            ("d: [1, 2]", "d: []", "d: []\n"),
            ("d: {a: 1}", "d: null", "d: null\n"),
            ("d: null", "d: {a: 1}", "d:\n  a: 1\n"),
            ("d: {a: 1}", "d: ???", "d:\n  a: 1\n"),
            ("d: {a: 1}", "d: x", "d: x\n"),
            ("d: ${e}\ne: {q: 1}", "d: {a: 1}", "d:\n  q: 1\n  a: 1\ne:\n  q: 1\n"),
            ("d: ${no}", "d: {a: 1}", "d:\n  a: 1\n"),
        ] {
            assert_eq!(merged(base, over, Keys::Open).as_deref(), Ok(want), "{base} | {over}");
        }
        assert!(merged("d: {a: 1}", "d: [1]", Keys::Open).is_err());
        assert!(merged("d: [1]", "d: {a: 1}", Keys::Open).is_err());
        assert!(merged("d: {a: 1}", "d: {b: 1}", Keys::Closed).is_err());
    }

    #[test]
    fn trails_tell_who_was_overridden() {
        let mut root = load(&"base".into(), "d: {a: 1}").expect("a tree");
        let over = load(&"over".into(), "\nd: {a: 2}").expect("a tree");
        merge(&mut root, &[], over, &world(), Keys::Open).expect("a tree");
        let trail = root.at("d.a").map(|node| node.trail.to_string());
        assert_eq!(trail.as_deref(), Some("--> over:2\noverrides base:1"));
    }
}
