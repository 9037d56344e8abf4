//! The value of an interpolation in a tree.
//!
//! A [`Resolver`] reads a tree that it never changes. A reference leads to another place of the
//! tree and keeps that place, so that relative interpolations below it mean what they mean there.
//! Cycles, depth and the amount of work are bounded. How one text is evaluated is in `eval`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::compose::merge::dotted;
use crate::compose::node::{self, Key, MISSING, Node, Value};
use crate::compose::origin::Trail;
use crate::compose::problem::{Problem, Problems};
use crate::compose::world::World;

/// How deep a request may go: links of a chain of interpolations, and levels of the tree.
const MAX_DEPTH: usize = 200;
/// How many interpolations and values one request may visit.
const MAX_STEPS: usize = 1_000_000;

/// Which part of the tree absolute references see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything but the `hydra` node: what the job is given.
    Job,
    /// The `hydra` node alone, as `--cfg hydra` prints it.
    Hydra,
    /// Everything.
    All,
}

impl Scope {
    /// Whether a key of the root is in sight.
    pub(super) fn sees(self, key: &Key) -> bool {
        let hydra = matches!(key, Key::Str(text) if text == "hydra");
        match self {
            Self::Job => !hydra,
            Self::Hydra => hydra,
            Self::All => true,
        }
    }
}

/// The place of a node: the keys from the root.
pub type Path = Vec<Key>;

/// Where a reference leads.
#[derive(Clone, Debug)]
pub(super) enum Target<'a> {
    /// To a node of the tree that is no interpolation.
    Place(Path, &'a Node),
    /// To a value that a resolver or a text made; its references are already resolved.
    Made(Value),
}

/// Why there is no value.
#[derive(Debug)]
pub(super) enum Failure {
    /// The value is `???`.
    Missing,
    /// The reference is wrong.
    Problem(Problem),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// Resolves the interpolations of one tree.
pub struct Resolver<'a> {
    pub(super) root: &'a Node,
    pub(super) world: &'a World,
    pub(super) scope: Scope,
    work: Rc<Work>,
}

/// What a request has used up, shared by all resolvers that serve it.
#[derive(Default)]
struct Work {
    steps: Cell<usize>,
    depth: Cell<usize>,
    /// What is being resolved: only within it are values resolved in order.
    within: RefCell<Path>,
    /// The places that references led to, in order, while somebody asks for them.
    reads: RefCell<Option<Vec<Path>>>,
}

impl<'a> Resolver<'a> {
    /// A resolver over a whole tree, of which references see `scope`.
    pub fn new(root: &'a Node, world: &'a World, scope: Scope) -> Self {
        Self { root, world, scope, work: Rc::default() }
    }

    /// The node at a dotted path with everything below it resolved; `None` if nothing is there.
    ///
    /// # Errors
    /// The first interpolation on the way, or below, that has no value.
    pub fn resolve(&self, path: &str) -> Result<Option<Node>, Problem> {
        let keys: Vec<Key> = node::keys(path).map(Key::from).collect();
        self.work.within.replace(keys.clone());
        let trail = || self.root.at(path).map(|node| node.trail.clone()).unwrap_or_default();
        match self.look_up(&keys) {
            Ok(None) => Ok(None),
            Ok(Some(Target::Place(place, node))) => self.copy(&place, node).map(Some),
            Ok(Some(Target::Made(value))) => Ok(Some(Node { value, trail: trail() })),
            Err(Failure::Missing) => Ok(Some(Node { value: Value::str(MISSING), trail: trail() })),
            Err(Failure::Problem(problem)) => Err(problem),
        }
    }

    /// Where in the tree a dotted path leads, interpolations followed; `None` if that is nowhere in the tree.
    pub fn place(&self, path: &[&str]) -> Option<Path> {
        let keys: Vec<Key> = path.iter().map(|key| Key::from(*key)).collect();
        match self.look_up(&keys) {
            Ok(Some(Target::Place(place, _))) => Some(place),
            _ => None,
        }
    }

    /// The whole tree, as far as it is in sight, with everything resolved.
    ///
    /// # Errors
    /// All interpolations that have no value.
    pub fn resolve_all(&self) -> Result<Node, Problems> {
        self.work.within.replace(Path::new());
        let mut problems = Problems::default();
        let node = self.collect(&[], self.root, &mut problems);
        problems.or_ok(node)
    }

    /// The node at a dotted path as it stands; an interpolation at that path itself is followed.
    ///
    /// # Errors
    /// The path leads through an interpolation that has no value.
    pub fn select(&self, path: &str) -> Result<Option<Node>, Problem> {
        let keys: Vec<Key> = node::keys(path).map(Key::from).collect();
        match self.look_up(&keys) {
            Ok(Some(Target::Place(_, Node { value: Value::Map(map), trail }))) if path.is_empty() => {
                let seen = map.iter().filter(|(key, _)| self.scope.sees(key));
                let seen = seen.map(|(key, node)| (key.clone(), node.clone()));
                Ok(Some(Node { value: Value::Map(seen.collect()), trail: trail.clone() }))
            }
            Ok(Some(Target::Place(_, node))) => Ok(Some(node.clone())),
            Ok(Some(Target::Made(value))) => Ok(Some(Node { value, trail: Trail::default() })),
            Ok(None) | Err(Failure::Missing) => Ok(None),
            Err(Failure::Problem(problem)) => Err(problem),
        }
    }

    /// The value that an interpolated text of the root map would have.
    pub fn evaluate(&self, text: &str) -> Result<Value, Problem> {
        match self.text(text, &[]) {
            Ok(Target::Place(place, node)) => self.copy(&place, node).map(|node| node.value),
            Ok(Target::Made(value)) => Ok(value),
            Err(Failure::Missing) => Ok(Value::str(MISSING)),
            Err(Failure::Problem(problem)) => Err(problem),
        }
    }

    /// The places that an interpolated text at a dotted path reads, in order, also those that it reads through others;
    /// none for any other value.
    ///
    /// # Errors
    /// The interpolation has no value.
    pub fn reads(&self, path: &str) -> Result<Vec<String>, Problem> {
        self.work.reads.replace(Some(Vec::new()));
        let resolved = self.resolve(path);
        let reads = self.work.reads.take().unwrap_or_default();
        let mut places: Vec<String> = Vec::new();
        for place in reads.iter().map(|place| dotted(place)) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        resolved.map(|_| places)
    }

    /// Notes where a reference led.
    pub(super) fn read(&self, path: &[Key]) {
        if let Some(reads) = self.work.reads.borrow_mut().as_mut() {
            reads.push(path.to_vec());
        }
    }

    /// The container that an interpolated text at `place` leads to, if it does.
    pub fn container(&self, place: &[Key], text: &str) -> Option<Node> {
        match self.text(text, place) {
            Ok(Target::Place(_, node)) if node.value.is_container() => Some(node.clone()),
            Ok(Target::Made(value)) if value.is_container() => Some(Node { value, trail: Trail::default() }),
            _ => None,
        }
    }

    /// The same as this resolver, with other parts of the tree in sight.
    pub(super) fn with_scope(&self, scope: Scope) -> Self {
        Self { root: self.root, world: self.world, scope, work: self.work.clone() }
    }

    /// Whether a place is resolved by the time that a later one is reached.
    pub(super) fn is_before(&self, first: &[Key], second: &[Key]) -> bool {
        first.starts_with(&self.work.within.borrow()) && precedes(self.root, first, second)
    }

    /// Counts pieces of work, as long as there are not too many.
    pub(super) fn steps(&self, count: usize) -> Result<(), Problem> {
        self.work.steps.set(self.work.steps.get() + count);
        if self.work.steps.get() > MAX_STEPS {
            return Err(Problem::new("the interpolations expand without end"));
        }
        Ok(())
    }

    /// Goes one level deeper, as long as that is allowed.
    pub(super) fn deeper<T, E: From<Problem>>(&self, inner: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let depth = &self.work.depth;
        depth.set(depth.get() + 1);
        let result = if depth.get() > MAX_DEPTH {
            let message = format!("the interpolation refers to itself, or goes on over more than {MAX_DEPTH} others");
            Err(Problem::new(message).into())
        } else {
            inner()
        };
        depth.set(depth.get() - 1);
        result
    }
}

/// Whether one place stands before another in the tree.
fn precedes(root: &Node, first: &[Key], second: &[Key]) -> bool {
    let mut here = Some(root);
    for (a, b) in first.iter().zip(second) {
        match here.map(|node| &node.value) {
            Some(Value::Map(map)) if a != b => return map.get_index_of(a) < map.get_index_of(b),
            Some(Value::Map(map)) => here = map.get(a),
            Some(Value::List(items)) => match (a, b) {
                (Key::Int(a), Key::Int(b)) if a != b => return a < b,
                (Key::Int(a), _) => here = usize::try_from(*a).ok().and_then(|n| items.get(n)),
                _ => return false,
            },
            _ => return false,
        }
    }
    false
}
