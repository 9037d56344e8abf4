//! Request in, composed configuration out: the stages in their order.

use std::sync::Arc;

use super::composed::Composed;
use super::defaults::{self, Choices, Selection};
use super::fragment::Library;
use super::hydra_node;
use super::interpolate::{Resolver, Scope};
use super::node::{Key, Map, Node, Value};
use super::overrides::{self, Kind, Override, Parsed, SweepValues};
use super::plugin;
use super::problem::{Caret, Problem, Problems, Warning, nearest};
use super::search::{Place, SearchPath, Source};
use super::stack::Stack;
use super::world::World;

/// What a composition is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// One run: sweeps are refused.
    #[default]
    Run,
    /// The configuration of a whole sweep: sweeping overrides are left out, and a group whose
    /// option only the sweep chooses may be open.
    Multirun,
}

/// Everything that a composition depends on.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The configuration files.
    pub library: &'a Library,
    /// The primary configuration, `config` unless `--config-name` says otherwise.
    pub config_name: &'a str,
    /// The overrides, as typed.
    pub overrides: &'a [String],
    /// What it is for.
    pub mode: Mode,
    /// The number of the job within its sweep.
    pub job: Option<usize>,
    /// The rest of the world.
    pub world: &'a World,
}

/// Composes a configuration.
///
/// # Errors
/// All problems of the first stage that has any.
pub fn compose(request: &Request) -> Result<Composed, Problems> {
    let overrides = Override::parse_all(request.overrides)?;
    check_sweeps(&overrides, request.mode)?;
    let (extended, mut warnings) = extended_search(request, &overrides)?;
    let library = extended.as_deref().unwrap_or(request.library);
    let open = request.mode == Mode::Multirun;
    let sorted = Choices::sort(&library.search, overrides.clone());
    let (choices, values) = sorted.map_err(|problems| library.explain(problems))?;
    let stack = Stack::of(library, request.config_name, choices, open, request.world)?;
    warnings.extend(library.warnings());
    warnings.extend(stack.selected.warnings.iter().cloned());
    let mut tree = stack.tree.clone();
    overrides::apply(&mut tree, &values, request.world).map_err(|problems| near_groups(problems, library))?;
    finish_hydra(&mut tree, request, library, &overrides, &stack)?;
    let words = |hydra| overrides.iter().filter(|o| o.is_hydra() == hydra).map(|o| o.text.to_string()).collect();
    Ok(Composed {
        tree,
        stack,
        task_overrides: words(false),
        hydra_overrides: words(true),
        warnings,
        world: request.world.clone(),
    })
}

/// Works out which files make up a configuration. Whether the values in them and on the command line go together is not
/// looked at.
///
/// # Errors
/// All problems of the first stage that has any.
pub fn select(request: &Request) -> Result<(Selection, Vec<Warning>), Problems> {
    let overrides = Override::parse_all(request.overrides)?;
    let (extended, mut warnings) = extended_search(request, &overrides)?;
    let library = extended.as_deref().unwrap_or(request.library);
    let open = request.mode == Mode::Multirun;
    let selected = Choices::sort(&library.search, overrides)
        .and_then(|(choices, _)| defaults::select(library, request.config_name, choices, request.world, open))
        .map_err(|problems| library.explain(problems))?;
    warnings.extend(library.warnings());
    warnings.extend(selected.warnings.iter().cloned());
    Ok((selected, warnings))
}

/// Offers the nearest group where a key of the root is unknown: the word may have been meant to choose an option.
fn near_groups(mut problems: Problems, library: &Library) -> Problems {
    for problem in &mut problems.0 {
        let Some(key) = problem.key.clone().filter(|key| problem.caret == Caret::Key && !key.contains('.')) else {
            continue;
        };
        let groups = library.search.all_groups();
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let offered = problem.hint.as_ref().is_some_and(|hint| hint.starts_with("did you mean"));
        if let Some(group) = nearest(&key, &groups).filter(|_| !offered) {
            problem.hint = Some(format!("did you mean the group `{group}`?"));
        }
    }
    problems
}

/// Sweeps belong to a multirun, and never to the `hydra` node.
fn check_sweeps(overrides: &[Override], mode: Mode) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for item in overrides {
        let problem = match (item.sweep().map(|sweep| &sweep.values), mode) {
            (None, _) => continue,
            (Some(_), Mode::Multirun) if item.is_hydra() => Problem::new("the hydra node cannot be swept over"),
            (Some(_), Mode::Multirun) => continue,
            (Some(SweepValues::Choice { simple: true, .. }), Mode::Run) => {
                let value = item.text.split_once('=').map_or("", |(_, value)| value);
                let key = item.prefixed_key();
                Problem::new("several values where one is expected")
                    .hint(format!("as a list: {key}=[{value}]; as text: \"{key}='{value}'\"; to sweep: --multirun"))
            }
            (Some(_), Mode::Run) => Problem::new("a sweep needs --multirun"),
        };
        problems.0.push(problem.key(item.full_key()).origin(&item.origin()));
    }
    problems.or_ok(())
}

/// The library with the places of `hydra.searchpath`, if there are any, and warnings about those
/// that do not exist.
fn extended_search(request: &Request, overrides: &[Override]) -> Result<(Option<Arc<Library>>, Vec<Warning>), Problem> {
    let written = match request.library.load(request.config_name)? {
        Some(fragment) => match &fragment.body.value {
            Value::Map(_) => fragment.body.at("hydra.searchpath").cloned(),
            other => {
                let found = other.kind();
                return Err(Problem::new(format!("the primary configuration is a map, found {found}"))
                    .trail(&fragment.body.trail));
            }
        },
        None => None,
    };
    let typed = overrides.iter().find(|o| o.key == "hydra.searchpath" && o.package.is_none() && o.kind == Kind::Change);
    let (list, provider) = match typed.map(|o| (o, &o.value)) {
        Some((o, Some(Parsed::Element(element)))) => {
            (Some(element.to_node(&o.origin()).map_err(Problem::new)?), "hydra.searchpath in command-line")
        }
        _ => (written, "hydra.searchpath in main"),
    };
    let Some(list) = list.filter(|list| list.value != Value::Null) else { return Ok((None, Vec::new())) };
    let refused = || Problem::new("expected a list of strings").key("hydra.searchpath").trail(&list.trail);
    let Value::List(items) = &list.value else { return Err(refused()) };
    let mut dirs = Vec::new();
    let mut warnings = Vec::new();
    let primary = Node { value: Value::Map(Map::new()), trail: list.trail.clone() };
    for item in items {
        let text = match &item.value {
            Value::Str(_) if item.value.is_interpolated() => {
                let resolver = Resolver::new(&primary, request.world, Scope::All);
                resolver.evaluate(item.value.as_str().unwrap_or_default())?
            }
            value => value.clone(),
        };
        let Value::Str(text) = text else { return Err(refused()) };
        let problem = |message: String| Problem::new(message).key("hydra.searchpath").trail(&item.trail);
        let dir = match text.split_once("://") {
            None => text.as_str(),
            Some(("file", path)) => path,
            // What it has and is needed is missed by name.
            Some((scheme, _)) => {
                let problem = problem(format!("`{scheme}://` names no directory, and is left out"));
                warnings.push(Warning(problem.hint("the directory itself: file:///...")));
                continue;
            }
        };
        let place = request.world.cwd.join(dir);
        if !place.is_dir() {
            warnings.push(Warning(problem(format!("`{text}` is not there"))));
        }
        dirs.push((dir.to_owned(), place));
    }
    Ok((Some(request.library.and(provider, dirs)), warnings))
}

/// Checks the `hydra` node and writes what is known only now.
fn finish_hydra(
    tree: &mut Node,
    request: &Request,
    library: &Library,
    overrides: &[Override],
    stack: &Stack,
) -> Result<(), Problems> {
    let Some(hydra) = tree.child_mut("hydra") else { return Ok(()) };
    hydra_node::check(hydra)?;
    check_plugins(hydra)?;
    let set = hydra_node::set;
    let words = |is_hydra| {
        let words = overrides.iter().filter(move |o| o.is_hydra() == is_hydra);
        hydra_node::strings(words.map(|o| &*o.text))
    };
    set(hydra, "overrides.hydra", words(true));
    set(hydra, "overrides.task", words(false));
    let choices = stack.selected.choices.iter().map(|(key, option)| (key.as_str(), option.as_deref()));
    set(hydra, "runtime.choices", hydra_node::table(choices));
    copy_env(hydra, request.world)?;
    set(hydra, "runtime.version", Value::str(hydra_node::VERSION));
    set(hydra, "runtime.version_base", Value::str(hydra_node::VERSION_BASE));
    set(hydra, "runtime.cwd", Value::str(request.world.cwd.to_string_lossy()));
    set(hydra, "runtime.config_sources", config_sources(&library.search, request.world));
    if hydra.at("job.name").is_none_or(|name| name.value.is_missing()) {
        set(hydra, "job.name", Value::str(&request.world.job_name));
    }
    set(hydra, "job.config_name", Value::str(request.config_name));
    if let Some(number) = request.job {
        set(hydra, "job.num", Value::Int(number as i128));
        set(hydra, "job.id", Value::str(number.to_string()));
    }
    let dirname = override_dirname(tree, request.world, overrides)?;
    if let Some(hydra) = tree.child_mut("hydra") {
        set(hydra, "job.override_dirname", Value::Str(dirname));
    }
    Ok(())
}

/// Finds what files say to launcher and sweeper that these do not know.
fn check_plugins(hydra: &Node) -> Result<(), Problems> {
    let mut problems = Problems::default();
    for name in ["launcher", "sweeper"] {
        problems.collect_all(plugin::check(hydra, name, false));
    }
    problems.or_ok(())
}

fn copy_env(hydra: &mut Node, world: &World) -> Result<(), Problem> {
    for name in hydra_node::texts(hydra, "job.env_copy") {
        let Some(value) = world.env.get(&name) else {
            let problem = Problem::new(format!("environment variable `{name}` is not set"));
            let trail = hydra.at("job.env_copy").map(|n| n.trail.clone()).unwrap_or_default();
            return Err(problem.key("hydra.job.env_copy").trail(&trail));
        };
        let map = hydra.child_mut("job").and_then(|job| job.child_mut("env_set"));
        if let Some(map) = map.and_then(Node::as_map_mut) {
            map.insert(Key::from(&*name), Node::builtin(Value::str(value)));
        }
    }
    Ok(())
}

fn config_sources(search: &SearchPath, world: &World) -> Value {
    let entry = |source: &Source| {
        let (path, schema) = match (&source.place, &source.written) {
            (_, Some(written)) => (written.clone(), "file"),
            (Place::Dir(dir), None) => (world.cwd.join(dir).to_string_lossy().into_owned(), "file"),
            (Place::Embedded(_), None) => (source.shown.clone(), "embedded"),
        };
        Node::builtin(hydra_node::table([
            ("path", Some(path.as_str())),
            ("schema", Some(schema)),
            ("provider", Some(source.provider)),
        ]))
    };
    Value::List(search.sources().iter().map(entry).collect())
}

/// The task's overrides as part of a directory's name.
fn override_dirname(tree: &Node, world: &World, overrides: &[Override]) -> Result<String, Problem> {
    let key = "hydra.job.config.override_dirname";
    let config = Resolver::new(tree, world, Scope::All).resolve(key)?;
    let config = config.map_or_else(|| Ok(Node::builtin(Value::Null)), |node| hydra_node::retyped(node, key))?;
    let text = |key: &str| config.at(key).and_then(|node| node.value.as_str()).unwrap_or_default();
    let excluded = hydra_node::texts(&config, "exclude_keys");
    let mut words: Vec<&str> =
        overrides.iter().filter(|o| !o.is_hydra() && !excluded.contains(&o.key)).map(|o| &*o.text).collect();
    words.sort_unstable();
    Ok(words.join(text("item_sep")).replace('=', text("kv_sep")))
}
