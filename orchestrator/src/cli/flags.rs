//! The flags of `exp` itself, in Hydra's spelling, and which of them a command takes.

use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, CommandFactory, Parser};
use exp_api::spec::Which;

use super::{Cfg, Command, Completion, Info, wrong};
use crate::compose::problem::nearest;

/// The flags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Parser)]
#[command(
    // Of a flag that is given twice the last one counts, as with Hydra.
    args_override_self = true,
    name = "exp",
    version,
    infer_long_args = true,
    disable_help_flag = true,
    about = "Composes configuration as Hydra does, freezes it, and runs it",
    override_usage = "exp [OVERRIDES]...\n       exp resume DIR [OVERRIDES]...\n       exp sample DIR [OVERRIDES]...\n       exp eval DIR [OVERRIDES]...\n       exp watch DIR\n       exp data inspect DIR\n       exp ls|show|diff|report|plot|ui|sync|export|man|tag|note|rm|gc ...\n       exp why KEY [OVERRIDES]...\n       exp doctor [OVERRIDES]...",
    after_help = "Overrides: key=value, +key=value (add), ++key=value (either), ~key (remove), group=option.\n\
                  Start: exp +experiment=quickstart"
)]
pub struct Flags {
    /// A command and its directory, then overrides.
    #[arg(hide = true)]
    words: Vec<String>,
    /// Show the groups with their options, and the configuration, and stop.
    #[arg(short, long)]
    pub help: bool,
    /// Show the flags, and the groups of the `hydra` node, and stop.
    #[arg(long)]
    pub hydra_help: bool,
    /// Run once; what happens anyway, unless `hydra.mode` says MULTIRUN.
    #[arg(short, long, group = "what")]
    pub run: bool,
    /// Run once for each combination of comma-separated values.
    #[arg(short, long, group = "what")]
    pub multirun: bool,
    /// Show the composed configuration and stop.
    #[arg(short, long, value_name = "PART", group = "what")]
    pub cfg: Option<Cfg>,
    /// Show how the configuration comes about, and stop.
    #[arg(short, long, value_name = "WHAT", num_args = 0..=1, default_missing_value = "all", group = "what")]
    pub info: Option<Info>,
    /// Print what a shell needs to complete words: install=SHELL or uninstall=SHELL, of bash, zsh and fish.
    #[arg(long, value_name = "ACTION=SHELL", value_parser = Completion::parse, group = "what")]
    pub shell_completion: Option<Completion>,
    /// With --cfg or --help: replace interpolations by their values.
    #[arg(long)]
    pub resolve: bool,
    /// With --cfg: say behind each value who set it.
    #[arg(long, requires = "cfg")]
    pub origins: bool,
    /// With --cfg: only the part below this path.
    #[arg(short, long, value_name = "PATH")]
    pub package: Option<String>,
    /// Compose and check everything, start nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// With resume, sample and eval: a key that may differ from the frozen spec, such as dataset.dir.
    #[arg(long, value_name = "KEY", action = ArgAction::Append)]
    pub allow: Vec<String>,
    /// With sample and eval: whose weights: last, best, best:FIGURE or a step.
    #[arg(long, value_name = "WHICH")]
    pub checkpoint: Option<Which>,
    /// With resume, of a sweep: also try the jobs again that failed.
    #[arg(long)]
    pub retry_failed: bool,
    /// With --multirun: do not repeat what a finished run has done.
    #[arg(long, requires = "multirun")]
    pub skip_done: bool,
    /// Run once more what a run directory holds, in a new directory; overrides change its frozen spec.
    #[arg(long, value_name = "DIR", group = "what")]
    pub experimental_rerun: Option<PathBuf>,
    /// The configuration directory, instead of ./conf.
    #[arg(long, visible_alias = "cp", value_name = "DIR")]
    pub config_path: Option<PathBuf>,
    /// The primary configuration, instead of `config`.
    #[arg(long, visible_alias = "cn", value_name = "NAME")]
    pub config_name: Option<String>,
    /// One more directory of configuration.
    #[arg(long, visible_alias = "cd", value_name = "DIR")]
    pub config_dir: Option<PathBuf>,
}

impl Flags {
    /// The flags among `args`, and the other words.
    ///
    /// # Errors
    /// As [`super::Cli::parse`].
    pub(super) fn parsed(args: Vec<String>) -> Result<(Flags, Vec<String>), clap::Error> {
        let args = std::iter::once("exp".to_owned()).chain(args);
        let mut flags = Flags::try_parse_from(args).map_err(explained)?;
        let words = std::mem::take(&mut flags.words);
        Ok((flags, words))
    }

    /// Refuses what says nothing to `command`, which would do something else than its user thinks; help is about anything.
    pub(super) fn check(&self, command: &Command) -> Result<(), String> {
        if self.help || self.hydra_help {
            return Ok(());
        }
        if self.resolve && self.cfg.is_none() {
            return Err("--resolve goes with --cfg or --help".to_owned());
        }
        if self.package.is_some() && self.cfg.is_none() && self.info.is_none() {
            return Err("--package goes with --cfg".to_owned());
        }
        let of_run = matches!(command, Command::Run);
        let of_resume = matches!(command, Command::Resume(_));
        let of_images = matches!(command, Command::Sample(_) | Command::Eval(_));
        let given = [
            ("--dry-run", self.dry_run, of_run),
            ("--run", self.run, of_run),
            ("--shell-completion", self.shell_completion.is_some(), of_run),
            ("--skip-done", self.skip_done, of_run && self.multirun),
            ("--origins", self.origins, of_run && self.cfg.is_some()),
            ("--multirun", self.multirun, of_run),
            ("--cfg", self.cfg.is_some(), of_run),
            ("--info", self.info.is_some(), of_run),
            ("--experimental-rerun", self.experimental_rerun.is_some(), of_run),
            ("--allow", !self.allow.is_empty(), of_resume || of_images),
            ("--checkpoint", self.checkpoint.is_some(), of_images),
            ("--retry-failed", self.retry_failed, of_resume),
        ];
        let stray = given.iter().find(|(_, is_given, is_meant)| *is_given && !is_meant);
        let command = match command.word() {
            Some(word) => format!("`exp {word}`"),
            None => "a run".to_owned(),
        };
        stray.map_or(Ok(()), |(flag, ..)| Err(format!("{flag} says nothing to {command}; see exp --help")))
    }

    /// The flags that say where configuration is, alone.
    pub fn of_configuration(name: Option<&str>, path: Option<&Path>, dir: Option<&Path>) -> Flags {
        Flags {
            config_name: name.map(str::to_owned),
            config_path: path.map(Path::to_owned),
            config_dir: dir.map(Path::to_owned),
            ..Flags::default()
        }
    }
}

/// An unknown flag may be a misspelt one, or a key that wants no dashes.
fn explained(error: clap::Error) -> clap::Error {
    let (ErrorKind::UnknownArgument, Some(ContextValue::String(flag))) =
        (error.kind(), error.get(ContextKind::InvalidArg).cloned())
    else {
        return error;
    };
    let command = Flags::command();
    let known: Vec<&str> = command.get_arguments().filter_map(clap::Arg::get_long).collect();
    let key = flag.trim_start_matches('-');
    wrong(match nearest(key, &known) {
        Some(near) => format!("there is no flag `{flag}`; did you mean `--{near}`?"),
        None => format!("there is no flag `{flag}`; a value is set without dashes: {key}=VALUE"),
    })
}
