//! The maps of a tree. A copy costs nothing: it is the same map until one of the two is changed, which copies that one map
//! with its plain values and lists, and no map below it. The jobs of a sweep differ in a few values and share the rest.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use indexmap::IndexMap;
use indexmap::map::{IntoIter, Iter};

use super::key::Key;
use super::node::Node;

type Entries = IndexMap<Key, Node>;

/// A map in insertion order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map(Arc<Entries>);

impl Map {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Deref for Map {
    type Target = Entries;

    fn deref(&self) -> &Entries {
        &self.0
    }
}

impl DerefMut for Map {
    fn deref_mut(&mut self) -> &mut Entries {
        Arc::make_mut(&mut self.0)
    }
}

impl FromIterator<(Key, Node)> for Map {
    fn from_iter<I: IntoIterator<Item = (Key, Node)>>(entries: I) -> Self {
        Self(Arc::new(entries.into_iter().collect()))
    }
}

impl IntoIterator for Map {
    type Item = (Key, Node);
    type IntoIter = IntoIter<Key, Node>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

impl<'a> IntoIterator for &'a Map {
    type Item = (&'a Key, &'a Node);
    type IntoIter = Iter<'a, Key, Node>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::load_yaml;

    #[test]
    fn a_change_reaches_one_copy_and_copies_no_more_than_it_must() {
        let first = load_yaml(&"x".into(), "{a: {b: 1}, c: {d: 2}}").expect("a tree");
        let mut second = first.clone();
        *second.child_mut("a").and_then(|a| a.child_mut("b")).expect("a.b") = Node::empty_map();
        assert_eq!(first.at("a.b").map(|b| b.value.kind()), Some("an integer"));
        assert_eq!(second.at("a.b").map(|b| b.value.kind()), Some("a map"));
        let [one, other] = [&first, &second].map(|tree| tree.child("c").and_then(Node::as_map).expect("c"));
        assert!(Arc::ptr_eq(&one.0, &other.0));
    }
}
