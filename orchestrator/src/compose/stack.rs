//! The files that choices lead to, laid over one another. Jobs of a sweep that choose the same options have one stack, and
//! differ in the values that are then set.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::defaults::{self, Choices, Load, Selection};
use super::fragment::Library;
use super::merge::{self, Keys};
use super::node::{Node, Value};
use super::problem::{Problem, Problems};
use super::repeated::Repeated;
use super::world::World;

/// How many values a configuration may hold.
const MAX_NODES: usize = 1_000_000;
/// How many stacks a library keeps, and of how many values: sweeps may go over many options, and trees may be large.
const KEPT: usize = 32;
const KEPT_NODES: usize = 100_000;

/// Files in their order, and the tree that they make.
#[derive(Debug)]
pub struct Stack {
    /// The files, and who asked for them.
    pub selected: Selection,
    /// The files merged, each under its package.
    pub tree: Node,
    /// How many values the tree holds.
    size: usize,
}

/// What a stack of a library depends on.
#[derive(PartialEq)]
struct Asked {
    config_name: String,
    /// The overrides that choose options.
    words: Vec<Arc<str>>,
    open: bool,
    world: World,
}

/// The stacks that were made last.
#[derive(Default)]
pub(super) struct Stacks(Mutex<VecDeque<(Asked, Arc<Stack>)>>);

impl Stack {
    /// The stack of a primary configuration and of `choices`; of an `open` one, a group may be without an option.
    ///
    /// # Errors
    /// Files that are not there or do not go together, entries that contradict each other, choices that meet nothing.
    pub fn of(
        library: &Library,
        config_name: &str,
        choices: Choices,
        open: bool,
        world: &World,
    ) -> Result<Arc<Stack>, Problems> {
        let words = choices.words.clone();
        let asked = Asked { config_name: config_name.to_owned(), words, open, world: world.clone() };
        let kept = || library.stacks.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = kept().iter().find(|(known, _)| *known == asked) {
            return Ok(Arc::clone(known));
        }
        let selected = defaults::select(library, config_name, choices, world, open);
        let selected = selected.map_err(|problems| library.explain(problems))?;
        let tree = merged(library, &selected.loads, world)?;
        let stack = Arc::new(Stack { size: tree.size(), selected, tree });
        let mut kept = kept();
        kept.push_front((asked, Arc::clone(&stack)));
        while kept.len() > KEPT || kept.iter().map(|(_, stack)| stack.size).sum::<usize>() > KEPT_NODES {
            kept.pop_back();
        }
        Ok(stack)
    }
}

/// Merges the files in order, each under its package.
fn merged(library: &Library, loads: &[Load], world: &World) -> Result<Node, Problem> {
    let (mut tree, mut repeated) = (Node::empty_map(), Repeated::among(loads));
    for load in loads {
        let Some(fragment) = library.load(&load.path)? else {
            return Err(Problem::new(format!("there is no `{}`", load.path)).origin(&load.origin));
        };
        let body = repeated.body(load, &fragment.body, &mut tree);
        let over = merge::embed(body, &load.package).map_err(|problem| problem.origin(&load.origin))?;
        let own = load.primary || load.path == "hydra/config";
        if let Some(path) = over.at("hydra.searchpath").filter(|node| !own && node.value != Value::Null) {
            return Err(Problem::new("only the primary configuration may extend the search path")
                .key("hydra.searchpath")
                .trail(&path.trail));
        }
        repeated.keep(&mut tree, &over);
        merge::merge(&mut tree, &[], over, world, Keys::Open)?;
        if tree.size() > MAX_NODES {
            return Err(Problem::new(format!("more than {MAX_NODES} values")).origin(&load.origin));
        }
    }
    Ok(tree)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Mode, Part, Place, Request, SearchPath, View, compose};

    const FILES: &[(&str, &str)] = &[
        ("config.yaml", "defaults: [g: a, h@x: '${oc.env:V}', _self_]\nn: {m: 1}"),
        ("g/a.yaml", "v: a\nlist: [1]"),
        ("g/b.yaml", "v: b"),
        ("h/a.yaml", "w: a"),
        ("h/b.yaml", "w: b\nu: ${n}"),
        ("odd.yaml", "defaults: [optinal g: b]\nn: 2"),
    ];

    fn world(v: &str) -> World {
        World {
            env: std::collections::BTreeMap::from([("V".to_owned(), v.to_owned())]).into(),
            now: "2024-01-02T03:04:05[UTC]".parse().expect("an instant"),
            cwd: "/".into(),
            job_name: "exp".to_owned(),
        }
    }

    fn library() -> Library {
        Library::new(SearchPath::new(Place::Embedded(FILES)))
    }

    /// All that a request comes to, in words.
    fn answer(library: &Library, config_name: &str, words: &[&str], world: &World) -> String {
        let overrides: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let mode = if words.iter().any(|word| word.contains(',')) { Mode::Multirun } else { Mode::Run };
        let request = Request { library, config_name, overrides: &overrides, mode, job: None, world };
        let view = View { part: Part::All, origins: true, ..View::default() };
        match compose(&request) {
            Ok(composed) => {
                let text = composed.print(&view).expect("text");
                format!("{text}{:?}{:?}", composed.stack, composed.warnings)
            }
            Err(problems) => problems.to_string(),
        }
    }

    #[test]
    fn what_is_kept_is_what_would_be_made() {
        // A library warns of every file that it has read, so the odd one has a library of its own.
        let [kept, odd] = [library(), library()];
        let [first, second] = [world("a"), world("b")];
        let requests: &[(&str, &[&str], &World)] = &[
            ("config", &[], &first),
            ("config", &["n.m=2", "x.w=c"], &first),
            ("config", &["+x.w.deep=1"], &first),
            ("config", &["~n"], &first),
            ("config", &["g=b", "x.u.m=3"], &second),
            ("config", &["g=b"], &first),
            ("config", &["+g@y=a", "y.list=[2]"], &first),
            ("config", &["g=c"], &first),
            ("config", &["g=c"], &first),
            ("config", &["~g"], &first),
            ("config", &[], &second),
            ("config", &["++g=b"], &first),
            ("config", &["g=a,b", "n.m=1"], &first),
            ("config", &["g=a,b", "n.m=1,2"], &first),
            ("odd", &[], &first),
            ("odd", &["n=3"], &first),
            ("odd", &["++g=b"], &first),
        ];
        // Twice, so that every one of them finds what the others left.
        for (name, words, world) in requests.iter().chain(requests) {
            let kept = if *name == "odd" { &odd } else { &kept };
            assert!(answer(kept, name, words, world) == answer(&library(), name, words, world), "{name} {words:?}");
        }
        assert!(kept.stacks.0.lock().expect("stacks").len() < requests.len(), "requests that share a stack have one");
    }
}
