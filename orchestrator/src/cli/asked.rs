//! What flags ask to be told instead of a run.

use clap::ValueEnum;

/// What `--info` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Info {
    /// Everything.
    All,
    /// The search path, the defaults and the configuration.
    Config,
    /// The files in the order of merging.
    Defaults,
    /// Which file asks for which.
    DefaultsTree,
    /// Backends, launchers and sweepers.
    Plugins,
    /// Where configuration files are looked for.
    Searchpath,
}

/// A shell whose words are completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shell {
    /// bash.
    Bash,
    /// zsh, by its emulation of bash's completion.
    Zsh,
    /// fish.
    Fish,
}

/// What `--shell-completion` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// Prints what the shell must evaluate.
    Install(Shell),
    /// Prints what takes that back.
    Uninstall(Shell),
    /// Completes the word at COMP_POINT of COMP_LINE.
    Query,
}

impl Completion {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || "expected install=SHELL, uninstall=SHELL or query=SHELL, SHELL one of bash, zsh, fish".to_owned();
        let (action, shell) = text.split_once('=').ok_or_else(wrong)?;
        let shell = match shell {
            "bash" => Shell::Bash,
            "zsh" => Shell::Zsh,
            "fish" => Shell::Fish,
            _ => return Err(wrong()),
        };
        match action {
            "install" => Ok(Self::Install(shell)),
            "uninstall" => Ok(Self::Uninstall(shell)),
            "query" => Ok(Self::Query),
            _ => Err(wrong()),
        }
    }
}

/// A part of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Cfg {
    /// The job's configuration.
    Job,
    /// The `hydra` node.
    Hydra,
    /// Both.
    All,
}
