//! Completion of words in a shell: groups, options, keys, current values, commands, flags and run directories.
//!
//! The shell asks with the line in COMP_LINE and the cursor in COMP_POINT, as bash does; the answer is one whole word a
//! line. The configuration is composed from the words before; if that fails, only groups are offered. Files are offered
//! behind `key=` for what begins as a path does; elsewhere an empty answer lets the shell complete their names.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use exp_api::Job;

use super::library;
use super::run::composed;
use crate::cli::{COMMANDS, Cli, Completion, Flags, LOOKS, Look, Shell};
use crate::compose::{Composed, Library, Mode, Node, Value, World, to_yaml};
use crate::history::is_hidden;
use crate::screen::answer;
use crate::sweep_dir::SweepDir;

/// How many run directories are offered, the newest ones.
const RUNS: usize = 20;

/// bash has no `=` among its word breaks then, so that `group=option` is one word.
const BASH: &str = r#"_exp() {
    local IFS=$'\n'
    COMPREPLY=($(COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" exp --shell-completion query=bash 2>/dev/null))
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o nospace -o default -F _exp exp
"#;

const FISH: &str = "complete -c exp -e
complete -c exp -a '(env COMP_LINE=(commandline -cp | string collect) exp --shell-completion query=fish 2>/dev/null)'
";

/// Prints a shell's script, or the words that can stand at the cursor.
pub(super) fn complete(completion: Completion, world: &World) -> std::io::Result<()> {
    answer(match completion {
        Completion::Install(Shell::Bash) => BASH.to_owned(),
        Completion::Install(Shell::Zsh) => format!("autoload -Uz bashcompinit && bashcompinit\n{BASH}"),
        Completion::Install(Shell::Fish) => FISH.to_owned(),
        Completion::Uninstall(Shell::Bash | Shell::Zsh) => "complete -r exp 2>/dev/null; unset -f _exp\n".to_owned(),
        Completion::Uninstall(Shell::Fish) => "complete -c exp -e\n".to_owned(),
        Completion::Query => candidates(&line(world), world).into_iter().map(|word| word + "\n").collect(),
    })
}

/// The line up to the cursor.
fn line(world: &World) -> String {
    let line = world.env.get("COMP_LINE").cloned().unwrap_or_default();
    let point = world.env.get("COMP_POINT").and_then(|point| point.parse().ok()).unwrap_or(line.len());
    line.get(..point).map(str::to_owned).unwrap_or(line)
}

fn candidates(line: &str, world: &World) -> Vec<String> {
    let mut words: Vec<&str> = line.split_whitespace().skip(1).collect();
    let word = if line.ends_with(char::is_whitespace) { "" } else { words.pop().unwrap_or_default() };
    let look = words.first().filter(|first| LOOKS.contains(first));
    if word.starts_with('-') {
        return flags(look, word);
    }
    match words[..] {
        [.., "--cfg" | "-c"] => return ["all", "hydra", "job"].map(str::to_owned).into(),
        [.., "resume" | "sample" | "eval" | "watch"] => return runs(&world.cwd, word),
        ["sample" | "eval", .., "--checkpoint"] => {
            return ["best", "last"].map(str::to_owned).into_iter().filter(|which| which.starts_with(word)).collect();
        }
        // Folders, which the shell completes.
        ["gc" | "ls" | "man" | "ui", ..] => return Vec::new(),
        _ if look.is_some() => return runs(&world.cwd, word),
        ["data"] if "inspect".starts_with(word) => return vec!["inspect ".to_owned()],
        ["data", ..] => return Vec::new(),
        _ => {}
    }
    // A key alone is asked for, and the words behind it are those of a run.
    let (why, words) = match words.split_first() {
        Some((&"why", rest)) => (rest.is_empty(), rest),
        _ => (false, &words[..]),
    };
    let cli = Cli::parse(words.iter().map(|&word| word.to_owned()));
    let flags = cli.as_ref().map(|cli| cli.flags.clone()).unwrap_or_default();
    let Ok(library) = library(&flags, world) else { return Vec::new() };
    let composed = cli.ok().and_then(|cli| composed(&cli, &library, world, &cli.overrides, Mode::Multirun).ok());
    let bare = word.trim_start_matches(['+', '~']);
    let prefix = &word[..word.len() - bare.len()];
    let asked = Asked { library: &library, composed: composed.as_ref() };
    let found = match bare.split_once('=') {
        Some((key, value)) if ["/", "./", "../"].iter().any(|start| value.starts_with(start)) => {
            files(&world.cwd, value).map(|file| format!("{key}={file}")).collect()
        }
        Some((key, value)) => asked.values(key, value),
        None => asked.keys(bare, why || prefix.starts_with('~')),
    };
    let mut found: Vec<String> = found.into_iter().map(|word| format!("{prefix}{word}")).collect();
    if words.is_empty() && !why {
        found.extend(COMMANDS.iter().filter(|name| name.starts_with(word)).map(|name| format!("{name} ")));
    }
    found
}

/// The flags of a command that looks at runs, or those of all others.
fn flags(look: Option<&&str>, word: &str) -> Vec<String> {
    let (looks, others) = (Look::command(), Flags::command());
    let command = look.and_then(|look| looks.find_subcommand(look)).unwrap_or(&others);
    let names = command.get_arguments().filter_map(|flag| flag.get_long()).map(|name| format!("--{name}"));
    names.filter(|name| name.starts_with(word)).collect()
}

/// The newest runs and sweeps in outputs/ and multirun/ and in the folders there that begin like the word.
fn runs(cwd: &Path, word: &str) -> Vec<String> {
    let below = |path: &Path| -> Vec<_> {
        cwd.join(path).read_dir().into_iter().flatten().flatten().map(|entry| path.join(entry.file_name())).collect()
    };
    let outer: Vec<PathBuf> = ["outputs", "multirun"]
        .iter()
        .flat_map(|root| below(Path::new(root)))
        .filter(|folder| !folder.file_name().is_some_and(is_hidden))
        .collect();
    let inner: Vec<PathBuf> = outer.iter().flat_map(|folder| below(folder)).collect();
    let is_one = |dir: &PathBuf| [Job::FILE, SweepDir::FILE].iter().any(|file| cwd.join(dir).join(file).is_file());
    let found = outer.into_iter().chain(inner).filter(is_one).map(|run| run.display().to_string());
    let mut runs: Vec<String> = found.filter(|run| run.starts_with(word)).collect();
    runs.sort_unstable_by(|a, b| b.cmp(a));
    runs.truncate(RUNS);
    runs
}

/// The files that begin like a path, folders with a slash.
fn files(cwd: &Path, path: &str) -> impl Iterator<Item = String> {
    let (folder, start) = path.rsplit_once('/').map_or(("", path), |(folder, start)| (folder, start));
    let (folder, start) = (format!("{folder}/"), start.to_owned());
    let entries = cwd.join(&folder).read_dir().into_iter().flatten().flatten();
    let mut found: Vec<String> = entries
        .filter_map(|entry| {
            let slash = if entry.path().is_dir() { "/" } else { "" };
            Some(format!("{}{slash}", entry.file_name().into_string().ok()?))
        })
        .filter(|name| name.starts_with(&start) && (!start.is_empty() || !name.starts_with('.')))
        .collect();
    found.sort_unstable();
    found.into_iter().map(move |name| format!("{folder}{name}"))
}

struct Asked<'a> {
    library: &'a Library,
    composed: Option<&'a Composed>,
}

impl Asked<'_> {
    /// What can stand behind `key=`: options of a group, also the next of several, else the value that is there.
    fn values(&self, key: &str, value: &str) -> Vec<String> {
        let group = key.split('@').next().unwrap_or(key);
        let (done, last) =
            value.rsplit_once(',').map_or((String::new(), value), |(done, last)| (format!("{done},"), last));
        let search = &self.library.search;
        if search.is_group(group) {
            let (dir, _) = last.rsplit_once('/').unwrap_or(("", last));
            let at = if dir.is_empty() { group.to_owned() } else { format!("{group}/{dir}") };
            let slash = if dir.is_empty() { String::new() } else { format!("{dir}/") };
            let options = search.options(&at).into_iter().map(|name| format!("{slash}{name}"));
            return options.filter(|name| name.starts_with(last)).map(|name| format!("{key}={done}{name}")).collect();
        }
        let node = self.composed.and_then(|composed| composed.tree.at(key));
        match node.filter(|node| value.is_empty() && !node.value.is_container()) {
            Some(node) => vec![format!("{key}={}", to_yaml(node).trim_end())],
            None => Vec::new(),
        }
    }

    /// The groups and keys that begin like the word; `=`, unless they stand alone, or `.` or `/` behind each says what follows.
    fn keys(&self, word: &str, alone: bool) -> Vec<String> {
        let end = if alone { "" } else { "=" };
        let (parent, _) = word.rsplit_once('/').unwrap_or(("", word));
        let search = &self.library.search;
        let mut found = Vec::new();
        for name in search.groups(parent) {
            let group = if parent.is_empty() { name } else { format!("{parent}/{name}") };
            // The groups of the hydra node would drown the others.
            if !group.starts_with(word) || group == "hydra" && !word.starts_with('h') {
                continue;
            }
            if !search.options(&group).is_empty() {
                found.push(format!("{group}{end}"));
            }
            if !search.groups(&group).is_empty() {
                found.push(format!("{group}/"));
            }
        }
        let (parent, last) = word.rsplit_once('.').unwrap_or(("", word));
        let below = self.composed.and_then(|composed| composed.tree.at(parent));
        for (name, node) in below.into_iter().flat_map(children).filter(|(name, _)| name.starts_with(last)) {
            let key = if parent.is_empty() { name } else { format!("{parent}.{name}") };
            if key == "hydra" && word.is_empty() {
                continue;
            }
            found.push(format!("{key}{}", if node.value.is_container() { "." } else { end }));
        }
        found
    }
}

/// The children of a map or list with their names.
fn children(node: &Node) -> Vec<(String, &Node)> {
    match &node.value {
        Value::Map(map) => map.iter().map(|(key, child)| (key.to_string(), child)).collect(),
        Value::List(items) => items.iter().enumerate().map(|(n, child)| (n.to_string(), child)).collect(),
        _ => Vec::new(),
    }
}
