//! Help: how `exp` is called, and the configuration's own help text from the templates of the `hydra` node.

use std::collections::HashMap;

use clap::CommandFactory;

use super::Failure;
use super::run::composed;
use crate::cli::{Cli, Flags};
use crate::compose::{Library, Mode, View, World};
use crate::screen::answer;

/// How `exp` is called, then `hydra.help.template` filled in. Help is there even if the configuration is wrong.
pub(super) fn app(cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    answer(format_args!("{}\n", Flags::command().render_help()))?;
    let composed = composed(cli, library, world, &cli.overrides, Mode::Run)?;
    let config = composed.print(&View { resolve: cli.flags.resolve, ..View::default() })?;
    Ok(answer(filled(&composed.text("hydra.help.template")?, library, &config))?)
}

/// `hydra.hydra_help.template` filled in.
pub(super) fn hydra(cli: &Cli, library: &Library, world: &World) -> Result<(), Failure> {
    let composed = composed(cli, library, world, &cli.overrides, Mode::Run)?;
    let config = composed.print(&View::default())?;
    Ok(answer(filled(&composed.text("hydra.hydra_help.template")?, library, &config))?)
}

/// A template with its names replaced, as Python's `string.Template` does; an unknown name stays.
fn filled(template: &str, library: &Library, config: &str) -> String {
    let flags = Flags::command().render_help().to_string();
    let names: HashMap<&str, String> = HashMap::from([
        ("FLAGS_HELP", flags),
        ("APP_CONFIG_GROUPS", groups(library, |group| !is_hydra(group))),
        ("HYDRA_CONFIG_GROUPS", groups(library, is_hydra)),
        ("CONFIG", config.to_owned()),
    ]);
    let mut parts = template.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    let mut escaped = false;
    for part in parts {
        let braced = part.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
        let (name, rest) = braced.unwrap_or(part.split_at(end));
        match names.get(name) {
            _ if escaped => text.push_str(part),
            Some(value) => text.extend([value, rest]),
            None => text.extend(["$", part]),
        }
        // `$$` stands for one dollar: the empty part between the two wrote it.
        escaped = part.is_empty() && !escaped;
    }
    text
}

/// One line for each group with its options.
fn groups(library: &Library, wanted: impl Fn(&str) -> bool) -> String {
    let groups = library.search.all_groups().into_iter().filter(|group| wanted(group));
    groups.map(|group| format!("{group}: {}\n", library.search.options(&group).join(", "))).collect()
}

fn is_hydra(group: &str) -> bool {
    group == "hydra" || group.starts_with("hydra/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Place, SearchPath};

    #[test]
    fn templates_are_filled_as_python_fills_them() {
        let library = Library::new(SearchPath::new(Place::Embedded(&[("db/b.yaml", ""), ("db/a.yaml", "")])));
        for (template, want) in [
            ("<$CONFIG>", "<x: 1\n>"),
            ("${CONFIG}.", "x: 1\n."),
            ("$APP_CONFIG_GROUPS|", "db: a, b\n|"),
            ("$$CONFIG costs 5$", "$CONFIG costs 5$"),
            ("$OTHER", "$OTHER"),
        ] {
            assert_eq!(filled(template, &library, "x: 1\n"), want);
        }
    }
}
