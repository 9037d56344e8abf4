//! Files that one configuration loads more than once, each time with what they say by then.
//!
//! Hydra reads a file once and keeps it. Where such a file brings a map or a list to the root of the tree for a key that has
//! none, what was read becomes a part of the tree itself, so that whatever is merged into that part later is also what the file
//! says when it is loaded again (`ConfigLoaderImpl._compose_config_from_defaults_list`, with `no_deepcopy_set_nodes`). Trees in
//! which two experiments inherit from a third depend on it.

use std::collections::BTreeMap;

use super::defaults::Load;
use super::merge::node_at;
use super::node::{Key, Node, Value};

/// What the files say by now that are loaded more than once.
pub(super) struct Repeated<'a>(BTreeMap<&'a str, File>);

#[derive(Default)]
struct File {
    /// What it said when it was read, and since then of parts that the tree no longer has.
    body: Option<Node>,
    /// Where maps and lists of it became those of the tree.
    shared: Vec<Shared>,
}

struct Shared {
    place: Vec<Key>,
    /// Whether they still are. What the tree had once, it gets as a copy.
    is_there: bool,
}

impl<'a> Repeated<'a> {
    /// The files that are among `loads` more than once.
    pub(super) fn among(loads: &'a [Load]) -> Self {
        let mut counts = BTreeMap::<&str, usize>::new();
        loads.iter().for_each(|load| *counts.entry(&load.path).or_default() += 1);
        let repeated = counts.into_iter().filter(|(_, count)| *count > 1);
        Self(repeated.map(|(path, _)| (path, File::default())).collect())
    }

    /// What a file says that is about to be merged into `tree`, where it said `body` when it was read.
    pub(super) fn body(&mut self, load: &Load, body: &Node, tree: &mut Node) -> Node {
        let Some(file) = self.0.get_mut(load.path.as_str()) else { return body.clone() };
        let mut says = file.body.get_or_insert_with(|| body.clone()).clone();
        for Shared { place, .. } in file.shared.iter().filter(|shared| shared.is_there) {
            match node_at(tree, place).filter(|_| !load.package.is_empty()) {
                Some(node) => put(&mut says, place, node.clone()),
                // At the root it would be merged with itself.
                None => take(&mut says, place),
            }
        }
        if load.package.is_empty() {
            share(&mut Vec::new(), &says, Some(tree), &mut file.shared);
        }
        says
    }

    /// Keeps for their files the parts of `tree` that `over` is about to replace.
    pub(super) fn keep(&mut self, tree: &mut Node, over: &Node) {
        for file in self.0.values_mut() {
            let Some(body) = &mut file.body else { continue };
            for shared in file.shared.iter_mut().filter(|shared| shared.is_there && replaces(over, &shared.place)) {
                if let Some(node) = node_at(tree, &shared.place) {
                    put(body, &shared.place, node.clone());
                }
                shared.is_there = false;
            }
        }
    }
}

/// Adds the places of the maps and lists of `says` for which `tree` has none.
fn share(place: &mut Vec<Key>, says: &Node, tree: Option<&mut Node>, shared: &mut Vec<Shared>) {
    let (Value::Map(says), Some(Node { value: Value::Map(tree), .. })) = (&says.value, tree) else { return };
    for (key, node) in says {
        place.push(key.clone());
        match tree.get_mut(key) {
            _ if !node.value.is_container() => {}
            Some(there) if there.value.is_container() => share(place, node, Some(there), shared),
            // A copy of what it refers to takes its place before anything is merged into it.
            Some(there) if there.value.is_interpolated() => {}
            _ if shared.iter().any(|known| known.place == *place) => {}
            _ => shared.push(Shared { place: place.clone(), is_there: true }),
        }
        place.pop();
    }
}

/// Whether the container at `place` would be another one when `over` has been merged into its tree.
fn replaces(over: &Node, place: &[Key]) -> bool {
    let (mut over, mut rest) = (Some(over), place.iter());
    while let Some(node) = over {
        match (&node.value, rest.next()) {
            (Value::Map(map), Some(key)) => over = map.get(key),
            (value, _) => return !value.is_container() && !value.is_missing(),
        }
    }
    false
}

/// Puts a node at a place; the maps on the way there are in the file that has the place.
fn put(body: &mut Node, place: &[Key], node: Node) {
    if let Some(target) = node_at(body, place) {
        *target = node;
    }
}

fn take(body: &mut Node, place: &[Key]) {
    let parent = place.split_last().and_then(|(key, parent)| Some((key, node_at(body, parent)?)));
    if let Some((key, Node { value: Value::Map(map), .. })) = parent {
        map.shift_remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Library, Mode, Place, Request, SearchPath, View, World, compose};

    const FILES: &[(&str, &str)] = &[
        ("config.yaml", "defaults: [_self_]\ntrain: {epochs: 1}"),
        (
            "e/base.yaml",
            "# @package _global_\noptim: {lr: 0.1, name: adam}\ntop: 1\nlst: [1]\nlm: {l: [1], m: {a: 1}}\n\
             train: {new: {a: 1}, leaf: 1}",
        ),
        (
            "e/big.yaml",
            "# @package _global_\ndefaults: [base, _self_]\noptim: {lr: 0.5, extra: 1}\ntop: 5\nlst: [5]\n\
             lm: {l: [5], m: {a: 5}}\ntrain: {new: {a: 5}, leaf: 5}",
        ),
        ("e/seeded.yaml", "# @package _global_\ndefaults: [base, _self_]\nseed: 3"),
        ("e/none.yaml", "# @package _global_\ndefaults: [base, _self_]\noptim: 7\nlm: {m: 8}"),
        ("e/more.yaml", "# @package _global_\ndefaults: [base, _self_]\noptim: {lr: 9}\nlm: {m: {z: 2}}"),
        ("e/apart.yaml", "# @package _global_\ndefaults: [base@x]"),
    ];

    fn composed(word: &str) -> String {
        let library = Library::new(SearchPath::new(Place::Embedded(FILES)));
        let world = World {
            env: Default::default(),
            now: "2024-01-02T03:04:05[UTC]".parse().expect("an instant"),
            cwd: "/".into(),
            job_name: "exp".to_owned(),
        };
        let (library, overrides) = (&library, &[word.to_owned()]);
        let request = Request { library, config_name: "config", overrides, mode: Mode::Run, job: None, world: &world };
        compose(&request).and_then(|composed| Ok(composed.print(&View::default())?)).expect("composes")
    }

    /// What Hydra 1.3.2 with OmegaConf 2.3 answers.
    #[test]
    fn a_file_says_what_it_has_become() {
        let inherited = "train:\n  epochs: 1\n  new:\n    a: 5\n  leaf: 1\noptim:\n  lr: 0.5\n  name: adam\n  extra: 1\n\
                         top: 1\nlst:\n- 5\nlm:\n  l:\n  - 5\n  m:\n    a: 5\nseed: 3\n";
        assert_eq!(composed("+e=[big,seeded]"), inherited);
        // What was replaced comes back as it was, and is a copy from then on.
        assert_eq!(composed("+e=[big,none,seeded]"), inherited.replace("m:\n    a: 5", "m: 8"));
        assert_eq!(composed("+e=[big,none,more,seeded]"), inherited.replace("m:\n    a: 5", "m:\n    z: 2"));
        // In another package there is nothing that it could be merged with.
        assert!(composed("+e=[big,apart]").ends_with(
            "x:\n  optim:\n    lr: 0.5\n    name: adam\n    extra: 1\n  top: 1\n  \
            lst:\n  - 5\n  lm:\n    l:\n    - 5\n    m:\n      a: 5\n  train:\n    new:\n      a: 5\n    leaf: 1\n"
        ));
    }
}
