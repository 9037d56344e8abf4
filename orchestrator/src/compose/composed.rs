//! A composed configuration, and the views that `--cfg` prints.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::emit;
use super::hydra_node;
use super::interpolate::{Resolver, Scope};
use super::node::{self, Key, Node, Value};
use super::plugin;
use super::problem::{Problem, Problems, Warning};
use super::python;
use super::stack::Stack;
use super::world::World;

/// A composed configuration. Interpolations stay in the tree until they are asked for.
#[derive(Clone, Debug)]
pub struct Composed {
    /// The job's configuration and the `hydra` node.
    pub tree: Node,
    /// The files it was made of.
    pub stack: Arc<Stack>,
    /// The overrides of the job, as typed.
    pub task_overrides: Vec<String>,
    /// The overrides of the `hydra` node, as typed.
    pub hydra_overrides: Vec<String>,
    /// What is odd but no error.
    pub warnings: Vec<Warning>,
    /// The world that resolvers see.
    pub world: World,
}

/// What of a configuration is printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The part of the tree.
    pub part: Part,
    /// The dotted path below which to print; `_global_` is everything.
    pub package: Option<String>,
    /// Whether interpolations are replaced by their values.
    pub resolve: bool,
    /// Whether a comment behind each value says who set it.
    pub origins: bool,
    /// Whether the templates of help texts, which are long and of no interest among the settings, are left out.
    pub brief: bool,
}

impl View {
    fn package(&self) -> Option<&str> {
        self.package.as_deref().filter(|package| *package != "_global_")
    }
}

/// A part of the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// The job's configuration.
    #[default]
    Job,
    /// The `hydra` node.
    Hydra,
    /// Both.
    All,
}

impl Composed {
    /// The node at a dotted path with its interpolations resolved; `None` if nothing is there.
    ///
    /// # Errors
    /// An interpolation has no value.
    pub fn resolve(&self, path: &str) -> Result<Option<Node>, Problem> {
        let found = self.resolver(Scope::All).resolve(path)?;
        found.map(|node| hydra_node::retyped(node, path)).transpose()
    }

    /// The places that the interpolation at a dotted path reads, in order; none if it is a plain value.
    ///
    /// # Errors
    /// The interpolation has no value.
    pub fn reads(&self, path: &str) -> Result<Vec<String>, Problem> {
        let job = node::keys(path).next() != Some("hydra");
        self.resolver(if job { Scope::Job } else { Scope::All }).reads(path)
    }

    /// The node `hydra.sweeper`, with its interpolations resolved.
    ///
    /// # Errors
    /// There is none, its class does not have such options, or an interpolation has no value.
    pub fn sweeper(&self) -> Result<Node, Problems> {
        if let Some(hydra) = self.tree.child("hydra") {
            plugin::check(hydra, "sweeper", true)?;
        }
        let path = "hydra.sweeper";
        let node = self.resolve(path)?.filter(|node| !node.value.is_missing());
        Ok(node.ok_or_else(|| Problem::new("there is no sweeper").key(path))?)
    }

    /// The text at a dotted path, such as `hydra.run.dir`.
    ///
    /// # Errors
    /// Nothing is there, it is no plain value, or it cannot be resolved.
    pub fn text(&self, path: &str) -> Result<String, Problem> {
        let named = |problem: Problem| match (&problem.key, self.tree.at(path)) {
            (None, Some(node)) => problem.key(path).trail(&node.trail),
            _ => problem,
        };
        match self.resolve(path).map_err(named)? {
            Some(node) if !node.value.is_container() && !node.value.is_missing() => Ok(python::str(&node.value)),
            Some(node) => {
                let found = if node.value.is_missing() { "???" } else { node.value.kind() };
                Err(Problem::new(format!("expected a value, found {found}")).key(path).trail(&node.trail))
            }
            None => Err(Problem::new("there is no such key").key(path)),
        }
    }

    /// What a text with interpolations, as a value of the root, stands for.
    ///
    /// # Errors
    /// An interpolation has no value.
    pub fn fill(&self, text: &str) -> Result<String, Problem> {
        self.resolver(Scope::All).evaluate(text).map(|value| python::str(&value))
    }

    /// The job's configuration with all interpolations resolved: what a job is given.
    ///
    /// # Errors
    /// All interpolations that have no value.
    pub fn job(&self) -> Result<Node, Problems> {
        self.resolver(Scope::Job).resolve_all()
    }

    /// Puts another job's configuration in the place of this one's; the `hydra` node stays.
    pub fn become_job(&mut self, job: Node, overrides: Vec<String>) {
        let hydra = self.tree.as_map_mut().and_then(|map| map.shift_remove("hydra"));
        self.tree = job;
        if let (Some(map), Some(mut hydra)) = (self.tree.as_map_mut(), hydra) {
            hydra_node::set(&mut hydra, "overrides.task", hydra_node::strings(overrides.iter().map(String::as_str)));
            map.insert(Key::from("hydra"), hydra);
        }
        self.task_overrides = overrides;
    }

    /// Writes where the run's files go into the `hydra` node, absolute and without `..`; says whether that was not known before.
    pub fn set_output_dir(&mut self, dir: &Path) -> bool {
        let dir = Value::str(abspath(dir).to_string_lossy());
        match self.tree.child_mut("hydra") {
            Some(hydra) if hydra.at("runtime.output_dir").is_none_or(|node| node.value != dir) => {
                hydra_node::set(hydra, "runtime.output_dir", dir);
                true
            }
            _ => false,
        }
    }

    /// Where the run's files go, once that is written there.
    pub fn output_dir(&self) -> Option<&str> {
        self.tree.at("hydra.runtime.output_dir")?.value.as_str()
    }

    /// Writes what is about to happen into the `hydra` node, where it does not say, as an override that was typed last.
    pub fn begin(&mut self, mode: &str) {
        let Some(hydra) = self
            .tree
            .child_mut("hydra")
            .filter(|hydra| hydra.child("mode").is_none_or(|mode| mode.value == Value::Null))
        else {
            return;
        };
        hydra_node::set(hydra, "mode", Value::str(mode));
        self.hydra_overrides.push(format!("hydra.mode={mode}"));
        let words = self.hydra_overrides.iter().map(String::as_str);
        hydra_node::set(hydra, "overrides.hydra", hydra_node::strings(words));
    }

    /// The part of the tree that a view shows.
    ///
    /// # Errors
    /// The package is not there, or an interpolation has no value.
    pub fn view(&self, view: &View) -> Result<Node, Problem> {
        let scope = match view.part {
            Part::Job => Scope::Job,
            Part::Hydra => Scope::Hydra,
            Part::All => Scope::All,
        };
        let path = view.package().unwrap_or_default();
        let resolver = self.resolver(scope);
        let found = match view.resolve {
            true => resolver.resolve(path)?.map(|node| hydra_node::retyped(node, path)).transpose()?,
            false => resolver.select(path)?,
        };
        let found = found.filter(|node| node.value != Value::Null && !node.value.is_missing());
        let Some(mut node) = found else {
            return Err(Problem::new(format!("there is no package `{path}` in this configuration")));
        };
        if view.brief && view.part == Part::Hydra {
            hide_help(&mut node, path);
        }
        Ok(node)
    }

    /// The text that `--cfg` prints for a view: YAML, or a scalar as it is.
    ///
    /// # Errors
    /// As [`Composed::view`].
    pub fn print(&self, view: &View) -> Result<String, Problem> {
        let node = self.view(view)?;
        if !node.value.is_container() {
            return Ok(format!("{}\n", python::str(&node.value)));
        }
        let header = view.package().map(|package| format!("# @package {package}\n"));
        let text = if view.origins { emit::yaml_with_origins(&node) } else { emit::yaml(&node) };
        Ok(header.unwrap_or_default() + &text)
    }

    /// The words that span a sweep: `hydra.sweeper.params`, then the task's overrides.
    ///
    /// # Errors
    /// An interpolation of the parameters has no value.
    pub fn sweep_words(&self) -> Result<Vec<String>, Problem> {
        let params = self.resolve("hydra.sweeper.params")?;
        let params = params.as_ref().and_then(Node::as_map).into_iter().flatten();
        let params = params.map(|(key, node)| format!("{key}={}", python::str(&node.value)));
        Ok(params.chain(self.task_overrides.iter().cloned()).collect())
    }

    fn resolver(&self, scope: Scope) -> Resolver<'_> {
        Resolver::new(&self.tree, &self.world, scope)
    }
}

/// As Python's `os.path.abspath`: symbolic links stay.
fn abspath(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match part {
            // Above the root there is the root.
            Component::ParentDir => drop(normal.pop()),
            part => normal.push(part),
        }
    }
    normal
}

fn hide_help(node: &mut Node, path: &str) {
    let hydra = match path {
        "" => node.child_mut("hydra"),
        "hydra" => Some(node),
        _ => None,
    };
    if let Some(map) = hydra.and_then(Node::as_map_mut) {
        map.shift_remove("help");
        map.shift_remove("hydra_help");
    }
}
