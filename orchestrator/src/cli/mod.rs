//! The command line: argv in, [`Cli`] out.
//!
//! Words with `=`, or beginning with `~`, are overrides; a bare first word is a command; the words after a command
//! that takes a directory begin with that directory. Flags may stand anywhere, in Hydra's spelling.

mod asked;
mod flags;
pub mod help;
mod look;

pub use asked::{Cfg, Completion, Info, Shell};
pub use flags::Flags;
pub use look::{Diff, Export, Gc, LOOKS, Look, Ls, Man, Note, Plot, Report, Rm, Show, Sync, Tag, Tracker, Ui};

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::compose::problem::nearest;

/// What a user asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cli {
    /// The command.
    pub command: Command,
    /// Overrides, in order.
    pub overrides: Vec<String>,
    /// The flags.
    pub flags: Flags,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Compose and run.
    Run,
    /// Go on with a run.
    Resume(PathBuf),
    /// Say who set the value at a dotted path, or who chose a group's option.
    Why(String),
    /// Say which engines are here, and which keys mean nothing.
    Doctor,
    /// Draw images from a run.
    Sample(PathBuf),
    /// Measure a run.
    Eval(PathBuf),
    /// Look at a data set.
    Inspect(PathBuf),
    /// Wait for a sweep or a run, wherever it is done.
    Watch(PathBuf),
    /// Do the job of a directory: what launchers start.
    Worker(PathBuf),
    /// Look at runs that are there.
    Look(Look),
    /// Show this help of a command.
    Help(&'static str),
}

impl Command {
    /// The word that stands for it, of those that share the flags of a run; a run itself has none.
    fn word(&self) -> Option<&'static str> {
        match self {
            Command::Run | Command::Look(_) | Command::Help(_) => None,
            Command::Resume(_) => Some("resume"),
            Command::Why(_) => Some("why"),
            Command::Doctor => Some("doctor"),
            Command::Sample(_) => Some("sample"),
            Command::Eval(_) => Some("eval"),
            Command::Inspect(_) => Some("data inspect"),
            Command::Watch(_) => Some("watch"),
            Command::Worker(_) => Some("worker"),
        }
    }
}

/// The commands, as they are typed.
pub const COMMANDS: [&str; 21] = [
    "data", "diff", "doctor", "eval", "export", "gc", "ls", "man", "note", "plot", "report", "resume", "rm", "sample",
    "show", "sync", "tag", "ui", "watch", "why", "worker",
];

impl Cli {
    /// Parses argv without the program's name.
    ///
    /// # Errors
    /// A wrong flag, a word that is no command, or a missing directory; also `--help` and `--version`, as clap has it.
    pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Cli, clap::Error> {
        // Hydra's two-letter flags with one dash; clap has only one letter there.
        let args = args.into_iter().map(|arg| match arg.as_str() {
            "-cp" | "-cn" | "-cd" => format!("-{arg}"),
            "-sc" => "--shell-completion".to_owned(),
            _ => arg,
        });
        let args: Vec<String> = args.collect();
        if args.first().is_some_and(|first| LOOKS.contains(&first.as_str())) {
            let look = Look::try_parse_from(std::iter::once("exp".to_owned()).chain(args))?;
            return Ok(Cli { command: Command::Look(look), overrides: Vec::new(), flags: Flags::default() });
        }
        let (flags, mut words) = Flags::parsed(args)?;
        if let Some(text) = words.first().filter(|_| flags.help).and_then(|word| help::of(word)) {
            return Ok(Cli { command: Command::Help(text), overrides: Vec::new(), flags: Flags::default() });
        }
        let is_override = |word: &str| word.contains('=') || word.starts_with('~');
        let command = match words.first().map(String::as_str) {
            Some("doctor") => {
                words.remove(0);
                Command::Doctor
            }
            Some("data") => match &words[1..] {
                [verb, dir] if verb == "inspect" => {
                    let command = Command::Inspect(dir.into());
                    words.clear();
                    command
                }
                _ => return Err(wrong("`exp data` looks at a data set: exp data inspect DIR".to_owned())),
            },
            Some(word) if LOOKS.contains(&word) => {
                return Err(wrong(format!("`{word}` comes first, with its own flags behind it: exp {word} --help")));
            }
            Some(word) if !is_override(word) => {
                let object = match COMMANDS.contains(&word) {
                    true if words.len() > 1 => words.remove(1),
                    true if word == "why" => return Err(wrong("`exp why` needs a key: exp why train.lr".to_owned())),
                    true => return Err(wrong(format!("`exp {word}` needs a directory: exp {word} DIR"))),
                    false => return Err(wrong(unknown(word))),
                };
                match words.remove(0).as_str() {
                    "resume" => Command::Resume(object.into()),
                    "sample" => Command::Sample(object.into()),
                    "eval" => Command::Eval(object.into()),
                    "watch" => Command::Watch(object.into()),
                    "why" => Command::Why(object),
                    "worker" => Command::Worker(object.into()),
                    word => return Err(wrong(unknown(word))),
                }
            }
            _ => Command::Run,
        };
        if let Some(word) = words.iter().find(|word| !is_override(word)) {
            return Err(wrong(format!("`{word}` is no override: write key=value, +key=value or ~key")));
        }
        flags.check(&command).map_err(wrong)?;
        Ok(Cli { command, overrides: words, flags })
    }
}

fn unknown(word: &str) -> String {
    match nearest(word, &COMMANDS) {
        Some(command) => format!("there is no command `{word}`; did you mean `{command}`?"),
        None => format!("there is no command `{word}`; there are {}; overrides are key=value", COMMANDS.join(", ")),
    }
}

fn wrong(message: String) -> clap::Error {
    Flags::command().error(ErrorKind::InvalidValue, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, String> {
        Cli::parse(line.split_whitespace().map(str::to_owned)).map_err(|error| error.to_string())
    }

    #[test]
    fn commands_directories_and_overrides() {
        for (line, command, overrides) in [
            ("", Command::Run, vec![]),
            ("a=1 ~b -m", Command::Run, vec!["a=1", "~b"]),
            ("resume outputs/x train.steps=2", Command::Resume("outputs/x".into()), vec!["train.steps=2"]),
            // The word after a command is a path, even if it looks like an override.
            ("sample loss.lambda=0.1 sample.n=4", Command::Sample("loss.lambda=0.1".into()), vec!["sample.n=4"]),
            ("doctor a=1", Command::Doctor, vec!["a=1"]),
            ("worker d", Command::Worker("d".into()), vec![]),
            ("resume --help", Command::Help(help::of("resume").unwrap()), vec![]),
        ] {
            let cli = parse(line).unwrap();
            assert_eq!((cli.command, cli.overrides), (command, overrides.into_iter().map(str::to_owned).collect()));
        }
    }

    #[test]
    fn every_command_has_help_with_an_example() {
        for command in COMMANDS {
            let text = help::of(command).map_or_else(
                || Look::command().find_subcommand_mut(command).unwrap().render_long_help().to_string(),
                str::to_owned,
            );
            assert!(text.contains(&format!("\n  exp {command}")), "{command}: {text}");
        }
    }

    #[test]
    fn flags_as_hydra_spells_them() {
        let cli = parse("--cfg job --res -p a.b -cn other --config-path x a=1").unwrap();
        assert_eq!((cli.flags.cfg, cli.flags.resolve), (Some(Cfg::Job), true));
        assert_eq!(cli.flags.package.as_deref(), Some("a.b"));
        assert_eq!(cli.flags.config_name.as_deref(), Some("other"));
        assert_eq!(cli.overrides, ["a=1"]);
    }

    #[test]
    fn wrong_words_are_named() {
        for (line, expected) in [
            ("resum x", "did you mean `resume`?"),
            ("resume", "needs a directory"),
            ("--dry-run rm r1", "`rm` comes first"),
            ("-cp conf ls r1", "`ls` comes first"),
            ("a=1 b", "`b` is no override"),
            ("--resolve", "--cfg"),
            ("-p train", "--cfg"),
            ("resume d --dry-run", "--dry-run says nothing to `exp resume`"),
            ("--cfg job sample d", "--cfg"),
            ("eval d -m", "--multirun"),
            ("resume d --checkpoint best", "--checkpoint"),
            ("--retry-failed a=1", "--retry-failed says nothing to a run"),
            ("--allow train.lr", "--allow"),
            ("-r --skip-done", "--skip-done"),
            ("resume d --run", "--run"),
            ("--cgf job", "did you mean `--cfg`?"),
            ("--lr=3", "without dashes: lr=VALUE"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
