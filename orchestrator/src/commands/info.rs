//! How a configuration comes about: search path, defaults, parts that can be chosen; laid out as Hydra does.

use super::Failure;
use super::run::{composed, warn};
use crate::cli::{Cli, Info};
use crate::compose::defaults::{Branch, Load, Selection};
use crate::compose::{Composed, Library, Mode, Node, Request, Value, View, World, select};
use crate::registry;
use crate::screen::{self, answer};

/// Prints what `--info` asks for.
pub(super) fn info(cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let composed = || -> Result<Composed, Failure> {
        let composed = composed(cli, library, world, &cli.overrides, Mode::Run)?;
        warn(&composed);
        Ok(composed)
    };
    let whole = || -> Result<String, Failure> {
        let composed = composed()?;
        let config = composed.print(&View { package: cli.flags.package.clone(), ..View::default() })?;
        let parts =
            [search_path(&composed), tree(&composed.stack.selected.defaults), list(&composed.stack.selected.loads)];
        Ok(format!("{}{}{config}\n", parts.concat(), header("Config", '*')))
    };
    let text = match cli.flags.info.unwrap_or(Info::All) {
        Info::All => {
            format!("{}{}{}", header(concat!("exp ", env!("CARGO_PKG_VERSION")), '='), plugins(library), whole()?)
        }
        Info::Config => whole()?,
        Info::Defaults => list(&selected(cli, library, world)?.loads),
        Info::DefaultsTree => tree(&selected(cli, library, world)?.defaults),
        Info::Plugins => plugins(library),
        Info::Searchpath => search_path(&composed()?),
    };
    Ok(answer(text)?)
}

/// What the defaults lists come to, also where the values do not compose.
fn selected(cli: &Cli, library: &Library, world: &World) -> Result<Selection, Failure> {
    let config_name = cli.flags.config_name.as_deref().unwrap_or("config");
    let request = Request { library, config_name, overrides: &cli.overrides, mode: Mode::Run, job: None, world };
    let (selected, warnings) = select(&request)?;
    warnings.iter().for_each(screen::warn);
    Ok(selected)
}

/// A heading, underlined.
fn header(text: &str, filler: char) -> String {
    format!("{text}\n{}\n", filler.to_string().repeat(text.chars().count()))
}

/// Where configuration files are looked for, also those places that the configuration itself names.
fn search_path(composed: &Composed) -> String {
    let sources = composed.tree.at("hydra.runtime.config_sources").map(|node| &node.value);
    let Some(Value::List(sources)) = sources else { return String::new() };
    let text = |source: &Node, key: &str| {
        source.child(key).and_then(|node| node.value.as_str()).unwrap_or_default().to_owned()
    };
    let rows = sources
        .iter()
        .map(|source| vec![text(source, "provider"), format!("{}://{}", text(source, "schema"), text(source, "path"))]);
    format!("\n{}{}", header("Config search path", '*'), table(&["Provider", "Search path"], "", rows.collect()))
}

/// Which file asks for which.
fn tree(roots: &[Branch]) -> String {
    fn add(text: &mut String, branch: &Branch, indent: usize) {
        let colon = if branch.children.is_empty() { "" } else { ":" };
        text.push_str(&format!("{:indent$}{}{colon}\n", "", branch.name));
        for child in &branch.children {
            add(text, child, indent + 2);
        }
    }
    let mut text = format!("\n{}", header("Defaults Tree", '*'));
    add(&mut text, &Branch { name: "<root>".to_owned(), children: roots.to_vec() }, 0);
    text
}

/// The files in the order of merging.
fn list(loads: &[Load]) -> String {
    let rows = loads.iter().map(|load| {
        let is_self = if load.is_self { "True" } else { "False" };
        let parent = load.parent.as_deref().unwrap_or("<root>");
        vec![load.path.clone(), load.package.clone(), is_self.to_owned(), parent.to_owned()]
    });
    let columns = ["Config path", "Package", "_self_", "Parent"];
    // The blank at the end is Hydra's.
    format!("\n{}{}", header("Defaults List", '*'), table(&columns, " ", rows.collect()))
}

/// What can be put in: backends, launchers, sweepers.
fn plugins(library: &Library) -> String {
    let mut text = header("Installed Plugins", '*');
    let groups = [
        ("Backend", registry::names()),
        ("Launcher", library.search.options("hydra/launcher")),
        ("Sweeper", library.search.options("hydra/sweeper")),
    ];
    for (kind, names) in groups {
        text.push_str(&format!("\t{kind}:\n\t{}\n", "-".repeat(kind.len() + 1)));
        for name in names {
            text.push_str(&format!("\t\t{name}\n"));
        }
    }
    text
}

/// Rows in columns as wide as their widest entry, between rules; the head has an `end` of its own.
fn table(columns: &[&str], end: &str, rows: Vec<Vec<String>>) -> String {
    let head: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
    let width = |n: usize| rows.iter().chain([&head]).map(|row| row[n].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let head = line(&head) + end;
    let rule = "-".repeat(head.chars().count());
    let lines = [head, rule.clone()].into_iter().chain(rows.iter().map(line)).chain([rule]);
    lines.map(|line| line + "\n").collect()
}
